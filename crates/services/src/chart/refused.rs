//! Why something of the chart is not answered as asked.

use chrono::{DateTime, Utc};
use domain::StoreError;
use domain::chart::IllegalTransition;
use domain::fault::{Fault, Faults};
use fhir::outcome::Issue;
use kernel::{Classify, ErrorKind};

use crate::record::Refusal;

/// Why something of the chart is not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// There is no such patient, or no such record of this patient, in this organization.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// It was deleted.
    #[error("the {noun} was deleted")]
    Gone {
        /// What.
        noun: &'static str,
        /// In which version, where that is known.
        version: Option<(i32, DateTime<Utc>)>,
    },
    /// The change is based on a version that is not the current one.
    #[error("the current version is {current}, not {wanted}")]
    Stale {
        /// The current version.
        current: i32,
        /// That of the client.
        wanted: i32,
    },
    /// Members of the body, or what they refer to, cannot be taken as they are.
    #[error("{} members cannot be taken as they are", .0.list().len())]
    Invalid(Faults),
    /// A parameter of the query, as it is wrong.
    #[error("a parameter cannot be understood")]
    Query(Vec<Issue>),
    /// The state machine has no such transition.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The write path refuses, for a reason that is not a member's.
    #[error(transparent)]
    Refused(Refusal),
    /// The store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Faults> for ChartError {
    fn from(faults: Faults) -> ChartError {
        ChartError::Invalid(faults)
    }
}

/// The member that shows the element in which a refusal's expression lies.
pub fn pointer_of<'e>(expression: &str, elements: &[(&str, &'e str)]) -> Option<&'e str> {
    let parts = || expression.split(['.', '[']);
    elements.iter().find(|(element, _)| parts().any(|part| part == *element)).map(|(_, pointer)| *pointer)
}

impl ChartError {
    /// One fault.
    pub(super) fn fault(pointer: &str, detail: &str) -> ChartError {
        let mut faults = Faults::none();
        faults.add(pointer, detail);
        ChartError::Invalid(faults)
    }

    /// A refusal of the write path, told in members where its elements are known under these names. A write that met a
    /// newer version is stale, and stays a refusal with 412.
    pub fn of_refusal(refusal: Refusal, elements: &[(&str, &str)]) -> ChartError {
        if !matches!(refusal.status, 400 | 422) {
            return ChartError::Refused(refusal);
        }
        let faults: Option<Vec<Fault>> = refusal
            .issues
            .iter()
            .map(|issue| {
                let expression = issue.expression.as_deref()?;
                let pointer = pointer_of(expression, elements)?;
                Some(Fault { pointer: pointer.to_owned(), detail: issue.diagnostics.to_string() })
            })
            .collect();
        match faults {
            Some(faults) if !faults.is_empty() => {
                let mut all = Faults::none();
                faults.into_iter().for_each(|fault| all.add(fault.pointer, fault.detail));
                ChartError::Invalid(all)
            }
            _ => ChartError::Refused(refusal),
        }
    }
}

impl Classify for ChartError {
    fn kind(&self) -> ErrorKind {
        match self {
            ChartError::Missing(_) => ErrorKind::Missing,
            ChartError::Gone { .. } => ErrorKind::Gone,
            ChartError::Stale { .. } | ChartError::Illegal(_) => ErrorKind::Conflict,
            ChartError::Invalid(_) | ChartError::Query(_) => ErrorKind::Invalid,
            ChartError::Refused(refusal) => refusal.kind(),
            ChartError::Store(error) => error.kind(),
        }
    }
}

#[cfg(test)]
mod tests {
    use fhir::outcome::IssueType;

    use super::*;

    #[test]
    fn a_refused_element_is_told_as_the_member_that_shows_it() {
        let refusal = Refusal::at(422, IssueType::NotFound, "Encounter.participant[0].individual", "no such");
        let ChartError::Invalid(faults) =
            ChartError::of_refusal(refusal, &[("participant", "/practitioners")])
        else {
            panic!()
        };
        assert_eq!(faults.list()[0].pointer, "/practitioners");
        let bundle = Refusal::at(422, IssueType::NotFound, "Bundle.entry[3].resource.encounter", "no such");
        let error = ChartError::of_refusal(bundle, &[("encounter", "/encounter")]);
        assert!(matches!(error, ChartError::Invalid(_)));
        let other = Refusal::at(412, IssueType::Conflict, "Condition.encounter", "stale");
        let error = ChartError::of_refusal(other, &[("encounter", "/encounter")]);
        assert!(matches!(error, ChartError::Refused(_)));
    }
}
