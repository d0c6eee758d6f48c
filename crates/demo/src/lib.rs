//! The demonstration hospital: people who do not exist and a year of what befell them, made from a number.
//!
//! Pure: the same seed and the same day give the same houses and the same patients, on every machine. Each patient
//! is made alone, from the seed and their number, so that they can be made side by side, and so that the seventh of
//! fifty is the seventh of ten thousand. Knows no database and no format: `server` turns what is told here into
//! records and writes them. Depends on nothing of the workspace. Read [`Demo`] first, then `life.rs`.

pub mod allergies;
pub mod body;
pub mod chart;
pub mod drugs;
pub mod hospital;
pub mod illness;
pub mod names;
pub mod person;
pub mod random;

mod life;

use chrono::{DateTime, NaiveDate, Utc};

use crate::chart::Chart;
use crate::hospital::{House, HouseKind};
use crate::person::Person;

/// A demonstration: two houses, and as many patients as are asked for.
#[derive(Clone, Debug)]
pub struct Demo {
    seed: u64,
    today: NaiveDate,
    /// The hospital and the clinic.
    pub houses: [House; 2],
}

/// A patient of one of the houses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patient {
    /// The number that they were made from.
    pub number: u64,
    /// Whose patient.
    pub house: HouseKind,
    /// Who they are.
    pub person: Person,
    /// When they died, where they did.
    pub death: Option<DateTime<Utc>>,
    /// The doctor whom they usually see, by position among the staff.
    pub doctor: usize,
    /// What is true of them.
    pub chart: Chart,
}

impl Demo {
    /// The demonstration of this seed, whose year ends at the beginning of `today`.
    pub fn new(seed: u64, today: NaiveDate) -> Demo {
        Demo { seed, today, houses: [House::hospital(seed), House::clinic(seed)] }
    }

    /// The house of this kind.
    pub fn house(&self, kind: HouseKind) -> &House {
        match kind {
            HouseKind::Hospital => &self.houses[0],
            HouseKind::Clinic => &self.houses[1],
        }
    }

    /// Whose patient has this number: every fifth is the clinic's.
    pub fn house_of(number: u64) -> HouseKind {
        if number % 5 == 4 { HouseKind::Clinic } else { HouseKind::Hospital }
    }

    /// How many patients of the same house come before this one.
    pub fn place_in_house(number: u64) -> u32 {
        let place = match Demo::house_of(number) {
            HouseKind::Clinic => number / 5,
            HouseKind::Hospital => number / 5 * 4 + number % 5,
        };
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// The patient with this number.
    pub fn patient(&self, number: u64) -> Patient {
        let house = Demo::house_of(number);
        let person = person::person(self.seed, number, self.today, life::YOUNGEST_DAYS);
        let told = life::tell(self.seed, number, &person, self.house(house), self.today);
        Patient { number, house, person, death: told.death, doctor: told.doctor, chart: told.chart }
    }
}
