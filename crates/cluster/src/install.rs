//! Finding PostgreSQL's binaries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::ClusterError;

/// The oldest major version that is accepted.
pub const OLDEST_MAJOR: u32 = 15;
/// The newest major version that is accepted.
pub const NEWEST_MAJOR: u32 = 18;

const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// One installation of PostgreSQL's server programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// The folder that holds `postgres`, `initdb` and `pg_ctl`.
    pub bin: PathBuf,
    /// The major version, 15 to 18.
    pub major: u32,
    /// The version as PostgreSQL says it, such as `15.13`.
    pub version: String,
}

impl Install {
    /// Finds the binaries: the folder that the caller names and nothing else, or the first of PATH and the
    /// system's usual folders, newest first. With `wanted` (the major version of clusters that exist already)
    /// an installation of that version goes before a newer one.
    ///
    /// Errors: [`ClusterError::Binaries`] for a named folder that is not usable,
    /// [`ClusterError::NoBinaries`].
    pub fn find(named: Option<&Path>, wanted: Option<u32>) -> Result<Install, ClusterError> {
        Install::find_or(named, None, &[], wanted)
    }

    /// As [`Install::find`], in these folders only where they are given, and at last in those that are `beside`.
    pub(crate) fn find_or(
        named: Option<&Path>,
        only: Option<&[PathBuf]>,
        beside: &[PathBuf],
        wanted: Option<u32>,
    ) -> Result<Install, ClusterError> {
        if let Some(folder) = named {
            return Install::at(folder);
        }
        let (path, usual) = match only {
            Some(only) => (only.to_vec(), Vec::new()),
            None => {
                let path = std::env::var_os("PATH").unwrap_or_default();
                (std::env::split_paths(&path).collect(), usual_folders())
            }
        };
        // What is on the machine goes before what was fetched, unless the clusters want it.
        match search(path, usual, wanted) {
            Ok(found) if wanted.is_none_or(|major| found.major == major) => Ok(found),
            found => match search(Vec::new(), beside.to_vec(), wanted) {
                Ok(fetched) if found.is_err() || wanted == Some(fetched.major) => Ok(fetched),
                _ => found,
            },
        }
    }

    /// The installation in this folder.
    pub(crate) fn at(folder: &Path) -> Result<Install, ClusterError> {
        inspect(folder).map_err(|reason| ClusterError::Binaries { folder: folder.to_path_buf(), reason })
    }

    /// The path of one of the programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }
}

/// The search over the folders of PATH (in its order) and then the usual ones (newest version first).
fn search(path: Vec<PathBuf>, usual: Vec<PathBuf>, wanted: Option<u32>) -> Result<Install, ClusterError> {
    let mut found: Vec<Install> = Vec::new();
    let mut refused = String::new();
    let mut consider = |folder: &Path, into: &mut Vec<Install>| {
        if !folder.join("postgres").exists() {
            return;
        }
        match inspect(folder) {
            Ok(install) => into.push(install),
            Err(reason) => refused.push_str(&format!("\n  {}: {reason}", folder.display())),
        }
    };
    for folder in &path {
        consider(folder, &mut found);
    }
    let mut later = Vec::new();
    for folder in &usual {
        consider(folder, &mut later);
    }
    later.sort_by_key(|install| std::cmp::Reverse(install.major));
    found.append(&mut later);
    let best = wanted.and_then(|major| found.iter().find(|install| install.major == major));
    best.or(found.first()).cloned().ok_or_else(|| ClusterError::NoBinaries {
        oldest: OLDEST_MAJOR,
        newest: NEWEST_MAJOR,
        looked: "PATH, /usr/lib/postgresql, /usr/pgsql-*, /usr/bin, Homebrew, Postgres.app".to_owned(),
        refused,
    })
}

