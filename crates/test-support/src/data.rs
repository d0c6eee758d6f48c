//! The real test data, which is not part of the project.

use std::path::{Path, PathBuf};

/// The folder with the real test data: `SALUS_TEST_DATA`, or `../shared/data` beside the workspace. `None`
/// where neither exists: then the caller's test is skipped, and that is said aloud here.
pub fn test_data() -> Option<PathBuf> {
    let named = std::env::var_os("SALUS_TEST_DATA").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let found = named.unwrap_or(beside).canonicalize().ok().filter(|folder| folder.is_dir());
    if found.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        eprintln!("SKIPPED: {test}: no test data (SALUS_TEST_DATA, or ../shared/data beside the workspace)");
    }
    found
}
