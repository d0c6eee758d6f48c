//! What every text file keeps to, whatever it holds.

use crate::Faults;
use crate::sources::Exemption;
use crate::workspace::TextFile;

/// Longest file, lines.
pub const LINES_MAX: usize = 600;

/// Files that may be longer, and why.
pub const LONG_FILES: &[Exemption] = &[
    ("crates/fhir/src/definitions/elements.rs", "a table generated from the R4 definitions"),
    ("crates/fhir/src/definitions/parameters.rs", "a table generated from the R4 definitions"),
];

/// W7: no file is longer than [`LINES_MAX`] unless it is listed with a reason, and nothing is listed
/// needlessly.
pub fn no_file_is_too_long(files: &[TextFile], listed: &[Exemption]) -> Faults {
    let mut faults = Faults::new();
    for file in files {
        let lines = file.text.lines().count();
        let exempt = listed.iter().any(|(path, _)| *path == file.path);
        match (lines > LINES_MAX, exempt) {
            (true, false) => faults.push(format!("{} has {lines} lines, more than {LINES_MAX}", file.path)),
            (false, true) => faults.push(format!("{} is listed as long and has {lines} lines", file.path)),
            (true, true) | (false, false) => {}
        }
    }
    for (path, reason) in listed {
        if !files.iter().any(|file| file.path == *path) {
            faults.push(format!("{path} is listed as long and does not exist"));
        }
        if reason.is_empty() {
            faults.push(format!("{path} is listed as long without a reason"));
        }
    }
    faults
}

/// A module `foo` with parts is `foo.rs` beside `foo/`: a tab named `mod.rs` says nothing.
pub fn no_file_is_called_mod(files: &[TextFile]) -> Faults {
    let called_mod = |file: &&TextFile| file.path.ends_with("/mod.rs");
    files.iter().filter(called_mod).map(|file| format!("{} says nothing by its name", file.path)).collect()
}

/// The project speaks of itself, not of how or where it was written: no path of the machine it was written
/// on, no name of a tool that wrote it, no number of a task. The words are put together here so that this
/// file holds none.
pub fn no_file_speaks_of_its_making(files: &[TextFile]) -> Faults {
    let words = [
        concat!("/wo", "rk/"),
        concat!("cla", "ude"),
        concat!("anthro", "pic"),
        concat!("chat", "gpt"),
        concat!("open", "ai"),
        concat!("sub", "agent"),
        concat!("coding ", "agent"),
        concat!("language ", "model"),
        concat!("ai ", "assistant"),
        concat!("issues ", "show"),
        concat!("this ", "issue"),
        concat!("next ", "issue"),
        concat!("later ", "issue"),
        concat!("previous ", "session"),
        concat!("another ", "engineer"),
    ];
    let mut faults = Faults::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            let line = line.to_lowercase();
            for word in words.iter().filter(|word| stands_alone(&line, word)) {
                faults.push(format!("{}:{} says `{word}`", file.path, number + 1));
            }
        }
    }
    faults
}

/// Whether the word stands in the line with no letter or digit joined to either end.
fn stands_alone(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let joined = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
        let before = word.starts_with(char::is_alphanumeric) && joined(line[..at].chars().next_back());
        let after = word.ends_with(char::is_alphanumeric) && joined(line[at + word.len()..].chars().next());
        !before && !after
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: impl Into<String>) -> TextFile {
        TextFile { path: path.to_owned(), text: text.into() }
    }

    #[test]
    fn a_long_file_is_seen_unless_it_is_listed() {
        let long = file("a.rs", "x\n".repeat(LINES_MAX + 1));
        assert_eq!(no_file_is_too_long(std::slice::from_ref(&long), &[]).len(), 1);
        assert!(no_file_is_too_long(std::slice::from_ref(&long), &[("a.rs", "a table")]).is_empty());
        assert!(no_file_is_too_long(&[file("a.rs", "x\n".repeat(LINES_MAX))], &[]).is_empty());
    }

    #[test]
    fn a_needless_listing_is_seen() {
        assert_eq!(no_file_is_too_long(&[file("a.rs", "x\n")], &[("a.rs", "a table")]).len(), 1);
        assert_eq!(no_file_is_too_long(&[], &[("a.rs", "a table")]).len(), 1);
        let long = file("a.rs", "x\n".repeat(LINES_MAX + 1));
        assert_eq!(no_file_is_too_long(&[long], &[("a.rs", "")]).len(), 1);
    }

    #[test]
    fn a_file_called_mod_is_seen() {
        assert_eq!(no_file_is_called_mod(&[file("crates/a/src/b/mod.rs", "")]).len(), 1);
        assert!(no_file_is_called_mod(&[file("crates/a/src/b/model.rs", "")]).is_empty());
    }

    #[test]
    fn talk_of_the_making_is_seen() {
        for text in [
            concat!("see /wo", "rk/shared"),
            concat!("Cla", "ude wrote"),
            concat!("in a later ", "issue."),
            concat!("a Sub", "agent"),
        ] {
            assert_eq!(
                no_file_speaks_of_its_making(&[file("a.md", format!("one\n{text}"))]).len(),
                1,
                "{text}"
            );
        }
        for text in ["the session ends", "framework/x", "Claudette", "user agent", "the issuer"] {
            assert!(no_file_speaks_of_its_making(&[file("a.md", text)]).is_empty(), "{text}");
        }
    }
}
