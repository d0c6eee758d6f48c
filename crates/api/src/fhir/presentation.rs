//! How the client wants its answer: `Accept`, `_format` and `_pretty`.

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, StatusCode, request};
use fhir::outcome::{Issue, IssueType};

use super::{joined, query};
use crate::failure::Failure;

/// The form of the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Presentation {
    /// Whether to indent it.
    pub(crate) pretty: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Presentation {
    type Rejection = Failure;

    /// For interactions that know no further parameter: every other one is refused by name.
    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Presentation, Failure> {
        let (presentation, rest) = Presentation::take(parts)?;
        match rest.first() {
            None => Ok(presentation),
            Some((name, _)) => Err(unknown_parameter(name)),
        }
    }
}

/// 400 that names the parameter.
pub(super) fn unknown_parameter(name: &str) -> Failure {
    let shown = query::shown(name);
    let issue = Issue::error(IssueType::NotSupported, format!("the parameter {shown} is not supported here"));
    Failure::invalid_with(vec![issue.at(shown)])
}

impl Presentation {
    /// The presentation, and the URL's other parameters.
    ///
    /// # Errors
    /// 406 where nothing that can be made is accepted; 400 where the query cannot be read.
    pub(super) fn take(parts: &request::Parts) -> Result<(Presentation, Vec<(String, String)>), Failure> {
        Presentation::of(&parts.headers, query::decode(parts.uri.query().unwrap_or_default())?)
    }

    /// The same from pairs that are decoded already.
    pub(super) fn of(
        headers: &HeaderMap,
        pairs: Vec<(String, String)>,
    ) -> Result<(Presentation, Vec<(String, String)>), Failure> {
        let mut presentation = Presentation::default();
        let mut format = None;
        let mut rest = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            match name.as_str() {
                "_format" => format = Some(value),
                "_pretty" => presentation.pretty = pretty(&value)?,
                _ => rest.push((name, value)),
            }
        }
        let acceptable = match format {
            // The parameter takes the header's place (R4 http, 3.1.0.1.11).
            Some(format) => ["json", "text/json"].contains(&format.as_str()) || is_ours(&format),
            None => joined(headers, "accept")?.is_none_or(|accept| accept.split(',').any(accepts)),
        };
        if acceptable { Ok((presentation, rest)) } else { Err(not_acceptable()) }
    }
}

fn pretty(value: &str) -> Result<bool, Failure> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Failure::invalid("_pretty is true or false")),
    }
}

fn not_acceptable() -> Failure {
    Failure::new(
        StatusCode::NOT_ACCEPTABLE,
        IssueType::NotSupported,
        "the only format is application/fhir+json",
    )
}

/// Whether this media range of an `Accept` header admits our format (RFC 9110, section 12.5.1).
fn accepts(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default();
    let refused = parts.any(|parameter| {
        parameter
            .strip_prefix("q=")
            .is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight == 0.0))
    });
    !refused && (["*/*", "application/*", "text/json"].contains(&media_type) || is_ours(media_type))
}

fn is_ours(media_type: &str) -> bool {
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    // A plus sign in a URL means a space unless it is escaped; clients forget that here more often than not.
    ["application/fhir+json", "application/json", "application/fhir json"]
        .iter()
        .any(|ours| ours.eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn with(accept: Option<&str>, query: &str) -> Result<Presentation, StatusCode> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert("accept", HeaderValue::from_str(accept).unwrap());
        }
        let pairs = query::decode(query).unwrap();
        Presentation::of(&headers, pairs).map(|(presentation, _)| presentation).map_err(|f| f.status())
    }

    #[test]
    fn json_is_given_to_whoever_can_take_it() {
        for accept in ["*/*", "application/fhir+json", "text/html, application/json;q=0.1", "application/*"] {
            assert!(with(Some(accept), "").is_ok(), "{accept}");
        }
        assert!(with(None, "").is_ok());
        assert!(with(Some("application/fhir+xml"), "_format=json").is_ok());
        assert!(with(None, "_format=application/fhir+json").is_ok());
    }

    #[test]
    fn an_accept_or_format_without_json_is_406() {
        for accept in ["application/fhir+xml", "text/html", "application/json;q=0", ""] {
            assert_eq!(with(Some(accept), ""), Err(StatusCode::NOT_ACCEPTABLE), "{accept}");
        }
        assert_eq!(with(Some("*/*"), "_format=xml"), Err(StatusCode::NOT_ACCEPTABLE));
    }

    #[test]
    fn pretty_is_true_or_false() {
        assert_eq!(with(None, "_pretty=true"), Ok(Presentation { pretty: true }));
        assert_eq!(with(None, "_pretty=yes"), Err(StatusCode::BAD_REQUEST));
    }
}
