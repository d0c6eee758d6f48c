//! Asking the person at the terminal.

use crate::say;
use std::io::{self, BufRead, IsTerminal, Write};

/// Whether the person types `yes`. Where nobody can be asked, the answer is no, and how to do without is
/// said.
pub fn confirm(question: &str) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        say::progress(format_args!(
            "{question}\nThere is no terminal to ask at: repeat the command with --yes."
        ));
        return Ok(false);
    }
    eprint!("{question}\nType yes to go on: ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
