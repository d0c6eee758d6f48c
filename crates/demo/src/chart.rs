//! What is true of a patient: everything that a year left in the chart, each part referring to others by position.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};

use crate::drugs::Regimen;

/// An exact decimal: `digits` with the point `decimals` places from the right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    /// All digits, as one number.
    pub digits: i64,
    /// How many of them stand behind the point.
    pub decimals: u8,
}

impl Decimal {
    /// A number with one place behind the point.
    pub const fn tenths(digits: i64) -> Decimal {
        Decimal { digits, decimals: 1 }
    }

    /// A whole number.
    pub const fn whole(digits: i64) -> Decimal {
        Decimal { digits, decimals: 0 }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::from(self.decimals);
        let text = format!("{:0width$}", self.digits.abs(), width = places + 1);
        let sign = if self.digits < 0 { "-" } else { "" };
        let (whole, rest) = text.split_at(text.len() - places);
        if rest.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{rest}") }
    }
}

/// An illness, a finding or a substance, coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concept {
    /// The code in SNOMED CT.
    pub snomed: &'static str,
    /// The code in ICD-10; empty where it has none.
    pub icd10: &'static str,
    /// In words.
    pub text: &'static str,
}

/// A chart. A reference to an encounter, a problem or a worker is its position in the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chart {
    /// Contacts, in order of time; no two overlap.
    pub encounters: Vec<Encounter>,
    /// What was measured, in order of time.
    pub vitals: Vec<VitalSet>,
    /// Problems, in the order in which they were recorded.
    pub problems: Vec<Problem>,
    /// Allergies; one that says that there are none, where there are none.
    pub allergies: Vec<Allergy>,
    /// Medication, in the order in which it was started.
    pub medications: Vec<Medication>,
    /// Notes, in order of time.
    pub notes: Vec<Note>,
}

/// What kind of contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// At a doctor's.
    Ambulatory,
    /// By telephone or video.
    Virtual,
    /// In the emergency department.
    Emergency,
    /// A stay on a ward.
    Inpatient,
}

/// A contact between patient and house.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encounter {
    /// What kind.
    pub class: Class,
    /// From when.
    pub start: DateTime<Utc>,
    /// To when; none while it lasts.
    pub end: Option<DateTime<Utc>>,
    /// Why.
    pub reason: String,
    /// The department, by position.
    pub department: usize,
    /// The doctor, by position.
    pub doctor: usize,
    /// The nurse, by position.
    pub nurse: usize,
    /// Whether the patient died in it.
    pub died: bool,
}

/// How awake somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consciousness {
    /// Alert.
    Alert,
    /// Responds to voice.
    Voice,
}

/// What was measured at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VitalSet {
    /// In which encounter.
    pub encounter: usize,
    /// When.
    pub at: DateTime<Utc>,
    /// By whom.
    pub nurse: usize,
    /// Body temperature, degrees Celsius.
    pub temperature: Option<Decimal>,
    /// Systolic and diastolic blood pressure, mm[Hg].
    pub pressure: Option<(i64, i64)>,
    /// Heart rate, per minute.
    pub pulse: Option<i64>,
    /// Respiratory rate, per minute.
    pub breaths: Option<i64>,
    /// Oxygen saturation, percent.
    pub saturation: Option<i64>,
    /// Glucose, mg/dL.
    pub glucose: Option<i64>,
    /// Pain, 0 to 10.
    pub pain: Option<i64>,
    /// Body weight, kg.
    pub weight: Option<Decimal>,
    /// Body height, cm.
    pub height: Option<Decimal>,
    /// Glasgow coma score.
    pub coma_score: Option<i64>,
    /// Level of consciousness.
    pub consciousness: Option<Consciousness>,
}

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Mild.
    Mild,
    /// Moderate.
    Moderate,
    /// Severe.
    Severe,
}

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What.
    pub concept: Concept,
    /// How bad.
    pub severity: Severity,
    /// Since when.
    pub onset: NaiveDate,
    /// Until when, where it is over.
    pub abated: Option<NaiveDate>,
    /// The encounter in which it was recorded.
    pub encounter: usize,
}

