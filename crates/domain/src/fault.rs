//! What is wrong with a request, member by member.

/// One member that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which, as a JSON pointer (RFC 6901): `/telecom/0/value`.
    pub pointer: String,
    /// What is wrong with it. Never quotes a value: a value may be a name.
    pub detail: String,
}

/// Faults, gathered so that all of them are told at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// None yet.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// Adds one.
    pub fn add(&mut self, pointer: impl Into<String>, detail: impl Into<String>) {
        self.0.push(Fault { pointer: pointer.into(), detail: detail.into() });
    }

    /// Adds one unless `holds`.
    pub fn check(&mut self, holds: bool, pointer: impl Into<String>, detail: &str) {
        if !holds {
            self.add(pointer, detail);
        }
    }

    /// Adds one where a text is blank, has more characters than `most`, or a control character that is no blank.
    pub fn text(&mut self, pointer: &str, text: Option<&str>, most: usize) {
        match text {
            Some(text) if text.trim().is_empty() => self.add(pointer, "must not be blank"),
            Some(text) if text.chars().count() > most => {
                self.add(pointer, format!("has more than {most} characters"));
            }
            Some(text) if text.chars().any(|letter| letter.is_control() && !"\n\r\t".contains(letter)) => {
                self.add(pointer, "has a control character");
            }
            Some(_) | None => {}
        }
    }

    /// `value` where nothing is wrong.
    ///
    /// # Errors
    /// The faults, where there are some.
    pub fn unless<T>(self, value: T) -> Result<T, Faults> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// All of them.
    pub fn list(&self) -> &[Fault] {
        &self.0
    }

    /// The members that are wrong, for tests.
    #[cfg(test)]
    pub(crate) fn pointers(&self) -> Vec<String> {
        self.0.iter().map(|fault| fault.pointer.clone()).collect()
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Faults {
        Faults(vec![fault])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_told_and_none_quotes_the_text() {
        let mut faults = Faults::none();
        faults.text("/a", Some(" \n"), 5);
        faults.text("/b", Some("secret"), 5);
        faults.text("/c", Some("\u{7}"), 5);
        faults.text("/d", Some("fine\n"), 5);
        faults.text("/e", None, 5);
        faults.check(true, "/f", "holds");
        let told = faults.unless(()).unwrap_err();
        assert_eq!(told.pointers(), ["/a", "/b", "/c"]);
        assert!(told.list().iter().all(|fault| !fault.detail.contains("secret")));
    }
}
