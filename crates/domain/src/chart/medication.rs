//! Medication: what a patient is to take. FHIR's MedicationRequest.

use chrono::{DateTime, Utc};
use fhir::ResourceType;
use fhir::definitions::parameters::STATUS;
use fhir::search::Filter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::allergy::Allergy;
use super::codes::{codes, machine};
use super::concept::check_some;
use super::element::{self, check_date, check_id, check_order, edit, edit_first, put, text};
use super::{Author, Concept, Decimal, Entry, IllegalTransition, LONG_TEXT, Object, Recorded, TEXT};
use crate::fault::Faults;

codes! {
    /// What has become of a prescription.
    #[schemars(rename = "MedicationStatus")]
    Status {
        /// Written down, not in force.
        Draft = "draft",
        /// To be taken.
        Active = "active",
        /// To be taken again later.
        OnHold = "on-hold",
        /// Taken as long as it was to be.
        Completed = "completed",
        /// Ended before its time.
        Stopped = "stopped",
        /// Taken back before anything was taken.
        Cancelled = "cancelled",
        /// Not known; only where a FHIR client wrote it.
        Unknown = "unknown",
        /// Should not have been written down.
        EnteredInError = "entered-in-error",
    }
}

machine! { Status, "the medication's status",
    | Draft => [Active, Cancelled, EnteredInError]
    | Active => [OnHold, Completed, Stopped, Cancelled, EnteredInError]
    | OnHold => [Active, Completed, Stopped, Cancelled, EnteredInError]
    | Completed => [EnteredInError]
    | Stopped => [EnteredInError]
    | Cancelled => [EnteredInError]
    | Unknown => [Active, OnHold, Completed, Stopped, Cancelled, EnteredInError]
    | EnteredInError => []
}

codes! {
    /// A unit of time.
    PeriodUnit {
        /// Minutes.
        Minute = "min",
        /// Hours.
        Hour = "h",
        /// Days.
        Day = "d",
        /// Weeks.
        Week = "wk",
        /// Months.
        Month = "mo",
    }
}

/// How much at a time.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dose {
    /// The number; more than 0.
    pub value: Decimal,
    /// The unit, a code of UCUM such as `mg`, `mL` or `{tbl}`.
    pub unit: String,
}

/// How often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// So many times
    pub frequency: u32,
    /// in so many
    pub period: Decimal,
    /// of these.
    pub period_unit: PeriodUnit,
}

/// A prescription, as it is written and changed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "MedicationEntry", example = example())]
pub struct Medication {
    /// What: RxNorm, ATC, SNOMED CT, or in words. Required.
    pub code: Option<Concept>,
    /// What has become of it; active, where nothing is said.
    pub status: Option<Status>,
    /// How much at a time.
    pub dose: Option<Dose>,
    /// By which way, such as SNOMED CT 26643006, oral.
    pub route: Option<Concept>,
    /// How often, in words.
    pub frequency: Option<String>,
    /// How often, for machines.
    pub timing: Option<Timing>,
    /// Whether only when needed.
    pub as_needed: Option<bool>,
    /// From when: a day or a time.
    pub start: Option<String>,
    /// Until when.
    pub end: Option<String>,
    /// What for.
    pub reason: Option<Concept>,
    /// Why it was put on hold, stopped or cancelled; required of what is stopped.
    pub status_reason: Option<String>,
    /// The id of the encounter during which it was prescribed.
    pub encounter: Option<String>,
    /// What else is to be said.
    pub note: Option<String>,
}

const UCUM: &str = "http://unitsofmeasure.org";

impl Medication {
    /// Whether it is being taken, as far as is known.
    pub fn is_active(&self) -> bool {
        match self.status {
            Some(Status::Active | Status::OnHold) => true,
            Some(
                Status::Draft
                | Status::Completed
                | Status::Stopped
                | Status::Cancelled
                | Status::Unknown
                | Status::EnteredInError,
            )
            | None => false,
        }
    }
}

/// Something that whoever prescribes should know. It does not keep anybody from prescribing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// What kind of warning.
    pub kind: WarningKind,
    /// The id of the record that is the reason for it.
    #[schemars(example = crate::sample::RECORD)]
    pub record: String,
    /// A sentence.
    #[schemars(example = &"the patient has an active allergy to this")]
    pub detail: String,
}

