//! Limits that hold everywhere. Each is enforced, and named in the README.

use std::time::Duration;

/// Largest request body, bytes, of anything but a Bundle.
pub const BODY_BYTES: usize = 1024 * 1024;
/// Largest Bundle posted to the FHIR base, bytes.
pub const BUNDLE_BYTES: usize = 16 * 1024 * 1024;
/// Bundles above [`BODY_BYTES`] that one instance works on at a time.
pub const LARGE_BUNDLES_IN_WORK: usize = 2;
/// Entries in one Bundle.
pub const BUNDLE_ENTRIES: usize = 10_000;
/// Entries beyond which a Bundle is a bulk operation.
pub const BULK_ENTRIES: usize = 100;
/// Longest request target (path and query), bytes.
pub const URL_BYTES: usize = 8 * 1024;
/// Largest sum of header names and values, bytes.
pub const HEADER_BYTES: usize = 16 * 1024;
/// Deepest nesting of arrays and objects in JSON.
pub const JSON_DEPTH: usize = 64;
/// Longest number literal in JSON, characters.
pub const JSON_NUMBER_CHARACTERS: usize = 64;
/// Page size when the client names none.
pub const PAGE_DEFAULT: usize = 20;
/// Largest page; a larger `_count` is clamped to it.
pub const PAGE_MAX: usize = 1_000;
/// Values in one OR list of a search parameter.
pub const SEARCH_ALTERNATIVES: usize = 100;
/// Parameters in one search.
pub const SEARCH_PARAMETERS: usize = 50;
/// Time from a connection's first byte to the end of the request head.
pub const HEADER_READ: Duration = Duration::from_secs(10);
/// Time to receive a request body.
pub const BODY_READ: Duration = Duration::from_secs(30);
/// Time for a request as a whole, except Bundles.
pub const REQUEST: Duration = Duration::from_secs(30);
/// Time for a Bundle as a whole.
pub const BUNDLE_REQUEST: Duration = Duration::from_secs(60);
/// Time to wait for a free database connection.
pub const ACQUIRE: Duration = Duration::from_secs(5);
/// Time to open a database connection.
pub const CONNECT: Duration = Duration::from_secs(10);
/// Time that a database connection may lie idle before it is closed.
pub const IDLE: Duration = Duration::from_secs(600);
/// `statement_timeout` of ordinary work.
pub const STATEMENT: Duration = Duration::from_secs(5);
/// `statement_timeout` of a report or a bulk operation.
pub const BULK_STATEMENT: Duration = Duration::from_secs(30);
/// `lock_timeout`.
pub const LOCK: Duration = Duration::from_secs(2);
/// Time that a stopping server gives to requests in flight.
pub const DRAIN: Duration = Duration::from_secs(10);
