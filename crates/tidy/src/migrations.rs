//! Migrations: in pairs, explained, numbered without collision, and unchanged once merged.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::Faults;
use crate::workspace::TextFile;

/// The list of merged migrations: a SHA-256 and a path below `migrations/` per line, as sha256sum writes it.
pub const FROZEN: &str = "migrations/frozen.txt";

/// The databases, and the folder of what all of them carry.
const FOLDERS: [&str; 3] = ["auth", "phi", "clinical"];
const EVERY: &str = "every";

/// A migration file's name taken apart.
struct Name<'a> {
    folder: &'a str,
    version: &'a str,
    /// Folder, version and description: what the two files of a pair share.
    stem: &'a str,
    up: bool,
}

impl<'a> Name<'a> {
    fn of(path: &'a str) -> Option<Name<'a>> {
        let path = path.strip_prefix("migrations/")?;
        let (folder, file) = path.split_once('/')?;
        let (stem, up) = match (path.strip_suffix(".up.sql"), path.strip_suffix(".down.sql")) {
            (Some(stem), _) => (stem, true),
            (None, Some(stem)) => (stem, false),
            (None, None) => return None,
        };
        let (version, what) = file.split_once('_')?;
        let digits = version.len() == 4 && version.bytes().all(|byte| byte.is_ascii_digit());
        let known = folder == EVERY || FOLDERS.contains(&folder);
        let named = what.starts_with(|first: char| first.is_ascii_lowercase());
        (digits && known && named).then_some(Name { folder, version, stem, up })
    }
}

fn sql(files: &[TextFile]) -> impl Iterator<Item = &TextFile> {
    files.iter().filter(|file| file.path.starts_with("migrations/") && file.path.ends_with(".sql"))
}

/// Every file is `{auth,phi,clinical,every}/NNNN_what.{up,down}.sql`, and every up has its down.
pub fn migrations_come_in_pairs(files: &[TextFile]) -> Faults {
    let mut faults = Faults::new();
    let mut pairs: BTreeMap<&str, [bool; 2]> = BTreeMap::new();
    for file in sql(files) {
        match Name::of(&file.path) {
            Some(name) => pairs.entry(name.stem).or_default()[usize::from(name.up)] = true,
            None => {
                faults.push(format!("{} is not named <database>/NNNN_what.up.sql or .down.sql", file.path))
            }
        }
    }
    faults.extend(pairs.into_iter().filter_map(|(stem, [down, up])| match (down, up) {
        (true, true) => None,
        (false, _) => Some(format!("migrations/{stem}.down.sql is missing")),
        (true, false) => Some(format!("migrations/{stem}.up.sql is missing")),
    }));
    faults
}

/// Every up migration begins with a comment that says why it is.
pub fn migrations_say_why(files: &[TextFile]) -> Faults {
    sql(files)
        .filter(|file| file.path.ends_with(".up.sql"))
        .filter(|file| {
            let comment = file.text.lines().next().and_then(|line| line.strip_prefix("--"));
            comment.is_none_or(|comment| {
                comment.split_whitespace().count() < 3 || comment.contains(REASON_WANTED)
            })
        })
        .map(|file| format!("{} does not begin with a comment that says why", file.path))
        .collect()
}

/// No database has two migrations of one number, its own and those that all carry taken together.
pub fn versions_are_unique(files: &[TextFile]) -> Faults {
    let mut faults = BTreeSet::new();
    for database in FOLDERS {
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for name in sql(files).filter_map(|file| Name::of(&file.path)) {
            if !name.up || (name.folder != database && name.folder != EVERY) {
                continue;
            }
            if let Some(other) = seen.insert(name.version, name.stem) {
                faults.insert(format!("{other} and {} have one number", name.stem));
            }
        }
    }
    faults.into_iter().collect()
}

/// Where a new migration's comment waits for its reason.
const REASON_WANTED: &str = "SAY HERE WHY";

/// The two files of a new migration: its up and its down, with the next number that no database has taken yet.
///
/// # Errors
/// Where the folder is none of ours, or the words make no name.
pub fn new_pair(files: &[TextFile], folder: &str, what: &str) -> Result<[TextFile; 2], String> {
    if folder != EVERY && !FOLDERS.contains(&folder) {
        return Err(format!("{folder} is none of {}, {EVERY}", FOLDERS.join(", ")));
    }
    let words: Vec<String> = what
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let name = words.join("_");
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err(format!("{what:?} makes no name: it must begin with a letter"));
    }
    // One number for all folders: what stands in `every` must be free in each database.
    let taken = sql(files).filter_map(|file| Name::of(&file.path)?.version.parse::<u32>().ok());
    let number = taken.max().unwrap_or_default() + 1;
    let stem = format!("migrations/{folder}/{number:04}_{name}");
    let up = format!(
        "-- {REASON_WANTED}: what cannot be done, or goes wrong, without \"{}\".\n\n",
        words.join(" ")
    );
    let down = "-- What only the newer schema holds is lost.\n\n".to_owned();
    Ok([
        TextFile { path: format!("{stem}.up.sql"), text: up },
        TextFile { path: format!("{stem}.down.sql"), text: down },
    ])
}

