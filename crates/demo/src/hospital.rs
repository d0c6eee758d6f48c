//! The houses: two organizations with their departments, the people who work there, and their accounts.

use crate::names::{self, Name};
use crate::person::Sex;
use crate::random::Random;

/// An organization of the demonstration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct House {
    /// Which of the two.
    pub kind: HouseKind,
    /// Its name. The hospital's is that of the organization which is there already.
    pub name: &'static str,
    /// Its departments; the first is where a visit goes that no other claims.
    pub departments: Vec<Place>,
    /// Those who see patients. Doctors before nurses.
    pub staff: Vec<Worker>,
    /// Everybody who can log in.
    pub users: Vec<User>,
}

/// What kind of house.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HouseKind {
    /// With wards and an emergency department.
    Hospital,
    /// Consultations only.
    Clinic,
}

/// A department.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Department {
    /// General practice.
    General,
    /// Emergency department.
    Emergency,
    /// Internal medicine.
    Internal,
    /// Heart and vessels.
    Cardiology,
    /// Surgery.
    Surgery,
    /// Bones and joints.
    Orthopaedics,
    /// Children.
    Paediatrics,
}

impl Department {
    /// The name on the door.
    pub const fn name(self) -> &'static str {
        match self {
            Department::General => "General practice",
            Department::Emergency => "Emergency department",
            Department::Internal => "Internal medicine",
            Department::Cardiology => "Cardiology",
            Department::Surgery => "Surgery",
            Department::Orthopaedics => "Trauma and orthopaedics",
            Department::Paediatrics => "Paediatrics",
        }
    }

    /// The specialty in SNOMED CT: code and display.
    pub const fn specialty(self) -> (&'static str, &'static str) {
        match self {
            Department::General => ("394814009", "General practice"),
            Department::Emergency => ("773568002", "Emergency medicine"),
            Department::Internal => ("419192003", "Internal medicine"),
            Department::Cardiology => ("394579002", "Cardiology"),
            Department::Surgery => ("394609007", "General surgery"),
            Department::Orthopaedics => ("394801008", "Trauma and orthopedics"),
            Department::Paediatrics => ("394537008", "Pediatric specialty"),
        }
    }
}

/// Where a department is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose it is.
    pub department: Department,
    /// Where outpatients go.
    pub room: &'static str,
    /// Where its inpatients lie, where it has any.
    pub ward: Option<&'static str>,
}

/// What somebody who sees patients is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profession {
    /// A physician.
    Doctor,
    /// A nurse.
    Nurse,
}

impl Profession {
    /// The profession in SNOMED CT: code and display.
    pub const fn concept(self) -> (&'static str, &'static str) {
        match self {
            Profession::Doctor => ("158965000", "Medical practitioner"),
            Profession::Nurse => ("106292003", "Professional nurse"),
        }
    }
}

/// Somebody who sees patients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    /// The name.
    pub name: Name,
    /// The sex.
    pub sex: Sex,
    /// What they are.
    pub profession: Profession,
    /// Where they work.
    pub department: Department,
    /// The number of their licence.
    pub licence: String,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// What they log in with.
    pub username: String,
    /// How they are called.
    pub display_name: String,
    /// Their role in the house.
    pub role: &'static str,
    /// Who they are among the staff, where they see patients.
    pub worker: Option<usize>,
}

const HOSPITAL: [(Place, usize, usize); 7] = [
    (place(Department::General, "Outpatient hall, rooms 1 to 4", None), 2, 1),
    (place(Department::Emergency, "Emergency department", None), 3, 2),
    (place(Department::Internal, "Building B, room 210", Some("Ward 2B")), 3, 2),
    (place(Department::Cardiology, "Building B, room 305", Some("Ward 3B")), 2, 2),
    (place(Department::Surgery, "Building C, room 110", Some("Ward 1C")), 2, 1),
    (place(Department::Orthopaedics, "Building C, room 215", Some("Ward 2C")), 2, 1),
    (place(Department::Paediatrics, "Children's house, room 12", Some("Ward K1")), 2, 1),
];
const CLINIC: [(Place, usize, usize); 1] = [(place(Department::General, "Consulting rooms", None), 3, 2)];

/// Users of each house that see no patients: role, name of the account, how many in the hospital, how many in the
/// clinic.
const OFFICE: [(&str, &str, usize, usize); 5] = [
    ("clerk", "clerk", 3, 1),
    ("pharmacist", "pharmacist", 1, 0),
    ("radiologist", "radiologist", 1, 0),
    ("accountant", "accountant", 1, 1),
    ("auditor", "auditor", 1, 0),
];

const fn place(department: Department, room: &'static str, ward: Option<&'static str>) -> Place {
    Place { department, room, ward }
}

