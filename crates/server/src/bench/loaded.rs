//! What the server holds once the Bundles are loaded: what the phases ask for.

use std::collections::HashSet;

use domain::store::Key;
use fhir::ResourceType;
use serde::Deserialize;
use serde_json::Value;

use super::error::BenchError;

/// What reads by id ask for: what a chart is made of. Claims and their like would make the mean body three times as big.
const READ_TYPES: [&str; 8] = [
    "Patient",
    "Encounter",
    "Observation",
    "Condition",
    "Procedure",
    "Immunization",
    "MedicationRequest",
    "DiagnosticReport",
];

/// Names of what was loaded.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// Records to read.
    pub keys: Vec<Key>,
    /// Logical ids of Patients.
    pub patients: Vec<String>,
    /// Patient, system and code of each Observation that has them, each combination once.
    pub patient_codes: Vec<(String, String, String)>,
    /// Category's system and code, main code's system and code of Observations, each combination once.
    pub category_codes: Vec<[String; 4]>,
    /// Resources loaded.
    pub resources: u64,
    seen_codes: HashSet<(String, String, String)>,
    seen_categories: HashSet<[String; 4]>,
}

#[derive(Deserialize)]
struct Response {
    entry: Vec<ResponseEntry>,
}

#[derive(Deserialize)]
struct ResponseEntry {
    response: ResponseStatus,
}

#[derive(Deserialize)]
struct ResponseStatus {
    status: String,
    location: Option<String>,
}

impl Loaded {
    /// Adds a Bundle that was posted and its answer.
    ///
    /// # Errors
    /// [`BenchError::Answer`] where the answer is not that of this Bundle, or an entry of it was refused.
    pub fn add(&mut self, posted: &[u8], answer: &[u8]) -> Result<(), BenchError> {
        let odd = || BenchError::Answer { what: "POST /fhir/R4".to_owned() };
        let bundle = fhir::bundle::parse(posted).map_err(|_| odd())?;
        let answer: Response = serde_json::from_slice(answer).map_err(|_| odd())?;
        if bundle.entries.len() != answer.entry.len() {
            return Err(odd());
        }
        let mut patient = None;
        let mut observations = Vec::new();
        for (entry, answered) in bundle.entries.iter().zip(&answer.entry) {
            if !answered.response.status.starts_with('2') {
                return Err(odd());
            }
            self.resources += 1;
            let Some(location) = &answered.response.location else { continue };
            let key = key(location).ok_or_else(odd)?;
            match key.resource_type.name() {
                "Patient" => patient = Some(key.id.clone()),
                "Observation" => observations.extend(entry.resource),
                _ => {}
            }
            if READ_TYPES.contains(&key.resource_type.name()) {
                self.keys.push(key);
            }
        }
        for resource in observations {
            let resource: Value = serde_json::from_str(resource.get()).map_err(|_| odd())?;
            self.add_codes(patient.as_deref(), &resource);
        }
        self.patients.extend(patient);
        Ok(())
    }

    fn add_codes(&mut self, patient: Option<&str>, observation: &Value) {
        let coding = |concept: &Value| {
            let coding = &concept["coding"][0];
            Some((coding["system"].as_str()?.to_owned(), coding["code"].as_str()?.to_owned()))
        };
        let Some((system, code)) = coding(&observation["code"]) else { return };
        if let Some((category_system, category)) = coding(&observation["category"][0]) {
            let both = [category_system, category, system.clone(), code.clone()];
            if self.seen_categories.insert(both.clone()) {
                self.category_codes.push(both);
            }
        }
        if let Some(patient) = patient {
            let asked = (patient.to_owned(), system, code);
            if self.seen_codes.insert(asked.clone()) {
                self.patient_codes.push(asked);
            }
        }
    }
}

/// The record that `.../Type/id/_history/1` names.
fn key(location: &str) -> Option<Key> {
    let (record, _) = location.rsplit_once("/_history/")?;
    let (before, id) = record.rsplit_once('/')?;
    let name = before.rsplit_once('/').map_or(before, |(_, name)| name);
    Some(Key { resource_type: ResourceType::from_name(name)?, id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_names_its_record_with_and_without_a_base() {
        for location in ["http://h:1/fhir/R4/Patient/p-1/_history/1", "Patient/p-1/_history/22"] {
            let key = key(location).unwrap();
            assert_eq!((key.resource_type.name(), key.id.as_str()), ("Patient", "p-1"));
        }
        assert_eq!(key("Patient/p-1"), None);
    }

    #[test]
    fn codes_are_noted_with_the_patient_of_their_bundle() {
        let posted = super::super::invented::patient(1);
        let entries = fhir::bundle::parse(&posted).unwrap().entries;
        let answered: Vec<Value> = entries
            .iter()
            .enumerate()
            .map(|(i, entry)| {
                serde_json::json!({ "response": {
                    "status": "201 Created", "location": format!("{}/id-{i}/_history/1", entry.url),
                } })
            })
            .collect();
        let answer = serde_json::json!({ "entry": answered }).to_string();
        let mut loaded = Loaded::default();
        loaded.add(&posted, answer.as_bytes()).unwrap();
        assert_eq!((loaded.resources, loaded.patients.len()), (entries.len() as u64, 1));
        assert_eq!(loaded.patient_codes.len(), 6);
        assert!(loaded.patient_codes.iter().all(|(patient, ..)| *patient == loaded.patients[0]));
        let refused = answer.replacen("201 Created", "400 Bad Request", 1);
        assert!(loaded.add(&posted, refused.as_bytes()).is_err());
    }
}
