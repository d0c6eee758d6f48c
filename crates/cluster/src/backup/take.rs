//! Taking a backup.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use futures::future::try_join_all;
use kernel::Database;
use sqlx::{PgConnection, Row};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::backup::error::BackupError;
use crate::backup::manifest::{self, Applied, Backup, Contents, Counts, Manifest};
use crate::backup::point::{self, Identity};
use crate::backup::progress::BackupProgress;
use crate::backup::reconcile;
use crate::backup::tools::Tools;
use crate::login::Login;

/// How often a growing dump is spoken of.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// What to back up, and where to.
#[derive(Debug)]
pub struct Take<'a> {
    /// Logins that read past row security and may lock `txn.decision`, in the order of [`Database::ALL`].
    pub logins: &'a [Login; 3],
    /// The programs of the servers' version.
    pub tools: &'a Tools,
    /// The folder in which the backup's own folder is made.
    pub to: &'a Path,
    /// Which master key opens the bodies, for the manifest.
    pub master_key_id: Option<String>,
    /// The release that takes it.
    pub program: &'a str,
}

/// Takes a backup. Its folder appears under its name when everything is in it and on disk, and not before.
///
/// # Errors
/// [`BackupError`]; what was written by then is removed.
pub async fn take(
    wanted: &Take<'_>,
    progress: &(dyn Fn(BackupProgress) + Send + Sync),
) -> Result<Backup, BackupError> {
    let mut connections = point::connect(wanted.logins).await?;
    point::keep_others_away(&mut connections[Database::Auth.index()]).await?;
    let identity = point::identity(&mut connections).await?;
    let folder = Folder::make(wanted.to, identity)?;

    // Connections that hold nothing else: they keep the snapshots for as long as the dumps take.
    let mut keepers = point::connect(wanted.logins).await?;
    let gate = point::close(wanted.logins, identity, progress).await?;
    let taken_at = Utc::now();
    let snapshots = point::snapshots(&mut keepers).await?;
    progress(BackupProgress::Point(gate.open().await));

    let dumps = Database::ALL.map(|database| {
        let (login, snapshot) = (&wanted.logins[database.index()], &snapshots[database.index()]);
        let file = folder.partial.join(manifest::file_name(database));
        async move {
            let began = Instant::now();
            create(&file)?;
            told(database, &file, wanted.tools.dump(database, login, snapshot, &file), progress).await?;
            let (bytes, sha256) = finish(file).await?;
            progress(BackupProgress::Dumped(database, bytes, began.elapsed()));
            Ok::<_, BackupError>((bytes, sha256))
        }
    });
    let dumped = try_join_all(dumps).await?;

    let mut manifest = Manifest::new(wanted.program, taken_at, identity.pair, identity.epoch);
    manifest.master_key_id = wanted.master_key_id.clone();
    manifest.findings = reconcile::compare(&mut keepers).await?;
    for ((database, connection), (bytes, sha256)) in Database::ALL.into_iter().zip(&mut keepers).zip(dumped) {
        let described = describe(connection, database, identity).await;
        let mut contents = described.map_err(BackupError::sql(database, "counting what is in it"))?;
        (contents.bytes, contents.sha256) = (bytes, sha256);
        manifest.databases.insert(database.name().to_owned(), contents);
    }
    let name = Manifest::folder_name(identity.pair, taken_at);
    spawn_blocking(move || folder.finish(&name, &manifest)).await.map_err(|failure| BackupError::File {
        doing: "finish",
        path: PathBuf::from("the backup"),
        source: std::io::Error::other(failure),
    })?
}

