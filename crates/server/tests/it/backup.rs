//! Backups: taken while Bundles are written, restored into another data folder, refused where they do not fit.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::http::StatusCode;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use test_support::TestFolder;

use crate::client::Client;
use crate::crash::{WRITTEN, bundle, found, post};
use crate::salus::Salus;

const LOADERS: usize = 3;

/// Runs the program, whose time is not the test's.
async fn run(salus: &Arc<Mutex<Salus>>, arguments: &[&str]) -> Output {
    let salus = Arc::clone(salus);
    let arguments: Vec<String> = arguments.iter().map(|it| (*it).to_owned()).collect();
    let run = tokio::task::spawn_blocking(move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        salus.lock().unwrap().run(&arguments)
    });
    run.await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The folder that `salus backup` printed.
fn folder(output: &Output) -> PathBuf {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    PathBuf::from(text.lines().next().unwrap_or_else(|| panic!("{}", said(output))))
}

fn manifest(folder: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(folder.join("manifest.json")).unwrap()).unwrap()
}

/// Bundles on their way to a server, until they are told to stop.
struct Load {
    stop: Arc<AtomicBool>,
    next: Arc<AtomicU64>,
    acknowledged: Arc<Mutex<Vec<u64>>>,
    loaders: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn begin(client: &Client) -> Load {
        let (stop, next) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let loader = |_| {
            let (client, stop, next, acknowledged) =
                (client.clone(), Arc::clone(&stop), Arc::clone(&next), Arc::clone(&acknowledged));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    // A backup holds writers up for a moment and refuses none.
                    assert_eq!(post(&client, bundle(number)).await, Some(StatusCode::OK));
                    acknowledged.lock().unwrap().push(number);
                }
            })
        };
        let loaders = (0..LOADERS).map(loader).collect();
        Load { stop, next, acknowledged, loaders }
    }

    async fn until(&self, count: usize) {
        while self.acknowledged.lock().unwrap().len() < count {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// How many Bundles were sent in all.
    async fn end(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        for loader in self.loaders {
            loader.await.unwrap();
        }
        self.next.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_under_load_restores_every_acknowledged_bundle_whole() {
    let mut salus = Salus::new();
    salus.start();
    let client = salus.administrator().await;
    let before = client.create(json!({ "resourceType": "Patient", "active": true })).await;
    let salus = Arc::new(Mutex::new(salus));

    let load = Load::begin(&client);
    load.until(6).await;
    let acknowledged = load.acknowledged.lock().unwrap().clone();
    let taken = run(&salus, &["backup"]).await;
    let sent = load.end().await;
    assert!(taken.status.success(), "{}", said(&taken));
    assert!(said(&taken).contains("NOT in the backup"), "the key's custody is said aloud: {}", said(&taken));
    let backup = folder(&taken);
    let data_dir = salus.lock().unwrap().data_dir();
    assert!(backup.starts_with(data_dir.join("backups")));
    let key = fs::read_to_string(data_dir.join("master.key")).unwrap();
    for entry in fs::read_dir(&backup).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        let bytes = fs::read(&path).unwrap();
        assert!(!bytes.windows(64).any(|window| window == key.trim().as_bytes()), "{}", path.display());
    }
    let manifest = manifest(&backup);
    assert_eq!((&manifest["epoch"], &manifest["findings"]), (&json!(1), &json!([])));

    // Another data folder, with the same master key and nothing else.
    let mut second = Salus::new();
    let refused = second.run(&["restore", backup.to_str().unwrap()]);
    assert!(!refused.status.success() && said(&refused).contains("no master key here"), "{}", said(&refused));
    fs::create_dir(second.data_dir()).unwrap();
    fs::set_permissions(second.data_dir(), fs::Permissions::from_mode(0o711)).unwrap();
    fs::write(second.data_dir().join("master.key"), key).unwrap();
    let restored = second.run(&["restore", backup.to_str().unwrap()]);
    assert!(restored.status.success(), "{}", said(&restored));
    second.settings.push(("SALUS_ADMIN_PASSWORD", "known after a restore".to_owned()));
    second.start();
    let client = second.log_in("known after a restore").await;
    assert_eq!(client.get(&format!("/fhir/R4/Patient/{before}")).await.status, StatusCode::OK);
    let mut whole = 0;
    for number in 0..sent {
        let found = found(&client, number).await;
        assert!(found == [0; 4] || found == WRITTEN.map(|(_, count)| count), "{number} is half: {found:?}");
        whole += u64::from(found != [0; 4]);
        assert!(found != [0; 4] || !acknowledged.contains(&number), "{number} was acknowledged and is gone");
    }
    // Some came after the point: a backup that waits for the load to end would prove nothing.
    assert!(whole >= acknowledged.len() as u64 && whole < sent, "{whole} of {sent}");
    // The restored installation goes on, in an epoch of its own.
    assert_eq!(post(&client, bundle(sent)).await, Some(StatusCode::OK));
    assert!(second.end(Signal::SIGTERM));
    let reconciled = second.run(&["reconcile", "--raise-epoch"]);
    assert!(said(&reconciled).contains("no transaction is half\nepoch 3"), "{}", said(&reconciled));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_backup_does_not_fit_stays_as_it_is_until_it_is_forced() {
    let mut salus = Salus::new();
    salus.start();
    let client = salus.administrator().await;
    let kept = client.create(json!({ "resourceType": "Patient", "active": true })).await;
    let logged_in = client.token.clone();
    assert!(salus.end(Signal::SIGTERM));

    // The server is stopped: its databases are started for the backup.
    let place = TestFolder::create();
    let to = place.path().join("there");
    let hook = place.path().join("hook");
    fs::write(&hook, "#!/bin/sh\necho \"$SALUS_ADMIN_PASSWORD$1\" >> \"$(dirname \"$0\")/called\"\n")
        .unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    salus.settings.push(("SALUS_BACKUP_HOOK", hook.to_str().unwrap().to_owned()));
    salus.settings.push(("SALUS_ADMIN_PASSWORD", "not for the hook".to_owned()));
    let backup = |arguments: &[&str]| {
        let all = [&["backup", "--to", to.to_str().unwrap()], arguments].concat();
        let output = salus.run(&all);
        assert!(output.status.success(), "{}", said(&output));
        folder(&output)
    };
    let (oldest, older) = (backup(&[]), backup(&[]));
    let newest = backup(&["--keep", "2"]);
    assert!(!oldest.exists() && older.exists() && newest.exists(), "the oldest goes");
    let called = fs::read_to_string(place.path().join("called")).unwrap();
    let expected: String =
        [&oldest, &older, &newest].map(|folder| format!("{}\n", folder.display())).concat();
    assert_eq!(called, expected, "each folder once, and no secret");

    fs::write(&hook, "#!/bin/sh\nexit 7\n").unwrap();
    let failed = salus.run(&["backup", "--to", to.to_str().unwrap(), "--keep", "1"]);
    assert_eq!(failed.status.code(), Some(3), "{}", said(&failed));
    assert!(said(&failed).contains("copied nowhere") && older.exists(), "{}", said(&failed));

    // A write after the backup, which a restore takes back.
    salus.settings.retain(|(name, _)| *name != "SALUS_ADMIN_PASSWORD");
    salus.start();
    let client = salus.administrator().await;
    let later = client.create(json!({ "resourceType": "Patient", "active": true })).await;
    let from = newest.to_str().unwrap();
    let running = salus.run(&["restore", from, "--force", "--yes"]);
    assert!(!running.status.success() && said(&running).contains("in use"), "{}", said(&running));
    assert!(salus.end(Signal::SIGTERM));

    let refuse = |arguments: &[&str], reason: &str| {
        let output = salus.run(&[&["restore"], arguments].concat());
        assert!(!output.status.success() && said(&output).contains(reason), "{reason}: {}", said(&output));
    };
    refuse(&[from], "is not empty");
    refuse(&[from, "--force"], "--yes");
    refuse(&[to.to_str().unwrap(), "--force", "--yes"], "no usable backup");
    let dump = newest.join("clinical.dump");
    let whole = fs::read(&dump).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&dump, damaged).unwrap();
    refuse(&[from, "--force", "--yes"], "clinical.dump is not the file that was written");
    fs::write(&dump, whole).unwrap();
    let text = fs::read_to_string(newest.join("manifest.json")).unwrap();
    let mut newer: Value = serde_json::from_str(&text).unwrap();
    newer["databases"]["phi"]["migrations"]
        .as_array_mut()
        .unwrap()
        .push(json!({"version": 9999, "checksum": "00"}));
    fs::write(newest.join("manifest.json"), newer.to_string()).unwrap();
    refuse(&[from, "--force", "--yes"], "phi carries migration 9999");
    fs::write(newest.join("manifest.json"), text).unwrap();
    let key = salus.data_dir().join("master.key");
    let right = fs::read_to_string(&key).unwrap();
    fs::write(&key, "0123456789abcdef".repeat(4)).unwrap();
    refuse(&[from, "--force", "--yes"], "sealed with the master key");
    fs::write(&key, right).unwrap();

    salus.start();
    let client = salus.administrator().await;
    assert_eq!(
        client.get(&format!("/fhir/R4/Patient/{later}")).await.status,
        StatusCode::OK,
        "nothing was touched"
    );
    assert!(salus.end(Signal::SIGTERM));
    let restored = salus.run(&["restore", from, "--force", "--yes"]);
    assert!(restored.status.success(), "{}", said(&restored));
    salus.start();
    let before = Client { token: logged_in, ..salus.client() };
    let answer = before.get("/api/v1/auth/me").await;
    assert_eq!(
        answer.status,
        StatusCode::UNAUTHORIZED,
        "sessions that may have ended since are not good again"
    );
    let client = salus.administrator().await;
    assert_eq!(client.get(&format!("/fhir/R4/Patient/{kept}")).await.status, StatusCode::OK);
    assert_eq!(client.get(&format!("/fhir/R4/Patient/{later}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_left_in_doubt_is_settled_before_a_backup_is_taken() {
    let mut salus = Salus::new();
    salus.start();
    assert!(salus.end(Signal::SIGTERM));
    // What a server leaves that is killed between its PREPARE and its COMMIT.
    let clusters = salus.clusters().await;
    let as_app = async |database, statements: String| {
        let options = clusters.options(database, test_support::Role::App);
        let mut app = test_support::sqlx::ConnectOptions::connect(&options).await.unwrap();
        let statements = test_support::sqlx::AssertSqlSafe(statements);
        test_support::sqlx::raw_sql(statements).execute(&mut app).await.unwrap();
    };
    let options = clusters.options(kernel::Database::Phi, test_support::Role::App);
    let mut app = test_support::sqlx::ConnectOptions::connect(&options).await.unwrap();
    let pair: String = test_support::sqlx::query_scalar("select left(pair_id::text, 8) from txn.identity")
        .fetch_one(&mut app)
        .await
        .unwrap();
    let transaction = "019a0000-0000-7000-8000-000000000001";
    let prepare = format!(
        "begin; insert into txn.applied (gtx, decider) values ('{transaction}', 'm');
         prepare transaction 'salus1.{pair}.m.p.1.{transaction}'"
    );
    as_app(kernel::Database::Phi, prepare).await;
    drop(app);
    clusters.stop().await.unwrap();
    drop(clusters);

    let taken = salus.run(&["backup"]);
    assert!(taken.status.success(), "{}", said(&taken));
    let manifest = manifest(&folder(&taken));
    assert_eq!(manifest["databases"]["phi"]["counts"]["applied"], 0, "it was never decided: {manifest:#}");
    assert_eq!(manifest["databases"]["auth"]["counts"]["decisions"], 1, "recovery said so");
    let damage = salus.clusters().await;
    let owner = damage.options(kernel::Database::Clinical, test_support::Role::Owner);
    let mut owner = test_support::sqlx::ConnectOptions::connect(&owner).await.unwrap();
    test_support::sqlx::raw_sql("update txn.identity set epoch = 2").execute(&mut owner).await.unwrap();
    drop(owner);
    damage.stop().await.unwrap();
    drop(damage);
    let refused = salus.run(&["serve"]);
    assert!(said(&refused).contains("clinical is in another epoch"), "{}", said(&refused));
    let raised = salus.run(&["reconcile", "--raise-epoch"]);
    assert!(raised.status.success() && said(&raised).contains("epoch 3"), "{}", said(&raised));
    salus.start();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_takes_a_backup_first_where_it_is_asked_to_and_says_why() {
    let salus = Salus::new();
    let made = salus.run(&["migrate", "up", "--backup", "--why", "first"]);
    assert!(made.status.success(), "{}", said(&made));
    assert!(!salus.data_dir().join("backups").exists(), "there was nothing to lose");
    let back = salus.run(&["migrate", "down", "phi", "--to", "3", "--yes"]);
    assert!(back.status.success(), "{}", said(&back));
    let again = salus.run(&["migrate", "up", "--backup", "--why", "phi was taken back by mistake"]);
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(fs::read_dir(salus.data_dir().join("backups")).unwrap().count(), 1, "{}", said(&again));

    let clusters = salus.clusters().await;
    for (database, expected) in [
        (kernel::Database::Auth, vec!["migrate: first", "backup: "]),
        (kernel::Database::Phi, vec!["migrate: phi was taken back by mistake"]),
    ] {
        let options = clusters.options(database, test_support::Role::App);
        let mut app = test_support::sqlx::ConnectOptions::connect(&options).await.unwrap();
        let told: Vec<String> = test_support::sqlx::query_scalar(
            "select kind || ': ' || coalesce(why, '') from operations.event order by id",
        )
        .fetch_all(&mut app)
        .await
        .unwrap();
        assert_eq!(told, expected, "{database}");
    }
    clusters.stop().await.unwrap();
}
