//! Why a database that answers is not used, and what is only worth a warning: one line each, and what to do about it.

use kernel::Database;

/// Why a database must not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It does not let us in: the certificate is not verified, the password is wrong, there is no such database.
    #[error("{database} does not let the server in: {reason}")]
    NotLetIn {
        /// Which.
        database: Database,
        /// What it, or the TLS library, said.
        reason: String,
    },
    /// The schema of the paired commit or its identity row is missing.
    #[error("{0} has no identity: run the migrations")]
    NoIdentity(Database),
    /// Another of the three databases answered under this one's address.
    #[error("the database configured as {expected} says that it is {found}")]
    WrongDatabase {
        /// What it should be.
        expected: Database,
        /// The code in `txn.identity`.
        found: String,
    },
    /// It belongs to another installation than the others.
    #[error("{0} belongs to another installation than the other databases")]
    OtherPair(Database),
    /// It was restored without the others.
    #[error("{database} is in epoch {found}, the other databases in epoch {expected}")]
    OtherEpoch {
        /// Which.
        database: Database,
        /// The epoch of the others.
        expected: i64,
        /// Its epoch.
        found: i64,
    },
    /// Its data came from another server, by a dump: prepared transactions did not come along.
    #[error("{0} was moved to another server: its identity must be renewed")]
    OtherServer(Database),
    /// It is a standby.
    #[error("{0} is in recovery: paired commits need its primary")]
    Standby(Database),
    /// A commit would not survive a crash.
    #[error("{0} runs with fsync or full_page_writes off")]
    NotDurable(Database),
    /// Too few prepared transactions are allowed.
    #[error("{database} has max_prepared_transactions = {found}; at least {needed} are needed")]
    TooFewSlots {
        /// Which.
        database: Database,
        /// What is set.
        found: i64,
        /// What the permits and the reserve need.
        needed: i64,
    },
    /// The login may do what the server's login must not.
    #[error("the login {role} of {database} is a superuser or bypasses row security")]
    TooPowerful {
        /// Which.
        database: Database,
        /// The role.
        role: String,
    },
    /// The login may change the schema.
    #[error("the login {role} of {database} may create or owns {what}")]
    MayCreate {
        /// Which.
        database: Database,
        /// The role.
        role: String,
        /// What, in words.
        what: String,
    },
    /// Rows of several organizations lie in a table without FORCE row-level security.
    #[error(
        "{database} does not separate organizations in {tables}: row-level security is not enabled and forced"
    )]
    Unseparated {
        /// Which.
        database: Database,
        /// `schema.table`, comma separated.
        tables: String,
    },
    /// Migrations are missing.
    #[error("{database} lacks migrations {versions}")]
    Pending {
        /// Which.
        database: Database,
        /// Their numbers, comma separated.
        versions: String,
    },
    /// It was migrated by a newer program.
    #[error("{database} carries migrations {versions}, which this program does not know")]
    Newer {
        /// Which.
        database: Database,
        /// Their numbers, comma separated.
        versions: String,
    },
    /// The server lacks fixes without which row security can be got around.
    #[error(
        "{database} runs PostgreSQL {found}, older than {floor}, which is the first without known ways around row security"
    )]
    Unpatched {
        /// Which.
        database: Database,
        /// Its version.
        found: String,
        /// The first version that will do.
        floor: &'static str,
    },
    /// Text is not stored as UTF-8.
    #[error("{database} has the encoding {found}, not UTF8")]
    Encoding {
        /// Which.
        database: Database,
        /// Its encoding.
        found: String,
    },
    /// A client that died keeps its locks until its statement ends.
    #[error(
        "{0} has client_connection_check_interval = 0: the locks of a dead server would stay until its statement ends"
    )]
    BlindToDeadClients(Database),
    /// A setting rolls prepared transactions back by itself, which would leave half of a paired commit.
    #[error(
        "{database} has {setting} set, which ends prepared transactions by itself and so halves paired commits"
    )]
    EndsPrepared {
        /// Which.
        database: Database,
        /// The settings, comma separated.
        setting: String,
    },
    /// Searches under row-level security cannot use their indexes.
    #[error("{database} does not know {functions} as leakproof: every search would read whole tables")]
    NotLeakproof {
        /// Which.
        database: Database,
        /// The functions, comma separated.
        functions: String,
    },
}

