//! OperationOutcome: what FHIR answers when something is to be said about a request.

use serde_json::{Map, Value, json};

/// How grave an issue is (FHIR `issue-severity`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The action failed and nothing was done.
    Fatal,
    /// The request is wrong.
    Error,
    /// Something may be wrong; the request was done.
    Warning,
    /// No problem.
    Information,
}

impl Severity {
    /// FHIR's code.
    pub const fn code(self) -> &'static str {
        match self {
            Severity::Fatal => "fatal",
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Information => "information",
        }
    }
}

macro_rules! issue_types {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)+) => {
        /// What kind of issue (FHIR `issue-type`, the value set of R4).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum IssueType {
            $($(#[$doc])* $name,)+
        }

        impl IssueType {
            /// All of them.
            pub const ALL: &[IssueType] = &[$(IssueType::$name),+];

            /// FHIR's code.
            pub const fn code(self) -> &'static str {
                match self { $(IssueType::$name => $code,)+ }
            }
        }
    };
}

issue_types! {
    /// Content invalid against the specification or a profile.
    Invalid = "invalid",
    /// A structural issue: malformed content, an unknown element.
    Structure = "structure",
    /// A required element is missing.
    Required = "required",
    /// An element or header value is invalid.
    Value = "value",
    /// A content rule of the specification is broken.
    Invariant = "invariant",
    /// An authentication, authorization or permissions issue.
    Security = "security",
    /// The client needs to log in.
    Login = "login",
    /// The user or system is not known.
    Unknown = "unknown",
    /// The session or token has expired.
    Expired = "expired",
    /// The user may not do this.
    Forbidden = "forbidden",
    /// Some information was not or may not have been returned.
    Suppressed = "suppressed",
    /// Processing failed.
    Processing = "processing",
    /// The interaction, operation, resource, profile or parameter is not supported.
    NotSupported = "not-supported",
    /// A duplicate of something that exists.
    Duplicate = "duplicate",
    /// Several records matched where one was needed.
    MultipleMatches = "multiple-matches",
    /// What was referred to was not found.
    NotFound = "not-found",
    /// What was referred to was deleted.
    Deleted = "deleted",
    /// Content is too long.
    TooLong = "too-long",
    /// A code or system is not known or not valid here.
    CodeInvalid = "code-invalid",
    /// An extension is not acceptable.
    Extension = "extension",
    /// The operation would take too much.
    TooCostly = "too-costly",
    /// A rule of business or workflow is broken.
    BusinessRule = "business-rule",
    /// The edit conflicts with the present state.
    Conflict = "conflict",
    /// A failure that may pass: try again.
    Transient = "transient",
    /// A lock could not be had.
    LockError = "lock-error",
    /// The store is unavailable.
    NoStore = "no-store",
    /// An unexpected internal error.
    Exception = "exception",
    /// Something took too long.
    Timeout = "timeout",
    /// Not all sources of data could be had.
    Incomplete = "incomplete",
    /// The system is overloaded or the client asks too much.
    Throttled = "throttled",
    /// For information only.
    Informational = "informational",
}

/// One issue. Never holds content of a record: diagnostics name elements and rules, not values of patients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// How grave.
    pub severity: Severity,
    /// What kind.
    pub code: IssueType,
    /// What is wrong and how to right it, for a person.
    pub diagnostics: String,
    /// The element, as simple FHIRPath (`Bundle.entry[3].request.method`), or the query parameter.
    pub expression: Option<String>,
}

impl Issue {
    /// An error.
    pub fn error(code: IssueType, diagnostics: impl Into<String>) -> Issue {
        Issue { severity: Severity::Error, code, diagnostics: diagnostics.into(), expression: None }
    }

    /// Information.
    pub fn information(diagnostics: impl Into<String>) -> Issue {
        let severity = Severity::Information;
        Issue { severity, code: IssueType::Informational, diagnostics: diagnostics.into(), expression: None }
    }

    /// A warning.
    pub fn warning(code: IssueType, diagnostics: impl Into<String>) -> Issue {
        Issue { severity: Severity::Warning, code, diagnostics: diagnostics.into(), expression: None }
    }

    /// The same issue, about this element.
    #[must_use]
    pub fn at(mut self, expression: impl Into<String>) -> Issue {
        self.expression = Some(expression.into());
        self
    }

    fn to_value(&self) -> Value {
        let mut issue = Map::new();
        issue.insert("severity".to_owned(), self.severity.code().into());
        issue.insert("code".to_owned(), self.code.code().into());
        if !self.diagnostics.is_empty() {
            issue.insert("diagnostics".to_owned(), self.diagnostics.as_str().into());
        }
        if let Some(expression) = &self.expression {
            issue.insert("expression".to_owned(), json!([expression]));
        }
        Value::Object(issue)
    }
}

/// One or more issues as a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationOutcome {
    issues: Vec<Issue>,
}

impl OperationOutcome {
    /// The outcome that says these. FHIR asks for at least one: none becomes the information that all is
    /// well.
    pub fn new(mut issues: Vec<Issue>) -> OperationOutcome {
        if issues.is_empty() {
            issues.push(Issue::information("no issues"));
        }
        OperationOutcome { issues }
    }

    /// What it says.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// As JSON.
    pub fn to_value(&self) -> Value {
        let issues: Vec<_> = self.issues.iter().map(Issue::to_value).collect();
        json!({ "resourceType": "OperationOutcome", "issue": issues })
    }

    /// As JSON text.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.to_value().to_string().into_bytes()
    }
}

impl From<Issue> for OperationOutcome {
    fn from(issue: Issue) -> Self {
        OperationOutcome::new(vec![issue])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_the_resource_that_the_specification_describes() {
        let outcome =
            OperationOutcome::from(Issue::error(IssueType::Value, "bad date").at("Observation.issued"));
        let expected = concat!(
            r#"{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"value","#,
            r#""diagnostics":"bad date","expression":["Observation.issued"]}]}"#
        );
        assert_eq!(String::from_utf8(outcome.to_bytes()).unwrap(), expected);
    }

    #[test]
    fn an_outcome_always_says_something() {
        let outcome = OperationOutcome::new(Vec::new());
        assert_eq!(outcome.to_value()["issue"][0]["severity"], "information");
    }
}
