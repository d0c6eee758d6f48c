//! Who may depend on whom.

use crate::Faults;
use crate::rust::paths;
use crate::sources::Source;
use crate::workspace::{Crate, Kind};

/// The floors: each crate with the crates of the workspace that it may link. What is not listed is forbidden,
/// and a crate that is not listed must first be given its place here.
pub const FLOORS: &[(&str, &[&str])] = &[
    ("kernel", &[]),
    ("coordinator", &["kernel"]),
    ("demo", &[]),
    ("fhir", &["kernel"]),
    ("identity", &["kernel"]),
    ("openehr", &["kernel"]),
    ("seal", &["kernel"]),
    ("domain", &["fhir", "kernel", "openehr"]),
    ("services", &["domain", "fhir", "identity", "kernel", "openehr", "seal"]),
    ("db-record", &["domain", "fhir", "kernel", "seal"]),
    ("db-auth", &["db-record", "domain", "kernel"]),
    ("db-phi", &["db-record", "domain", "fhir", "kernel", "seal"]),
    ("db-clinical", &["db-record", "domain", "kernel"]),
    (
        "store",
        &["coordinator", "db-auth", "db-clinical", "db-phi", "db-record", "domain", "fhir", "kernel", "seal"],
    ),
    ("cluster", &["kernel"]),
    ("api", &["domain", "fhir", "identity", "kernel", "openehr", "seal", "services", "store"]),
    (
        "server",
        &[
            "api", "cluster", "demo", "domain", "fhir", "identity", "kernel", "openehr", "seal", "services",
            "store",
        ],
    ),
    (
        "test-support",
        &["api", "cluster", "domain", "fhir", "identity", "kernel", "seal", "services", "store"],
    ),
    ("tidy", &[]),
];

/// The crates that compute and do nothing else.
pub const PURE: [&str; 8] =
    ["kernel", "domain", "fhir", "openehr", "coordinator", "seal", "identity", "demo"];

/// What reaches outside of the process. `std::env` is among them: configuration is parsed once, in `server`.
const OUTSIDE_PATHS: [&str; 8] =
    ["std::fs", "std::net", "std::process", "std::env", "std::os", "tokio", "sqlx", "nix"];
/// Below [`OUTSIDE_PATHS`], but plain values.
const VALUE_PATHS: [&str; 6] = [
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::SocketAddr",
    "std::net::SocketAddrV4",
    "std::net::SocketAddrV6",
];
const OUTSIDE_CRATES: [&str; 11] = [
    "tokio",
    "tokio-util",
    "sqlx",
    "nix",
    "axum",
    "hyper",
    "hyper-util",
    "tower",
    "tower-http",
    "tempfile",
    "reqwest",
];
const HTTP_CRATES: [&str; 8] =
    ["axum", "hyper", "hyper-util", "http", "http-body-util", "tower", "tower-http", "reqwest"];

/// W1: only the database crates, `store`, `cluster` and `test-support` name sqlx; `kernel` may behind a
/// feature.
pub fn only_database_crates_name_sqlx(crates: &[Crate]) -> Faults {
    let allowed =
        |name: &str| name.starts_with("db-") || ["store", "cluster", "test-support"].contains(&name);
    crates
        .iter()
        .filter(|member| !allowed(&member.name))
        .flat_map(|member| member.dependencies.iter().map(move |dependency| (member, dependency)))
        .filter(|(member, dependency)| {
            let sqlx = dependency.name == "sqlx" || dependency.name.starts_with("sqlx-");
            sqlx && !(member.name == "kernel" && dependency.optional)
        })
        .map(|(member, _)| format!("{} names sqlx", member.name))
        .collect()
}

/// W2: a database crate may use `db-record`, never another database's crate: no code sees two databases.
pub fn database_crates_ignore_each_other(crates: &[Crate]) -> Faults {
    crates
        .iter()
        .filter(|member| member.name.starts_with("db-"))
        .flat_map(|member| {
            member
                .dependencies
                .iter()
                .filter(|dependency| dependency.name.starts_with("db-") && dependency.name != "db-record")
                .map(move |dependency| format!("{} names {}", member.name, dependency.name))
        })
        .collect()
}

/// W3: only `api` and `server` name axum.
pub fn only_the_edge_names_axum(crates: &[Crate]) -> Faults {
    crates
        .iter()
        .filter(|member| !["api", "server"].contains(&member.name.as_str()) && member.names("axum"))
        .map(|member| format!("{} names axum", member.name))
        .collect()
}

/// W4, first half: no pure crate links anything that reaches outside of the process. Their tests may.
pub fn pure_crates_link_nothing_that_reaches_outside(crates: &[Crate]) -> Faults {
    crates
        .iter()
        .filter(|member| PURE.contains(&member.name.as_str()))
        .flat_map(|member| {
            member
                .dependencies
                .iter()
                .filter(|dependency| dependency.kind == Kind::Normal)
                .filter(|dependency| OUTSIDE_CRATES.contains(&dependency.name.as_str()))
                .filter(|dependency| {
                    !(member.name == "kernel" && dependency.name == "sqlx" && dependency.optional)
                })
                .map(move |dependency| format!("{} links {}", member.name, dependency.name))
        })
        .collect()
}

