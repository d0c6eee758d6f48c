//! Databases that somebody else runs: three servers with TLS, set up by exactly what `salus doctor --sql` prints.

use std::process::Output;

use axum::http::StatusCode;
use kernel::Database;
use nix::sys::signal::Signal;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::{Value, json};
use test_support::sqlx::{self, AssertSqlSafe, ConnectOptions, Connection, raw_sql};
use test_support::{TestFolder, TestServer};

use crate::salus::Salus;

/// An authority, and a certificate for localhost that it signed.
fn authority() -> (String, String, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // A name of its own: libpq takes a certificate that bears its issuer's name for one that signed itself.
    params.distinguished_name.push(DnType::CommonName, "an authority");
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    (authority.pem(), certificate.pem(), key.serialize_pem())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn password(role: &str, database: Database) -> String {
    format!("{role} of {database} with ' and @")
}

/// The statements of a script for psql, each with the database that it is for.
fn statements(script: &str) -> Vec<(String, String)> {
    let (mut all, mut database, mut statement) = (Vec::new(), "postgres".to_owned(), String::new());
    for line in script.lines().filter(|line| !line.starts_with("--") && !line.trim().is_empty()) {
        if let Some(name) = line.strip_prefix("\\connect ") {
            database = name.trim_matches('"').to_owned();
            continue;
        }
        statement.push_str(line);
        statement.push('\n');
        if line.ends_with(';') && statement.matches("$$").count() % 2 == 0 {
            all.push((database.clone(), std::mem::take(&mut statement)));
        }
    }
    assert!(statement.is_empty(), "{statement}");
    all
}

/// Runs what the doctor printed for one database, with its passwords filled in.
async fn set_up(server: &TestServer, script: &str, database: Database) {
    for (name, statement) in statements(script) {
        let mut statement = statement;
        for role in ["salus_app", "salus_owner", "salus_backup"] {
            let given = password(role, database).replace('\'', "''");
            statement = statement.replace(&format!("<password of {role}>"), &given);
        }
        let mut connection = server.superuser(&name).connect().await.unwrap();
        let ran = raw_sql(AssertSqlSafe(statement.clone())).execute(&mut connection).await;
        ran.unwrap_or_else(|error| panic!("{statement}: {error}"));
        connection.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_of_somebody_else_are_set_up_by_the_doctor_and_served_over_verified_tls() {
    let folder = TestFolder::create();
    let (trusted, certificate, key) = authority();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, trusted).unwrap();
    let servers =
        Database::ALL.map(|database| TestServer::start(&folder, database.name(), &certificate, &key));
    let mut salus = Salus::new();
    for (database, server) in Database::ALL.into_iter().zip(&servers) {
        let [url, ..] = VARIABLES[database.index()];
        let encoded = password("salus_app", database).replace(' ', "%20").replace('@', "%40");
        let place = format!("localhost:{}/{database}", server.port());
        let options = format!("sslmode=verify-full&sslrootcert={}", ca.display());
        salus.settings.push((url, format!("postgres://salus_app:{encoded}@{place}?{options}")));
    }
    salus.settings.push(("ENCRYPTION_KEY", "a secret of more than thirty-two characters".to_owned()));

    let script = salus.run(&["doctor", "--sql"]);
    assert!(script.status.success(), "{}", said(&script));
    let script = String::from_utf8(script.stdout).unwrap();
    assert!(!script.contains("with '"), "it prints a password");
    let starts = Database::ALL.map(|database| script.find(&format!("-- {database}: run as")).unwrap());
    for (at, server) in servers.iter().enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(script.len());
        set_up(server, &script[starts[at]..end], Database::ALL[at]).await;
        server.restart();
    }

    // Not yet migrated: every fault is named, and nothing is served.
    let refused = salus.run(&["serve"]);
    assert!(!refused.status.success());
    for database in Database::ALL {
        for line in ["has no identity: run the migrations", "lacks migrations 0001, 0002"] {
            assert!(said(&refused).contains(&format!("{database} {line}")), "{}", said(&refused));
        }
    }
    let refused = salus.run(&["migrate", "up"]);
    assert!(
        !refused.status.success() && said(&refused).contains("AUTH_DB_OWNER_PASSWORD"),
        "{}",
        said(&refused)
    );
    let kept = salus.settings.len();
    for database in Database::ALL {
        salus.settings.push((VARIABLES[database.index()][1], password("salus_owner", database)));
    }
    let migrated = salus.run(&["migrate", "up"]);
    assert!(migrated.status.success(), "{}", said(&migrated));
    salus.settings.truncate(kept);

    salus.settings.push(("SALUS_PUBLIC_URL", "https://salus.example.org/api/".to_owned()));
    salus.start();
    let client = salus.administrator().await;
    let id = client.create(json!({ "resourceType": "Patient", "name": [{ "family": "Tenfjord" }] })).await;
    let subject = json!({ "reference": format!("Patient/{id}") });
    client
        .create(json!({
            "resourceType": "Observation", "status": "final", "code": { "text": "pulse" }, "subject": subject,
        }))
        .await;
    let found = client.get("/fhir/R4/Patient?family=tenfjord").await;
    assert_eq!(found.status, StatusCode::OK);
    let link = format!("https://salus.example.org/api/fhir/R4/Patient/{id}");
    assert!(found.json()["entry"][0]["fullUrl"] == link.as_str(), "{found:?}");
    for (database, server) in Database::ALL.into_iter().zip(&servers) {
        let mut superuser = server.superuser(database.name()).connect().await.unwrap();
        let (all, bare): (i64, i64) = sqlx::query_as(
            "select count(*), count(*) filter (where not s.ssl) from pg_stat_activity a join pg_stat_ssl s using (pid)
             where a.usename = 'salus_app'",
        )
        .fetch_one(&mut superuser)
        .await
        .unwrap();
        assert!(all > 0 && bare == 0, "{database}: {bare} of {all} connections are bare");
    }

    let healthy = salus.run(&["doctor", "--json"]);
    let report: Value = serde_json::from_slice(&healthy.stdout).unwrap();
    let auth = &report["databases"][0];
    let faults: Vec<_> = auth["faults"].as_array().unwrap().iter().map(|it| it["fault"].clone()).collect();
    assert!(faults.is_empty() && healthy.status.success(), "{report:#}");
    assert!(
        auth["figures"]["size_bytes"].as_i64().unwrap() > 0 && auth["figures"]["in_doubt"] == 0,
        "{report:#}"
    );
    let people = said(&salus.run(&["doctor"]));
    assert!(people.contains("clinical: as it must be") && people.contains("salus request"), "{people}");
    // Backed up while it serves, by a login that the server never sees, over the same verified TLS.
    let to = folder.path().join("backups");
    let backup = ["backup", "--to", to.to_str().unwrap()];
    let refused = salus.run(&backup);
    assert!(
        !refused.status.success() && said(&refused).contains("AUTH_DB_BACKUP_PASSWORD"),
        "{}",
        said(&refused)
    );
    let kept = salus.settings.len();
    for database in Database::ALL {
        let [_, owner, backup] = VARIABLES[database.index()];
        salus.settings.push((owner, password("salus_owner", database)));
        salus.settings.push((backup, password("salus_backup", database)));
    }
    let taken = salus.run(&backup);
    assert!(taken.status.success(), "{}", said(&taken));
    let from = String::from_utf8(taken.stdout).unwrap().trim().to_owned();
    let later = client.create(json!({ "resourceType": "Patient", "active": true })).await;
    let in_use = salus.run(&["restore", &from, "--force", "--yes"]);
    assert!(said(&in_use).contains("auth is in use"), "{}", said(&in_use));
    assert!(salus.end(Signal::SIGTERM));
    let restored = salus.run(&["restore", &from, "--force", "--yes"]);
    assert!(restored.status.success(), "{}", said(&restored));
    salus.settings.truncate(kept);
    salus.start();
    let client = salus.administrator().await;
    assert_eq!(client.get(&format!("/fhir/R4/Patient/{id}")).await.status, StatusCode::OK);
    assert_eq!(client.get(&format!("/fhir/R4/Patient/{later}")).await.status, StatusCode::NOT_FOUND);
    assert!(salus.end(Signal::SIGTERM));

    // A server that somebody put in between, or that speaks no TLS, is not trusted with a password.
    let (other, _, _) = authority();
    std::fs::write(&ca, other).unwrap();
    let refused = salus.run(&["serve"]);
    assert!(!refused.status.success());
    for database in Database::ALL {
        let line = format!("{database} does not let the server in: TLS");
        assert!(said(&refused).contains(&line), "{}", said(&refused));
    }
    let mut superuser = servers[2].superuser("postgres").connect().await.unwrap();
    for sql in ["alter system set ssl = off", "select pg_reload_conf()"] {
        raw_sql(sql).execute(&mut superuser).await.unwrap();
    }
    let refused = said(&salus.run(&["serve"]));
    assert!(
        refused.contains("clinical does not let the server in: TLS: server does not support"),
        "{refused}"
    );
}

/// The variables of each database: its URL, the passwords of its owner and of whoever takes backups.
const VARIABLES: [[&str; 3]; 3] = [
    ["AUTH_DATABASE_URL", "AUTH_DB_OWNER_PASSWORD", "AUTH_DB_BACKUP_PASSWORD"],
    ["PHI_DATABASE_URL", "PHI_DB_OWNER_PASSWORD", "PHI_DB_BACKUP_PASSWORD"],
    ["CLINICAL_DATABASE_URL", "CLINICAL_DB_OWNER_PASSWORD", "CLINICAL_DB_BACKUP_PASSWORD"],
];
