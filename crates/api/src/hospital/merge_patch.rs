//! JSON merge patch (RFC 7396).

use serde_json::{Map, Value};

use crate::body::shaped;
use crate::failure::Failure;
use fhir::outcome::{Issue, IssueType};

/// What a document becomes under a patch, read as one of our own shapes.
///
/// # Errors
/// 422 where the patch is no object, or names a member that does not exist or cannot be that.
pub(crate) fn patched<T>(document: &T, patch: Value) -> Result<T, Failure>
where
    T: serde::Serialize + serde::de::DeserializeOwned,
{
    if !patch.is_object() {
        let issue = Issue::error(IssueType::Structure, "a merge patch of this is an object").at("/");
        let mut failure = Failure::invalid_with(vec![issue]);
        failure.status = axum::http::StatusCode::UNPROCESSABLE_ENTITY;
        return Err(failure);
    }
    let mut merged = serde_json::to_value(document).map_err(|error| Failure::defect(error.to_string()))?;
    merge(&mut merged, patch);
    shaped(&merged)
}

fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            target.shift_remove(&name);
        } else {
            merge(target.entry(name).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_examples_of_the_rfc_come_out() {
        for (mut target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            merge(&mut target, patch);
            assert_eq!(target, expected);
        }
    }
}