/// Waits for a dump, and says now and then how far it is.
async fn told(
    database: Database,
    file: &Path,
    dump: impl Future<Output = Result<(), BackupError>>,
    progress: &(dyn Fn(BackupProgress) + Send + Sync),
) -> Result<(), BackupError> {
    let mut dump = std::pin::pin!(dump);
    let mut ticks = interval(SAY_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    loop {
        tokio::select! {
            done = &mut dump => return done,
            _ = ticks.tick() => {
                let bytes = fs::metadata(file).map_or(0, |found| found.len());
                progress(BackupProgress::Growing(database, bytes));
            }
        }
    }
}

/// What the manifest says of one database, but for the file. The connection sees what was dumped.
pub(super) async fn describe(
    connection: &mut PgConnection,
    database: Database,
    identity: Identity,
) -> Result<Contents, sqlx::Error> {
    let row = sqlx::query(
        "select current_setting('server_version') as version, current_setting('server_version_num')::int / 10000 as major,
             (select system_identifier::text from txn.identity) as system, pg_current_wal_lsn()::text as lsn",
    )
    .fetch_one(&mut *connection)
    .await?;
    let applied =
        sqlx::query("select version, encode(checksum, 'hex') from public._sqlx_migrations order by version");
    let migrations = applied
        .fetch_all(&mut *connection)
        .await?
        .iter()
        .map(|row| Ok(Applied { version: row.try_get(0)?, checksum: row.try_get(1)? }))
        .collect::<Result<_, sqlx::Error>>()?;
    let foreign = sqlx::query_scalar(
        "select gid from pg_prepared_xacts where database = current_database() and gid not like $1 order by gid",
    );
    let foreign_prepared = foreign.bind(identity.pattern()).fetch_all(&mut *connection).await?;
    let major: i32 = row.try_get("major")?;
    Ok(Contents {
        file: manifest::file_name(database),
        bytes: 0,
        sha256: String::new(),
        server_version: row.try_get("version")?,
        server_major: u32::try_from(major).unwrap_or_default(),
        system_identifier: row.try_get("system")?,
        lsn: row.try_get("lsn")?,
        migrations,
        counts: count(connection).await?,
        foreign_prepared,
    })
}

/// What is counted when a backup is taken and again when it is restored.
pub(super) async fn count(connection: &mut PgConnection) -> Result<Counts, sqlx::Error> {
    let row = sqlx::query(
        "select (select count(*) from record.resource) as records, (select count(*) from record.history) as versions,
             (select count(*) from audit.event) as audit, (select count(*) from txn.decision) as decisions,
             (select count(*) from txn.applied) as applied",
    )
    .fetch_one(connection)
    .await?;
    Ok(Counts {
        records: row.try_get("records")?,
        versions: row.try_get("versions")?,
        audit: row.try_get("audit")?,
        decisions: row.try_get("decisions")?,
        applied: row.try_get("applied")?,
    })
}

/// An empty file that only its owner may read.
fn create(file: &Path) -> Result<(), BackupError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    made.map(drop).map_err(BackupError::file("create", file))
}

/// Has a file on disk, and gives its size and fingerprint.
async fn finish(file: PathBuf) -> Result<(u64, String), BackupError> {
    let path = file.clone();
    let read = spawn_blocking(move || {
        File::open(&file)?.sync_all()?;
        manifest::fingerprint(&file)
    });
    read.await.map_err(std::io::Error::other).flatten().map_err(BackupError::file("read", &path))
}

/// The folder of a backup under way; removed where it is not finished.
struct Folder {
    to: PathBuf,
    partial: PathBuf,
    finished: bool,
}

impl Folder {
    /// Makes it, and removes what backups of this installation that were killed have left: only one is taken at a
    /// time.
    fn make(to: &Path, identity: Identity) -> Result<Folder, BackupError> {
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700).recursive(true).create(to).map_err(BackupError::file("create", to))?;
        let partial = to.join(format!("{}{}", manifest::prefix(identity.pair), manifest::PARTIAL));
        if partial.exists() {
            fs::remove_dir_all(&partial).map_err(BackupError::file("remove", &partial))?;
        }
        builder.recursive(false).create(&partial).map_err(BackupError::file("create", &partial))?;
        Ok(Folder { to: to.to_path_buf(), partial, finished: false })
    }

    fn finish(mut self, name: &str, manifest: &Manifest) -> Result<Backup, BackupError> {
        let (path, folder) = (self.partial.join(manifest::NAME), self.to.join(name));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            serde_json::to_writer_pretty(&mut file, manifest)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            File::open(&self.partial)?.sync_all()
        };
        write().map_err(BackupError::file("write", &path))?;
        let rename = || {
            fs::rename(&self.partial, &folder)?;
            File::open(&self.to)?.sync_all()
        };
        rename().map_err(BackupError::file("name", &folder))?;
        self.finished = true;
        Backup::open(&folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be removed now is removed by the next backup.
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}
