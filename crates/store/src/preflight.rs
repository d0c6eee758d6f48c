//! What is looked at in a database before work is entrusted to it. Everything is looked at, so that whoever must mend it
//! hears of all faults at once.

use std::time::Duration;

use kernel::Database;
use sqlx::{ConnectOptions, PgConnection, Row};

use crate::contact::Installation;
use crate::options::StoreOptions;
use crate::refusal::{Refusal, Warning};
use crate::sql;

/// Prepared transactions that must fit beside those of the permits, for what waits for recovery.
const RESERVE: i64 = 8;
/// Connections that the store holds beside the pool.
const OF_THE_STORE: i64 = 5;
/// How far a database's clock may be from ours before it is said.
const CLOCK_SKEW: Duration = Duration::from_secs(2);
/// By major version the first minor release in which CVE-2024-10976 (policies of another user in a reused plan) and
/// CVE-2025-8713 (statistics that show rows behind a policy) are fixed.
const FLOORS: [(i64, i64, &str); 3] = [(15, 14, "15.14"), (16, 10, "16.10"), (17, 6, "17.6")];
/// Tables with a column `tenant` whose rows belong to no organization: recovery must see all of them.
const OF_NOBODY: [&str; 1] = ["txn.decision"];
/// Settings of the server's log under which it would hold values.
const QUIET_LOG: [(&str, &str); 6] = [
    ("log_error_verbosity", "terse"),
    ("log_parameter_max_length", "0"),
    ("log_parameter_max_length_on_error", "0"),
    ("log_statement", "none"),
    ("log_min_duration_statement", "-1"),
    ("log_min_error_statement", "panic"),
];

/// What is asked of each database.
pub(crate) struct Demands<'o> {
    pub(crate) options: &'o StoreOptions,
    /// Whether the migrations are looked at.
    pub(crate) schema: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) warnings: Vec<Warning>,
}

/// What a look at one database found.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Which.
    pub database: Database,
    /// Why it must not be used.
    pub refusals: Vec<Refusal>,
    /// What should be known.
    pub warnings: Vec<Warning>,
}

/// Looks at the three databases as the store does when it is opened, without opening it.
pub async fn preflight(options: &StoreOptions) -> Vec<Looked> {
    let installation = Installation::default();
    let demands = Demands { options, schema: true };
    let mut all = Vec::with_capacity(3);
    for database in Database::ALL {
        let pool = &options.pools[database.index()];
        let session = options.session(database, "doctor");
        let found = match sql::within(pool.connect, session.connect()).await {
            Err(error) => match not_let_in(database, &error) {
                Some(refusal) => Ok(Findings { refusals: vec![refusal], warnings: Vec::new() }),
                None => Err(()),
            },
            Ok(mut connection) => {
                let asked = examine(&mut connection, database, &demands, &installation);
                sql::within(pool.bulk_statement, asked).await.map_err(|_| ())
            }
        };
        let Findings { refusals, warnings } = found.unwrap_or_else(|()| Findings {
            refusals: Vec::new(),
            warnings: vec![Warning::Silent(database)],
        });
        all.push(Looked { database, refusals, warnings });
    }
    all
}

/// Looks at the database at the other end. The error is silence.
pub(crate) async fn examine(
    connection: &mut PgConnection,
    database: Database,
    demands: &Demands<'_>,
    installation: &Installation,
) -> Result<Findings, sqlx::Error> {
    let mut found = Findings::default();
    let server = settings(connection, database, demands.options, &mut found).await?;
    role(connection, database, &mut found).await?;
    tables(connection, database, &mut found).await?;
    functions(connection, database, &mut found).await?;
    if demands.schema {
        migrations(connection, database, demands.options, &mut found).await?;
    }
    identity(connection, database, &server, installation, &mut found).await?;
    strangers(connection, database, installation, &mut found).await?;
    Ok(found)
}

