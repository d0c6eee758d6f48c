//! What the record store says of a FHIR element, said of the member of the typed view.

/// The JSON pointer of the member that an element stands behind: `Patient.managingOrganization` is
/// `/managing_organization`. Empty, which means the whole, where no one member does.
pub fn pointer(expression: &str) -> String {
    let path = expression.strip_prefix("Patient.").unwrap_or_default();
    let (element, rest) = path.split_once(['[', '.']).unwrap_or((path, ""));
    let member = match element {
        "identifier" => return "/mrn".to_owned(),
        "managingOrganization" => "managing_organization",
        "generalPractitioner" => "general_practitioners",
        "birthDate" => "birth_date",
        "name" => "family_name",
        "source" | "gender" | "telecom" | "address" | "active" => element,
        "deceasedBoolean" | "deceasedDateTime" => "deceased",
        _ => return String::new(),
    };
    let list = matches!(element, "generalPractitioner" | "telecom" | "address");
    match rest.split_once(']').map_or(rest, |(index, _)| index) {
        index if list && !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("/{member}/{index}")
        }
        _ => format!("/{member}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_lead_to_members() {
        for (expression, expected) in [
            ("Patient.generalPractitioner[1]", "/general_practitioners/1"),
            ("Patient.managingOrganization", "/managing_organization"),
            ("Patient.identifier[2]", "/mrn"),
            ("Patient.source", "/source"),
            ("Patient.contact[0].organization", ""),
            ("", ""),
        ] {
            assert_eq!(pointer(expression), expected, "{expression}");
        }
    }
}
