//! `/metrics`, and the dashboard that is drawn from it.

use std::collections::BTreeSet;
use std::path::Path;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::client::Client;
use crate::salus::Salus;

/// The value of this line of the text.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_whoever_may_know_and_the_dashboard_asks_for_what_there_is() {
    let mut salus = Salus::new();
    let watched = format!("127.0.0.1:{}", free_port());
    salus.settings.push(("SALUS_METRICS_ADDR", watched.clone()));
    salus.settings.push(("SALUS_RATE_LIMIT", "on".to_owned()));
    salus.settings.push(("SALUS_RATE_LIMIT_LOGIN", "5".to_owned()));
    salus.start();
    let anybody = salus.client();
    assert_eq!(anybody.get("/metrics").await.status, StatusCode::UNAUTHORIZED);
    let client = salus.administrator().await;
    let patient = client.create(json!({ "resourceType": "Patient" })).await;
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": [
        { "resource": { "resourceType": "Patient" }, "request": { "method": "POST", "url": "Patient" } },
        { "resource": { "resourceType": "Basic", "code": { "text": "x" } },
          "request": { "method": "POST", "url": "Basic" } },
        { "resource": { "resourceType": "Organization", "name": "x" },
          "request": { "method": "POST", "url": "Organization" } },
    ] });
    assert_eq!(client.post("/fhir/R4", bundle.to_string()).await.status, StatusCode::OK);
    for _ in 0..3 {
        assert_eq!(client.get(&format!("/fhir/R4/Patient/{patient}")).await.status, StatusCode::OK);
    }
    for _ in 0..8 {
        client.log_in("nobody", "wrong password").await;
    }

    let answer = client.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    let reads = r#"{method="GET",route="/fhir/R4/{type}/{id}",status="200"}"#;
    assert_eq!(value(&text, &format!("http_requests_total{reads}")), 3.0);
    let seconds = r#"http_request_seconds_count{method="GET",route="/fhir/R4/{type}/{id}"}"#;
    assert_eq!(value(&text, seconds), 3.0);
    assert_eq!(value(&text, r#"db_statement_seconds_count{operation="record.read",db="phi"}"#), 3.0);
    assert!(value(&text, r#"db_statement_seconds_count{operation="record.write",db="phi"}"#) >= 2.0);
    for db in ["auth", "clinical"] {
        let series = format!("db_statement_seconds_count{{operation=\"record.write\",db=\"{db}\"}}");
        assert!(value(&text, &series) >= 1.0, "{db}: the Bundle wrote there");
    }
    assert!(value(&text, r#"operation_seconds_count{operation="record.write",outcome="done"}"#) >= 2.0);
    assert!(value(&text, r#"txn_commits_total{kind="paired"}"#) >= 1.0);
    assert!(value(&text, r#"txn_commits_total{kind="plain"}"#) >= 1.0);
    assert!(value(&text, r#"txn_decisions_total{verdict="commit",by="coordinator"}"#) >= 1.0);
    assert!(value(&text, r#"txn_phase_seconds_count{phase="prepare",db="phi"}"#) >= 1.0);
    assert!(value(&text, r#"audit_rows_total{db="phi",outcome="written"}"#) >= 3.0);
    assert!(value(&text, r#"http_rate_limited_total{limit="login"}"#) >= 4.0);
    for db in ["auth", "phi", "clinical"] {
        assert_eq!(value(&text, &format!("db_up{{db=\"{db}\"}}")), 1.0);
        assert_eq!(value(&text, &format!("txn_in_doubt{{db=\"{db}\"}}")), 0.0);
        assert!(value(&text, &format!("db_pool_connections_max{{db=\"{db}\"}}")) >= 5.0);
    }
    if cfg!(target_os = "linux") {
        assert!(value(&text, "process_resident_memory_bytes") > 1e6);
    }
    assert!(!text.contains(&patient), "no label comes from a path");
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(text.contains(&format!("# HELP {name} ")), "{name} is not explained");
    }

    let open = Client { address: watched.parse().unwrap(), token: None };
    let there = open.get("/metrics").await;
    assert_eq!(there.status, StatusCode::OK);
    assert!(there.body.starts_with(b"# HELP"));
    assert_eq!(
        open.get("/fhir/R4/metadata").await.status,
        StatusCode::NOT_FOUND,
        "nothing else is served there"
    );
    the_dashboard_asks_for_what_there_is(&text);
}

/// Every metric that the dashboard's queries name is one that the server gives.
fn the_dashboard_asks_for_what_there_is(text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/grafana/salus.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let given: BTreeSet<&str> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let mut asked = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().unwrap();
            let names: Vec<&str> = names(query).collect();
            assert!(!names.is_empty(), "{query}");
            for name in names {
                assert!(given.contains(name), "{}: there is no {name}", panel["title"]);
                asked += 1;
            }
        }
    }
    assert!(asked > 20, "{asked} metrics are drawn");
}

/// The metrics in a query: names outside of labels and of `by (...)` that are no function.
fn names(query: &str) -> impl Iterator<Item = &str> {
    let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut depth = 0;
    let mut words = Vec::new();
    let mut start = None;
    for (at, character) in query.char_indices().chain([(query.len(), ' ')]) {
        match (word(character), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                if depth == 0 {
                    words.push(&query[from..at]);
                }
                start = None;
            }
            _ => {}
        }
        match character {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
    }
    let label_or_function = [
        "sum",
        "by",
        "rate",
        "increase",
        "max",
        "min",
        "histogram_quantile",
        "le",
        "route",
        "db",
        "operation",
        "outcome",
        "phase",
        "status",
        "kind",
        "limit",
        "method",
        "verdict",
        "time",
        "clamp_min",
        "version",
    ];
    words.into_iter().filter(move |word| {
        !label_or_function.contains(word) && !word.starts_with(|first: char| first.is_ascii_digit())
    })
}