impl House {
    /// The hospital of this seed.
    pub fn hospital(seed: u64) -> House {
        House::build(seed, HouseKind::Hospital, "Demo hospital", &HOSPITAL, "")
    }

    /// The clinic of this seed.
    pub fn clinic(seed: u64) -> House {
        House::build(seed, HouseKind::Clinic, "Demo clinic", &CLINIC, "clinic-")
    }

    fn build(
        seed: u64,
        kind: HouseKind,
        name: &'static str,
        plan: &[(Place, usize, usize)],
        prefix: &str,
    ) -> House {
        let mut random = Random::part(seed, 2, prefix.len() as u64);
        let mut staff = Vec::new();
        for profession in [Profession::Doctor, Profession::Nurse] {
            for (place, doctors, nurses) in plan {
                let wanted = if profession == Profession::Doctor { *doctors } else { *nurses };
                for _ in 0..wanted {
                    staff.push(worker(&mut random, prefix, staff.len(), profession, place.department));
                }
            }
        }
        let users = users(&mut random, kind, prefix, &staff);
        House { kind, name, departments: plan.iter().map(|(place, ..)| *place).collect(), staff, users }
    }

    /// The department, where the house has it; else its first.
    pub fn department_or_first(&self, department: Department) -> usize {
        self.departments.iter().position(|place| place.department == department).unwrap_or(0)
    }

    /// Somebody of this profession in the department, or in the house where it has nobody there.
    pub fn somebody(&self, random: &mut Random, profession: Profession, department: usize) -> usize {
        let there = self.departments.get(department).map(|place| place.department);
        let of = |anywhere: bool| -> Vec<usize> {
            let all = self.staff.iter().enumerate();
            let fitting = all.filter(|(_, worker)| {
                worker.profession == profession && (anywhere || Some(worker.department) == there)
            });
            fitting.map(|(position, _)| position).collect()
        };
        let near = of(false);
        random.pick(&near).or(random.pick(&of(true))).copied().unwrap_or(0)
    }
}

fn worker(
    random: &mut Random,
    prefix: &str,
    number: usize,
    profession: Profession,
    department: Department,
) -> Worker {
    let sex = *random.one_of(&[Sex::Female, Sex::Male]);
    let letter = if profession == Profession::Doctor { 'D' } else { 'N' };
    let house = if prefix.is_empty() { 1 } else { 2 };
    let licence = format!("{letter}{house}{:05}", 10_301 + 37 * number);
    Worker { name: names::name(random, sex), sex, profession, department, licence }
}

fn users(random: &mut Random, kind: HouseKind, prefix: &str, staff: &[Worker]) -> Vec<User> {
    let mut users = Vec::new();
    for (profession, account) in [(Profession::Doctor, "doctor"), (Profession::Nurse, "nurse")] {
        let workers = staff.iter().enumerate().filter(|(_, worker)| worker.profession == profession);
        for (nth, (position, worker)) in workers.enumerate() {
            users.push(User {
                username: format!("{prefix}{account}{}", nth + 1),
                display_name: display(&worker.name),
                // The first nurse leads the others.
                role: if profession == Profession::Nurse && nth == 0 { "head_nurse" } else { account },
                worker: Some(position),
            });
        }
    }
    for (role, account, hospital, clinic) in OFFICE {
        let wanted = if kind == HouseKind::Hospital { hospital } else { clinic };
        for nth in 1..=wanted {
            let sex = *random.one_of(&[Sex::Female, Sex::Male]);
            users.push(User {
                username: format!("{prefix}{account}{nth}"),
                display_name: display(&names::name(random, sex)),
                role,
                worker: None,
            });
        }
    }
    users
}

fn display(name: &Name) -> String {
    format!("{} {}", name.given.first().map_or("", String::as_str), name.family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_accounts_have_one_name() {
        let mut names: Vec<String> = [House::hospital(42), House::clinic(42)]
            .into_iter()
            .flat_map(|house| house.users)
            .map(|user| user.username)
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
        for known in ["doctor1", "nurse1", "clerk1", "clinic-doctor1"] {
            assert!(names.iter().any(|name| name == known), "{known}");
        }
    }

    #[test]
    fn every_department_has_a_doctor_and_a_nurse_of_its_own() {
        let mut random = Random::new(1);
        for house in [House::hospital(1), House::clinic(1)] {
            for (position, place) in house.departments.iter().enumerate() {
                for profession in [Profession::Doctor, Profession::Nurse] {
                    let worker = &house.staff[house.somebody(&mut random, profession, position)];
                    assert_eq!((worker.department, worker.profession), (place.department, profession));
                }
            }
        }
    }
}
