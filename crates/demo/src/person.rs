//! Who a patient is.

use chrono::{Days, Months, NaiveDate};

use crate::names::{self, Name};
use crate::random::Random;

/// The sex that figures of body and illness go by; also the administrative gender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// Female.
    Female,
    /// Male.
    Male,
}

/// Where somebody lives. The towns do not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Street and number.
    pub line: String,
    /// The town.
    pub city: String,
    /// Its postal code.
    pub postal_code: String,
}

/// Whom to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin {
    /// What they are to the patient.
    pub relationship: Relationship,
    /// Their name.
    pub name: Name,
    /// Their telephone number.
    pub phone: String,
}

/// What somebody is to the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relationship {
    /// Mother.
    Mother,
    /// Father.
    Father,
    /// Husband, wife or partner.
    Spouse,
    /// Son or daughter.
    Child,
    /// Sister or brother.
    Sibling,
}

impl Relationship {
    /// The code of HL7's v3-RoleCode.
    pub const fn code(self) -> &'static str {
        match self {
            Relationship::Mother => "MTH",
            Relationship::Father => "FTH",
            Relationship::Spouse => "SPS",
            Relationship::Child => "CHILD",
            Relationship::Sibling => "SIB",
        }
    }

    /// That code in words.
    pub const fn text(self) -> &'static str {
        match self {
            Relationship::Mother => "mother",
            Relationship::Father => "father",
            Relationship::Spouse => "spouse",
            Relationship::Child => "child",
            Relationship::Sibling => "sibling",
        }
    }
}

/// Who a patient is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: Name,
    /// The sex.
    pub sex: Sex,
    /// The day of birth.
    pub birth_date: NaiveDate,
    /// A number such as a nation gives its people; no nation gives these.
    pub national_id: String,
    /// A telephone number, under +999, a country code that is given to nobody.
    pub phone: String,
    /// An electronic mail address, under example.org; none for small children.
    pub email: Option<String>,
    /// The home.
    pub address: Address,
    /// The next of kin.
    pub kin: Kin,
}

impl Person {
    /// The age in whole years on a day; 0 before the birth.
    pub fn age_on(&self, day: NaiveDate) -> u32 {
        day.years_since(self.birth_date).unwrap_or(0)
    }

    /// The age in days on a day; 0 before the birth.
    pub fn age_in_days_on(&self, day: NaiveDate) -> i64 {
        (day - self.birth_date).num_days().max(0)
    }
}

/// Years of age and how many of a thousand patients are in this band: a population that grows old, and the old see
/// more of hospitals than the young.
const AGES: [(i64, i64, u32); 12] = [
    (0, 0, 18),
    (1, 4, 48),
    (5, 9, 50),
    (10, 17, 82),
    (18, 29, 130),
    (30, 39, 125),
    (40, 49, 127),
    (50, 59, 137),
    (60, 69, 121),
    (70, 79, 97),
    (80, 89, 53),
    (90, 99, 12),
];

const TOWNS: [(&str, &str); 14] = [
    ("Aldermoor", "10"),
    ("Brackenford", "12"),
    ("Cawthorne Mill", "14"),
    ("Dunwater", "17"),
    ("Elmstead Green", "20"),
    ("Fennick", "21"),
    ("Greyholm", "23"),
    ("Harrowgate Cross", "26"),
    ("Ivelbridge", "28"),
    ("Kestrel Bay", "30"),
    ("Larchwood", "31"),
    ("Merrowdale", "35"),
    ("Northwick", "37"),
    ("Otterburn Vale", "39"),
];
const STREETS: [&str; 16] = [
    "Abbey Lane",
    "Baker's Row",
    "Canal Street",
    "Dyer's Yard",
    "East Parade",
    "Fountain Street",
    "Garden Walk",
    "Hill Road",
    "Ivy Lane",
    "Juniper Close",
    "King's Mead",
    "Linden Avenue",
    "Mill Lane",
    "Orchard Street",
    "Priory Road",
    "Station Road",
];

/// The person with this number, as they are on `today`: at least `youngest` days old.
pub fn person(seed: u64, number: u64, today: NaiveDate, youngest: i64) -> Person {
    let mut random = Random::part(seed, 1, number);
    let sex = if random.chance(512) { Sex::Female } else { Sex::Male };
    let name = names::name(&mut random, sex);
    let birth_date = birth_date(&mut random, today, youngest);
    let age = today.years_since(birth_date).unwrap_or(0);
    let address = address(&mut random);
    let email = (age >= 14 && random.chance(820))
        .then(|| format!("{}.{}.{number}@example.org", plain(name.given.first()), plain(Some(&name.family))));
    Person {
        kin: kin(&mut random, &name, age, number),
        name,
        sex,
        birth_date,
        national_id: national_id(seed, number),
        phone: format!("+999 20 {:03} {:04}", number / 10_000 % 1_000, number % 10_000),
        email,
        address,
    }
}

