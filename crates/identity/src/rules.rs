//! What a new password must be: long, and not what everybody tries first (ASVS 5.0 section 6.2, NIST SP 800-63B-4).
//!
//! No letter, digit or sign is asked for. Instead what can be guessed in one go is counted as little: a password that is
//! tried first everywhere, a run along the alphabet or the keyboard, a repetition, a year, and words that stand for the
//! account itself. Whoever strings such pieces together has a long password and a weak one.

use kernel::Secret;
use unicode_normalization::UnicodeNormalization;

use crate::password::PASSWORD_BYTES_MAX;

/// Fewest characters of a password that is the only factor.
pub const CHARACTERS_MIN: usize = 15;
/// What the pieces of a password must come to at the least, each character counting 1.
const WORTH_MIN: usize = 6;
/// What a password that is tried first counts, as part of another.
const COMMON_WORTH: usize = 2;
/// Shortest run along an alphabet or keyboard that counts as one piece.
const RUN_MIN: usize = 3;
/// Shortest repetition of an earlier part that counts as one piece.
const REPETITION_MIN: usize = 4;

/// Passwords and the parts of passwords that are tried first, in any case: the beginnings of every list of leaked ones.
const COMMON: &str = include_str!("rules/common.txt");
/// Runs, forwards and backwards.
const ROWS: [&str; 7] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
];

/// Why a password is not taken. No message holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Shorter than [`CHARACTERS_MIN`].
    #[error(
        "a password has at least {CHARACTERS_MIN} characters; a few words that do not belong together are best"
    )]
    TooShort,
    /// Longer than [`PASSWORD_BYTES_MAX`].
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
    /// Made of what is tried first.
    #[error(
        "this password is made of what is guessed first: common passwords, rows of the keyboard, repetitions, years \
         or the account's own name"
    )]
    Predictable,
}

/// Judges a new password. `context` are words that stand for the account: its name, the organization's.
///
/// # Errors
/// [`WeakPassword`].
pub fn check_password(password: &Secret<String>, context: &[&str]) -> Result<(), WeakPassword> {
    let text = password.expose();
    if text.len() > PASSWORD_BYTES_MAX {
        return Err(WeakPassword::TooLong);
    }
    let plain: Vec<char> = text.nfc().collect();
    if plain.len() < CHARACTERS_MIN {
        return Err(WeakPassword::TooShort);
    }
    let folded: Vec<char> = text.nfc().flat_map(char::to_lowercase).collect();
    let own: Vec<Vec<char>> = context
        .iter()
        .flat_map(|words| words.split(|c: char| !c.is_alphanumeric()).chain([*words]))
        .chain(["salus"])
        .map(|word| word.nfc().flat_map(char::to_lowercase).collect::<Vec<char>>())
        .filter(|word| word.len() >= 3)
        .collect();
    if worth(&folded, &own) < WORTH_MIN { Err(WeakPassword::Predictable) } else { Ok(()) }
}

/// What the pieces come to, taking the longest piece at each place.
fn worth(text: &[char], own: &[Vec<char>]) -> usize {
    let (mut at, mut worth) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let pieces = [
            (longest(own.iter().map(Vec::as_slice), rest), 0),
            (repetition(text, at), 1),
            (run(rest), 1),
            (year(rest), 1),
            (common(rest), COMMON_WORTH),
        ];
        // Of equally long pieces the cheapest.
        let best = pieces.into_iter().max_by_key(|(length, cost)| (*length, usize::MAX - cost));
        match best {
            Some((length, cost)) if length > 0 => {
                at += length;
                worth += cost;
            }
            _ => {
                at += 1;
                worth += 1;
            }
        }
    }
    worth
}

fn longest<'w>(words: impl Iterator<Item = &'w [char]>, text: &[char]) -> usize {
    words.filter(|word| text.starts_with(word)).map(<[char]>::len).max().unwrap_or(0)
}

/// Length of the longest common password that the text begins with, also where digits and signs stand for letters.
fn common(text: &[char]) -> usize {
    let begins = |word: &str| {
        let letters = word.chars().count();
        letters <= text.len() && word.chars().zip(text).all(|(letter, typed)| stands_for(*typed, letter))
    };
    COMMON.split_whitespace().filter(|word| begins(word)).map(|word| word.chars().count()).max().unwrap_or(0)
}

