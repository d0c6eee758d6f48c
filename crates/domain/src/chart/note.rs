//! Clinical notes. FHIR's Composition: it lives in `clinical`, and its sections are what a note is made of. (A
//! DocumentReference is a pointer to a file, which may hold a name, and lives in `phi`.)

mod narrative;

use chrono::{DateTime, SubsecRound, Utc};
use fhir::ResourceType;
use fhir::definitions::parameters::STATUS;
use fhir::search::Filter;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::codes::{codes, machine};
use super::element::{self, check_id, coded, moment, put, text};
use super::{Author, Entry, IllegalTransition, LONG_TEXT, Object, Recorded, TEXT};
use crate::fault::Faults;

codes! {
    /// What has become of a note.
    #[schemars(rename = "NoteStatus")]
    Status {
        /// Being written.
        Preliminary = "preliminary",
        /// Signed.
        Final = "final",
        /// Changed after it had been signed.
        Amended = "amended",
        /// Should not have been written.
        EnteredInError = "entered-in-error",
    }
}

machine! { Status, "the note's status",
    | Preliminary => [Final, EnteredInError]
    | Final => [Amended, EnteredInError]
    | Amended => [EnteredInError]
    | EnteredInError => []
}

codes! {
    /// What kind of note it is.
    #[schemars(rename = "NoteType")]
    Kind {
        /// How it goes on.
        Progress = "progress-note",
        /// What was told and found at the beginning.
        HistoryAndPhysical = "history-and-physical",
        /// What is to be known when the patient goes home.
        DischargeSummary = "discharge-summary",
        /// What another specialist says.
        Consultation = "consultation-note",
        /// What was done.
        Procedure = "procedure-note",
        /// What nurses observe and do.
        Nursing = "nursing-note",
    }
}

impl Kind {
    /// LOINC's code and name.
    const fn loinc(self) -> (&'static str, &'static str) {
        match self {
            Kind::Progress => ("11506-3", "Progress note"),
            Kind::HistoryAndPhysical => ("34117-2", "History and physical note"),
            Kind::DischargeSummary => ("18842-5", "Discharge summary"),
            Kind::Consultation => ("11488-4", "Consult note"),
            Kind::Procedure => ("28570-0", "Procedure note"),
            Kind::Nursing => ("34746-8", "Nurse Note"),
        }
    }

    fn from_loinc(code: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.loinc().0 == code)
    }
}

codes! {
    /// A part of a note that has a name of its own.
    #[schemars(rename = "NotePart")]
    Part {
        /// What the patient says.
        Subjective = "subjective",
        /// What is found.
        Objective = "objective",
        /// What to make of it.
        Assessment = "assessment",
        /// What to do.
        Plan = "plan",
    }
}

impl Part {
    /// LOINC's code and name.
    const fn loinc(self) -> (&'static str, &'static str) {
        match self {
            Part::Subjective => ("61150-9", "Subjective Narrative"),
            Part::Objective => ("61149-1", "Objective Narrative"),
            Part::Assessment => ("51848-0", "Evaluation note"),
            Part::Plan => ("18776-5", "Plan of care note"),
        }
    }

    fn from_loinc(code: &str) -> Option<Part> {
        Part::ALL.iter().copied().find(|part| part.loinc().0 == code)
    }
}

/// A section of a note.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Section {
    /// Which part it is, where it has a name of its own.
    pub part: Option<Part>,
    /// Its heading.
    pub title: Option<String>,
    /// Its text, without markup; lines end with a line feed. Required.
    pub text: Option<String>,
}

impl Section {
    fn of(element: &Value) -> Section {
        Section {
            part: coded(element, "/code", Part::from_loinc),
            title: text(element, "/title"),
            text: text(element, "/text/div").map(|div| narrative::plain(&div)),
        }
    }

