//! Archived logs: three databases recovered to one named point, with the commands of docs/operations.md.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use axum::http::StatusCode;
use kernel::Database;
use nix::sys::signal::Signal;
use serde_json::json;
use test_support::sqlx::{AssertSqlSafe, ConnectOptions, raw_sql};
use test_support::{Role, TestFolder};

use crate::crash::{WRITTEN, bundle, found, post};
use crate::salus::Salus;

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// As the superuser of one database of a running server.
async fn as_superuser(salus: &Salus, database: Database, statement: String) {
    let running = cluster::Running::find(&salus.data_dir()).unwrap();
    let mut connection = running.options(database, Role::Superuser).unwrap().connect().await.unwrap();
    raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
}

fn base_backup(salus: &Salus, bin: &Path, database: Database, into: &Path) {
    let data = salus.data_dir();
    let password = fs::read_to_string(data.join(format!("secrets/{database}-superuser"))).unwrap();
    let mut command = Command::new(bin.join("pg_basebackup"));
    command.arg("--host").arg(data.join("pg/sockets").join(database.name()));
    command.args([
        "--username",
        "salus_superuser",
        "--checkpoint",
        "fast",
        "--wal-method",
        "none",
        "--no-sync",
    ]);
    run(command.arg("--pgdata").arg(into).env("PGPASSWORD", password.trim()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archived_logs_bring_three_databases_back_to_one_named_point() {
    let wanted = std::env::var_os("SALUS_PG_BIN").map(std::path::PathBuf::from);
    let bin = cluster::Install::find(wanted.as_deref(), None).unwrap().bin;
    if !bin.join("pg_basebackup").exists() {
        println!("SKIPPED: there is no pg_basebackup in {}", bin.display());
        return;
    }
    let place = TestFolder::create();
    let mut salus = Salus::new();
    salus.settings.push(("SALUS_ADMIN_PASSWORD", "recovered to a point".to_owned()));
    salus.start();
    for database in Database::ALL {
        let archive = place.path().join(format!("{database}-wal"));
        fs::create_dir(&archive).unwrap();
        // The clusters of a server that runs as root belong to another user.
        fs::set_permissions(&archive, fs::Permissions::from_mode(0o777)).unwrap();
        let command = format!("test ! -f {0}/%f && cp %p {0}/%f", archive.display());
        as_superuser(&salus, database, "alter system set archive_mode = on".to_owned()).await;
        as_superuser(&salus, database, format!("alter system set archive_command = '{command}'")).await;
    }
    assert!(salus.end(Signal::SIGTERM));
    salus.start();
    for database in Database::ALL {
        base_backup(&salus, &bin, database, &place.path().join(database.name()));
    }
    let client = salus.log_in("recovered to a point").await;
    assert_eq!(post(&client, bundle(1)).await, Some(StatusCode::OK));
    let marked = salus.run(&["restore-point", "before-the-mistake"]);
    assert!(marked.status.success(), "{}", String::from_utf8_lossy(&marked.stderr));
    assert_eq!(post(&client, bundle(2)).await, Some(StatusCode::OK));
    client.create(json!({ "resourceType": "Practitioner", "active": false })).await;
    assert!(salus.end(Signal::SIGTERM));

    for database in Database::ALL {
        let cluster = salus.data_dir().join("pg").join(database.name());
        let (base, lost) = (place.path().join(database.name()), cluster.with_extension("lost"));
        let recovery = format!(
            "restore_command = 'cp {}/%f %p'\nrecovery_target_name = 'before-the-mistake'\n\
             recovery_target_action = 'promote'\n",
            place.path().join(format!("{database}-wal")).display()
        );
        let settings = base.join("postgresql.auto.conf");
        let text = fs::read_to_string(&settings).unwrap() + &recovery;
        fs::write(settings, text).unwrap();
        fs::write(base.join("recovery.signal"), "").unwrap();
        fs::rename(&cluster, &lost).unwrap();
        run(Command::new("cp").arg("-R").arg(&base).arg(&cluster));
        if nix::unistd::geteuid().is_root() {
            run(Command::new("chown").arg("-R").arg("--reference").arg(&lost).arg(&cluster));
        }
        fs::remove_dir_all(lost).unwrap();
    }
    let reconciled = salus.run(&["reconcile", "--raise-epoch"]);
    let said = String::from_utf8_lossy(&reconciled.stdout).into_owned();
    let errors = String::from_utf8_lossy(&reconciled.stderr).into_owned();
    assert!(said.contains("no transaction is half\nepoch 2"), "{said}{errors}");
    salus.start();
    let client = salus.log_in("recovered to a point").await;
    assert_eq!(found(&client, 1).await, WRITTEN.map(|(_, count)| count), "before the point");
    assert_eq!(found(&client, 2).await, [0; 4], "after it");
    assert_eq!(post(&client, bundle(3)).await, Some(StatusCode::OK), "writes over all three go on");
}
