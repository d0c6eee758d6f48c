//! Allergies and intolerances: what a patient must not be given. FHIR's AllergyIntolerance.

use chrono::{DateTime, Utc};
use fhir::ResourceType;
use fhir::search::Filter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::codes::{codes, machine};
use super::concept::check_some;
use super::element::{self, check_date, check_id, coded, put, text};
use super::problem::Severity;
use super::{Author, Concept, Entry, IllegalTransition, LONG_TEXT, Object, Recorded, TEXT};
use crate::fault::Faults;

codes! {
    /// Whether it still has to be reckoned with.
    #[schemars(rename = "AllergyClinicalStatus")]
    ClinicalStatus {
        /// Yes.
        Active = "active",
        /// Not at present.
        Inactive = "inactive",
        /// No more: it was tested again.
        Resolved = "resolved",
    }
}

machine! { ClinicalStatus, "the allergy's clinical_status",
    | Active => [Inactive, Resolved]
    | Inactive => [Active, Resolved]
    | Resolved => [Active]
}

codes! {
    /// How sure it is.
    #[schemars(rename = "AllergyVerificationStatus")]
    VerificationStatus {
        /// Told, not tested.
        Unconfirmed = "unconfirmed",
        /// Sure.
        Confirmed = "confirmed",
        /// Ruled out.
        Refuted = "refuted",
        /// Should not have been written down.
        EnteredInError = "entered-in-error",
    }
}

machine! { VerificationStatus, "the allergy's verification_status",
    | Unconfirmed => [Confirmed, Refuted, EnteredInError]
    | Confirmed => [Unconfirmed, Refuted, EnteredInError]
    | Refuted => [Unconfirmed, Confirmed, EnteredInError]
    | EnteredInError => []
}

codes! {
    /// Of which nature it is.
    #[schemars(rename = "AllergyType")]
    Kind {
        /// The immune system reacts.
        Allergy = "allergy",
        /// Something else does.
        Intolerance = "intolerance",
    }
}

codes! {
    /// To what kind of thing.
    #[schemars(rename = "AllergyCategory")]
    Category {
        /// Food.
        Food = "food",
        /// Medication.
        Medication = "medication",
        /// What is around us: pollen, latex.
        Environment = "environment",
        /// Substances made by or from living things.
        Biologic = "biologic",
    }
}

codes! {
    /// How dangerous the next contact may be.
    Criticality {
        /// Not to life.
        Low = "low",
        /// To life.
        High = "high",
        /// Not known.
        UnableToAssess = "unable-to-assess",
    }
}

/// What happened at a contact.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Reaction {
    /// What was seen, such as hives; at least one.
    #[serde(deserialize_with = "element::or_default")]
    #[schemars(with = "Option<Vec<Concept>>")]
    pub manifestations: Vec<Concept>,
    /// How bad it was.
    pub severity: Option<Severity>,
    /// In words.
    pub description: Option<String>,
    /// When.
    pub onset: Option<String>,
}

impl Reaction {
    fn of(element: &Value) -> Reaction {
        let manifestations = element.get("manifestation").and_then(Value::as_array).into_iter().flatten();
        Reaction {
            manifestations: manifestations.filter_map(Concept::of).collect(),
            severity: text(element, "/severity").and_then(|code| Severity::from_code(&code)),
            description: text(element, "/description"),
            onset: text(element, "/onset"),
        }
    }

    fn write(&self, before: &Reaction, element: &mut Object) {
        if self.manifestations != before.manifestations {
            let all: Vec<Value> = self.manifestations.iter().map(Concept::to_fhir).collect();
            put(element, "manifestation", (!all.is_empty()).then_some(Value::Array(all)));
        }
        if self.severity != before.severity {
            put(element, "severity", self.severity.map(|it| it.code().into()));
        }
        if self.description != before.description {
            put(element, "description", self.description.as_deref().map(Value::from));
        }
        if self.onset != before.onset {
            put(element, "onset", self.onset.as_deref().map(Value::from));
        }
    }
}

/// An allergy, as it is written and changed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "AllergyEntry", example = example())]
pub struct Allergy {
    /// To what: SNOMED CT, RxNorm, or in words. SNOMED CT 716186003 says that none is known. Required.
    pub code: Option<Concept>,
    /// Of which nature it is.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// To what kinds of thing.
    #[serde(deserialize_with = "element::or_default")]
    #[schemars(with = "Option<Vec<Category>>")]
    pub categories: Vec<Category>,
    /// How dangerous the next contact may be.
    pub criticality: Option<Criticality>,
    /// Whether it still has to be reckoned with; active, where nothing is said.
    pub clinical_status: Option<ClinicalStatus>,
    /// How sure it is; unconfirmed, where nothing is said.
    pub verification_status: Option<VerificationStatus>,
    /// What happened at contacts.
    #[serde(deserialize_with = "element::or_default")]
    #[schemars(with = "Option<Vec<Reaction>>")]
    pub reactions: Vec<Reaction>,
    /// When it was first seen: a year, a month, a day or a time.
    pub onset: Option<String>,
    /// The id of the encounter during which it was told.
    pub encounter: Option<String>,
    /// What else is to be said.
    pub note: Option<String>,
}