fn birth_date(random: &mut Random, today: NaiveDate, youngest: i64) -> NaiveDate {
    let (low, high, _) = AGES[random.weighted(AGES.iter().map(|(.., weight)| *weight))];
    let years = random.between(low, high) as u32;
    // Somewhere in the year before the birthday of that age.
    let birthday = today.checked_sub_months(Months::new(12 * years)).unwrap_or(today);
    let days = random.between(if years == 0 { youngest } else { 0 }, 364) as u64;
    birthday.checked_sub_days(Days::new(days)).unwrap_or(birthday)
}

fn address(random: &mut Random) -> Address {
    let (city, district) = random.one_of(&TOWNS);
    Address {
        line: format!("{} {}", random.between(1, 148), random.one_of(&STREETS)),
        city: (*city).to_owned(),
        postal_code: format!("{district}{:03}", random.between(1, 999)),
    }
}

fn kin(random: &mut Random, name: &Name, age: u32, number: u64) -> Kin {
    let relationship = match age {
        0..18 if random.chance(650) => Relationship::Mother,
        0..18 => Relationship::Father,
        18..30 => *random.one_of(&[Relationship::Mother, Relationship::Father, Relationship::Spouse]),
        30..70 => *random.one_of(&[Relationship::Spouse, Relationship::Spouse, Relationship::Sibling]),
        _ => *random.one_of(&[Relationship::Child, Relationship::Child, Relationship::Spouse]),
    };
    let sex = match relationship {
        Relationship::Mother => Sex::Female,
        Relationship::Father => Sex::Male,
        Relationship::Spouse | Relationship::Child | Relationship::Sibling => {
            *random.one_of(&[Sex::Female, Sex::Male])
        }
    };
    let given = vec![names::given(random, sex)];
    let phone = format!("+999 21 {:03} {:04}", number / 10_000 % 1_000, number % 10_000);
    Kin { relationship, name: Name { family: name.family.clone(), given }, phone }
}

/// The largest prime of nine digits.
const NINE_DIGITS: u64 = 999_999_937;

/// Nine digits that no two numbers share, and two that check them (ISO 7064, MOD 97-10).
fn national_id(seed: u64, number: u64) -> String {
    // Modulo a prime, multiplying permutes.
    let body = (number.wrapping_mul(386_204_917) + Random::new(seed).number() % NINE_DIGITS) % NINE_DIGITS;
    format!("{body:09}{:02}", 98 - body * 100 % 97)
}

/// Letters that every mail system takes.
fn plain(name: Option<&String>) -> String {
    let letters = name.map_or("", String::as_str).chars().flat_map(char::to_lowercase);
    let plain = letters.filter_map(|letter| match letter {
        'a'..='z' => Some(letter),
        'á' | 'ä' => Some('a'),
        'ç' => Some('c'),
        'é' => Some('e'),
        'ğ' => Some('g'),
        'í' | 'ı' => Some('i'),
        'ł' => Some('l'),
        'ñ' => Some('n'),
        'ó' | 'ö' => Some('o'),
        'ş' | 'ß' => Some('s'),
        'ú' | 'ü' => Some('u'),
        'ż' => Some('z'),
        _ => None,
    });
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, 1).unwrap()
    }

    #[test]
    fn the_ages_are_of_a_thousand_and_have_no_gap() {
        assert_eq!(AGES.iter().map(|(.., weight)| weight).sum::<u32>(), 1_000);
        assert!(AGES.windows(2).all(|pair| pair[0].1 + 1 == pair[1].0));
    }

    #[test]
    fn the_people_are_young_and_old_of_both_sexes() {
        let people: Vec<Person> = (0..2_000).map(|number| person(42, number, today(), 30)).collect();
        let share = |wanted: &dyn Fn(&Person) -> bool| people.iter().filter(|person| wanted(person)).count();
        assert!((900..1_150).contains(&share(&|person| person.sex == Sex::Female)));
        assert!((330..480).contains(&share(&|person| person.age_on(today()) < 18)));
        assert!((480..660).contains(&share(&|person| person.age_on(today()) >= 60)));
        assert!(people.iter().all(|person| person.age_in_days_on(today()) >= 30));
        assert!(people.iter().all(|person| person.age_on(today()) <= 100));
    }

    #[test]
    fn no_two_people_share_what_identifies_them() {
        let people: Vec<Person> = (0..20_000).map(|number| person(7, number, today(), 30)).collect();
        let mut ids: Vec<&str> = people.iter().map(|person| person.national_id.as_str()).collect();
        let mut phones: Vec<&str> = people.iter().map(|person| person.phone.as_str()).collect();
        for list in [&mut ids, &mut phones] {
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), people.len());
        }
    }

    #[test]
    fn a_national_number_checks() {
        for number in 0..500 {
            let id: u64 = national_id(42, number).parse().unwrap();
            assert_eq!(id % 97, 1);
        }
    }
}
