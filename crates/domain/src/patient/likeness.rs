//! Whether two registrations may be of one person: what to look for, and how alike what was found is.

use fhir::date::Range;
use fhir::text::words;

use super::Demographics;
use crate::store::Likeness;
use kernel::Phi;

/// Points for a family name, a given name, and a date of birth that agree.
const NAME_POINTS: f64 = 30.0;
const BIRTH_POINTS: f64 = 40.0;
/// Points for a date of birth that differs as a slip of the pen does.
const NEAR_BIRTH_POINTS: f64 = 20.0;
/// Points for a telephone number or e-mail address that agrees.
const TELECOM_POINTS: f64 = 20.0;
/// Names less alike than this have nothing in common.
const SIMILAR: f64 = 0.82;
/// From here on two registrations are likely of one person.
const LIKELY: u8 = 70;

/// How alike two registrations are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resemblance {
    /// Of 100.
    pub score: u8,
    /// What agrees.
    pub reasons: Vec<&'static str>,
}

/// What to look for to find others who may be this person.
pub fn likeness(who: &Demographics) -> Likeness {
    let born = who.birth_date.as_deref().filter(|date| date.len() == 10).and_then(Range::parse);
    let mut names: Vec<String> = who.family_name.as_deref().map(words).unwrap_or_default();
    names.extend(who.given_names.first().map(|name| words(name)).unwrap_or_default());
    let both = who.family_name.is_some() && !who.given_names.is_empty();
    let identifiers =
        who.identifiers.iter().filter_map(|it| Some((it.system.clone()?, it.value.clone()))).collect();
    Likeness {
        born: born.map(|range| range.low),
        names: Phi::new(if both { names } else { Vec::new() }),
        identifiers: Phi::new(identifiers),
    }
}

/// How alike two registrations are; none where they are not likely of one person.
pub fn resemblance(a: &Demographics, b: &Demographics) -> Option<Resemblance> {
    let mut score = 0.0;
    let mut reasons = Vec::new();
    let family = |who: &Demographics| who.family_name.as_deref().map(words).unwrap_or_default().join(" ");
    let given =
        |who: &Demographics| who.given_names.first().map(|it| words(it)).unwrap_or_default().join(" ");
    let straight = (similarity(&family(a), &family(b)), similarity(&given(a), &given(b)));
    let swapped = (similarity(&family(a), &given(b)), similarity(&given(a), &family(b)));
    let is_swapped = swapped.0 > 0.0 && swapped.1 > 0.0 && swapped.0 + swapped.1 > straight.0 + straight.1;
    let (first, last) = if is_swapped { swapped } else { straight };
    score += NAME_POINTS * (first + last);
    if is_swapped {
        reasons.push("names_swapped");
    } else {
        reasons.extend((first == 1.0).then_some("same_family_name"));
        reasons.extend((first > 0.0 && first < 1.0).then_some("similar_family_name"));
        reasons.extend((last == 1.0).then_some("same_given_name"));
        reasons.extend((last > 0.0 && last < 1.0).then_some("similar_given_name"));
    }
    if let (Some(one), Some(other)) = (a.birth_date.as_deref(), b.birth_date.as_deref()) {
        if one == other {
            score += if one.len() == 10 { BIRTH_POINTS } else { NEAR_BIRTH_POINTS };
            reasons.push("same_birth_date");
        } else if is_slip(one, other) {
            score += NEAR_BIRTH_POINTS;
            reasons.push("similar_birth_date");
        }
    }
    let reached = |who: &Demographics| who.telecom.iter().map(|it| plain(&it.value)).collect::<Vec<_>>();
    let theirs = reached(b);
    if reached(a).iter().any(|it| it.len() > 4 && theirs.contains(it)) {
        score += TELECOM_POINTS;
        reasons.push("same_telecom");
    }
    let same_number = |it: &super::Identifier| {
        it.system.is_some()
            && b.identifiers.iter().any(|other| (&other.system, &other.value) == (&it.system, &it.value))
    };
    if a.identifiers.iter().any(same_number) {
        score = 100.0;
        reasons.push("same_identifier");
    }
    // From 0 to 100: no digit is lost.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let score = score.clamp(0.0, 100.0).round() as u8;
    (score >= LIKELY).then_some(Resemblance { score, reasons })
}

/// A number or address without what people put between its parts.
fn plain(text: &str) -> String {
    text.chars().filter(|it| it.is_alphanumeric() || *it == '@').flat_map(char::to_lowercase).collect()
}

/// Whether two dates differ in one digit only, or in the order of day and month.
fn is_slip(a: &str, b: &str) -> bool {
    if a.len() != 10 || b.len() != 10 {
        return false;
    }
    let differ = a.bytes().zip(b.bytes()).filter(|(a, b)| a != b).count();
    let swapped = a.get(..4) == b.get(..4) && a.get(5..7) == b.get(8..10) && a.get(8..10) == b.get(5..7);
    differ == 1 || swapped
}

