//! The walls, applied to this workspace. What each looks for, and that it finds it, is tested in the modules.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::LazyLock;

use tidy::sources::{Source, sources};
use tidy::workspace::{TextFile, Workspace};
use tidy::{Faults, files, floors, migrations};

static WORKSPACE: LazyLock<Workspace> = LazyLock::new(|| Workspace::read().unwrap());
static FILES: LazyLock<Vec<TextFile>> = LazyLock::new(|| WORKSPACE.files().unwrap());
static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| sources(&WORKSPACE, &FILES));

#[track_caller]
fn stands(faults: Faults) {
    assert!(faults.is_empty(), "\n    {}\n", faults.join("\n    "));
}

#[test]
fn the_workspace_was_found() {
    // Were nothing found, nothing could be wrong with it.
    assert!(WORKSPACE.crates.len() > 10);
    for path in ["Cargo.toml", "crates/tidy/tests/walls.rs", "migrations/every/0001_txn.up.sql"] {
        assert!(FILES.iter().any(|file| file.path == path), "{path}");
    }
    assert!(SOURCES.iter().any(|source| source.owner == "kernel" && source.is_library()));
    for pure in floors::PURE.iter().filter(|pure| WORKSPACE.crates.iter().any(|member| member.name == **pure))
    {
        assert!(SOURCES.iter().any(|source| source.owner == **pure), "{pure}");
    }
}

#[test]
fn w1_only_database_crates_name_sqlx() {
    stands(floors::only_database_crates_name_sqlx(&WORKSPACE.crates));
}

#[test]
fn w2_database_crates_ignore_each_other() {
    stands(floors::database_crates_ignore_each_other(&WORKSPACE.crates));
}

#[test]
fn w3_only_the_edge_names_axum() {
    stands(floors::only_the_edge_names_axum(&WORKSPACE.crates));
}

#[test]
fn w4_pure_crates_link_nothing_that_reaches_outside() {
    stands(floors::pure_crates_link_nothing_that_reaches_outside(&WORKSPACE.crates));
}

#[test]
fn w4_pure_crates_name_nothing_outside() {
    stands(floors::pure_crates_name_nothing_outside(&SOURCES));
}

#[test]
fn w5_only_the_store_begins_or_commits() {
    stands(tidy::sources::only_the_store_begins_or_commits(&WORKSPACE, &SOURCES));
}

#[test]
fn w6_services_see_neither_sql_nor_http() {
    stands(floors::services_see_neither_sql_nor_http(&WORKSPACE.crates));
}

#[test]
fn w7_no_file_is_too_long() {
    stands(files::no_file_is_too_long(&FILES, files::LONG_FILES));
}

#[test]
fn w8_merged_migrations_are_unchanged() {
    let frozen = std::fs::read_to_string(WORKSPACE.root.join(migrations::FROZEN)).unwrap_or_default();
    stands(migrations::merged_migrations_are_unchanged(&FILES, &frozen));
}

#[test]
fn crates_link_only_what_is_below_them() {
    stands(floors::crates_link_only_what_is_below_them(&WORKSPACE.crates));
}

#[test]
fn test_support_is_for_tests() {
    stands(floors::test_support_is_for_tests(&WORKSPACE.crates));
}

#[test]
fn cargo_run_finds_one_program() {
    stands(floors::cargo_run_finds_one_program(&WORKSPACE.crates));
}

#[test]
fn a_plain_cargo_test_tests_everything() {
    assert!(WORKSPACE.tests_everything, "default-members in Cargo.toml hides crates from cargo test");
}

#[test]
fn run_time_sql_stands_where_it_is_listed() {
    stands(tidy::sources::run_time_sql_stands_where_it_is_listed(&SOURCES, tidy::sources::RUN_TIME_SQL));
}

#[test]
fn every_crate_says_what_it_is() {
    stands(tidy::sources::every_crate_says_what_it_is(&SOURCES));
}

#[test]
fn no_file_is_called_mod() {
    stands(files::no_file_is_called_mod(&FILES));
}

#[test]
fn no_file_speaks_of_its_making() {
    stands(files::no_file_speaks_of_its_making(&FILES));
}

#[test]
fn migrations_come_in_pairs() {
    stands(migrations::migrations_come_in_pairs(&FILES));
}

#[test]
fn migrations_say_why() {
    stands(migrations::migrations_say_why(&FILES));
}

#[test]
fn migration_versions_are_unique() {
    stands(migrations::versions_are_unique(&FILES));
}
