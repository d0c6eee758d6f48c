//! Where the clusters of one data directory live: the folders, the lock and the choice of a home that the
//! postmasters' user can reach.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kernel::Database;
use nix::unistd::geteuid;

use crate::account::Account;
use crate::error::ClusterError;
use crate::marker::{self, HOME, Marker, SOCKETS};
use crate::progress::Progress;
use crate::secret;

/// The lock's name in the data directory.
pub(crate) const LOCK: &str = "salus-clusters.lock";
/// The longest path of a socket: `sockaddr_un.sun_path` has 104 bytes on macOS and 108 on Linux, with a
/// closing NUL.
const SOCKET_PATH_BYTES: usize = 103;
/// The port of every cluster. It only names the socket file: no cluster listens on TCP.
pub(crate) const PORT: u16 = 5432;

/// How long a lock that this process itself holds, or held, is waited for.
const OWN_LOCK: Duration = Duration::from_millis(500);

/// The folders of one data directory. While it lives, no other server can use them.
#[derive(Debug)]
pub(crate) struct Place {
    /// The data directory, canonical.
    pub data_dir: PathBuf,
    /// The folder that holds the three clusters.
    pub home: PathBuf,
    sockets: PathBuf,
    /// Who runs the postmasters.
    pub account: Account,
    _lock: File,
}

impl Place {
    /// Takes the data directory (creating it if need be), locks it, and makes every folder above the
    /// clusters.
    pub fn take(
        data_dir: &Path,
        state_dir: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Place, ClusterError> {
        let passage = Account::choose(None)?.passage_mode();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(passage);
        builder.create(data_dir).map_err(ClusterError::file("create", data_dir))?;
        let data_dir = fs::canonicalize(data_dir).map_err(ClusterError::file("find", data_dir))?;
        if Marker::read(&data_dir)?.is_none() && data_dir.join(HOME).exists() {
            let reason = format!("it has a folder {HOME} that we did not make");
            return Err(ClusterError::Foreign { folder: data_dir, reason });
        }
        let lock = lock(&data_dir)?;
        let old = Marker::read(&data_dir)?.map(|marker| marker.resolve(&data_dir)).transpose()?;
        let existing = old.as_ref().map(|marker| marker.home.join(Database::Auth.name()));
        let account = Account::choose(existing.as_deref())?;
        if account.is_other() {
            progress(Progress::Account(account.name.clone()));
        }
        let home = match &old {
            Some(marker) => known_home(marker, &account)?,
            None => new_home(&data_dir, state_dir, &account)?,
        };
        if let Some(blocked) = account.blocked_at(&data_dir).filter(|_| !home.starts_with(&data_dir)) {
            progress(Progress::Elsewhere { home: home.clone(), user: account.name.clone(), blocked });
        }
        let sockets = socket_base(&home, &account)?;
        let marker = Marker { data_dir: data_dir.clone(), home: home.clone(), sockets: sockets.clone() };
        if old.as_ref() != Some(&marker) {
            marker.write(&data_dir)?;
        }
        builder.create(&home).map_err(ClusterError::file("create", &home))?;
        if !home.starts_with(&data_dir) && Marker::read(&home)?.as_ref() != Some(&marker) {
            marker.write(&home)?;
        }
        passage_folder(&sockets, &account)?;
        for database in Database::ALL {
            account.own_folder(&sockets.join(database.name()))?;
        }
        secret::create_folder(&data_dir)?;
        Ok(Place { data_dir, home, sockets, account, _lock: lock })
    }

    /// The data directory of one cluster.
    pub fn cluster(&self, database: Database) -> PathBuf {
        self.home.join(database.name())
    }

    /// The folder of one cluster's socket.
    pub fn socket_folder(&self, database: Database) -> PathBuf {
        self.sockets.join(database.name())
    }
}

/// Takes the lock of a data directory and writes our process id into it. The operating system gives it back
/// however this process ends.
pub(crate) fn lock(data_dir: &Path) -> Result<File, ClusterError> {
    let path = data_dir.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(&path).map_err(ClusterError::file("open", &path))?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(fs::TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let read = file.rewind().and_then(|()| file.read_to_string(&mut pid));
                let pid = pid.trim();
                // A process that we are just starting has a copy of every file of ours until it runs its program, and
                // with it a lock that we have given back.
                if pid == std::process::id().to_string() && began.elapsed() < OWN_LOCK {
                    std::thread::sleep(Duration::from_millis(10));
                    continue;
                }
                let pid = if read.is_ok() && !pid.is_empty() { pid } else { "unknown" }.to_owned();
                return Err(ClusterError::InUse { folder: data_dir.to_path_buf(), pid });
            }
            Err(fs::TryLockError::Error(error)) => return Err(ClusterError::file("lock", &path)(error)),
        }
    }
    let mut write = || {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write().map_err(ClusterError::file("write", &path))?;
    Ok(file)
}