/// The folder itself, or the one that its `postgres` points to, if it holds all programs in an accepted
/// version.
fn inspect(folder: &Path) -> Result<Install, String> {
    let postgres = fs::canonicalize(folder.join("postgres"))
        .map_err(|_| "there is no program named postgres in it".to_owned())?;
    // Debian's wrappers and people's own links in /usr/local/bin point into the real folder, and postgres
    // finds its share directory from there.
    let real = postgres.parent().map(Path::to_path_buf);
    let complete = |folder: &PathBuf| PROGRAMS.iter().all(|program| folder.join(program).exists());
    let bin =
        real.into_iter().chain([folder.to_path_buf()]).find(complete).ok_or_else(|| {
            format!("it lacks one of {} (is only the client installed?)", PROGRAMS.join(", "))
        })?;
    let output = Command::new(bin.join("postgres"))
        .arg("--version")
        .output()
        .map_err(|error| format!("postgres cannot be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (major, version) =
        parse_version(&text).ok_or_else(|| format!("postgres --version said {:?}", text.trim()))?;
    if !(OLDEST_MAJOR..=NEWEST_MAJOR).contains(&major) {
        return Err(format!("PostgreSQL {version} is not supported, only {OLDEST_MAJOR} to {NEWEST_MAJOR}"));
    }
    Ok(Install { bin, major, version })
}

/// `postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)` is 15 and `15.13`; `17beta1` is 17.
fn parse_version(text: &str) -> Option<(u32, String)> {
    let version = text.strip_prefix("postgres (PostgreSQL) ")?.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((digits.parse().ok()?, version.to_owned()))
}

/// The places where packages put the server programs on Debian, Fedora, Homebrew and Postgres.app.
pub(crate) fn usual_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for major in (OLDEST_MAJOR..=NEWEST_MAJOR).rev() {
        folders.push(format!("/usr/lib/postgresql/{major}/bin"));
        folders.push(format!("/usr/pgsql-{major}/bin"));
        folders.push(format!("/opt/homebrew/opt/postgresql@{major}/bin"));
        folders.push(format!("/usr/local/opt/postgresql@{major}/bin"));
        folders.push(format!("/Applications/Postgres.app/Contents/Versions/{major}/bin"));
    }
    folders.push("/usr/bin".to_owned());
    folders.into_iter().map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    /// A folder with three programs, of which `postgres --version` says `version`.
    fn fake(root: &Path, name: &str, version: &str) -> PathBuf {
        let bin = root.join(name);
        fs::create_dir_all(&bin).unwrap();
        for program in PROGRAMS {
            let file = bin.join(program);
            fs::write(&file, format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        bin
    }

    #[test]
    fn versions_are_read_as_packages_write_them() {
        let debian = "postgres (PostgreSQL) 15.13 (Debian 15.13-0+deb12u1)\n";
        assert_eq!(parse_version(debian), Some((15, "15.13".to_owned())));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1\n"), Some((18, "18beta1".to_owned())));
        assert_eq!(parse_version("mysqld 8"), None);
    }

    #[test]
    fn path_goes_before_newer_ones_and_existing_clusters_before_path() {
        let root = tempfile::tempdir().unwrap();
        let (old, new) = (fake(root.path(), "old", "15.1"), fake(root.path(), "new", "17.2"));
        let usual = || vec![fake(root.path(), "older", "16.0"), new.clone()];
        let find = |path: Vec<PathBuf>, wanted| search(path, usual(), wanted).unwrap().major;
        assert_eq!(find(vec![old.clone()], None), 15);
        assert_eq!(find(vec![], None), 17);
        assert_eq!(find(vec![old.clone()], Some(16)), 16);
        assert_eq!(find(vec![old], Some(18)), 15);
    }

    #[test]
    fn a_link_in_path_leads_to_the_real_folder() {
        let root = tempfile::tempdir().unwrap();
        let real = fake(root.path(), "real", "16.4");
        let links = root.path().join("links");
        fs::create_dir(&links).unwrap();
        symlink(real.join("postgres"), links.join("postgres")).unwrap();
        let found = search(vec![links], vec![], None).unwrap();
        assert_eq!(found.bin, fs::canonicalize(real).unwrap());
    }

    #[test]
    fn a_version_outside_15_to_18_is_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        let folder = fake(root.path(), "ancient", "14.9");
        let message = search(vec![folder.clone()], vec![], None).unwrap_err().to_string();
        assert!(message.contains("PostgreSQL 14.9 is not supported"), "{message}");
        assert!(message.contains("apt-get install") && message.contains("brew install"), "{message}");
        let message = Install::find(Some(&folder), None).unwrap_err().to_string();
        assert!(message.contains("SALUS_PG_BIN") && message.contains("14.9"), "{message}");
    }

    #[test]
    fn a_client_only_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let folder = fake(root.path(), "client", "15.0");
        fs::remove_file(folder.join("initdb")).unwrap();
        assert!(matches!(Install::find(Some(&folder), None), Err(ClusterError::Binaries { .. })));
    }
}
