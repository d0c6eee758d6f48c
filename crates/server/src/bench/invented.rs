//! Patients who do not exist, for machines without the test data, and the Observation that the creates post.

use axum::body::Bytes;
use serde_json::{Value, json};

use demo::random::Random;

/// Encounters of each patient.
const ENCOUNTERS: u64 = 12;
/// LOINC code, display, unit, lowest value, width of the range.
const VITALS: [(&str, &str, &str, u64, usize); 6] = [
    ("8310-5", "Body temperature", "Cel", 36, 4),
    ("8867-4", "Heart rate", "/min", 50, 70),
    ("9279-1", "Respiratory rate", "/min", 10, 14),
    ("2708-6", "Oxygen saturation in Arterial blood", "%", 88, 12),
    ("29463-7", "Body weight", "kg", 48, 60),
    ("8302-2", "Body height", "cm", 150, 45),
];
/// SNOMED CT code and display.
const CONDITIONS: [(&str, &str); 4] = [
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195967001", "Asthma"),
    ("444814009", "Viral sinusitis"),
];
const PRACTITIONERS: &str = "urn:salus:bench:practitioner";

/// A batch with what all patients refer to.
pub fn shared() -> Bytes {
    let practitioner = json!({
        "resourceType": "Practitioner",
        "identifier": [{ "system": PRACTITIONERS, "value": "1" }],
        "name": [{ "family": "Sample", "given": ["Robin"] }],
    });
    let request = json!({
        "method": "POST",
        "url": "Practitioner",
        "ifNoneExist": format!("identifier={PRACTITIONERS}|1"),
    });
    let bundle = json!({
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{ "resource": practitioner, "request": request }],
    });
    Bytes::from(bundle.to_string())
}

/// A transaction with everything about one patient; the same in every run.
pub fn patient(number: u16) -> Bytes {
    let mut random = Random::new(u64::from(number));
    let patient = format!("urn:uuid:{}", uuid(&mut random));
    let subject = json!({ "reference": patient });
    let mut entries = vec![entry(
        &patient,
        json!({
            "resourceType": "Patient",
            "identifier": [{ "system": "urn:salus:bench:patient", "value": number.to_string() }],
            "name": [{ "family": format!("Invented{number}"), "given": ["Alex"] }],
            "gender": if random.below(2) == 0 { "female" } else { "male" },
            "birthDate": format!("19{:02}-0{}-1{}", random.below(100), 1 + random.below(9), random.below(10)),
        }),
    )];
    for visit in 0..ENCOUNTERS {
        let encounter = format!("urn:uuid:{}", uuid(&mut random));
        let day = format!("20{:02}-{:02}-{:02}", 10 + visit, 1 + random.below(12), 1 + random.below(28));
        entries.push(entry(
            &encounter,
            json!({
                "resourceType": "Encounter",
                "status": "finished",
                "class": { "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB" },
                "subject": subject,
                "participant": [{ "individual": {
                    "reference": format!("Practitioner?identifier={PRACTITIONERS}|1"),
                } }],
                "period": { "start": format!("{day}T08:00:00Z"), "end": format!("{day}T08:30:00Z") },
            }),
        ));
        for vital in 0..VITALS.len() {
            let at = format!("{day}T08:{:02}:00Z", random.below(60));
            let mut observation = vital_sign(&mut random, vital, &subject, &at);
            observation["encounter"] = json!({ "reference": encounter });
            entries.push(entry(&format!("urn:uuid:{}", uuid(&mut random)), observation));
        }
        let (code, display) = CONDITIONS[random.below(CONDITIONS.len())];
        entries.push(entry(
            &format!("urn:uuid:{}", uuid(&mut random)),
            json!({
                "resourceType": "Condition",
                "clinicalStatus": { "coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active",
                }] },
                "code": { "coding": [{ "system": "http://snomed.info/sct", "code": code, "display": display }] },
                "subject": subject,
                "encounter": { "reference": encounter },
                "recordedDate": format!("{day}T08:20:00Z"),
            }),
        ));
    }
    let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": entries });
    Bytes::from(bundle.to_string())
}

/// A panel of vital signs of an existing patient, about 1.5 KB, as it is posted.
pub fn observation(random: &mut Random, patient: &str) -> Value {
    let subject = json!({ "reference": format!("Patient/{patient}") });
    let at = format!(
        "20{:02}-{:02}-{:02}T{:02}:{:02}:00Z",
        20 + random.below(6),
        1 + random.below(12),
        1 + random.below(28),
        random.below(24),
        random.below(60)
    );
    let first = random.below(VITALS.len());
    let mut observation = vital_sign(random, first, &subject, &at);
    let components = (0..3).map(|further| {
        let mut component = vital_sign(random, (first + 1 + further) % VITALS.len(), &subject, &at);
        json!({ "code": component["code"].take(), "valueQuantity": component["valueQuantity"].take() })
    });
    observation["component"] = components.collect();
    observation
}

fn vital_sign(random: &mut Random, which: usize, subject: &Value, at: &str) -> Value {
    let (code, display, unit, low, width) = VITALS[which % VITALS.len()];
    // Text, parsed as a number: a decimal that keeps its zero.
    let value = format!("{}.{}0", low + random.below(width) as u64, random.below(10));
    json!({
        "resourceType": "Observation",
        "status": "final",
        "category": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category",
            "code": "vital-signs",
            "display": "Vital Signs",
        }] }],
        "code": {
            "coding": [{ "system": "http://loinc.org", "code": code, "display": display }],
            "text": display,
        },
        "subject": subject,
        "effectiveDateTime": at,
        "issued": at,
        "valueQuantity": {
            "value": serde_json::from_str::<Value>(&value).unwrap_or_default(),
            "unit": unit,
            "system": "http://unitsofmeasure.org",
            "code": unit,
        },
    })
}

fn entry(full_url: &str, resource: Value) -> Value {
    let url = resource["resourceType"].clone();
    json!({ "fullUrl": full_url, "resource": resource, "request": { "method": "POST", "url": url } })
}

fn uuid(random: &mut Random) -> uuid::Uuid {
    uuid::Builder::from_random_bytes(
        (u128::from(random.number()) << 64 | u128::from(random.number())).to_be_bytes(),
    )
    .into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_patient_is_the_same_in_every_run() {
        assert_eq!(patient(7), patient(7));
        assert_ne!(patient(7), patient(8));
    }

    #[test]
    fn what_is_invented_passes_the_structural_checks() {
        for bundle in [shared(), patient(1)] {
            let bundle = fhir::bundle::parse(&bundle).unwrap();
            for entry in &bundle.entries {
                let resource: Value = serde_json::from_str(entry.resource.unwrap().get()).unwrap();
                let kind = fhir::ResourceType::from_name(resource["resourceType"].as_str().unwrap()).unwrap();
                assert!(fhir::structure::check(kind, &resource).is_empty(), "{resource}");
            }
        }
        let posted = observation(&mut Random::new(1), "p1");
        let kind = fhir::ResourceType::from_name("Observation").unwrap();
        assert!(fhir::structure::check(kind, &posted).is_empty(), "{posted}");
        assert!((1_000..2_500).contains(&posted.to_string().len()), "{}", posted.to_string().len());
    }
}
