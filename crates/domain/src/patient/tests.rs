use chrono::{TimeZone, Utc};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn resource() -> Value {
    json!({
        "resourceType": "Patient", "id": "p1",
        "meta": {"versionId": "3", "lastUpdated": "2026-01-02T03:04:05.006Z", "tag": [{"code": "t"}]},
        "extension": [{"url": "urn:x", "valueDecimal": 1.50}],
        "text": {"status": "additional", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">kept</div>"},
        "identifier": [
            {"use": "official", "system": NUMBER_SYSTEM, "value": "P2026000001", "assigner": {"display": "us"}},
            {"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
                "system": MRN_SYSTEM, "value": "M-1", "period": {"start": "2020"}},
            {"system": "urn:oid:1.2", "value": "x", "period": {"start": "2021"}},
            {"extension": [{"url": "urn:no-value", "valueString": "y"}]}
        ],
        "name": [
            {"use": "nickname", "given": ["Ed"]},
            {"use": "official", "text": "Dr Eve Moon", "family": "Moon", "given": ["Eve", "Ada"], "prefix": ["Dr"],
                "period": {"start": "2001"}}
        ],
        "telecom": [{"system": "phone", "value": "+1 555 0100", "rank": 1}, {"system": "email", "value": "a@b.org"}],
        "gender": "female", "birthDate": "1980-05-17",
        "_birthDate": {"extension": [{"url": "urn:time", "valueDateTime": "1980-05-17T01:02:03Z"}]},
        "address": [{"use": "home", "line": ["1 Way"], "city": "Town", "postalCode": "1", "period": {"start": "2010"}}],
        "maritalStatus": {"text": "married"}, "multipleBirthInteger": 2,
        "contact": [{"name": {"family": "Moon"}}],
        "generalPractitioner": [{"reference": "Practitioner/d1", "display": "Dr Who"}],
        "managingOrganization": {"reference": "Organization/o1", "display": "House"},
        "link": [{"other": {"reference": "Patient/p0"}, "type": "seealso"}]
    })
}

fn now() -> chrono::DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 6, 1, 12, 0, 0).unwrap()
}

fn pointers(before: Option<&Demographics>, wanted: &Demographics) -> Vec<String> {
    check(before, wanted, now()).err().unwrap_or_default().pointers()
}

#[test]
fn the_view_shows_what_the_resource_says() {
    let shown = serde_json::to_value(view(&resource())).unwrap();
    assert_eq!(
        shown,
        json!({
            "id": "p1", "patient_number": "P2026000001", "family_name": "Moon", "given_names": ["Eve", "Ada"],
            "birth_date": "1980-05-17", "gender": "female", "mrn": "M-1",
            "identifiers": [{"system": "urn:oid:1.2", "value": "x", "type": null, "use": null}],
            "telecom": [{"system": "phone", "value": "+1 555 0100", "use": null},
                {"system": "email", "value": "a@b.org", "use": null}],
            "address": [{"use": "home", "lines": ["1 Way"], "city": "Town", "district": null, "state": null,
                "postal_code": "1", "country": null}],
            "active": null, "deceased": null, "deceased_at": null, "managing_organization": "o1",
            "general_practitioners": ["Practitioner/d1"], "merged_into": null, "version": 3,
            "last_updated": "2026-01-02T03:04:05.006Z"
        })
    );
}

#[test]
fn a_resource_of_any_shape_is_shown() {
    for odd in [
        json!({"resourceType": "Patient"}),
        json!({"name": "x", "identifier": {}, "telecom": [1, null, {}], "address": [{}], "link": [{"type": "replaced-by"}]}),
        json!({"name": [], "gender": "m", "birthDate": 7, "generalPractitioner": [{}, {"reference": 1}]}),
        json!(null),
    ] {
        assert_eq!(view(&odd).demographics, Demographics::default(), "{odd}");
    }
}

