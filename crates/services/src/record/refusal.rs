//! Why a write is refused.

use fhir::outcome::{Issue, IssueType};
use kernel::{Classify, ErrorKind};

/// A refused write: nothing of it was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused with {status}: {}", issues.first().map_or("no reason given", |issue| issue.diagnostics.as_str()))]
pub struct Refusal {
    /// The HTTP status that FHIR names for this case; it also stands in a batch-response entry.
    pub status: u16,
    /// What is wrong, each with the element that it is about. Never empty.
    pub issues: Vec<Issue>,
}

impl Refusal {
    /// A refusal for one reason.
    pub fn new(status: u16, code: IssueType, diagnostics: impl Into<String>) -> Refusal {
        Refusal { status, issues: vec![Issue::error(code, diagnostics)] }
    }

    /// A refusal for one reason about one element.
    pub fn at(
        status: u16,
        code: IssueType,
        expression: impl Into<String>,
        diagnostics: impl Into<String>,
    ) -> Refusal {
        Refusal { status, issues: vec![Issue::error(code, diagnostics).at(expression)] }
    }

    /// The same refusal as seen from the Bundle: each expression starts at the entry (`Bundle.entry[3].resource`).
    pub fn in_entry(mut self, index: usize) -> Refusal {
        for issue in &mut self.issues {
            let entry = format!("Bundle.entry[{index}]");
            issue.expression = Some(match issue.expression.take() {
                None => entry,
                Some(inner) if inner.starts_with("Bundle.entry[") => inner,
                Some(inner) => match inner.split_once('.') {
                    Some((_, path)) => format!("{entry}.resource.{path}"),
                    None => format!("{entry}.resource"),
                },
            });
        }
        self
    }
}

impl Classify for Refusal {
    fn kind(&self) -> ErrorKind {
        match self.status {
            404 => ErrorKind::Missing,
            410 => ErrorKind::Gone,
            403 => ErrorKind::Forbidden,
            409 | 412 => ErrorKind::Conflict,
            _ => ErrorKind::Invalid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_moved_under_its_entry() {
        let refusal =
            Refusal::at(422, IssueType::NotFound, "Observation.subject", "no such patient").in_entry(3);
        assert_eq!(refusal.issues[0].expression.as_deref(), Some("Bundle.entry[3].resource.subject"));
        let refusal = Refusal::new(400, IssueType::Invalid, "what").in_entry(0);
        assert_eq!(refusal.issues[0].expression.as_deref(), Some("Bundle.entry[0]"));
    }
}
