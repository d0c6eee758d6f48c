//! What is true of a patient, as the typed door takes it: one transaction of everything.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use demo::Patient;
use demo::chart as told;
use demo::hospital::House;
use domain::chart::allergy::{self, Allergy};
use domain::chart::encounter::{self, Encounter};
use domain::chart::medication::{self, Dose, Medication, PeriodUnit, Timing};
use domain::chart::note::{self, Note, Section};
use domain::chart::problem::{self, Problem};
use domain::chart::vital_signs::set::{self, Change};
use domain::chart::vital_signs::{Consciousness, VitalSigns};
use domain::chart::{Author, Coding, Concept, Decimal, Entry, Object};
use domain::fault::Faults;
use serde_json::json;
use services::record::Write;

use super::bundle::Bundle;
use super::directory::Open;
use super::error::Mistake;
use super::patient;

const SNOMED: &str = "http://snomed.info/sct";
const ICD10: &str = "http://hl7.org/fhir/sid/icd-10";
const ATC: &str = "http://www.whocc.no/atc";
/// What the patient is called within the transaction.
const SELF: &str = "self";

/// A patient and everything about them in one transaction.
///
/// # Errors
/// [`Mistake`]: what is told does not keep the rules.
pub fn write(
    patient: &Patient,
    house: &House,
    open: &Open,
    numbers: (&str, String),
    now: DateTime<Utc>,
) -> Result<Write, Mistake> {
    let mut page = Page { bundle: Bundle::default(), house, open, now };
    let reference = page.bundle.name("Patient", SELF);
    let resource = patient::record(patient, open, numbers, now)?;
    page.bundle.add(Some(&reference), resource);
    let chart = &patient.chart;
    // All names before the first of them is used.
    for position in 0..chart.encounters.len() {
        page.bundle.name("Encounter", &encounter_name(position));
    }
    for (position, encounter) in chart.encounters.iter().enumerate() {
        page.encounter(position, encounter)?;
    }
    for (position, problem) in chart.problems.iter().enumerate() {
        page.problem(position, problem, chart)?;
    }
    for allergy in &chart.allergies {
        page.allergy(allergy, chart)?;
    }
    for medication in &chart.medications {
        page.medication(medication, chart)?;
    }
    for set in &chart.vitals {
        page.vitals(set)?;
    }
    for note in &chart.notes {
        page.note(note)?;
    }
    Ok(page.bundle.write()?.with_numbers())
}

fn encounter_name(position: usize) -> String {
    format!("encounter{position}")
}

fn problem_name(position: usize) -> String {
    format!("problem{position}")
}

/// A transaction in the making, and what it refers to.
struct Page<'h> {
    bundle: Bundle,
    house: &'h House,
    open: &'h Open,
    now: DateTime<Utc>,
}

