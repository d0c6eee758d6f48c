//! Starting and stopping drugs.

use chrono::{DateTime, Duration, Utc};

use super::Life;
use crate::chart::{Course, Medication, Route};
use crate::drugs::Regimen;

/// Why a drug is given up.
const REASONS: [&str; 4] = ["nausea", "dizziness", "no effect", "patient's wish"];

impl Life<'_> {
    /// Starts the first of the alternatives that nothing forbids; what is taken already is not given twice. For so
    /// many days, or for good where there are none. Gives the positions of what was started.
    pub(super) fn medicate(
        &mut self,
        alternatives: &'static [&'static [Regimen]],
        begin: usize,
        days: i64,
        (problem, encounter): (usize, usize),
        at: DateTime<Utc>,
    ) -> Vec<usize> {
        let allowed = |alternative: &&&[Regimen]| {
            alternative.iter().all(|regimen| !self.forbidden.contains(&regimen.drug.family))
        };
        let turned = alternatives.iter().skip(begin).chain(alternatives.iter().take(begin));
        let Some(alternative) = turned.into_iter().find(allowed) else { return Vec::new() };
        let mut started = Vec::new();
        for regimen in *alternative {
            if self.chart.takes(regimen.drug.atc, at) {
                continue;
            }
            started.push(self.chart.medications.len());
            let dose = self.dose(regimen, at);
            let ended = (days > 0).then(|| at + Duration::days(days)).filter(|ended| *ended < self.until);
            self.chart.medications.push(Medication {
                regimen: *regimen,
                dose,
                started: at,
                ended,
                course: if ended.is_some() { Course::Completed } else { Course::Active },
                problem,
                encounter,
                doctor: self.chart.encounters[encounter].doctor,
            });
        }
        started
    }

    /// Any of the alternatives.
    pub(super) fn medicate_anyhow(
        &mut self,
        alternatives: &'static [&'static [Regimen]],
        place: (usize, usize),
        at: DateTime<Utc>,
    ) -> Vec<usize> {
        let begin = self.random.below(alternatives.len());
        self.medicate(alternatives, begin, 0, place, at)
    }

    /// Gives up one drug of a problem for another, where there is another. Gives the positions of what was stopped
    /// and what was started.
    pub(super) fn change(
        &mut self,
        alternatives: &'static [&'static [Regimen]],
        (problem, encounter): (usize, usize),
        at: DateTime<Utc>,
    ) -> Option<(usize, Vec<usize>)> {
        let stopped = self.chart.medications.iter().position(|medication| {
            medication.problem == problem
                && medication.course == Course::Active
                // What was begun today is not judged today.
                && medication.encounter != encounter
        })?;
        let code = self.chart.medications[stopped].regimen.drug.atc;
        let other = alternatives.iter().position(|alternative| {
            !alternative.is_empty() && alternative.iter().all(|regimen| regimen.drug.atc != code)
        })?;
        let reason = *self.random.one_of(&REASONS);
        let started = self.medicate(&alternatives[other..=other], 0, 0, (problem, encounter), at);
        if started.is_empty() {
            return None;
        }
        let medication = &mut self.chart.medications[stopped];
        medication.course = Course::Stopped(reason);
        medication.ended = Some(at);
        Some((stopped, started))
    }

    /// Ends what is only given on a ward.
    pub(super) fn end_infusions(&mut self, encounter: usize, at: DateTime<Utc>) {
        for medication in &mut self.chart.medications {
            let on_ward = matches!(medication.regimen.route, Route::Intravenous)
                || medication.regimen.drug.name == "enoxaparin";
            if medication.encounter == encounter && on_ward && medication.ended.is_none_or(|ended| ended > at)
            {
                medication.ended = Some(at);
                medication.course = Course::Completed;
            }
        }
    }

    /// The regimen's dose; for children of less than twelve as much of it as they weigh of sixty kilograms.
    fn dose(&self, regimen: &Regimen, at: DateTime<Utc>) -> String {
        let child = self.person.age_on(at.date_naive()) < 12;
        let milligrams = regimen.dose.parse::<i64>().ok().filter(|_| child && regimen.unit == "mg");
        let Some(milligrams) = milligrams else { return regimen.dose.to_owned() };
        let (_, hectograms) = self.body.size(at);
        let exact = (milligrams * hectograms / 600).min(milligrams);
        let step = match exact {
            200.. => 50,
            50..200 => 10,
            10..50 => 5,
            _ => 1,
        };
        (exact / step * step).max(1).to_string()
    }
}