/// How alike two words are, from 0 to 1: Jaro-Winkler, or 0 below [`SIMILAR`].
fn similarity(a: &str, b: &str) -> f64 {
    let similar = jaro_winkler(a, b);
    if similar < SIMILAR { 0.0 } else { similar }
}

/// Jaro's similarity, raised by a common beginning of up to four letters (Winkler 1990).
fn jaro_winkler(a: &str, b: &str) -> f64 {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    if a == b {
        return 1.0;
    }
    let window = (a.len().max(b.len()) / 2).saturating_sub(1);
    let mut taken = vec![false; b.len()];
    let mut matched = Vec::new();
    for (i, letter) in a.iter().enumerate() {
        let from = i.saturating_sub(window);
        let to = (i + window + 1).min(b.len());
        if let Some(j) = (from..to).find(|j| !taken[*j] && b[*j] == *letter) {
            taken[j] = true;
            matched.push(*letter);
        }
    }
    if matched.is_empty() {
        return 0.0;
    }
    let theirs = b.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(letter, _)| letter);
    let crossed = matched.iter().zip(theirs).filter(|(a, b)| a != b).count();
    // Lengths of names: far below what a float holds exactly.
    #[allow(clippy::cast_precision_loss)]
    let (m, t, la, lb) = (matched.len() as f64, crossed as f64 / 2.0, a.len() as f64, b.len() as f64);
    let jaro = (m / la + m / lb + (m - t) / m) / 3.0;
    #[allow(clippy::cast_precision_loss)]
    let common = a.iter().zip(&b).take(4).take_while(|(a, b)| a == b).count() as f64;
    jaro + common * 0.1 * (1.0 - jaro)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_similarity_is_that_of_the_published_examples() {
        for (a, b, expected) in [
            ("martha", "marhta", 0.961),
            ("dixon", "dicksonx", 0.813),
            ("dwayne", "duane", 0.840),
            ("abc", "xyz", 0.0),
        ] {
            assert!((jaro_winkler(a, b) - expected).abs() < 0.001, "{a} {b}: {}", jaro_winkler(a, b));
        }
    }

    fn who(family: &str, given: &str, born: &str) -> Demographics {
        Demographics {
            family_name: Some(family.to_owned()),
            given_names: vec![given.to_owned()],
            birth_date: Some(born.to_owned()),
            ..Demographics::default()
        }
    }

    #[test]
    fn slips_of_the_pen_are_likely_the_same_person_and_namesakes_are_not() {
        let anna = who("Müller", "Anna", "1980-05-17");
        let score = |other: &Demographics| resemblance(&anna, other).map(|it| it.score);
        assert!(score(&who("Mueller", "Anna", "1980-05-17")).is_some());
        assert_eq!(score(&anna), Some(100));
        assert_eq!(score(&who("Anna", "Müller", "1980-05-17")), Some(100));
        assert!(score(&who("Muller", "Ana", "1980-05-17")).is_some_and(|score| score > 90));
        assert_eq!(score(&who("Müller", "Anna", "1980-05-18")), Some(80));
        assert_eq!(score(&who("Müller", "Anna", "1952-11-03")), None);
        assert_eq!(score(&who("Schmidt", "Anna", "1980-05-17")), Some(70));
        assert_eq!(score(&who("Schmidt", "Berta", "1980-05-17")), None);
        // Day and month the other way round.
        let october = who("Müller", "Anna", "1980-10-05");
        assert_eq!(resemblance(&october, &who("Müller", "Anna", "1980-05-10")).unwrap().score, 80);
    }

    #[test]
    fn a_common_identifier_outweighs_everything_and_a_telephone_number_helps() {
        let mut one = who("Müller", "Anna", "1980-05-17");
        let mut other = who("Schmidt", "Berta", "1952-11-03");
        let identifier = super::super::Identifier {
            system: Some("urn:oid:1".to_owned()),
            value: "7".to_owned(),
            kind: None,
            usage: None,
        };
        one.identifiers.push(identifier.clone());
        other.identifiers.push(identifier);
        assert_eq!(resemblance(&one, &other).unwrap().score, 100);
        let telecom = |value: &str| super::super::Telecom {
            system: "phone".to_owned(),
            value: value.to_owned(),
            usage: None,
        };
        let mut here = who("Müller", "Anna", "1980-05-17");
        let mut there = who("Müller", "Anna", "1952-11-03");
        here.telecom.push(telecom("+49 30 1234567"));
        there.telecom.push(telecom("+49-30-1234567"));
        assert_eq!(resemblance(&here, &there).unwrap().score, 80);
    }
}