codes! {
    /// The kinds of warnings.
    WarningKind {
        /// The patient has an active allergy to this.
        Allergy = "allergy",
    }
}

/// The active allergies that are to this very thing, by code or by name. Nothing is concluded from groups of
/// substances: that needs a knowledge base.
pub fn warnings<'a>(
    medication: &Medication,
    allergies: impl IntoIterator<Item = (&'a str, &'a Allergy)>,
) -> Vec<Warning> {
    let Some(code) = &medication.code else { return Vec::new() };
    let concerned = allergies.into_iter().filter(|(_, allergy)| {
        let reacted = allergy.code.as_ref().is_some_and(|to| to.same_as(code));
        allergy.is_active() && !allergy.says_none_is_known() && reacted
    });
    concerned
        .map(|(id, _)| Warning {
            kind: WarningKind::Allergy,
            record: id.to_owned(),
            detail: "the patient has an active allergy to this".to_owned(),
        })
        .collect()
}

fn decimal(value: &Value, pointer: &str) -> Option<Decimal> {
    match value.pointer(pointer)? {
        Value::Number(number) => Some(Decimal::from_number(number)),
        _ => None,
    }
}

fn dose(dosage: &Value) -> Option<Dose> {
    let quantity = dosage.pointer("/doseAndRate/0/doseQuantity")?;
    let unit = text(quantity, "/code").or_else(|| text(quantity, "/unit"))?;
    Some(Dose { value: decimal(quantity, "/value")?, unit })
}

fn timing(dosage: &Value) -> Option<Timing> {
    let repeat = dosage.pointer("/timing/repeat")?;
    Some(Timing {
        frequency: u32::try_from(repeat.get("frequency")?.as_u64()?).ok()?,
        period: decimal(repeat, "/period")?,
        period_unit: PeriodUnit::from_code(repeat.get("periodUnit")?.as_str()?)?,
    })
}

/// What the API's document shows.
fn example() -> Value {
    json!({
        "code": { "text": "Amoxicillin 500 mg" },
        "dose": { "value": 500, "unit": "mg" },
        "route": { "text": "by mouth" },
        "frequency": "three times a day",
        "timing": { "frequency": 3, "period": 1, "period_unit": "d" },
        "start": "2026-03-01",
        "end": "2026-03-08",
        "reason": { "text": "otitis media" },
    })
}

impl Entry for Medication {
    const RESOURCE: ResourceType = ResourceType::MedicationRequest;
    const NOUN: &'static str = "medication";
    const ELEMENTS: &'static [(&'static str, &'static str)] = &[("encounter", "/encounter")];
    const DATED: bool = false;

    fn of(resource: &Value) -> Medication {
        let nothing = Value::Null;
        let dosage = resource.pointer("/dosageInstruction/0").unwrap_or(&nothing);
        let named = || text(resource, "/medicationReference/display").map(|name| Concept::named(&name));
        Medication {
            code: resource.get("medicationCodeableConcept").and_then(Concept::of).or_else(named),
            status: text(resource, "/status").and_then(|code| Status::from_code(&code)),
            dose: dose(dosage),
            route: dosage.get("route").and_then(Concept::of),
            frequency: text(dosage, "/text").or_else(|| text(dosage, "/timing/code/text")),
            timing: timing(dosage),
            as_needed: dosage.get("asNeededBoolean").and_then(Value::as_bool),
            start: text(dosage, "/timing/repeat/boundsPeriod/start"),
            end: text(dosage, "/timing/repeat/boundsPeriod/end"),
            reason: resource.pointer("/reasonCode/0").and_then(Concept::of),
            status_reason: text(resource, "/statusReason/text"),
            encounter: element::referred(resource, "/encounter", ResourceType::Encounter),
            note: element::note(resource),
        }
    }

    fn complete(&mut self, before: Option<&Medication>, _: DateTime<Utc>) {
        if before.is_none() {
            self.status = self.status.or(Some(Status::Active));
        }
    }

