//! Words for searching strings: what a name in a record and a name in a query have in common.
//!
//! Text is taken apart by compatibility (NFKD), loses its combining marks (R4 search, 3.1.1.4.8: accents are
//! ignored), is folded to lower case, and falls into words where anything but letters and digits stands.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The longest prefix of a word that is searched by, letters.
pub const PREFIX_LETTERS: usize = 32;

/// The normalised words of a text, each once or more, in order.
pub fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            words.push(std::mem::take(word));
        }
    };
    if text.is_ascii() {
        for letter in text.bytes() {
            match letter.is_ascii_alphanumeric() {
                true => word.push(char::from(letter.to_ascii_lowercase())),
                false => end(&mut word),
            }
        }
    } else {
        // Upper case first folds what lower case alone does not: `ß` and `SS`, final and medial sigma.
        let folded = text.nfkd().flat_map(char::to_uppercase).flat_map(char::to_lowercase);
        for letter in folded.collect::<String>().nfkd().filter(|c| !is_combining_mark(*c)) {
            match (plain(letter), letter.is_alphanumeric()) {
                (Some(letters), _) => word.push_str(letters),
                (None, true) => word.push(letter),
                (None, false) => end(&mut word),
            }
        }
    }
    end(&mut word);
    words
}

/// What a person without the letter on the keyboard types for it, where Unicode does not take it apart by itself.
fn plain(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ł' => "l",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'ħ' => "h",
        'ı' => "i",
        'ŧ' => "t",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        _ => return None,
    })
}

/// The prefixes of a word that it can be found by: of 1 to [`PREFIX_LETTERS`] letters.
pub fn prefixes(word: &str) -> impl Iterator<Item = &str> {
    let ends = word.char_indices().map(|(at, letter)| at + letter.len_utf8());
    ends.take(PREFIX_LETTERS).map(|end| &word[..end])
}

/// The prefix that finds a searched word: the word, or its first [`PREFIX_LETTERS`] letters.
pub fn longest_prefix(word: &str) -> &str {
    prefixes(word).last().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spelling_that_does_not_matter_is_lost() {
        for (text, expected) in [
            ("Renée", &["renee"][..]),
            ("RENE\u{301}E", &["renee"]),
            ("Straße STRASSE", &["strasse", "strasse"]),
            ("van der Berg", &["van", "der", "berg"]),
            ("O'Brien-Smith", &["o", "brien", "smith"]),
            ("Σίσυφος ΣΊΣΥΦΟΣ", &["σισυφοσ", "σισυφοσ"]),
            ("İstanbul", &["istanbul"]),
            ("Skłodowska Øster Æthelred Đorđe", &["sklodowska", "oster", "aethelred", "dorde"]),
            ("Ｆｕｌｌ ﬁeld", &["full", "field"]),
            ("山田 太郎", &["山田", "太郎"]),
            ("  ,.; ", &[]),
            ("", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn prefixes_are_whole_letters_and_no_more_than_the_limit() {
        assert_eq!(prefixes("añb").collect::<Vec<_>>(), ["a", "añ", "añb"]);
        assert_eq!(prefixes(&"x".repeat(40)).count(), PREFIX_LETTERS);
        assert_eq!(longest_prefix(&"é".repeat(40)).chars().count(), PREFIX_LETTERS);
        assert_eq!(longest_prefix(""), "");
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC*") {
            let once = words(&text);
            prop_assert_eq!(words(&once.join(" ")), once);
        }

        #[test]
        fn case_does_not_matter(text in "[a-zA-Zäöüßéñç ]*") {
            prop_assert_eq!(words(&text.to_uppercase()), words(&text.to_lowercase()));
        }
    }
}
