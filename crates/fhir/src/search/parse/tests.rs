use kernel::limits;
use proptest::prelude::*;

use super::*;
use crate::date::Prefix;
use crate::definitions::parameters as number;
use crate::search::{RefTarget, TokenValue};

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn search(resource_type: ResourceType, list: &[(&str, &str)]) -> Search {
    parse(resource_type, &pairs(list), Handling::Strict)
        .unwrap_or_else(|issues| panic!("{list:?}: {issues:?}"))
}

fn filter_of(resource_type: ResourceType, name: &str, text: &str) -> Filter {
    search(resource_type, &[(name, text)]).filters.remove(0)
}

fn issue(resource_type: ResourceType, name: &str, text: &str) -> Issue {
    let issues = parse(resource_type, &pairs(&[(name, text)]), Handling::Strict).expect_err(name);
    assert_eq!(issues.len(), 1);
    issues.into_iter().next().unwrap()
}

fn target(resource_type: ResourceType, id: &str) -> RefTarget {
    RefTarget { resource_type, id: id.to_owned() }
}

#[test]
fn repeats_are_and_and_commas_are_or() {
    let search = search(
        ResourceType::Observation,
        &[("status", "final,amended"), ("date", "ge2015"), ("date", "lt2016")],
    );
    assert_eq!(search.filters.len(), 3);
    assert_eq!(search.filters[0].alternatives(), 2);
    let Filter::Date(from) = &search.filters[1] else { panic!("a date") };
    assert_eq!(from[0].prefix, Prefix::GreaterOrEqual);
}

#[test]
fn tokens_have_four_forms_and_escapes() {
    use TokenValue::*;
    let code = |text: &str| filter_of(ResourceType::Observation, "code", text);
    for (text, value) in [
        ("http://loinc.org|8867-4", SystemCode("http://loinc.org".into(), "8867-4".into())),
        ("8867-4", Code("8867-4".into())),
        ("|8867-4", NoSystem("8867-4".into())),
        ("http://loinc.org|", System("http://loinc.org".into())),
        (r"a\,b\|c\$d\\e", Code(r"a,b|c$d\e".into())),
        (r"s\|t|c", SystemCode("s|t".into(), "c".into())),
        ("s|a|b", SystemCode("s".into(), "a|b".into())),
    ] {
        assert!(code(text) == Filter::Token { parameter: number::CODE, any: vec![value] }, "{text}");
    }
}

#[test]
fn a_bare_code_is_the_same_with_its_one_system() {
    let status = |text: &str| filter_of(ResourceType::Observation, "status", text);
    assert!(status("http://hl7.org/fhir/observation-status|final") == status("final"));
    assert!(status("http://example.org|final") != status("final"));
    let gender = filter_of(ResourceType::Patient, "gender", "http://hl7.org/fhir/administrative-gender|male");
    assert!(gender == filter_of(ResourceType::Patient, "gender", "male"));
}

#[test]
fn a_patient_is_asked_for_by_the_main_patient() {
    use ResourceType::*;
    for (resource_type, name, text) in [
        (Observation, "patient", "1"),
        (Observation, "patient", "Patient/1"),
        (Observation, "patient:Patient", "1"),
        (Observation, "subject:Patient", "1"),
        (Observation, "subject", "Patient/1"),
        (AllergyIntolerance, "patient", "1"),
        (Coverage, "patient", "Patient/1"),
        // Nothing but a patient can match here, so the group goes.
        (Observation, "patient", "Group/9,Patient/1"),
    ] {
        assert!(
            filter_of(resource_type, name, text) == Filter::Patient(vec!["1".to_owned()]),
            "{resource_type} {name}={text}"
        );
    }
}

#[test]
fn other_references_are_terms() {
    use ResourceType::*;
    let reference = |parameter, any| Filter::Reference { parameter, any };
    assert!(
        filter_of(Observation, "subject", "Patient/1,Group/2")
            == reference(number::SUBJECT, vec![target(Patient, "1"), target(Group, "2")])
    );
    assert!(
        filter_of(Observation, "subject", "1")
            == reference(
                number::SUBJECT,
                [Device, Group, Location, Patient].map(|t| target(t, "1")).to_vec()
            )
    );
    assert!(
        filter_of(Observation, "encounter", "1")
            == reference(number::ENCOUNTER, vec![target(Encounter, "1")])
    );
    assert!(
        filter_of(Observation, "patient", "Group/1") == reference(number::PATIENT, vec![target(Group, "1")])
    );
    // Several patients may take part, of whom only the first is the main one.
    assert!(filter_of(Appointment, "patient", "1") == reference(number::PATIENT, vec![target(Patient, "1")]));
    assert!(filter_of(Task, "subject:Group", "1") == reference(number::SUBJECT, vec![target(Group, "1")]));
}