/// What an allergy is to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllergyCategory {
    /// A drug.
    Medication,
    /// A food.
    Food,
    /// Something in the air, on the skin, or with a sting.
    Environment,
}

/// An allergy, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allergy {
    /// What, as SNOMED CT has it.
    pub concept: Concept,
    /// To what kind of thing; none where there is no allergy.
    pub category: Option<AllergyCategory>,
    /// Whether it can kill.
    pub dangerous: bool,
    /// What happened.
    pub reaction: Option<(Concept, Severity)>,
    /// The encounter in which it was recorded.
    pub encounter: usize,
}

/// How a drug gets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// By mouth.
    Oral,
    /// Breathed in.
    Inhaled,
    /// Into a vein.
    Intravenous,
    /// Under the skin.
    Subcutaneous,
    /// On the skin.
    Topical,
    /// Into the eye.
    Ophthalmic,
}

/// How often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frequency {
    /// Once a day.
    OnceDaily,
    /// Twice a day.
    TwiceDaily,
    /// Three times a day.
    ThreeTimesDaily,
    /// Four times a day.
    FourTimesDaily,
    /// Every eight hours.
    EveryEightHours,
    /// Once a week.
    Weekly,
    /// When it is needed.
    AsNeeded,
}

impl Frequency {
    /// In words.
    pub const fn text(self) -> &'static str {
        match self {
            Frequency::OnceDaily => "once a day",
            Frequency::TwiceDaily => "twice a day",
            Frequency::ThreeTimesDaily => "three times a day",
            Frequency::FourTimesDaily => "four times a day",
            Frequency::EveryEightHours => "every 8 hours",
            Frequency::Weekly => "once a week",
            Frequency::AsNeeded => "as needed, at most four times a day",
        }
    }
}

/// What became of a medication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It is taken.
    Active,
    /// It was taken to its end.
    Completed,
    /// It was stopped before, for this reason.
    Stopped(&'static str),
}

/// A medication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Medication {
    /// What, how and how often.
    pub regimen: Regimen,
    /// How much: the regimen's dose, or less of it for a child.
    pub dose: String,
    /// From when.
    pub started: DateTime<Utc>,
    /// To when, where it has ended.
    pub ended: Option<DateTime<Utc>>,
    /// What became of it.
    pub course: Course,
    /// The problem that it is for.
    pub problem: usize,
    /// The encounter in which it was started.
    pub encounter: usize,
    /// Who prescribed it.
    pub doctor: usize,
}

/// What kind of note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// About a consultation or a day on the ward.
    Progress,
    /// About an emergency.
    Emergency,
    /// History and physical examination, at an admission.
    Admission,
    /// Summary at a discharge.
    Discharge,
}

/// A note, in the four parts of such notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What kind.
    pub kind: NoteKind,
    /// In which encounter.
    pub encounter: usize,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// By whom.
    pub doctor: usize,
    /// What the patient says.
    pub subjective: String,
    /// What was found.
    pub objective: String,
    /// What that means.
    pub assessment: String,
    /// What is to be done.
    pub plan: String,
}

impl Chart {
    /// Whether a drug of this code is taken at this time.
    pub fn takes(&self, atc: &str, at: DateTime<Utc>) -> bool {
        self.medications.iter().any(|medication| {
            medication.regimen.drug.atc == atc && medication.ended.is_none_or(|ended| ended > at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_read_as_they_are_written() {
        let text = |digits, decimals| Decimal { digits, decimals }.to_string();
        assert_eq!(text(367, 1), "36.7");
        assert_eq!(text(5, 1), "0.5");
        assert_eq!(text(-5, 2), "-0.05");
        assert_eq!(text(80, 0), "80");
    }
}
