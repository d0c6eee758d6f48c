//! Processes that we may not be the parent of: `postmaster.pid`, whether a process is the postmaster of a
//! data directory, and signals.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::error::ClusterError;

/// What `postmaster.pid` says (PostgreSQL's `miscadmin.h`, `LOCK_FILE_LINE_*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PidFile {
    /// The postmaster's process id.
    pub pid: i32,
    /// The data directory that it serves.
    pub data_dir: PathBuf,
    /// The folder of its socket, once it has one.
    pub socket_folder: Option<PathBuf>,
    /// `starting`, `stopping`, `ready` or `standby`; empty at the very start.
    pub status: String,
}

impl PidFile {
    /// Reads the file of a data directory; `None` when there is none or it is not whole yet.
    pub fn read(cluster: &Path) -> Result<Option<PidFile>, ClusterError> {
        let path = cluster.join("postmaster.pid");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(PidFile::parse(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ClusterError::file("read", &path)(error)),
        }
    }

    fn parse(text: &str) -> Option<PidFile> {
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let line = |index: usize| lines.get(index).copied().filter(|line| !line.is_empty());
        Some(PidFile {
            pid: line(0)?.parse().ok().filter(|pid| *pid > 0)?,
            data_dir: PathBuf::from(line(1)?),
            socket_folder: line(4).map(PathBuf::from),
            status: line(7).unwrap_or_default().to_owned(),
        })
    }
}

/// Whether the living process `pid` is a postmaster that serves `cluster`. A pid that another program got
/// after a restart of the machine is not, and neither is a dead one that nobody has waited for.
pub(crate) fn is_postmaster_of(pid: i32, cluster: &Path) -> bool {
    if kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH) {
        return false;
    }
    if Path::new("/proc/self/cwd").exists() {
        // A postmaster's working directory is its data directory, and a zombie has none.
        let real = fs::canonicalize(cluster).unwrap_or_else(|_| cluster.to_path_buf());
        return fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == real);
    }
    let listed = Command::new("ps").args(["-o", "stat=,command=", "-p", &pid.to_string()]).output();
    listed.is_ok_and(|output| {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let named = format!("-D {}", cluster.display());
        !text.trim_start().starts_with('Z') && text.contains("postgres") && text.contains(&named)
    })
}

/// Sends a signal; a process that is already gone is no error.
pub(crate) fn signal(pid: i32, signal: Signal) -> Result<(), ClusterError> {
    match kill(Pid::from_raw(pid), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(source) => Err(ClusterError::Signal { pid, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: &str = "4711\n/d/auth\n1700000000\n5432\n/s/auth\n\n  123 456\nready   \n";

    #[test]
    fn a_pid_file_is_read_by_its_lines() {
        let file = PidFile::parse(READY).unwrap();
        assert_eq!((file.pid, file.status.as_str()), (4711, "ready"));
        assert_eq!((file.data_dir, file.socket_folder), ("/d/auth".into(), Some("/s/auth".into())));
    }

    #[test]
    fn a_torn_or_odd_pid_file_is_none() {
        for text in ["", "4711", "-1\n/d\n", "0\n/d\n", "x\n/d\n", "\n\n\n"] {
            assert_eq!(PidFile::parse(text), None, "{text:?}");
        }
        assert_eq!(PidFile::parse("1\n/d\n").unwrap().status, "");
    }

    #[test]
    fn another_process_is_not_the_postmaster() {
        let folder = tempfile::tempdir().unwrap();
        let ours = i32::try_from(std::process::id()).unwrap();
        assert!(!is_postmaster_of(ours, folder.path()));
        assert!(!is_postmaster_of(i32::MAX, folder.path()));
    }
}
