//! The command line.

use clap::{Parser, Subcommand};
use kernel::Database;

use crate::backup::BackupOptions;
use crate::bench::BenchOptions;
use crate::config;
use crate::keys::KeysCommand;
use crate::restore::{ReconcileOptions, RestoreOptions};
use crate::seed::SeedOptions;

/// A healthcare backend over three isolated PostgreSQL databases, which it brings along or is given.
#[derive(Debug, Parser)]
#[command(name = "salus", version, after_help = config::help(), max_term_width = 110)]
pub struct Cli {
    /// What to do; `serve` without it.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until Ctrl-C, over databases of its own, which it starts and migrates, or external ones (the default)
    Serve {
        /// In a temporary folder, which goes with everything in it when the server stops
        #[arg(long)]
        ephemeral: bool,
        /// With the 50 patients that `salus seed --seed` makes of this number
        #[arg(long, requires = "ephemeral")]
        seed: Option<u64>,
    },
    /// Bring the databases' schemas up to date, take them back, or show them; the server must be stopped
    Migrate {
        /// Which way.
        #[command(subcommand)]
        way: Way,
    },
    /// Show, follow or remove the keys that sign tokens, while the server runs or not
    Keys {
        /// What to do.
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Ask the server under these settings whether it is ready, and print what /readyz says
    Health,
    /// Dump the three databases at one consistent point into a dated folder, while the server runs or not
    Backup(BackupOptions),
    /// Put a backup in the place of the databases; the server must be stopped
    Restore(RestoreOptions),
    /// Mark one point in the logs of the three servers, to which archived logs can be recovered
    RestorePoint {
        /// The point's name; made of the time without it
        name: Option<String>,
    },
    /// Look for transactions that are half, after the databases were brought back by other means than restore; the
    /// server must be stopped
    Reconcile(ReconcileOptions),
    /// Delete the databases, the keys and the password file of the data folder; asks first
    Reset {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Look whether the databases are as they must be, and say what to do and how they are
    Doctor {
        /// Print what the administrator of each external database must run
        #[arg(long, conflicts_with = "json")]
        sql: bool,
        /// For programs
        #[arg(long)]
        json: bool,
    },
    /// Print every setting: as docs/configuration.md, or as .env.example
    Config {
        /// As docs/configuration.md (the default)
        #[arg(long)]
        markdown: bool,
        /// As .env.example
        #[arg(long, conflicts_with = "markdown")]
        env: bool,
    },
    /// Fill the databases with a hospital that does not exist: organizations, users, patients and a year of theirs; the
    /// server must be stopped, unless the databases are external
    Seed(SeedOptions),
    /// Measure reads, writes and searches on databases of its own, beside the same SQL without the server
    Bench(BenchOptions),
}

/// What to do with the migrations.
#[derive(Debug, Subcommand)]
pub enum Way {
    /// Apply what is pending
    Up {
        /// Why, for whoever looks at the table operations.event later
        #[arg(long, value_name = "TEXT")]
        why: Option<String>,
        /// Take a backup first, where anything is pending
        #[arg(long)]
        backup: bool,
    },
    /// Revert what is newer than a version; what only the newer schema holds is lost
    Down {
        /// Which database: auth, phi or clinical
        #[arg(value_parser = database)]
        database: Database,
        /// The version to go back to; 0 reverts everything
        #[arg(long)]
        to: i64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show every migration of every database, and whether it is applied
    Status,
}

impl Default for Command {
    fn default() -> Command {
        Command::Serve { ephemeral: false, seed: None }
    }
}

fn database(name: &str) -> Result<Database, String> {
    let found = Database::ALL.into_iter().find(|database| database.name() == name);
    found.ok_or_else(|| "auth, phi or clinical".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_names_every_setting() {
        let help = Cli::command().render_long_help().to_string();
        for variable in config::variables().filter(|variable| variable.name.starts_with("SALUS_")) {
            assert!(help.contains(variable.name), "{}", variable.name);
        }
    }

    #[test]
    fn serving_is_the_default() {
        assert!(Cli::parse_from(["salus"]).command.is_none());
        assert!(Cli::try_parse_from(["salus", "migrate", "down", "billing", "--to", "1"]).is_err());
    }

    #[test]
    fn a_key_whose_identifier_begins_with_a_hyphen_can_be_removed() {
        let parsed = Cli::try_parse_from(["salus", "keys", "remove", "-x7_", "--yes"]).unwrap();
        let Some(Command::Keys { command: KeysCommand::Remove { kid, yes } }) = parsed.command else {
            panic!("{parsed:?}")
        };
        assert_eq!((kid.as_str(), yes), ("-x7_", true));
    }
}
