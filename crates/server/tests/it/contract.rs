//! The server held to its own OpenAPI document: every operation is sent its example and systematically wrong input, as
//! administrator, as somebody without the permission and as nobody, and every answer is compared with what the document
//! says.

mod requests;
mod schema;

use std::collections::HashMap;

use api::openapi::{document, documented};
use api::policy::{Policy, Rule, Verb};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use identity::PasswordCost;
use serde_json::Value;

use crate::client::{Answer, call};
use crate::in_process::InProcess;
use crate::people::PASSWORD;
use requests::{Sent, example, lists, resolved, wrong};

fn operation<'a>(document: &'a Value, rule: &Rule) -> &'a Value {
    &document["paths"][rule.path][rule.verb.name().to_ascii_lowercase()]
}

/// What the answer has that the document does not say.
fn deviations(document: &Value, rule: &Rule, answer: &Answer) -> Vec<String> {
    let declared = &operation(document, rule)["responses"][answer.status.as_str()];
    if declared.is_null() {
        return vec![format!("{} is not declared: {}", answer.status, String::from_utf8_lossy(&answer.body))];
    }
    let declared = resolved(document, declared);
    let mut faults = Vec::new();
    for (name, header) in declared["headers"].as_object().into_iter().flatten() {
        if resolved(document, header)["required"] == true && answer.header(name).is_empty() {
            faults.push(format!("no header {name}"));
        }
    }
    let media_type = answer.header("content-type").split(';').next().unwrap_or_default().trim();
    match declared["content"].as_object() {
        None if answer.body.is_empty() => {}
        None => faults.push("a body where none is declared".to_owned()),
        Some(contents) => match contents.get(media_type) {
            None => faults.push(format!("{media_type:?} is not declared")),
            Some(content) if media_type.ends_with("json") => {
                faults.extend(schema::faults(document, &content["schema"], &answer.json()));
            }
            Some(_) => {}
        },
    }
    faults
}

/// The server, and the records that were made from examples: what `{id}` in a path stands for.
struct Contract {
    salus: InProcess,
    document: Value,
    administrator: String,
    made: HashMap<String, String>,
    faults: Vec<String>,
    sent: usize,
}

impl Contract {
    async fn start() -> Contract {
        let salus = InProcess::start().await;
        // The organization that the tokens name.
        salus.create_account("admin", PASSWORD, PasswordCost::CHEAP).await;
        let administrator = salus.token(&["administrator", "system_administrator"]);
        // What lies below a patient is tried on one who is there.
        let request = Request::post("/fhir/R4/Patient").header("host", "localhost");
        let request = request.header("content-type", "application/fhir+json");
        let request = request.header("authorization", format!("Bearer {administrator}"));
        let patient = request.body(Body::from(r#"{"resourceType":"Patient"}"#)).unwrap();
        let patient = call(salus.router.clone(), patient).await.json()["id"].as_str().unwrap().to_owned();
        Contract {
            salus,
            document: document(),
            administrator,
            made: HashMap::from([("/api/v1/patients".to_owned(), patient)]),
            faults: Vec::new(),
            sent: 0,
        }
    }

    async fn send(&mut self, rule: &Rule, sent: &Sent, token: Option<&str>) -> Answer {
        let answer = call(self.salus.router.clone(), sent.request(token)).await;
        self.sent += 1;
        for fault in deviations(&self.document, rule, &answer) {
            self.fault(rule, sent, &fault);
        }
        answer
    }

    fn fault(&mut self, rule: &Rule, sent: &Sent, fault: &str) {
        let line = format!("{} {} with {}: {fault}", rule.verb.name(), rule.path, sent.what);
        self.faults.push(line.chars().take(600).collect());
    }

    /// The rule's path with what its variable segments stand for: what was created at the path before them, and else
    /// the example of the document.
    async fn path(&mut self, rule: &Rule) -> String {
        let mut path = String::new();
        let mut template = String::new();
        for segment in rule.path.split('/').skip(1) {
            let value = match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) => self.variable(rule, &template, &path, name).await,
                None => segment.to_owned(),
            };
            template = format!("{template}/{segment}");
            path = format!("{path}/{value}");
        }
        path
    }

    async fn variable(&mut self, rule: &Rule, template: &str, path: &str, name: &str) -> String {
        if let Some(made) = self.made.get(path) {
            return made.clone();
        }
        let creates = documented().find(|rule| rule.verb == Verb::Post && rule.path == template);
        if let Some(creates) = creates {
            let sent = example(creates, &operation(&self.document, creates).clone(), path);
            let administrator = self.administrator.clone();
            let answer = self.send(creates, &sent, Some(&administrator)).await;
            if let Some(id) = (answer.status == StatusCode::CREATED).then(|| answer.json()["id"].clone()) {
                let id = id.as_str().unwrap().to_owned();
                self.made.insert(path.to_owned(), id.clone());
                return id;
            }
        }
        let parameters = operation(&self.document, rule)["parameters"].as_array().unwrap();
        let schema =
            parameters.iter().find(|parameter| parameter["name"] == name).map(|found| &found["schema"]);
        let schema = schema.unwrap();
        let shown = [&schema["examples"][0], &schema["enum"][0], &schema["minimum"]];
        let shown = shown.into_iter().find(|value| !value.is_null());
        let shown = shown.unwrap_or_else(|| panic!("{}: {name} has no example", rule.path));
        shown.as_str().map_or_else(|| shown.to_string(), str::to_owned)
    }

