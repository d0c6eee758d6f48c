//! Making a new cluster, and refusing one of another version.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::{Database, Secret};
use tokio::process::Command;

use crate::account::Account;
use crate::bootstrap::Role;
use crate::error::ClusterError;
use crate::install::Install;

/// The major version of the cluster in a data directory; `None` when there is no cluster yet.
pub(crate) fn major_of(cluster: &Path) -> Result<Option<String>, ClusterError> {
    let path = cluster.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ClusterError::file("read", &path)(error)),
    }
}

/// Refuses a cluster that these binaries cannot run.
pub(crate) fn check_major(install: &Install, database: Database, cluster: &Path) -> Result<(), ClusterError> {
    match major_of(cluster)? {
        Some(found) if found != install.major.to_string() => Err(ClusterError::WrongMajor {
            database,
            folder: cluster.to_path_buf(),
            found,
            installed: install.major,
            binaries: install.bin.clone(),
        }),
        _ => Ok(()),
    }
}

/// The folder in which a cluster is made before it gets its name, so that a crash leaves none that is half
/// made.
pub(crate) fn partial_folder(cluster: &Path) -> PathBuf {
    cluster.with_extension("partial")
}

/// Makes a cluster: UTF-8, C locale (byte order, the same on every machine and version), checksums, passwords
/// only.
pub(crate) async fn create(
    install: &Install,
    account: &Account,
    database: Database,
    cluster: &Path,
    password: &Secret<String>,
) -> Result<(), ClusterError> {
    let home = cluster.parent().unwrap_or(cluster);
    let partial = partial_folder(cluster);
    if partial.exists() {
        clear(&partial).await?;
    }
    account.own_folder(&partial)?;
    let password = PasswordFile::create(account, cluster.with_extension("password"), password)?;
    let mut initdb = account.command(&install.program("initdb"), home);
    initdb.arg("-D").arg(&partial).arg("--pwfile").arg(&password.0);
    initdb.args(["-U", Role::Superuser.name(), "--encoding=UTF8", "--locale=C", "--data-checksums"]);
    initdb.args(["--auth=scram-sha-256", "--no-sync", "--no-instructions"]);
    run(initdb, database).await?;
    drop(password);
    // Hundreds of small files are synced once, now that all are written.
    let mut sync = account.command(&install.program("initdb"), home);
    sync.arg("--sync-only").arg("-D").arg(&partial);
    run(sync, database).await?;
    fs::rename(&partial, cluster).map_err(ClusterError::file("rename", &partial))?;
    let sync = fs::File::open(home).and_then(|folder| folder.sync_all());
    sync.map_err(ClusterError::file("sync", home))
}

/// Removes what a start that was given up left. The programs that it had started may still be writing for a moment.
async fn clear(partial: &Path) -> Result<(), ClusterError> {
    let mut tries = 0;
    loop {
        match fs::remove_dir_all(partial) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty && tries < 50 => tries += 1,
            Err(error) => return Err(ClusterError::file("remove", partial)(error)),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn run(mut command: Command, database: Database) -> Result<(), ClusterError> {
    let failed = |output: String| ClusterError::Program { program: "initdb", database, output };
    command.stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            Err(failed(format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr).trim_end())))
        }
    }
}

/// The superuser's password in a file for initdb, which is removed whatever happens.
struct PasswordFile(PathBuf);

impl PasswordFile {
    fn create(account: &Account, path: PathBuf, password: &Secret<String>) -> Result<Self, ClusterError> {
        let write = || {
            let mut options = fs::OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path)?;
            writeln!(file, "{}", password.expose())
        };
        write().map_err(ClusterError::file("write", &path))?;
        let file = PasswordFile(path);
        account.give(&file.0)?;
        Ok(file)
    }
}

impl Drop for PasswordFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
