//! A private folder for clusters, which nothing that runs in it outlives.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use cluster::Options;
use nix::sys::statvfs::statvfs;

use crate::watchdog::Watchdog;

/// A folder for the clusters of a test. It is removed, and every postmaster in it ended, when this value is
/// dropped or this process ends, however it ends.
#[derive(Debug)]
pub struct TestFolder {
    path: PathBuf,
    _watchdog: Watchdog,
}

impl TestFolder {
    /// Makes the folder. Panics if it cannot.
    pub fn create() -> TestFolder {
        let path = private_folder();
        match Watchdog::guard(&path) {
            Ok(watchdog) => TestFolder { path, _watchdog: watchdog },
            Err(error) => panic!("the watchdog of the test clusters cannot be started: {error}"),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Options for clusters in this folder: the data directory is `data`, and the state directory `state`,
    /// never the machine's own, because what the watchdog does not see nobody would remove.
    pub fn options(&self) -> Options {
        let mut options = Options::new(self.path.join("data"));
        options.binaries = std::env::var_os("SALUS_PG_BIN").map(PathBuf::from);
        options.max_connections = 300;
        options.shared_buffers_mib = 64;
        options.state_dir = self.path.join("state");
        options
    }
}

/// Free memory that the clusters' folder may take, bytes, before it is put on disk instead.
const MEMORY_NEEDED_BYTES: u64 = 4 << 30;

/// Makes a folder that the postmasters' user can enter: in memory where there is plenty, because the many
/// syncs of many small tests are then free, else in the temporary directory.
fn private_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let roomy = statvfs(memory).is_ok_and(|file_system| {
        let free = u128::from(file_system.blocks_available()) * u128::from(file_system.fragment_size());
        free >= u128::from(MEMORY_NEEDED_BYTES)
    });
    let memory = roomy.then(|| memory.to_path_buf());
    let candidates = memory.into_iter().chain([std::env::temp_dir(), PathBuf::from("/tmp")]);
    let mut tried = Vec::new();
    for base in candidates.filter(|base| everybody_may_enter(base)) {
        let mut builder = tempfile::Builder::new();
        match builder.prefix("salus-test-").permissions(fs::Permissions::from_mode(0o711)).tempdir_in(&base) {
            Ok(folder) => {
                let folder = folder.keep();
                return folder.canonicalize().unwrap_or(folder);
            }
            Err(error) => tried.push(format!("{}: {error}", base.display())),
        }
    }
    panic!("no folder for test clusters: {tried:?}");
}

/// Whether any user can reach a folder, as the postmasters of tests that run as root must.
fn everybody_may_enter(folder: &Path) -> bool {
    folder.ancestors().all(|each| fs::metadata(each).is_ok_and(|metadata| metadata.mode() & 0o001 != 0))
}
