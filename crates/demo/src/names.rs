//! Names. Common ones of several cultures, put together at random: whoever is called so is not meant.

use crate::person::Sex;
use crate::random::Random;

/// The names of one culture.
struct Culture {
    /// How many of a hundred persons.
    share: u32,
    female: &'static [&'static str],
    male: &'static [&'static str],
    family: &'static [&'static str],
}

/// A family name and given names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The family name.
    pub family: String,
    /// The given names, one or two.
    pub given: Vec<String>,
}

const CULTURES: &[Culture] = &[
    Culture {
        share: 26,
        female: &[
            "Alice", "Beth", "Clare", "Dorothy", "Ellen", "Fiona", "Grace", "Hazel", "Irene", "Joan", "Lucy",
            "Maud", "Nora", "Olive", "Ruth", "Susan",
        ],
        male: &[
            "Adam", "Brian", "Colin", "Douglas", "Edwin", "Frank", "Gerald", "Howard", "Ian", "Keith",
            "Leonard", "Martin", "Neil", "Oscar", "Peter", "Ralph",
        ],
        family: &[
            "Abbot",
            "Barker",
            "Carver",
            "Dunmore",
            "Eastwick",
            "Farrow",
            "Garside",
            "Hollins",
            "Ingleby",
            "Kettle",
            "Larkham",
            "Millbank",
            "Netherby",
            "Oakes",
            "Penrose",
            "Rushworth",
            "Stanbrook",
            "Thackeray",
            "Underhill",
            "Westgarth",
        ],
    },
    Culture {
        share: 16,
        female: &[
            "Anneliese",
            "Birgit",
            "Christa",
            "Dagmar",
            "Elke",
            "Frieda",
            "Gudrun",
            "Heike",
            "Ilse",
            "Jutta",
            "Karin",
            "Liesel",
            "Margarete",
            "Ursula",
        ],
        male: &[
            "Albrecht",
            "Bernd",
            "Dieter",
            "Egon",
            "Friedhelm",
            "Gerhard",
            "Heinz",
            "Jürgen",
            "Klaus",
            "Lothar",
            "Manfred",
            "Norbert",
            "Rainer",
            "Wolfgang",
        ],
        family: &[
            "Ackermann",
            "Brückner",
            "Dornfeld",
            "Eichhorn",
            "Feldhaus",
            "Grünwald",
            "Hagedorn",
            "Immenhof",
            "Jessen",
            "Kaltenbach",
            "Lindhorst",
            "Mühlbauer",
            "Nordhoff",
            "Osterkamp",
            "Querfurt",
            "Rosenthal",
            "Steinmetz",
            "Weißenborn",
        ],
    },
    Culture {
        share: 14,
        female: &[
            "Alejandra",
            "Beatriz",
            "Carmen",
            "Dolores",
            "Elena",
            "Guadalupe",
            "Inés",
            "Jimena",
            "Lucía",
            "María",
            "Noemí",
            "Pilar",
            "Rosario",
            "Ximena",
        ],
        male: &[
            "Álvaro", "Benito", "César", "Diego", "Emilio", "Fernando", "Gonzalo", "Héctor", "Ignacio",
            "Joaquín", "Luis", "Mateo", "Rafael", "Tomás",
        ],
        family: &[
            "Aguirre",
            "Barragán",
            "Cervantes",
            "Delgado",
            "Echeverría",
            "Fuentes",
            "Guzmán",
            "Herrera",
            "Ibáñez",
            "Jurado",
            "Luna",
            "Montes",
            "Núñez",
            "Ocampo",
            "Paredes",
            "Quintero",
            "Robledo",
            "Salinas",
        ],
    },
    Culture {
        share: 10,
        female: &[
            "Ayşe", "Belgin", "Cemile", "Derya", "Elif", "Fatma", "Gülay", "Hatice", "Meryem", "Nilüfer",
            "Sevgi", "Zeynep",
        ],
        male: &[
            "Ahmet", "Burak", "Cemal", "Deniz", "Emre", "Ferhat", "Hakan", "İsmail", "Kemal", "Murat",
            "Orhan", "Yusuf",
        ],
        family: &[
            "Akgün", "Bozkurt", "Çelik", "Demirci", "Erdoğdu", "Güneş", "Işık", "Karaca", "Öztürk", "Şahin",
            "Toprak", "Yıldız",
        ],
    },
    Culture {
        share: 10,
        female: &[
            "Aarti", "Bhavna", "Chitra", "Deepa", "Gauri", "Indira", "Jyoti", "Kavita", "Lakshmi", "Meena",
            "Nandini", "Priya", "Radha", "Sunita",
        ],
        male: &[
            "Amit", "Bhaskar", "Chandan", "Dinesh", "Gopal", "Harish", "Jagdish", "Kiran", "Mahesh",
            "Naveen", "Prakash", "Rajesh", "Suresh", "Vikram",
        ],
        family: &[
            "Acharya",
            "Bhattacharya",
            "Chaudhary",
            "Deshpande",
            "Ghosh",
            "Iyer",
            "Joshi",
            "Kulkarni",
            "Mehta",
            "Nair",
            "Patel",
            "Rao",
            "Sharma",
            "Trivedi",
        ],
    },
    Culture {
        share: 8,
        female: &[
            "Abeni", "Adaeze", "Bolanle", "Chioma", "Efua", "Folasade", "Ifeoma", "Kemi", "Ngozi",
            "Simisola", "Wanjiru", "Zola",
        ],
        male: &[
            "Abidemi",
            "Babatunde",
            "Chinedu",
            "Ekow",
            "Femi",
            "Kofi",
            "Kwame",
            "Obinna",
            "Olumide",
            "Segun",
            "Tunde",
            "Uche",
        ],
        family: &[
            "Adeyemi", "Balogun", "Chukwu", "Danjuma", "Eze", "Fashola", "Kamau", "Mensah", "Nwosu",
            "Okafor", "Owusu", "Sesay",
        ],
    },
    Culture {
        share: 8,
        female: &[
            "Aoi", "Chiyo", "Emi", "Fumiko", "Hana", "Keiko", "Mei", "Lihua", "Naoko", "Sakura", "Xiaoling",
            "Yoko",
        ],
        male: &[
            "Akira", "Bowen", "Daichi", "Hiroshi", "Jian", "Kenji", "Makoto", "Noboru", "Satoshi", "Takeshi",
            "Wei", "Yong",
        ],
        family: &[
            "Chen",
            "Fujita",
            "Huang",
            "Ishikawa",
            "Kobayashi",
            "Liang",
            "Matsuda",
            "Nakagawa",
            "Ogawa",
            "Sun",
            "Tanabe",
            "Zhao",
        ],
    },
    Culture {
        share: 8,
        female: &[
            "Agnieszka",
            "Bożena",
            "Danuta",
            "Ewa",
            "Halina",
            "Irena",
            "Jadwiga",
            "Katarzyna",
            "Ludmila",
            "Olga",
            "Svetlana",
            "Wanda",
        ],
        male: &[
            "Andrzej",
            "Bogdan",
            "Czesław",
            "Dmitri",
            "Grzegorz",
            "Igor",
            "Jerzy",
            "Kazimierz",
            "Marek",
            "Nikolai",
            "Stanisław",
            "Zbigniew",
        ],
        family: &[
            "Adamczyk", "Baran", "Chmiel", "Dudek", "Gajda", "Jankovic", "Kozlov", "Lis", "Malik",
            "Pavlenko", "Sobol", "Wrona",
        ],
    },
];

