//! Where clusters live, and what a reset deletes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use cluster::{ClusterError, Progress, Role, reset};
use kernel::Database;
use sqlx::ConnectOptions;
use test_support::TestFolder;

use crate::start;

fn close(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn clusters_that_their_user_could_not_reach_live_in_the_state_directory() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root's clusters run as another user");
        return;
    }
    let folder = TestFolder::create();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    close(&closed);
    let mut options = folder.options();
    options.data_dir = closed.join("data");
    let (clusters, said) = start(options.clone()).await.unwrap();
    let home = clusters.home().to_path_buf();
    assert!(home.starts_with(&options.state_dir), "{}", home.display());
    let elsewhere =
        |each: &Progress| matches!(each, Progress::Elsewhere { blocked, .. } if *blocked == closed);
    assert!(said.iter().any(elsewhere), "{said:?}");
    assert!(clusters.options(Database::Phi, Role::App).connect().await.is_ok());
    clusters.stop().await.unwrap();
    drop(clusters);

    // Once there, they stay there, though the way is open now: the data is there.
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o755)).unwrap();
    let (clusters, said) = start(options.clone()).await.unwrap();
    assert_eq!(clusters.home(), home);
    assert!(!said.iter().any(|each| matches!(each, Progress::Initialising(_))), "{said:?}");
    clusters.stop().await.unwrap();
    drop(clusters);

    // A copy of the data directory must not serve the same clusters.
    let copy = closed.join("copy");
    fs::create_dir(&copy).unwrap();
    fs::copy(options.data_dir.join("salus-clusters"), copy.join("salus-clusters")).unwrap();
    let mut other = options.clone();
    other.data_dir = copy;
    let error = start(other.clone()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Foreign { .. }), "{error}");
    assert!(matches!(reset(&other.data_dir).await, Err(ClusterError::Foreign { .. })));
    assert!(home.join("phi/PG_VERSION").exists());

    let removed = reset(&options.data_dir).await.unwrap();
    assert!(removed.home == home && removed.data_dir_too && !home.exists() && !options.data_dir.exists());
}

#[tokio::test]
async fn a_reset_deletes_what_start_made_and_nothing_else() {
    let folder = TestFolder::create();
    let options = folder.options();
    let (clusters, _) = start(options.clone()).await.unwrap();
    let data_dir = clusters.data_dir().to_path_buf();
    let error = reset(&data_dir).await.unwrap_err();
    assert!(matches!(error, ClusterError::InUse { .. }), "{error}");
    clusters.stop().await.unwrap();
    drop(clusters);

    // Root takes an ordinary user's clusters as they are, and runs them as that user.
    if nix::unistd::geteuid().is_root() {
        let owner = fs::metadata(data_dir.join("pg/auth")).unwrap().uid();
        let given = Command::new("chown").arg("-R").arg(owner.to_string()).arg(&data_dir).status().unwrap();
        assert!(given.success());
        close(&data_dir);
        let (clusters, said) = start(options).await.unwrap();
        assert!(!said.iter().any(|each| matches!(each, Progress::Initialising(_))), "{said:?}");
        clusters.stop().await.unwrap();
    }

    fs::write(data_dir.join("master.key"), "somebody else's").unwrap();
    fs::write(data_dir.join("secrets/other"), "somebody else's").unwrap();
    let removed = reset(&data_dir).await.unwrap();
    assert!(!removed.data_dir_too);
    let mut left: Vec<String> = fs::read_dir(&data_dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["master.key", "secrets"]);
    assert_eq!(fs::read_dir(data_dir.join("secrets")).unwrap().count(), 1);

    let again = reset(&data_dir).await.unwrap_err();
    assert!(matches!(again, ClusterError::Foreign { .. }), "{again}");
    assert!(data_dir.join("master.key").exists());
}

#[tokio::test]
async fn a_folder_of_somebody_else_s_is_refused() {
    let folder = TestFolder::create();
    let data_dir = folder.options().data_dir;
    fs::create_dir_all(data_dir.join("pg/auth")).unwrap();
    fs::write(data_dir.join("pg/auth/precious"), "").unwrap();
    let error = start(folder.options()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Foreign { .. }), "{error}");
    let error = reset(&data_dir).await.unwrap_err();
    assert!(matches!(error, ClusterError::Foreign { .. }), "{error}");
    assert!(data_dir.join("pg/auth/precious").exists());
}

#[tokio::test]
async fn a_long_path_with_odd_characters_works_and_its_sockets_go_elsewhere() {
    let folder = TestFolder::create();
    let odd = format!("it's a, long \"one\" {}", "x".repeat(80));
    let mut options = folder.options();
    options.data_dir = folder.path().join(odd);
    let (clusters, _) = start(options.clone()).await.unwrap();
    for database in Database::ALL {
        let at = clusters.options(database, Role::App);
        assert!(!at.get_socket().unwrap().starts_with(folder.path()));
        at.connect().await.unwrap();
    }
    let sockets = clusters.options(Database::Phi, Role::App).get_socket().unwrap().clone();
    clusters.stop().await.unwrap();
    drop(clusters);
    reset(&options.data_dir).await.unwrap();
    assert!(!sockets.exists() && !sockets.parent().unwrap().exists());
}

#[tokio::test]
async fn missing_binaries_leave_the_machine_as_it_was() {
    let folder = TestFolder::create();
    let mut options = folder.options();
    options.binaries = Some(folder.path().to_path_buf());
    let error = start(options.clone()).await.unwrap_err();
    assert!(matches!(error, ClusterError::Binaries { .. }), "{error}");
    assert!(!options.data_dir.exists());
}