fn stands_for(typed: char, letter: char) -> bool {
    typed == letter
        || matches!(
            (typed, letter),
            ('0', 'o')
                | ('1' | '!' | '|', 'i' | 'l')
                | ('3', 'e')
                | ('4' | '@', 'a')
                | ('5' | '$', 's')
                | ('7', 't')
        )
}

/// Length of the run along a row, or of one character over and over, that the text begins with.
fn run(text: &[char]) -> usize {
    let same = text.iter().take_while(|next| Some(*next) == text.first()).count();
    let along = |row: &[char]| {
        let starts = (0..row.len()).filter(|at| Some(&row[*at]) == text.first());
        let length = |at: usize| row[at..].iter().zip(text).take_while(|(one, other)| one == other).count();
        starts.map(length).max().unwrap_or(0)
    };
    let rows = ROWS.iter().map(|row| {
        let forwards: Vec<char> = row.chars().collect();
        let backwards: Vec<char> = row.chars().rev().collect();
        along(&forwards).max(along(&backwards))
    });
    let length = rows.max().unwrap_or(0).max(same);
    if length >= RUN_MIN { length } else { 0 }
}

/// 1900 to 2099.
fn year(text: &[char]) -> usize {
    let digits: Option<Vec<u32>> = text.iter().take(4).map(|c| c.to_digit(10)).collect();
    match digits.as_deref() {
        Some([1, 9, _, _] | [2, 0, _, _]) => 4,
        _ => 0,
    }
}

/// Length of the longest part of the text before `at` that stands again at `at`.
fn repetition(text: &[char], at: usize) -> usize {
    let again =
        |from: usize| text[from..at].iter().zip(&text[at..]).take_while(|(one, other)| one == other).count();
    let length = (0..at).map(again).max().unwrap_or(0);
    if length >= REPETITION_MIN { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<(), WeakPassword> {
        check_password(&Secret::new(password.to_owned()), &["j.smith", "North Clinic"])
    }

    #[test]
    fn long_passwords_of_any_composition_are_taken() {
        let long = "correct horse battery staple ".repeat(3);
        for good in [
            "correct horse battery staple",
            "vier alte Katzen am Fluss",
            "kt7Q-mmPw-2hXc-vN",
            "        x  y        z    q w e",
            "зелёный чайник у окна",
            "🏥🐢🍉🚲🎻🌋🧊🪁🦉🍞🧭🪴🎲🧦🛶",
            "aaaa bbbb cccc dddd eeee ffff",
            &long[..64],
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_is_guessed_first_is_not_taken_however_long() {
        for weak in [
            "Password123456789",
            "passwordpassword",
            "P@ssw0rdP@ssw0rd",
            "qwertyuiopasdfghjkl",
            "123456789012345",
            "aaaaaaaaaaaaaaaaaaaa",
            "iloveyouiloveyou1",
            "Administrator2024",
            "letmein!letmein!",
            "abcdefghijklmnop",
            "zyxwvutsrqponmlk",
            "1qaz2wsx3edc4rfv",
            "SalusSalusSalus1",
            "J.Smith2025J.Smith",
            "NorthClinic2026!",
            "Northclinicnorth",
            "🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥🏥",
        ] {
            assert_eq!(check(weak), Err(WeakPassword::Predictable), "{weak}");
        }
    }

    #[test]
    fn fourteen_characters_are_too_few_and_composed_letters_count_once() {
        assert_eq!(check("kt7Q-mmPw-2hXc"), Err(WeakPassword::TooShort));
        assert_eq!(check("kt7Q-mmPw-2hX\u{65}\u{308}"), Err(WeakPassword::TooShort));
        assert_eq!(check(""), Err(WeakPassword::TooShort));
        let overlong = "🏥".repeat(PASSWORD_BYTES_MAX / 4 + 1);
        assert_eq!(check(&overlong), Err(WeakPassword::TooLong));
    }

    #[test]
    fn a_generated_password_is_always_good_enough() {
        for _ in 0..500 {
            assert_eq!(check_password(&crate::generate_password().unwrap(), &["admin"]), Ok(()));
        }
    }

    #[test]
    fn the_list_holds_lower_case_words_once_each() {
        let mut seen = std::collections::HashSet::new();
        for word in COMMON.split_whitespace() {
            assert!(word.len() >= 3 && word == word.to_lowercase(), "{word}");
            assert!(seen.insert(word), "{word} stands there twice");
        }
        assert!(seen.len() > 400, "{}", seen.len());
    }
}
