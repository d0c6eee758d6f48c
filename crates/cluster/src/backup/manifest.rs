//! What a backup says of itself, and the backups of a folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use kernel::Database;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::backup::error::BackupError;
use crate::backup::reconcile::Finding;
use crate::migrate::Migrations;

/// The form of manifests that this program writes and reads.
const FORMAT: u32 = 1;
/// The manifest's name in the folder of its backup. It is written last: without it there is no backup.
pub(super) const NAME: &str = "manifest.json";
/// What the folder of a backup under way is called after its prefix. There is at most one.
pub(super) const PARTIAL: &str = "partial";

/// What a backup holds, and what must fit before it is restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of this file.
    pub format: u32,
    /// The release that took the backup.
    pub program: String,
    /// When the point was that all three dumps show.
    pub taken_at: DateTime<Utc>,
    /// The installation.
    pub pair_id: Uuid,
    /// Its epoch; a restore raises it.
    pub epoch: i64,
    /// Which master key opens the bodies. The key itself is never in a backup.
    pub master_key_id: Option<String>,
    /// Transactions that were half already when the backup was taken; none in a healthy installation.
    pub findings: Vec<Finding>,
    /// The dumps, by the database's name.
    pub databases: BTreeMap<String, Contents>,
}

/// One database's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// The dump's file name.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// Its fingerprint, in hexadecimal.
    pub sha256: String,
    /// The server it came from.
    pub server_version: String,
    /// The server's major version.
    pub server_major: u32,
    /// The server's own identifier.
    pub system_identifier: String,
    /// Where its log was.
    pub lsn: String,
    /// The migrations that were applied.
    pub migrations: Vec<Applied>,
    /// What was counted at the point.
    pub counts: Counts,
    /// Prepared transactions that are none of this installation's, which a dump does not carry.
    pub foreign_prepared: Vec<String>,
}

/// An applied migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// Its number.
    pub version: i64,
    /// The fingerprint under which it was applied, in hexadecimal.
    pub checksum: String,
}

/// How much there is of what must come back whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Current records, deleted ones included.
    pub records: i64,
    /// Superseded versions.
    pub versions: i64,
    /// Rows of the audit trail.
    pub audit: i64,
    /// Decisions of transactions over several databases.
    pub decisions: i64,
    /// Marks of those that took part.
    pub applied: i64,
}

/// A backup in its folder.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The folder.
    pub folder: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
}

impl Backup {
    /// Reads the manifest of a folder.
    ///
    /// # Errors
    /// [`BackupError::Unusable`].
    pub fn open(folder: &Path) -> Result<Backup, BackupError> {
        let unusable = |reason: String| BackupError::Unusable { folder: folder.to_path_buf(), reason };
        let text = fs::read_to_string(folder.join(NAME))
            .map_err(|error| unusable(format!("its {NAME} cannot be read ({error})")))?;
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| unusable(format!("its {NAME} is damaged ({error})")))?;
        if manifest.format != FORMAT {
            return Err(unusable(format!("its form is {}, this program reads {FORMAT}", manifest.format)));
        }
        for database in Database::ALL {
            let contents = manifest.databases.get(database.name());
            let contents = contents.ok_or_else(|| unusable(format!("it has no {database}")))?;
            // What a manifest names must not lead out of the folder.
            if contents.file != file_name(database) {
                return Err(unusable(format!("its {database} is in a file of another name")));
            }
        }
        Ok(Backup { folder: folder.to_path_buf(), manifest })
    }

    /// Refuses a backup that carries a migration which this program does not have: it is of a newer release.
    ///
    /// # Errors
    /// [`BackupError::Unusable`].
    pub fn fits(&self, migrations: &Migrations) -> Result<(), BackupError> {
        for database in Database::ALL {
            for Applied { version, checksum } in &self.contents(database).migrations {
                if !unhex(checksum).is_some_and(|checksum| migrations.knows(database, *version, &checksum)) {
                    let reason = format!(
                        "{database} carries migration {version}, which this program does not have: it was taken by \
                         release {}",
                        self.manifest.program
                    );
                    return Err(BackupError::Unusable { folder: self.folder.clone(), reason });
                }
            }
        }
        Ok(())
    }

    /// One database's part.
    pub fn contents(&self, database: Database) -> &Contents {
        &self.manifest.databases[database.name()]
    }

    /// One database's dump.
    pub fn file(&self, database: Database) -> PathBuf {
        self.folder.join(file_name(database))
    }

    /// Reads every file and compares it with its fingerprint.
    ///
    /// # Errors
    /// [`BackupError::Unusable`], naming the file.
    pub fn verify(&self) -> Result<(), BackupError> {
        for database in Database::ALL {
            let (file, contents) = (self.file(database), self.contents(database));
            let unusable = |reason: String| BackupError::Unusable { folder: self.folder.clone(), reason };
            let (bytes, sha256) = fingerprint(&file)
                .map_err(|error| unusable(format!("{} cannot be read ({error})", contents.file)))?;
            if (bytes, &sha256) != (contents.bytes, &contents.sha256) {
                return Err(unusable(format!(
                    "{} is not the file that was written: it was damaged or replaced",
                    contents.file
                )));
            }
        }
        Ok(())
    }
}

