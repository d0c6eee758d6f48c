//! Restoring a backup, beside what is there, which is replaced only when all three databases are whole again.

use chrono::{DateTime, Utc};
use futures::future::try_join_all;
use kernel::Database;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, raw_sql};
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use uuid::Uuid;

use crate::backup::error::BackupError;
use crate::backup::manifest::Backup;
use crate::backup::point::{self, Identity};
use crate::backup::progress::BackupProgress;
use crate::backup::reconcile::{self, Finding};
use crate::backup::take;
use crate::backup::tools::Tools;
use crate::bootstrap::{Role, prepare_database};
use crate::clusters::Clusters;
use crate::login::Login;

/// A backup, and where it goes.
#[derive(Debug)]
pub struct Restore<'a> {
    /// The databases that take it.
    pub target: Target<'a>,
    /// The programs of their version.
    pub tools: &'a Tools,
    /// The backup.
    pub backup: &'a Backup,
    /// Whether it may replace what is there.
    pub force: bool,
}

/// Where a backup goes.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// Clusters of ours: beside the present databases, which it then replaces.
    Clusters(&'a Clusters),
    /// Databases of others, whose owner cannot make new ones: into them, emptied.
    Given {
        /// Their owner's logins.
        owners: &'a [Login; 3],
        /// Logins that read past row security, to count what came back.
        readers: &'a [Login; 3],
    },
}

/// What became of it.
#[derive(Debug)]
pub struct Restored {
    /// The epoch that the installation is in now.
    pub epoch: i64,
    /// When the point was to which everything went back.
    pub taken_at: DateTime<Utc>,
    /// Transactions that are half, as they were already when the backup was taken.
    pub findings: Vec<Finding>,
}

/// Statistics of all tables. An owner who is no superuser is warned of each table of PostgreSQL's own otherwise.
const ANALYZE: &str = "set client_min_messages = error; analyze";

/// Removes what the owner has in its database. The list of migrations is the one table outside of their schemas.
const EMPTY: &str = "
    do $$
    declare
        own name;
    begin
        for own in select nspname from pg_catalog.pg_namespace
            where nspowner = (select oid from pg_catalog.pg_roles where rolname = current_user)
        loop
            execute pg_catalog.format('drop schema %I cascade', own);
        end loop;
    end
    $$;
    drop table if exists public._sqlx_migrations;
";

/// Restores: compares the files with their fingerprints, brings each dump into a database beside the present one,
/// counts and compares, raises the epoch, and then renames. Until the renaming nothing that is there is touched; it is
/// atomic for each database, and an installation of which only some were renamed is refused by the server because its
/// epochs differ: restoring again ends it. Databases of others are emptied first; there an attempt that fails leaves
/// them without an identity, which the server refuses too.
///
/// # Errors
/// [`BackupError`].
pub async fn restore(
    wanted: &Restore<'_>,
    progress: &(dyn Fn(BackupProgress) + Send + Sync),
) -> Result<Restored, BackupError> {
    let Restore { target, tools, backup, force } = *wanted;
    let places = Database::ALL.map(|database| Place::of(target, database));
    for place in &places {
        let found = backup.contents(place.database).server_major;
        if found > tools.major {
            return Err(BackupError::NewerServer { database: place.database, found, installed: tools.major });
        }
        place.may_be_replaced(force).await?;
    }
    progress(BackupProgress::Verifying);
    let read = backup.clone();
    spawn_blocking(move || read.verify()).await.map_err(|failure| BackupError::Unusable {
        folder: backup.folder.clone(),
        reason: format!("it could not be read ({failure})"),
    })??;

    let mut epoch = backup.manifest.epoch;
    for place in &places {
        epoch = epoch.max(place.present_epoch(backup.manifest.pair_id).await?);
    }
    let epoch = epoch + 1;
    let bring = places.iter().map(|place| async move {
        let began = Instant::now();
        place.make().await?;
        tools.restore(place.database, &place.restored, &backup.file(place.database), place.beside).await?;
        if place.beside {
            prepare_database(place.database, &place.restored.options()).await?;
        }
        // A dump carries no statistics, and without them searches are planned badly.
        place.run(&place.restored, "gathering statistics", ANALYZE).await?;
        progress(BackupProgress::Restored(place.database, began.elapsed()));
        Ok::<_, BackupError>(())
    });
    try_join_all(bring).await?;

    let readers = places.each_ref().map(|place| place.reader.clone());
    let findings = inspect(&mut point::connect(&readers).await?, backup).await?;
    let writers = places.each_ref().map(|place| place.restored.clone());
    let mut connections = point::connect(&writers).await?;
    for (database, connection) in Database::ALL.into_iter().zip(&mut connections) {
        renew(connection, database, epoch).await.map_err(BackupError::sql(database, "raising its epoch"))?;
    }
    for connection in connections {
        connection.close().await.ok();
    }
    for place in places.iter().filter(|place| place.beside) {
        place.swap().await?;
    }
    for place in places.iter().filter(|place| place.beside) {
        place.drop_replaced().await?;
    }
    progress(BackupProgress::Swapped);
    Ok(Restored { epoch, taken_at: backup.manifest.taken_at, findings })
}

