//! The operating system's user that runs the postmasters, and what this user can reach.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{Uid, User, getegid, geteuid};
use tokio::process::Command;

use crate::error::ClusterError;

/// Who runs the postmasters: ourselves, or as root another user, because PostgreSQL refuses to run as root.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    /// The user's name, for messages.
    pub name: String,
    uid: u32,
    gid: u32,
    /// Whether processes must change to this user, and files be given to it.
    switch: bool,
}

impl Account {
    /// The account for clusters in `existing` data directories (whose owner goes first), or for new ones.
    pub fn choose(existing: Option<&Path>) -> Result<Account, ClusterError> {
        let euid = geteuid();
        if !euid.is_root() {
            let name = name_of(euid.as_raw());
            return Ok(Account { name, uid: euid.as_raw(), gid: getegid().as_raw(), switch: false });
        }
        if let Some(metadata) = existing.and_then(|folder| fs::metadata(folder).ok())
            && metadata.uid() != 0
        {
            let (uid, gid) = (metadata.uid(), metadata.gid());
            return Ok(Account { name: name_of(uid), uid, gid, switch: true });
        }
        for name in ["postgres", "nobody"] {
            if let Ok(Some(user)) = User::from_name(name) {
                let (uid, gid) = (user.uid.as_raw(), user.gid.as_raw());
                return Ok(Account { name: name.to_owned(), uid, gid, switch: true });
            }
        }
        Err(ClusterError::NoAccount)
    }

    /// Whether the postmasters run as another user than ourselves.
    pub fn is_other(&self) -> bool {
        self.switch
    }

    /// The mode of folders that only lead to the clusters' own: others need to pass only when the postmasters
    /// are others.
    pub fn passage_mode(&self) -> u32 {
        if self.switch { 0o711 } else { 0o700 }
    }

    /// A command that runs as this user, in `folder`, with nothing of our environment that could steer
    /// PostgreSQL, and in a process group of its own, so that Ctrl-C in a terminal reaches only the server,
    /// which then stops its clusters in order.
    pub fn command(&self, program: &Path, folder: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC").current_dir(folder).process_group(0);
        for kept in ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        if self.switch {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Gives a file or folder to this user.
    pub fn give(&self, path: &Path) -> Result<(), ClusterError> {
        match self.switch {
            true => chown(path, Some(self.uid), Some(self.gid)).map_err(ClusterError::file("chown", path)),
            false => Ok(()),
        }
    }

    /// Creates a folder of this user's own, mode 0700, or checks that the one that exists belongs to the user
    /// or to us and is no symbolic link.
    pub fn own_folder(&self, path: &Path) -> Result<(), ClusterError> {
        if !path.exists() {
            fs::create_dir(path).map_err(ClusterError::file("create", path))?;
        }
        let found = fs::symlink_metadata(path).map_err(ClusterError::file("inspect", path))?;
        if !found.is_dir() || !self.owns(&found) {
            return Err(ClusterError::Foreign {
                folder: path.to_path_buf(),
                reason: format!("it must be a folder that belongs to {}", self.name),
            });
        }
        self.give(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(ClusterError::file("protect", path))
    }

    /// Whether a file belongs to this user or to us.
    pub fn owns(&self, found: &fs::Metadata) -> bool {
        found.uid() == self.uid || found.uid() == geteuid().as_raw()
    }

    /// The first folder on the way from `/` to `path` that this user may not enter; `None` when all let it
    /// through. Folders that do not exist yet are ours to make. Access control lists are not looked at.
    pub fn blocked_at(&self, path: &Path) -> Option<PathBuf> {
        if !self.switch {
            return None;
        }
        let mut ancestors: Vec<&Path> = path.ancestors().collect();
        ancestors.reverse();
        ancestors.into_iter().find(|folder| !self.may_enter(folder)).map(Path::to_path_buf)
    }

    fn may_enter(&self, folder: &Path) -> bool {
        let Ok(metadata) = fs::metadata(folder) else { return true };
        let bit = match (metadata.uid() == self.uid, metadata.gid() == self.gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        metadata.mode() & bit != 0
    }
}

fn name_of(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => format!("#{uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_closed_to_others_blocks_another_user() {
        let root = tempfile::tempdir().unwrap();
        let closed = root.path().join("closed");
        let inner = closed.join("inner");
        fs::create_dir_all(&inner).unwrap();
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        set(root.path(), 0o755);
        set(&closed, 0o700);
        let other = Account { name: "other".to_owned(), uid: 54_321, gid: 54_321, switch: true };
        let start = root.path().ancestors().find(|folder| !other.may_enter(folder));
        assert_eq!(
            other.blocked_at(&inner.join("new")),
            start.map(Path::to_path_buf).or(Some(closed.clone()))
        );
        set(&closed, 0o711);
        assert!(other.may_enter(&closed));
        let ourselves = Account { switch: false, ..other };
        set(&closed, 0o700);
        assert_eq!(ourselves.blocked_at(&inner), None);
    }
}
