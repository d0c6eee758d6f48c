//! Words for the person at the terminal. A terminal or pipe that has gone away must not stop a server, as the
//! standard macros would.

use std::fmt::Display;
use std::io::Write;

/// A line of the result, on standard output.
pub fn result(line: impl Display) {
    // Nobody is left to tell.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// A text that is the whole result.
pub fn text(text: impl Display) {
    // Nobody is left to tell.
    let _ = write!(std::io::stdout().lock(), "{text}");
}

/// A line about what happens, on standard error.
pub fn progress(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