/// Whether what came back is what the manifest says, and nothing is half that was not half before.
async fn inspect(connections: &mut [PgConnection], backup: &Backup) -> Result<Vec<Finding>, BackupError> {
    let said = &backup.manifest;
    if point::identity(connections).await? != (Identity { pair: said.pair_id, epoch: said.epoch }) {
        return Err(BackupError::Strangers(Database::Auth));
    }
    for (database, connection) in Database::ALL.into_iter().zip(&mut *connections) {
        let counted = take::count(connection).await;
        let counted = counted.map_err(BackupError::sql(database, "counting what came back"))?;
        let expected = &backup.contents(database).counts;
        for (what, found, expected) in [
            ("records", counted.records, expected.records),
            ("superseded versions", counted.versions, expected.versions),
            ("audit rows", counted.audit, expected.audit),
            ("decisions", counted.decisions, expected.decisions),
            ("marks of transactions", counted.applied, expected.applied),
        ] {
            if found != expected {
                return Err(BackupError::Incomplete { database, what, found, expected });
            }
        }
    }
    let findings = reconcile::compare(connections).await?;
    let (known, new): (Vec<_>, Vec<_>) =
        findings.into_iter().partition(|found| said.findings.contains(found));
    if new.is_empty() { Ok(known) } else { Err(BackupError::Half(new)) }
}

/// Raises the epoch of three databases that were brought back by other means, such as a recovery of their logs to a
/// named point, and stamps them with the servers that they are on now. Prepared transactions of the epochs before are
/// refused from then on. Answers the new epoch.
///
/// # Errors
/// [`BackupError::Sql`], [`BackupError::NoIdentity`], [`BackupError::Strangers`].
pub async fn raise_epoch(owners: &[Login; 3]) -> Result<i64, BackupError> {
    let mut connections = point::connect(owners).await?;
    let mut highest = 0;
    let mut agreed: Option<Uuid> = None;
    for (database, connection) in Database::ALL.into_iter().zip(&mut connections) {
        let found: Option<(Uuid, String, i64)> =
            sqlx::query_as("select pair_id, db_code::text, epoch from txn.identity")
                .fetch_optional(connection)
                .await
                .map_err(BackupError::sql(database, "asking who it is"))?;
        let (pair, code, epoch) = found.ok_or(BackupError::NoIdentity(database))?;
        // They need not agree about the epoch: bringing that about is what this is for.
        if code != database.code().to_string() || *agreed.get_or_insert(pair) != pair {
            return Err(BackupError::Strangers(database));
        }
        highest = highest.max(epoch);
    }
    for (database, connection) in Database::ALL.into_iter().zip(&mut connections) {
        renew(connection, database, highest + 1)
            .await
            .map_err(BackupError::sql(database, "raising its epoch"))?;
    }
    Ok(highest + 1)
}

/// Stamps a database that was brought back. In `auth` every session ends: those that were ended since would be good
/// again, and so would refresh tokens that were used up.
async fn renew(connection: &mut PgConnection, database: Database, epoch: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update txn.identity set epoch = $1, system_identifier = s.system_identifier::text from pg_control_system() s",
    )
    .bind(epoch)
    .execute(&mut *connection)
    .await?;
    // A backup of an older release has no sessions.
    let known = "select to_regclass('identity.session') is not null";
    if database == Database::Auth && sqlx::query_scalar::<_, bool>(known).fetch_one(&mut *connection).await? {
        raw_sql(
            "select set_config('app.scope', 'installation', false);
             update identity.session set revoked_at = clock_timestamp(), revoked_because = 'revoked',
                 changed_at = clock_timestamp() where revoked_at is null",
        )
        .execute(connection)
        .await?;
    }
    Ok(())
}

/// A database that takes its part of a backup.
struct Place {
    database: Database,
    /// Whether it is restored beside the present one.
    beside: bool,
    /// To the database that is being replaced.
    present: Login,
    /// To the one that takes the dump: beside it, or the same.
    restored: Login,
    /// To that one, past row security.
    reader: Login,
    /// To another database of the same server, from which these two can be made, renamed and dropped.
    neither: Login,
}

impl Place {
    fn of(target: Target<'_>, database: Database) -> Place {
        let elsewhere = |login: &Login, name: String| Login { database: name, ..login.clone() };
        match target {
            Target::Clusters(clusters) => {
                let present = clusters.login(database, Role::Superuser);
                let restored = elsewhere(&present, format!("{database}_restored"));
                let neither = elsewhere(&present, "postgres".to_owned());
                Place { database, beside: true, reader: restored.clone(), present, restored, neither }
            }
            Target::Given { owners, readers } => {
                let (owner, reader) = (owners[database.index()].clone(), readers[database.index()].clone());
                Place {
                    database,
                    beside: false,
                    present: owner.clone(),
                    restored: owner.clone(),
                    reader,
                    neither: owner,
                }
            }
        }
    }

