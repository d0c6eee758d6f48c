//! What may stand in which source file.

use crate::Faults;
use crate::rust::{Parsed, parse};
use crate::workspace::{TextFile, Workspace};

/// A Rust source file of a crate.
#[derive(Clone, Debug)]
pub struct Source {
    /// The crate it belongs to.
    pub owner: String,
    /// Its path from the root.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Its text taken apart.
    pub parsed: Parsed,
    /// Whether another file declares it as a test module.
    pub declared_test: bool,
}

impl Source {
    /// A source file of `owner`.
    pub fn new(owner: &str, path: &str, text: &str) -> Source {
        Source {
            owner: owner.to_owned(),
            path: path.to_owned(),
            text: text.to_owned(),
            parsed: parse(text),
            declared_test: false,
        }
    }

    /// Whether it is part of the crate itself, rather than of its tests, benches, examples or build script.
    pub fn is_library(&self) -> bool {
        self.path.contains("/src/") && !self.declared_test
    }

    /// Whether it is the root of a library or program.
    fn is_root(&self) -> bool {
        self.path.ends_with("/src/lib.rs") || self.path.ends_with("/src/main.rs")
    }
}

/// The Rust sources among the files, with their crates. Files of `#[cfg(test)] mod name;` are marked.
pub fn sources(workspace: &Workspace, files: &[TextFile]) -> Vec<Source> {
    let rust = files.iter().filter(|file| file.path.ends_with(".rs"));
    let mut sources: Vec<Source> = rust
        .filter_map(|file| {
            let owner = workspace
                .crates
                .iter()
                .find(|member| file.path.starts_with(&format!("{}/", member.folder)))?;
            Some(Source::new(&owner.name, &file.path, &file.text))
        })
        .collect();
    mark_tests(&mut sources);
    sources
}

fn mark_tests(sources: &mut [Source]) {
    let declared: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            let folder = match source.is_root() {
                true => source.path.trim_end_matches("lib.rs").trim_end_matches("main.rs").to_owned(),
                false => format!("{}/", source.path.trim_end_matches(".rs")),
            };
            source.parsed.test_modules.iter().map(move |module| format!("{folder}{module}"))
        })
        .collect();
    for source in sources {
        source.declared_test = declared.iter().any(|module| {
            source.path == format!("{module}.rs") || source.path.starts_with(&format!("{module}/"))
        });
    }
}

/// The crates that may begin and end transactions: `store` for the server, `cluster` to migrate,
/// `test-support`.
const TRANSACTION_CRATES: [&str; 3] = ["store", "cluster", "test-support"];

/// W5: only `store` begins or commits (`cluster` and `test-support` for their own ends). Looked for are calls
/// of `.begin(` and its kin, and literals that are transaction statements. The bare words `begin`, `commit`
/// and `rollback` count only where sqlx is at hand: elsewhere they are names of things.
pub fn only_the_store_begins_or_commits(workspace: &Workspace, sources: &[Source]) -> Faults {
    let mut faults = Faults::new();
    let judged = sources
        .iter()
        .filter(|source| source.is_library() && !TRANSACTION_CRATES.contains(&source.owner.as_str()));
    for source in judged {
        let speaks_sql =
            workspace.crates.iter().any(|member| member.name == source.owner && member.names("sqlx"));
        for window in source.parsed.tokens.windows(3) {
            let [dot, name, parenthesis] = window else { continue };
            let begins = ["begin", "begin_with", "begin_transaction"].contains(&name.text.as_str());
            if begins && dot.text == "." && parenthesis.text == "(" {
                faults.push(format!("{}:{} calls .{}(", source.path, name.line, name.text));
            }
        }
        for literal in
            source.parsed.literals.iter().filter(|literal| is_transaction_sql(&literal.text, speaks_sql))
        {
            faults.push(format!(
                "{}:{} holds transaction SQL: {}",
                source.path,
                literal.line,
                literal.text.trim()
            ));
        }
    }
    faults
}

