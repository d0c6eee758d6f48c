//! The `Prefer` header (RFC 7240) with the preferences that FHIR gives a meaning (R4 http, 3.1.0.1.6,
//! 3.1.1.2.3).

/// What the body of an answer to a write should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// `return=minimal`: nothing.
    Minimal,
    /// `return=representation`: the resource.
    Representation,
    /// `return=OperationOutcome`.
    OperationOutcome,
}

/// What to do with a search parameter that is not known or not supported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handling {
    /// `handling=strict`, and the meaning without the header: refuse the search.
    #[default]
    Strict,
    /// `handling=lenient`: leave it out and say so.
    Lenient,
}

/// The preferences of a request. What is not known is no error: a preference may be ignored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// The preferred body; none where the client named none that we know.
    pub returning: Option<Return>,
    /// How to handle unknown search parameters.
    pub handling: Handling,
}

impl Prefer {
    /// Reads the header's value. Of a preference named twice the first counts (RFC 7240, section 2).
    pub fn parse(header: &str) -> Prefer {
        let mut prefer = Prefer::default();
        let mut handling = None;
        for preference in header.split([',', ';']) {
            let Some((name, value)) = preference.split_once('=') else { continue };
            let value = value.trim().trim_matches('"');
            if name.trim().eq_ignore_ascii_case("return") {
                let known = [
                    ("minimal", Return::Minimal),
                    ("representation", Return::Representation),
                    ("OperationOutcome", Return::OperationOutcome),
                ];
                let found = known.iter().find(|(text, _)| text.eq_ignore_ascii_case(value)).map(|(_, r)| *r);
                prefer.returning = prefer.returning.or(found);
            } else if name.trim().eq_ignore_ascii_case("handling") {
                let known = [("strict", Handling::Strict), ("lenient", Handling::Lenient)];
                handling =
                    handling.or(known.iter().find(|(t, _)| t.eq_ignore_ascii_case(value)).map(|(_, h)| *h));
            }
        }
        prefer.handling = handling.unwrap_or_default();
        prefer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_in_any_spelling_and_company() {
        let both = Prefer { returning: Some(Return::Minimal), handling: Handling::Lenient };
        for header in [
            "return=minimal, handling=lenient",
            "return=minimal; handling=lenient",
            "respond-async, Return = \"minimal\" ; wait=10,handling=LENIENT",
            "handling=lenient,return=minimal,return=representation",
        ] {
            assert_eq!(Prefer::parse(header), both, "{header}");
        }
        assert_eq!(Prefer::parse("return=OperationOutcome").returning, Some(Return::OperationOutcome));
        assert_eq!(Prefer::parse("return=representation").returning, Some(Return::Representation));
    }

    #[test]
    fn what_is_unknown_is_ignored_and_strict_is_the_default() {
        for header in ["", "return", "return=everything", "handling=sloppy", "=;,=", "depth-noroot"] {
            assert_eq!(Prefer::parse(header), Prefer::default(), "{header}");
        }
        assert_eq!(Prefer::default().handling, Handling::Strict);
    }
}
