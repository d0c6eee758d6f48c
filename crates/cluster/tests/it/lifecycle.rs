//! Start, stop, start again, and two servers on one folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use cluster::{ClusterError, Progress, Role};
use kernel::Database;
use nix::unistd::{Pid, getpgid};
use sqlx::{ConnectOptions, raw_sql};
use test_support::TestFolder;

use crate::{all_end, pids, start};

#[tokio::test]
async fn a_second_start_keeps_the_data_and_is_quick_and_a_drop_without_stop_ends_the_postmasters() {
    let folder = TestFolder::create();
    let began = Instant::now();
    let (clusters, said) = start(folder.options()).await.unwrap();
    let first = began.elapsed();
    let made = said.iter().filter(|each| matches!(each, Progress::Initialising(_))).count();
    assert_eq!(made, 3);
    for database in Database::ALL {
        let mut owner = clusters.options(database, Role::Owner).connect().await.unwrap();
        let text = "create table public.kept (what text); insert into public.kept values ('still here')";
        raw_sql(text).execute(&mut owner).await.unwrap();
    }
    let old = pids(&clusters);
    for pid in old {
        // Ctrl-C in a terminal must not reach the postmasters before the server has ended its work.
        assert_ne!(getpgid(Some(Pid::from_raw(pid))).unwrap(), getpgid(None).unwrap());
    }
    clusters.stop().await.unwrap();
    all_end(old).await;
    drop(clusters);

    let began = Instant::now();
    let (clusters, said) = start(folder.options()).await.unwrap();
    let second = began.elapsed();
    println!("first start {first:?}, second {second:?}");
    assert!(second < Duration::from_secs(5), "{second:?}");
    assert!(!said.iter().any(|each| matches!(each, Progress::Initialising(_) | Progress::Adopted { .. })));
    for database in Database::ALL {
        let mut owner = clusters.options(database, Role::Owner).connect().await.unwrap();
        let kept: String =
            sqlx::query_scalar("select what from public.kept").fetch_one(&mut owner).await.unwrap();
        assert_eq!(kept, "still here");
    }

    let error = start(folder.options()).await.unwrap_err();
    assert!(
        matches!(&error, ClusterError::InUse { pid, .. } if *pid == std::process::id().to_string()),
        "{error}"
    );
    settings_are_those_the_protocol_needs(&clusters).await;
    secrets_are_private(&folder);

    // Forgotten, they end too.
    let old = pids(&clusters);
    drop(clusters);
    all_end(old).await;
}

async fn settings_are_those_the_protocol_needs(clusters: &cluster::Clusters) {
    let expected = [
        ("listen_addresses", ""),
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("max_prepared_transactions", "200"),
        ("max_connections", "300"),
        ("client_connection_check_interval", "500ms"),
        ("log_error_verbosity", "terse"),
        ("log_parameter_max_length", "0"),
        ("log_parameter_max_length_on_error", "0"),
        ("jit", "off"),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
        ("password_encryption", "scram-sha-256"),
        ("unix_socket_permissions", "0700"),
    ];
    for database in Database::ALL {
        let mut superuser = clusters.options(database, Role::Superuser).connect().await.unwrap();
        for (name, value) in expected {
            let found: String = sqlx::query_scalar("select current_setting($1)")
                .bind(name)
                .fetch_one(&mut superuser)
                .await
                .unwrap();
            assert_eq!(found, value, "{database} {name}");
        }
        // A socket shows no TCP settings: the file does, and that all of it was accepted.
        let file: Vec<(String, String, bool)> =
            sqlx::query_as("select name, setting, applied and error is null from pg_file_settings")
                .fetch_all(&mut superuser)
                .await
                .unwrap();
        assert!(file.iter().all(|(_, _, applied)| *applied), "{file:?}");
        for (name, value) in [
            ("tcp_user_timeout", "10s"),
            ("tcp_keepalives_idle", "5"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "3"),
        ] {
            assert!(file.iter().any(|(found, setting, _)| found == name && setting == value), "{name}");
        }
        let collation: String =
            sqlx::query_scalar("select datcollate from pg_database where datname = current_database()")
                .fetch_one(&mut superuser)
                .await
                .unwrap();
        assert_eq!(collation, "C");
    }
}

fn secrets_are_private(folder: &TestFolder) {
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let secrets = folder.path().join("data/secrets");
    assert_eq!(mode(&secrets), 0o700);
    let files: Vec<_> = fs::read_dir(&secrets).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), 9);
    assert!(files.iter().all(|file| mode(file) == 0o600));
    let texts: std::collections::BTreeSet<_> =
        files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    assert_eq!(texts.len(), 9, "no two passwords are the same");
    for database in Database::ALL {
        assert_eq!(mode(&folder.path().join("data/pg/sockets").join(database.name())), 0o700);
        assert!(!folder.path().join(format!("data/pg/{database}.password")).exists());
    }
}