/// The server's settings; gives its system identifier.
async fn settings(
    connection: &mut PgConnection,
    database: Database,
    options: &StoreOptions,
    found: &mut Findings,
) -> Result<String, sqlx::Error> {
    let before_ms = options.clock.now().timestamp_millis();
    let row = sqlx::query(
        "select (select s.system_identifier::text from pg_control_system() s) as server,
            current_setting('server_version') as version,
            current_setting('server_version_num')::bigint as version_number,
            current_setting('server_encoding') as encoding,
            pg_is_in_recovery() as standby,
            current_setting('max_prepared_transactions')::bigint as slots,
            current_setting('max_connections')::bigint
                - current_setting('superuser_reserved_connections')::bigint as connections,
            current_setting('fsync')::boolean and current_setting('full_page_writes')::boolean as durable,
            current_setting('client_connection_check_interval') as checks,
            (extract(epoch from clock_timestamp()) * 1000)::bigint as clock_ms,
            array(select name from pg_settings
                where name ~ 'prepared' and name ~ '(timeout|lifetime|age|rollback|expire)'
                    and setting not in ('0', '-1', 'off', '')
                order by name) as ends_prepared",
    )
    .fetch_one(&mut *connection)
    .await?;
    let after_ms = options.clock.now().timestamp_millis();
    if row.try_get("standby")? {
        found.refusals.push(Refusal::Standby(database));
    }
    if options.durable && !row.try_get::<bool, _>("durable")? {
        found.refusals.push(Refusal::NotDurable(database));
    }
    let needed = i64::from(options.paired_permits) + RESERVE;
    let slots: i64 = row.try_get("slots")?;
    if slots < needed {
        found.refusals.push(Refusal::TooFewSlots { database, found: slots, needed });
    }
    let encoding: String = row.try_get("encoding")?;
    if encoding != "UTF8" {
        found.refusals.push(Refusal::Encoding { database, found: encoding });
    }
    if row.try_get::<String, _>("checks")? == "0" {
        found.refusals.push(Refusal::BlindToDeadClients(database));
    }
    let setting = row.try_get::<Vec<String>, _>("ends_prepared")?.join(", ");
    if !setting.is_empty() {
        found.refusals.push(Refusal::EndsPrepared { database, setting });
    }
    let number: i64 = row.try_get("version_number")?;
    if let Some(floor) = too_old(number) {
        let version: String = row.try_get("version")?;
        match options.external {
            true => found.refusals.push(Refusal::Unpatched { database, found: version, floor }),
            false => found.warnings.push(Warning::Unpatched { database, found: version, floor }),
        }
    }
    let clock_ms: i64 = row.try_get("clock_ms")?;
    // Behind the first look or ahead of the second: the way there and back is nobody's fault.
    let skew_ms = (clock_ms - after_ms).max(before_ms - clock_ms);
    if u128::try_from(skew_ms).is_ok_and(|skew_ms| skew_ms > CLOCK_SKEW.as_millis()) {
        found.warnings.push(Warning::Clock { database, seconds: skew_ms / 1_000 });
    }
    let allowed: i64 = row.try_get("connections")?;
    let needed = i64::from(options.pools[database.index()].max_connections) + OF_THE_STORE;
    if allowed < needed {
        found.warnings.push(Warning::FewConnections { database, allowed, needed });
    }
    let names: Vec<&str> = QUIET_LOG.iter().map(|(name, _)| *name).collect();
    let set: Vec<String> =
        sqlx::query_scalar("select coalesce(current_setting(name, true), '') from unnest($1::text[]) name")
            .bind(names)
            .fetch_all(&mut *connection)
            .await?;
    let talkative = QUIET_LOG.iter().zip(&set).filter(|((_, quiet), set)| quiet != set);
    let settings: Vec<_> = talkative.map(|((name, _), set)| format!("{name} = {set}")).collect();
    if !settings.is_empty() {
        found.warnings.push(Warning::TalkativeLog { database, settings: settings.join(", ") });
    }
    row.try_get("server")
}

/// The first version that will do, where this one will not.
fn too_old(number: i64) -> Option<&'static str> {
    let (major, minor) = (number / 10_000, number % 10_000);
    if major < 15 {
        return Some("15.14");
    }
    let known = FLOORS.iter().find(|(of, _, _)| *of == major);
    known.filter(|(_, floor, _)| minor < *floor).map(|(_, _, name)| *name)
}

