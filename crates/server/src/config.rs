//! The configuration: read once, from the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use kernel::Secret;

/// A variable that the server knows.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it is without it, as `.env.example` shows it; empty where it is unset.
    pub default: &'static str,
    /// One line for `--help`.
    pub help: &'static str,
}

const HTTP_ADDR: &str = "SALUS_HTTP_ADDR";
const DATA_DIR: &str = "SALUS_DATA_DIR";
const PG_BIN: &str = "SALUS_PG_BIN";
const ADMIN_PASSWORD: &str = "SALUS_ADMIN_PASSWORD";
const MASTER_KEY_FILE: &str = "SALUS_MASTER_KEY_FILE";
const LOG: &str = "SALUS_LOG";
const LOG_FORMAT: &str = "SALUS_LOG_FORMAT";
const ORGANIZATION: &str = "SALUS_ORGANIZATION";
const TEST_DATA: &str = "SALUS_TEST_DATA";

/// Every variable there is. One that begins with `SALUS_` and is not here stops the start.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: HTTP_ADDR,
        default: "127.0.0.1:8080",
        help: "address and port to serve on; port 0 takes a free one",
    },
    Variable {
        name: DATA_DIR,
        default: "./.salus",
        help: "folder of the databases, the master key and the password file",
    },
    Variable {
        name: PG_BIN,
        default: "",
        help: "folder of PostgreSQL's programs, versions 15 to 18; searched for without it",
    },
    Variable {
        name: ADMIN_PASSWORD,
        default: "",
        help: "the administrator's password; made and written to a file without it",
    },
    Variable {
        name: MASTER_KEY_FILE,
        default: "",
        help: "file with the master key; made in the data folder without it",
    },
    Variable {
        name: ORGANIZATION,
        default: "First organization",
        help: "name of the organization that the first start creates",
    },
    Variable {
        name: LOG,
        default: "info,sqlx=warn",
        help: "what is logged, such as debug or store=debug,info",
    },
    Variable { name: LOG_FORMAT, default: "text", help: "text or json" },
    Variable { name: TEST_DATA, default: "", help: "folder of test data; read by tests, not by the server" },
];

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// What the server is told from outside.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to serve.
    pub http_addr: SocketAddr,
    /// The folder of everything that lasts.
    pub data_dir: PathBuf,
    /// PostgreSQL's programs, if not searched for.
    pub pg_bin: Option<PathBuf>,
    /// The administrator's password, if not made.
    pub admin_password: Option<Secret<String>>,
    /// The master key's file, if not in the data folder.
    pub master_key_file: Option<PathBuf>,
    /// The first organization's name.
    pub organization: String,
    /// The log's filter.
    pub log: String,
    /// The log's form.
    pub log_format: LogFormat,
}

/// Why the configuration cannot be used. Names the variable, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name that begins as ours do and is not one of them.
    #[error("{name} is set, but there is no such setting; see `salus --help`")]
    Unknown {
        /// The variable.
        name: String,
    },
    /// Not UTF-8.
    #[error("{name} is not UTF-8")]
    NotText {
        /// The variable.
        name: String,
    },
    /// A value that means nothing.
    #[error("{name} must be {wanted}")]
    Invalid {
        /// The variable.
        name: &'static str,
        /// What would be right.
        wanted: &'static str,
    },
}

