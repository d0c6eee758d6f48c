//! What the documents list is what there is.

use api::policy::Permission;
use fhir::outcome::IssueType;

fn api_md() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/api.md")).unwrap()
}

#[test]
fn every_permission_is_in_the_api_document() {
    let text = api_md();
    for permission in Permission::ALL {
        assert!(text.contains(&format!("| `{}` |", permission.name())), "{}", permission.name());
    }
}

#[test]
fn every_code_of_refusals_is_in_the_api_document() {
    let text = api_md();
    for code in IssueType::ALL {
        assert!(text.contains(&format!("`{}`", code.code())), "{}", code.code());
    }
}
