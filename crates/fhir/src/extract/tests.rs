use serde_json::json;

use super::*;
use crate::date::{BEGINNING, END, Range};
use crate::definitions::parameters as number;

fn shown(resource_type: ResourceType, resource: &Value) -> Vec<String> {
    let terms = extract(resource_type, resource).terms;
    terms.iter().map(|t| format!("{} {:?} {}", t.parameter, t.form, t.text)).collect()
}

fn dated(resource_type: ResourceType, resource: Value) -> Option<Range> {
    extract(resource_type, &resource).date.map(|(low, high)| Range { low, high })
}

#[test]
fn an_observation_is_read_as_its_searches_need_it() {
    let observation = json!({
        "resourceType": "Observation",
        "identifier": [{"system": "urn:mrn", "value": "7"}, {"value": "8"}, null],
        "status": "final",
        "category": [{"coding": [{"system": "http://cat", "code": "vital-signs"}]}],
        "code": {"coding": [
            {"system": "http://loinc.org", "code": "8867-4"},
            {"system": "http://snomed.info/sct", "code": "364075005"},
            {"code": "hr"},
            {"system": "http://loinc.org", "code": "8867-4"},
        ]},
        "subject": {"reference": "Patient/p1/_history/3"},
        "encounter": {"reference": "Encounter/e1"},
        "effectivePeriod": {"start": "2015-02-07", "end": "2015-02"},
    });
    let extracted = extract(ResourceType::Observation, &observation);
    assert_eq!(extracted.patient, Some("p1"));
    assert_eq!(extracted.code, Some((Some("http://loinc.org"), "8867-4")));
    let range = |text| Range::parse(text).unwrap();
    assert_eq!(extracted.date, Some((range("2015-02-07").low, range("2015-02").high)));
    assert_eq!(
        shown(ResourceType::Observation, &observation),
        [
            "1 SystemCode urn:mrn|7",
            "1 Code 7",
            "1 Code 8",
            "1 NoSystemCode 8",
            "1 System urn:mrn",
            "3 Reference Patient/p1",
            "4 Reference Encounter/e1",
            "5 SystemCode http://loinc.org|8867-4",
            "5 SystemCode http://snomed.info/sct|364075005",
            "5 Code 364075005",
            "5 Code 8867-4",
            "5 Code hr",
            "5 NoSystemCode hr",
            "5 System http://loinc.org",
            "5 System http://snomed.info/sct",
            "5 FurtherCode http://snomed.info/sct|364075005",
            "6 SystemCode http://cat|vital-signs",
            "6 Code vital-signs",
            "6 System http://cat",
            "7 Code final",
            "7 System http://hl7.org/fhir/observation-status",
        ]
    );
}

#[test]
fn a_name_is_found_by_the_beginning_of_each_word() {
    let name = json!([{"family": "Roé", "given": ["Jo", null, 7]}]);
    let patient = json!({"name": name, "birthDate": "1970-01", "gender": "male", "active": false});
    assert_eq!(
        shown(ResourceType::Patient, &patient),
        [
            "9 StringPrefix j",
            "9 StringPrefix jo",
            "9 StringPrefix r",
            "9 StringPrefix ro",
            "9 StringPrefix roe",
            "10 StringPrefix r",
            "10 StringPrefix ro",
            "10 StringPrefix roe",
            "11 StringPrefix j",
            "11 StringPrefix jo",
            "13 Code male",
            "13 System http://hl7.org/fhir/administrative-gender",
            "14 Code false",
            "14 System http://terminology.hl7.org/CodeSystem/special-values",
        ]
    );
    assert_eq!(dated(ResourceType::Patient, patient), Range::parse("1970-01"));
}

#[test]
fn the_main_patient_is_the_first_at_the_types_path() {
    for (resource_type, resource, expected) in [
        (ResourceType::RelatedPerson, json!({"patient": {"reference": "Patient/1"}}), Some("1")),
        (ResourceType::Coverage, json!({"beneficiary": {"reference": "Patient/1"}}), Some("1")),
        (ResourceType::Claim, json!({"patient": {"reference": "Patient/1"}}), Some("1")),
        (ResourceType::Task, json!({"for": {"reference": "Patient/1"}}), Some("1")),
        (
            ResourceType::Appointment,
            json!({"participant": [
                {"actor": {"reference": "Practitioner/9"}}, {}, {"actor": {"reference": "Patient/1"}},
                {"actor": {"reference": "Patient/2"}}]}),
            Some("1"),
        ),
        (ResourceType::Schedule, json!({"actor": [{"reference": "Patient/1"}]}), Some("1")),
        (ResourceType::Observation, json!({"subject": {"reference": "Group/1"}}), None),
        (ResourceType::Observation, json!({"subject": {"reference": "http://other/Patient/1"}}), None),
        (ResourceType::Observation, json!({"subject": {"reference": "#p"}}), None),
        (ResourceType::Observation, json!({"subject": {"reference": "Patient/not an id"}}), None),
        (ResourceType::Patient, json!({"link": [{"other": {"reference": "Patient/1"}}]}), None),
        (ResourceType::Group, json!({"member": [{"entity": {"reference": "Patient/1"}}]}), None),
        (ResourceType::Organization, json!({"subject": {"reference": "Patient/1"}}), None),
    ] {
        assert_eq!(extract(resource_type, &resource).patient, expected, "{resource_type} {resource}");
    }
}

