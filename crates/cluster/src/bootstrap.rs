//! Roles, databases and the few marks that only a superuser can set. Everything here may run again at any
//! time.

use std::time::Duration;

use kernel::{Database, Secret};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, raw_sql};
use tokio::time::{Instant, sleep};

use crate::error::ClusterError;

/// A role that logs in to a cluster. Each cluster has its own password for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// `salus_superuser`: made by initdb; for bootstrap, preflight and tests only.
    Superuser,
    /// `salus_owner`: owns the database, its schemas and tables, and runs migrations. No superuser.
    Owner,
    /// `salus_app`: the server's role. Only what migrations grant; row security binds it; it creates nothing.
    App,
}

impl Role {
    /// All roles that log in.
    pub const ALL: [Role; 3] = [Role::Superuser, Role::Owner, Role::App];

    /// The role's name in PostgreSQL.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Superuser => "salus_superuser",
            Role::Owner => "salus_owner",
            Role::App => "salus_app",
        }
    }

    /// The last part of the name of the file that holds its password.
    pub(crate) const fn file_name(self) -> &'static str {
        match self {
            Role::Superuser => "superuser",
            Role::Owner => "owner",
            Role::App => "app",
        }
    }

    /// This role's place in arrays indexed by role.
    pub(crate) const fn index(self) -> usize {
        match self {
            Role::Superuser => 0,
            Role::Owner => 1,
            Role::App => 2,
        }
    }
}

/// The roles of every cluster. `salus_keys` (sealing anew) and `salus_gc` (forgetting old decisions) only
/// carry grants of migrations; whoever uses them must be made a member by a later migration of the superuser.
/// `salus_backup` reads everything, past row security, and may hold decisions up; where the program has no superuser
/// it takes backups, and is given a login for that.
/// The app's time-outs bound how long a lost client can hold locks; each operation sets tighter ones.
pub(crate) const ROLES: &str = "
    do $$
    declare
        wanted text;
    begin
        foreach wanted in array array['salus_owner', 'salus_app', 'salus_keys', 'salus_gc', 'salus_backup'] loop
            if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
                execute pg_catalog.format('create role %I', wanted);
            end if;
        end loop;
    end
    $$;
    alter role salus_owner login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
    alter role salus_app login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
    alter role salus_keys nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
    alter role salus_gc nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
    alter role salus_backup nosuperuser nocreatedb nocreaterole noreplication bypassrls;
    grant pg_read_all_data to salus_backup;
    alter role salus_app set statement_timeout = '5s';
    alter role salus_app set lock_timeout = '2s';
    alter role salus_app set idle_in_transaction_session_timeout = '10s';
    alter role salus_app set client_connection_check_interval = '500ms';
    revoke all on database postgres from public;
    revoke all on database template1 from public;
";

/// Gives a role the password in the session's settings. A statement cannot bind a password, and a text that
/// holds one must not reach a log.
const PASSWORD: &str = "
    do $$
    begin
        execute pg_catalog.format(
            'alter role %I password %L', current_setting('salus.role'), current_setting('salus.password'));
    end
    $$;
";

/// What every database needs and only a superuser can do.
///
/// `arraycontains` and `arrayoverlap` are marked leakproof, so that `@>` and `&&` on token arrays become
/// index conditions under row security: both only ever compare, and raise nothing that depends on a row.
/// Large objects are closed, because they live outside every table's row security.
pub(crate) const PREPARE: &str = "
    alter function pg_catalog.arraycontains(anyarray, anyarray) leakproof;
    alter function pg_catalog.arrayoverlap(anyarray, anyarray) leakproof;
    do $$
    begin
        execute pg_catalog.format('alter database %I owner to salus_owner', current_database());
        execute pg_catalog.format('revoke all on database %I from public', current_database());
        execute pg_catalog.format('grant connect on database %I to salus_app, salus_backup', current_database());
    end
    $$;
    revoke all on schema public from public;
    grant usage on schema public to salus_app;
    revoke execute on function pg_catalog.lo_creat(integer) from public;
    revoke execute on function pg_catalog.lo_create(oid) from public;
    revoke execute on function pg_catalog.lo_from_bytea(oid, bytea) from public;
    grant execute on function pg_catalog.pg_create_restore_point(text) to salus_backup;
    grant execute on function pg_catalog.pg_switch_wal() to salus_backup;
