//! Tests: what `compose.dev.yml` and the `Dockerfile` say, beside what the program reads.
//!
//! The file is read by its indentation; its form as a whole is checked by whoever changes it, with a compose parser.

use std::collections::BTreeMap;

use super::variables;

const COMPOSE: &str = include_str!("../../../../compose.dev.yml");
const DOCKERFILE: &str = include_str!("../../../../Dockerfile");

/// The lines below a key, without the indentation that they share.
fn block(text: &str, key: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&format!("{key}:"))).skip(1);
    let inside = lines.by_ref().take_while(|line| line.is_empty() || line.starts_with(' '));
    inside.map(|line| line.strip_prefix("  ").unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The keys and values of a mapping's first level.
fn pairs(block: &str) -> BTreeMap<String, String> {
    let flat = block.lines().filter(|line| !line.starts_with([' ', '#', '-']));
    flat.filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.trim().trim_matches('"').to_owned()))
        .collect()
}

fn service(name: &str) -> String {
    block(&block(COMPOSE, "services"), name)
}

/// What a service of ours is given, with the places of the databases that all of them share.
fn environment(name: &str) -> BTreeMap<String, String> {
    let own = pairs(&block(&service(name), "environment"));
    assert_eq!(own.get("<<").map(String::as_str), Some("*places"), "{name}");
    let mut all = pairs(&block(COMPOSE, "x-places"));
    all.extend(own.into_iter().filter(|(key, _)| key != "<<"));
    all
}

#[test]
fn every_variable_in_the_containers_is_a_setting() {
    let known = |name: &str| variables().any(|variable| variable.name == name);
    for name in ["migrate", "server", "backup"] {
        for variable in environment(name).keys() {
            assert!(known(variable), "compose.dev.yml: {name}: {variable}");
        }
    }
    let mut in_image = 0;
    for word in DOCKERFILE.split_whitespace().filter(|word| word.starts_with("SALUS_")) {
        let name = word.split('=').next().unwrap();
        assert!(known(name), "Dockerfile: {name}");
        in_image += 1;
    }
    assert!(in_image >= 3, "the test reads the file");
}

#[test]
fn the_databases_have_their_limits_networks_and_passwords_to_themselves() {
    for (name, cpus, memory) in [("auth", "1", "1g"), ("phi", "2", "2g"), ("clinical", "2", "3g")] {
        let database = service(&format!("{name}-db"));
        let limits = pairs(&block(&block(&block(&database, "deploy"), "resources"), "limits"));
        assert_eq!((limits["cpus"].as_str(), limits["memory"].as_str()), (cpus, memory), "{name}");
        let pairs_of = pairs(&database);
        assert_eq!(pairs_of["networks"], format!("[{name}]"));
        assert_eq!(pairs_of["<<"], "*database");
        let network = block(&block(COMPOSE, "networks"), name);
        assert_eq!(pairs(&network)["internal"], "true", "{name}");
        let given = pairs(&block(&database, "environment"));
        assert_eq!(given["POSTGRES_DB"], name);
        for (variable, role) in [
            ("POSTGRES_PASSWORD", "SUPERUSER"),
            ("OWNER_PASSWORD", "OWNER"),
            ("APP_PASSWORD", "APP"),
            ("BACKUP_PASSWORD", "BACKUP"),
        ] {
            assert!(given[variable].starts_with(&format!("${{{}_{role}_PASSWORD:?", name.to_uppercase())));
        }
    }
    assert!(
        !block(COMPOSE, "x-database").contains("networks")
            && block(COMPOSE, "x-database").contains("healthcheck")
    );
}

#[test]
fn the_server_waits_for_health_runs_read_only_and_never_sees_an_owner() {
    let server = service("server");
    let waits = pairs(&block(&server, "depends_on"));
    for name in ["auth-db", "phi-db", "clinical-db"] {
        assert_eq!(waits[name], "{ condition: service_healthy }");
    }
    assert_eq!(waits["migrate"], "{ condition: service_completed_successfully }");
    let shared = pairs(&block(COMPOSE, "x-salus"));
    assert_eq!(shared["read_only"], "true");
    assert!(DOCKERFILE.contains("\nUSER 10001:10001\n"));
    for (variable, value) in environment("server") {
        assert!(!variable.contains("OWNER") && !value.contains("OWNER"), "{variable}");
        assert!(!variable.contains("BACKUP") && !value.contains("SUPERUSER"), "{variable}");
    }
    assert!(server.contains("\"127.0.0.1:8080:8080\""), "nobody else on the network reaches it");
}

#[test]
fn the_databases_in_containers_have_the_settings_that_the_server_asks_for() {
    let database = block(COMPOSE, "x-database");
    let slots = database.lines().find_map(|line| line.trim().strip_prefix("- max_prepared_transactions="));
    let slots: u32 = slots.unwrap().parse().unwrap();
    assert!(slots >= cluster::Options::new("x").max_prepared_transactions, "{slots}");
    for setting in
        ["fsync=on", "full_page_writes=on", "synchronous_commit=on", "client_connection_check_interval=500ms"]
    {
        assert!(database.contains(&format!("- {setting}\n")), "{setting}");
    }
}
