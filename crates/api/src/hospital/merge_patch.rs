//! What one of our own shapes becomes under a JSON merge patch (RFC 7396).

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use services::merge_patch::merge_patch;

use crate::body::shaped;
use crate::failure::Failure;

/// `before` with the members of the patch.
///
/// # Errors
/// 422 where the patch names a member that does not exist, or that cannot be that.
pub(crate) fn patched<T: Serialize + DeserializeOwned>(
    before: &T,
    patch: Map<String, Value>,
) -> Result<T, Failure> {
    let mut value = serde_json::to_value(before).map_err(|error| Failure::defect(error.to_string()))?;
    merge_patch(&mut value, patch);
    shaped(&value)
}
