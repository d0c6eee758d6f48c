//! Encounters: when a patient is seen, and where. FHIR's Encounter.

use chrono::{DateTime, Utc};
use fhir::ResourceType;
use fhir::definitions::parameters::STATUS;
use fhir::search::Filter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::codes::{codes, machine};
use super::concept::check_some;
use super::element::{self, check_date, check_id, check_order, edit, edit_first, put, text};
use super::{Author, Concept, Entry, IllegalTransition, Object, Recorded, TEXT};
use crate::fault::Faults;

codes! {
    /// What has become of an encounter.
    #[schemars(rename = "EncounterStatus")]
    Status {
        /// To come.
        Planned = "planned",
        /// The patient is there and waits.
        Arrived = "arrived",
        /// Somebody has looked how urgent it is.
        Triaged = "triaged",
        /// Under way.
        InProgress = "in-progress",
        /// The patient is away for a while.
        OnLeave = "onleave",
        /// Over.
        Finished = "finished",
        /// Did not take place.
        Cancelled = "cancelled",
        /// Should not have been written down.
        EnteredInError = "entered-in-error",
        /// Not known; only where a FHIR client wrote it.
        Unknown = "unknown",
    }
}

machine! { Status, "the encounter's status",
    | Planned => [Arrived, Triaged, InProgress, Cancelled, EnteredInError]
    | Arrived => [Triaged, InProgress, Cancelled, EnteredInError]
    | Triaged => [InProgress, Cancelled, EnteredInError]
    | InProgress => [OnLeave, Finished, EnteredInError]
    | OnLeave => [InProgress, Finished, EnteredInError]
    | Finished => [EnteredInError]
    | Cancelled => [EnteredInError]
    | EnteredInError => []
    | Unknown => [Planned, Arrived, Triaged, InProgress, OnLeave, Finished, Cancelled, EnteredInError]
}

codes! {
    /// Of which kind it is (HL7 v3 ActEncounterCode).
    #[schemars(rename = "EncounterClass")]
    Class {
        /// Ambulatory.
        Ambulatory = "AMB",
        /// Inpatient.
        Inpatient = "IMP",
        /// Inpatient, acute.
        InpatientAcute = "ACUTE",
        /// Inpatient, not acute.
        InpatientNonAcute = "NONAC",
        /// Emergency.
        Emergency = "EMER",
        /// Observation.
        Observation = "OBSENC",
        /// Short stay.
        ShortStay = "SS",
        /// Before an admission.
        PreAdmission = "PRENC",
        /// At home.
        Home = "HH",
        /// In the field.
        Field = "FLD",
        /// By telephone or video.
        Virtual = "VR",
    }
}

/// An encounter, as it is written and changed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "EncounterEntry", example = example())]
pub struct Encounter {
    /// Of which kind it is. Required.
    pub class: Option<Class>,
    /// What has become of it; planned, where nothing is said.
    pub status: Option<Status>,
    /// When it began: required once the patient is there.
    pub start: Option<String>,
    /// When it ended: required of what is finished.
    pub end: Option<String>,
    /// Why the patient came.
    pub reason: Option<Concept>,
    /// Where, in words.
    pub location: Option<String>,
    /// Who sees the patient: ids of Practitioner records.
    #[serde(deserialize_with = "element::or_default")]
    #[schemars(with = "Option<Vec<String>>")]
    pub practitioners: Vec<String>,
}

const CLASSES: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
/// Most practitioners of one encounter.
const PRACTITIONERS: usize = 50;

impl Encounter {
    /// Whether the patient is there.
    pub fn is_current(&self) -> bool {
        match self.status {
            Some(Status::Arrived | Status::Triaged | Status::InProgress | Status::OnLeave) => true,
            Some(
                Status::Planned
                | Status::Finished
                | Status::Cancelled
                | Status::EnteredInError
                | Status::Unknown,
            )
            | None => false,
        }
    }
}

/// What the API's document shows.
fn example() -> Value {
    json!({
        "class": "AMB",
        "status": "in-progress",
        "start": "2026-03-01T09:00:00Z",
        "reason": { "text": "cough" },
        "location": "Room 3",
    })
}

impl Entry for Encounter {
    const RESOURCE: ResourceType = ResourceType::Encounter;
    const NOUN: &'static str = "encounter";
    const ELEMENTS: &'static [(&'static str, &'static str)] = &[("participant", "/practitioners")];
    const DATED: bool = true;

