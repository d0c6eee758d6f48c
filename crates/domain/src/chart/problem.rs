//! Problems: what a patient suffers from, or suffered from. FHIR's Condition.

use chrono::{DateTime, Utc};
use fhir::ResourceType;
use fhir::search::Filter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::codes::{codes, machine};
use super::concept::check_some;
use super::element::{self, check_date, check_id, check_order, coded, put, text};
use super::{Author, Concept, Entry, IllegalTransition, LONG_TEXT, Object, Recorded};
use crate::fault::Faults;

codes! {
    /// What has become of a problem.
    #[schemars(rename = "ProblemClinicalStatus")]
    ClinicalStatus {
        /// It is there.
        Active = "active",
        /// It is there again after it had been resolved.
        Recurrence = "recurrence",
        /// It is there again after it had been in remission.
        Relapse = "relapse",
        /// It does not trouble the patient at present.
        Inactive = "inactive",
        /// Its signs are gone, its cause perhaps not.
        Remission = "remission",
        /// It is over.
        Resolved = "resolved",
    }
}

machine! { ClinicalStatus, "the problem's clinical_status",
    | Active => [Inactive, Remission, Resolved]
    | Recurrence => [Inactive, Remission, Resolved]
    | Relapse => [Inactive, Remission, Resolved]
    | Inactive => [Active, Remission, Resolved]
    | Remission => [Relapse, Inactive, Resolved]
    | Resolved => [Recurrence]
}

codes! {
    /// How sure it is.
    #[schemars(rename = "ProblemVerificationStatus")]
    VerificationStatus {
        /// Not looked into yet.
        Unconfirmed = "unconfirmed",
        /// A working diagnosis.
        Provisional = "provisional",
        /// One of several possible diagnoses.
        Differential = "differential",
        /// Sure.
        Confirmed = "confirmed",
        /// Ruled out.
        Refuted = "refuted",
        /// Should not have been written down.
        EnteredInError = "entered-in-error",
    }
}

machine! { VerificationStatus, "the problem's verification_status",
    | Unconfirmed => [Provisional, Differential, Confirmed, Refuted, EnteredInError]
    | Provisional => [Unconfirmed, Differential, Confirmed, Refuted, EnteredInError]
    | Differential => [Unconfirmed, Provisional, Confirmed, Refuted, EnteredInError]
    | Confirmed => [Unconfirmed, Provisional, Differential, Refuted, EnteredInError]
    | Refuted => [Unconfirmed, Provisional, Differential, Confirmed, EnteredInError]
    | EnteredInError => []
}

codes! {
    /// Where it belongs.
    #[schemars(rename = "ProblemCategory")]
    Category {
        /// The list of what is to be kept in mind.
        ProblemList = "problem-list-item",
        /// The diagnosis of one encounter.
        EncounterDiagnosis = "encounter-diagnosis",
    }
}

codes! {
    /// How bad it is.
    Severity {
        /// Mild.
        Mild = "mild",
        /// Moderate.
        Moderate = "moderate",
        /// Severe.
        Severe = "severe",
    }
}

impl Severity {
    /// SNOMED CT's code.
    const fn snomed(self) -> &'static str {
        match self {
            Severity::Mild => "255604002",
            Severity::Moderate => "6736007",
            Severity::Severe => "24484000",
        }
    }

    fn from_either(code: &str) -> Option<Severity> {
        let known = Severity::ALL.iter().copied().find(|severity| severity.snomed() == code);
        known.or_else(|| Severity::from_code(code))
    }
}

/// A problem, as it is written and changed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ProblemEntry", example = example())]
pub struct Problem {
    /// What it is: SNOMED CT, ICD-10, or in words. Required.
    pub code: Option<Concept>,
    /// Where it belongs; the problem list, where nothing is said.
    pub category: Option<Category>,
    /// What has become of it; active, where nothing is said.
    pub clinical_status: Option<ClinicalStatus>,
    /// How sure it is; confirmed, where nothing is said.
    pub verification_status: Option<VerificationStatus>,
    /// How bad it is.
    pub severity: Option<Severity>,
    /// When it began: a year, a month, a day or a time.
    pub onset: Option<String>,
    /// When it ended; required of what is resolved.
    pub abatement: Option<String>,
    /// The id of the encounter during which it was found.
    pub encounter: Option<String>,
    /// What else is to be said.
    pub note: Option<String>,
}

const CATEGORIES: &str = "http://terminology.hl7.org/CodeSystem/condition-category";
const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";
const SNOMED: &str = "http://snomed.info/sct";