impl Config {
    /// Reads these variables; those that do not begin with `SALUS_` are not ours. An empty value counts as
    /// none.
    ///
    /// # Errors
    /// [`ConfigError`], for the first variable in alphabetical order that is wrong.
    pub fn read(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Config, ConfigError> {
        let mut values = BTreeMap::new();
        for (name, value) in environment {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("SALUS_") {
                values.insert(name, value);
            }
        }
        let mut known: BTreeMap<&'static str, String> = BTreeMap::new();
        for (name, value) in values {
            let Some(variable) = VARIABLES.iter().find(|variable| variable.name == name) else {
                return Err(ConfigError::Unknown { name });
            };
            let value = value.into_string().map_err(|_| ConfigError::NotText { name })?;
            if !value.is_empty() {
                known.insert(variable.name, value);
            }
        }
        let text = |name: &'static str| {
            let default =
                VARIABLES.iter().find(|variable| variable.name == name).map_or("", |found| found.default);
            known.get(name).cloned().unwrap_or_else(|| default.to_owned())
        };
        let optional = |name: &'static str| known.get(name).cloned();
        Ok(Config {
            http_addr: text(HTTP_ADDR).parse().map_err(|_| ConfigError::Invalid {
                name: HTTP_ADDR,
                wanted: "an address and a port, such as 127.0.0.1:8080",
            })?,
            data_dir: text(DATA_DIR).into(),
            pg_bin: optional(PG_BIN).map(PathBuf::from),
            admin_password: optional(ADMIN_PASSWORD).map(password).transpose()?,
            master_key_file: optional(MASTER_KEY_FILE).map(PathBuf::from),
            organization: organization(text(ORGANIZATION))?,
            log: text(LOG),
            log_format: match text(LOG_FORMAT).as_str() {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return Err(ConfigError::Invalid { name: LOG_FORMAT, wanted: "text or json" }),
            },
        })
    }
}

/// The length that ASVS 6.2.1 asks of a password, and the one that the hash takes.
fn password(text: String) -> Result<Secret<String>, ConfigError> {
    let length = text.chars().count();
    if length < 8 || text.len() > identity::password::PASSWORD_BYTES_MAX {
        return Err(ConfigError::Invalid {
            name: ADMIN_PASSWORD,
            wanted: "8 characters to 1,024 bytes long",
        });
    }
    Ok(Secret::new(text))
}

fn organization(name: String) -> Result<String, ConfigError> {
    if name.trim().is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
        return Err(ConfigError::Invalid { name: ORGANIZATION, wanted: "a name of at most 200 bytes" });
    }
    Ok(name)
}

/// What `--help` says about the variables.
pub fn help() -> String {
    let mut help = String::from("Settings (environment variables):\n");
    for variable in VARIABLES {
        let default =
            if variable.default.is_empty() { String::new() } else { format!(" [{}]", variable.default) };
        help.push_str(&format!("  {:<24} {}{default}\n", variable.name, variable.help));
    }
    help
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(pairs.iter().map(|(name, value)| (name.into(), value.into())))
    }

    #[test]
    fn without_any_variable_the_defaults_hold() {
        let config = read(&[("PATH", "/bin")]).unwrap();
        assert_eq!(config.http_addr, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(config.data_dir, PathBuf::from("./.salus"));
        assert!(config.admin_password.is_none());
    }

    #[test]
    fn an_unknown_variable_of_ours_stops_the_start_by_name() {
        let error = read(&[("SALUS_HTTP_ADRR", "x")]).unwrap_err();
        assert!(error.to_string().contains("SALUS_HTTP_ADRR"), "{error}");
    }

    #[test]
    fn a_wrong_value_is_named_and_not_shown() {
        for (name, value) in [
            (HTTP_ADDR, "here:there"),
            (ADMIN_PASSWORD, "2short!"),
            (LOG_FORMAT, "xml-ish"),
            (ORGANIZATION, "a\nb"),
        ] {
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains(value), "{error}");
        }
    }

    #[test]
    fn the_password_does_not_show_in_debug() {
        let config = read(&[(ADMIN_PASSWORD, "correct horse battery")]).unwrap();
        assert!(!format!("{config:?}").contains("horse"));
    }

    #[test]
    fn the_example_file_lists_every_variable_with_its_default_and_no_other() {
        let example = include_str!("../../../.env.example");
        let listed: Vec<_> = example
            .lines()
            .filter_map(|line| line.trim_start_matches("# ").split_once('='))
            .filter(|(name, _)| name.starts_with("SALUS_"))
            .collect();
        let known: Vec<_> = VARIABLES.iter().map(|variable| (variable.name, variable.default)).collect();
        assert_eq!(listed, known);
    }
}