    fn of(resource: &Value) -> Encounter {
        let participants = resource.get("participant").and_then(Value::as_array).into_iter().flatten();
        Encounter {
            class: text(resource, "/class/code").and_then(|code| Class::from_code(&code)),
            status: text(resource, "/status").and_then(|code| Status::from_code(&code)),
            start: text(resource, "/period/start"),
            end: text(resource, "/period/end"),
            reason: resource.pointer("/reasonCode/0").and_then(Concept::of),
            location: text(resource, "/location/0/location/display"),
            practitioners: participants
                .filter_map(|it| element::referred(it, "/individual", ResourceType::Practitioner))
                .collect(),
        }
    }

    fn complete(&mut self, before: Option<&Encounter>, _: DateTime<Utc>) {
        if before.is_none() {
            self.status = self.status.or(Some(Status::Planned));
        }
    }

    fn check(&self, before: Option<&Encounter>, now: DateTime<Utc>, faults: &mut Faults) {
        let planned = DateTime::<Utc>::MAX_UTC - chrono::TimeDelta::days(2);
        // A class that only FHIR knows may stay.
        let class = self.class.is_some() || before.is_some_and(|before| before.class.is_none());
        faults.check(class, "/class", "is required");
        faults.check(self.status.is_some(), "/status", "is required");
        let (started, over) = match self.status {
            Some(Status::Planned | Status::Cancelled | Status::EnteredInError | Status::Unknown) | None => {
                (false, false)
            }
            Some(Status::Arrived | Status::Triaged | Status::InProgress | Status::OnLeave) => (true, false),
            Some(Status::Finished) => (true, true),
        };
        if before.is_none() && self.status == Some(Status::EnteredInError) {
            faults.add("/status", "nothing is entered in error to begin with");
        }
        faults.check(!started || self.start.is_some(), "/start", "is required once the patient is there");
        faults.check(!over || self.end.is_some(), "/end", "is required of what is finished");
        faults.check(
            !(started && !over && self.end.is_some()),
            "/end",
            "does not go with what is not finished",
        );
        let latest = if started { now } else { planned };
        check_date("/start", self.start.as_deref(), latest, faults);
        check_date("/end", self.end.as_deref(), if over { now } else { planned }, faults);
        check_order(self.start.as_deref(), self.end.as_deref(), "/end", faults);
        check_some(self.reason.as_ref(), "/reason", faults);
        faults.text("/location", self.location.as_deref(), TEXT);
        if self.practitioners.len() > PRACTITIONERS {
            faults.add("/practitioners", format!("has more than {PRACTITIONERS} practitioners"));
        }
        for (i, id) in self.practitioners.iter().enumerate() {
            let pointer = format!("/practitioners/{i}");
            check_id(&pointer, Some(id), faults);
            faults.check(!self.practitioners[..i].contains(id), &pointer, "is there already");
        }
    }

    fn follow(&self, before: &Encounter) -> Result<(), IllegalTransition> {
        if let (Some(from), Some(to)) = (before.status, self.status) {
            from.become_(to)?;
        }
        Ok(())
    }

    fn write(&self, before: Option<&Encounter>, resource: &mut Object, _: &Author) {
        let nothing = Encounter::default();
        let old = before.unwrap_or(&nothing);
        if self.class != old.class {
            put(resource, "class", self.class.map(|it| json!({ "system": CLASSES, "code": it.code() })));
        }
        if self.status != old.status {
            put(resource, "status", self.status.map(|it| it.code().into()));
        }
        if (&self.start, &self.end) != (&old.start, &old.end) {
            edit(resource, "period", |period| {
                put(period, "start", self.start.as_deref().map(Value::from));
                put(period, "end", self.end.as_deref().map(Value::from));
            });
        }
        if self.reason != old.reason {
            edit_first(resource, "reasonCode", |reason| {
                *reason = match self.reason.as_ref().map(Concept::to_fhir) {
                    Some(Value::Object(written)) => written,
                    _ => Object::new(),
                };
            });
        }
        if self.location != old.location {
            edit_first(resource, "location", |place| {
                edit(place, "location", |location| {
                    put(location, "display", self.location.as_deref().map(Value::from));
                });
                // FHIR wants to know which place it is: without one the entry says nothing.
                if !place.contains_key("location") {
                    place.clear();
                }
            });
        }
        if self.practitioners != old.practitioners {
            self.write_practitioners(resource);
        }
    }

    fn encounter(&self) -> Option<&str> {
        None
    }

