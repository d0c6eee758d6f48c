//! Who and what the examples of the API's document speak of, so that all of them speak of the same. None of it exists.

use schemars::Schema;
use serde_json::Value;

/// A patient.
pub const PATIENT: &str = "01a1fd70-f1c0-7269-af2a-74de452e6b43";
/// Another registration of the same person.
pub const TWIN: &str = "01a1fd7b-03e0-70c5-8a6a-3a4506513270";
/// An entry of the patient's chart.
pub const RECORD: &str = "01a1fd73-b0e0-7160-8099-950d836f675c";
/// An Observation.
pub const OBSERVATION: &str = "01a1fd74-9b40-7d3a-80f2-1ddb66cad4a2";
/// Who wrote it down.
pub const ACCOUNT: &str = "019cad8f-ac00-7892-bd23-f0824128b2f3";
/// For whom.
pub const ORGANIZATION: &str = "019cad8b-1820-7953-95d9-dc9f81818e81";
/// When.
pub const AT: &str = "2026-11-21T09:33:00Z";

/// Adds these members to each example of a type: to those of a type that is flattened into it, what it says itself.
pub fn extend(schema: &mut Schema, with: &Value) {
    let examples = schema.get_mut("examples").and_then(Value::as_array_mut);
    for example in examples.into_iter().flatten().filter_map(Value::as_object_mut) {
        example.extend(with.as_object().cloned().unwrap_or_default());
    }
}