impl Page<'_> {
    /// One of the staff, who wrote something at this time.
    fn author(&self, worker: usize, now: DateTime<Utc>) -> Author {
        let nobody = self.open.site.caller.account;
        Author { account: self.open.site.accounts.get(worker).copied().unwrap_or(nobody), now }
    }

    /// A new entry, made as the typed door makes it.
    fn resource<E: Entry>(&self, mut entry: E, author: &Author) -> Result<(E, Object), Mistake> {
        entry.complete(None, author.now);
        let mut faults = Faults::none();
        entry.check(None, self.now, &mut faults);
        faults.unless(()).map_err(|faults| Mistake::Faults { what: E::NOUN, faults })?;
        let mut resource = Object::new();
        resource.insert("resourceType".to_owned(), E::RESOURCE.name().into());
        let subject = if E::RESOURCE.name() == "AllergyIntolerance" { "patient" } else { "subject" };
        resource.insert(subject.to_owned(), json!({ "reference": format!("Patient/{SELF}") }));
        entry.write(None, &mut resource, author);
        Ok((entry, resource))
    }

    /// What became of an entry, as an amendment would have made it.
    fn amended<E: Entry>(
        &self,
        (before, mut resource): (E, Object),
        mut after: E,
        author: &Author,
    ) -> Result<Object, Mistake> {
        after.follow(&before)?;
        after.complete(Some(&before), author.now);
        let mut faults = Faults::none();
        after.check(Some(&before), self.now, &mut faults);
        faults.unless(()).map_err(|faults| Mistake::Faults { what: E::NOUN, faults })?;
        after.write(Some(&before), &mut resource, author);
        Ok(resource)
    }

    fn encounter(&mut self, position: usize, told: &told::Encounter) -> Result<(), Mistake> {
        let place = self.house.departments.get(told.department);
        let inpatient = told.class == told::Class::Inpatient;
        let ward = place.and_then(|place| place.ward).filter(|_| inpatient);
        let class = match told.class {
            told::Class::Ambulatory => encounter::Class::Ambulatory,
            told::Class::Virtual => encounter::Class::Virtual,
            told::Class::Emergency => encounter::Class::Emergency,
            told::Class::Inpatient => encounter::Class::Inpatient,
        };
        let over = told.end.is_some();
        let entry = Encounter {
            class: Some(class),
            status: Some(if over { encounter::Status::Finished } else { encounter::Status::InProgress }),
            start: Some(time(told.start)),
            end: told.end.map(time),
            reason: Some(Concept::named(&told.reason)),
            location: place
                .map(|place| format!("{}, {}", place.department.name(), ward.unwrap_or(place.room))),
            practitioners: self.open.practitioners.get(told.doctor).cloned().into_iter().collect(),
        };
        let author = self.author(told.doctor, told.start);
        let (_, mut resource) = self.resource(entry, &author)?;
        // What the typed view does not know: which record the place and the house have.
        let location = self.open.locations.get(told.department);
        let location = location.map(|(room, ward)| ward.as_ref().filter(|_| inpatient).unwrap_or(room));
        if let (Some(id), Some(places)) = (location, resource.get_mut("location")) {
            places[0]["location"]["reference"] = format!("Location/{id}").into();
        }
        let house = format!("Organization/{}", self.open.organization);
        resource.insert("serviceProvider".to_owned(), json!({ "reference": house }));
        if told.died {
            let how = json!({
                "system": "http://terminology.hl7.org/CodeSystem/discharge-disposition",
                "code": "exp", "display": "Expired",
            });
            let disposition = json!({ "dischargeDisposition": { "coding": [how] } });
            resource.insert("hospitalization".to_owned(), disposition);
        }
        self.bundle.add(Some(&format!("Encounter/{}", encounter_name(position))), resource);
        Ok(())
    }

    fn problem(&mut self, position: usize, told: &told::Problem, chart: &told::Chart) -> Result<(), Mistake> {
        let encounter = &chart.encounters[told.encounter];
        let entry = Problem {
            code: Some(concept(&told.concept)),
            severity: Some(severity(told.severity)),
            onset: Some(told.onset.to_string()),
            encounter: Some(encounter_name(told.encounter)),
            ..Problem::default()
        };
        let author = self.author(encounter.doctor, encounter.start + Duration::minutes(10));
        let active = self.resource(entry, &author)?;
        let resource = match told.abated {
            None => active.1,
            Some(abated) => {
                let resolved = Problem {
                    clinical_status: Some(problem::ClinicalStatus::Resolved),
                    abatement: Some(abated.to_string()),
                    ..active.0.clone()
                };
                self.amended(active, resolved, &author)?
            }
        };
        let reference = self.bundle.name("Condition", &problem_name(position));
        self.bundle.add(Some(&reference), resource);
        Ok(())
    }

    fn allergy(&mut self, told: &told::Allergy, chart: &told::Chart) -> Result<(), Mistake> {
        let encounter = &chart.encounters[told.encounter];
        let category = told.category.map(|category| match category {
            told::AllergyCategory::Medication => allergy::Category::Medication,
            told::AllergyCategory::Food => allergy::Category::Food,
            told::AllergyCategory::Environment => allergy::Category::Environment,
        });
        let criticality = match (category, told.dangerous) {
            (None, _) => None,
            (Some(_), true) => Some(allergy::Criticality::High),
            (Some(_), false) => Some(allergy::Criticality::Low),
        };
        let reaction = told.reaction.map(|(seen, how_bad)| allergy::Reaction {
            manifestations: vec![concept(&seen)],
            severity: Some(severity(how_bad)),
            ..allergy::Reaction::default()
        });
        let entry = Allergy {
            code: Some(concept(&told.concept)),
            kind: category.map(|_| allergy::Kind::Allergy),
            categories: category.into_iter().collect(),
            criticality,
            verification_status: Some(allergy::VerificationStatus::Confirmed),
            reactions: reaction.into_iter().collect(),
            encounter: Some(encounter_name(told.encounter)),
            ..Allergy::default()
        };
        let author = self.author(encounter.nurse, encounter.start + Duration::minutes(3));
        let (_, resource) = self.resource(entry, &author)?;
        self.bundle.add(None, resource);
        Ok(())
    }

    fn medication(&mut self, told: &told::Medication, chart: &told::Chart) -> Result<(), Mistake> {
        let regimen = &told.regimen;
        let problem = &chart.problems[told.problem];
        let entry = Medication {
            code: Some(Concept::coded(ATC, regimen.drug.atc, regimen.drug.name)),
            dose: decimal(&told.dose).map(|value| Dose { value, unit: regimen.unit.to_owned() }),
            route: Some(route(regimen.route)),
            frequency: Some(regimen.frequency.text().to_owned()),
            timing: timing(regimen.frequency),
            as_needed: Some(regimen.frequency == told::Frequency::AsNeeded),
            start: Some(time(told.started)),
            reason: Some(concept(&problem.concept)),
            encounter: Some(encounter_name(told.encounter)),
            ..Medication::default()
        };
        let author = self.author(told.doctor, told.started);
        let active = self.resource(entry, &author)?;
        let after = match told.course {
            told::Course::Active => None,
            told::Course::Completed => Some((medication::Status::Completed, None)),
            told::Course::Stopped(reason) => Some((medication::Status::Stopped, Some(reason.to_owned()))),
        };
        let mut resource = match after {
            None => active.1,
            Some((status, reason)) => {
                let ended = Medication {
                    status: Some(status),
                    status_reason: reason,
                    end: told.ended.map(time),
                    ..active.0.clone()
                };
                self.amended(active, ended, &author)?
            }
        };
        let reason = format!("Condition/{}", problem_name(told.problem));
        resource.insert("reasonReference".to_owned(), json!([{ "reference": reason }]));
        self.bundle.add(None, resource);
        Ok(())
    }

    fn vitals(&mut self, told: &told::VitalSet) -> Result<(), Mistake> {
        let whole = |value: i64| Decimal::from_tenths(value * 10);
        let exact = |value: told::Decimal| decimal(&value.to_string());
        let author = self.author(told.nurse, told.at);
        let mut entry = VitalSigns {
            measured_at: Some(told.at),
            body_temperature: told.temperature.and_then(exact),
            systolic: told.pressure.map(|(systolic, _)| whole(systolic)),
            diastolic: told.pressure.map(|(_, diastolic)| whole(diastolic)),
            heart_rate: told.pulse.map(whole),
            respiratory_rate: told.breaths.map(whole),
            oxygen_saturation: told.saturation.map(whole),
            glucose: told.glucose.map(whole),
            pain: told.pain.map(whole),
            weight: told.weight.and_then(exact),
            height: told.height.and_then(exact),
            glasgow_coma_score: told.coma_score.map(whole),
            consciousness: told.consciousness.map(|state| match state {
                told::Consciousness::Alert => Consciousness::Alert,
                told::Consciousness::Voice => Consciousness::Verbal,
            }),
            encounter: Some(encounter_name(told.encounter)),
            ..VitalSigns::default()
        };
        entry.complete(None, self.now);
        let mut faults = Faults::none();
        entry.check(None, self.now, &mut faults);
        faults.unless(()).map_err(|faults| Mistake::Faults { what: "vital signs", faults })?;
        for change in set::create(&entry, SELF, &author) {
            match change {
                Change::Create { full_url, resource } => self.bundle.add_as(full_url, resource),
                // A new set has no records yet.
                Change::Update { .. } => {}
            }
        }
        Ok(())
    }

    fn note(&mut self, told: &told::Note) -> Result<(), Mistake> {
        let (kind, title) = match told.kind {
            told::NoteKind::Progress => (note::Kind::Progress, None),
            told::NoteKind::Emergency => (note::Kind::Progress, Some("Emergency department note".to_owned())),
            told::NoteKind::Admission => (note::Kind::HistoryAndPhysical, None),
            told::NoteKind::Discharge => (note::Kind::DischargeSummary, None),
        };
        let sections = [
            (note::Part::Subjective, "Subjective", &told.subjective),
            (note::Part::Objective, "Objective", &told.objective),
            (note::Part::Assessment, "Assessment", &told.assessment),
            (note::Part::Plan, "Plan", &told.plan),
        ];
        let section = |(part, title, text): (note::Part, &str, &String)| Section {
            part: Some(part),
            title: Some(title.to_owned()),
            text: Some(text.clone()),
        };
        let entry = Note {
            kind: Some(kind),
            title,
            status: Some(note::Status::Final),
            date: Some(told.at),
            sections: sections.into_iter().map(section).collect(),
            encounter: Some(encounter_name(told.encounter)),
            ..Note::default()
        };
        let author = self.author(told.doctor, told.at);
        let (_, resource) = self.resource(entry, &author)?;
        self.bundle.add(None, resource);
        Ok(())
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn decimal(text: &str) -> Option<Decimal> {
    serde_json::from_str(text).ok().map(|number| Decimal::from_number(&number))
}

fn concept(told: &told::Concept) -> Concept {
    let coding = |system: &str, code: &str, display: Option<&str>| Coding {
        system: Some(system.to_owned()),
        code: code.to_owned(),
        display: display.map(str::to_owned),
    };
    let mut codings = vec![coding(SNOMED, told.snomed, Some(told.text))];
    if !told.icd10.is_empty() {
        codings.push(coding(ICD10, told.icd10, None));
    }
    Concept { text: Some(told.text.to_owned()), codings }
}

fn severity(told: told::Severity) -> problem::Severity {
    match told {
        told::Severity::Mild => problem::Severity::Mild,
        told::Severity::Moderate => problem::Severity::Moderate,
        told::Severity::Severe => problem::Severity::Severe,
    }
}

fn route(told: told::Route) -> Concept {
    let (code, display) = match told {
        told::Route::Oral => ("26643006", "Oral route"),
        told::Route::Inhaled => ("447694001", "Respiratory tract route"),
        told::Route::Intravenous => ("47625008", "Intravenous route"),
        told::Route::Subcutaneous => ("34206005", "Subcutaneous route"),
        told::Route::Topical => ("6064005", "Topical route"),
        told::Route::Ophthalmic => ("54485002", "Ophthalmic route"),
    };
    Concept::coded(SNOMED, code, display)
}

/// None for what is taken as needed: words say that better.
fn timing(told: told::Frequency) -> Option<Timing> {
    let (frequency, period, period_unit) = match told {
        told::Frequency::OnceDaily => (1, 1, PeriodUnit::Day),
        told::Frequency::TwiceDaily => (2, 1, PeriodUnit::Day),
        told::Frequency::ThreeTimesDaily => (3, 1, PeriodUnit::Day),
        told::Frequency::FourTimesDaily => (4, 1, PeriodUnit::Day),
        told::Frequency::EveryEightHours => (1, 8, PeriodUnit::Hour),
        told::Frequency::Weekly => (1, 1, PeriodUnit::Week),
        told::Frequency::AsNeeded => return None,
    };
    Some(Timing { frequency, period: Decimal::from_tenths(period * 10), period_unit })
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use demo::Demo;
    use demo::hospital::HouseKind;
    use domain::Operation;
    use kernel::Database;
    use services::session::nobody;

    use super::*;
    use crate::seed::people::Site;

    fn open(house: &House) -> Open {
        Open {
            site: Site {
                kind: house.kind,
                name: house.name.to_owned(),
                caller: nobody(),
                accounts: Vec::new(),
            },
            organization: "house".to_owned(),
            locations: house.departments.iter().map(|_| ("room".to_owned(), None)).collect(),
            practitioners: (0..house.staff.len()).map(|worker| format!("worker{worker}")).collect(),
        }
    }

    #[test]
    fn whoever_is_told_keeps_the_rules_of_the_typed_door() {
        let today = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        for seed in [42, 4_711] {
            let demo = Demo::new(seed, today);
            let houses = [HouseKind::Hospital, HouseKind::Clinic].map(|kind| open(demo.house(kind)));
            for number in 0..60 {
                let patient = demo.patient(number);
                let open = houses.iter().find(|open| open.site.kind == patient.house).unwrap();
                let numbers = ("P2026000001", "MRN-1".to_owned());
                let written = write(&patient, demo.house(patient.house), open, numbers, Utc::now());
                let written = written.unwrap_or_else(|mistake| panic!("{seed} {number}: {mistake}"));
                let touches = written.touches();
                assert!(touches.writes_to(Database::Phi) && touches.writes_to(Database::Clinical));
            }
        }
    }

    #[test]
    fn decimals_keep_their_digits() {
        assert_eq!(decimal("36.0").unwrap().number().to_string(), "36.0");
        assert_eq!(decimal("2.5").unwrap().number().to_string(), "2.5");
    }
}
