//! The migrations of each database: those that every database carries and its own, in one order of versions.
//!
//! They run as the owner role. sqlx keeps the list of applied ones with their checksums in
//! `public._sqlx_migrations` and holds an advisory lock meanwhile, so two servers that start together migrate
//! once.

use std::collections::BTreeMap;
use std::path::Path;

use kernel::Database;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

/// Why migrations could not be read or run.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The folder of migrations cannot be read, or a file's name is not `NNNN_what.up.sql` or `.down.sql`.
    #[error("the migrations in {folder} cannot be read")]
    Source {
        /// The folder.
        folder: String,
        /// The driver's reason.
        source: MigrateError,
    },
    /// A version lacks its way up or its way down, or has two.
    #[error(
        "{database}: migration {version} must have one .up.sql and one .down.sql in `every` and `{database}`"
    )]
    NotPaired {
        /// The database whose list it spoils.
        database: Database,
        /// The version.
        version: i64,
    },
    /// An applied migration is not the one that this program knows by the same number.
    #[error(
        "{database}: migration {version} was changed after it had been applied; put the old text back and write \
         a new migration"
    )]
    Changed {
        /// The database.
        database: Database,
        /// The version.
        version: i64,
    },
    /// The database carries a migration that this program does not know: it was migrated by a newer one.
    #[error(
        "{database}: migration {version} is applied but unknown here; the database belongs to a newer release"
    )]
    Unknown {
        /// The database.
        database: Database,
        /// The version.
        version: i64,
    },
    /// A migration's statements failed; it left no trace, because each runs in a transaction.
    #[error("{database}: migration {version} failed")]
    Failed {
        /// The database.
        database: Database,
        /// The version.
        version: i64,
        /// The server's reason.
        source: sqlx::Error,
    },
    /// The database could not be reached or asked.
    #[error("{database}: the list of applied migrations cannot be read or written")]
    Database {
        /// The database.
        database: Database,
        /// The driver's reason.
        source: MigrateError,
    },
}

/// One migration of a database, applied or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its version.
    pub version: i64,
    /// Its name, the words of the file's name.
    pub description: String,
    /// Whether it is applied.
    pub applied: bool,
}

/// The migrations of all three databases.
#[derive(Debug)]
pub struct Migrations {
    migrators: [Migrator; 3],
}

impl Migrations {
    /// The migrations that were compiled into this program, from the workspace's `migrations/`.
    ///
    /// Errors: [`MigrationError::NotPaired`].
    pub fn embedded() -> Result<Migrations, MigrationError> {
        Migrations::combine(
            &sqlx::migrate!("../../migrations/every"),
            [
                &sqlx::migrate!("../../migrations/auth"),
                &sqlx::migrate!("../../migrations/phi"),
                &sqlx::migrate!("../../migrations/clinical"),
            ],
        )
    }

    /// The migrations in a folder that is laid out like the workspace's: `every`, `auth`, `phi` and
    /// `clinical`.
    ///
    /// Errors: [`MigrationError::Source`], [`MigrationError::NotPaired`].
    pub async fn from_folder(folder: &Path) -> Result<Migrations, MigrationError> {
        let read = async |name: &str| {
            let folder = folder.join(name);
            let named = folder.display().to_string();
            let read = Migrator::new(folder.as_path()).await;
            read.map_err(|source| MigrationError::Source { folder: named, source })
        };
        let every = read("every").await?;
        Migrations::combine(&every, [&read("auth").await?, &read("phi").await?, &read("clinical").await?])
    }

    fn combine(every: &Migrator, own: [&Migrator; 3]) -> Result<Migrations, MigrationError> {
        for database in Database::ALL {
            let mut ways: BTreeMap<i64, Vec<MigrationType>> = BTreeMap::new();
            for migration in every.iter().chain(own[database.index()].iter()) {
                ways.entry(migration.version).or_default().push(migration.migration_type);
            }
            for (version, mut found) in ways {
                found.sort();
                if found != [MigrationType::ReversibleUp, MigrationType::ReversibleDown] {
                    return Err(MigrationError::NotPaired { database, version });
                }
            }
        }
        let joined = own.map(|own| {
            let all: Vec<Migration> = every.iter().chain(own.iter()).cloned().collect();
            Migrator::with_migrations(all)
        });
        Ok(Migrations { migrators: joined })
    }

    /// The versions of a database, oldest first.
    pub fn versions(&self, database: Database) -> Vec<i64> {
        let migrations = self.migrators[database.index()].iter();
        let mut versions: Vec<_> = migrations
            .filter(|each| each.migration_type.is_up_migration())
            .map(|migration| migration.version)
            .collect();
        versions.sort_unstable();
        versions
    }

