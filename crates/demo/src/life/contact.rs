//! Contacts: what happens in each kind, and what it leaves in the chart.

use chrono::{DateTime, Duration, NaiveTime, Utc};

use super::words::Said;
use super::{Event, Life};
use crate::allergies;
use crate::body::Occasion;
use crate::chart::{Class, Encounter, NoteKind};
use crate::hospital::{Department, HouseKind, Profession};
use crate::illness::{Acute, Disturbance};

impl Life<'_> {
    /// Somebody meets the patient. Gives the encounter's position.
    fn meet(
        &mut self,
        class: Class,
        (start, end): (DateTime<Utc>, Option<DateTime<Utc>>),
        reason: &str,
        department: Department,
    ) -> usize {
        let department = self.department(class, department);
        let general = self.house.departments[department].department == Department::General;
        let doctor = if general && self.random.chance(750) {
            self.doctor
        } else {
            self.house.somebody(&mut self.random, Profession::Doctor, department)
        };
        let nurse = self.house.somebody(&mut self.random, Profession::Nurse, department);
        let reason = reason.to_owned();
        let encounter = Encounter { class, start, end, reason, department, doctor, nurse, died: false };
        self.chart.encounters.push(encounter);
        let rest = match class {
            Class::Ambulatory | Class::Virtual => Duration::hours(20),
            // Whoever is admitted from there goes on at once.
            Class::Emergency => Duration::zero(),
            Class::Inpatient => Duration::days(2),
        };
        self.free_from = end.map_or(self.until, |end| end + rest);
        self.chart.encounters.len() - 1
    }

    /// Children go to the children's doctors, where there are any.
    fn department(&self, class: Class, wanted: Department) -> usize {
        let day =
            self.chart.encounters.last().map_or(self.free_from, |encounter| encounter.start).date_naive();
        let child = self.person.age_on(day) < 16;
        let wanted = match (class, self.house.kind) {
            (Class::Emergency, _) => Department::Emergency,
            (_, HouseKind::Hospital) if child => Department::Paediatrics,
            (Class::Inpatient, _) if wanted == Department::Emergency || wanted == Department::General => {
                Department::Internal
            }
            (_, _) if wanted == Department::Paediatrics || wanted == Department::Emergency => {
                Department::General
            }
            _ => wanted,
        };
        self.house.department_or_first(wanted)
    }

    /// A consultation from now on, for some minutes.
    fn consultation(&mut self, at: DateTime<Utc>, reason: &str, department: Department) -> usize {
        let end = at + Duration::minutes(5 * self.random.between(3, 7));
        self.meet(Class::Ambulatory, (at, Some(end)), reason, department)
    }

    fn measure(&mut self, encounter: usize, at: DateTime<Utc>, occasion: Occasion) -> usize {
        let ill = self
            .disturbed(at)
            .map_or((Disturbance::default(), 0), |(episode, percent)| (episode.illness.disturbance, percent));
        let nurse = self.chart.encounters[encounter].nurse;
        let set = self.body.measure(&mut self.random, (encounter, nurse), at, occasion, ill);
        self.chart.vitals.push(set);
        self.chart.vitals.len() - 1
    }

    /// What is measured in a consultation stands five minutes after its beginning.
    fn measure_at_visit(&mut self, encounter: usize) -> usize {
        let at = self.chart.encounters[encounter].start + Duration::minutes(5);
        self.measure(encounter, at, Occasion::Visit)
    }

    pub(super) fn first_visit(&mut self, at: DateTime<Utc>) {
        let encounter = self.consultation(at, "First visit", Department::General);
        let (allergies, forbidden) = allergies::of(&mut self.random, encounter);
        self.chart.allergies = allergies;
        self.forbidden = forbidden;
        let mut said = Said::new(encounter, NoteKind::Progress);
        for chronicle in 0..self.chronicles.len() {
            // What is found later in the year is not known yet.
            if self.chronicles[chronicle].onset >= at.date_naive() || self.is_to_be_found(chronicle) {
                continue;
            }
            let problem = self.record_chronic(chronicle, encounter);
            said.problems.push(problem);
        }
        // Everything is known before anything is prescribed.
        for chronicle in 0..self.chronicles.len() {
            let Some(problem) = self.chronicles[chronicle].problem else { continue };
            let treatment = self.chronicles[chronicle].illness.treatment;
            said.started.extend(self.medicate_anyhow(treatment, (problem, encounter), at));
        }
        let set = self.measure_at_visit(encounter);
        if self.chart.vitals[set].height.is_none() {
            self.chart.vitals[set].height = Some(self.body.height(at));
        }
        said.vitals = Some(set);
        said.story = if said.problems.is_empty() {
            "Comes to get to know the house. No complaints.".to_owned()
        } else {
            "Comes to get to know the house; brings a list of earlier findings and of medication.".to_owned()
        };
        said.finding = "Examination without anything else of note.";
        said.plan = "Earlier findings asked for; comes again as agreed.";
        self.write(said);
    }

    fn is_to_be_found(&self, chronicle: usize) -> bool {
        self.agenda.iter().any(|(_, event)| matches!(event, Event::Diagnosis(found) if *found == chronicle))
    }

    pub(super) fn check_up(&mut self, at: DateTime<Utc>) {
        let child = self.person.age_on(at.date_naive()) < 18;
        let reason = if child { "Well child visit" } else { "General examination" };
        let encounter = self.consultation(at, reason, Department::General);
        let mut said = Said::new(encounter, NoteKind::Progress);
        said.vitals = Some(self.measure_at_visit(encounter));
        said.story = if child { "Eats, sleeps and plays well." } else { "No complaints." }.to_owned();
        said.finding = "Examination without anything of note.";
        said.plan = if child { "Vaccinations checked." } else { "Screening as the age suggests." };
        self.write(said);
    }

    pub(super) fn control(&mut self, at: DateTime<Utc>) {
        if let Some(every) = self.interval() {
            let wait = every * self.random.between(85, 120) / 100;
            self.agenda.push((at + Duration::days(wait), Event::Control));
        }
        let known: Vec<usize> = (0..self.chronicles.len())
            .filter(|position| self.chronicles[*position].problem.is_some())
            .collect();
        let Some(first) = self.random.pick(&known).copied() else { return };
        let illness = self.chronicles[first].illness;
        let remote = self.random.chance(130);
        let encounter = if remote {
            let end = at + Duration::minutes(5 * self.random.between(2, 4));
            self.meet(Class::Virtual, (at, Some(end)), illness.concept.text, illness.department)
        } else {
            self.consultation(at, illness.concept.text, illness.department)
        };
        let mut said = Said::new(encounter, NoteKind::Progress);
        said.problems.extend(known.iter().filter_map(|position| self.chronicles[*position].problem).take(4));
        self.body.improve();
        if !remote {
            said.vitals = Some(self.measure_at_visit(encounter));
            said.finding = "Otherwise as at the last visit.";
        }
        said.story = (*self.random.one_of(illness.story)).to_owned();
        said.plan = illness.plan;
        if let Some(problem) = self.chronicles[first].problem
            && self.random.chance(80)
            && let Some((stopped, started)) = self.change(illness.treatment, (problem, encounter), at)
        {
            said.stopped.push(stopped);
            said.started.extend(started);
        }
        self.write(said);
    }

    pub(super) fn diagnosis(&mut self, at: DateTime<Utc>, chronicle: usize) {
        let illness = self.chronicles[chronicle].illness;
        let encounter = self.consultation(at, illness.concept.text, illness.department);
        let mut said = Said::new(encounter, NoteKind::Progress);
        let problem = self.record_chronic(chronicle, encounter);
        said.problems.push(problem);
        said.vitals = Some(self.measure_at_visit(encounter));
        said.started = self.medicate_anyhow(illness.treatment, (problem, encounter), at);
        said.story = "Comes to talk about the results of the examinations.".to_owned();
        said.finding = "The results explain the complaints.";
        said.plan = illness.plan;
        self.write(said);
    }

    pub(super) fn sick_visit(&mut self, at: DateTime<Utc>, illness: &'static Acute) {
        let encounter = self.consultation(at, illness.concept.text, illness.department);
        let mut said = self.fallen_ill(at, illness, encounter, NoteKind::Progress);
        said.vitals = Some(self.measure_at_visit(encounter));
        self.write(said);
        self.see_again(self.chart.encounters[encounter].end.unwrap_or(at));
    }

    /// The illness is recorded and treated.
    fn fallen_ill(
        &mut self,
        at: DateTime<Utc>,
        illness: &'static Acute,
        encounter: usize,
        kind: NoteKind,
    ) -> Said {
        let mut said = Said::new(encounter, kind);
        let problem = self.record_acute(illness, at, encounter);
        said.problems.push(problem);
        let treated = at + Duration::minutes(10);
        said.started =
            self.medicate(illness.treatment, 0, illness.treatment_days, (problem, encounter), treated);
        said.story = (*self.random.one_of(illness.story)).to_owned();
        said.finding = illness.finding;
        said.plan = illness.plan;
        said
    }

    /// The appointment to see whether the last illness is over.
    fn see_again(&mut self, from: DateTime<Utc>) {
        let episode = self.episodes.len() - 1;
        if let Some((least, most)) = self.episodes[episode].illness.seen_again {
            let days = self.random.between(least, most);
            let at = self.office(from + Duration::days(days));
            self.agenda.push((at, Event::Again(episode)));
        }
    }

    pub(super) fn again(&mut self, at: DateTime<Utc>, episode: usize) {
        let illness = self.episodes[episode].illness;
        let encounter = self.consultation(at, illness.concept.text, illness.department);
        let mut said = Said::new(encounter, NoteKind::Progress);
        said.problems.push(self.episodes[episode].problem);
        said.vitals = Some(self.measure_at_visit(encounter));
        let over = self.episodes[episode].met + Duration::days(self.episodes[episode].days) < at;
        if over {
            said.story = "Is well again.".to_owned();
            said.finding = "Nothing is left of the earlier findings.";
            said.plan = "Treatment is at its end.";
        } else {
            said.story = "Is better, not yet as before.".to_owned();
            said.finding = "The earlier findings are receding.";
            said.plan = "Goes on as before, comes back if it gets worse.";
        }
        self.write(said);
    }

    pub(super) fn emergency(&mut self, at: DateTime<Utc>, illness: &'static Acute) {
        let encounter = self.in_emergency(at, illness);
        let end = self.chart.encounters[encounter].end.unwrap_or(at);
        let mut said = self.fallen_ill(at, illness, encounter, NoteKind::Emergency);
        said.vitals = Some(self.measure(encounter, at + Duration::minutes(10), Occasion::Emergency));
        self.measure(encounter, end - Duration::minutes(15), Occasion::Emergency);
        self.write(said);
        self.free_from = end + Duration::hours(20);
        self.see_again(end);
    }

    fn in_emergency(&mut self, at: DateTime<Utc>, illness: &'static Acute) -> usize {
        let end = at + Duration::minutes(15 * self.random.between(8, 24));
        self.meet(Class::Emergency, (at, Some(end)), illness.concept.text, Department::Emergency)
    }

    /// Through the emergency department to a ward, for so many days; not longer than the patient lives or the year
    /// lasts.
    pub(super) fn stay(&mut self, at: DateTime<Utc>, illness: &'static Acute, days: i64) {
        let emergency = self.in_emergency(at, illness);
        let admitted = self.chart.encounters[emergency].end.unwrap_or(at);
        let mut said = self.fallen_ill(at, illness, emergency, NoteKind::Emergency);
        said.vitals = Some(self.measure(emergency, at + Duration::minutes(10), Occasion::Emergency));
        said.plan = "Admitted.";
        let problem = said.problems.clone();
        self.write(said);

        let hour = Duration::minutes(self.random.between(9 * 60, 14 * 60));
        let day = admitted.date_naive() + Duration::days(days);
        let leaves = day.and_time(NaiveTime::MIN).and_utc() + hour;
        let (end, dies) = match (leaves < self.until, self.dies) {
            (true, _) => (Some(leaves), false),
            (false, true) => (Some(self.until), true),
            (false, false) => (None, false),
        };
        let stay = self.meet(Class::Inpatient, (admitted, end), illness.concept.text, illness.department);
        self.chart.encounters[stay].died = dies;
        let mut said = Said::new(stay, NoteKind::Admission);
        said.problems.clone_from(&problem);
        said.vitals = Some(self.measure(stay, admitted + Duration::minutes(20), Occasion::Round));
        said.story = (*self.random.one_of(illness.story)).to_owned();
        said.finding = illness.finding;
        said.plan = illness.plan;
        self.write(said);
        let last = self.rounds(stay, admitted, end.unwrap_or(self.until), &problem);
        if let Some(end) = end {
            let episode = self.episodes.len() - 1;
            for encounter in [emergency, stay] {
                self.end_infusions(encounter, end);
            }
            let mut said = Said::new(stay, NoteKind::Discharge);
            said.problems = problem;
            said.vitals = last;
            if dies {
                // What killed has not abated.
                self.episodes[episode].days = i64::from(i16::MAX);
                said.story = "The illness went on in spite of all treatment.".to_owned();
                said.plan = "Died on the ward; the family was with the patient.";
            } else {
                said.story = "Recovered during the stay.".to_owned();
                said.plan = "Goes home in good condition; appointment made, letter handed over.";
                self.see_again(end);
            }
            self.write(said);
        }
    }

    /// The rounds of a stay, in the morning and in the evening; a note on every second day. Gives the last set of
    /// vital signs.
    fn rounds(
        &mut self,
        stay: usize,
        admitted: DateTime<Utc>,
        until: DateTime<Utc>,
        problems: &[usize],
    ) -> Option<usize> {
        let mut last = None;
        let mut day = admitted.date_naive();
        for nth in 0.. {
            for hour in [7, 19] {
                let minute = self.random.between(0, 75);
                let at = day.and_time(NaiveTime::MIN).and_utc() + Duration::minutes(60 * hour + minute);
                // Time for the note, before the stay ends.
                if at < admitted + Duration::hours(2) || at + Duration::minutes(60) > until {
                    continue;
                }
                last = Some(self.measure(stay, at, Occasion::Round));
                if hour == 7 && nth % 2 == 0 && nth > 0 {
                    let mut said = Said::new(stay, NoteKind::Progress);
                    said.problems.extend_from_slice(problems);
                    said.vitals = last;
                    said.story = "Slept well, feels better than yesterday.".to_owned();
                    said.finding = "Eats, gets up with little help.";
                    said.plan = "Treatment goes on.";
                    self.write(said);
                }
            }
            day += Duration::days(1);
            if day > until.date_naive() {
                break;
            }
        }
        last
    }
}
