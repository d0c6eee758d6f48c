//! Another organization's patient is as unknown as one that does not exist, by every route.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::{PATH, person, unique};
use crate::client::{Answer, call, text};
use crate::in_process::InProcess;

async fn ask(salus: &InProcess, tenant: i32, method: &str, path: &str, body: &Value) -> Answer {
    let token = salus.token_in(tenant, &["administrator"]);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("if-match", "W/\"1\"")
        .header("authorization", format!("Bearer {token}"));
    let request = if body.is_null() {
        request.body(Body::empty())
    } else {
        request.header("content-type", "application/json").body(Body::from(body.to_string()))
    };
    call(salus.router.clone(), request.unwrap()).await
}

#[tokio::test]
async fn a_patient_of_another_organization_is_unknown_by_every_route() {
    let salus = InProcess::start().await;
    let family = unique();
    let created = ask(&salus, 1, "POST", PATH, &person(&family)).await;
    assert_eq!(created.status, StatusCode::CREATED, "{created:?}");
    let created = created.json();
    let theirs = text(&created["id"]);
    let mine = text(&ask(&salus, 2, "POST", PATH, &person(&family)).await.json()["id"]);
    let unknown = uuid::Uuid::now_v7().to_string();
    let merge = |source: &str| json!({"source": source, "reason": "same person"});
    for (method, path, body) in [
        ("GET", "{id}".to_owned(), Value::Null),
        ("PATCH", "{id}".to_owned(), json!({"gender": "male"})),
        ("DELETE", "{id}".to_owned(), Value::Null),
        ("POST", "{id}/patient-number".to_owned(), Value::Null),
        ("GET", "{id}/duplicates".to_owned(), Value::Null),
        ("GET", "{id}/history".to_owned(), Value::Null),
        ("GET", "{id}/merges".to_owned(), Value::Null),
        ("POST", "{id}/merge".to_owned(), merge(&mine)),
    ] {
        let at = |id: &str| format!("{PATH}/{}", path.replace("{id}", id));
        let foreign = ask(&salus, 2, method, &at(&theirs), &body).await;
        let nobody = ask(&salus, 2, method, &at(&unknown), &body).await;
        assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{method} {path}: {foreign:?}");
        let plain = |answer: &Answer| {
            let mut body = answer.json();
            body["request_id"] = Value::Null;
            (answer.status, body)
        };
        assert_eq!(plain(&foreign), plain(&nobody), "{method} {path}");
    }
    let refused = ask(&salus, 2, "POST", &format!("{PATH}/{mine}/merge"), &merge(&theirs)).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{refused:?}");
    let mut second = person(&unique());
    second["mrn"] = json!("M-second");
    let second = ask(&salus, 1, "POST", PATH, &second).await.json();
    for path in
        [format!("{PATH}/by-mrn/M-second"), format!("{PATH}/by-number/{}", text(&second["patient_number"]))]
    {
        assert_eq!(ask(&salus, 1, "GET", &path, &Value::Null).await.status, StatusCode::OK, "{path}");
        assert_eq!(ask(&salus, 2, "GET", &path, &Value::Null).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for (method, path, body) in [
        ("GET", format!("{PATH}?family_name={family}"), Value::Null),
        ("POST", format!("{PATH}/search"), json!({"family_name": family})),
    ] {
        let page = ask(&salus, 2, method, &path, &body).await.json();
        let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|item| text(&item["id"])).collect();
        assert_eq!(ids, [mine.as_str()], "{path}");
    }
    // Numbers are an organization's own: both begin with the first, and neither takes the other's.
    let own = ask(&salus, 2, "GET", &format!("{PATH}/{mine}"), &Value::Null).await.json();
    assert_eq!(own["patient_number"], created["patient_number"]);
    let hinted = ask(&salus, 2, "GET", &format!("{PATH}/{mine}/duplicates"), &Value::Null).await.json();
    assert_eq!(hinted["items"], json!([]), "nobody is hinted across organizations");
}
