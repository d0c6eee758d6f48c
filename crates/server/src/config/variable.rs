//! What a setting is, and reading the values that the environment gives.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::RangeInclusive;

use super::{ConfigError, variables};

/// A variable that the server knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Other names that are accepted for it.
    pub aliases: &'static [&'static str],
    /// What it is without it, as `.env.example` shows it; empty where it is unset.
    pub default: &'static str,
    /// One line that says what it is for.
    pub help: &'static str,
}

/// Variables that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Their heading.
    pub title: &'static str,
    /// What a reader must know before them; may be empty.
    pub about: &'static str,
    /// The variables, in the order in which they are shown.
    pub variables: &'static [Variable],
}

/// The values that were given, by the name of their variable.
pub struct Values {
    known: BTreeMap<&'static str, Value>,
}

struct Value {
    /// The name under which it was given: the variable's own, or an alias.
    under: &'static str,
    text: String,
}

impl Values {
    /// Takes what is ours out of the environment. An empty value counts as none.
    ///
    /// # Errors
    /// [`ConfigError`] for a `SALUS_*` that does not exist, a value that is not text, and a variable that is given
    /// under two names with two values.
    pub fn gather(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Values, ConfigError> {
        let given: BTreeMap<String, OsString> =
            environment.map(|(name, value)| (name.to_string_lossy().into_owned(), value)).collect();
        let ours = |name: &str| name.starts_with("SALUS_");
        if let Some(name) =
            given.keys().find(|name| ours(name) && !variables().any(|known| known.name == **name))
        {
            return Err(ConfigError::Unknown { name: name.clone() });
        }
        let mut known: BTreeMap<&'static str, Value> = BTreeMap::new();
        for variable in variables() {
            for under in std::iter::once(variable.name).chain(variable.aliases.iter().copied()) {
                let Some(value) = given.get(under).filter(|value| !value.is_empty()) else { continue };
                let text = value.to_str().ok_or(ConfigError::NotText { name: under.to_owned() })?.to_owned();
                match known.get(variable.name) {
                    Some(other) if other.text != text => {
                        return Err(ConfigError::Twice { one: other.under, other: under });
                    }
                    Some(_) => {}
                    None => drop(known.insert(variable.name, Value { under, text })),
                }
            }
        }
        Ok(Values { known })
    }

    /// What was given for it.
    pub fn optional(&self, variable: &Variable) -> Option<String> {
        self.known.get(variable.name).map(|value| value.text.clone())
    }

    /// What was given for it, or its default.
    pub fn text(&self, variable: &Variable) -> String {
        self.optional(variable).unwrap_or_else(|| variable.default.to_owned())
    }

    /// The name under which it was given, for messages; its own where it was not given.
    pub fn name(&self, variable: &Variable) -> &'static str {
        self.known.get(variable.name).map_or(variable.name, |value| value.under)
    }

    /// Yes or no.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn flag(&self, variable: &Variable) -> Result<bool, ConfigError> {
        match self.text(variable).as_str() {
            "1" | "true" | "yes" | "on" => Ok(true),
            "" | "0" | "false" | "no" | "off" => Ok(false),
            _ => Err(self.invalid(variable, "1 or 0")),
        }
    }

    /// A whole number within a range; its default may be none.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], with the text that says what is wanted.
    pub fn number(
        &self,
        variable: &Variable,
        range: RangeInclusive<u64>,
        wanted: &'static str,
    ) -> Result<Option<u64>, ConfigError> {
        let text = self.text(variable);
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| self.invalid(variable, wanted))
    }

    /// The refusal of what was given for it.
    pub fn invalid(&self, variable: &Variable, wanted: &'static str) -> ConfigError {
        ConfigError::Invalid { name: self.name(variable), wanted }
    }
}
