//! What a thief of the three databases can read.

use std::collections::BTreeSet;
use std::process::Command;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::salus::Salus;

/// Words that must not be readable: every name, address, phone number and identifier of a patient, and every text and
/// display of a clinical record.
fn secrets(bundle: &Value, secrets: &mut BTreeSet<String>) {
    for entry in bundle["entry"].as_array().unwrap() {
        let resource = &entry["resource"];
        match resource["resourceType"].as_str().unwrap() {
            "Patient" => {
                for name in resource["name"].as_array().unwrap() {
                    secrets.extend(name["family"].as_str().map(str::to_owned));
                    secrets.extend(
                        name["given"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()),
                    );
                }
                for path in
                    ["/address/0/line/0", "/address/0/city", "/telecom/0/value", "/identifier/0/value"]
                {
                    secrets.extend(resource.pointer(path).and_then(Value::as_str).map(str::to_owned));
                }
            }
            "Condition" | "Observation" | "Procedure" => {
                for path in ["/code/text", "/code/coding/0/display"] {
                    secrets.extend(resource.pointer(path).and_then(Value::as_str).map(str::to_owned));
                }
            }
            _ => {}
        }
    }
}

/// The text of all three databases.
fn dump(salus: &Salus) -> String {
    let install = cluster::Install::find(None, None).unwrap();
    let mut text = String::new();
    for database in ["auth", "phi", "clinical"] {
        let data = salus.data_dir();
        let password = std::fs::read_to_string(data.join(format!("secrets/{database}-superuser"))).unwrap();
        let output = Command::new(install.bin.join("pg_dump"))
            .args(["--host", data.join("pg/sockets").join(database).to_str().unwrap()])
            .args(["--username", "salus_superuser", "--dbname", database, "--no-sync"])
            .env("PGPASSWORD", password.trim())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let dumped = String::from_utf8_lossy(&output.stdout);
        assert!(dumped.contains("COPY record.resource"), "the dump of {database} has the records");
        text.push_str(&dumped);
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_shows_no_name_and_no_finding() {
    let mut salus = Salus::new();
    salus.start();
    let client = salus.administrator().await;
    let sample =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../samples/first-record.json"))
            .unwrap();
    let mut bundles: Vec<Value> = vec![serde_json::from_str(&sample).unwrap()];
    if let Some(data) = test_support::test_data() {
        for folder in ["synthea/shared", "synthea/dev"] {
            let mut files: Vec<_> =
                std::fs::read_dir(data.join(folder)).unwrap().map(|it| it.unwrap().path()).collect();
            files.retain(|file| file.extension().is_some_and(|it| it == "gz"));
            files.sort();
            for file in files.iter().take(3) {
                let reader = flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap());
                bundles.push(serde_json::from_reader(reader).unwrap());
            }
        }
    }
    let mut words = BTreeSet::new();
    for bundle in &bundles {
        let answer = client.post("/fhir/R4", bundle.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
        secrets(bundle, &mut words);
    }
    // Searching for a name leaves it in the audit trail, sealed.
    let family =
        words.iter().find(|word| word.len() > 5 && word.chars().all(char::is_alphabetic)).unwrap().clone();
    assert_eq!(client.get(&format!("/fhir/R4/Patient?family={family}")).await.status, StatusCode::OK);
    let changed = json!({"resourceType": "Patient", "id": "p", "name": [{"family": "Zyxwvut"}]});
    for _ in 0..2 {
        client.put("/fhir/R4/Patient/p", changed.to_string()).await;
    }
    words.insert("Zyxwvut".to_owned());

    let dump = dump(&salus).to_lowercase();
    // Sealed bodies are dumped as hexadecimal digits, among which a short word of such letters stands by chance.
    words.retain(|word| word.len() >= 5 && !word.chars().all(|letter| letter.is_ascii_hexdigit()));
    let readable: Vec<&String> = words.iter().filter(|word| dump.contains(&word.to_lowercase())).collect();
    assert!(words.len() >= 10, "{words:?}");
    assert!(readable.is_empty(), "of {} words a dump shows {readable:?}", words.len());
}