#[test]
fn what_a_change_does_not_touch_stays_to_the_letter() {
    let before = resource();
    let mut wanted = view(&before).demographics;
    assert_eq!(amend(&before, &wanted).to_string(), before.to_string());
    wanted.telecom.push(Telecom { system: "sms".into(), value: "+1 555 0101".into(), usage: None });
    wanted.general_practitioners.insert(0, "Practitioner/d2".into());
    wanted.identifiers.clear();
    let after = amend(&before, &wanted);
    let mut expected = before.clone();
    expected["telecom"].as_array_mut().unwrap().push(json!({"system": "sms", "value": "+1 555 0101"}));
    expected["generalPractitioner"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({"reference": "Practitioner/d2"}));
    // Number, medical record number and what has no value stay; the one that the client took away is gone.
    expected["identifier"].as_array_mut().unwrap().remove(2);
    assert_eq!(after.to_string(), expected.to_string());
}

#[test]
fn what_was_said_of_the_old_value_is_not_said_of_the_new_one() {
    let mut before = resource();
    before["text"]["status"] = json!("generated");
    let mut wanted = view(&before).demographics;
    wanted.family_name = Some("Sun".into());
    wanted.birth_date = Some("1980-05-18".into());
    wanted.mrn = Some("M-2".into());
    let after = amend(&before, &wanted);
    assert_eq!(
        after["name"][1],
        json!({"use": "official", "family": "Sun", "given": ["Eve", "Ada"], "prefix": ["Dr"],
        "period": {"start": "2001"}})
    );
    assert_eq!(after["name"][0], before["name"][0]);
    assert!(after.get("_birthDate").is_none() && after.get("text").is_none());
    assert!(after["identifier"][1].get("period").is_none());
    assert_eq!(view(&after).demographics, wanted);
}

#[test]
fn a_number_of_somebody_elses_making_gives_way_to_our_own() {
    let foreign = json!({"resourceType": "Patient", "identifier": [
        {"type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
            "system": "http://elsewhere", "value": "E7"}]});
    let mut wanted = view(&foreign).demographics;
    assert_eq!(wanted.mrn.as_deref(), Some("E7"));
    wanted.mrn = Some("M-7".into());
    let after = view(&amend(&foreign, &wanted)).demographics;
    assert_eq!(after.mrn.as_deref(), Some("M-7"));
    assert_eq!(after.identifiers[0].value, "E7");
}

#[test]
fn a_merge_leaves_a_trail_in_both_resources() {
    let winner = json!({"resourceType": "Patient", "id": "w", "identifier": [{"system": "urn:oid:1.2", "value": "x"}]});
    let loser = resource();
    let noted = note_merge_into(&loser, "w");
    assert_eq!(view(&noted).merged_into.as_deref(), Some("w"));
    assert_eq!(noted["active"], false);
    assert_eq!(noted["link"][0], loser["link"][0]);
    let winner = take_over(&winner, &loser, "p1");
    let identifiers = winner["identifier"].as_array().unwrap();
    assert_eq!(identifiers.len(), 4, "the common one once");
    assert!(identifiers[1..].iter().all(|it| it["use"] == "old"));
    assert_eq!(winner["link"], json!([{"other": {"reference": "Patient/p1"}, "type": "replaces"}]));
    assert_eq!(view(&winner).merged_into, None);
    assert_eq!(named(&winner).len(), 2);
}