/// W4, second half: no source of a pure crate names files, sockets, processes or the environment, outside of
/// tests.
pub fn pure_crates_name_nothing_outside(sources: &[Source]) -> Faults {
    let pure = sources.iter().filter(|source| PURE.contains(&source.owner.as_str()) && source.is_library());
    pure.flat_map(|source| {
        paths(&source.parsed.tokens)
            .into_iter()
            .filter(|path| OUTSIDE_PATHS.iter().any(|outside| begins(&path.text, outside)))
            .filter(|path| !VALUE_PATHS.iter().any(|value| begins(&path.text, value)))
            .map(move |path| format!("{}:{} names {}", source.path, path.line, path.text))
    })
    .collect()
}

/// W6: services see neither SQL nor HTTP: they link no database, no driver, no web framework, and not the
/// edge.
pub fn services_see_neither_sql_nor_http(crates: &[Crate]) -> Faults {
    let forbidden = |name: &str| {
        HTTP_CRATES.contains(&name)
            || name.starts_with("sqlx")
            || name.starts_with("db-")
            || ["store", "api", "cluster", "server"].contains(&name)
    };
    crates
        .iter()
        .filter(|member| member.name == "services")
        .flat_map(|member| member.dependencies.iter())
        .filter(|dependency| dependency.kind == Kind::Normal && forbidden(&dependency.name))
        .map(|dependency| format!("services links {}", dependency.name))
        .collect()
}

/// Every crate links only crates of the floors below it, as [`FLOORS`] says.
pub fn crates_link_only_what_is_below_them(crates: &[Crate]) -> Faults {
    let mut faults = Faults::new();
    for member in crates {
        let Some((_, below)) = FLOORS.iter().find(|(name, _)| *name == member.name) else {
            faults.push(format!("{} has no place in tidy::floors::FLOORS", member.name));
            continue;
        };
        let internal = member
            .dependencies
            .iter()
            .filter(|dependency| dependency.internal && dependency.kind == Kind::Normal);
        for dependency in internal.filter(|dependency| !below.contains(&dependency.name.as_str())) {
            faults.push(format!("{} links {}", member.name, dependency.name));
        }
    }
    faults
}

/// `test-support` is linked into tests and nothing else.
pub fn test_support_is_for_tests(crates: &[Crate]) -> Faults {
    crates
        .iter()
        .filter(|member| {
            let support = |name: &str| name == "test-support" || name == "tidy";
            member
                .dependencies
                .iter()
                .any(|dependency| support(&dependency.name) && dependency.kind != Kind::Test)
        })
        .map(|member| format!("{} links test-support or tidy outside of its tests", member.name))
        .collect()
}

/// `cargo run` must find one program without being told which.
pub fn cargo_run_finds_one_program(crates: &[Crate]) -> Faults {
    let programs = crates.iter().filter(|member| member.has_program).count();
    let preferred = crates.iter().filter(|member| member.default_run.is_some()).count();
    match (programs, preferred) {
        (1, _) | (_, 1) => Faults::new(),
        _ => vec![format!("{programs} crates have programs, {preferred} of them say which cargo run means")],
    }
}

