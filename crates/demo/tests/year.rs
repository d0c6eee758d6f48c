//! What must hold of every patient, whatever the seed and the day.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test says what it expects by failing.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use demo::allergies::{NONE_KNOWN, forbidden_by};
use demo::chart::{Class, Course, NoteKind};
use demo::hospital::{HouseKind, Profession};
use demo::illness::{ACUTE, CHRONIC};
use demo::{Demo, Patient};
use proptest::prelude::*;

fn day(offset: u64) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + chrono::Days::new(offset)
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

/// When this patient's year begins and ends.
fn year(patient: &Patient, today: NaiveDate) -> (DateTime<Utc>, DateTime<Utc>) {
    let born = midnight(patient.person.birth_date);
    ((midnight(today) - Duration::days(365)).max(born), patient.death.unwrap_or(midnight(today)))
}

fn check(demo: &Demo, patient: &Patient, today: NaiveDate) {
    let chart = &patient.chart;
    let house = demo.house(patient.house);
    let (from, until) = year(patient, today);
    let within = |at: DateTime<Utc>| at >= from && at <= until;
    let ends = |encounter: usize| chart.encounters[encounter].end.unwrap_or(until);
    let during = |encounter: usize, at: DateTime<Utc>| {
        chart.encounters[encounter].start <= at && at <= ends(encounter)
    };

    assert!(!chart.encounters.is_empty() && !chart.vitals.is_empty() && !chart.notes.is_empty());
    assert!(patient.death.is_none_or(|death| death < midnight(today) && death > from));
    assert_eq!(house.staff[patient.doctor].profession, Profession::Doctor);

    for encounter in &chart.encounters {
        assert!(within(encounter.start) && encounter.end.is_none_or(within), "{encounter:?}");
        assert!(encounter.end.is_none_or(|end| end > encounter.start), "{encounter:?}");
        assert_eq!(house.staff[encounter.doctor].profession, Profession::Doctor);
        assert_eq!(house.staff[encounter.nurse].profession, Profession::Nurse);
        let place = house.departments[encounter.department];
        if encounter.class == Class::Inpatient {
            assert!(place.ward.is_some(), "{encounter:?}");
        }
        if patient.house == HouseKind::Clinic {
            assert!(matches!(encounter.class, Class::Ambulatory | Class::Virtual), "{encounter:?}");
        }
        assert_eq!(encounter.died, encounter.died && encounter.end == patient.death);
        assert!(encounter.end.is_some() || encounter.class == Class::Inpatient, "{encounter:?}");
        assert!(encounter.end.is_some() || patient.death.is_none(), "the dead lie on no ward");
    }
    for pair in chart.encounters.windows(2) {
        assert!(pair[0].end.is_some_and(|end| end <= pair[1].start), "overlap: {pair:?}");
    }

    for set in &chart.vitals {
        assert!(during(set.encounter, set.at), "{set:?}");
        assert_eq!(house.staff[set.nurse].profession, Profession::Nurse);
        let tenths = |value: Option<demo::chart::Decimal>| value.map(|value| value.digits);
        assert!(tenths(set.temperature).is_none_or(|value| (300..=450).contains(&value)), "{set:?}");
        assert!(set.pressure.is_none_or(|(systolic, diastolic)| {
            (50..=250).contains(&systolic) && (30..=150).contains(&diastolic) && diastolic < systolic
        }));
        assert!(set.pulse.is_none_or(|value| (30..=200).contains(&value)), "{set:?}");
        assert!(set.breaths.is_none_or(|value| (5..=60).contains(&value)), "{set:?}");
        assert!(set.saturation.is_none_or(|value| (50..=100).contains(&value)), "{set:?}");
        assert!(set.glucose.is_none_or(|value| (20..=600).contains(&value)), "{set:?}");
        assert!(set.pain.is_none_or(|value| (0..=10).contains(&value)), "{set:?}");
        assert!(set.coma_score.is_none_or(|value| (3..=15).contains(&value)), "{set:?}");
        assert!(tenths(set.weight).is_none_or(|value| (20..=3_000).contains(&value)), "{set:?}");
        assert!(tenths(set.height).is_none_or(|value| (300..=2_300).contains(&value)), "{set:?}");
    }
    assert!(chart.vitals.windows(2).all(|pair| pair[0].at < pair[1].at), "two sets at one time");

    for problem in &chart.problems {
        let recorded = &chart.encounters[problem.encounter];
        assert!(problem.onset >= patient.person.birth_date, "{problem:?}");
        assert!(problem.onset <= recorded.start.date_naive(), "{problem:?}");
        assert!(problem.abated.is_none_or(|abated| abated >= problem.onset), "{problem:?}");
        assert!(problem.abated.is_none_or(|abated| abated <= until.date_naive()), "{problem:?}");
    }
    let active = chart.problems.iter().filter(|problem| problem.abated.is_none());
    let mut codes: Vec<&str> = active.map(|problem| problem.concept.snomed).collect();
    codes.sort_unstable();
    let all = codes.len();
    codes.dedup();
    assert!(codes.len() + 1 >= all, "the same illness is active over and over: {codes:?}");

    assert!(!chart.allergies.is_empty());
    let none = chart.allergies.iter().any(|allergy| allergy.concept == NONE_KNOWN);
    assert!(!none || chart.allergies.len() == 1, "an allergy beside the statement that there is none");

    for medication in &chart.medications {
        assert!(during(medication.encounter, medication.started), "{medication:?}");
        assert!(medication.problem < chart.problems.len());
        assert!(chart.problems[medication.problem].encounter <= medication.encounter, "{medication:?}");
        assert_eq!(medication.doctor, chart.encounters[medication.encounter].doctor);
        assert_eq!(medication.course == Course::Active, medication.ended.is_none(), "{medication:?}");
        assert!(
            medication.ended.is_none_or(|end| end >= medication.started && end <= until),
            "{medication:?}"
        );
        assert!(patient.death.is_none() || medication.ended.is_some(), "the dead take nothing");
        assert!(!medication.dose.is_empty());
        for allergy in &chart.allergies {
            let forbids = forbidden_by(allergy.concept.snomed);
            assert_ne!(forbids, Some(medication.regimen.drug.family), "{medication:?}");
        }
    }
    for (nth, medication) in chart.medications.iter().enumerate() {
        let again = chart.medications[..nth].iter().any(|earlier| {
            earlier.regimen.drug.atc == medication.regimen.drug.atc
                && earlier.ended.is_none_or(|ended| ended > medication.started)
        });
        assert!(!again, "taken twice at a time: {medication:?}");
    }

    for note in &chart.notes {
        assert!(during(note.encounter, note.at), "{note:?}");
        assert_eq!(note.doctor, chart.encounters[note.encounter].doctor);
        for part in [&note.subjective, &note.objective, &note.assessment, &note.plan] {
            assert!(part.ends_with('.') && part.len() <= 1_000, "{note:?}");
        }
        let person = &patient.person;
        let whole = format!("{} {} {} {}", note.subjective, note.objective, note.assessment, note.plan);
        assert!(!whole.contains(&person.name.family), "a note names the patient: {note:?}");
    }
    for (position, encounter) in chart.encounters.iter().enumerate() {
        assert!(chart.notes.iter().any(|note| note.encounter == position), "without a note: {encounter:?}");
        let discharged =
            chart.notes.iter().any(|note| note.encounter == position && note.kind == NoteKind::Discharge);
        assert_eq!(discharged, encounter.class == Class::Inpatient && encounter.end.is_some());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_year_is_consistent(seed in any::<u64>(), number in 0_u64..1_000_000, offset in 0_u64..2_000) {
        let demo = Demo::new(seed, day(offset));
        check(&demo, &demo.patient(number), day(offset));
    }
}

#[test]
fn the_same_seed_and_day_tell_the_same_and_others_tell_others() {
    let told = |seed, offset: u64| {
        let demo = Demo::new(seed, day(offset));
        let patients: Vec<Patient> = (0..40).map(|number| demo.patient(number)).collect();
        format!("{:?} {patients:?}", demo.houses)
    };
    let first = told(42, 800);
    assert_eq!(first, told(42, 800));
    assert_ne!(first, told(43, 800));
    assert_ne!(first, told(42, 801));
}

#[test]
fn a_patient_does_not_depend_on_how_many_there_are_and_in_which_order() {
    let demo = Demo::new(42, day(800));
    let forwards: Vec<Patient> = (0..20).map(|number| demo.patient(number)).collect();
    let backwards: Vec<Patient> = (0..20).rev().map(|number| demo.patient(number)).collect();
    assert!(forwards.iter().eq(backwards.iter().rev()));
}

/// The shape of a thousand patients: not too healthy, not too ill, everything met.
#[test]
fn a_thousand_patients_are_believable() {
    let today = day(800);
    let demo = Demo::new(42, today);
    let patients: Vec<Patient> = (0..1_000).map(|number| demo.patient(number)).collect();
    let count = |of: &dyn Fn(&Patient) -> usize| patients.iter().map(of).sum::<usize>();
    let encounters = count(&|patient| patient.chart.encounters.len());
    let vitals = count(&|patient| patient.chart.vitals.len());
    let medications = count(&|patient| patient.chart.medications.len());
    let stays = count(&|patient| {
        patient.chart.encounters.iter().filter(|encounter| encounter.class == Class::Inpatient).count()
    });
    let lying =
        count(&|patient| patient.chart.encounters.iter().filter(|encounter| encounter.end.is_none()).count());
    let deaths = patients.iter().filter(|patient| patient.death.is_some()).count();
    let abated =
        count(&|patient| patient.chart.problems.iter().filter(|problem| problem.abated.is_some()).count());
    let stopped = count(&|patient| {
        let stopped = |course: &Course| matches!(course, Course::Stopped(reason) if *reason != "death");
        patient.chart.medications.iter().filter(|medication| stopped(&medication.course)).count()
    });
    let figures = format!(
        "{encounters} encounters, {vitals} sets, {medications} medications, {stays} stays, {lying} lying, \
         {deaths} deaths, {abated} abated, {stopped} stopped"
    );
    assert!((3_500..8_000).contains(&encounters), "{figures}");
    assert!((80..350).contains(&stays), "{figures}");
    assert!((5..60).contains(&lying), "{figures}");
    assert!((2..20).contains(&deaths), "{figures}");
    assert!((500..2_500).contains(&abated), "{figures}");
    assert!((10..200).contains(&stopped), "{figures}");
    assert!((1_000..5_000).contains(&medications), "{figures}");
    assert!(vitals > encounters, "{figures}");

    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    for problem in patients.iter().flat_map(|patient| &patient.chart.problems) {
        *met.entry(problem.concept.text).or_default() += 1;
    }
    for concept in
        CHRONIC.iter().map(|chronic| chronic.concept).chain(ACUTE.iter().map(|acute| acute.concept))
    {
        assert!(met.contains_key(concept.text), "nobody has {}: {met:?}", concept.text);
    }
    assert!(met["Hypertensive disorder"] > met["Epilepsy"], "{met:?}");
    let fever = patients
        .iter()
        .flat_map(|patient| &patient.chart.vitals)
        .filter(|set| set.temperature.is_some_and(|value| value.digits > 385))
        .count();
    assert!((30..900).contains(&fever), "{fever} sets with a high fever");
}

#[test]
fn a_fever_that_was_met_is_gone_when_the_patient_is_seen_again() {
    let demo = Demo::new(42, day(800));
    let mut met = 0;
    for patient in (0..600).map(|number| demo.patient(number)) {
        let chart = &patient.chart;
        for (position, problem) in chart.problems.iter().enumerate() {
            let Some(abated) = problem.abated else { continue };
            let ill_otherwise = chart.problems.iter().enumerate().any(|(other, another)| {
                let acute = ACUTE.iter().any(|acute| acute.concept == another.concept);
                other != position && acute && another.onset >= problem.onset - Duration::days(60)
            });
            let hot = |from: NaiveDate, to: NaiveDate| {
                let sets = chart.vitals.iter().filter(move |set| {
                    let day = set.at.date_naive();
                    day >= from && day < to
                });
                sets.filter(|set| set.temperature.is_some_and(|value| value.digits >= 380)).count()
            };
            if !ill_otherwise && hot(problem.onset, abated) > 0 {
                met += 1;
                assert_eq!(hot(abated, day(800)), 0, "{problem:?}");
            }
        }
    }
    assert!(met > 20, "only {met} fevers were met");
}
