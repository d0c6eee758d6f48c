//! A year in the life of a patient, told in the order of time.
//!
//! What will happen stands in an agenda: the first visit, controls of what is chronic, illnesses that come and go. It
//! is taken from there one by one, the earliest first; what would fall into something that is not over yet is put
//! off. So nothing overlaps, nothing is before the birth or after the death, and every consequence follows its cause.

mod contact;
mod treatment;
mod words;

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveTime, Utc, Weekday};

use crate::allergies;
use crate::body::Body;
use crate::chart::{Chart, Course, Problem, Severity};
use crate::drugs::Family;
use crate::hospital::{Department, House, HouseKind, Profession};
use crate::illness::{self, ACUTE, Acute, CHRONIC, Chronic, Pathway};
use crate::person::{Person, Sex};
use crate::random::Random;

/// Days that a newborn is old at the least: the first visit and what follows need some time.
pub const YOUNGEST_DAYS: i64 = 30;
/// How many acute illnesses a year brings: of a thousand people in each band, how many have none, one, two, three.
const ILLNESSES: [[u32; 4]; illness::BANDS] = [
    [160, 300, 320, 220],
    [360, 390, 190, 60],
    [400, 390, 160, 50],
    [400, 380, 160, 60],
    [330, 390, 200, 80],
    [240, 390, 250, 120],
];
/// How many of a thousand die within the year, by band of age.
const DEATHS: [u32; illness::BANDS] = [0, 0, 1, 2, 9, 38];

/// What stands in the agenda.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The first visit of the year: the house gets to know the patient.
    First,
    /// A look at somebody who is well.
    CheckUp,
    /// What is chronic is looked at.
    Control,
    /// A chronic illness is found.
    Diagnosis(usize),
    /// An acute illness.
    Falls(&'static Acute),
    /// Whether it is over; by position in the episodes.
    Again(usize),
    /// The last illness.
    Last(&'static Acute),
}

/// A chronic illness of this patient.
struct Chronicle {
    illness: &'static Chronic,
    onset: NaiveDate,
    /// Once it stands in the chart.
    problem: Option<usize>,
}

/// An acute illness of this patient.
struct Episode {
    illness: &'static Acute,
    problem: usize,
    /// When it was met.
    met: DateTime<Utc>,
    /// Days until it is over, from then on.
    days: i64,
}

/// A life while it is told.
pub(crate) struct Life<'h> {
    random: Random,
    person: &'h Person,
    house: &'h House,
    /// The doctor whom the patient usually sees.
    doctor: usize,
    body: Body,
    /// Where it ends: today, or with death.
    until: DateTime<Utc>,
    dies: bool,
    agenda: Vec<(DateTime<Utc>, Event)>,
    /// Before that nothing else happens.
    free_from: DateTime<Utc>,
    forbidden: Vec<Family>,
    chronicles: Vec<Chronicle>,
    episodes: Vec<Episode>,
    chart: Chart,
}

/// What a life leaves behind.
pub(crate) struct Told {
    pub(crate) chart: Chart,
    pub(crate) doctor: usize,
    pub(crate) death: Option<DateTime<Utc>>,
}

/// Tells the year before `today`.
pub(crate) fn tell(seed: u64, number: u64, person: &Person, house: &House, today: NaiveDate) -> Told {
    let mut random = Random::part(seed, 3, number);
    let general = house.department_or_first(Department::General);
    let doctor = house.somebody(&mut random, Profession::Doctor, general);
    let body = Body::new(&mut random, person, today);
    let midnight = today.and_time(NaiveTime::MIN).and_utc();
    let born = person.birth_date.and_time(NaiveTime::MIN).and_utc();
    // The third day of an infant, the first day of the year for everybody else.
    let from = (midnight - Duration::days(364)).max(born + Duration::days(3));
    let mut life = Life {
        random,
        person,
        house,
        doctor,
        body,
        until: midnight,
        dies: false,
        agenda: Vec::new(),
        free_from: from,
        forbidden: Vec::new(),
        chronicles: Vec::new(),
        episodes: Vec::new(),
        chart: Chart::default(),
    };
    life.foresee(from);
    life.live();
    life.conclude();
    Told { chart: life.chart, doctor, death: life.dies.then_some(life.until) }
}

