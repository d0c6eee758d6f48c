//! The groups that operations are shown in.

use serde_json::{Value, json};

use crate::policy::Rule;

/// What each group is about.
const TAGS: &[(&str, &str)] = &[
    ("Operations", "Health, measurements, and documents for whoever writes programs for the server."),
    ("Session", "Logging in and out, and who one is."),
    ("Users", "Who belongs to one's organization, and as what."),
    ("Organizations", "Organizations and their members."),
    ("Signing keys", "The keys that sign access tokens."),
    (
        "Patients",
        "Who the patients are: the typed door. Each is a FHIR Patient, and stands under the same id at \
         `/fhir/R4/Patient/{id}`.",
    ),
    (
        "Chart",
        "What is true of a patient: problems, allergies, medication, encounters, notes, vital signs. Each entry is a \
         FHIR record too, under the same id, with the codes of LOINC and SNOMED CT where the standard has them.",
    ),
    (
        "FHIR R4",
        "Records of all 146 types over the RESTful API of FHIR R4 (https://hl7.org/fhir/R4/http.html): JSON only. What \
         is stored here and what the typed door shows are the same records.",
    ),
];

/// The groups of these rules, in the order in which they appear.
pub(super) fn tags(rules: impl Iterator<Item = &'static Rule>) -> Value {
    let mut names: Vec<&str> = Vec::new();
    for rule in rules {
        if !names.contains(&rule.documentation.tag) {
            names.push(rule.documentation.tag);
        }
    }
    let described = |name: &&str| {
        let text = TAGS.iter().find(|(tag, _)| tag == name).map_or("", |(_, text)| *text);
        json!({ "name": name, "description": text })
    };
    names.iter().map(described).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_is_described_once() {
        let tags = tags(crate::policy::table());
        let tags = tags.as_array().unwrap();
        for tag in tags {
            assert_ne!(tag["description"], "", "{}: describe it in TAGS", tag["name"]);
        }
        assert_eq!(tags.len(), TAGS.len(), "each is described once, and no other");
    }
}
