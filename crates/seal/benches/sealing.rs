//! Medians of what a request pays for sealing: `cargo bench -p seal`.

use std::hint::black_box;
use std::time::Instant;

use kernel::{Database, Rid, Tenant};
use seal::{Keyring, MasterKey, Place};

const ROUNDS: usize = 201;
const PER_ROUND: usize = 200;

/// The median time of one call, microseconds.
fn median_us(mut call: impl FnMut()) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..PER_ROUND {
                call();
            }
            start.elapsed().as_secs_f64() * 1e6 / PER_ROUND as f64
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// About 2 KB that look like a clinical resource: repeated keys, ever different values.
fn body() -> Vec<u8> {
    let mut body = String::from(r#"{"resourceType":"Observation","status":"final","component":["#);
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    while body.len() < 2_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        body += &format!(
            r#"{{"code":{{"coding":[{{"system":"http://loinc.org","code":"{}-{}"}}]}},"valueQuantity":{{"value":{}.{},"unit":"{:x}"}}}},"#,
            state >> 50,
            state >> 61,
            state >> 55 & 255,
            state >> 40 & 1023,
            state >> 33
        );
    }
    body += "]}";
    body.into_bytes()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keyring = Keyring::new(MasterKey::generate()?);
    let keys = keyring.tenant(Database::Clinical, Tenant::from_number(1));
    let rid = Rid::from_number(7_000_000_001);
    let fhir_id = "0192f3a0-5b1c-7d3e-8f4a-123456789abc";
    let place = Place { resource_type: 12, fhir_id, rid, version: 3, patient: Some(rid), deleted: false };
    let body = body();
    let sealed = keys.seal(&place, &body)?;
    let cursor = keyring.seal_cursor(b"context", &[7; 24])?;
    println!("{} bytes seal to {}", body.len(), sealed.len());
    let rows: [(&str, f64); 6] = [
        ("seal", median_us(|| drop(black_box(keys.seal(&place, black_box(&body)))))),
        ("unseal", median_us(|| drop(black_box(keys.unseal(&place, black_box(&sealed)))))),
        ("token", median_us(|| _ = black_box(keys.token(12, 3, 1, black_box("http://loinc.org|8867-4"))))),
        ("tenant", median_us(|| drop(black_box(keyring.tenant(Database::Clinical, Tenant::from_number(1)))))),
        ("seal cursor", median_us(|| drop(black_box(keyring.seal_cursor(b"context", &[7; 24]))))),
        ("open cursor", median_us(|| drop(black_box(keyring.open_cursor(b"context", &cursor))))),
    ];
    for (name, median) in rows {
        println!("{name:<12} {median:7.3} us");
    }
    Ok(())
}
