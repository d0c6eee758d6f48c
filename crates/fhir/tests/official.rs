//! The official examples and real Synthea bundles, where the test data is there: the folder that
//! `SALUS_TEST_DATA` names, else `../shared/data` beside the workspace.

// Clippy takes the helpers of an integration test for ordinary code.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use fhir::ResourceType;
use fhir::extract::{Extracted, Form, extract, further_code, system_code, terms};
use fhir::search::{Filter, Handling, TokenValue};
use serde_json::Value;

fn data(part: &str) -> Option<PathBuf> {
    let root = match std::env::var_os("SALUS_TEST_DATA") {
        Some(named) => PathBuf::from(named),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
    };
    let folder = root.join(part);
    if !folder.is_dir() {
        eprintln!("SKIPPED: no test data at {}; set SALUS_TEST_DATA", folder.display());
        return None;
    }
    Some(folder)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
    found.sort();
}

fn bytes(path: &Path) -> Vec<u8> {
    let raw = fs::read(path).unwrap();
    if path.extension().is_none_or(|e| e != "gz") {
        return raw;
    }
    let mut plain = Vec::new();
    flate2::read::MultiGzDecoder::new(&raw[..]).read_to_end(&mut plain).unwrap();
    plain
}

/// Every official example, with its file's name.
fn examples() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    if let Some(folder) = data("fhir-examples/dev") {
        files(&folder, &mut found);
    }
    let json = |path: &PathBuf| path.to_string_lossy().contains(".json");
    let read = |path: &PathBuf| {
        let name = path.display().to_string();
        let value = fhir::json::parse(&bytes(path)).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, value)
    };
    found.iter().filter(|path| json(path)).map(read).collect()
}

/// Every file of Synthea, as bytes.
fn synthea() -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    if let Some(folder) = data("synthea") {
        files(&folder, &mut found);
    }
    found.iter().map(|path| (path.display().to_string(), bytes(path))).collect()
}

fn type_of(name: &str, resource: &Value) -> ResourceType {
    let named = resource["resourceType"].as_str().and_then(ResourceType::from_name);
    named.unwrap_or_else(|| panic!("{name} has no known type"))
}

#[test]
fn every_official_example_has_a_sound_structure() {
    for (name, resource) in examples() {
        let issues = fhir::structure::check(type_of(&name, &resource), &resource);
        assert_eq!(issues, [], "{name}");
    }
}

#[test]
fn every_official_example_comes_back_as_it_was() {
    for (name, resource) in examples() {
        let again = fhir::json::parse(resource.to_string().as_bytes());
        assert_eq!(again.as_ref(), Ok(&resource), "{name}");
    }
}

#[test]
fn what_is_extracted_from_every_official_example_is_found() {
    for (name, resource) in examples() {
        let resource_type = type_of(&name, &resource);
        found_again(&name, resource_type, &extract(resource_type, &resource));
        // What is asked of a resource for integrity is answered for each as well.
        for (path, _) in fhir::reference::references(&resource) {
            assert!(path.starts_with(resource_type.name()), "{name}: {path}");
        }
    }
}

#[test]
fn every_synthea_bundle_is_read_and_what_is_extracted_is_found() {
    let mut count = 0;
    for (name, bytes) in synthea() {
        if !name.contains(".json") {
            continue;
        }
        let bundle = fhir::bundle::parse(&bytes).unwrap_or_else(|issues| panic!("{name}: {issues:?}"));
        for entry in &bundle.entries {
            let Some(raw) = entry.resource else { continue };
            let resource = fhir::json::parse(raw.get().as_bytes()).unwrap();
            let resource_type = type_of(&name, &resource);
            assert_eq!(fhir::structure::check(resource_type, &resource), [], "{name} entry {}", entry.index);
            let extracted = extract(resource_type, &resource);
            if count % 7 == 0 {
                found_again(&name, resource_type, &extracted);
            }
            count += 1;
        }
    }
    eprintln!("{count} Synthea resources");
}

/// Everything that was extracted is found by the search for the same value.
fn found_again(name: &str, resource_type: ResourceType, extracted: &Extracted<'_>) {
    for term in &extracted.terms {
        let code = fhir::definitions::parameter_code(term.parameter).unwrap();
        let escape = |text: &str| {
            text.chars()
                .flat_map(|c| matches!(c, ',' | '|' | '$' | '\\').then_some('\\').into_iter().chain([c]))
                .collect::<String>()
        };
        // `a\|b|c` is how a term and a search alike write the system `a|b`; the code is still to be escaped.
        let pair = |text: &str| match text.split_once('|').filter(|_| !text.contains('\\')) {
            Some((system, code)) => format!("{}|{}", escape(system), escape(code)),
            None => text.to_owned(),
        };
        let text = match term.form {
            Form::SystemCode | Form::FurtherCode => pair(&term.text),
            Form::Code | Form::Reference | Form::StringPrefix => escape(&term.text),
            Form::NoSystemCode => format!("|{}", escape(&term.text)),
            Form::System => format!("{}|", escape(&term.text)),
        };
        let search = fhir::search::parse(resource_type, &[(code.to_owned(), text)], Handling::Strict);
        let search = search.unwrap_or_else(|issues| panic!("{name}: {code}: {issues:?}"));
        let filter = &search.filters[0];
        let sought = match (filter, term.form) {
            (Filter::Patient(ids), _) => {
                assert!(
                    extracted.patient.is_some_and(|id| ids.iter().any(|other| other == id)),
                    "{name}: {code}"
                );
                continue;
            }
            (Filter::Token { parameter, any }, Form::FurtherCode) => {
                let value: &TokenValue = &any[0];
                vec![vec![further_code(*parameter, value).unwrap()]]
            }
            _ => terms(filter).unwrap(),
        };
        let hit = sought.iter().any(|all| all.iter().all(|one| extracted.terms.contains(one)));
        assert!(hit && sought.iter().flatten().any(|one| one == term), "{name}: {code} {:?}", term.form);
    }
    if let Some((Some(system), code)) = extracted.code {
        // The main code and the further codes share nothing, and together are all.
        let main = system_code(system, code);
        assert!(!extracted.terms.iter().any(|t| t.form == Form::FurtherCode && t.text == main), "{name}");
    }
}