/// What our login may do.
async fn role(
    connection: &mut PgConnection,
    database: Database,
    found: &mut Findings,
) -> Result<(), sqlx::Error> {
    let row = sqlx::query(
        "select r.rolname::text as role, r.rolsuper or r.rolbypassrls as powerful,
            array_remove(array[
                case when r.rolcreaterole then 'roles' end,
                case when r.rolcreatedb then 'databases' end,
                case when r.rolreplication then 'replication slots' end,
                case when has_database_privilege(current_database(), 'create') then 'schemas' end,
                (select 'objects in schema ' || string_agg(n.nspname, ', ' order by n.nspname) from pg_namespace n
                    where n.nspname !~ '^pg_(temp|toast)' and has_schema_privilege(n.oid, 'create')),
                (select 'table ' || min(c.oid::regclass::text) from pg_class c where c.relowner = r.oid)
            ], null) as may
         from pg_roles r where r.rolname = current_user",
    )
    .fetch_one(&mut *connection)
    .await?;
    let role: String = row.try_get("role")?;
    let may: Vec<String> = row.try_get("may")?;
    if row.try_get("powerful")? {
        found.refusals.push(Refusal::TooPowerful { database, role });
    } else if !may.is_empty() {
        found.refusals.push(Refusal::MayCreate { database, role, what: may.join(", ") });
    }
    Ok(())
}

/// Whether every table with rows of organizations keeps them apart, from its owner too.
async fn tables(
    connection: &mut PgConnection,
    database: Database,
    found: &mut Findings,
) -> Result<(), sqlx::Error> {
    let bare: Vec<String> = sqlx::query_scalar(
        "select n.nspname || '.' || c.relname
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
            and exists (select from pg_attribute a
                where a.attrelid = c.oid and a.attname = 'tenant' and not a.attisdropped)
            and not (c.relrowsecurity and c.relforcerowsecurity)
            and n.nspname || '.' || c.relname <> all($1::text[])
         order by 1",
    )
    .bind(OF_NOBODY.to_vec())
    .fetch_all(&mut *connection)
    .await?;
    if !bare.is_empty() {
        found.refusals.push(Refusal::Unseparated { database, tables: bare.join(", ") });
    }
    Ok(())
}

/// Whether the operators of searches become index conditions under row-level security.
async fn functions(
    connection: &mut PgConnection,
    database: Database,
    found: &mut Findings,
) -> Result<(), sqlx::Error> {
    let leaky: Vec<String> = sqlx::query_scalar(
        "select proname::text from pg_proc
         where pronamespace = 'pg_catalog'::regnamespace and proname in ('arraycontains', 'arrayoverlap')
            and not proleakproof
         order by 1",
    )
    .fetch_all(&mut *connection)
    .await?;
    if !leaky.is_empty() {
        found.refusals.push(Refusal::NotLeakproof { database, functions: leaky.join(", ") });
    }
    Ok(())
}

/// Whether the schema is the one that this program was built for.
async fn migrations(
    connection: &mut PgConnection,
    database: Database,
    options: &StoreOptions,
    found: &mut Findings,
) -> Result<(), sqlx::Error> {
    let Some(expected) = &options.schema else { return Ok(()) };
    let expected = &expected[database.index()];
    let asked =
        sqlx::query_scalar("select version from public._sqlx_migrations where success order by version")
            .fetch_all(&mut *connection)
            .await;
    let applied: Vec<i64> = match asked {
        Ok(applied) => applied,
        // There is no list, or the migration that lets us read it is not applied.
        Err(error) if is_missing(&error) => Vec::new(),
        Err(error) => return Err(error),
    };
    let list = |versions: Vec<&i64>| {
        versions.iter().map(|version| format!("{version:04}")).collect::<Vec<_>>().join(", ")
    };
    let pending: Vec<_> = expected.iter().filter(|version| !applied.contains(version)).collect();
    if !pending.is_empty() {
        found.refusals.push(Refusal::Pending { database, versions: list(pending) });
    }
    let newer: Vec<_> = applied.iter().filter(|version| !expected.contains(version)).collect();
    if !newer.is_empty() {
        found.refusals.push(Refusal::Newer { database, versions: list(newer) });
    }
    Ok(())
}

