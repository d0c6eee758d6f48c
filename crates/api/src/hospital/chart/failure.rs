//! What refusals of the chart become.

use axum::http::StatusCode;
use fhir::outcome::IssueType;
use services::chart::{ChartError, pointer_of};

use crate::failure::Failure;
use crate::fhir::deleted;

impl Failure {
    /// The same, told in members of the body where it was told in elements of a resource.
    pub(super) fn told(mut self, elements: &[(&str, &'static str)]) -> Failure {
        for issue in &mut self.issues {
            if let Some(pointer) = issue.expression.as_deref().and_then(|it| pointer_of(it, elements)) {
                issue.expression = Some(pointer.to_owned());
            }
        }
        self
    }
}

impl From<ChartError> for Failure {
    fn from(error: ChartError) -> Failure {
        match error {
            ChartError::Missing(noun) => Failure::missing(format!("there is no such {noun}")),
            ChartError::Gone { version, .. } => deleted(error.to_string(), version),
            ChartError::Stale { .. } => {
                Failure::new(StatusCode::PRECONDITION_FAILED, IssueType::Conflict, error.to_string())
            }
            ChartError::Invalid(faults) => faults.into(),
            ChartError::Query(issues) => Failure::invalid_with(issues),
            ChartError::Illegal(transition) => {
                Failure::new(StatusCode::CONFLICT, IssueType::BusinessRule, transition.to_string())
            }
            ChartError::Refused(refusal) => refusal.into(),
            ChartError::Store(error) => error.into(),
        }
    }
}