    /// Applies what is pending; answers the versions that it applied. `owner` leads to the database as its
    /// owner.
    ///
    /// Errors: [`MigrationError::Changed`], [`MigrationError::Unknown`], [`MigrationError::Failed`],
    /// [`MigrationError::Database`]. Those before a failed one stay applied.
    pub async fn up(&self, database: Database, owner: &PgConnectOptions) -> Result<Vec<i64>, MigrationError> {
        let mut connection = connect(database, owner).await?;
        let before = self.applied(database, &mut connection).await?;
        let migrator = &self.migrators[database.index()];
        migrator
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|error| translate(database, error))?;
        let after = self.applied(database, &mut connection).await?;
        close(database, connection).await?;
        Ok(after.into_iter().filter(|version| !before.contains(version)).collect())
    }

    /// Reverts every applied migration above `version`, newest first; answers the versions that it reverted,
    /// in that order. 0 reverts all.
    ///
    /// Errors: as [`Migrations::up`].
    pub async fn down(
        &self,
        database: Database,
        owner: &PgConnectOptions,
        version: i64,
    ) -> Result<Vec<i64>, MigrationError> {
        let mut connection = connect(database, owner).await?;
        let before = self.applied(database, &mut connection).await?;
        let migrator = &self.migrators[database.index()];
        migrator.undo(&mut connection, version).await.map_err(|error| translate(database, error))?;
        let after = self.applied(database, &mut connection).await?;
        close(database, connection).await?;
        Ok(before.into_iter().rev().filter(|version| !after.contains(version)).collect())
    }

    /// Every migration of a database in order, and whether it is applied.
    ///
    /// Errors: as [`Migrations::up`], except that nothing is run.
    pub async fn status(
        &self,
        database: Database,
        owner: &PgConnectOptions,
    ) -> Result<Vec<MigrationStatus>, MigrationError> {
        let mut connection = connect(database, owner).await?;
        let applied = self.applied(database, &mut connection).await?;
        close(database, connection).await?;
        let ups =
            self.migrators[database.index()].iter().filter(|each| each.migration_type.is_up_migration());
        let status = ups.map(|migration| MigrationStatus {
            version: migration.version,
            description: migration.description.to_string(),
            applied: applied.contains(&migration.version),
        });
        Ok(status.collect())
    }

    /// Whether this program has a migration of this version and fingerprint, so that a database that carries it can be
    /// served.
    pub fn knows(&self, database: Database, version: i64, checksum: &[u8]) -> bool {
        let mut ups =
            self.migrators[database.index()].iter().filter(|each| each.migration_type.is_up_migration());
        ups.any(|known| known.version == version && *known.checksum == *checksum)
    }

    /// The applied versions, oldest first, each checked against the migration that we know by its number.
    async fn applied(
        &self,
        database: Database,
        connection: &mut PgConnection,
    ) -> Result<Vec<i64>, MigrationError> {
        let migrator = &self.migrators[database.index()];
        let failed = |error| translate(database, error);
        connection.ensure_migrations_table(&migrator.table_name).await.map_err(failed)?;
        let applied = connection.list_applied_migrations(&migrator.table_name).await.map_err(failed)?;
        for each in &applied {
            let version = each.version;
            let known = migrator
                .iter()
                .find(|known| known.version == version && known.migration_type.is_up_migration());
            let known = known.ok_or(MigrationError::Unknown { database, version })?;
            if known.checksum != each.checksum {
                return Err(MigrationError::Changed { database, version });
            }
        }
        Ok(applied.into_iter().map(|each| each.version).collect())
    }
}

async fn connect(database: Database, owner: &PgConnectOptions) -> Result<PgConnection, MigrationError> {
    owner.connect().await.map_err(|error| translate(database, MigrateError::Execute(error)))
}

async fn close(database: Database, connection: PgConnection) -> Result<(), MigrationError> {
    connection.close().await.map_err(|error| translate(database, MigrateError::Execute(error)))
}

fn translate(database: Database, error: MigrateError) -> MigrationError {
    match error {
        MigrateError::ExecuteMigration(source, version) => {
            MigrationError::Failed { database, version, source }
        }
        MigrateError::VersionMissing(version) => MigrationError::Unknown { database, version },
        MigrateError::VersionMismatch(version) => MigrationError::Changed { database, version },
        source => MigrationError::Database { database, source },
    }
}