/// Whether a statement in the text begins or ends a transaction; `bare` also counts a lone keyword.
fn is_transaction_sql(text: &str, bare: bool) -> bool {
    text.split(';').any(|statement| {
        let statement = statement.to_ascii_lowercase();
        let mut words = statement.split_whitespace();
        let second_of = |allowed: &[&str], second: Option<&str>| match second {
            None => bare,
            Some(word) => allowed.iter().any(|allowed| word.trim_end_matches(',') == *allowed),
        };
        let (first, second) = (words.next(), words.next());
        match first {
            Some("begin") => second_of(&["transaction", "work", "isolation", "read", "deferrable"], second),
            Some("commit" | "rollback" | "abort") => {
                second_of(&["transaction", "work", "prepared", "to", "and"], second)
            }
            Some("start" | "prepare" | "set") => second == Some("transaction"),
            Some("savepoint") => second.is_some() && words.next().is_none() && bare,
            Some("release") => second == Some("savepoint"),
            _ => false,
        }
    })
}

/// A file that may do what others may not, and why.
pub type Exemption = (&'static str, &'static str);

/// Where SQL may be put together at run time.
pub const RUN_TIME_SQL: &[Exemption] = &[
    ("crates/store/src/sql.rs", "the commit protocol: PREPARE TRANSACTION takes no parameters"),
    (
        "crates/db-record/src/search.rs",
        "runs what the compiler beside it made of a typed plan, every value bound",
    ),
    (
        "crates/store/src/baseline.rs",
        "measures what that compiler made, and the commit protocol's own statements, without a server",
    ),
];

/// SQL that is not checked at compile time stands only in the files listed; `cluster` and `test-support`,
/// which have no checked queries at all because they make the databases that queries are checked against, are
/// free.
pub fn run_time_sql_stands_where_it_is_listed(sources: &[Source], listed: &[Exemption]) -> Faults {
    let uses =
        |source: &Source| source.parsed.tokens.iter().find(|token| token.text == "AssertSqlSafe").cloned();
    let free = |source: &Source| ["cluster", "test-support"].contains(&source.owner.as_str());
    let mut faults: Faults = sources
        .iter()
        .filter(|source| source.is_library() && !free(source))
        .filter(|source| !listed.iter().any(|(path, _)| *path == source.path))
        .filter_map(|source| {
            uses(source).map(|token| format!("{}:{} uses AssertSqlSafe", source.path, token.line))
        })
        .collect();
    for (path, _) in listed {
        if !sources.iter().any(|source| source.path == *path && uses(source).is_some()) {
            faults.push(format!("{path} is listed for run-time SQL and has none"));
        }
    }
    faults
}

