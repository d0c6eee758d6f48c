//! What an error of the driver means: the one place that knows SQLSTATEs (PostgreSQL documentation, appendix A).

use domain::StoreError;
use kernel::Database;

/// The meaning of this driver error for a repository of `database`.
pub fn classify(database: Database, error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(said) => {
            let sqlstate = said.code().map(|code| code.into_owned());
            match sqlstate.as_deref() {
                Some("40001" | "40P01" | "55P03") => StoreError::Contended { database },
                Some("57014") => StoreError::TooCostly { database },
                Some(code) if code.starts_with("23") => {
                    StoreError::Constraint { name: said.constraint().unwrap_or("unnamed").to_owned() }
                }
                // Connection exceptions, insufficient resources, operator intervention.
                Some(code) if code.starts_with("08") || code.starts_with("53") || code.starts_with("57P") => {
                    StoreError::Unavailable { database }
                }
                _ => StoreError::Unexpected { database, sqlstate },
            }
        }
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => StoreError::Unavailable { database },
        _ => StoreError::Unexpected { database, sqlstate: None },
    }
}
