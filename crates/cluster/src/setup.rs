//! What the administrator of an external server must run before Salus can use it: the same roles, grants and marks that
//! the bootstrap gives to clusters of our own, and the settings that those have.

use kernel::Database;

use crate::bootstrap::{PREPARE, ROLES, Role};
use crate::login::{External, Host, Login};

/// Transactions that may be prepared: those of two servers, and what waits for recovery.
const PREPARED: u32 = 64;

/// The SQL for one database, for `psql` as a superuser of its server. Passwords are left as `<password of NAME>`: what a
/// terminal shows is no place for them.
pub fn setup_sql(external: &External) -> String {
    let External { database, app, owner, .. } = external;
    let owner = owner.as_ref().map_or(Role::Owner.name(), |login| login.user.as_str());
    let app_user = app.user.as_str();
    let (name, quoted) = (&app.database, identifier(&app.database));
    let mut sql = format!(
        "-- {database}: run as a superuser of the server {place}, with psql.\n\
         -- It may be run again (then the database exists already, and creating it fails). Put real passwords in the\n\
         -- place of <...> before.\n\n\
         -- 1. The server's settings. max_prepared_transactions needs a restart, the others a reload.\n\
         alter system set max_prepared_transactions = {PREPARED};\n\
         alter system set fsync = on;\n\
         alter system set full_page_writes = on;\n\
         alter system set password_encryption = 'scram-sha-256';\n\
         alter system set client_connection_check_interval = '500ms';\n\
         alter system set tcp_user_timeout = '10s';\n\
         alter system set tcp_keepalives_idle = 5;\n\
         alter system set tcp_keepalives_interval = 2;\n\
         alter system set tcp_keepalives_count = 3;\n\
         -- The log holds no values: DETAIL lines print keys, parameters are values.\n\
         alter system set log_error_verbosity = terse;\n\
         alter system set log_parameter_max_length = 0;\n\
         alter system set log_parameter_max_length_on_error = 0;\n\
         alter system set log_statement = 'none';\n\
         alter system set log_min_duration_statement = -1;\n\
         alter system set log_min_error_statement = panic;\n\
         select pg_reload_conf();\n{tls}\n\
         -- 2. Roles. Those that log in have passwords; salus_backup does for `salus backup` alone.\n{roles}",
        place = place(app),
        tls = tls(app, name, app_user, owner),
        roles = unindented(ROLES),
    );
    for (user, of) in [(owner, Role::Owner), (app_user, Role::App)] {
        let role = identifier(user);
        if user != of.name() {
            let of = of.name();
            sql.push_str(&format!(
                "do $$\nbegin\n    if not exists (select from pg_catalog.pg_roles where rolname = {text}) then\n        \
                 create role {role} login;\n    end if;\nend\n$$;\n\
                 alter role {role} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;\n\
                 grant {of} to {role};\nalter role {of} nologin;\n",
                text = literal(user),
            ));
        }
        sql.push_str(&format!("alter role {role} password '<password of {}>';\n", user.replace('\'', "''")));
    }
    sql.push_str("alter role salus_backup login password '<password of salus_backup>';\n");
    if app_user != Role::App.name() {
        let role = identifier(app_user);
        for (setting, value) in [
            ("statement_timeout", "5s"),
            ("lock_timeout", "2s"),
            ("idle_in_transaction_session_timeout", "10s"),
        ] {
            sql.push_str(&format!("alter role {role} set {setting} = '{value}';\n"));
        }
    }
    sql.push_str(&format!(
        "\n-- 3. The database, if it is not there yet: UTF-8, in byte order on every machine.\n\
         create database {quoted} owner salus_owner template template0 encoding 'UTF8' locale 'C';\n\n\
         -- 4. In the database: its owner, who may connect, and the leakproof marks without which searches cannot use\n\
         -- their indexes under row-level security.\n\
         \\connect {quoted}\n{prepare}",
        prepare = unindented(PREPARE),
    ));
    sql
}

/// Where the server is.
fn place(login: &Login) -> String {
    match &login.host {
        Host::Socket(folder) => format!("with its socket in {}", folder.display()),
        Host::Name(name) => format!("{name}:{}", login.port),
    }
}

/// What `pg_hba.conf` should say, as a comment: no SQL writes that file.
fn tls(login: &Login, database: &str, app: &str, owner: &str) -> String {
    match login.host {
        Host::Socket(_) => String::new(),
        Host::Name(_) => format!(
            "-- In postgresql.conf: ssl = on, ssl_cert_file, ssl_key_file; the certificate must name the host.\n\
             -- In pg_hba.conf, with the address of the server instead of the last zeros:\n\
             --   hostssl  \"{database}\"  \"{app}\",\"{owner}\",salus_backup  0.0.0.0/0  scram-sha-256\n"
        ),
    }
}

/// The text without the indentation that it has in the source.
fn unindented(text: &str) -> String {
    let lines = text.trim().lines().map(|line| line.strip_prefix("    ").unwrap_or(line).trim_end());
    lines.map(|line| format!("{line}\n")).collect()
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The external database that the SQL is printed for where none is configured yet.
pub fn example(database: Database) -> External {
    let app = Login {
        host: Host::Name(format!("{database}.example.org")),
        port: 5432,
        database: database.name().to_owned(),
        user: Role::App.name().to_owned(),
        password: None,
        tls: crate::login::Tls { mode: crate::login::TlsMode::VerifyFull, root: None, client: None },
    };
    External { database, app, owner: None, owner_variable: "" }
}