/// SNOMED CT.
pub const SNOMED: &str = "http://snomed.info/sct";
/// SNOMED CT's code of "no known allergy".
pub const NO_KNOWN_ALLERGY: &str = "716186003";

const CLINICAL: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
const VERIFICATION: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";
/// Most reactions of one allergy.
const REACTIONS: usize = 50;

impl Allergy {
    /// Whether it has to be reckoned with: what is not known to be over does.
    pub fn is_active(&self) -> bool {
        let there = match self.clinical_status {
            Some(ClinicalStatus::Active) | None => true,
            Some(ClinicalStatus::Inactive | ClinicalStatus::Resolved) => false,
        };
        there
            && !matches!(
                self.verification_status,
                Some(VerificationStatus::EnteredInError | VerificationStatus::Refuted)
            )
    }

    /// Whether it says that there is none.
    pub fn says_none_is_known(&self) -> bool {
        self.code.as_ref().is_some_and(|code| code.has(SNOMED, NO_KNOWN_ALLERGY))
    }
}

/// What the API's document shows.
fn example() -> Value {
    json!({
        "code": {
            "text": "Penicillin",
            "codings": [{ "system": SNOMED, "code": "764146007", "display": "Penicillin" }],
        },
        "type": "allergy",
        "categories": ["medication"],
        "criticality": "high",
        "reactions": [{ "manifestations": [{ "text": "hives" }], "severity": "moderate" }],
    })
}

impl Entry for Allergy {
    const RESOURCE: ResourceType = ResourceType::AllergyIntolerance;
    const NOUN: &'static str = "allergy";
    const ELEMENTS: &'static [(&'static str, &'static str)] = &[("encounter", "/encounter")];
    const DATED: bool = false;

    fn of(resource: &Value) -> Allergy {
        let list = |name: &str| resource.get(name).and_then(Value::as_array).into_iter().flatten();
        Allergy {
            code: resource.get("code").and_then(Concept::of),
            kind: text(resource, "/type").and_then(|code| Kind::from_code(&code)),
            categories: list("category").filter_map(|it| Category::from_code(it.as_str()?)).collect(),
            criticality: text(resource, "/criticality").and_then(|code| Criticality::from_code(&code)),
            clinical_status: coded(resource, "/clinicalStatus", ClinicalStatus::from_code),
            verification_status: coded(resource, "/verificationStatus", VerificationStatus::from_code),
            reactions: list("reaction").map(Reaction::of).collect(),
            onset: text(resource, "/onsetDateTime"),
            encounter: element::referred(resource, "/encounter", ResourceType::Encounter),
            note: element::note(resource),
        }
    }

    fn complete(&mut self, before: Option<&Allergy>, _: DateTime<Utc>) {
        if before.is_none() {
            self.clinical_status = self.clinical_status.or(Some(ClinicalStatus::Active));
            self.verification_status = self.verification_status.or(Some(VerificationStatus::Unconfirmed));
        }
        // FHIR's ait-2: what was entered in error has no clinical status.
        if self.verification_status == Some(VerificationStatus::EnteredInError) {
            self.clinical_status = None;
        }
    }

    fn check(&self, before: Option<&Allergy>, now: DateTime<Utc>, faults: &mut Faults) {
        faults.check(self.code.is_some(), "/code", "is required");
        check_some(self.code.as_ref(), "/code", faults);
        let in_error = self.verification_status == Some(VerificationStatus::EnteredInError);
        if before.is_none() {
            faults.check(!in_error, "/verification_status", "nothing is entered in error to begin with");
        }
        faults.check(in_error || self.clinical_status.is_some(), "/clinical_status", "is required");
        for (i, category) in self.categories.iter().enumerate() {
            let pointer = format!("/categories/{i}");
            faults.check(!self.categories[..i].contains(category), &pointer, "is there already");
        }
        if self.reactions.len() > REACTIONS {
            faults.add("/reactions", format!("has more than {REACTIONS} reactions"));
        }
        if self.says_none_is_known() {
            let why = "does not go with the statement that no allergy is known";
            faults.check(self.reactions.is_empty(), "/reactions", why);
            faults.check(self.criticality.is_none(), "/criticality", why);
        }
        let unchanged = |i: usize| before.and_then(|it| it.reactions.get(i)) == self.reactions.get(i);
        for (i, reaction) in self.reactions.iter().enumerate().filter(|(i, _)| !unchanged(*i)) {
            let at = |member: &str| format!("/reactions/{i}/{member}");
            let manifestations = at("manifestations");
            faults.check(!reaction.manifestations.is_empty(), &manifestations, "needs at least one");
            for (n, manifestation) in reaction.manifestations.iter().enumerate() {
                manifestation.check(&format!("{manifestations}/{n}"), faults);
            }
            faults.text(&at("description"), reaction.description.as_deref(), TEXT);
            check_date(&at("onset"), reaction.onset.as_deref(), now, faults);
        }
        check_date("/onset", self.onset.as_deref(), now, faults);
        check_id("/encounter", self.encounter.as_deref(), faults);
        faults.text("/note", self.note.as_deref(), LONG_TEXT);
    }