    fn check(&self, before: Option<&Medication>, _: DateTime<Utc>, faults: &mut Faults) {
        // What is prescribed may begin in the future.
        let any_time = DateTime::<Utc>::MAX_UTC - chrono::TimeDelta::days(2);
        faults.check(self.code.is_some(), "/code", "is required");
        check_some(self.code.as_ref(), "/code", faults);
        faults.check(self.status.is_some(), "/status", "is required");
        if before.is_none() {
            let begins = match self.status {
                Some(Status::Draft | Status::Active | Status::OnHold | Status::Completed) | None => true,
                Some(Status::Stopped | Status::Cancelled | Status::Unknown | Status::EnteredInError) => false,
            };
            faults.check(begins, "/status", "no prescription begins like this");
        }
        if let Some(dose) = &self.dose {
            let positive = dose.value.compare_tenths(0) == Some(std::cmp::Ordering::Greater);
            faults.check(positive, "/dose/value", "must be more than 0, with at most 15 digits");
            faults.text("/dose/unit", Some(&dose.unit), 50);
            let blank = dose.unit.contains(char::is_whitespace);
            faults.check(!blank, "/dose/unit", "is a code of UCUM, without blanks");
        }
        check_some(self.route.as_ref(), "/route", faults);
        faults.text("/frequency", self.frequency.as_deref(), TEXT);
        if let Some(timing) = &self.timing {
            let often = (1..=1_000).contains(&timing.frequency);
            faults.check(often, "/timing/frequency", "must be from 1 to 1000");
            let positive = timing.period.compare_tenths(0) == Some(std::cmp::Ordering::Greater);
            faults.check(positive, "/timing/period", "must be more than 0, with at most 15 digits");
        }
        check_date("/start", self.start.as_deref(), any_time, faults);
        check_date("/end", self.end.as_deref(), any_time, faults);
        check_order(self.start.as_deref(), self.end.as_deref(), "/end", faults);
        check_some(self.reason.as_ref(), "/reason", faults);
        faults.text("/status_reason", self.status_reason.as_deref(), TEXT);
        let stopped_now = self.status == Some(Status::Stopped)
            && before.is_some_and(|before| before.status != Some(Status::Stopped));
        if stopped_now {
            let told = self.status_reason.is_some();
            faults.check(told, "/status_reason", "is required of what is stopped");
        }
        check_id("/encounter", self.encounter.as_deref(), faults);
        faults.text("/note", self.note.as_deref(), LONG_TEXT);
    }

    fn follow(&self, before: &Medication) -> Result<(), IllegalTransition> {
        if let (Some(from), Some(to)) = (before.status, self.status) {
            from.become_(to)?;
        }
        Ok(())
    }

    fn write(&self, before: Option<&Medication>, resource: &mut Object, author: &Author) {
        let nothing = Medication::default();
        let old = before.unwrap_or(&nothing);
        if self.code != old.code {
            put(resource, "medicationReference", None);
            put(resource, "medicationCodeableConcept", self.code.as_ref().map(Concept::to_fhir));
        }
        if self.status != old.status {
            put(resource, "status", self.status.map(|it| it.code().into()));
        }
        edit_first(resource, "dosageInstruction", |dosage| self.write_dosage(old, dosage));
        if self.reason != old.reason {
            edit_first(resource, "reasonCode", |reason| {
                *reason = match self.reason.as_ref().map(Concept::to_fhir) {
                    Some(Value::Object(written)) => written,
                    _ => Object::new(),
                };
            });
        }
        if self.status_reason != old.status_reason {
            put(resource, "statusReason", self.status_reason.as_deref().map(|text| json!({ "text": text })));
        }
        if self.encounter != old.encounter {
            element::put_encounter(resource, self.encounter.as_deref());
        }
        if self.note != old.note {
            element::put_note(resource, self.note.as_deref());
        }
        if before.is_none() {
            put(resource, "intent", Some("order".into()));
            put(resource, "requester", Some(author.reference()));
            put(resource, "authoredOn", Some(author.instant()));
        }
    }

    fn encounter(&self) -> Option<&str> {
        self.encounter.as_deref()
    }

    fn with_status(code: &str) -> Option<Vec<Filter>> {
        Status::from_code(code).map(|status| vec![element::having(STATUS, status.code())])
    }

    fn recorded(resource: &Value) -> Recorded {
        Recorded::of(resource, "/requester", "/authoredOn")
    }
}