#[test]
fn strings_are_normalised_words() {
    let name = filter_of(ResourceType::Patient, "name", "Müller-Lüdenscheidt,O'Neill");
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let any = vec![words(&["muller", "ludenscheidt"]), words(&["o", "neill"])];
    assert!(name == Filter::String { parameter: number::NAME, any });
}

#[test]
fn the_date_of_a_patient_is_the_birthdate() {
    assert!(matches!(filter_of(ResourceType::Patient, "birthdate", "1970"), Filter::Date(_)));
    let sorted = search(ResourceType::Patient, &[("_sort", "-birthdate,_id")]);
    assert_eq!(sorted.sort, [(SortKey::Date(number::BIRTHDATE), true), (SortKey::Id, false)]);
}

#[test]
fn the_result_is_shaped_by_its_parameters() {
    let plain = search(ResourceType::Observation, &[]);
    assert_eq!(
        (plain.count, plain.total, plain.sort.len(), plain.cursor),
        (limits::PAGE_DEFAULT, Total::None, 0, None)
    );
    let shaped = search(
        ResourceType::Observation,
        &[
            ("_count", "99999999999999999999"),
            ("_sort", "-date,_lastUpdated"),
            ("_total", "accurate"),
            ("_cursor", "x"),
        ],
    );
    assert_eq!(shaped.count, limits::PAGE_MAX);
    assert_eq!(shaped.sort, [(SortKey::Date(number::DATE), true), (SortKey::LastUpdated, false)]);
    assert_eq!((shaped.total, shaped.cursor.as_deref()), (Total::Accurate, Some("x")));
    assert_eq!(
        shaped.pairs,
        pairs(&[("_count", "1000"), ("_sort", "-date,_lastUpdated"), ("_total", "accurate")])
    );
    assert_eq!(search(ResourceType::Observation, &[("_count", "0")]).count, 0);
}

#[test]
fn ids_and_last_updated_are_on_every_type() {
    for resource_type in ResourceType::all() {
        let search = search(resource_type, &[("_id", "a,b"), ("_lastUpdated", "gt2020-01-01T00:00:00Z")]);
        assert!(search.filters[0] == Filter::Id(vec!["a".into(), "b".into()]));
        assert!(matches!(&search.filters[1], Filter::LastUpdated(any) if any.len() == 1));
    }
}

#[test]
fn what_is_unknown_or_unsupported_is_refused_by_name() {
    for (name, text) in [
        ("colour", "red"),
        ("family", "x"),
        ("Status", "final"),
        ("", "x"),
        ("status:not", "final"),
        ("code:text", "x"),
        ("date:missing", "true"),
        ("subject:identifier", "a|b"),
        ("subject:Zebra", "1"),
        ("subject.name", "x"),
        ("subject:Patient.name", "x"),
        ("_has:Observation:patient:code", "x"),
        ("_include", "Observation:patient"),
        ("_id:exact", "1"),
        ("_count:max", "1"),
        ("_summary", "count"),
    ] {
        let issue = issue(ResourceType::Observation, name, text);
        assert_eq!((issue.code, issue.expression.as_deref()), (IssueType::NotSupported, Some(name)));
        assert!(issue.diagnostics.starts_with(&format!("parameter `{name}`: ")));
        let lenient =
            parse(ResourceType::Observation, &pairs(&[(name, text), ("status", "final")]), Handling::Lenient);
        let lenient = lenient.unwrap();
        assert_eq!((lenient.ignored, lenient.filters.len()), (vec![name.to_owned()], 1));
        assert_eq!(lenient.pairs, pairs(&[("status", "final")]));
    }
}