    fn write(&self, before: &Section, element: &mut Object) {
        if self.part != before.part {
            let code = |part: Part| {
                let (code, display) = part.loinc();
                json!({ "coding": [{ "system": LOINC, "code": code, "display": display }] })
            };
            put(element, "code", self.part.map(code));
        }
        if self.title != before.title {
            put(element, "title", self.title.as_deref().map(Value::from));
        }
        if self.text != before.text {
            let narrative = |text: &str| json!({ "status": "additional", "div": narrative::xhtml(text) });
            put(element, "text", self.text.as_deref().map(narrative));
        }
    }
}

/// A note, as it is written and changed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "NoteEntry", example = example())]
pub struct Note {
    /// What kind of note it is. Required.
    #[serde(rename = "type")]
    pub kind: Option<Kind>,
    /// Its heading; that of its kind, where nothing is said.
    pub title: Option<String>,
    /// What has become of it; preliminary, where nothing is said. `final` signs it.
    pub status: Option<Status>,
    /// What it is about in time; now, where nothing is said.
    pub date: Option<DateTime<Utc>>,
    /// Its sections; at least one.
    #[serde(deserialize_with = "element::or_default")]
    #[schemars(with = "Option<Vec<Section>>")]
    pub sections: Vec<Section>,
    /// The id of the encounter that it is about.
    pub encounter: Option<String>,
    /// The id of the note that this one adds to. Cannot be changed.
    pub addendum_to: Option<String>,
    /// Why it was changed after it had been signed: required of every such change.
    pub reason: Option<String>,
}

const LOINC: &str = "http://loinc.org";
/// Most sections of one note.
const SECTIONS: usize = 50;

impl Note {
    /// Whether anything but status and reason differs.
    fn says_the_same(&self, other: &Note) -> bool {
        let bare = |note: &Note| Note { status: None, reason: None, ..note.clone() };
        bare(self) == bare(other)
    }

    fn is_signed(&self) -> bool {
        match self.status {
            Some(Status::Final | Status::Amended) => true,
            Some(Status::Preliminary | Status::EnteredInError) | None => false,
        }
    }
}

/// What the API's document shows.
fn example() -> Value {
    json!({
        "type": "progress-note",
        "date": "2026-03-01T10:00:00Z",
        "sections": [
            { "part": "subjective", "text": "Slept well." },
            { "part": "plan", "text": "Home tomorrow." },
        ],
    })
}

impl Entry for Note {
    const RESOURCE: ResourceType = ResourceType::Composition;
    const NOUN: &'static str = "note";
    const ELEMENTS: &'static [(&'static str, &'static str)] =
        &[("encounter", "/encounter"), ("relatesTo", "/addendum_to")];
    const DATED: bool = true;

    fn of(resource: &Value) -> Note {
        let list = |name: &str| resource.get(name).and_then(Value::as_array).into_iter().flatten();
        let appends = |it: &&Value| it["code"] == "appends";
        Note {
            kind: coded(resource, "/type", Kind::from_loinc),
            title: text(resource, "/title"),
            status: text(resource, "/status").and_then(|code| Status::from_code(&code)),
            date: text(resource, "/date").as_deref().and_then(moment),
            sections: list("section").map(Section::of).collect(),
            encounter: element::referred(resource, "/encounter", ResourceType::Encounter),
            addendum_to: list("relatesTo")
                .find(appends)
                .and_then(|it| element::referred(it, "/targetReference", ResourceType::Composition)),
            reason: super::amendment_reason(resource),
        }
    }

    fn complete(&mut self, before: Option<&Note>, now: DateTime<Utc>) {
        match before {
            None => {
                self.status = self.status.or(Some(Status::Preliminary));
                self.title = self.title.take().or_else(|| self.kind.map(|kind| kind.loinc().1.to_owned()));
                self.date = self.date.or(Some(now));
            }
            // What is changed after it was signed is amended, whatever the client calls it.
            Some(before) if before.is_signed() && self.status == before.status && *self != *before => {
                self.status = Some(Status::Amended);
            }
            Some(_) => {}
        }
        self.date = self.date.map(|date| date.trunc_subsecs(3));
    }

