//! The one value that every refusal becomes, before anything decides how it looks.
//!
//! Handlers, extractors and the guard answer with a [`Failure`]; the edge (`crate::edge`) renders it as
//! problem+json (RFC 9457) or, under the FHIR base, as an OperationOutcome, and logs its cause once.

use std::borrow::Cow;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use domain::StoreError;
use domain::fault::{Fault, Faults};
use fhir::outcome::{Issue, IssueType};
use services::record::Refusal;

/// Why a request is not answered as asked.
#[derive(Clone, Debug)]
pub struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) issues: Vec<Issue>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// What the log says beside the issues: an error's chain, free of PHI.
    pub(crate) cause: Option<String>,
}

impl Failure {
    /// A refusal with one issue. `diagnostics` reaches the client: it never quotes a stored value.
    pub fn new(status: StatusCode, code: IssueType, diagnostics: impl Into<Cow<'static, str>>) -> Failure {
        let issue = Issue::error(code, diagnostics.into());
        Failure { status, issues: vec![issue], headers: Vec::new(), cause: None }
    }

    /// 400: the request cannot be understood.
    pub fn invalid(diagnostics: impl Into<Cow<'static, str>>) -> Failure {
        Failure::new(StatusCode::BAD_REQUEST, IssueType::Invalid, diagnostics)
    }

    /// 400 with these issues.
    pub fn invalid_with(issues: Vec<Issue>) -> Failure {
        Failure { status: StatusCode::BAD_REQUEST, issues, headers: Vec::new(), cause: None }
    }

    /// 422 with these issues: the request is understood, and cannot be.
    pub fn unprocessable(issues: Vec<Issue>) -> Failure {
        Failure { status: StatusCode::UNPROCESSABLE_ENTITY, ..Failure::invalid_with(issues) }
    }

    /// 422 about one member of the body.
    pub fn of_member(pointer: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Failure {
        Failure::unprocessable(vec![Issue::error(IssueType::Value, detail.into()).at(pointer.into())])
    }

    /// 404.
    pub fn missing(diagnostics: impl Into<Cow<'static, str>>) -> Failure {
        Failure::new(StatusCode::NOT_FOUND, IssueType::NotFound, diagnostics)
    }

    /// 500: a defect of ours. The client learns the request's id and nothing else.
    pub fn defect(cause: impl Into<String>) -> Failure {
        let mut failure = Failure::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            IssueType::Exception,
            "the server met a defect of its own; its log knows this request by its id",
        );
        failure.cause = Some(cause.into());
        failure
    }

    /// 503 with `Retry-After`, seconds.
    pub fn busy(seconds: u32, diagnostics: impl Into<Cow<'static, str>>) -> Failure {
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, IssueType::Transient, diagnostics)
            .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The same, under another code: its status is often given for several reasons.
    #[must_use]
    pub fn coded(mut self, code: IssueType) -> Failure {
        for issue in &mut self.issues {
            issue.code = code;
        }
        self
    }

    /// The same, with a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Failure {
        self.headers.push((name, value));
        self
    }

    /// The same, with what the log shall say.
    #[must_use]
    pub fn because(mut self, cause: impl ToString) -> Failure {
        self.cause = Some(cause.to_string());
        self
    }

    /// The status it will be answered with.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

/// 422 with every member that is wrong.
impl From<Faults> for Failure {
    fn from(faults: Faults) -> Failure {
        let issue = |fault: &Fault| {
            // The whole body is the empty pointer, which nothing would show.
            let place = if fault.pointer.is_empty() { "/" } else { &fault.pointer };
            Issue::error(IssueType::Value, fault.detail.clone()).at(place.to_owned())
        };
        Failure::unprocessable(faults.list().iter().map(issue).collect())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        match StatusCode::from_u16(refusal.status) {
            Ok(status) if !refusal.issues.is_empty() => {
                Failure { status, issues: refusal.issues, headers: Vec::new(), cause: None }
            }
            _ => Failure::defect(format!("a refusal with status {} and no issue", refusal.status)),
        }
    }
}

/// The one place that turns what a store says into a status.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match &error {
            StoreError::Unavailable { database } => {
                Failure::busy(2, format!("the {database} database does not answer at present")).because(&error)
            }
            StoreError::Exhausted { database } => {
                let busy = format!("more requests need the {database} database than it can answer at present");
                Failure::busy(1, busy).coded(IssueType::Throttled).because(&error)
            }
            StoreError::Contended { .. } => {
                let busy = "another transaction holds what this one needs";
                Failure::busy(1, busy).coded(IssueType::LockError).because(&error)
            }
            StoreError::TooCostly { .. } => Failure::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                IssueType::TooCostly,
                "the request takes longer than the server allows: name a patient, a code or a shorter time",
            ),
            StoreError::Constraint { name } if name == "cursor" => {
                Failure::invalid("the cursor is none that this list gave").coded(IssueType::Value)
            }
            StoreError::Constraint { name } => Failure::new(
                StatusCode::CONFLICT,
                IssueType::Conflict,
                format!("the rule {name} refuses this"),
            ),
            // No Retry-After: the commit is decided, and repeating the request could do its work twice.
            StoreError::InDoubt { transaction } => Failure::new(
                StatusCode::SERVICE_UNAVAILABLE,
                IssueType::Transient,
                format!(
                    "transaction {transaction} is not confirmed by every database yet; it ends by itself, wholly done \
                     or not at all: look before repeating it"
                ),
            )
            .because(&error),
            StoreError::Corrupt { .. } | StoreError::OutsideTouches { .. } | StoreError::Unexpected { .. } => {
                Failure::defect(error.to_string())
            }
        }
    }
}

/// The failure itself, unrendered: it travels to the edge in the response's extensions.
impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Database, TransactionId};

    use super::*;

    #[test]
    fn a_database_that_is_down_asks_to_come_back_later() {
        let failure = Failure::from(StoreError::Unavailable { database: Database::Phi });
        assert_eq!(failure.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(failure.headers.iter().any(|(name, _)| name == header::RETRY_AFTER));
    }

    #[test]
    fn a_commit_in_doubt_names_its_transaction_and_does_not_invite_a_repeat() {
        let transaction = TransactionId::generate();
        let failure = Failure::from(StoreError::InDoubt { transaction });
        assert!(failure.issues[0].diagnostics.contains(&transaction.to_string()));
        assert!(failure.headers.is_empty());
    }

    #[test]
    fn a_defect_tells_the_client_nothing_of_its_cause() {
        let failure = Failure::from(StoreError::Corrupt { table: "record.resource" });
        assert_eq!(failure.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!failure.issues[0].diagnostics.contains("record.resource"));
        assert!(failure.cause.is_some_and(|cause| cause.contains("record.resource")));
    }
}