    fn with_status(code: &str) -> Option<Vec<Filter>> {
        Status::from_code(code).map(|status| vec![element::having(STATUS, status.code())])
    }

    fn recorded(_: &Value) -> Recorded {
        // FHIR's Encounter does not say who wrote it down: the audit trail does.
        Recorded::default()
    }
}

impl Encounter {
    /// Participants who are no Practitioner, and what is known of those who stay, are kept.
    fn write_practitioners(&self, resource: &mut Object) {
        let mut all = match resource.get_mut("participant").map(Value::take) {
            Some(Value::Array(all)) => all,
            _ => Vec::new(),
        };
        let id_of = |it: &Value| element::referred(it, "/individual", ResourceType::Practitioner);
        all.retain(|it| id_of(it).is_none_or(|id| self.practitioners.contains(&id)));
        let there: Vec<String> = all.iter().filter_map(id_of).collect();
        for id in self.practitioners.iter().filter(|id| !there.contains(id)) {
            all.push(json!({ "individual": element::reference(ResourceType::Practitioner, id) }));
        }
        put(resource, "participant", (!all.is_empty()).then_some(Value::Array(all)));
    }
}

crate::chart::veil::veiled!(Encounter);

#[cfg(test)]
mod tests {
    use super::super::codes::table;
    use super::*;
    use kernel::AccountId;

    #[test]
    fn a_planned_encounter_cannot_be_finished() {
        assert_eq!(
            table(Status::ALL, Status::code, |from, to| from.become_(to).is_ok()),
            [
                "planned -> planned arrived triaged in-progress cancelled entered-in-error",
                "arrived -> arrived triaged in-progress cancelled entered-in-error",
                "triaged -> triaged in-progress cancelled entered-in-error",
                "in-progress -> in-progress onleave finished entered-in-error",
                "onleave -> in-progress onleave finished entered-in-error",
                "finished -> finished entered-in-error",
                "cancelled -> cancelled entered-in-error",
                "entered-in-error -> entered-in-error",
                "unknown -> planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
            ]
        );
    }

    #[test]
    fn practitioners_come_and_go_and_others_stay() {
        let mut resource = json!({
            "resourceType": "Encounter", "status": "planned", "class": { "code": "AMB" },
            "participant": [
                { "individual": { "reference": "Practitioner/a" }, "type": [{ "text": "surgeon" }] },
                { "individual": { "reference": "RelatedPerson/b" } },
                { "individual": { "reference": "Practitioner/c" } },
            ],
        });
        let before = Encounter::of(&resource);
        assert_eq!(before.practitioners, ["a", "c"]);
        let mut after = before.clone();
        after.practitioners = vec!["a".to_owned(), "d".to_owned()];
        let Value::Object(object) = &mut resource else { panic!() };
        after.write(Some(&before), object, &Author { account: AccountId::generate(), now: Utc::now() });
        assert_eq!(
            resource["participant"],
            json!([
                { "individual": { "reference": "Practitioner/a" }, "type": [{ "text": "surgeon" }] },
                { "individual": { "reference": "RelatedPerson/b" } },
                { "individual": { "reference": "Practitioner/d" } },
            ])
        );
    }

    #[test]
    fn what_is_finished_has_a_beginning_and_an_end() {
        let entry = |status, start: Option<&str>, end: Option<&str>| Encounter {
            class: Some(Class::Ambulatory),
            status: Some(status),
            start: start.map(str::to_owned),
            end: end.map(str::to_owned),
            ..Default::default()
        };
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let pointers = |entry: &Encounter| {
            let mut faults = Faults::default();
            entry.check(None, now, &mut faults);
            let told = faults.unless(()).err().map(|it| it.list().to_vec()).unwrap_or_default();
            told.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
        };
        assert_eq!(pointers(&entry(Status::Finished, None, None)), ["/start", "/end"]);
        let (day, earlier, later) = (Some("2026-02-02"), Some("2026-02-01"), Some("2027-01-01"));
        assert_eq!(pointers(&entry(Status::Finished, day, earlier)), ["/end"]);
        assert_eq!(pointers(&entry(Status::Finished, later, later)), ["/start", "/end"]);
        assert_eq!(pointers(&entry(Status::Planned, later, None)), [""; 0]);
        assert_eq!(pointers(&entry(Status::InProgress, day, day)), ["/end"]);
        assert_eq!(pointers(&entry(Status::Finished, day, day)), [""; 0]);
    }
}
