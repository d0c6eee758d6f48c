//! Versions as entity tags: `W/"3"` is version 3 (R4 http, 3.1.0.1.3).

/// What `If-Match` or `If-None-Match` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// `*`: any version.
    Any,
    /// One of these versions.
    Versions(Vec<i32>),
}

impl Condition {
    /// Whether the version of a resource meets the condition.
    pub fn names(&self, version: i32) -> bool {
        match self {
            Condition::Any => true,
            Condition::Versions(versions) => versions.contains(&version),
        }
    }

    /// Reads a list of entity tags, or `*`. None where it is neither, or a tag is not one of ours.
    pub fn parse(header: &str) -> Option<Condition> {
        match header.trim() {
            "*" => Some(Condition::Any),
            list => list.split(',').map(parse).collect::<Option<Vec<_>>>().map(Condition::Versions),
        }
    }
}

/// The entity tag of a version.
pub fn format(version: i32) -> String {
    format!("W/\"{version}\"")
}

/// The version of one entity tag, `W/"3"`; the strong form `"3"`, which clients write too, means the same.
pub fn parse(tag: &str) -> Option<i32> {
    let tag = tag.trim();
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    let digits = quoted.strip_prefix('"')?.strip_suffix('"')?;
    let plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_leads_back_to_its_version() {
        for version in [1, 3, i32::MAX] {
            assert_eq!(parse(&format(version)), Some(version));
        }
        assert_eq!(parse("\"7\""), Some(7));
    }

    #[test]
    fn what_is_no_tag_of_ours_is_refused() {
        for tag in [
            "",
            "3",
            "W/3",
            "W/\"\"",
            "W/\"-1\"",
            "W/\"+1\"",
            "W/\"01\"",
            "\"a\"",
            "\"",
            "W/\"99999999999\"",
            "w/\"1\"",
        ] {
            assert_eq!(parse(tag), None, "{tag}");
        }
        assert_eq!(Condition::parse("W/\"1\", x"), None);
        assert_eq!(Condition::parse(""), None);
    }

    #[test]
    fn a_condition_names_the_versions_that_it_lists() {
        let list = Condition::parse("W/\"1\", \"3\"").unwrap();
        assert!(list.names(1) && list.names(3) && !list.names(2));
        assert!(Condition::parse(" * ").unwrap().names(9));
    }
}
