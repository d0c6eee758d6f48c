//! JSON into one of our own shapes; a refusal names the member that is wrong, and never a value.

use fhir::outcome::{Issue, IssueType};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_path_to_error::{Path, Segment};

use super::objects::{LIST, Objects};
use crate::failure::Failure;

/// Reads the whole body.
///
/// # Errors
/// 400 where it is no JSON, 422 where it has another shape.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value =
        serde_path_to_error::deserialize(Objects(&mut deserializer)).map_err(|error| refuse(error, bytes))?;
    deserializer.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

/// The parser's own message quotes values, and a value may be a password or a name: only its kind is told.
fn refuse(error: serde_path_to_error::Error<serde_json::Error>, bytes: &[u8]) -> Failure {
    let mut pointer = pointer(error.path());
    let inner = error.into_inner();
    // The parser also calls it a fault of syntax where a number stands in the place of a name.
    if !inner.is_data() && serde_json::from_slice::<IgnoredAny>(bytes).is_err() {
        return not_json(&inner);
    }
    let message = inner.to_string();
    let quoted = |before| message.strip_prefix(before)?.split('`').next();
    let (code, detail) = if let Some(name) = quoted("missing field `") {
        push(&mut pointer, name);
        (IssueType::Required, "this member is needed")
    } else if message.starts_with("unknown field") {
        (IssueType::Structure, "there is no such member")
    } else if message.starts_with("unknown variant") {
        (IssueType::Value, "this is none of the values that it may have")
    } else if message.starts_with(LIST) {
        (IssueType::Structure, "this is a list and should be an object")
    } else if let Some(name) = quoted("duplicate field `") {
        push(&mut pointer, name);
        (IssueType::Structure, "this member is given more than once")
    } else {
        (IssueType::Value, "this has another type or form than it should")
    };
    let place = if pointer.is_empty() { "/".to_owned() } else { pointer };
    Failure::unprocessable(vec![Issue::error(code, detail).at(place)])
}

fn not_json(error: &serde_json::Error) -> Failure {
    Failure::invalid(format!("the body is not JSON: see line {}, column {}", error.line(), error.column()))
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => push(&mut pointer, &index.to_string()),
            Segment::Map { key } => push(&mut pointer, key),
            Segment::Enum { variant } => push(&mut pointer, variant),
            Segment::Unknown => {}
        }
    }
    pointer
}

/// Adds a segment, escaped (RFC 6901, section 3).
fn push(pointer: &mut String, segment: &str) {
    pointer.push('/');
    pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Body {
        name: String,
        #[serde(default)]
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Item {
        count: u8,
        #[serde(default)]
        inner: Option<Box<Item>>,
    }

    fn place(json: &str) -> (u16, Option<String>) {
        let failure = parse::<Body>(json.as_bytes()).unwrap_err();
        assert!(!failure.issues[0].diagnostics.contains("secret"), "{failure:?}");
        (failure.status.as_u16(), failure.issues[0].expression.clone())
    }

    #[test]
    fn the_wrong_member_is_named_and_no_value_is_quoted() {
        assert_eq!(place(r#"{"name":["secret"]}"#), (422, Some("/name".into())));
        assert_eq!(place(r#"{}"#), (422, Some("/name".into())));
        assert_eq!(
            place(r#"{"name":"a","items":[{"count":1},{"count":"secret"}]}"#),
            (422, Some("/items/1/count".into()))
        );
        assert_eq!(
            place(r#"{"name":"a","items":[{"count":1,"a/b":2}]}"#),
            (422, Some("/items/0/a~1b".into()))
        );
        assert_eq!(place("7"), (422, Some("/".into())));
        assert_eq!(place(r#"["secret"]"#), (422, Some("/".into())));
        assert_eq!(place(r#"{"name":"a","name":"secret"}"#), (422, Some("/name".into())));
    }

    #[test]
    fn a_list_in_the_place_of_an_object_is_named_wherever_it_stands() {
        let lists = [
            (r#"["secret",[]]"#, "/"),
            (r#"{"name":"a","items":[{"count":1},[7]]}"#, "/items/1"),
            (r#"{"name":"a","items":[{"count":1,"inner":{"count":1,"inner":[7]}}]}"#, "/items/0/inner/inner"),
        ];
        for (json, pointer) in lists {
            let failure = parse::<Body>(json.as_bytes()).unwrap_err();
            let issue = &failure.issues[0];
            assert_eq!(
                (failure.status.as_u16(), issue.expression.as_deref()),
                (422, Some(pointer)),
                "{json}"
            );
            assert_eq!(issue.diagnostics, "this is a list and should be an object");
        }
    }

    #[test]
    fn what_is_no_json_or_more_than_one_value_is_a_bad_request() {
        assert_eq!(place("{").0, 400);
        assert_eq!(place(r#"{"name":"a"} {"#).0, 400);
    }
}
