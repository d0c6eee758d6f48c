//! Illnesses: what befalls whom how often, what it does to the body, and how it is treated.

mod acute;
mod chronic;

pub use acute::{ACUTE, Acute, Pathway};
pub use chronic::{CHRONIC, Chronic, Effect};

use crate::chart::Concept;

/// Ages that fall ill alike: children, adolescents, the young, the middle-aged, the elderly, the old.
pub const BANDS: usize = 6;

/// The band of an age in years.
pub const fn band(age: u32) -> usize {
    match age {
        0..12 => 0,
        12..18 => 1,
        18..40 => 2,
        40..60 => 3,
        60..75 => 4,
        _ => 5,
    }
}

/// A concept with both its codes.
const fn concept(snomed: &'static str, icd10: &'static str, text: &'static str) -> Concept {
    Concept { snomed, icd10, text }
}

/// What an acute illness does at its worst, as differences from the patient's ordinary figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disturbance {
    /// Tenths of a degree.
    pub temperature: i64,
    /// Per minute.
    pub pulse: i64,
    /// Per minute.
    pub breaths: i64,
    /// Percent lost.
    pub saturation: i64,
    /// mm[Hg].
    pub systolic: i64,
    /// 0 to 10.
    pub pain: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_look_like_codes_and_no_two_illnesses_share_one() {
        let mut seen: Vec<&str> = Vec::new();
        let concepts = CHRONIC.iter().map(|chronic| chronic.concept);
        for concept in concepts.chain(ACUTE.iter().map(|acute| acute.concept)) {
            assert!(concept.snomed.len() >= 6 && verhoeff(concept.snomed), "{concept:?}");
            let mut letters = concept.icd10.chars();
            assert!(letters.next().is_some_and(|letter| letter.is_ascii_uppercase()), "{concept:?}");
            assert!(letters.next().is_some_and(|digit| digit.is_ascii_digit()), "{concept:?}");
            assert!(!seen.contains(&concept.snomed), "{concept:?}");
            seen.push(concept.snomed);
        }
    }

    /// The check digit that SNOMED CT identifiers end with.
    pub fn verhoeff(code: &str) -> bool {
        const TIMES: [[usize; 10]; 10] = [
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
            [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
            [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
            [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
            [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
            [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
            [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
            [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
            [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
        ];
        const TURN: [usize; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
        let digits = code.bytes().rev().enumerate();
        let sum = digits.fold(0, |sum, (place, digit)| {
            let turned = (0..place % 8).fold(usize::from(digit - b'0'), |digit, _| TURN[digit]);
            TIMES[sum][turned]
        });
        sum == 0
    }

    #[test]
    fn every_illness_can_be_treated_whatever_is_forbidden() {
        use crate::drugs::Family;
        let forbidden = [Family::Penicillin, Family::Nsaid, Family::Sulfonamide, Family::BetaBlocker];
        let allowed = |alternative: &[crate::drugs::Regimen]| {
            alternative.iter().all(|regimen| !forbidden.contains(&regimen.drug.family))
        };
        for acute in ACUTE.iter().filter(|acute| !acute.treatment.is_empty()) {
            assert!(acute.treatment.iter().any(|alternative| allowed(alternative)), "{}", acute.concept.text);
        }
        for chronic in CHRONIC.iter().filter(|chronic| !chronic.treatment.is_empty()) {
            assert!(
                chronic.treatment.iter().any(|alternative| allowed(alternative)),
                "{}",
                chronic.concept.text
            );
        }
    }
}