#[test]
fn each_wrong_member_is_named() {
    let good = Demographics {
        family_name: Some("Moon".into()),
        birth_date: Some("1980-05-17".into()),
        gender: Some(Gender::Female),
        ..Demographics::default()
    };
    assert!(pointers(None, &good).is_empty());
    assert_eq!(pointers(None, &Demographics::default()), ["/family_name", "/birth_date", "/gender"]);
    let long = "x".repeat(101);
    let identifier = |system: &str, value: &str| Identifier {
        system: Some(system.to_owned()),
        value: value.to_owned(),
        kind: None,
        usage: None,
    };
    let telecom =
        |system: &str, value: &str| Telecom { system: system.into(), value: value.into(), usage: None };
    type Mistake = Box<dyn Fn(&mut Demographics)>;
    let cases: Vec<(&str, Mistake)> = vec![
        ("/family_name", Box::new(|it| it.family_name = Some(String::new()))),
        (
            "/family_name",
            Box::new({
                let long = long.clone();
                move |it| it.family_name = Some(long.clone())
            }),
        ),
        ("/family_name", Box::new(|it| it.family_name = Some(" Moon".into()))),
        ("/family_name", Box::new(|it| it.family_name = Some("Mo\u{7}on".into()))),
        ("/given_names/1", Box::new(|it| it.given_names = vec!["Eve".into(), String::new()])),
        ("/given_names", Box::new(|it| it.given_names = vec!["Eve".into(); 11])),
        ("/birth_date", Box::new(|it| it.birth_date = Some("1980-02-30".into()))),
        ("/birth_date", Box::new(|it| it.birth_date = Some("1980-02-03T00:00:00Z".into()))),
        ("/birth_date", Box::new(|it| it.birth_date = Some("2026-06-03".into()))),
        ("/mrn", Box::new(|it| it.mrn = Some("x".repeat(65)))),
        ("/identifiers/0/value", Box::new(move |it| it.identifiers = vec![identifier("urn:oid:1", "")])),
        ("/identifiers/0/system", Box::new(move |it| it.identifiers = vec![identifier("no uri", "1")])),
        ("/identifiers/0/system", Box::new(move |it| it.identifiers = vec![identifier(NUMBER_SYSTEM, "P1")])),
        ("/identifiers/0/system", Box::new(move |it| it.identifiers = vec![identifier(MRN_SYSTEM, "P1")])),
        (
            "/identifiers/0/type",
            Box::new(move |it| {
                it.identifiers = vec![Identifier { kind: Some("S S".into()), ..identifier("urn:oid:1", "1") }]
            }),
        ),
        (
            "/identifiers/0/use",
            Box::new(move |it| {
                it.identifiers =
                    vec![Identifier { usage: Some("mine".into()), ..identifier("urn:oid:1", "1") }]
            }),
        ),
        ("/identifiers", Box::new(move |it| it.identifiers = vec![identifier("urn:oid:1", "1"); 51])),
        ("/telecom/0/system", Box::new(move |it| it.telecom = vec![telecom("telex", "1234")])),
        ("/telecom/0/value", Box::new(move |it| it.telecom = vec![telecom("phone", "call me")])),
        ("/telecom/0/value", Box::new(move |it| it.telecom = vec![telecom("email", "a@b")])),
        (
            "/telecom/0/use",
            Box::new(move |it| {
                it.telecom = vec![Telecom { usage: Some("x".into()), ..telecom("phone", "12345") }]
            }),
        ),
        ("/telecom", Box::new(move |it| it.telecom = vec![telecom("phone", "12345"); 21])),
        ("/address/0", Box::new(|it| it.address = vec![Address::default()])),
        (
            "/address/0/lines",
            Box::new(|it| it.address = vec![Address { lines: vec!["x".into(); 6], ..Address::default() }]),
        ),
        (
            "/address/0/city",
            Box::new({
                let long = long.clone();
                move |it| it.address = vec![Address { city: Some(long.clone()), ..Address::default() }]
            }),
        ),
        (
            "/deceased",
            Box::new(|it| {
                it.deceased = Some(false);
                it.deceased_at = Some("2020-01-01".into());
            }),
        ),
        ("/deceased_at", Box::new(|it| it.deceased_at = Some("2020-01-01T10:00:00".into()))),
        ("/deceased_at", Box::new(|it| it.deceased_at = Some("2030-01-01".into()))),
        ("/deceased_at", Box::new(|it| it.deceased_at = Some("2026-06-01T13:00:00Z".into()))),
        ("/deceased_at", Box::new(|it| it.deceased_at = Some("1970-01-01".into()))),
        ("/managing_organization", Box::new(|it| it.managing_organization = Some("Organization/1".into()))),
        ("/general_practitioners/0", Box::new(|it| it.general_practitioners = vec!["Patient/1".into()])),
    ];
    for (pointer, change) in cases {
        let mut wrong = good.clone();
        change(&mut wrong);
        assert_eq!(pointers(None, &wrong), [pointer], "registering");
        assert_eq!(pointers(Some(&good), &wrong), [pointer], "amending");
        assert!(
            pointers(Some(&wrong), &wrong).is_empty(),
            "{pointer}: what stands there already stops nobody"
        );
    }
    let mut without = good.clone();
    without.gender = None;
    assert_eq!(pointers(Some(&good), &without), ["/gender"]);
    let tomorrow_already = Demographics { birth_date: Some("2026-06-02".into()), ..good.clone() };
    assert!(pointers(None, &tomorrow_already).is_empty(), "in the earliest zone it is the 2nd");
}