#[test]
fn every_type_of_the_compartment_has_a_path_to_its_patient() {
    for resource_type in ResourceType::all().filter(|t| t.in_patient_compartment()) {
        let exempt = matches!(resource_type, ResourceType::Patient | ResourceType::Group);
        assert_eq!(
            crate::definitions::main_patient(resource_type).paths.is_empty(),
            exempt,
            "{resource_type}"
        );
    }
}

#[test]
fn dates_have_the_range_of_their_precision() {
    let observation = |name: &str, value: Value| dated(ResourceType::Observation, json!({ name: value }));
    let range = |text| Range::parse(text);
    let (from, to) = (range("2015-02").unwrap(), range("2015-04").unwrap());
    assert_eq!(observation("effectiveDateTime", json!("2015-02")), range("2015-02"));
    assert_eq!(
        observation("effectiveInstant", json!("2015-02-07T13:28:17.239Z")),
        range("2015-02-07T13:28:17.239Z")
    );
    assert_eq!(
        observation("effectivePeriod", json!({"start": "2015-02"})),
        Some(Range { low: from.low, high: END })
    );
    assert_eq!(
        observation("effectivePeriod", json!({"end": "2015-02"})),
        Some(Range { low: BEGINNING, high: from.high })
    );
    let bounds = json!({"start": "2015-03", "end": "2015-04"});
    let timing = json!({"event": ["2015-03", "2015-02"], "repeat": {"boundsPeriod": bounds}});
    assert_eq!(observation("effectiveTiming", timing), Some(Range { low: from.low, high: to.high }));
    let procedure = json!({"performedString": "last week"});
    assert_eq!(dated(ResourceType::Procedure, procedure), None);
}

#[test]
fn odd_values_are_passed_over() {
    for (name, value) in [
        ("effectiveDateTime", json!("2015-02-30")),
        ("effectiveDateTime", json!(2015)),
        ("effectivePeriod", json!({"start": "2016", "end": "2015"})),
        ("effectivePeriod", json!({"start": "2016", "end": "soon"})),
        ("effectivePeriod", json!({})),
        ("effectiveTiming", json!({"repeat": 7})),
    ] {
        assert_eq!(dated(ResourceType::Observation, json!({ name: value })), None, "{name}");
    }
    for value in
        [json!(null), json!(7), json!(""), json!([]), json!([[null]]), json!({}), json!({"coding": 7})]
    {
        let resource = json!({
            "identifier": value, "status": value, "code": value, "subject": value, "encounter": [value],
            "category": [{"coding": [value]}], "effectiveDateTime": value, "effectivePeriod": value
        });
        let extracted = extract(ResourceType::Observation, &resource);
        // A number where a code should be, and nothing else, could be taken for one: it is not.
        assert_eq!(
            (extracted.terms.len(), extracted.patient, extracted.code, extracted.date),
            (0, None, None, None)
        );
    }
    for resource in [json!(null), json!([]), json!("x"), json!({"status": ["final"]})] {
        extract(ResourceType::Observation, &resource);
    }
}

#[test]
fn two_tokens_are_never_the_same_text() {
    assert_ne!(system_code("a|b", "c"), system_code("a", "b|c"));
    assert_ne!(system_code("a\\", "b"), system_code("a", "b"));
    assert_ne!(system_code(r"a\|b", "c"), system_code("a|b", "c"));
}

#[test]
fn the_numbers_of_forms_have_not_moved() {
    use Form::*;
    let forms = [SystemCode, Code, NoSystemCode, System, FurtherCode, Reference, StringPrefix];
    assert_eq!(forms.map(Form::number), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(crate::definitions::CODES.map(|(_, n)| n), std::array::from_fn(|n| n as u16 + 1));
    assert_eq!(number::CODE, 5);
}

#[test]
fn debug_shows_no_value() {
    let patient = json!({"name": [{"family": "Roe"}], "identifier": [{"value": "123"}]});
    let shown = format!("{:?}", extract(ResourceType::Patient, &patient));
    assert!(!shown.contains("roe") && !shown.contains("123"), "{shown}");
}
