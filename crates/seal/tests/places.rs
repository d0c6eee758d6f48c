//! What a sealed body promises, through the public interface alone.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashSet;
use std::sync::Arc;

use kernel::{Database, Rid, Tenant};
use proptest::prelude::*;
use seal::{Keyring, MasterKey, Place, TenantKeys, UnsealError};

fn keyring(last: u8) -> Keyring {
    Keyring::new(MasterKey::from_text(&format!("{}{last:02x}", "c3".repeat(31))).unwrap())
}

fn keys(database: Database, tenant: i32) -> Arc<TenantKeys> {
    keyring(1).tenant(database, Tenant::from_number(tenant))
}

const HERE: Place<'static> = Place {
    resource_type: 12,
    fhir_id: "a-1",
    rid: Rid::from_number(7_000_000_001),
    version: 3,
    patient: Some(Rid::from_number(7_000_000_000)),
    deleted: false,
};

const BODY: &[u8] =
    br#"{"resourceType":"Patient","id":"a-1","name":[{"family":"Roe","given":["Jane","Jane"]}]}"#;

proptest! {
    #[test]
    fn what_was_sealed_comes_back_whatever_it_is(
        plain in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..3000),
            "[ab]{0,3000}".prop_map(String::into_bytes),
        ],
        fhir_id in "[A-Za-z0-9.-]{1,64}",
        resource_type: i16, rid: i64, version: i32, patient: Option<i64>, deleted: bool, tenant: i32,
    ) {
        let keys = keys(Database::Clinical, tenant);
        let patient = patient.map(Rid::from_number);
        let rid = Rid::from_number(rid);
        let place = Place { resource_type, fhir_id: &fhir_id, rid, version, patient, deleted };
        let sealed = keys.seal(&place, &plain).unwrap();
        prop_assert!(sealed.len() <= plain.len() + seal::envelope::OVERHEAD_BYTES);
        prop_assert_eq!(keys.unseal(&place, &sealed).unwrap(), plain);
    }

    #[test]
    fn random_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(keys(Database::Phi, 1).unseal(&HERE, &bytes).is_err());
    }
}

#[test]
fn a_body_moved_to_any_other_place_is_refused() {
    let keys = keys(Database::Phi, 1);
    let sealed = keys.seal(&HERE, BODY).unwrap();
    assert_eq!(keys.unseal(&HERE, &sealed).unwrap(), BODY);
    let elsewhere = [
        Place { resource_type: 13, ..HERE },
        Place { fhir_id: "a-2", ..HERE },
        Place { fhir_id: "a-", ..HERE },
        Place { fhir_id: "a-1\0", ..HERE },
        Place { fhir_id: "", ..HERE },
        Place { rid: Rid::from_number(7_000_000_002), ..HERE },
        Place { version: 2, ..HERE },
        Place { patient: Some(HERE.rid), ..HERE },
        Place { patient: None, ..HERE },
        Place { deleted: true, ..HERE },
    ];
    for place in elsewhere {
        assert_eq!(keys.unseal(&place, &sealed), Err(UnsealError::Refused), "{place:?}");
    }
}

#[test]
fn no_patient_is_not_patient_zero() {
    let keys = keys(Database::Phi, 1);
    let sealed = keys.seal(&Place { patient: None, ..HERE }, BODY).unwrap();
    let zero = Place { patient: Some(Rid::from_number(0)), ..HERE };
    assert_eq!(keys.unseal(&zero, &sealed), Err(UnsealError::Refused));
}

#[test]
fn a_body_moved_to_another_tenant_database_or_key_is_refused() {
    let sealed = keys(Database::Phi, 1).seal(&HERE, BODY).unwrap();
    assert_eq!(keys(Database::Phi, 2).unseal(&HERE, &sealed), Err(UnsealError::Refused));
    assert_eq!(keys(Database::Clinical, 1).unseal(&HERE, &sealed), Err(UnsealError::Refused));
    let other = keyring(2);
    let error = UnsealError::OtherKey { found: keyring(1).key_id(), ours: other.key_id() };
    assert_eq!(other.tenant(Database::Phi, Tenant::from_number(1)).unseal(&HERE, &sealed), Err(error));
}

#[test]
fn a_body_with_any_bit_changed_is_refused() {
    let keys = keys(Database::Phi, 1);
    for plain in [BODY, b"", &BODY.repeat(20)] {
        let sealed = keys.seal(&HERE, plain).unwrap();
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert!(keys.unseal(&HERE, &changed).is_err(), "bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn a_cut_or_lengthened_body_is_refused() {
    let keys = keys(Database::Phi, 1);
    let sealed = keys.seal(&HERE, BODY).unwrap();
    for length in 0..sealed.len() {
        let expected = if length < seal::envelope::OVERHEAD_BYTES {
            UnsealError::TooShort
        } else {
            UnsealError::Refused
        };
        assert_eq!(keys.unseal(&HERE, &sealed[..length]), Err(expected), "cut to {length}");
    }
    let longer: Vec<u8> = sealed.iter().copied().chain([0]).collect();
    assert_eq!(keys.unseal(&HERE, &longer), Err(UnsealError::Refused));
    assert_eq!(keys.unseal(&HERE, &[9; 60]), Err(UnsealError::UnknownFormat));
}

#[test]
fn nothing_of_a_body_shows_in_its_sealed_form() {
    let sealed = keys(Database::Phi, 1).seal(&HERE, BODY).unwrap();
    assert!(!sealed.windows(3).any(|window| window == b"Roe"));
    assert!(!sealed.windows(4).any(|window| window == b"Jane"));
}

#[test]
fn a_text_opens_for_its_own_purpose_and_tenant_only() {
    let ours = keys(Database::Clinical, 1);
    let sealed = ours.seal_text("audit.query", b"code=x").unwrap();
    assert_eq!(ours.unseal_text("audit.query", &sealed).unwrap(), b"code=x");
    assert_eq!(ours.unseal_text("audit.detail", &sealed), Err(UnsealError::Refused));
    assert_eq!(keys(Database::Clinical, 2).unseal_text("audit.query", &sealed), Err(UnsealError::Refused));
    assert_eq!(keys(Database::Phi, 1).unseal_text("audit.query", &sealed), Err(UnsealError::Refused));
    assert_eq!(ours.unseal(&HERE, &sealed), Err(UnsealError::Refused));
}

#[test]
fn a_token_depends_on_everything_it_is_salted_with() {
    let here = keys(Database::Clinical, 1);
    assert_eq!(here.token(1, 2, 3, "roe"), keys(Database::Clinical, 1).token(1, 2, 3, "roe"));
    let other_key = keyring(2).tenant(Database::Clinical, Tenant::from_number(1));
    let all = [
        here.token(1, 2, 3, "roe"),
        here.token(2, 2, 3, "roe"),
        here.token(1, 3, 3, "roe"),
        here.token(1, 2, 4, "roe"),
        here.token(1, 2, 3, "ro"),
        here.token(1, 2, 3, ""),
        here.token(1, 0x0203, 3, "roe"),
        here.token(0x0102, 3, 3, "roe"),
        keys(Database::Clinical, 2).token(1, 2, 3, "roe"),
        keys(Database::Phi, 1).token(1, 2, 3, "roe"),
        other_key.token(1, 2, 3, "roe"),
    ];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
}

#[test]
fn debug_shows_whose_keys_they_are_and_nothing_else() {
    assert_eq!(format!("{:?}", keys(Database::Phi, 5)), "TenantKeys(phi, 5)");
}