#[test]
fn changes_name_what_differs() {
    let before = resource();
    let mut after = before.clone();
    after["name"][1]["family"] = json!("Sun");
    after["maritalStatus"] = json!({"text": "single"});
    after["meta"]["versionId"] = json!("4");
    let found = changes(Some(&before), Some(&after));
    let found: Vec<_> = found.iter().map(|it| (it.member.as_str(), &it.before, &it.after)).collect();
    assert_eq!(
        found,
        [
            ("family_name", &json!("Moon"), &json!("Sun")),
            ("fhir.maritalStatus", &json!({"text": "married"}), &json!({"text": "single"})),
        ]
    );
    let mut prefix = before.clone();
    prefix["name"][1]["prefix"] = json!(["Prof"]);
    assert_eq!(changes(Some(&before), Some(&prefix))[0].member, "fhir.name");
    assert!(changes(Some(&before), Some(&before)).is_empty());
    assert!(changes(Some(&before), None).iter().any(|it| it.member == "family_name" && it.after.is_null()));
}

#[test]
fn debug_shows_nobody() {
    let patient = view(&resource());
    let shown = format!("{patient:?} {:?} {:?}", patient.demographics.telecom, named(&resource()));
    for secret in ["Moon", "555", "M-1", "Town"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn text() -> impl Strategy<Value = String> {
    "[A-Za-zäß][A-Za-z0-9äß -]{0,8}[a-z]"
}

prop_compose! {
    fn demographics()(
        family_name in proptest::option::of(text()),
        given_names in proptest::collection::vec(text(), 0..3),
        birth_date in proptest::option::of("19[0-9]{2}-0[1-9]-[12][0-9]"),
        gender in proptest::option::of(proptest::sample::select(
            vec![Gender::Male, Gender::Female, Gender::Other, Gender::Unknown])),
        mrn in proptest::option::of("[0-9A-Z]{1,8}"),
        identifiers in proptest::collection::vec(
            ("[a-z]{3}:[a-z]{1,3}", "[0-9]{1,4}", proptest::option::of("SS|PPN")), 0..3),
        telecom in proptest::collection::vec(("phone|email|sms", text(), proptest::option::of("home|work")), 0..3),
        lines in proptest::collection::vec(proptest::collection::vec(text(), 1..3), 0..3),
        active in proptest::option::of(any::<bool>()),
        deceased in proptest::option::of(any::<bool>()),
        managing_organization in proptest::option::of("[a-z0-9]{1,8}"),
        practitioners in proptest::collection::vec("Practitioner/[a-z0-9]{1,8}", 0..3),
    ) -> Demographics {
        Demographics {
            family_name, given_names, birth_date, gender, mrn,
            identifiers: identifiers.into_iter()
                .map(|(system, value, kind)| Identifier { system: Some(system), value, kind, usage: None }).collect(),
            telecom: telecom.into_iter()
                .map(|(system, value, usage)| Telecom { system, value, usage }).collect(),
            address: lines.into_iter().map(|lines| Address { lines, ..Address::default() }).collect(),
            active, deceased, deceased_at: None, managing_organization, general_practitioners: practitioners,
        }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_shown_and_what_is_unknown_survives(first in demographics(), second in demographics()) {
        let base = json!({"resourceType": "Patient", "id": "p"});
        let once = amend(&base, &first);
        prop_assert_eq!(&view(&once).demographics, &first);
        // On top of a resource that says much more than the view knows.
        let twice = amend(&amend(&resource(), &first), &second);
        prop_assert_eq!(&view(&twice).demographics, &second);
        for element in ["meta", "extension", "text", "maritalStatus", "multipleBirthInteger", "contact", "link"] {
            prop_assert_eq!(&twice[element], &resource()[element]);
        }
        prop_assert_eq!(&twice["name"][0], &resource()["name"][0]);
        prop_assert!(named(&twice).iter().any(|it| it.value == "P2026000001"), "the number stays");
        let nameless = serde_json::to_string(&twice).unwrap();
        prop_assert!(nameless.contains("urn:no-value"), "what has no value stays");
    }
}
