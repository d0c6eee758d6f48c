//! The part of FHIRPath in which the official search parameters that we compile are written: unions of paths
//! with `as T`, `.as(T)` and `.where(resolve() is T)` at the end. Anything else is an error.

/// One branch of a union.
#[derive(Debug, PartialEq, Eq)]
pub struct Branch {
    /// The names, from the resource's type on.
    pub steps: Vec<String>,
    /// The type that the end is cast to.
    pub cast: Option<String>,
    /// The resource type that the end's reference must resolve to.
    pub resolves_to: Option<String>,
}

/// Parses an expression.
pub fn parse(expression: &str) -> Result<Vec<Branch>, String> {
    expression
        .split('|')
        .map(|branch| parse_branch(branch.trim()).ok_or(format!("cannot compile `{branch}`")))
        .collect()
}

fn parse_branch(text: &str) -> Option<Branch> {
    let mut cast = None;
    let mut resolves_to = None;
    let mut rest = text;
    if let Some(inner) = rest.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        let (path, kind) = inner.split_once(" as ")?;
        cast = Some(name(kind.trim())?);
        rest = path.trim();
    } else if let Some((path, condition)) = rest.split_once(".where(") {
        resolves_to = Some(name(condition.strip_prefix("resolve() is ")?.strip_suffix(')')?)?);
        rest = path;
    } else if let Some((path, kind)) = rest.split_once(".as(") {
        cast = Some(name(kind.strip_suffix(')')?)?);
        rest = path;
    }
    let steps = rest.split('.').map(name).collect::<Option<Vec<_>>>()?;
    Some(Branch { steps, cast, resolves_to })
}

fn name(text: &str) -> Option<String> {
    let word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric());
    word.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(parse("Patient.extension.where(url = 'x').value").is_err());
        assert!(parse("Patient.name.first()").is_err());
        assert_eq!(parse("A.b | (A.c as Coding) | A.d.where(resolve() is X)").map(|b| b.len()), Ok(3));
    }
}
