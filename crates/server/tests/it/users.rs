//! Users: who may come in, as what, and who may say so.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::client::text;
use crate::in_process::InProcess;
use crate::people::{PASSWORD, Person, administrator, employ, found, hire};

fn pointer(body: &Value) -> String {
    text(&body["errors"][0]["pointer"])
}

#[tokio::test]
async fn a_user_is_created_read_amended_and_listed() {
    let salus = InProcess::start().await;
    let admin = administrator(&salus).await;
    let body = json!({
        "username": "Nora.North", "display_name": " Nora North ", "email": "nora@example.org",
        "roles": ["nurse", "clerk", "nurse"],
    });
    let created = admin.post("/api/v1/users", body).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    let user = created.json();
    let path = format!("/api/v1/users/{}", text(&user["id"]));
    assert_eq!((created.header("location"), created.header("etag")), (path.as_str(), "W/\"1\""));
    assert_eq!((&user["username"], &user["display_name"]), (&json!("nora.north"), &json!("Nora North")));
    assert_eq!((&user["roles"], &user["status"]), (&json!(["clerk", "nurse"]), &json!("active")));

    let patch = |tag: Option<&'static str>, body: Value| {
        let (admin, path) = (admin.clone(), path.clone());
        async move {
            let headers: Vec<_> = tag.iter().map(|tag| ("if-match", *tag)).collect();
            admin.send("PATCH", &path, Some(body), &headers).await
        }
    };
    let amended = patch(Some("W/\"1\""), json!({ "display_name": "N. North", "email": null })).await;
    assert_eq!((amended.status, amended.header("etag")), (StatusCode::OK, "W/\"2\""));
    assert_eq!(
        (&amended.json()["email"], &amended.json()["display_name"]),
        (&Value::Null, &json!("N. North"))
    );
    assert_eq!(patch(None, json!({})).await.status, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(patch(Some("W/\"1\""), json!({})).await.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(admin.get(&path).await.json()["version"], 2);
    assert_eq!(salus.audited("user.create").await, ["success"]);
    assert_eq!(salus.audited("user.amend").await, ["success"]);
}

#[tokio::test]
async fn what_the_server_decides_cannot_be_sent_along() {
    let salus = InProcess::start().await;
    let admin = administrator(&salus).await;
    for (member, value) in [
        ("id", json!("0190b1c2-0000-7000-8000-000000000000")),
        ("tenant", json!(2)),
        ("status", json!("active")),
        ("version", json!(7)),
        ("password_hash", json!("x")),
        ("must_change_password", json!(false)),
        ("home", json!(1)),
    ] {
        let mut body = json!({ "username": "nora", "roles": ["nurse"] });
        body[member] = value;
        let refused = admin.post("/api/v1/users", body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{member}");
        assert_eq!(pointer(&refused.json()), format!("/{member}"));
    }
    let (id, _) = hire(&admin, "nora", &["nurse"]).await;
    for member in ["roles", "username", "status", "version", "must_change_password"] {
        let path = format!("/api/v1/users/{id}");
        let refused =
            admin.send("PATCH", &path, Some(json!({ member: "x" })), &[("if-match", "W/\"1\"")]).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{member}");
    }
    for (body, at) in [
        (json!({ "username": "a b", "roles": ["nurse"] }), "/username"),
        (json!({ "username": "nora2", "roles": ["wizard"] }), "/roles"),
        (json!({ "username": "nora2", "roles": [] }), "/roles"),
        (json!({ "username": "nora2", "roles": ["nurse"], "email": "nowhere" }), "/email"),
        (json!({ "username": "nora2", "roles": ["nurse"], "display_name": "" }), "/display_name"),
    ] {
        let refused = admin.post("/api/v1/users", body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{at}");
        assert_eq!(pointer(&refused.json()), at);
    }
    let taken = admin.post("/api/v1/users", json!({ "username": "NORA", "roles": ["nurse"] })).await;
    assert_eq!(taken.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn nobody_rises_above_what_it_is() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (_, boss) = found(&system, "North", "north.admin").await;
    let own = text(&boss.get("/api/v1/auth/me").await.json()["account"]);
    let (second, _) = hire(&boss, "second", &["administrator"]).await;

    // Not by giving oneself a role, not by giving it to another, not by a new user.
    for id in [&own, &second] {
        let roles = json!({ "roles": ["administrator", "system_administrator"] });
        let refused = boss.put(&format!("/api/v1/users/{id}/roles"), roles).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
    }
    let new = json!({ "username": "puppet", "roles": ["system_administrator"] });
    assert_eq!(boss.post("/api/v1/users", new).await.status, StatusCode::FORBIDDEN);
    // And not through the account of somebody who is more, in the first organization.
    let mere = json!({ "username": "mere", "roles": ["administrator"] });
    assert_eq!(system.post("/api/v1/users", mere).await.status, StatusCode::CREATED);
    let (_, tokens) = employ(&system, "mere.admin", &["administrator"]).await;
    let mere = system.with(&tokens.access);
    let chief = text(&system.get("/api/v1/auth/me").await.json()["account"]);
    for act in ["reset-password", "disable"] {
        let refused = mere.act(&format!("/api/v1/users/{chief}/{act}")).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{act}");
    }
    assert_eq!(mere.delete(&format!("/api/v1/users/{chief}")).await.status, StatusCode::FORBIDDEN);
    // Who may not write users may not at all, and that it tried stands in the trail.
    let (_, tokens) = employ(&system, "nora", &["nurse"]).await;
    let nora = system.with(&tokens.access);
    let refused = nora.put(&format!("/api/v1/users/{chief}/roles"), json!({ "roles": ["nurse"] })).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(salus.audited("user.set_roles").await, ["denied"]);
}

#[tokio::test]
async fn an_organization_keeps_its_last_administrator() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (_, boss) = found(&system, "North", "north.admin").await;
    let own = text(&boss.get("/api/v1/auth/me").await.json()["account"]);
    let path = format!("/api/v1/users/{own}");
    let demote = json!({ "roles": ["nurse"] });
    assert_eq!(boss.act(&format!("{path}/disable")).await.status, StatusCode::CONFLICT);
    assert_eq!(boss.delete(&path).await.status, StatusCode::CONFLICT);
    assert_eq!(boss.put(&format!("{path}/roles"), demote.clone()).await.status, StatusCode::CONFLICT);
    hire(&boss, "second", &["administrator"]).await;
    assert_eq!(boss.put(&format!("{path}/roles"), demote).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_administrators_who_remove_each_other_one_stays() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (_, one) = found(&system, "North", "one.admin").await;
    let (second, tokens) = employ(&one, "two.admin", &["administrator"]).await;
    let two = one.with(&tokens.access);
    let first = text(&one.get("/api/v1/auth/me").await.json()["account"]);
    let (first, second) = (format!("/api/v1/users/{first}"), format!("/api/v1/users/{second}"));
    let (by_one, by_two) = tokio::join!(one.delete(&second), two.delete(&first));
    let done = [&by_one, &by_two].iter().filter(|answer| answer.status == StatusCode::NO_CONTENT).count();
    assert_eq!(done, 1, "{by_one:?} {by_two:?}");
}

#[tokio::test]
async fn users_of_another_organization_are_not_there() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (_, north) = found(&system, "North", "north.admin").await;
    let (_, south) = found(&system, "South", "south.admin").await;
    let (id, _) = hire(&north, "nora", &["nurse"]).await;
    let path = format!("/api/v1/users/{id}");
    let unknown = "/api/v1/users/0190b1c2-0000-7000-8000-000000000000";
    let mut bodies = Vec::new();
    for path in [path.as_str(), unknown] {
        let answer = south.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        let mut body = answer.json();
        body["request_id"].take();
        bodies.push(body);
        let tagged = [("if-match", "W/\"1\"")];
        assert_eq!(south.send("PATCH", path, Some(json!({})), &tagged).await.status, StatusCode::NOT_FOUND);
        assert_eq!(south.delete(path).await.status, StatusCode::NOT_FOUND);
        for act in ["disable", "enable", "reset-password"] {
            assert_eq!(south.act(&format!("{path}/{act}")).await.status, StatusCode::NOT_FOUND, "{act}");
        }
        let roles = json!({ "roles": ["nurse"] });
        assert_eq!(south.put(&format!("{path}/roles"), roles).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(bodies[0], bodies[1]);
    let listed = south.get("/api/v1/users?limit=100").await.json();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|it| text(&it["username"])).collect();
    assert_eq!(names, ["south.admin"]);
}

#[tokio::test]
async fn what_another_organization_made_it_alone_can_change() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (_, north) = found(&system, "North", "north.admin").await;
    let (south_id, south) = found(&system, "South", "south.admin").await;
    let (id, _) = employ(&north, "nora", &["nurse"]).await;
    let member = json!({ "username": "nora", "roles": ["nurse"] });
    system.post(&format!("/api/v1/organizations/{south_id}/members"), member).await;
    let path = format!("/api/v1/users/{id}");
    assert_eq!(south.get(&path).await.json()["at_home"], false);
    let tagged = [("if-match", "W/\"2\"")];
    let renamed = south.send("PATCH", &path, Some(json!({ "display_name": "X" })), &tagged).await;
    assert_eq!(renamed.status, StatusCode::FORBIDDEN, "{renamed:?}");
    assert_eq!(south.act(&format!("{path}/reset-password")).await.status, StatusCode::FORBIDDEN);
    // Whoever resets a password could act elsewhere with it.
    assert_eq!(north.act(&format!("{path}/reset-password")).await.status, StatusCode::CONFLICT);
    // Disabled here, nora still works there.
    assert_eq!(south.act(&format!("{path}/disable")).await.json()["status"], "disabled");
    assert_eq!(north.get(&path).await.json()["status"], "active");
    Person::at(&salus.router).log_in("nora", PASSWORD).await;
}

#[tokio::test]
async fn whoever_made_an_account_takes_no_administrator_from_another_organization() {
    let salus = InProcess::start().await;
    let system = administrator(&salus).await;
    let (_, north) = found(&system, "North", "north.admin").await;
    let (south_id, south) = found(&system, "South", "south.admin").await;
    let own = text(&system.get("/api/v1/auth/me").await.json()["organization"]);
    let join = async |organization: &str, username: &str, role: &str| {
        let member = json!({ "username": username, "roles": [role] });
        system.post(&format!("/api/v1/organizations/{organization}/members"), member).await.status
    };
    // Nora looks after the installation, and was made by North.
    let (nora, _) = employ(&north, "nora", &["nurse"]).await;
    assert_eq!(join(&own, "nora", "system_administrator").await, StatusCode::NO_CONTENT);
    let refused = north.act(&format!("/api/v1/users/{nora}/disable")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "may more elsewhere than North's administrator");
    // Bert is the only one left to administer South.
    let (bert, _) = employ(&north, "bert", &["nurse"]).await;
    assert_eq!(join(&south_id, "bert", "administrator").await, StatusCode::NO_CONTENT);
    let boss = text(&south.get("/api/v1/auth/me").await.json()["account"]);
    let demoted = south.put(&format!("/api/v1/users/{boss}/roles"), json!({ "roles": ["nurse"] })).await;
    assert_eq!(demoted.status, StatusCode::OK);
    let bert = format!("/api/v1/users/{bert}");
    assert_eq!(north.act(&format!("{bert}/disable")).await.status, StatusCode::CONFLICT);
    // It can always end what is its own: the membership.
    assert_eq!(north.delete(&bert).await.status, StatusCode::NO_CONTENT);
    let tokens = Person::at(&salus.router).log_in("bert", PASSWORD).await;
    assert!(south.with(&tokens.access).is_in().await);
}

#[tokio::test]
async fn a_reset_password_ends_sessions_and_lets_the_holder_in_whom_guesses_kept_out() {
    let salus = InProcess::start().await;
    let admin = administrator(&salus).await;
    let (id, tokens) = employ(&admin, "nora", &["nurse"]).await;
    let nora = Person::at(&salus.router);
    for at in 0..30_u8 {
        let from = [203, 0, 113, at].into();
        Person { from, ..nora.clone() }.try_log_in("nora", "not the password, I fear").await;
    }
    assert_eq!(nora.try_log_in("nora", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    let reset = admin.act(&format!("/api/v1/users/{id}/reset-password")).await;
    assert_eq!(reset.status, StatusCode::OK, "{reset:?}");
    assert!(!nora.with(&tokens.access).is_in().await);
    let temporary = text(&reset.json()["temporary_password"]);
    crate::people::settle(&nora, "nora", &temporary).await;
    let trail = salus.audited("user.reset_password").await;
    assert_eq!(trail, ["success"]);
}

#[tokio::test]
async fn lists_are_filtered_and_paged_and_a_cursor_is_good_for_its_list_only() {
    let salus = InProcess::start().await;
    let admin = administrator(&salus).await;
    for number in 0..7 {
        let roles: &[&str] = if number % 2 == 0 { &["nurse"] } else { &["clerk"] };
        hire(&admin, &format!("user{number}"), roles).await;
    }
    let mut names = Vec::new();
    let mut path = "/api/v1/users?limit=3".to_owned();
    loop {
        let answer = admin.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        let page = answer.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 3);
        names.extend(items.iter().map(|item| text(&item["username"])));
        let Some(next) = page["next"].as_str() else { break };
        assert_eq!(answer.header("link"), format!("<{next}>; rel=\"next\""));
        path = next.to_owned();
    }
    let expected: Vec<_> =
        std::iter::once("admin".to_owned()).chain((0..7).map(|n| format!("user{n}"))).collect();
    assert_eq!(names, expected);

    let count = async |query: &str| {
        admin.get(&format!("/api/v1/users?{query}")).await.json()["items"].as_array().unwrap().len()
    };
    assert_eq!(count("role=nurse").await, 4);
    assert_eq!(count("q=USER").await, 7);
    assert_eq!(count("q=%25").await, 0, "a pattern is no pattern");
    assert_eq!(count("status=disabled").await, 0);
    assert_eq!(count("role=nurse&q=user0").await, 1);

    let next = text(&admin.get("/api/v1/users?limit=3").await.json()["next"]);
    let cursor = next.split("cursor=").nth(1).unwrap();
    for (who, query) in [
        (&admin, format!("limit=4&cursor={cursor}")),
        (&admin, format!("limit=3&role=nurse&cursor={cursor}")),
        (&admin, "limit=3&cursor=x".to_owned()),
    ] {
        let refused = who.get(&format!("/api/v1/users?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
    let (_, tokens) = employ(&admin, "second", &["administrator"]).await;
    assert_eq!(
        admin.with(&tokens.access).get(&next).await.status,
        StatusCode::BAD_REQUEST,
        "another's cursor"
    );
    for query in ["limit=x", "status=asleep", "colour=red", "limit=1&limit=2", "q=%00", "role=a%0Ab"] {
        let refused = admin.get(&format!("/api/v1/users?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
    }
}