/// Whether `path` is `prefix` or lies below it.
fn begins(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn member(name: &str, dependencies: &[(&str, Kind)]) -> Crate {
        let dependency = |&(name, kind): &(&str, Kind)| Dependency {
            name: name.to_owned(),
            kind,
            optional: false,
            internal: FLOORS.iter().any(|(floor, _)| *floor == name),
        };
        let dependencies = dependencies.iter().map(dependency).collect();
        Crate { name: name.to_owned(), folder: format!("crates/{name}"), dependencies, ..Crate::default() }
    }

    fn one(name: &str, dependency: &str, kind: Kind) -> [Crate; 1] {
        [member(name, &[(dependency, kind)])]
    }

    #[test]
    fn sqlx_is_seen_in_the_wrong_crate() {
        for kind in [Kind::Normal, Kind::Build, Kind::Test] {
            assert_eq!(only_database_crates_name_sqlx(&one("api", "sqlx", kind)), ["api names sqlx"]);
        }
        assert_eq!(only_database_crates_name_sqlx(&one("api", "sqlx-core", Kind::Normal)).len(), 1);
        assert_eq!(only_database_crates_name_sqlx(&one("kernel", "sqlx", Kind::Normal)).len(), 1);
        let mut kernel = one("kernel", "sqlx", Kind::Normal);
        kernel[0].dependencies[0].optional = true;
        assert!(only_database_crates_name_sqlx(&kernel).is_empty());
        for allowed in ["db-phi", "store", "cluster", "test-support"] {
            assert!(only_database_crates_name_sqlx(&one(allowed, "sqlx", Kind::Normal)).is_empty());
        }
    }

    #[test]
    fn one_database_in_anothers_crate_is_seen() {
        let faults = database_crates_ignore_each_other(&one("db-phi", "db-clinical", Kind::Test));
        assert_eq!(faults, ["db-phi names db-clinical"]);
        assert!(database_crates_ignore_each_other(&one("db-phi", "db-record", Kind::Normal)).is_empty());
        assert_eq!(database_crates_ignore_each_other(&one("db-record", "db-phi", Kind::Normal)).len(), 1);
    }

    #[test]
    fn axum_is_seen_in_the_wrong_crate() {
        assert_eq!(only_the_edge_names_axum(&one("store", "axum", Kind::Normal)), ["store names axum"]);
        assert!(only_the_edge_names_axum(&one("api", "axum", Kind::Normal)).is_empty());
    }

    #[test]
    fn an_outward_crate_is_seen_in_a_pure_one() {
        let check = pure_crates_link_nothing_that_reaches_outside;
        for name in OUTSIDE_CRATES {
            assert_eq!(check(&one("seal", name, Kind::Normal)), [format!("seal links {name}")]);
        }
        assert!(check(&one("seal", "tokio", Kind::Test)).is_empty());
        assert!(check(&one("store", "tokio", Kind::Normal)).is_empty());
    }

    #[test]
    fn outward_paths_are_seen_in_a_pure_source() {
        let seen = |path: &str, text: &str| {
            pure_crates_name_nothing_outside(&[Source::new("fhir", path, text)]).len()
        };
        for text in [
            "fn f() { std::fs::read(p) }",
            "use std::fs;",
            "use std::{fmt, fs as files};",
            "use std::{fmt, net::{IpAddr, TcpStream}};",
            "use std::net;",
            "use tokio::sync::Mutex;",
            "fn f() { tokio :: spawn(g()) }",
            "fn f() { std::env::var(\"X\") }",
            "fn f() { ::std::process::exit(1) }",
        ] {
            assert!(seen("crates/fhir/src/a.rs", text) >= 1, "{text}");
            assert_eq!(seen("crates/fhir/tests/a.rs", text), 0);
            assert_eq!(seen("crates/fhir/build.rs", text), 0);
            assert_eq!(seen("crates/fhir/src/a.rs", &format!("#[cfg(test)]\nmod tests {{ {text} }}")), 0);
        }
        for text in
            ["// std::fs", "use std::fmt;", "fn f() { \"tokio::spawn\" }", "use std::fscanf;", "env!(\"X\")"]
        {
            assert_eq!(seen("crates/fhir/src/a.rs", text), 0, "{text}");
        }
    }

    #[test]
    fn sql_and_http_are_seen_in_services() {
        for name in ["sqlx", "db-record", "store", "axum", "http", "hyper", "api"] {
            let faults = services_see_neither_sql_nor_http(&one("services", name, Kind::Normal));
            assert_eq!(faults, [format!("services links {name}")]);
        }
        assert!(services_see_neither_sql_nor_http(&one("services", "domain", Kind::Normal)).is_empty());
        assert!(services_see_neither_sql_nor_http(&one("services", "store", Kind::Test)).is_empty());
    }

    #[test]
    fn a_step_upstairs_and_a_homeless_crate_are_seen() {
        let check = crates_link_only_what_is_below_them;
        assert_eq!(check(&one("domain", "services", Kind::Normal)), ["domain links services"]);
        assert_eq!(
            check(&one("attic", "kernel", Kind::Normal)),
            ["attic has no place in tidy::floors::FLOORS"]
        );
        assert!(check(&one("domain", "kernel", Kind::Normal)).is_empty());
        assert!(check(&one("domain", "services", Kind::Test)).is_empty());
    }

    #[test]
    fn the_floors_have_no_circle() {
        let mut built: Vec<&str> = Vec::new();
        while built.len() < FLOORS.len() {
            let next = FLOORS.iter().find(|(name, below)| {
                !built.contains(name) && below.iter().all(|crate_below| built.contains(crate_below))
            });
            let (name, _) = next.expect("every remaining crate waits for another");
            built.push(name);
        }
    }

    #[test]
    fn test_support_in_the_product_is_seen() {
        assert_eq!(test_support_is_for_tests(&one("server", "test-support", Kind::Normal)).len(), 1);
        assert!(test_support_is_for_tests(&one("server", "test-support", Kind::Test)).is_empty());
    }

    #[test]
    fn a_second_program_without_a_preference_is_seen() {
        let program = |name: &str| Crate { has_program: true, ..member(name, &[]) };
        assert!(cargo_run_finds_one_program(&[program("server")]).is_empty());
        assert_eq!(cargo_run_finds_one_program(&[program("server"), program("other")]).len(), 1);
        assert_eq!(cargo_run_finds_one_program(&[]).len(), 1);
        let preferred = Crate { default_run: Some("salus".to_owned()), ..program("server") };
        assert!(cargo_run_finds_one_program(&[preferred, program("other")]).is_empty());
    }
}