impl Life<'_> {
    /// Writes the agenda.
    fn foresee(&mut self, from: DateTime<Utc>) {
        let age = self.person.age_on(from.date_naive());
        let band = illness::band(age);
        let days = (self.until - from).num_days();
        if days > 120 && self.random.chance(DEATHS[band]) {
            self.dies = true;
            let minutes = self.random.between(60 * 24 * 60, days * 24 * 60 - 60);
            self.until = from + Duration::minutes(minutes);
        }
        let latest = if self.random.chance(700) { days / 6 } else { days * 4 / 5 };
        let wait =
            if age == 0 { 2 } else { self.random.between(0, latest.min(if self.dies { 25 } else { 360 })) };
        let first = self.office(from + Duration::days(wait));
        self.agenda.push((first, Event::First));
        self.fall_chronically_ill(band, first);
        self.fall_ill(band, first);
        self.plan_controls(first, age);
        let hospital = self.house.kind == HouseKind::Hospital;
        if hospital && !self.dies && days > 120 && self.random.chance(30) {
            // A hospital whose wards are empty today would be a strange one.
            let begins = self.until - Duration::hours(self.random.between(12, 60));
            if let Some(acute) = self.draw(band, |acute| matches!(acute.pathway, Pathway::Stay(3.., _))) {
                self.agenda.push((begins, Event::Falls(acute)));
            }
        }
        if hospital && self.dies && self.random.chance(600) {
            let begins = self.until - Duration::hours(self.random.between(20, 120));
            if let Some(last) = self.draw(band, |acute| acute.disturbance.saturation >= 4) {
                self.agenda.push((begins, Event::Last(last)));
            }
        }
    }

    fn fall_chronically_ill(&mut self, band: usize, first: DateTime<Utc>) {
        let left = (self.until - first).num_days();
        for illness in CHRONIC {
            let percent = if self.person.sex == Sex::Female { illness.percent.0 } else { illness.percent.1 };
            if !self.random.chance(illness.per_mille[band] * percent / 100) {
                continue;
            }
            let new = left > 40 && self.random.chance(120);
            let onset = if new {
                let days = self.random.between(10, left - 20);
                let found = self.office(first + Duration::days(days));
                self.agenda.push((found, Event::Diagnosis(self.chronicles.len())));
                found.date_naive() - Duration::days(self.random.between(0, 20))
            } else {
                // Some years before, but not before the first birthday or, for infants, birth.
                let lived = self.person.age_in_days_on(first.date_naive());
                let most = (lived - 365).clamp(lived.min(1), 15 * 365);
                first.date_naive()
                    - Duration::days(self.random.between(lived.min(1), most.max(lived.min(30))))
            };
            let onset = onset.max(self.person.birth_date);
            self.chronicles.push(Chronicle { illness, onset, problem: None });
        }
    }

    fn fall_ill(&mut self, band: usize, first: DateTime<Utc>) {
        let left = (self.until - first).num_minutes();
        let year = self.random.weighted(ILLNESSES[band].iter().copied()) as i64;
        for _ in 0..year {
            let minutes = self.random.between(0, 364 * 24 * 60);
            if minutes >= left {
                // It fell into the part of the year in which the house did not know the patient.
                continue;
            }
            if let Some(acute) = self.draw(band, |_| true) {
                self.agenda.push((first + Duration::minutes(minutes), Event::Falls(acute)));
            }
        }
    }

    fn plan_controls(&mut self, first: DateTime<Utc>, age: u32) {
        if let Some(every) = self.interval() {
            let wait = every * self.random.between(50, 100) / 100;
            self.agenda.push((first + Duration::days(wait), Event::Control));
        }
        let left = (self.until - first).num_days();
        let every = match age {
            0..2 => 70,
            2..18 => 190,
            _ if self.random.chance(400) => 200,
            _ => return,
        };
        let mut at = every;
        while at < left {
            let day = at + self.random.between(-10, 10);
            self.agenda.push((first + Duration::days(day), Event::CheckUp));
            at += every;
        }
    }

    /// Days between two controls: as many as the strictest of what the patient has.
    fn interval(&self) -> Option<i64> {
        self.chronicles.iter().map(|chronicle| chronicle.illness.every_days).min()
    }

    /// An illness that this patient can have in this house.
    fn draw(&mut self, band: usize, suits: impl Fn(&Acute) -> bool) -> Option<&'static Acute> {
        let has =
            |code: &str| self.chronicles.iter().any(|chronicle| chronicle.illness.concept.snomed == code);
        let clinic = self.house.kind == HouseKind::Clinic;
        let weights: Vec<u32> = ACUTE
            .iter()
            .map(|acute| {
                let percent = if self.person.sex == Sex::Female { acute.percent.0 } else { acute.percent.1 };
                let possible = acute.only_with.is_none_or(has)
                    && !(clinic && acute.pathway != Pathway::Visit)
                    && suits(acute);
                if possible { acute.weight[band] * percent / 100 } else { 0 }
            })
            .collect();
        let possible = weights.iter().any(|weight| *weight > 0);
        let drawn = self.random.weighted(weights.into_iter());
        possible.then(|| &ACUTE[drawn])
    }

    /// The next time that a doctor's office is open: on a weekday, between eight and a quarter to five.
    fn office(&mut self, not_before: DateTime<Utc>) -> DateTime<Utc> {
        let mut day = not_before.date_naive();
        let minutes = 8 * 60 + 15 * self.random.between(0, 35);
        loop {
            let weekend = matches!(day.weekday(), Weekday::Sat | Weekday::Sun);
            let at = day.and_time(NaiveTime::MIN).and_utc() + Duration::minutes(minutes);
            if at >= not_before && !weekend {
                return at;
            }
            day += Duration::days(1);
        }
    }

    /// Takes the agenda to its end.
    fn live(&mut self) {
        while let Some(next) = (0..self.agenda.len()).min_by_key(|position| self.agenda[*position].0) {
            // The order of what is left stays as it was, so that the same seed tells the same life.
            let (at, event) = self.agenda.remove(next);
            if at < self.free_from {
                let later = self.free_from;
                let later = if event.is_sudden() { later } else { self.office(later) };
                self.agenda.push((later, event));
            } else if at + event.needs() < self.until {
                self.happen(at, event);
            }
        }
    }

    fn happen(&mut self, at: DateTime<Utc>, event: Event) {
        match event {
            Event::First => self.first_visit(at),
            Event::CheckUp => self.check_up(at),
            Event::Control => self.control(at),
            Event::Diagnosis(chronicle) => self.diagnosis(at, chronicle),
            Event::Falls(acute) => match acute.pathway {
                Pathway::Visit => {
                    let at = self.office(at);
                    if at + event.needs() < self.until {
                        self.sick_visit(at, acute);
                    }
                }
                Pathway::Emergency => self.emergency(at, acute),
                Pathway::Stay(least, most) => {
                    let days = self.random.between(least, most);
                    self.stay(at, acute, days);
                }
            },
            Event::Again(episode) => self.again(at, episode),
            // However long it would have been.
            Event::Last(acute) => self.stay(at, acute, 30),
        }
    }

    /// Adds a chronic illness to the problems.
    fn record_chronic(&mut self, position: usize, encounter: usize) -> usize {
        let chronicle = &self.chronicles[position];
        let severity = *self.random.one_of(&[Severity::Mild, Severity::Moderate, Severity::Moderate]);
        self.body.suffer(chronicle.illness.effect);
        let concept = chronicle.illness.concept;
        self.chart.problems.push(Problem {
            concept,
            severity,
            onset: chronicle.onset,
            abated: None,
            encounter,
        });
        let problem = self.chart.problems.len() - 1;
        self.chronicles[position].problem = Some(problem);
        self.forbidden.extend(allergies::forbidden_by(concept.snomed));
        problem
    }

    /// Adds an acute illness to the problems.
    fn record_acute(&mut self, illness: &'static Acute, met: DateTime<Utc>, encounter: usize) -> usize {
        let severity = match illness.pathway {
            Pathway::Visit => *self.random.one_of(&[Severity::Mild, Severity::Mild, Severity::Moderate]),
            Pathway::Emergency => Severity::Moderate,
            Pathway::Stay(..) => *self.random.one_of(&[Severity::Moderate, Severity::Severe]),
        };
        let before = if illness.pathway == Pathway::Visit { 3 } else { 1 };
        let onset = met.date_naive() - Duration::days(self.random.between(0, before));
        let onset = onset.max(self.person.birth_date);
        let concept = illness.concept;
        self.chart.problems.push(Problem { concept, severity, onset, abated: None, encounter });
        let days = self.random.between(illness.days.0, illness.days.1);
        let problem = self.chart.problems.len() - 1;
        self.episodes.push(Episode { illness, problem, met, days });
        problem
    }

    /// The acute illness that is worst at this time, and how much of its force is left, in percent. A body is
    /// itself again after half of the time until the illness is over.
    fn disturbed(&self, at: DateTime<Utc>) -> Option<(&Episode, i64)> {
        let left = |episode: &Episode| {
            let half = episode.days * 24 * 30;
            100 - ((at - episode.met).num_minutes() * 100 / half.max(1)).clamp(0, 100)
        };
        let ill = self.episodes.iter().map(|episode| (episode, left(episode)));
        ill.filter(|(_, percent)| *percent > 0).max_by_key(|(_, percent)| *percent)
    }

    /// What is over by the end, and what ends with it.
    fn conclude(&mut self) {
        for episode in &self.episodes {
            let over = episode.met.date_naive() + Duration::days(episode.days);
            if over < self.until.date_naive() {
                self.chart.problems[episode.problem].abated = Some(over);
            }
        }
        for medication in &mut self.chart.medications {
            if self.dies && medication.course == Course::Active {
                medication.course = Course::Stopped("death");
                medication.ended = Some(self.until);
            }
        }
        // A set taken at the admission may follow one that was taken in the emergency department.
        self.chart.vitals.sort_by_key(|set| set.at);
        self.chart.notes.sort_by_key(|note| note.at);
    }
}

impl Event {
    /// Whether it waits for no appointment.
    fn is_sudden(self) -> bool {
        match self {
            Event::First | Event::CheckUp | Event::Control | Event::Diagnosis(_) | Event::Again(_) => false,
            Event::Falls(acute) => acute.pathway != Pathway::Visit,
            Event::Last(_) => true,
        }
    }

    /// How much time must be left for it.
    fn needs(self) -> Duration {
        if self.is_sudden() { Duration::hours(9) } else { Duration::minutes(50) }
    }
}