impl Medication {
    fn write_dosage(&self, old: &Medication, dosage: &mut Object) {
        if self.dose != old.dose {
            edit_first(dosage, "doseAndRate", |rate| {
                let quantity = |dose: &Dose| json!({ "value": dose.value.number(), "unit": dose.unit, "system": UCUM, "code": dose.unit });
                put(rate, "doseQuantity", self.dose.as_ref().map(quantity));
            });
        }
        if self.route != old.route {
            put(dosage, "route", self.route.as_ref().map(Concept::to_fhir));
        }
        if self.frequency != old.frequency {
            put(dosage, "text", self.frequency.as_deref().map(Value::from));
        }
        if self.as_needed != old.as_needed {
            put(dosage, "asNeededBoolean", self.as_needed.map(Value::from));
        }
        let bounds_changed = (&self.start, &self.end) != (&old.start, &old.end);
        if self.timing == old.timing && !bounds_changed {
            return;
        }
        edit(dosage, "timing", |timing| {
            edit(timing, "repeat", |repeat| {
                if self.timing != old.timing {
                    let new = self.timing.as_ref();
                    put(repeat, "frequency", new.map(|it| it.frequency.into()));
                    put(repeat, "period", new.map(|it| Value::Number(it.period.number())));
                    put(repeat, "periodUnit", new.map(|it| it.period_unit.code().into()));
                }
                if bounds_changed {
                    edit(repeat, "boundsPeriod", |period| {
                        put(period, "start", self.start.as_deref().map(Value::from));
                        put(period, "end", self.end.as_deref().map(Value::from));
                    });
                }
            });
        });
    }
}

crate::chart::veil::veiled!(Dose, Medication);

#[cfg(test)]
mod tests {
    use super::super::codes::table;
    use super::*;
    use kernel::AccountId;

    #[test]
    fn what_has_ended_is_not_taken_again() {
        assert_eq!(
            table(Status::ALL, Status::code, |from, to| from.become_(to).is_ok()),
            [
                "draft -> draft active cancelled entered-in-error",
                "active -> active on-hold completed stopped cancelled entered-in-error",
                "on-hold -> active on-hold completed stopped cancelled entered-in-error",
                "completed -> completed entered-in-error",
                "stopped -> stopped entered-in-error",
                "cancelled -> cancelled entered-in-error",
                "unknown -> active on-hold completed stopped cancelled unknown entered-in-error",
                "entered-in-error -> entered-in-error",
            ]
        );
    }

    #[test]
    fn a_prescription_is_read_as_it_was_written() {
        let text = r#"{"code":{"text":"Amoxicillin 500 mg"},"status":"active","dose":{"value":500.0,"unit":"mg"},
            "route":{"text":"oral"},"frequency":"three times a day","timing":{"frequency":3,"period":1,"period_unit":"d"},
            "as_needed":false,"start":"2026-03-01","end":"2026-03-08","reason":{"text":"otitis"},"note":"with water"}"#;
        let mut entry: Medication = serde_json::from_str(text).unwrap();
        entry.complete(None, Utc::now());
        let mut resource = Object::new();
        let author = Author { account: AccountId::generate(), now: Utc::now() };
        entry.write(None, &mut resource, &author);
        let resource = Value::Object(resource);
        assert_eq!(Medication::of(&resource), entry);
        assert_eq!(
            resource["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"].to_string(),
            "500.0"
        );
        assert_eq!(resource["requester"]["identifier"]["value"], author.account.to_string());

        let mut bare = resource.clone();
        let mut nothing = entry.clone();
        nothing.dose = None;
        nothing.timing = None;
        (nothing.start, nothing.end, nothing.frequency, nothing.route, nothing.as_needed) =
            (None, None, None, None, None);
        let Value::Object(object) = &mut bare else { panic!() };
        nothing.write(Some(&entry), object, &author);
        assert_eq!(bare.get("dosageInstruction"), None, "FHIR knows no empty elements");
    }

    #[test]
    fn an_active_allergy_to_the_same_thing_is_a_warning_and_another_is_not() {
        let medication = Medication { code: Some(Concept::named("Penicillin G")), ..Default::default() };
        let allergy = |name: &str, status| Allergy {
            code: Some(Concept::named(name)),
            clinical_status: Some(status),
            ..Default::default()
        };
        use super::super::allergy::ClinicalStatus::{Active, Resolved};
        let all =
            [allergy("penicillin g", Active), allergy("penicillin g", Resolved), allergy("latex", Active)];
        let told = warnings(&medication, ["a", "b", "c"].into_iter().zip(&all));
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].kind, told[0].record.as_str()), (WarningKind::Allergy, "a"));
    }
}