impl Manifest {
    /// The name of the folder of this installation's backup of this moment. The installation is part of it, so that
    /// several may share a place.
    pub(super) fn folder_name(pair: Uuid, taken_at: DateTime<Utc>) -> String {
        format!("{}{}", prefix(pair), taken_at.format("%Y%m%dT%H%M%S%3fZ"))
    }

    /// A manifest of the present form.
    pub(super) fn new(program: &str, taken_at: DateTime<Utc>, pair_id: Uuid, epoch: i64) -> Manifest {
        Manifest {
            format: FORMAT,
            program: program.to_owned(),
            taken_at,
            pair_id,
            epoch,
            master_key_id: None,
            findings: Vec::new(),
            databases: BTreeMap::new(),
        }
    }
}

/// What the folders of one installation's backups begin with.
pub(super) fn prefix(pair: Uuid) -> String {
    format!("salus-{}-", &pair.simple().to_string()[..8])
}

/// The name of a database's dump.
pub(super) fn file_name(database: Database) -> String {
    format!("{database}.dump")
}

/// The complete backups of an installation in a folder, oldest first. What is not one is left out.
///
/// # Errors
/// [`BackupError::File`] where the folder cannot be read.
pub fn list(folder: &Path, pair: Uuid) -> Result<Vec<Backup>, BackupError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(BackupError::file("read", folder))? {
        let entry = entry.map_err(BackupError::file("read", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with(&prefix(pair)) || name.ends_with(PARTIAL) {
            continue;
        }
        if let Ok(backup) = Backup::open(&entry.path())
            && backup.manifest.pair_id == pair
        {
            found.push(backup);
        }
    }
    found.sort_by_key(|backup| backup.manifest.taken_at);
    Ok(found)
}

/// Size and SHA-256 of a file.
pub(super) fn fingerprint(path: &Path) -> std::io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, hex(&hash.finalize())));
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
}

/// Lowercase hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, pair: Uuid, second: u32) -> Backup {
        let taken_at = DateTime::from_timestamp(1_700_000_000 + i64::from(second), 0).unwrap();
        let folder = folder.join(Manifest::folder_name(pair, taken_at));
        fs::create_dir(&folder).unwrap();
        let mut manifest = Manifest::new("1.0", taken_at, pair, 1);
        for database in Database::ALL {
            let file = file_name(database);
            fs::write(folder.join(&file), database.name()).unwrap();
            let (bytes, sha256) = fingerprint(&folder.join(&file)).unwrap();
            let counts = Counts { records: 0, versions: 0, audit: 0, decisions: 0, applied: 0 };
            let contents = Contents {
                file,
                bytes,
                sha256,
                server_version: "15.1".to_owned(),
                server_major: 15,
                system_identifier: "1".to_owned(),
                lsn: "0/0".to_owned(),
                migrations: Vec::new(),
                counts,
                foreign_prepared: Vec::new(),
            };
            manifest.databases.insert(database.name().to_owned(), contents);
        }
        fs::write(folder.join(NAME), serde_json::to_string(&manifest).unwrap()).unwrap();
        Backup::open(&folder).unwrap()
    }

    #[test]
    fn a_changed_shortened_or_missing_dump_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let backup = write(folder.path(), Uuid::from_u128(7), 0);
        backup.verify().unwrap();
        for text in ["Phi", "ph"] {
            fs::write(backup.file(Database::Phi), text).unwrap();
            let message = backup.verify().unwrap_err().to_string();
            assert!(message.contains("phi.dump"), "{message}");
        }
        fs::remove_file(backup.file(Database::Phi)).unwrap();
        assert!(backup.verify().is_err());
    }

    #[test]
    fn a_manifest_that_leads_out_of_its_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let backup = write(folder.path(), Uuid::from_u128(7), 0);
        let path = backup.folder.join(NAME);
        let text = fs::read_to_string(&path).unwrap();
        for changed in [
            text.replace("\"phi.dump\"", "\"../phi.dump\""),
            text.replace("\"format\":1", "\"format\":2"),
            text.replace("\"epoch\":1", "\"epoch\":1,\"more\":1"),
            text[1..].to_owned(),
        ] {
            assert_ne!(changed, text);
            fs::write(&path, changed).unwrap();
            assert!(matches!(Backup::open(&backup.folder), Err(BackupError::Unusable { .. })));
        }
    }

    #[test]
    fn only_whole_backups_of_the_installation_are_listed_oldest_first() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (Uuid::from_u128(7 << 96), Uuid::from_u128(8 << 96));
        let (late, early) = (write(folder.path(), ours, 9), write(folder.path(), ours, 1));
        write(folder.path(), other, 5);
        let broken = write(folder.path(), ours, 4);
        fs::remove_file(broken.folder.join(NAME)).unwrap();
        fs::create_dir(folder.path().join(format!("{}{PARTIAL}", prefix(ours)))).unwrap();
        let listed: Vec<PathBuf> =
            list(folder.path(), ours).unwrap().into_iter().map(|it| it.folder).collect();
        assert_eq!(listed, [early.folder, late.folder]);
    }
}