/// The SHA-256 of a text, as lowercase hexadecimal digits.
pub fn fingerprint(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// W8: every merged migration is unchanged, and every migration is listed. `frozen` is the text of
/// [`FROZEN`].
pub fn merged_migrations_are_unchanged(files: &[TextFile], frozen: &str) -> Faults {
    let mut faults = Faults::new();
    let mut listed = BTreeSet::new();
    for line in frozen.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let Some((expected, path)) = line.split_once("  ") else {
            faults.push(format!("{FROZEN} has a line that is no fingerprint and path: {line}"));
            continue;
        };
        let path = format!("migrations/{path}");
        match sql(files).find(|file| file.path == path) {
            None => faults.push(format!("{path} is merged and has vanished")),
            Some(file) if fingerprint(&file.text) != expected => {
                faults
                    .push(format!("{path} is merged and has changed: restore it and write a new migration"));
            }
            Some(_) => {}
        }
        if !listed.insert(path.clone()) {
            faults.push(format!("{path} is listed twice"));
        }
    }
    let unlisted = sql(files).filter(|file| !listed.contains(&file.path));
    faults.extend(
        unlisted.map(|file| format!("{} is not listed in {FROZEN}: run `just migrate-freeze`", file.path)),
    );
    faults
}

/// The text of [`FROZEN`] with all migrations that it does not list yet added at its end. What it lists stays
/// as it is, changed or not: a migration that was listed but never merged is listed anew by deleting its line
/// first.
pub fn freeze(files: &[TextFile], frozen: &str) -> String {
    let mut text = frozen.to_owned();
    for file in sql(files) {
        let path = file.path.trim_start_matches("migrations/");
        if !frozen.lines().any(|line| line.split_once("  ").is_some_and(|(_, listed)| listed == path)) {
            text += &format!("{}  {path}\n", fingerprint(&file.text));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: format!("migrations/{path}"), text: text.to_owned() }
    }

    fn pair(stem: &str) -> [TextFile; 2] {
        [file(&format!("{stem}.up.sql"), "-- Because it must be."), file(&format!("{stem}.down.sql"), "")]
    }

    #[test]
    fn a_fingerprint_is_what_sha256sum_prints() {
        assert_eq!(fingerprint("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_migration_without_its_other_half_is_seen() {
        let [up, down] = pair("phi/0007_bed");
        assert!(migrations_come_in_pairs(&[up.clone(), down.clone()]).is_empty());
        assert_eq!(migrations_come_in_pairs(&[up]), ["migrations/phi/0007_bed.down.sql is missing"]);
        assert_eq!(migrations_come_in_pairs(&[down]), ["migrations/phi/0007_bed.up.sql is missing"]);
    }

    #[test]
    fn a_badly_named_migration_is_seen() {
        for path in [
            "phi/7_bed.up.sql",
            "phi/0007.up.sql",
            "phi/0007_bed.sql",
            "bed/0007_bed.up.sql",
            "0007_bed.up.sql",
        ] {
            assert_eq!(migrations_come_in_pairs(&[file(path, "")]).len(), 1, "{path}");
        }
    }

    #[test]
    fn a_migration_without_a_reason_is_seen() {
        for text in ["create table x ();", "\n-- Because it must be.", "--", "-- todo"] {
            assert_eq!(migrations_say_why(&[file("phi/0007_bed.up.sql", text)]).len(), 1, "{text}");
        }
        assert!(migrations_say_why(&pair("phi/0007_bed")).is_empty());
    }

    #[test]
    fn a_new_migration_is_a_pair_with_a_free_number_that_waits_for_its_reason() {
        let files = [pair("phi/0007_bed"), pair("every/0011_ward"), pair("auth/0002_x")].concat();
        let [up, down] = new_pair(&files, "phi", "Add consent (GDPR)").unwrap();
        assert_eq!(up.path, "migrations/phi/0012_add_consent_gdpr.up.sql");
        assert_eq!(down.path, "migrations/phi/0012_add_consent_gdpr.down.sql");
        let all = [files, vec![up, down]].concat();
        assert!(migrations_come_in_pairs(&all).is_empty() && versions_are_unique(&all).is_empty());
        assert_eq!(migrations_say_why(&all).len(), 1, "until somebody writes the reason");
        for (folder, what) in [("billing", "add x"), ("phi", ""), ("phi", "1st"), ("../phi", "x")] {
            assert!(new_pair(&all, folder, what).is_err(), "{folder} {what}");
        }
    }

    #[test]
    fn two_migrations_of_one_number_are_seen() {
        let both = |one, two| versions_are_unique(&[pair(one), pair(two)].concat()).len();
        assert_eq!(both("phi/0007_bed", "phi/0007_ward"), 1);
        assert_eq!(both("phi/0007_bed", "every/0007_ward"), 1);
        assert_eq!(both("every/0007_bed", "every/0007_ward"), 1);
        assert_eq!(both("phi/0007_bed", "clinical/0007_ward"), 0);
        assert_eq!(both("phi/0007_bed", "phi/0008_ward"), 0);
    }

    #[test]
    fn a_changed_vanished_or_unlisted_migration_is_seen() {
        let files = pair("phi/0007_bed");
        let frozen = freeze(&files, "# merged migrations\n");
        assert!(merged_migrations_are_unchanged(&files, &frozen).is_empty());
        let [up, down] = files;
        let changed = TextFile { text: "-- Because it must be so.".to_owned(), ..up.clone() };
        assert_eq!(merged_migrations_are_unchanged(&[changed, down.clone()], &frozen).len(), 1);
        assert_eq!(merged_migrations_are_unchanged(std::slice::from_ref(&up), &frozen).len(), 1);
        assert_eq!(merged_migrations_are_unchanged(&[up, down], "").len(), 2);
    }

    #[test]
    fn freezing_adds_and_never_rewrites() {
        let files = pair("phi/0007_bed");
        let frozen = freeze(&files, "");
        let [up, down] = files;
        let changed = TextFile { text: "-- Something else altogether.".to_owned(), ..up };
        let files = [changed, down, file("phi/0008_ward.up.sql", "x")];
        let again = freeze(&files, &frozen);
        assert!(again.starts_with(&frozen) && again.lines().count() == 3);
        assert_eq!(merged_migrations_are_unchanged(&files, &again).len(), 1);
        assert_eq!(freeze(&files, &again), again);
    }

    #[test]
    fn a_broken_list_is_seen() {
        let files = pair("phi/0007_bed");
        let frozen = freeze(&files, "");
        assert_eq!(merged_migrations_are_unchanged(&files, &format!("{frozen}nonsense\n")).len(), 1);
        assert_eq!(merged_migrations_are_unchanged(&files, &frozen.repeat(2)).len(), 2);
    }
}
