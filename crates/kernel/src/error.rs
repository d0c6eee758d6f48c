//! One classification for all errors: what the edge needs to know to answer.

/// What kind of failure an error is. Each API family renders these in its own form; no other property of an error
/// decides a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The thing asked for does not exist, or the caller may not know that it does (404).
    Missing,
    /// The thing existed and was deleted (410).
    Gone,
    /// The request itself is wrong (400 or 422).
    Invalid,
    /// The caller may not do this (403).
    Forbidden,
    /// The state of the world refuses it: stale version, illegal transition, duplicate (409 or 412).
    Conflict,
    /// Try again: a lock, a full pool, a database that is down (503 with `Retry-After`).
    Busy,
    /// A decided commit could not be confirmed in time (202 or 503).
    InDoubt,
    /// A defect of ours (500).
    Bug,
}

/// Every error that can reach an API says what kind it is.
pub trait Classify: std::error::Error {
    /// The kind of this failure.
    fn kind(&self) -> ErrorKind;
}
