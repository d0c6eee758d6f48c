//! Organizations: made with their first administrator, suspended, and kept apart.

use axum::http::StatusCode;
use kernel::Database;
use serde_json::{Value, json};
use test_support::{Role, sqlx};

use crate::client::text;
use crate::in_process::InProcess;
use crate::people::{PASSWORD, Person, administrator, employ, found};

#[tokio::test]
async fn an_organization_comes_with_its_administrator_or_not_at_all() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (_, boss) = found(&system, "North", "north.admin").await;
    let me = boss.get("/api/v1/auth/me").await.json();
    assert_eq!(me["roles"], json!(["administrator"]));

    let count = async || -> i64 {
        let mut auth = salus.databases.connect(Database::Auth, Role::Superuser).await;
        let count = sqlx::query_scalar("select count(*) from identity.organization");
        count.fetch_one(&mut auth).await.unwrap()
    };
    let before = count().await;
    let taken = json!({ "name": "South", "administrator": { "username": "north.admin" } });
    assert_eq!(system.post("/api/v1/organizations", taken).await.status, StatusCode::CONFLICT);
    assert_eq!(count().await, before, "no organization that nobody administers");
    for (body, at) in [
        (json!({ "name": " ", "administrator": { "username": "x.y.z" } }), "/name"),
        (json!({ "name": "S", "administrator": { "username": "." } }), "/administrator/username"),
        (json!({ "name": "S", "kind": "castle", "administrator": { "username": "x.y.z" } }), "/kind"),
        (json!({ "name": "S", "tenant": 1, "administrator": { "username": "x.y.z" } }), "/tenant"),
        (json!({ "name": "S" }), "/administrator"),
        (
            json!({ "name": "S", "parent_id": "0190b1c2-0000-7000-8000-000000000000",
                "administrator": { "username": "x.y.z" } }),
            "/parent_id",
        ),
    ] {
        let refused = system.post("/api/v1/organizations", body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{at}: {refused:?}");
        assert_eq!(text(&refused.json()["errors"][0]["pointer"]), at);
    }
    assert_eq!(count().await, before);
}

#[tokio::test]
async fn an_administrator_sees_and_amends_its_own_organization_and_no_other() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (north, boss) = found(&system, "North", "north.admin").await;
    let (south, _) = found(&system, "South", "south.admin").await;
    let own = format!("/api/v1/organizations/{north}");
    let other = format!("/api/v1/organizations/{south}");
    let tagged = |version: i32| format!("W/\"{version}\"");
    let patch = async |who: &Person, path: &str, version: i32, body: Value| {
        who.send("PATCH", path, Some(body), &[("if-match", &tagged(version))]).await
    };

    assert_eq!(boss.get(&own).await.json()["name"], "North");
    assert_eq!(boss.get(&other).await.status, StatusCode::NOT_FOUND);
    assert_eq!(system.get(&other).await.json()["kind"], "clinic");
    let renamed = patch(&boss, &own, 1, json!({ "name": "Far North", "kind": "hospital" })).await;
    assert_eq!((renamed.status, renamed.header("etag")), (StatusCode::OK, "W/\"2\""));
    assert_eq!(patch(&boss, &own, 1, json!({ "name": "X" })).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(patch(&boss, &other, 1, json!({ "name": "X" })).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        patch(&boss, &own, 2, json!({ "parent_id": south })).await.status,
        StatusCode::FORBIDDEN,
        "to whom it belongs is not its own to say"
    );
    assert_eq!(
        patch(&system, &own, 2, json!({ "parent_id": south })).await.json()["parent_id"],
        south.as_str()
    );
    for body in [json!({ "name": null }), json!({ "status": "active" }), json!({ "parent_id": north })] {
        let refused = patch(&system, &own, 3, body.clone()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    for act in ["suspend", "activate"] {
        assert_eq!(boss.act(&format!("{own}/{act}")).await.status, StatusCode::FORBIDDEN, "{act}");
    }
    assert_eq!(boss.get("/api/v1/organizations").await.status, StatusCode::FORBIDDEN);
    let new = json!({ "name": "Mine", "administrator": { "username": "mine.admin" } });
    assert_eq!(boss.post("/api/v1/organizations", new).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn all_organizations_are_listed_for_who_looks_after_them() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    for number in 0..3 {
        found(&system, &format!("Clinic {number}"), &format!("admin{number}")).await;
    }
    let first = system.get("/api/v1/organizations?limit=2").await.json();
    let names = |page: &Value| {
        page["items"].as_array().unwrap().iter().map(|it| text(&it["name"])).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["Test", "Clinic 0"]);
    let rest = system.get(first["next"].as_str().unwrap()).await.json();
    assert_eq!(
        (names(&rest), &rest["next"]),
        (vec!["Clinic 1".to_owned(), "Clinic 2".to_owned()], &Value::Null)
    );
    let found = system.get("/api/v1/organizations?q=clinic%201&status=active").await.json();
    assert_eq!(names(&found), ["Clinic 1"]);
}

#[tokio::test]
async fn a_suspended_organization_lets_nobody_in_until_it_is_activated() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (north, boss) = found(&system, "North", "north.admin").await;
    let path = format!("/api/v1/organizations/{north}");
    let suspended = system.act(&format!("{path}/suspend")).await;
    assert_eq!(suspended.json()["status"], "suspended");
    assert!(!boss.is_in().await);
    let person = Person::at(&salus.router);
    let refused = person.try_log_in("north.admin", PASSWORD).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(!String::from_utf8_lossy(&refused.body).contains("suspend"));
    system.act(&format!("{path}/activate")).await;
    person.log_in("north.admin", PASSWORD).await;

    let own = text(&system.get("/api/v1/auth/me").await.json()["organization"]);
    let refused = system.act(&format!("/api/v1/organizations/{own}/suspend")).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "nobody would be left to activate it");
}

#[tokio::test]
async fn no_record_of_one_organization_is_found_with_a_token_of_another() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (_, north) = found(&system, "North", "north.admin").await;
    let (_, south) = found(&system, "South", "south.admin").await;
    let patient = json!({ "resourceType": "Patient", "name": [{ "family": "Vester" }] });
    let created = north.post("/fhir/R4/Patient", patient).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    let path = format!("/fhir/R4/Patient/{}", text(&created.json()["id"]));
    assert_eq!(north.get(&path).await.status, StatusCode::OK);
    for path in [path.clone(), format!("{path}/_history"), format!("{path}/_history/1")] {
        assert_eq!(south.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let search = "/fhir/R4/Patient?family=vester&_total=accurate";
    assert_eq!(north.get(search).await.json()["total"], 1);
    assert_eq!(south.get(search).await.json()["total"], 0);
    let (_, tokens) = employ(&system, "sys.only", &["system_administrator"]).await;
    let refused = system.with(&tokens.access).get(&path).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "who looks after the installation sees no patient");
}