/// Every crate's root begins with a `//!` that says what the crate is.
pub fn every_crate_says_what_it_is(sources: &[Source]) -> Faults {
    sources
        .iter()
        .filter(|source| source.is_root())
        .filter(|source| {
            let doc = source.text.lines().next().and_then(|line| line.strip_prefix("//! "));
            doc.is_none_or(|doc| doc.split_whitespace().count() < 3)
        })
        .map(|source| format!("{} does not begin with a `//!` sentence", source.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::{Crate, Dependency, Kind};

    fn workspace() -> Workspace {
        let sqlx =
            Dependency { name: "sqlx".to_owned(), kind: Kind::Normal, optional: false, internal: false };
        let member = |name: &str, dependencies| Crate {
            name: name.to_owned(),
            folder: format!("crates/{name}"),
            dependencies,
            ..Crate::default()
        };
        let crates = vec![
            member("db-phi", vec![sqlx.clone()]),
            member("store", vec![sqlx]),
            member("coordinator", Vec::new()),
        ];
        Workspace { root: "/".into(), crates, tests_everything: true }
    }

    fn begun(owner: &str, text: &str) -> usize {
        let source = Source::new(owner, &format!("crates/{owner}/src/a.rs"), text);
        only_the_store_begins_or_commits(&workspace(), &[source]).len()
    }

    #[test]
    fn a_transaction_outside_of_the_store_is_seen() {
        for text in [
            "fn f() { pool.begin().await }",
            "fn f() { pool\n    .begin_with(\"x\") }",
            "const S: &str = \"begin transaction isolation level serializable\";",
            "const S: &str = \"BEGIN ISOLATION LEVEL REPEATABLE READ\";",
            "const S: &str = \"start transaction\";",
            "const S: &str = \"update x set y = 1; COMMIT WORK\";",
            "const S: &str = \"rollback to a\";",
            "const S: &str = r#\"prepare transaction 'x'\"#;",
            "const S: &str = \"commit prepared 'x'\";",
            "const S: &str = \"set transaction read only\";",
        ] {
            assert_eq!(begun("db-phi", text), 1, "{text}");
            assert_eq!(begun("coordinator", text), 1, "{text}");
            assert_eq!(begun("store", text), 0, "{text}");
        }
        for text in
            ["const S: &str = \"begin\";", "const S: &str = \"COMMIT;\";", "const S: &str = \"savepoint a\";"]
        {
            assert_eq!((begun("db-phi", text), begun("coordinator", text)), (1, 0), "{text}");
        }
    }

    #[test]
    fn what_only_sounds_like_a_transaction_is_not_seen() {
        for text in [
            "fn begin() {} fn f() { begin() }",
            "const S: &str = \"commit failed\";",
            "const S: &str = \"begin with the patient\";",
            "// pool.begin()",
            "#[cfg(test)] mod tests { fn f() { pool.begin() } }",
        ] {
            assert_eq!(begun("db-phi", text), 0, "{text}");
        }
    }

    #[test]
    fn unlisted_run_time_sql_and_stale_listings_are_seen() {
        let check = run_time_sql_stands_where_it_is_listed;
        let source =
            |owner| Source::new(owner, &format!("crates/{owner}/src/a.rs"), "use sqlx::AssertSqlSafe;");
        assert_eq!(check(&[source("db-phi")], &[]), ["crates/db-phi/src/a.rs:1 uses AssertSqlSafe"]);
        assert!(check(&[source("db-phi")], &[("crates/db-phi/src/a.rs", "reason")]).is_empty());
        assert!(check(&[source("cluster")], &[]).is_empty());
        let stale = check(&[], &[("crates/db-phi/src/b.rs", "reason")]);
        assert_eq!(stale, ["crates/db-phi/src/b.rs is listed for run-time SQL and has none"]);
    }

    #[test]
    fn a_crate_without_a_word_about_itself_is_seen() {
        for text in ["", "use a;", "//! placeholder", "// The words that others share.", "//!"] {
            assert_eq!(
                every_crate_says_what_it_is(&[Source::new("a", "crates/a/src/lib.rs", text)]).len(),
                1,
                "{text}"
            );
        }
        let good = Source::new("a", "crates/a/src/main.rs", "//! The program that serves.\n");
        assert!(every_crate_says_what_it_is(&[good]).is_empty());
    }

    #[test]
    fn files_of_test_modules_are_tests() {
        let text = "fn f() { pool.begin() }";
        let mut sources = [
            Source::new("db-phi", "crates/db-phi/src/lib.rs", "#[cfg(test)]\nmod fixture;\nmod real;"),
            Source::new("db-phi", "crates/db-phi/src/fixture.rs", text),
            Source::new("db-phi", "crates/db-phi/src/real.rs", &format!("#[cfg(test)]\nmod cases;\n{text}")),
            Source::new("db-phi", "crates/db-phi/src/real/cases.rs", text),
            Source::new("db-phi", "crates/db-phi/src/cases.rs", text),
        ];
        mark_tests(&mut sources);
        let faults = only_the_store_begins_or_commits(&workspace(), &sources);
        let expected =
            ["crates/db-phi/src/real.rs:3 calls .begin(", "crates/db-phi/src/cases.rs:1 calls .begin("];
        assert_eq!(faults, expected);
    }
}