/// Whether it is the database that it should be, of the same installation as the others.
async fn identity(
    connection: &mut PgConnection,
    database: Database,
    server: &str,
    installation: &Installation,
    found: &mut Findings,
) -> Result<(), sqlx::Error> {
    let asked =
        sqlx::query("select pair_id, db_code::text as db_code, system_identifier, epoch from txn.identity")
            .fetch_optional(&mut *connection)
            .await;
    let row = match asked {
        Ok(Some(row)) => row,
        Ok(None) => {
            found.refusals.push(Refusal::NoIdentity(database));
            return Ok(());
        }
        Err(error) if is_missing(&error) => {
            found.refusals.push(Refusal::NoIdentity(database));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let code: String = row.try_get("db_code")?;
    if code != database.code().to_string() {
        found.refusals.push(Refusal::WrongDatabase { expected: database, found: code });
        return Ok(());
    }
    if row.try_get::<String, _>("system_identifier")? != server {
        found.refusals.push(Refusal::OtherServer(database));
    }
    if installation.shares(database, server) {
        found.warnings.push(Warning::SharedServer(database));
    }
    if let Err(refusal) = installation.agree(database, row.try_get("pair_id")?, row.try_get("epoch")?) {
        found.refusals.push(refusal);
    }
    Ok(())
}

/// Prepared transactions of others: they are never touched, but hold locks.
async fn strangers(
    connection: &mut PgConnection,
    database: Database,
    installation: &Installation,
    found: &mut Findings,
) -> Result<(), sqlx::Error> {
    let ours = installation.identity().map_or_else(|| "salus1.".to_owned(), |identity| identity.prefix());
    let gids: Vec<String> = sqlx::query_scalar(
        "select gid from pg_prepared_xacts
         where database = current_database() and not starts_with(gid, $1) order by prepared",
    )
    .bind(ours)
    .fetch_all(&mut *connection)
    .await?;
    if gids.is_empty() {
        return Ok(());
    }
    // A stranger's name may hold anything: only what is plain is shown of it.
    let plain = |gid: &String| -> String {
        gid.chars().take(60).map(|c| if c.is_ascii_graphic() && c != '"' { c } else { '?' }).collect()
    };
    let shown = gids.iter().take(3).map(plain).collect::<Vec<_>>().join(", ");
    let count = i64::try_from(gids.len()).unwrap_or(i64::MAX);
    found.warnings.push(Warning::Strangers { database, count, gids: shown });
    Ok(())
}

/// The schema, the table or the right to see it is missing.
fn is_missing(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(said) => matches!(said.code().as_deref(), Some("42P01" | "3F000" | "42501")),
        _ => false,
    }
}

/// The refusal that this failure to connect means; none where nobody answered, or only for now.
pub(crate) fn not_let_in(database: Database, error: &sqlx::Error) -> Option<Refusal> {
    let reason = match error {
        sqlx::Error::Tls(error) => format!("TLS: {error}"),
        // The TLS library's verdict on a certificate comes wrapped in an error of reading.
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => format!("TLS: {error}"),
        sqlx::Error::Configuration(error) => error.to_string(),
        sqlx::Error::Database(said) => match said.code().as_deref() {
            // 28: the login; 3D000: no such database; 42501: it may not connect; 42704, 22023: a setting is unknown.
            Some("28000" | "28P01" | "3D000" | "42501" | "42704" | "22023") => said.message().to_owned(),
            _ => return None,
        },
        _ => return None,
    };
    Some(Refusal::NotLetIn { database, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_release_without_the_fixes_is_too_old() {
        for (number, floor) in
            [(150_013, Some("15.14")), (150_014, None), (160_009, Some("16.10")), (170_006, None)]
        {
            assert_eq!(too_old(number), floor, "{number}");
        }
        assert_eq!((too_old(140_030), too_old(180_000)), (Some("15.14"), None));
    }
}
