//! What the documents list is what there is.

use std::path::{Path, PathBuf};

use api::policy::Permission;
use fhir::outcome::IssueType;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn api_md() -> String {
    std::fs::read_to_string(root().join("docs/api.md")).unwrap()
}

#[test]
fn every_file_that_the_documents_name_is_there() {
    let mut named = 0;
    for document in ["CONTRIBUTING.md", "docs/api.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        for quoted in text.split('`').skip(1).step_by(2) {
            let first = quoted.split('/').next().unwrap_or_default();
            if ["crates", "migrations", "docs", "tools"].contains(&first) && quoted.contains('/') {
                assert!(root().join(quoted).exists(), "{document}: {quoted}");
                named += 1;
            }
        }
    }
    assert!(named > 10, "only {named} files are named");
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