impl Refusal {
    /// The database that it is about.
    pub fn database(&self) -> Database {
        match self {
            Refusal::NoIdentity(database)
            | Refusal::OtherPair(database)
            | Refusal::OtherServer(database)
            | Refusal::Standby(database)
            | Refusal::NotDurable(database)
            | Refusal::BlindToDeadClients(database)
            | Refusal::WrongDatabase { expected: database, .. }
            | Refusal::NotLetIn { database, .. }
            | Refusal::OtherEpoch { database, .. }
            | Refusal::TooFewSlots { database, .. }
            | Refusal::TooPowerful { database, .. }
            | Refusal::MayCreate { database, .. }
            | Refusal::Unseparated { database, .. }
            | Refusal::Pending { database, .. }
            | Refusal::Newer { database, .. }
            | Refusal::Unpatched { database, .. }
            | Refusal::Encoding { database, .. }
            | Refusal::EndsPrepared { database, .. }
            | Refusal::NotLeakproof { database, .. } => *database,
        }
    }

    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Refusal::NotLetIn { .. } => {
                "check host, name, user and password, and that sslrootcert names the authority which signed the server's \
                 certificate for this host name"
            }
            Refusal::NoIdentity(_) | Refusal::Pending { .. } => {
                "run `salus migrate up` with the owners' passwords"
            }
            Refusal::WrongDatabase { .. } => "put each database's settings under its own name",
            Refusal::OtherPair(_) => "all three databases must be of one installation: check the addresses",
            Refusal::OtherEpoch { .. } => {
                "the three databases are restored together, or the epoch is raised in all three"
            }
            Refusal::OtherServer(_) => {
                "as the owner: update txn.identity set system_identifier = (select system_identifier::text from \
                 pg_control_system()), once no prepared transaction of the old server is in doubt"
            }
            Refusal::Standby(_) => "name the primary's address",
            Refusal::NotDurable(_) => {
                "alter system set fsync = on; alter system set full_page_writes = on; reload"
            }
            Refusal::TooFewSlots { .. } => {
                "alter system set max_prepared_transactions = 64; restart the server"
            }
            Refusal::TooPowerful { .. } => {
                "log in as salus_app, or alter role ... nosuperuser nobypassrls nocreaterole nocreatedb noreplication"
            }
            Refusal::MayCreate { .. } => {
                "let salus_owner own the database and everything in it, and run the grants of `salus doctor --sql`"
            }
            Refusal::Unseparated { .. } => {
                "as the owner: alter table ... enable row level security; alter table ... force row level security"
            }
            Refusal::Newer { .. } => "run the newer release, or take the migrations back with it",
            Refusal::Unpatched { .. } => "update PostgreSQL to its current minor release",
            Refusal::Encoding { .. } => "create the database with encoding 'UTF8' template template0",
            Refusal::BlindToDeadClients(_) => {
                "alter role salus_app set client_connection_check_interval = '500ms'"
            }
            Refusal::EndsPrepared { .. } => "alter system reset that setting; reload",
            Refusal::NotLeakproof { .. } => {
                "as superuser, in the database: alter function pg_catalog.arraycontains(anyarray, anyarray) leakproof; \
                 alter function pg_catalog.arrayoverlap(anyarray, anyarray) leakproof"
            }
        }
    }
}

/// What does not stop the start and should be known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// Its clock differs from ours.
    #[error("the clock of {database} differs from this machine's by {seconds} s")]
    Clock {
        /// Which.
        database: Database,
        /// By how much.
        seconds: i64,
    },
    /// The server's log would show values.
    #[error("the log of {database} may show values of statements: {settings}")]
    TalkativeLog {
        /// Which.
        database: Database,
        /// The settings, comma separated.
        settings: String,
    },
    /// Somebody else's prepared transactions.
    #[error("{database} holds {count} prepared transactions that are not of this installation: {gids}")]
    Strangers {
        /// Which.
        database: Database,
        /// How many.
        count: i64,
        /// The first of them.
        gids: String,
    },
    /// Fewer connections are allowed than the server may open.
    #[error("{database} allows {allowed} connections, and this server may open {needed}")]
    FewConnections {
        /// Which.
        database: Database,
        /// `max_connections` without the reserve.
        allowed: i64,
        /// The pool and the store's own.
        needed: i64,
    },
    /// It lies on the same server as another of the three.
    #[error(
        "{0} lies on the same PostgreSQL server as another of the three databases: who gets into one is close to both"
    )]
    SharedServer(Database),
    /// As [`Refusal::Unpatched`], for databases of our own.
    #[error("{database} runs PostgreSQL {found}; update it to {floor} or later before real data is stored")]
    Unpatched {
        /// Which.
        database: Database,
        /// Its version.
        found: String,
        /// The first version that will do.
        floor: &'static str,
    },
    /// It does not answer, so nothing is known of it.
    #[error("{0} does not answer")]
    Silent(Database),
}

impl Warning {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Warning::Clock { .. } => "let both machines follow a time server",
            Warning::TalkativeLog { .. } => {
                "alter system set log_error_verbosity = terse; log_parameter_max_length = 0; \
                 log_parameter_max_length_on_error = 0; log_statement = none; log_min_duration_statement = -1; \
                 log_min_error_statement = panic; reload"
            }
            Warning::Strangers { .. } => {
                "whoever prepared them must finish them: they hold locks and hold back vacuum"
            }
            Warning::FewConnections { .. } => "raise max_connections, or lower DATABASE_MAX_CONNECTIONS",
            Warning::SharedServer(_) => "give each database a server of its own",
            Warning::Unpatched { .. } => "update PostgreSQL to its current minor release",
            Warning::Silent(_) => {
                "check that it runs, its address and the firewall; the server starts without it and uses it \
                                   when it answers"
            }
        }
    }
}