#[test]
fn a_bad_value_is_refused_under_any_handling_and_not_repeated() {
    for (name, text) in [
        ("status", ""),
        ("status", "final,"),
        ("status", ",final"),
        ("status", "a,,b"),
        ("code", "|"),
        ("code", r"a\b"),
        ("code", "a\\"),
        ("date", "yesterday"),
        ("date", "2015-02-30"),
        ("date", "2015-02-07T13:28:17 05:00"),
        ("_lastUpdated", "xx2015"),
        ("_id", "a b"),
        ("_id", ""),
        ("subject", "Zebra/1"),
        ("subject", "a b"),
        ("subject:Patient", "Group/1"),
        ("encounter:Patient", "1"),
        ("_count", ""),
        ("_count", "-1"),
        ("_count", "1.5"),
        ("_count", "ten"),
        ("_total", "yes"),
        ("_cursor", ""),
    ] {
        let issue = issue(ResourceType::Observation, name, text);
        assert_eq!(
            (issue.code, issue.expression.as_deref()),
            (IssueType::Value, Some(name)),
            "{name}={text}"
        );
        assert!(text.len() < 2 || !issue.diagnostics.contains(text), "{}", issue.diagnostics);
        assert!(parse(ResourceType::Observation, &pairs(&[(name, text)]), Handling::Lenient).is_err());
    }
    assert_eq!(issue(ResourceType::Patient, "name", "--").code, IssueType::Value);
    assert_eq!(issue(ResourceType::Task, "subject", "1").code, IssueType::Value);
    assert_eq!(
        issue(ResourceType::Observation, "subject", "http://a/Patient/1").code,
        IssueType::NotSupported
    );
    assert_eq!(
        issue(ResourceType::Observation, "subject", "Patient/1/_history/2").code,
        IssueType::NotSupported
    );
    assert_eq!(issue(ResourceType::Observation, "_sort", "status").code, IssueType::NotSupported);
    assert_eq!(issue(ResourceType::Condition, "_sort", "date").code, IssueType::NotSupported);
    assert_eq!(issue(ResourceType::Observation, "_sort", "date,-date").code, IssueType::Value);
    assert_eq!(issue(ResourceType::Observation, "_sort", "").code, IssueType::NotSupported);
}

#[test]
fn all_issues_are_told_at_once() {
    let list =
        pairs(&[("colour", "red"), ("date", "x"), ("_count", "x"), ("_sort", "-date"), ("_sort", "date")]);
    let issues = parse(ResourceType::Observation, &list, Handling::Strict).unwrap_err();
    let named: Vec<_> = issues.iter().filter_map(|i| i.expression.as_deref()).collect();
    assert_eq!(named, ["colour", "date", "_count", "_sort"]);
}

#[test]
fn limits_hold() {
    let list = |count| vec!["final"; count].join(",");
    let most = limits::SEARCH_ALTERNATIVES;
    assert_eq!(filter_of(ResourceType::Observation, "status", &list(most)).alternatives(), most);
    assert_eq!(issue(ResourceType::Observation, "status", &list(most + 1)).code, IssueType::TooCostly);
    let many = |count| pairs(&vec![("status", "final"); count]);
    let most = limits::SEARCH_PARAMETERS;
    assert!(parse(ResourceType::Observation, &many(most), Handling::Strict).is_ok());
    let issues = parse(ResourceType::Observation, &many(most + 1), Handling::Strict).unwrap_err();
    assert_eq!(issues[0].code, IssueType::TooCostly);
}

#[test]
fn criteria_of_a_condition_have_equality_only() {
    let first = |list: &[(&str, &str)]| {
        search(ResourceType::Patient, list).unconditional_parameter().map(str::to_owned)
    };
    assert_eq!(first(&[("identifier", "a|b"), ("name", "roe"), ("_id", "1")]), None);
    assert_eq!(first(&[("identifier", "a|b,a|c")]).as_deref(), Some("identifier"));
    assert_eq!(first(&[("birthdate", "1970")]).as_deref(), Some("birthdate"));
    assert_eq!(first(&[("_lastUpdated", "1970")]).as_deref(), Some("_lastUpdated"));
    assert_eq!(first(&[("identifier", "a|b"), ("_count", "1")]).as_deref(), Some("_count"));
    assert_eq!(first(&[("identifier", "a|b"), ("_cursor", "1")]).as_deref(), Some("_cursor"));
}

#[test]
fn debug_shows_no_value() {
    let shown = format!("{:?}", search(ResourceType::Patient, &[("name", "roe"), ("identifier", "ssn|123")]));
    assert!(!shown.contains("roe") && !shown.contains("123"), "{shown}");
}

proptest! {
    #[test]
    fn any_query_is_answered(
        code in "_id|_lastUpdated|_sort|_count|code|status|date|subject|patient|category|\\PC{0,8}",
        modifier in "(:(Patient|Group|not|\\PC{0,4}))?",
        text in "[a-zP/0-9|,$:. -]{0,20}|\\PC{0,20}|[|,\\\\a]{0,6}",
    ) {
        let list = [(format!("{code}{modifier}"), text)];
        match parse(ResourceType::Observation, &list, Handling::Strict) {
            Ok(search) => prop_assert!(search.filters.iter().all(|filter| filter.alternatives() > 0)),
            Err(issues) => prop_assert_eq!(issues.len(), 1),
        }
    }
}
