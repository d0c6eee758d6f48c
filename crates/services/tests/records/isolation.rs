//! Each kind of record in its database, each organization by itself, nothing readable in a dump.

use domain::StoreError;
use domain::store::{Archive, Found};
use fhir::ResourceType;
use kernel::Database;
use serde_json::json;
use test_support::Role;
use test_support::sqlx::{AssertSqlSafe, Row};

use crate::harness::{ALICE, BOB, context, key, start};
use test_support::sqlx;

#[tokio::test]
async fn every_kind_of_record_is_only_in_its_database() {
    let h = start().await;
    let id = h.patient(ALICE, "Placed").await;
    h.create(ALICE, json!({"resourceType": "Practitioner"})).await.unwrap();
    let subject = json!({"reference": format!("Patient/{id}")});
    h.create(
        ALICE,
        json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject}),
    )
    .await
    .unwrap();
    for (kind, home) in [
        (ResourceType::Patient, Database::Phi),
        (ResourceType::Observation, Database::Clinical),
        (ResourceType::Practitioner, Database::Auth),
    ] {
        for database in Database::ALL {
            let mut app = h.databases.connect(database, Role::App).await;
            sqlx::query("select set_config('app.tenant', '1', false)").execute(&mut app).await.unwrap();
            let count: i64 = sqlx::query_scalar("select count(*) from record.resource where type = $1")
                .bind(kind.number())
                .fetch_one(&mut app)
                .await
                .unwrap();
            assert_eq!(count, i64::from(database == home), "{} in {database}", kind.name());
        }
    }
}

#[tokio::test]
async fn another_organization_sees_and_changes_nothing() {
    let h = start().await;
    let id = h.patient(ALICE, "Hidden").await;
    assert_eq!(h.read(BOB, ResourceType::Patient, &id).await, Found::Missing);
    assert!(h.found(BOB, ResourceType::Patient, "family=hidden").await.is_empty());
    assert!(h.found(BOB, ResourceType::Patient, &format!("_id={id}")).await.is_empty());
    let theirs = json!({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "subject": {"reference": format!("Patient/{id}")}});
    assert_eq!(h.create(BOB, theirs).await.unwrap_err().status, 422);
    // The same id is free in another organization, and the first one's record stays as it was.
    let body =
        json!({"resourceType": "Patient", "id": id, "name": [{"family": "Other"}]}).to_string().into_bytes();
    let write = services::record::Write::update(ResourceType::Patient, id.clone(), body, None);
    assert_eq!(h.single(BOB, write).await.unwrap().status, 201);
    assert_eq!(h.json(ALICE, ResourceType::Patient, &id).await["name"][0]["family"], "Hidden");
}

#[tokio::test]
async fn row_level_security_hides_all_rows_from_a_session_without_a_tenant() {
    let h = start().await;
    h.patient(ALICE, "Walled").await;
    for database in Database::ALL {
        let mut app = h.databases.connect(database, Role::App).await;
        for table in ["record.resource", "record.history", "record.patient_anchor"] {
            let sql = AssertSqlSafe(format!("select count(*) from {table}"));
            let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut app).await.unwrap();
            assert_eq!(count, 0, "{table} in {database}");
        }
        let mut superuser = h.databases.connect(database, Role::Superuser).await;
        let bare = sqlx::query(
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind = 'r' and n.nspname in ('record', 'audit', 'identity')
             and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant')
             and not (c.relrowsecurity and c.relforcerowsecurity)",
        )
        .fetch_all(&mut superuser)
        .await
        .unwrap();
        let bare: Vec<String> = bare.iter().map(|row| row.get(0)).collect();
        assert!(bare.is_empty(), "tables of a tenant without forced row security: {bare:?}");
    }
}

#[tokio::test]
async fn the_trail_can_be_written_and_not_changed_or_read_by_the_server() {
    let h = start().await;
    h.patient(ALICE, "Trail").await;
    let mut app = h.databases.connect(Database::Phi, Role::App).await;
    for sql in [
        "select count(*) from audit.event",
        "delete from audit.event",
        "update audit.event set outcome = 'denied'",
        "delete from record.history",
        "update record.history set version = 9",
    ] {
        let error = sqlx::query(sql).execute(&mut app).await.unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "42501", "{sql}");
    }
}

#[tokio::test]
async fn every_access_leaves_one_row() {
    let h = start().await;
    let id = h.patient(ALICE, "Seen").await;
    h.read(ALICE, ResourceType::Patient, &id).await;
    h.read(ALICE, ResourceType::Patient, "nobody").await;
    h.found(ALICE, ResourceType::Patient, "family=seen").await;
    h.read(ALICE, ResourceType::Practitioner, "nobody").await;
    let pool = h.databases.pool(Database::Phi, Role::Superuser);
    let rows = sqlx::query("select operation, action, outcome, cardinality(patients) as patients, query is not null as query, gtx is not null as gtx from audit.event order by id")
        .fetch_all(&pool)
        .await
        .unwrap();
    let rows: Vec<(String, String, String, i32, bool, bool)> =
        rows.iter().map(|r| (r.get(0), r.get(1), r.get(2), r.get(3), r.get(4), r.get(5))).collect();
    let row = |operation: &str, action: &str, outcome: &str, patients, query, gtx| {
        (operation.to_owned(), action.to_owned(), outcome.to_owned(), patients, query, gtx)
    };
    assert_eq!(
        rows,
        [
            row("record.create", "C", "success", 1, false, true),
            row("record.read", "R", "success", 1, false, false),
            row("record.read", "R", "missing", 0, false, false),
            row("record.search", "E", "success", 1, true, false),
        ]
    );
    assert_eq!(
        h.count(Database::Auth, "select count(*) from audit.event").await,
        0,
        "no patient was touched"
    );
    assert_eq!(
        h.count(Database::Clinical, "select count(*) from audit.event").await,
        1,
        "the anchor was written"
    );
}

#[tokio::test]
async fn a_row_that_was_swapped_or_changed_is_refused() {
    let h = start().await;
    let first = h.patient(ALICE, "First").await;
    let second = h.patient(ALICE, "Second").await;
    let mut superuser = h.databases.connect(Database::Phi, Role::Superuser).await;
    sqlx::query("update record.resource a set body = b.body from record.resource b where a.fhir_id = $1 and b.fhir_id = $2")
        .bind(&first)
        .bind(&second)
        .execute(&mut superuser)
        .await
        .unwrap();
    let error = h.store.read(&context(ALICE), &key(ResourceType::Patient, &first)).await.unwrap_err();
    assert_eq!(error, StoreError::Corrupt { table: "record.resource" });
    assert_eq!(h.json(ALICE, ResourceType::Patient, &second).await["name"][0]["family"], "Second");
}