/// The home of clusters that exist, if the postmasters' user still reaches it.
fn known_home(marker: &Marker, account: &Account) -> Result<PathBuf, ClusterError> {
    let home = marker.home.clone();
    if !home.exists() && !marker.is_inside() {
        return Err(ClusterError::Foreign {
            folder: home,
            reason: "the clusters that lived there are gone".to_owned(),
        });
    }
    match account.blocked_at(&home) {
        Some(blocked) => Err(ClusterError::Unreachable { home, user: account.name.clone(), blocked }),
        None => Ok(home),
    }
}

/// The home of new clusters: in the data directory, or in the system's state directory where the postmasters'
/// user cannot reach the data directory.
fn new_home(data_dir: &Path, state_dir: &Path, account: &Account) -> Result<PathBuf, ClusterError> {
    let home = data_dir.join(HOME);
    if account.blocked_at(&home).is_none() {
        return Ok(home);
    }
    let home = state_dir.join(short_hash(data_dir));
    if let Some(blocked) = account.blocked_at(&home) {
        return Err(ClusterError::Unreachable { home, user: account.name.clone(), blocked });
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o755);
    builder.create(state_dir).map_err(ClusterError::file("create", state_dir))?;
    if let Some(other) = Marker::read(&home)?.filter(|other| other.data_dir != data_dir) {
        let reason = format!("it holds the clusters of {}", other.data_dir.display());
        return Err(ClusterError::Foreign { folder: home, reason });
    }
    Ok(home)
}

/// The folder for sockets: below the home where the path is short and plain enough, else a private folder in
/// the user's runtime directory or in the system's temporary one.
fn socket_base(home: &Path, account: &Account) -> Result<PathBuf, ClusterError> {
    let name = format!("salus-{}", short_hash(home));
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| !geteuid().is_root()).map(PathBuf::from);
    let candidates = [
        Some(home.join(SOCKETS)),
        runtime.filter(|folder| folder.is_dir()).map(|folder| folder.join(&name)),
        geteuid().is_root().then(|| PathBuf::from("/run").join(&name)).filter(|_| Path::new("/run").is_dir()),
        Some(std::env::temp_dir().join(&name)),
        Some(PathBuf::from("/tmp").join(&name)),
    ];
    let usable = |base: &PathBuf| fits(base) && account.blocked_at(base).is_none();
    candidates.into_iter().flatten().find(usable).ok_or_else(|| ClusterError::Foreign {
        folder: home.to_path_buf(),
        reason: "neither it nor the temporary directory has a path short enough for sockets".to_owned(),
    })
}

/// Whether every cluster's socket fits below this folder, and the path needs no quoting in PostgreSQL's
/// settings (the list of socket folders is split at commas).
fn fits(base: &Path) -> bool {
    let socket = base.join(Database::Clinical.name()).join(format!(".s.PGSQL.{PORT}"));
    let bytes = socket.as_os_str().as_bytes();
    bytes.len() <= SOCKET_PATH_BYTES
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+@=:".contains(byte))
}

/// Makes a folder of ours that leads to the sockets' folders; one that exists must be ours and no link,
/// because the temporary directory is everybody's.
fn passage_folder(path: &Path, account: &Account) -> Result<(), ClusterError> {
    if fs::symlink_metadata(path).is_err() {
        let mut builder = fs::DirBuilder::new();
        builder.mode(account.passage_mode()).create(path).map_err(ClusterError::file("create", path))?;
    }
    let found = fs::symlink_metadata(path).map_err(ClusterError::file("inspect", path))?;
    if found.is_dir() && account.owns(&found) {
        return Ok(());
    }
    Err(ClusterError::Foreign {
        folder: path.to_path_buf(),
        reason: "it belongs to somebody else".to_owned(),
    })
}

/// 16 hexadecimal digits that name a path (FNV-1a, 64 bit). A collision is noticed by the marker, so no more
/// is needed.
fn short_hash(path: &Path) -> String {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", path.as_os_str().as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// Everything that [`Place::take`] and the clusters in it leave behind, apart from the clusters' own folders.
pub(crate) fn files_of(data_dir: &Path) -> [PathBuf; 3] {
    [data_dir.join(marker::NAME), data_dir.join(format!("{}.partial", marker::NAME)), data_dir.join(LOCK)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        match lock(folder.path()) {
            Err(ClusterError::InUse { pid, .. }) => assert_eq!(pid, std::process::id().to_string()),
            other => panic!("{other:?}"),
        }
        drop(held);
        lock(folder.path()).unwrap();
    }

    #[test]
    fn long_and_odd_homes_put_their_sockets_elsewhere() {
        let ourselves = Account::choose(None).unwrap();
        let long = PathBuf::from("/tmp").join("x".repeat(90));
        let odd = PathBuf::from("/tmp/it's, odd");
        for home in [&long, &odd] {
            let base = socket_base(home, &ourselves).unwrap();
            assert!(!base.starts_with(home) && fits(&base), "{}", base.display());
        }
        assert_ne!(socket_base(&long, &ourselves).unwrap(), socket_base(&odd, &ourselves).unwrap());
    }

    #[test]
    fn the_hash_of_a_path_does_not_change() {
        assert_eq!(short_hash(Path::new("a")), "af63dc4c8601ec8c");
    }
}