    #[track_caller]
    fn holds(self, at_least: usize) {
        assert!(self.faults.is_empty(), "\n{}\n", self.faults.join("\n"));
        assert!(self.sent >= at_least, "only {} requests were sent", self.sent);
    }
}

/// All operations; what deletes comes last.
fn operations() -> Vec<&'static Rule> {
    let mut rules: Vec<_> = documented().collect();
    rules.sort_by_key(|rule| rule.verb == Verb::Delete);
    rules
}

#[tokio::test]
async fn the_example_of_every_operation_is_understood() {
    let mut contract = Contract::start().await;
    let administrator = contract.administrator.clone();
    for rule in operations() {
        let path = contract.path(rule).await;
        let operation = operation(&contract.document, rule).clone();
        let sent = example(rule, &operation, &path);
        let answer = contract.send(rule, &sent, Some(&administrator)).await;
        // The example's password is nobody's; what an example refers to need not be there.
        let refused = match answer.status.as_u16() {
            422 => answer.json()["code"] != "business-rule",
            401 => !rule.path.starts_with("/api/v1/auth/"),
            404 | 409 | 410 | 412 => !rule.path.contains('{') && !rule.path.starts_with("/api/v1/auth/"),
            status => status >= 400,
        };
        if refused {
            contract.fault(rule, &sent, &String::from_utf8_lossy(&answer.body));
        }
    }
    contract.holds(documented().count());
}

#[tokio::test]
async fn wrong_input_is_refused_as_the_document_says() {
    let mut contract = Contract::start().await;
    let administrator = contract.administrator.clone();
    for rule in operations() {
        let path = contract.path(rule).await;
        let operation = operation(&contract.document, rule).clone();
        let right = example(rule, &operation, &path);
        for sent in wrong(rule, &contract.document.clone(), &operation, &right) {
            let answer = contract.send(rule, &sent, Some(&administrator)).await;
            if sent.wrong && !answer.status.is_client_error() {
                contract.fault(rule, &sent, &format!("{} for what is wrong", answer.status));
            }
            if answer.status.is_server_error() {
                contract.fault(rule, &sent, &String::from_utf8_lossy(&answer.body));
            }
        }
    }
    contract.holds(10 * documented().count());
}

#[tokio::test]
async fn who_may_not_learns_nothing_else_whatever_is_sent() {
    let mut contract = Contract::start().await;
    let visitor = contract.salus.token(&["visitor"]);
    for rule in operations().into_iter().filter(|rule| rule.policy != Policy::Public) {
        let path = contract.path(rule).await;
        let operation = operation(&contract.document, rule).clone();
        let right = example(rule, &operation, &path);
        let first_wrong = wrong(rule, &contract.document.clone(), &operation, &right).into_iter().step_by(7);
        for sent in [right].into_iter().chain(first_wrong) {
            let nobody = contract.send(rule, &sent, None).await;
            if nobody.status != StatusCode::UNAUTHORIZED {
                contract.fault(rule, &sent, &format!("nobody is told {}", nobody.status));
            }
            if matches!(rule.policy, Policy::Permissions(_)) {
                let somebody = contract.send(rule, &sent, Some(&visitor)).await;
                if somebody.status != StatusCode::FORBIDDEN {
                    contract.fault(rule, &sent, &format!("a visitor is told {}", somebody.status));
                }
            }
        }
    }
    contract.holds(4 * documented().count());
}

#[test]
fn every_body_has_an_example_that_keeps_to_its_schema() {
    let document = document();
    let mut examples = 0;
    for rule in documented() {
        let operation = operation(&document, rule);
        let answers = operation["responses"].as_object().unwrap().values();
        let bodies = answers.map(|answer| &resolved(&document, answer)["content"]);
        for contents in bodies.chain([&operation["requestBody"]["content"]]) {
            for (media_type, content) in contents.as_object().into_iter().flatten() {
                let example = content.get("example").unwrap_or_else(|| panic!("{} {media_type}", rule.path));
                let faults = schema::faults(&document, &content["schema"], example);
                assert!(faults.is_empty(), "{} {}: {faults:?}", rule.verb.name(), rule.path);
                examples += 1;
            }
        }
    }
    assert!(examples > 10 * documented().count());
}

#[tokio::test]
async fn a_list_is_no_object_wherever_the_typed_door_wants_one() {
    let mut contract = Contract::start().await;
    let administrator = contract.administrator.clone();
    let mut places = 0;
    let typed = |rule: &&&Rule| rule.path.starts_with("/api/v1/") && rule.documentation.body.is_some();
    for rule in operations().iter().filter(typed) {
        let path = contract.path(rule).await;
        let operation = operation(&contract.document, rule).clone();
        for (pointer, sent) in lists(&example(rule, &operation, &path)) {
            let answer = contract.send(rule, &sent, Some(&administrator)).await;
            let told = &answer.json()["errors"][0]["pointer"];
            if answer.status != StatusCode::UNPROCESSABLE_ENTITY || *told != pointer {
                contract.fault(rule, &sent, &String::from_utf8_lossy(&answer.body));
            }
            places += 1;
        }
    }
    assert!(places > 40, "only {places} objects are sent");
    contract.holds(places);
}