impl Problem {
    /// Whether it is to be kept in mind now: what is not known to be over counts as being there.
    pub fn is_active(&self) -> bool {
        let there = match self.clinical_status {
            Some(ClinicalStatus::Active | ClinicalStatus::Recurrence | ClinicalStatus::Relapse) | None => {
                true
            }
            Some(ClinicalStatus::Inactive | ClinicalStatus::Remission | ClinicalStatus::Resolved) => false,
        };
        there
            && !matches!(
                self.verification_status,
                Some(VerificationStatus::EnteredInError | VerificationStatus::Refuted)
            )
    }
}

/// What the API's document shows.
fn example() -> Value {
    json!({
        "code": {
            "text": "Asthma",
            "codings": [{ "system": SNOMED, "code": "195967001", "display": "Asthma" }],
        },
        "severity": "mild",
        "onset": "2019-03",
        "note": "worse in spring",
    })
}

impl Entry for Problem {
    const RESOURCE: ResourceType = ResourceType::Condition;
    const NOUN: &'static str = "problem";
    const ELEMENTS: &'static [(&'static str, &'static str)] = &[("encounter", "/encounter")];
    const DATED: bool = false;

    fn of(resource: &Value) -> Problem {
        let categories = resource.get("category").and_then(Value::as_array);
        Problem {
            code: resource.get("code").and_then(Concept::of),
            category: categories
                .and_then(|all| all.iter().find_map(|one| coded(one, "", Category::from_code))),
            clinical_status: coded(resource, "/clinicalStatus", ClinicalStatus::from_code),
            verification_status: coded(resource, "/verificationStatus", VerificationStatus::from_code),
            severity: coded(resource, "/severity", Severity::from_either),
            onset: text(resource, "/onsetDateTime").or_else(|| text(resource, "/onsetPeriod/start")),
            abatement: text(resource, "/abatementDateTime")
                .or_else(|| text(resource, "/abatementPeriod/start")),
            encounter: element::referred(resource, "/encounter", ResourceType::Encounter),
            note: element::note(resource),
        }
    }

    fn complete(&mut self, before: Option<&Problem>, _: DateTime<Utc>) {
        if before.is_none() {
            self.category = self.category.or(Some(Category::ProblemList));
            self.verification_status = self.verification_status.or(Some(VerificationStatus::Confirmed));
            self.clinical_status = self.clinical_status.or(Some(ClinicalStatus::Active));
        }
        // FHIR's con-5: what was entered in error has no clinical status.
        if self.verification_status == Some(VerificationStatus::EnteredInError) {
            self.clinical_status = None;
        }
    }

    fn check(&self, before: Option<&Problem>, now: DateTime<Utc>, faults: &mut Faults) {
        faults.check(self.code.is_some(), "/code", "is required");
        check_some(self.code.as_ref(), "/code", faults);
        let in_error = self.verification_status == Some(VerificationStatus::EnteredInError);
        if before.is_none() {
            faults.check(!in_error, "/verification_status", "nothing is entered in error to begin with");
        }
        faults.check(in_error || self.clinical_status.is_some(), "/clinical_status", "is required");
        check_date("/onset", self.onset.as_deref(), now, faults);
        check_date("/abatement", self.abatement.as_deref(), now, faults);
        check_order(self.onset.as_deref(), self.abatement.as_deref(), "/abatement", faults);
        match self.clinical_status {
            Some(ClinicalStatus::Resolved) => {
                faults.check(self.abatement.is_some(), "/abatement", "is required of what is resolved");
            }
            Some(ClinicalStatus::Active | ClinicalStatus::Recurrence | ClinicalStatus::Relapse) => {
                faults.check(self.abatement.is_none(), "/abatement", "does not go with what is active");
            }
            Some(ClinicalStatus::Inactive | ClinicalStatus::Remission) | None => {}
        }
        check_id("/encounter", self.encounter.as_deref(), faults);
        faults.text("/note", self.note.as_deref(), LONG_TEXT);
    }

    fn follow(&self, before: &Problem) -> Result<(), IllegalTransition> {
        if let (Some(from), Some(to)) = (before.verification_status, self.verification_status) {
            from.become_(to)?;
        }
        if let (Some(from), Some(to)) = (before.clinical_status, self.clinical_status) {
            from.become_(to)?;
        }
        Ok(())
    }