";

/// How often a cluster that reads its log back is asked whether it is through.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Waits until a cluster accepts writes. One that recovers to a named point accepts connections before it is there.
/// Answers whether it did in time.
pub(crate) async fn until_writable(
    database: Database,
    options: &PgConnectOptions,
    within: Duration,
) -> Result<bool, ClusterError> {
    let doing = ClusterError::sql(database, "asking whether it still recovers");
    let deadline = Instant::now() + within;
    let mut connection = connect(database, &options.clone().database("postgres")).await?;
    loop {
        let recovers: bool = sqlx::query_scalar("select pg_is_in_recovery()")
            .fetch_one(&mut connection)
            .await
            .map_err(&doing)?;
        if !recovers || Instant::now() > deadline {
            connection.close().await.map_err(&doing)?;
            return Ok(!recovers);
        }
        sleep(ASK_EVERY).await;
    }
}

/// Makes roles and the database of one cluster, or repairs what is missing. `options` lead to the cluster as
/// its superuser; the database they name is ignored.
pub(crate) async fn run(
    database: Database,
    options: &PgConnectOptions,
    passwords: &[Secret<String>; 3],
) -> Result<(), ClusterError> {
    let mut connection = connect(database, &options.clone().database("postgres")).await?;
    let doing = ClusterError::sql(database, "making its roles");
    let mut transaction = connection.begin().await.map_err(&doing)?;
    raw_sql(ROLES).execute(&mut *transaction).await.map_err(&doing)?;
    for role in [Role::Owner, Role::App] {
        let settings = "select set_config('salus.role', $1, true), set_config('salus.password', $2, true)";
        let query = sqlx::query(settings).bind(role.name()).bind(passwords[role.index()].expose());
        query.execute(&mut *transaction).await.map_err(&doing)?;
        raw_sql(PASSWORD).execute(&mut *transaction).await.map_err(&doing)?;
    }
    transaction.commit().await.map_err(&doing)?;

    let doing = ClusterError::sql(database, "making its database");
    let found: bool = sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(database.name())
        .fetch_one(&mut connection)
        .await
        .map_err(&doing)?;
    if !found {
        let create = match database {
            Database::Auth => "create database auth owner salus_owner template template0",
            Database::Phi => "create database phi owner salus_owner template template0",
            Database::Clinical => "create database clinical owner salus_owner template template0",
        };
        raw_sql(create).execute(&mut connection).await.map_err(&doing)?;
    }
    connection.close().await.map_err(&doing)?;
    prepare_database(database, &options.clone().database(database.name())).await
}

/// Prepares the database that `superuser` leads to: owner, grants and leakproof marks, which neither pg_dump
/// nor `create database` from an unprepared template carries. May run again at any time.
///
/// Errors: [`ClusterError::Sql`] when the database is unreachable or `superuser` is none.
pub async fn prepare_database(database: Database, superuser: &PgConnectOptions) -> Result<(), ClusterError> {
    let mut connection = connect(database, superuser).await?;
    let doing = ClusterError::sql(database, "preparing its database");
    let mut transaction = connection.begin().await.map_err(&doing)?;
    raw_sql(PREPARE).execute(&mut *transaction).await.map_err(&doing)?;
    transaction.commit().await.map_err(&doing)?;
    connection.close().await.map_err(&doing)
}

async fn connect(database: Database, options: &PgConnectOptions) -> Result<PgConnection, ClusterError> {
    options.connect().await.map_err(ClusterError::sql(database, "logging in as its superuser"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_databases_in_containers_are_made_by_the_same_statements() {
        let made = include_str!("../../../deploy/postgres/10-salus.sql");
        let mut wanted = String::from(
            "-- Roles and marks of each database, as the server makes them in clusters of its own: the same statements, which\n\
             -- a test compares. Run once by the image, as its superuser, in the database POSTGRES_DB.\n",
        );
        for text in [ROLES, PREPARE] {
            for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
                wanted.push_str(line.strip_prefix("    ").unwrap());
                wanted.push('\n');
            }
        }
        assert_eq!(made, wanted);
    }
}
