//! The three isolated databases.

use std::fmt;

/// One of the three databases. The order (`auth` < `phi` < `clinical`) is the global order in which connections
/// and locks are taken (PAIRED protocol: m < p < c), so `Ord` is part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Database {
    /// Organizations, accounts, configuration and the provider directory. Nothing about a patient but opaque ids.
    Auth,
    /// Who the patient is.
    Phi,
    /// What is true of the patient.
    Clinical,
}

impl Database {
    /// All databases, in lock order.
    pub const ALL: [Database; 3] = [Database::Auth, Database::Phi, Database::Clinical];

    /// The name of the database, its folder of migrations and its cluster: `auth`, `phi` or `clinical`.
    pub const fn name(self) -> &'static str {
        match self {
            Database::Auth => "auth",
            Database::Phi => "phi",
            Database::Clinical => "clinical",
        }
    }

    /// The one-letter code used in global transaction ids: `m`, `p` or `c`.
    pub const fn code(self) -> char {
        match self {
            Database::Auth => 'm',
            Database::Phi => 'p',
            Database::Clinical => 'c',
        }
    }

    /// The database with this one-letter code.
    pub fn from_code(code: char) -> Option<Database> {
        Database::ALL.into_iter().find(|database| database.code() == code)
    }

    /// 0, 1 or 2: the position in lock order, for arrays indexed by database and for the two database bits of a
    /// [`crate::Rid`].
    pub const fn index(self) -> usize {
        match self {
            Database::Auth => 0,
            Database::Phi => 1,
            Database::Clinical => 2,
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