    fn check(&self, before: Option<&Note>, now: DateTime<Utc>, faults: &mut Faults) {
        let unknown_kind = before.is_some_and(|before| before.kind.is_none());
        faults.check(self.kind.is_some() || unknown_kind, "/type", "is required");
        faults.check(self.title.is_some(), "/title", "is required");
        faults.text("/title", self.title.as_deref(), TEXT);
        faults.check(self.status.is_some(), "/status", "is required");
        match self.date {
            Some(date) => faults.check(date <= now + element::TOLERANCE, "/date", "lies in the future"),
            None => faults.add("/date", "is required"),
        }
        if self.sections.is_empty() {
            faults.add("/sections", "needs at least one section");
        }
        if self.sections.len() > SECTIONS {
            faults.add("/sections", format!("has more than {SECTIONS} sections"));
        }
        for (i, section) in self.sections.iter().enumerate() {
            if before.and_then(|before| before.sections.get(i)) == Some(section) {
                continue;
            }
            let at = |member: &str| format!("/sections/{i}/{member}");
            faults.check(section.text.is_some(), at("text"), "is required");
            faults.text(&at("text"), section.text.as_deref(), LONG_TEXT);
            faults.text(&at("title"), section.title.as_deref(), TEXT);
        }
        check_id("/encounter", self.encounter.as_deref(), faults);
        check_id("/addendum_to", self.addendum_to.as_deref(), faults);
        faults.text("/reason", self.reason.as_deref(), TEXT);
        match before {
            None => {
                let begins = match self.status {
                    Some(Status::Preliminary | Status::Final) | None => true,
                    Some(Status::Amended | Status::EnteredInError) => false,
                };
                faults.check(begins, "/status", "a note begins as preliminary or final");
                faults.check(self.reason.is_none(), "/reason", "only a change after signing has a reason");
            }
            Some(before) => {
                let same_target = self.addendum_to == before.addendum_to;
                faults.check(same_target, "/addendum_to", "cannot be changed");
                let changed = self.status != before.status || !self.says_the_same(before);
                if before.is_signed() && changed {
                    let told = self.reason.is_some() && self.reason != before.reason;
                    let why = "a note that was signed is changed only with a new reason";
                    faults.check(told, "/reason", why);
                }
            }
        }
    }

    fn follow(&self, before: &Note) -> Result<(), IllegalTransition> {
        if let (Some(from), Some(to)) = (before.status, self.status) {
            from.become_(to)?;
        }
        Ok(())
    }

    fn write(&self, before: Option<&Note>, resource: &mut Object, author: &Author) {
        let nothing = Note::default();
        let old = before.unwrap_or(&nothing);
        if self.kind != old.kind {
            let kind = |kind: Kind| {
                let (code, display) = kind.loinc();
                json!({ "coding": [{ "system": LOINC, "code": code, "display": display }] })
            };
            put(resource, "type", self.kind.map(kind));
        }
        if self.title != old.title {
            put(resource, "title", self.title.as_deref().map(Value::from));
        }
        if self.status != old.status {
            put(resource, "status", self.status.map(|it| it.code().into()));
        }
        if self.date != old.date {
            put(resource, "date", self.date.map(|date| element::instant(date).into()));
        }
        if self.sections != old.sections {
            element::edit_each(resource, "section", &self.sections, &old.sections, Section::write);
        }
        if self.encounter != old.encounter {
            element::put_encounter(resource, self.encounter.as_deref());
        }
        if before.is_none() {
            put(resource, "author", Some(json!([author.reference()])));
            if let Some(id) = &self.addendum_to {
                let target = element::reference(ResourceType::Composition, id);
                let relation = json!([{ "code": "appends", "targetReference": target }]);
                put(resource, "relatesTo", Some(relation));
            }
        }
        if self.reason != old.reason
            && let Some(reason) = &self.reason
        {
            super::set_amendment_reason(resource, reason);
        }
        // Whoever signs, or changes what was signed, stands behind it.
        if self.is_signed() && (self.status != old.status || self.reason != old.reason) {
            let mut all = match resource.get_mut("attester").map(Value::take) {
                Some(Value::Array(all)) => all,
                _ => Vec::new(),
            };
            all.push(json!({
                "mode": "professional", "time": author.instant(), "party": author.reference(),
            }));
            put(resource, "attester", Some(Value::Array(all)));
        }
    }

