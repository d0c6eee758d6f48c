//! One operation of the document.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::{example, header, parameter, refusal};
use crate::policy::{Content, Documentation, Policy, Rule};

/// What the document says of a route.
pub(super) fn operation(rule: &'static Rule, generator: &mut SchemaGenerator) -> Value {
    let Documentation { tag, summary, query, headers, body, .. } = rule.documentation;
    let mut parameters: Vec<Value> = parameter::path(rule).collect();
    if let Some(query) = query {
        parameters.extend(parameter::query(query, generator));
    }
    parameters.extend(headers.iter().map(parameter::header));
    let (security, permissions) = match rule.policy {
        Policy::Public => (json!([]), Vec::new()),
        Policy::Authenticated => (json!([{ "bearer": [] }]), Vec::new()),
        Policy::Permissions(needed) => {
            (json!([{ "bearer": [] }]), needed.iter().map(|permission| permission.name()).collect())
        }
    };
    let mut operation = json!({
        "operationId": rule.operation,
        "tags": [tag],
        "summary": summary,
        "description": described(rule, &permissions),
        "parameters": parameters,
        "security": security,
        "x-permissions": permissions,
    });
    if let Some(body) = body {
        operation["requestBody"] = json!({
            "required": true,
            "description": format!("At most {}.", size(rule.body_bytes)),
            "content": content(body, generator),
        });
    }
    operation["responses"] = responses(rule, generator);
    operation
}

/// What the route says of itself, and what it needs.
fn described(rule: &Rule, permissions: &[&str]) -> String {
    let needs = match rule.policy {
        Policy::Public => "Needs no login.".to_owned(),
        Policy::Authenticated => "Needs a login, and no permission.".to_owned(),
        Policy::Permissions(_) => {
            let names = permissions.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
            let noun = if names.len() == 1 { "permission" } else { "permissions" };
            format!("Needs the {noun} {}.", names.join(" and "))
        }
    };
    [rule.documentation.description, &needs]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn size(bytes: usize) -> String {
    const KIB: usize = 1024;
    match bytes {
        _ if bytes.is_multiple_of(KIB * KIB) => format!("{} MiB", bytes / (KIB * KIB)),
        _ if bytes.is_multiple_of(KIB) => format!("{} KiB", bytes / KIB),
        _ => format!("{bytes} bytes"),
    }
}

/// A body in each of its media types, with an example.
pub(super) fn content(content: Content, generator: &mut SchemaGenerator) -> Value {
    let schema = content.shape.schema(generator).to_value();
    let example = example::of(&schema, generator.definitions());
    content
        .media_types
        .iter()
        .map(|media_type| ((*media_type).to_owned(), json!({ "schema": schema, "example": example })))
        .collect::<Map<_, _>>()
        .into()
}

/// The answers, by status. A status that is an answer and also a refusal (`/readyz` is one) has the contents of both.
fn responses(rule: &Rule, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for answer in rule.documentation.answers {
        let mut response = json!({
            "description": answer.description,
            "headers": header::of(answer.headers.iter().copied()),
        });
        if let Some(body) = answer.content {
            response["content"] = content(body, generator);
        }
        responses.insert(answer.status.to_string(), response);
    }
    let form = refusal::Form::of(rule);
    for status in refusal::statuses(rule) {
        match responses.get_mut(&status.to_string()) {
            None => {
                responses.insert(status.to_string(), form.reference(status));
            }
            Some(answer) => {
                if let (Some(given), Value::Object(refused)) =
                    (answer["content"].as_object_mut(), form.content_of(status, generator))
                {
                    given.extend(refused);
                }
            }
        }
    }
    responses.sort_keys();
    Value::Object(responses)
}