    fn write(&self, before: Option<&Problem>, resource: &mut Object, author: &Author) {
        let nothing = Problem::default();
        let old = before.unwrap_or(&nothing);
        if self.code != old.code {
            put(resource, "code", self.code.as_ref().map(Concept::to_fhir));
        }
        if self.category != old.category {
            let category =
                |it: Category| json!([{ "coding": [{ "system": CATEGORIES, "code": it.code() }] }]);
            put(resource, "category", self.category.map(category));
        }
        if self.clinical_status != old.clinical_status {
            let status =
                |it: ClinicalStatus| json!({ "coding": [{ "system": CLINICAL, "code": it.code() }] });
            put(resource, "clinicalStatus", self.clinical_status.map(status));
        }
        if self.verification_status != old.verification_status {
            let status =
                |it: VerificationStatus| json!({ "coding": [{ "system": VERIFICATION, "code": it.code() }] });
            put(resource, "verificationStatus", self.verification_status.map(status));
        }
        if self.severity != old.severity {
            let severity = |it: Severity| json!({ "coding": [{ "system": SNOMED, "code": it.snomed(), "display": it.code() }] });
            put(resource, "severity", self.severity.map(severity));
        }
        if self.onset != old.onset {
            for form in ["onsetAge", "onsetPeriod", "onsetRange", "onsetString"] {
                put(resource, form, None);
            }
            put(resource, "onsetDateTime", self.onset.as_deref().map(Value::from));
        }
        if self.abatement != old.abatement {
            for form in ["abatementAge", "abatementPeriod", "abatementRange", "abatementString"] {
                put(resource, form, None);
            }
            put(resource, "abatementDateTime", self.abatement.as_deref().map(Value::from));
        }
        if self.encounter != old.encounter {
            element::put_encounter(resource, self.encounter.as_deref());
        }
        if self.note != old.note {
            element::put_note(resource, self.note.as_deref());
        }
        if before.is_none() {
            put(resource, "recorder", Some(author.reference()));
            put(resource, "recordedDate", Some(author.instant()));
        }
    }

    fn encounter(&self) -> Option<&str> {
        self.encounter.as_deref()
    }

    fn with_status(code: &str) -> Option<Vec<Filter>> {
        if code == VerificationStatus::EnteredInError.code() {
            return Some(element::entered_in_error());
        }
        Some(element::of_clinical_status(ClinicalStatus::from_code(code)?.code()))
    }

    fn recorded(resource: &Value) -> Recorded {
        Recorded::of(resource, "/recorder", "/recordedDate")
    }
}

crate::chart::veil::veiled!(Problem);

#[cfg(test)]
mod tests {
    use super::super::codes::table;
    use super::*;
    use kernel::AccountId;

    #[test]
    fn a_resolved_problem_comes_back_as_a_recurrence_and_one_in_remission_as_a_relapse() {
        let machine = table(ClinicalStatus::ALL, ClinicalStatus::code, |from, to| from.become_(to).is_ok());
        assert_eq!(
            machine,
            [
                "active -> active inactive remission resolved",
                "recurrence -> recurrence inactive remission resolved",
                "relapse -> relapse inactive remission resolved",
                "inactive -> active inactive remission resolved",
                "remission -> relapse inactive remission resolved",
                "resolved -> recurrence resolved",
            ]
        );
        let refused = ClinicalStatus::Resolved.become_(ClinicalStatus::Active).unwrap_err().to_string();
        assert!(refused.contains("`resolved`") && refused.contains("`active`"), "{refused}");
    }

    #[test]
    fn what_was_entered_in_error_stays_so() {
        let machine =
            table(VerificationStatus::ALL, VerificationStatus::code, |from, to| from.become_(to).is_ok());
        let all = "unconfirmed provisional differential confirmed refuted entered-in-error";
        let expected: Vec<String> = VerificationStatus::ALL
            .iter()
            .map(|from| match from {
                VerificationStatus::EnteredInError => "entered-in-error -> entered-in-error".to_owned(),
                other => format!("{} -> {all}", other.code()),
            })
            .collect();
        assert_eq!(machine, expected);
    }

    #[test]
    fn amending_leaves_every_element_that_the_view_does_not_know() {
        let mut resource = json!({
            "resourceType": "Condition", "id": "1", "subject": { "reference": "Patient/p" },
            "code": { "coding": [{ "system": "urn:x", "code": "1", "version": "7" }], "extension": [{ "url": "urn:e" }] },
            "clinicalStatus": { "coding": [{ "system": CLINICAL, "code": "active" }] },
            "bodySite": [{ "text": "knee" }], "note": [{ "text": "a", "time": "2020" }, { "text": "b" }],
        });
        let before = Problem::of(&resource);
        let mut after = before.clone();
        after.note = Some("c".to_owned());
        after.severity = Some(Severity::Mild);
        let author = Author { account: AccountId::generate(), now: Utc::now() };
        let mut expected = resource.clone();
        let Value::Object(object) = &mut resource else { panic!() };
        after.write(Some(&before), object, &author);
        expected["note"][0]["text"] = "c".into();
        expected["severity"] =
            json!({ "coding": [{ "system": SNOMED, "code": "255604002", "display": "mild" }] });
        assert_eq!(resource, expected);
        assert_eq!(Problem::of(&resource), after);
    }
}