/// A name for a person of this sex.
pub fn name(random: &mut Random, sex: Sex) -> Name {
    let culture = culture(random);
    let given = match sex {
        Sex::Female => culture.female,
        Sex::Male => culture.male,
    };
    let first = random.below(given.len());
    let mut names = vec![given[first].to_owned()];
    if random.chance(250) {
        // Another than the first.
        names.push(given[(first + 1 + random.below(given.len() - 1)) % given.len()].to_owned());
    }
    let mut family = (*random.one_of(culture.family)).to_owned();
    if random.chance(40) {
        let second = random.one_of(culture.family);
        if *second != family {
            family = format!("{family}-{second}");
        }
    }
    Name { family, given: names }
}

fn culture(random: &mut Random) -> &'static Culture {
    &CULTURES[random.weighted(CULTURES.iter().map(|culture| culture.share))]
}

/// A given name from any culture, for somebody who bears another's family name.
pub fn given(random: &mut Random, sex: Sex) -> String {
    let culture = culture(random);
    let names = match sex {
        Sex::Female => culture.female,
        Sex::Male => culture.male,
    };
    (*random.one_of(names)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_of_a_hundred() {
        assert_eq!(CULTURES.iter().map(|culture| culture.share).sum::<u32>(), 100);
    }

    #[test]
    fn nobody_is_given_the_same_name_twice() {
        let mut random = Random::new(1);
        for _ in 0..2_000 {
            let name = name(&mut random, Sex::Female);
            assert!(name.given.len() < 2 || name.given[0] != name.given[1], "{name:?}");
        }
    }
}
