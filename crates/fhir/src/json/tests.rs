use proptest::prelude::*;
use serde_json::Value;

use super::JsonErrorKind::*;
use super::*;

fn refused(text: &str) -> JsonErrorKind {
    let error = parse(text.as_bytes()).expect_err(text);
    assert_eq!(check(text.as_bytes()), Err(error), "{text}");
    error.kind
}

#[test]
fn decimals_and_order_come_back_byte_for_byte() {
    let text = r#"{"b":1.0,"a":[0.10,-0,1E5,1e+5,2.50e-3,123456789012345678901234567890.10],"é":"\u00e9😀"}"#;
    let value = parse(text.as_bytes()).unwrap();
    let expected = text.replace("\\u00e9", "é");
    assert_eq!(value.to_string(), expected);
}

#[test]
fn each_rule_is_kept() {
    let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(parse(deep(kernel::limits::JSON_DEPTH).as_bytes()).is_ok());
    assert_eq!(refused(&deep(kernel::limits::JSON_DEPTH + 1)), TooDeep);
    assert_eq!(refused(&"[".repeat(10_000)), TooDeep);
    assert_eq!(refused(&"{\"a\":".repeat(10_000)), TooDeep);
    let long = "1".repeat(kernel::limits::JSON_NUMBER_CHARACTERS);
    assert!(parse(long.as_bytes()).is_ok());
    assert_eq!(refused(&format!("{long}0")), NumberTooLong);
    assert!(parse(b"[1e999,1e-999,1e+0000999]").is_ok());
    for (text, kind) in [
        ("", UnexpectedEnd),
        (" ", UnexpectedEnd),
        ("{", UnexpectedEnd),
        ("[1,", UnexpectedEnd),
        ("\"a", UnexpectedEnd),
        ("tru", UnexpectedEnd),
        ("1e", UnexpectedEnd),
        ("-", UnexpectedEnd),
        ("\"\\u12", UnexpectedEnd),
        ("{\"a\":1,\"a\":2}", DuplicateKey),
        ("{\"a\":1,\"\\u0061\":2}", DuplicateKey),
        ("\"\\u0000\"", Nul),
        ("\"\0\"", Nul),
        ("\"a\nb\"", ControlCharacter),
        ("\"\\x\"", BadEscape),
        ("\"\\u12g4\"", BadEscape),
        ("\"\\ud800\"", LoneSurrogate),
        ("\"\\udc00\"", LoneSurrogate),
        ("\"\\ud800\\ud800\"", LoneSurrogate),
        ("\"\\ud800x\"", LoneSurrogate),
        ("1e1000", ExponentTooLarge),
        ("1e-00001000", ExponentTooLarge),
        ("1 2", TrailingContent),
        ("{}x", TrailingContent),
        ("[1,]", Expected("a value")),
        ("[1 2]", Expected("`,` or `]`")),
        ("{\"a\":1,}", Expected("a property name")),
        ("{\"a\" 1}", Expected("`:`")),
        ("{\"a\":1 \"b\":2}", Expected("`,` or `}`")),
        ("{a:1}", Expected("a property name")),
        ("'a'", Expected("a value")),
        ("NaN", Expected("a value")),
        ("nulL", Expected("a value")),
        ("+1", Expected("a value")),
        ("01", Expected("no digit after a leading zero")),
        ("1.", UnexpectedEnd),
        ("[1.]", Expected("a digit")),
        ("[.5]", Expected("a value")),
        ("\u{feff}{}", Expected("a value")),
    ] {
        assert_eq!(refused(text), kind, "{text:?}");
    }
    assert_eq!(parse(b"\"\xff\"").map_err(|e| e.kind), Err(NotUtf8));
    assert_eq!(parse(b"\"\xed\xa0\x80\"").map_err(|e| e.kind), Err(NotUtf8));
}

#[test]
fn an_error_says_where_and_nothing_of_the_document() {
    let error = parse("{\n  \"näme\": \"Jane\",\n  \"näme\": \"Roe\"\n}".as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "line 3, column 3: the object has a property twice");
    let error = parse(b"[\"ab\xff\"]").unwrap_err();
    assert_eq!((error.line, error.column), (1, 5));
}

#[test]
fn many_properties_are_compared_as_strictly_as_few() {
    for count in [2, 16, 17, 18, 1_000] {
        let keys: Vec<_> = (0..count).map(|n| format!("\"k{n}\":{n}")).collect();
        let unique = format!("{{{}}}", keys.join(","));
        assert_eq!(check(unique.as_bytes()), Ok(()));
        for twice in [0, count - 1] {
            assert_eq!(refused(&format!("{{{},\"k{twice}\":0}}", keys.join(","))), DuplicateKey);
        }
    }
}

#[test]
fn the_magic_keys_of_serde_json_are_keys_like_others() {
    let text = r#"[{"$serde_json::private::Number":"1"},{"$serde_json::private::RawValue":"[]"}]"#;
    let value = parse(text.as_bytes()).unwrap();
    assert_eq!(value[0]["$serde_json::private::Number"], "1");
    assert!(value[1].is_object());
    assert_eq!(value.to_string(), text);
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no NaN", |n| n.is_finite()).prop_map(Value::from),
        "[^\0]*".prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::btree_map("[^\0]{0,6}", inner, 0..8)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_serde_json_writes_is_read_back_as_it_was(value in any_value()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let read = parse(text.as_bytes());
            prop_assert_eq!(read.as_ref(), Ok(&value));
            prop_assert_eq!(check(text.as_bytes()), Ok(()));
        }
    }

    #[test]
    fn what_we_accept_serde_json_accepts_alike(text in r#"[\[\]{},:"\\u0-9a-dDeE.+ \n-]{0,24}"#) {
        let ours = parse(text.as_bytes());
        prop_assert_eq!(check(text.as_bytes()).err(), ours.as_ref().err().copied());
        match (ours, serde_json::from_str::<Value>(&text)) {
            (Ok(ours), Ok(theirs)) => {
                // Exponents alone differ: serde_json does not keep their spelling.
                let again: Value = serde_json::from_str(&ours.to_string()).unwrap();
                prop_assert_eq!(again, theirs);
            }
            (Ok(_), Err(_)) => prop_assert!(false, "accepted what is not JSON"),
            (Err(error), Ok(_)) => prop_assert!(
                matches!(error.kind, Nul | DuplicateKey | TooDeep | NumberTooLong | ExponentTooLarge),
                "refused JSON: {error}"
            ),
            (Err(_), Err(_)) => {}
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(check(&bytes).err(), parse(&bytes).err());
    }
}
