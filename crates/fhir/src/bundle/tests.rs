use super::*;
use crate::outcome::IssueType;

fn refused(text: &str) -> Vec<(IssueType, String)> {
    let issues = parse(text.as_bytes()).map(|bundle| bundle.entries.len()).expect_err(text);
    issues.into_iter().map(|i| (i.code, i.expression.unwrap_or_default())).collect()
}

fn transaction(entries: &str) -> String {
    format!(r#"{{"entry":[{entries}],"type":"transaction","resourceType":"Bundle"}}"#)
}

#[test]
fn a_transaction_is_read_with_its_resources_left_as_text() {
    let text = r#"{"resourceType":"Bundle","id":"b","type":"transaction","entry":[
        {"fullUrl":"urn:uuid:1","resource": {"resourceType":"Patient","multipleBirthInteger":1.0} ,
         "request":{"method":"POST","url":"Pat\u0069ent","ifNoneExist":"identifier=a|b"}},
        {"request":{"method":"GET","url":"Patient/1","ifNoneMatch":"W/\"1\""}},
        {"resource":{},"request":{"method":"PUT","url":"/Patient/1","ifMatch":"W/\"2\"","id":"x"},
         "link":[]}]}"#;
    let bundle = parse(text.as_bytes()).unwrap();
    assert_eq!(bundle.kind, BundleKind::Transaction);
    let [create, read, update] = bundle.entries.as_slice() else { panic!("three entries") };
    assert_eq!(create.full_url.as_deref(), Some("urn:uuid:1"));
    assert_eq!(
        create.resource.map(RawValue::get),
        Some(r#"{"resourceType":"Patient","multipleBirthInteger":1.0}"#)
    );
    assert_eq!((create.method, &*create.url), (Method::Post, "Patient"));
    assert_eq!(create.if_none_exist.as_deref(), Some("identifier=a|b"));
    assert_eq!((read.index, read.method, read.if_none_match.as_deref()), (1, Method::Get, Some("W/\"1\"")));
    assert!(read.resource.is_none());
    assert_eq!((update.index, update.method, update.if_match.as_deref()), (2, Method::Put, Some("W/\"2\"")));
}

#[test]
fn a_bundle_without_entries_is_one() {
    let bundle = parse(br#"{"resourceType":"Bundle","type":"batch"}"#).unwrap();
    assert_eq!((bundle.kind, bundle.entries.len()), (BundleKind::Batch, 0));
}

#[test]
fn each_bad_entry_is_named() {
    use IssueType::*;
    let good = r#"{"resource":{},"request":{"method":"POST","url":"Patient"}}"#;
    for (entry, code, expression) in [
        ("7", Structure, ""),
        ("{}", Required, ".request"),
        (r#"{"request":[]}"#, Structure, ".request"),
        (r#"{"request":{"url":"Patient/1"}}"#, Required, ".request.method"),
        (r#"{"request":{"method":"get","url":"Patient/1"}}"#, CodeInvalid, ".request.method"),
        (r#"{"request":{"method":"GET"}}"#, Required, ".request.url"),
        (r#"{"request":{"method":"GET","url":""}}"#, Required, ".request.url"),
        (r#"{"request":{"method":"GET","url":"Patient","foo":1}}"#, Structure, ".request.foo"),
        (r#"{"request":{"method":"GET","url":"Patient","ifMatch":1}}"#, Structure, ".request.ifMatch"),
        (r#"{"request":{"method":"POST","url":"Patient"}}"#, Required, ".resource"),
        (r#"{"resource":null,"request":{"method":"GET","url":"Patient"}}"#, Structure, ".resource"),
        (r#"{"resource":{},"request":{"method":"DELETE","url":"Patient/1"}}"#, Invalid, ".resource"),
        (r#"{"request":{"method":"GET","url":"P","ifNoneExist":"a=b"}}"#, Invalid, ".request.ifNoneExist"),
        (r#"{"fullUrl":"Patient/1","request":{"method":"GET","url":"P"}}"#, Value, ".fullUrl"),
        (
            r#"{"fullUrl":"http://a/P/1/_history/2","request":{"method":"GET","url":"P"}}"#,
            Invariant,
            ".fullUrl",
        ),
        (r#"{"search":{},"request":{"method":"GET","url":"P"}}"#, Invariant, ".search"),
        (r#"{"response":{},"request":{"method":"GET","url":"P"}}"#, Invariant, ".response"),
        (r#"{"Resource":{},"request":{"method":"GET","url":"P"}}"#, Structure, ".Resource"),
    ] {
        let issues = refused(&transaction(&format!("{good},{entry}")));
        assert_eq!(issues[0], (code, format!("Bundle.entry[1]{expression}")), "{entry}");
    }
}

#[test]
fn every_bad_entry_is_told_but_no_more_than_a_hundred() {
    assert_eq!(refused(&transaction("{},{}")).len(), 2);
    assert_eq!(refused(&transaction(&vec!["{}"; 200].join(","))).len(), 100);
}

#[test]
fn one_full_url_is_for_one_entry() {
    let entry = r#"{"fullUrl":"urn:uuid:1","resource":{},"request":{"method":"POST","url":"Patient"}}"#;
    let issues = refused(&transaction(&[entry, entry].join(",")));
    assert_eq!(issues, [(IssueType::Duplicate, "Bundle.entry[1].fullUrl".to_owned())]);
}

#[test]
fn what_is_no_batch_or_transaction_is_refused() {
    for (text, expression) in [
        ("[]", "Bundle.resourceType"),
        ("{}", "Bundle.resourceType"),
        (r#"{"resourceType":"Patient"}"#, "Bundle.resourceType"),
        (r#"{"resourceType":"Bundle"}"#, "Bundle.type"),
        (r#"{"resourceType":"Bundle","type":7}"#, "Bundle.type"),
        (r#"{"resourceType":"Bundle","type":"collection","entry":[{"resource":{}}]}"#, "Bundle.type"),
        (r#"{"resourceType":"Bundle","type":"document"}"#, "Bundle.type"),
        (r#"{"resourceType":"Bundle","type":"batch","entry":{}}"#, "Bundle.entry"),
        (r#"{"resourceType":"Bundle","type":"batch","text":{}}"#, "Bundle.text"),
    ] {
        assert_eq!(refused(text)[0].1, expression, "{text}");
    }
}

#[test]
fn too_many_entries_are_counted_and_refused() {
    let entry = r#"{"request":{"method":"GET","url":"Patient"}}"#;
    let most = kernel::limits::BUNDLE_ENTRIES;
    assert_eq!(
        parse(transaction(&vec![entry; most].join(",")).as_bytes()).map(|b| b.entries.len()).ok(),
        Some(most)
    );
    let issues = refused(&transaction(&vec![entry; most + 1].join(",")));
    assert_eq!(issues, [(IssueType::TooCostly, "Bundle.entry".to_owned())]);
}

#[test]
fn the_rules_of_json_hold_for_the_whole() {
    let deep = "[".repeat(10_000);
    for inside in
        [r#""a":1,"a":2"#, r#""a":"\u0000""#, r#""a":"\ud800""#, &format!("\"a\":{deep}"), "\"a\":1e1000"]
    {
        let text =
            transaction(&format!(r#"{{"resource":{{{inside}}},"request":{{"method":"POST","url":"P"}}}}"#));
        let issues = parse(text.as_bytes()).map(|b| b.entries.len()).unwrap_err();
        assert_eq!((issues.len(), issues[0].code), (1, IssueType::Structure), "{inside:.40}");
        assert!(issues[0].diagnostics.starts_with("line 1, column "), "{}", issues[0].diagnostics);
    }
}
