//! Notes, put together from what the chart holds.

use std::fmt::Write;

use chrono::Duration;

use super::Life;
use crate::chart::{Concept, Course, Note, NoteKind, VitalSet};

/// What there is to be said about a contact.
pub(super) struct Said {
    encounter: usize,
    kind: NoteKind,
    pub(super) story: String,
    pub(super) finding: &'static str,
    pub(super) plan: &'static str,
    pub(super) vitals: Option<usize>,
    pub(super) problems: Vec<usize>,
    pub(super) started: Vec<usize>,
    pub(super) stopped: Vec<usize>,
}

impl Said {
    /// Nothing yet.
    pub(super) fn new(encounter: usize, kind: NoteKind) -> Said {
        Said {
            encounter,
            kind,
            story: String::new(),
            finding: "",
            plan: "",
            vitals: None,
            problems: Vec::new(),
            started: Vec::new(),
            stopped: Vec::new(),
        }
    }
}

impl Life<'_> {
    /// Writes the note: at the end of a consultation, half an hour after an admission, after the measurement of a
    /// round, ten minutes before a discharge.
    pub(super) fn write(&mut self, said: Said) {
        let encounter = &self.chart.encounters[said.encounter];
        let end = encounter.end.unwrap_or(self.until);
        let measured = said.vitals.map_or(encounter.start, |set| self.chart.vitals[set].at);
        let at = match said.kind {
            NoteKind::Admission => encounter.start + Duration::minutes(30),
            NoteKind::Discharge => end - Duration::minutes(10),
            NoteKind::Progress | NoteKind::Emergency => measured + Duration::minutes(5),
        };
        let doctor = encounter.doctor;
        let mut objective = String::new();
        if let Some(set) = said.vitals {
            measurements(&mut objective, &self.chart.vitals[set]);
        }
        if !said.finding.is_empty() {
            objective.push_str(if objective.is_empty() { "" } else { " " });
            objective.push_str(said.finding);
        }
        if objective.is_empty() {
            objective.push_str("Not examined.");
        }
        let mut assessment =
            list(said.problems.iter().map(|problem| named(&self.chart.problems[*problem].concept)));
        if assessment.is_empty() {
            assessment.push_str("Healthy.");
        }
        let mut plan = said.plan.to_owned();
        for started in &said.started {
            let medication = &self.chart.medications[*started];
            let regimen = &medication.regimen;
            let unit = match regimen.unit {
                "ug" => "micrograms",
                "[iU]" => "units",
                "[drp]" => "drop",
                unit => unit,
            };
            let often = regimen.frequency.text();
            let _ = write!(plan, " Started: {} {} {unit} {often}.", regimen.drug.name, medication.dose);
        }
        for stopped in &said.stopped {
            let medication = &self.chart.medications[*stopped];
            if let Course::Stopped(reason) = medication.course {
                let _ = write!(plan, " Stopped: {} ({reason}).", medication.regimen.drug.name);
            }
        }
        self.chart.notes.push(Note {
            kind: said.kind,
            encounter: said.encounter,
            at: at.min(end),
            doctor,
            subjective: said.story,
            objective,
            assessment,
            plan,
        });
    }
}

fn named(concept: &Concept) -> String {
    format!("{} ({})", concept.text, concept.icd10)
}

fn list(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { String::new() } else { format!("{}.", names.join(", ")) }
}

/// The vital signs in a sentence.
fn measurements(text: &mut String, set: &VitalSet) {
    let mut parts = Vec::new();
    if let Some(value) = set.temperature {
        parts.push(format!("temperature {value} °C"));
    }
    if let Some((systolic, diastolic)) = set.pressure {
        parts.push(format!("blood pressure {systolic}/{diastolic} mmHg"));
    }
    if let Some(value) = set.pulse {
        parts.push(format!("pulse {value}/min"));
    }
    if let Some(value) = set.breaths {
        parts.push(format!("respiration {value}/min"));
    }
    if let Some(value) = set.saturation {
        parts.push(format!("oxygen saturation {value} %"));
    }
    if let Some(value) = set.glucose {
        parts.push(format!("glucose {value} mg/dL"));
    }
    if let Some(value) = set.pain {
        parts.push(format!("pain {value} of 10"));
    }
    if let Some(value) = set.weight {
        parts.push(format!("weight {value} kg"));
    }
    if let Some(value) = set.height {
        parts.push(format!("height {value} cm"));
    }
    let sentence = parts.join(", ");
    let mut letters = sentence.chars();
    if let Some(first) = letters.next() {
        text.extend(first.to_uppercase());
        text.push_str(letters.as_str());
        text.push('.');
    }
}
