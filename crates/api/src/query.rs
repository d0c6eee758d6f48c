//! Query parameters of the typed door.

use axum::extract::FromRequestParts;
use axum::http::request;
use fhir::outcome::{Issue, IssueType};
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// The query as one of our own shapes. A parameter that is unknown or malformed is refused by name.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Query<T>, Failure> {
        parse(parts.uri.query().unwrap_or_default()).map(Query)
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, Failure> {
    // The form's own reader takes broken escapes and UTF-8 for what they resemble.
    fhir::search::decode(query).map_err(|error| Failure::invalid(error.to_string()))?;
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let mut name = error.path().to_string();
        let message = error.into_inner().to_string();
        let named = |prefix| message.strip_prefix(prefix)?.split('`').next();
        let detail = if let Some(unknown) = named("unknown field `") {
            name = unknown.to_owned();
            "there is no such parameter"
        } else if let Some(missing) = named("missing field `") {
            name = missing.to_owned();
            "this parameter is needed"
        } else if let Some(twice) = named("duplicate field `") {
            name = twice.to_owned();
            "this parameter may be given once"
        } else {
            "this parameter has another form than it should"
        };
        let shown = fhir::search::shown(&name);
        let issue = Issue::error(IssueType::Value, format!("{shown}: {detail}")).at(shown);
        Failure::invalid_with(vec![issue])
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Page {
        limit: Option<u32>,
        name: Option<String>,
    }

    fn place(query: &str) -> String {
        let failure = parse::<Page>(query).unwrap_err();
        assert_eq!(failure.status.as_u16(), 400);
        assert!(!failure.issues[0].diagnostics.contains("secret"));
        failure.issues[0].expression.clone().unwrap_or_default()
    }

    #[test]
    fn parameters_are_read_by_name_and_type() {
        let page = parse::<Page>("limit=7&name=a%20b+c").unwrap();
        assert_eq!(page, Page { limit: Some(7), name: Some("a b c".to_owned()) });
        assert_eq!(parse::<Page>("").unwrap(), Page { limit: None, name: None });
    }

    #[test]
    fn the_wrong_parameter_is_named_and_no_value_is_quoted() {
        assert_eq!(place("limit=secret"), "limit");
        assert_eq!(place("shoesize=secret"), "shoesize");
        assert_eq!(place("name=secret&name=secret"), "name");
        assert_eq!(place("name=%ff"), "");
    }
}