    /// Refuses a database that holds something, unless that may be lost, and one that others work with.
    async fn may_be_replaced(&self, force: bool) -> Result<(), BackupError> {
        let failed = BackupError::sql(self.database, "looking whether it is empty");
        let mut connection = self.present.options().connect().await.map_err(&failed)?;
        let (empty, sessions, prepared): (bool, i64, i64) = sqlx::query_as(
            "select not exists (
                 select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                 where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'),
                 (select count(*) from pg_stat_activity
                  where datname = current_database() and usename = 'salus_app'),
                 (select count(*) from pg_prepared_xacts where database = current_database())",
        )
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
        if !force && !empty {
            return Err(BackupError::NotEmpty(self.database));
        }
        if !self.beside && sessions + prepared > 0 {
            return Err(BackupError::InUse { database: self.database, sessions, prepared });
        }
        Ok(())
    }

    /// Makes the database, anew where an earlier attempt has left it; or empties the one that there is.
    async fn make(&self) -> Result<(), BackupError> {
        let Place { database, neither, .. } = self;
        if !self.beside {
            return self.run(&self.present, "emptying it", EMPTY).await;
        }
        self.drop_replaced().await?;
        self.empty_of_sessions(&format!("{database}_restored")).await?;
        let drop = format!("drop database if exists {database}_restored");
        self.run(neither, "removing an earlier attempt", &drop).await?;
        let create = format!("create database {database}_restored owner salus_owner template template0");
        self.run(neither, "making a database for it", &create).await
    }

    /// Takes the place of the present database, in one transaction.
    async fn swap(&self) -> Result<(), BackupError> {
        let Place { database, neither, .. } = self;
        for name in [format!("{database}"), format!("{database}_restored")] {
            self.empty_of_sessions(&name).await?;
        }
        let swap = format!(
            "begin; alter database {database} rename to {database}_replaced;
             alter database {database}_restored rename to {database}; commit"
        );
        self.run(neither, "putting it in its place", &swap).await
    }

    async fn drop_replaced(&self) -> Result<(), BackupError> {
        let Place { database, neither, .. } = self;
        self.empty_of_sessions(&format!("{database}_replaced")).await?;
        let drop = format!("drop database if exists {database}_replaced");
        self.run(neither, "removing what was replaced", &drop).await
    }

    /// Ends what still uses a database that will be renamed or dropped: sessions, and prepared transactions, which
    /// have nothing left to be true of.
    async fn empty_of_sessions(&self, name: &str) -> Result<(), BackupError> {
        let failed = BackupError::sql(self.database, "ending what uses it");
        let mut connection = self.neither.options().connect().await.map_err(&failed)?;
        let prepared: Vec<String> =
            sqlx::query_scalar("select gid from pg_prepared_xacts where database = $1")
                .bind(name)
                .fetch_all(&mut connection)
                .await
                .map_err(&failed)?;
        if !prepared.is_empty() {
            let inside = Login { database: name.to_owned(), ..self.neither.clone() };
            let mut inside = inside.options().connect().await.map_err(&failed)?;
            for gid in prepared {
                let gid = gid.replace('\'', "''");
                let rollback = format!("rollback prepared '{gid}'");
                raw_sql(AssertSqlSafe(rollback)).execute(&mut inside).await.map_err(&failed)?;
            }
            inside.close().await.ok();
        }
        // Waits for each to be gone: a rename does not.
        sqlx::query(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()",
        )
        .bind(name)
        .execute(&mut connection)
        .await
        .map_err(&failed)?;
        Ok(())
    }

    /// The epoch of the present database, where it is of this installation; 0 otherwise.
    async fn present_epoch(&self, pair: Uuid) -> Result<i64, BackupError> {
        let failed = BackupError::sql(self.database, "asking for its epoch");
        let mut connection = self.present.options().connect().await.map_err(&failed)?;
        let known: bool = sqlx::query_scalar("select to_regclass('txn.identity') is not null")
            .fetch_one(&mut connection)
            .await
            .map_err(&failed)?;
        if !known {
            return Ok(0);
        }
        let epoch: Option<i64> = sqlx::query_scalar("select epoch from txn.identity where pair_id = $1")
            .bind(pair)
            .fetch_optional(&mut connection)
            .await
            .map_err(&failed)?;
        Ok(epoch.unwrap_or_default())
    }

    async fn run(&self, login: &Login, doing: &'static str, statement: &str) -> Result<(), BackupError> {
        let failed = BackupError::sql(self.database, doing);
        // These may take long, and nobody needs to be told so.
        let options = login.options().disable_statement_logging();
        let mut connection = options.connect().await.map_err(&failed)?;
        raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.map_err(&failed)?;
        connection.close().await.map_err(&failed)
    }
}