    fn encounter(&self) -> Option<&str> {
        self.encounter.as_deref()
    }

    fn with_status(code: &str) -> Option<Vec<Filter>> {
        Status::from_code(code).map(|status| vec![element::having(STATUS, status.code())])
    }

    fn recorded(resource: &Value) -> Recorded {
        Recorded::of(resource, "/author/0", "/date")
    }
}

crate::chart::veil::veiled!(Section, Note);

#[cfg(test)]
mod tests {
    use super::super::codes::table;
    use super::*;
    use kernel::AccountId;

    fn note(status: Status) -> Note {
        let mut note = Note {
            kind: Some(Kind::Progress),
            status: Some(status),
            sections: vec![Section {
                part: Some(Part::Plan),
                title: None,
                text: Some("a < b & c\nnext".to_owned()),
            }],
            ..Default::default()
        };
        note.complete(None, Utc::now());
        note
    }

    fn pointers(entry: &Note, before: Option<&Note>) -> Vec<String> {
        let mut faults = Faults::default();
        entry.check(before, Utc::now(), &mut faults);
        faults.pointers()
    }

    #[test]
    fn a_signed_note_is_never_a_draft_again() {
        assert_eq!(
            table(Status::ALL, Status::code, |from, to| from.become_(to).is_ok()),
            [
                "preliminary -> preliminary final entered-in-error",
                "final -> final amended entered-in-error",
                "amended -> amended entered-in-error",
                "entered-in-error -> entered-in-error",
            ]
        );
    }

    #[test]
    fn a_change_after_signing_needs_a_reason_and_makes_the_note_amended() {
        let signed = note(Status::Final);
        assert_eq!(pointers(&signed, None), [""; 0]);
        let mut changed = signed.clone();
        changed.title = Some("Another".to_owned());
        changed.complete(Some(&signed), Utc::now());
        assert_eq!(changed.status, Some(Status::Amended));
        assert_eq!(pointers(&changed, Some(&signed)), ["/reason"]);
        changed.reason = Some("wrong title".to_owned());
        assert_eq!(pointers(&changed, Some(&signed)), [""; 0]);

        let mut again = changed.clone();
        again.title = Some("Third".to_owned());
        again.complete(Some(&changed), Utc::now());
        assert_eq!(
            pointers(&again, Some(&changed)),
            ["/reason"],
            "the reason of the change before does not count"
        );

        let draft = note(Status::Preliminary);
        let mut edited = draft.clone();
        edited.title = Some("Another".to_owned());
        edited.complete(Some(&draft), Utc::now());
        assert_eq!((pointers(&edited, Some(&draft)), edited.status), (vec![], Some(Status::Preliminary)));
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_every_signature_is_kept() {
        let author = Author { account: AccountId::generate(), now: Utc::now() };
        let draft = note(Status::Preliminary);
        let mut resource = Object::new();
        draft.write(None, &mut resource, &author);
        assert_eq!(Note::of(&Value::Object(resource.clone())), draft);
        assert_eq!(resource.get("attester"), None);
        let signed = Note { status: Some(Status::Final), ..draft.clone() };
        signed.write(Some(&draft), &mut resource, &author);
        let amended = Note { status: Some(Status::Amended), reason: Some("r".to_owned()), ..signed.clone() };
        amended.write(Some(&signed), &mut resource, &author);
        assert_eq!(resource["attester"].as_array().map(Vec::len), Some(2));
        let resource = Value::Object(resource);
        assert_eq!(Note::of(&resource), amended);
        assert_eq!(resource["section"][0]["code"]["coding"][0]["code"], "18776-5");
        let div = resource["section"][0]["text"]["div"].as_str().unwrap();
        assert_eq!(div, "<div xmlns=\"http://www.w3.org/1999/xhtml\">a &lt; b &amp; c<br/>next</div>");
    }
}
