//! The final wire JSON of a version: the client's resource with the server's `id` and `meta`.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value};

/// The resource as it will be stored and served: `resourceType`, `id` and `meta` first, everything else as posted.
/// `meta` keeps the client's profiles, tags and labels; version and time are the server's.
pub(crate) fn compose(resource: Value, id: &str, version: i32, last_updated: DateTime<Utc>) -> Value {
    let Value::Object(posted) = resource else { return resource };
    let mut composed = Map::with_capacity(posted.len() + 2);
    let mut rest = Vec::with_capacity(posted.len());
    let mut meta = Map::new();
    meta.insert("versionId".to_owned(), version.to_string().into());
    meta.insert("lastUpdated".to_owned(), instant(last_updated).into());
    for (name, value) in posted {
        match (name.as_str(), value) {
            ("resourceType", value) => {
                composed.insert(name, value);
            }
            ("id", _) => {}
            ("meta", Value::Object(posted_meta)) => {
                for (name, value) in posted_meta {
                    if name != "versionId" && name != "lastUpdated" {
                        meta.insert(name, value);
                    }
                }
            }
            (_, value) => rest.push((name, value)),
        }
    }
    composed.insert("id".to_owned(), id.into());
    composed.insert("meta".to_owned(), Value::Object(meta));
    composed.extend(rest);
    Value::Object(composed)
}

/// A FHIR instant in UTC with milliseconds.
pub(super) fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_meta_wins_and_the_clients_tags_stay() {
        let posted: Value = serde_json::from_str(
            r#"{"status":"final","meta":{"versionId":"77","tag":[{"code":"x"}]},"id":"theirs",
                "valueQuantity":{"value":1.00},"resourceType":"Observation"}"#,
        )
        .unwrap();
        let at = DateTime::from_timestamp_millis(1_700_000_000_123).unwrap();
        assert_eq!(
            compose(posted, "ours", 2, at).to_string(),
            r#"{"resourceType":"Observation","id":"ours","meta":{"versionId":"2","lastUpdated":"2023-11-14T22:13:20.123Z","tag":[{"code":"x"}]},"status":"final","valueQuantity":{"value":1.00}}"#
        );
    }
}
