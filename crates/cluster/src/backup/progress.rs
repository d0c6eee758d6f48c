//! What a backup or restore is doing, for the person who waits.

use std::fmt;
use std::time::Duration;

use kernel::Database;

/// One step. `Display` is a sentence fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupProgress {
    /// The three databases have one point in common, and writes were held up for so long.
    Point(Duration),
    /// Transactions are in doubt; the point is tried again when they are settled.
    InDoubt(usize),
    /// A dump has grown to so many bytes.
    Growing(Database, u64),
    /// A dump is finished: bytes, and how long it took.
    Dumped(Database, u64, Duration),
    /// The files are compared with their fingerprints.
    Verifying,
    /// A database is restored beside the one that it will replace.
    Restored(Database, Duration),
    /// The restored databases took the place of the others.
    Swapped,
}

impl fmt::Display for BackupProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BackupProgress::Point(held) => {
                write!(
                    f,
                    "one point in all three databases; writes over several waited {} ms",
                    held.as_millis()
                )
            }
            BackupProgress::InDoubt(count) => write!(f, "waiting for {count} transactions in doubt"),
            BackupProgress::Growing(database, bytes) => write!(f, "{database}: {} so far", Bytes(*bytes)),
            BackupProgress::Dumped(database, bytes, took) => {
                write!(f, "{database}: {} in {:.1} s", Bytes(*bytes), took.as_secs_f64())
            }
            BackupProgress::Verifying => f.write_str("comparing the files with their fingerprints"),
            BackupProgress::Restored(database, took) => {
                write!(f, "{database}: restored in {:.1} s", took.as_secs_f64())
            }
            BackupProgress::Swapped => f.write_str("the restored databases are in place"),
        }
    }
}

/// A number of bytes in a unit that fits.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut value, mut unit) = (self.0, "bytes");
        for larger in ["KiB", "MiB", "GiB"] {
            if value < 10 * 1024 {
                break;
            }
            (value, unit) = (value / 1024, larger);
        }
        write!(f, "{value} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_said_in_a_unit_that_fits() {
        for (bytes, said) in
            [(900, "900 bytes"), (20_480, "20 KiB"), (50 << 20, "50 MiB"), (90 << 30, "90 GiB")]
        {
            assert_eq!(Bytes(bytes).to_string(), said);
        }
    }
}
