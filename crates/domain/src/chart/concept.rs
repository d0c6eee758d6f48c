//! Coded concepts: what the typed door shows of FHIR's CodeableConcept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::TEXT;
use super::element::text;
use crate::fault::Faults;

/// Most codings of one concept.
const CODINGS: usize = 10;
/// Longest code and longest code system, characters.
const CODE: usize = 255;

/// A code of a code system.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coding {
    /// The code system's URI, such as `http://snomed.info/sct`.
    pub system: Option<String>,
    /// The code.
    pub code: String,
    /// How the code system calls it.
    pub display: Option<String>,
}

/// Something that has a name, codes, or both. A code that no code system of ours knows is allowed: the text says what
/// is meant.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Concept {
    /// What is meant, in words.
    pub text: Option<String>,
    /// The same in codes; the one that is best searched for comes first.
    #[serde(default, deserialize_with = "super::element::or_default")]
    #[schemars(with = "Option<Vec<Coding>>")]
    pub codings: Vec<Coding>,
}

impl Concept {
    /// A concept without codes.
    pub fn named(text: &str) -> Concept {
        Concept { text: Some(text.to_owned()), codings: Vec::new() }
    }

    /// A concept with one code, and its display as the text.
    pub fn coded(system: &str, code: &str, display: &str) -> Concept {
        let coding = Coding {
            system: Some(system.to_owned()),
            code: code.to_owned(),
            display: Some(display.to_owned()),
        };
        Concept { text: Some(display.to_owned()), codings: vec![coding] }
    }

    /// Reads a CodeableConcept; none where it says nothing.
    pub fn of(element: &Value) -> Option<Concept> {
        let codings = element.get("coding").and_then(Value::as_array).into_iter().flatten();
        let codings = codings.filter_map(|coding| {
            Some(Coding {
                system: text(coding, "/system"),
                code: text(coding, "/code")?,
                display: text(coding, "/display"),
            })
        });
        let concept = Concept { text: text(element, "/text"), codings: codings.collect() };
        (concept != Concept::default()).then_some(concept)
    }

    /// As a CodeableConcept.
    pub fn to_fhir(&self) -> Value {
        let mut element = Map::new();
        if !self.codings.is_empty() {
            let codings = self.codings.iter().map(|coding| {
                let mut object = Map::new();
                let members = [
                    ("system", &coding.system),
                    ("code", &Some(coding.code.clone())),
                    ("display", &coding.display),
                ];
                for (name, value) in members {
                    if let Some(value) = value {
                        object.insert(name.to_owned(), value.as_str().into());
                    }
                }
                Value::Object(object)
            });
            element.insert("coding".to_owned(), Value::Array(codings.collect()));
        }
        if let Some(text) = &self.text {
            element.insert("text".to_owned(), text.as_str().into());
        }
        Value::Object(element)
    }

    /// Whether both mean the same: they share a code of the same system, or have the same text.
    pub fn same_as(&self, other: &Concept) -> bool {
        let shared = self.codings.iter().any(|mine| {
            other.codings.iter().any(|theirs| {
                mine.system.is_some() && mine.system == theirs.system && mine.code == theirs.code
            })
        });
        let plain = |concept: &Concept| {
            let words = concept.text.as_deref().map(fhir::text::words);
            words.filter(|words| !words.is_empty())
        };
        shared || plain(self).is_some_and(|words| plain(other) == Some(words))
    }

    /// Whether it has this code.
    pub fn has(&self, system: &str, code: &str) -> bool {
        self.codings.iter().any(|it| it.system.as_deref() == Some(system) && it.code == code)
    }

    /// Notes what is wrong with it.
    pub fn check(&self, pointer: &str, faults: &mut Faults) {
        if self.text.is_none() && self.codings.is_empty() {
            faults.add(pointer, "needs a text, a coding, or both");
        }
        faults.text(&format!("{pointer}/text"), self.text.as_deref(), TEXT);
        if self.codings.len() > CODINGS {
            faults.add(format!("{pointer}/codings"), format!("has more than {CODINGS} codings"));
        }
        for (i, coding) in self.codings.iter().enumerate() {
            let at = |member: &str| format!("{pointer}/codings/{i}/{member}");
            faults.text(&at("code"), Some(&coding.code), CODE);
            faults.text(&at("display"), coding.display.as_deref(), TEXT);
            if coding.code.trim() != coding.code {
                faults.add(at("code"), "begins or ends with a blank");
            }
            if let Some(system) = &coding.system {
                let is_uri = system.contains(':') && !system.contains(char::is_whitespace);
                if !is_uri || system.len() > CODE {
                    faults.add(at("system"), "is not a URI such as http://snomed.info/sct");
                }
            }
        }
    }
}

/// Notes what is wrong with a concept that may be left out.
pub(super) fn check_some(concept: Option<&Concept>, pointer: &str, faults: &mut Faults) {
    if let Some(concept) = concept {
        concept.check(pointer, faults);
    }
}

crate::chart::veil::veiled!(Coding, Concept);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_concept_is_written_as_it_was_read() {
        let element = json!({
            "coding": [{"system": "http://snomed.info/sct", "code": "195967001", "display": "Asthma"}, {"code": "x"}],
            "text": "asthma",
        });
        assert_eq!(Concept::of(&element).unwrap().to_fhir(), element);
        assert_eq!(Concept::of(&json!({"coding": [{"display": "no code"}]})), None);
        assert_eq!(Concept::of(&json!("nonsense")), None);
    }

    #[test]
    fn the_same_is_what_shares_a_code_or_a_name() {
        let penicillin = Concept::coded("urn:s", "1", "Penicillin G");
        assert!(penicillin.same_as(&Concept::coded("urn:s", "1", "another name")));
        assert!(penicillin.same_as(&Concept::named("penicillin g")));
        assert!(!penicillin.same_as(&Concept::coded("urn:t", "1", "Ibuprofen")));
        assert!(!Concept::named("!").same_as(&Concept::named("?")), "texts without words say nothing");
    }

    #[test]
    fn each_wrong_member_is_named() {
        let concept = Concept {
            text: Some(" ".to_owned()),
            codings: vec![Coding { system: Some("no uri".to_owned()), code: " a".to_owned(), display: None }],
        };
        let mut faults = Faults::default();
        concept.check("/code", &mut faults);
        Concept::default().check("/empty", &mut faults);
        let pointers: Vec<_> =
            faults.unless(()).unwrap_err().list().to_vec().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/code/text", "/code/codings/0/code", "/code/codings/0/system", "/empty"]);
    }
}
