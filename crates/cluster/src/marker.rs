//! The file by which a data directory is known as ours, and which says where its clusters live.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::ClusterError;

/// The marker's name, in the data directory and in a home elsewhere.
pub(crate) const NAME: &str = "salus-clusters";
/// The clusters' folder below the data directory.
pub(crate) const HOME: &str = "pg";
/// The sockets' folder below the home.
pub(crate) const SOCKETS: &str = "sockets";
const FIRST_LINE: &str = "salus clusters 1";

/// What a marker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The data directory, canonical, when the marker was written: a copied or moved folder is noticed.
    pub data_dir: PathBuf,
    /// The folder that holds the three clusters.
    pub home: PathBuf,
    /// The folder that holds the three socket folders.
    pub sockets: PathBuf,
}

impl Marker {
    /// Reads the marker of a folder; `None` when it has none.
    pub fn read(folder: &Path) -> Result<Option<Marker>, ClusterError> {
        let path = folder.join(NAME);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(ClusterError::file("read", &path))?,
        };
        let damaged = || ClusterError::Foreign { folder: path.clone(), reason: "it is damaged".to_owned() };
        let mut lines = text.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(damaged());
        }
        let mut value = |key: &str| {
            let line = lines.next().and_then(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.map(PathBuf::from).filter(|path| path.is_absolute()).ok_or_else(damaged)
        };
        Ok(Some(Marker { data_dir: value("data_dir")?, home: value("home")?, sockets: value("sockets")? }))
    }

    /// The marker as it holds for the data directory in which it was found now, which may be a moved or
    /// copied one: clusters inside it went with it; clusters elsewhere belong to the original as long as that
    /// exists.
    pub fn resolve(self, data_dir: &Path) -> Result<Marker, ClusterError> {
        let inside = self.is_inside();
        if !inside && self.home.exists() {
            let named = Marker::read(&self.home)?;
            if named.is_none_or(|named| named.data_dir != self.data_dir) {
                let reason = format!("{} says that its clusters live there", data_dir.display());
                return Err(ClusterError::Foreign { folder: self.home, reason });
            }
        }
        if self.data_dir == data_dir {
            return Ok(self);
        }
        let copied = Marker::read(&self.data_dir)?.is_some();
        let home = if inside { data_dir.join(HOME) } else { self.home.clone() };
        if copied && !inside {
            let reason =
                format!("it is a copy of {}, whose clusters live elsewhere", self.data_dir.display());
            return Err(ClusterError::Foreign { folder: data_dir.to_path_buf(), reason });
        }
        let sockets = match self.sockets.strip_prefix(&self.home) {
            Ok(below) => home.join(below),
            Err(_) if copied => home.join(SOCKETS),
            Err(_) => self.sockets,
        };
        Ok(Marker { data_dir: self.data_dir, home, sockets })
    }

    /// Whether the clusters live in the data directory.
    pub fn is_inside(&self) -> bool {
        self.home == self.data_dir.join(HOME)
    }

    /// Writes the marker into a folder, whole or not at all. Paths that are not text on one line are refused,
    /// since they could not be read back.
    pub fn write(&self, folder: &Path) -> Result<(), ClusterError> {
        let text = |path: &Path| match path.to_str() {
            Some(text) if !text.contains('\n') => Ok(text.to_owned()),
            _ => Err(ClusterError::Foreign {
                folder: path.to_path_buf(),
                reason: "its path must be UTF-8 on one line".to_owned(),
            }),
        };
        let content = format!(
            "{FIRST_LINE}\ndata_dir={}\nhome={}\nsockets={}\n",
            text(&self.data_dir)?,
            text(&self.home)?,
            text(&self.sockets)?
        );
        let (path, partial) = (folder.join(NAME), folder.join(format!("{NAME}.partial")));
        fs::write(&partial, content).map_err(ClusterError::file("write", &partial))?;
        fs::rename(&partial, &path).map_err(ClusterError::file("write", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Marker::read(folder.path()).unwrap(), None);
        let marker = Marker { data_dir: "/a b".into(), home: "/var/x".into(), sockets: "/tmp/s".into() };
        marker.write(folder.path()).unwrap();
        assert_eq!(Marker::read(folder.path()).unwrap(), Some(marker));
    }

    #[test]
    fn a_moved_folder_takes_its_clusters_along_and_a_copy_never_takes_the_original_s() {
        let root = tempfile::tempdir().unwrap();
        let (old, new, away) = (root.path().join("old"), root.path().join("new"), root.path().join("away"));
        for folder in [&old, &new, &away] {
            fs::create_dir(folder).unwrap();
        }
        let inside = Marker { data_dir: old.clone(), home: old.join(HOME), sockets: "/tmp/s".into() };
        let outside = Marker { data_dir: old.clone(), home: away.clone(), sockets: away.join(SOCKETS) };
        outside.write(&away).unwrap();

        assert_eq!(inside.clone().resolve(&new).unwrap().home, new.join(HOME));
        assert_eq!(inside.clone().resolve(&new).unwrap().sockets, Path::new("/tmp/s"));
        assert_eq!(outside.clone().resolve(&new).unwrap().home, away);
        inside.write(&old).unwrap();
        assert_eq!(inside.resolve(&new).unwrap().sockets, new.join(HOME).join(SOCKETS));
        assert!(matches!(outside.clone().resolve(&new), Err(ClusterError::Foreign { .. })));
        assert_eq!(outside.clone().resolve(&old).unwrap(), outside);

        let stranger = Marker { data_dir: "/elsewhere".into(), ..outside.clone() };
        stranger.write(&away).unwrap();
        assert!(matches!(outside.resolve(&old), Err(ClusterError::Foreign { .. })));
    }

    #[test]
    fn a_damaged_marker_is_an_error_and_not_a_missing_one() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "something else", "salus clusters 1\nhome=/x\n", "salus clusters 1\ndata_dir=x\n"] {
            fs::write(folder.path().join(NAME), text).unwrap();
            assert!(matches!(Marker::read(folder.path()), Err(ClusterError::Foreign { .. })), "{text:?}");
        }
    }
}