    fn follow(&self, before: &Allergy) -> Result<(), IllegalTransition> {
        if let (Some(from), Some(to)) = (before.verification_status, self.verification_status) {
            from.become_(to)?;
        }
        if let (Some(from), Some(to)) = (before.clinical_status, self.clinical_status) {
            from.become_(to)?;
        }
        Ok(())
    }

    fn write(&self, before: Option<&Allergy>, resource: &mut Object, author: &Author) {
        let nothing = Allergy::default();
        let old = before.unwrap_or(&nothing);
        if self.code != old.code {
            put(resource, "code", self.code.as_ref().map(Concept::to_fhir));
        }
        if self.kind != old.kind {
            put(resource, "type", self.kind.map(|it| it.code().into()));
        }
        if self.categories != old.categories {
            let all: Vec<Value> = self.categories.iter().map(|it| it.code().into()).collect();
            put(resource, "category", (!all.is_empty()).then_some(Value::Array(all)));
        }
        if self.criticality != old.criticality {
            put(resource, "criticality", self.criticality.map(|it| it.code().into()));
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
        if self.reactions != old.reactions {
            element::edit_each(resource, "reaction", &self.reactions, &old.reactions, Reaction::write);
        }
        if self.onset != old.onset {
            for form in ["onsetAge", "onsetPeriod", "onsetRange", "onsetString"] {
                put(resource, form, None);
            }
            put(resource, "onsetDateTime", self.onset.as_deref().map(Value::from));
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

crate::chart::veil::veiled!(Reaction, Allergy);

#[cfg(test)]
mod tests {
    use super::super::codes::table;
    use super::*;
    use kernel::AccountId;

    #[test]
    fn an_allergy_that_was_resolved_can_come_back() {
        let machine = table(ClinicalStatus::ALL, ClinicalStatus::code, |from, to| from.become_(to).is_ok());
        assert_eq!(
            machine,
            [
                "active -> active inactive resolved",
                "inactive -> active inactive resolved",
                "resolved -> active resolved",
            ]
        );
        let machine =
            table(VerificationStatus::ALL, VerificationStatus::code, |from, to| from.become_(to).is_ok());
        assert_eq!(
            machine,
            [
                "unconfirmed -> unconfirmed confirmed refuted entered-in-error",
                "confirmed -> unconfirmed confirmed refuted entered-in-error",
                "refuted -> unconfirmed confirmed refuted entered-in-error",
                "entered-in-error -> entered-in-error",
            ]
        );
    }

    #[test]
    fn a_reaction_keeps_what_the_view_does_not_know_when_another_is_added() {
        let mut resource = json!({
            "resourceType": "AllergyIntolerance", "code": { "text": "latex" },
            "reaction": [{ "manifestation": [{ "text": "hives" }], "exposureRoute": { "text": "skin" } }],
        });
        let before = Allergy::of(&resource);
        let mut after = before.clone();
        after.reactions[0].severity = Some(Severity::Severe);
        after
            .reactions
            .push(Reaction { manifestations: vec![Concept::named("shock")], ..Default::default() });
        let Value::Object(object) = &mut resource else { panic!() };
        let author = Author { account: AccountId::generate(), now: Utc::now() };
        after.write(Some(&before), object, &author);
        assert_eq!(resource["reaction"][0]["exposureRoute"]["text"], "skin");
        assert_eq!(resource["reaction"][0]["severity"], "severe");
        assert_eq!(resource["reaction"][1], json!({ "manifestation": [{ "text": "shock" }] }));
        assert_eq!(Allergy::of(&resource), after);
    }

    #[test]
    fn no_known_allergy_goes_without_reactions() {
        let mut none = Allergy {
            code: Some(Concept::coded(SNOMED, NO_KNOWN_ALLERGY, "No known allergy")),
            ..Allergy::default()
        };
        none.complete(None, Utc::now());
        let faults = |allergy: &Allergy| {
            let mut faults = Faults::default();
            allergy.check(None, Utc::now(), &mut faults);
            faults.unless(())
        };
        assert!(faults(&none).is_ok());
        none.reactions.push(Reaction { manifestations: vec![Concept::named("x")], ..Default::default() });
        assert_eq!(faults(&none).unwrap_err().list()[0].pointer, "/reactions");
    }
}
