//! Requests made from the document: as it says, and wrong in one place each.

use api::policy::{Rule, Verb};
use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

/// What is sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub what: String,
    verb: Verb,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Whether it must be refused.
    pub wrong: bool,
}

impl Sent {
    pub fn request(&self, token: Option<&str>) -> Request<Body> {
        let mut request =
            Request::builder().method(self.verb.name()).uri(&self.path).header("host", "localhost");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        request.body(Body::from(self.body.clone())).unwrap()
    }

    fn wrong(&self, what: impl Into<String>) -> Sent {
        Sent { what: what.into(), wrong: true, ..self.clone() }
    }

    fn with_header(mut self, name: &str, value: &str) -> Sent {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// The schema itself, where it is a reference.
pub fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// The first of the media types, its schema and its example.
fn body(operation: &Value) -> Option<(&str, &Value, &Value)> {
    let (media_type, content) = operation["requestBody"]["content"].as_object()?.iter().next()?;
    Some((media_type, &content["schema"], &content["example"]))
}

fn encoded(media_type: &str, value: &Value) -> Vec<u8> {
    if media_type != "application/x-www-form-urlencoded" {
        return value.to_string().into_bytes();
    }
    let pairs = value.as_object().unwrap().iter();
    let pairs: Vec<_> = pairs.map(|(name, value)| format!("{name}={}", value.as_str().unwrap())).collect();
    pairs.join("&").into_bytes()
}

/// What the document gives as an example, at this path.
pub fn example(rule: &Rule, operation: &Value, path: &str) -> Sent {
    let mut sent = Sent {
        what: "its example".to_owned(),
        verb: rule.verb,
        path: path.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
        wrong: false,
    };
    let mut query = Vec::new();
    for parameter in operation["parameters"].as_array().unwrap() {
        if parameter["required"] != true {
            continue;
        }
        let name = parameter["name"].as_str().unwrap();
        match parameter["in"].as_str().unwrap() {
            "header" if name == "If-Match" => sent = sent.with_header(name, "W/\"1\""),
            "query" => query.push(format!("{name}={}", plain(&parameter["schema"]["examples"][0]))),
            "path" => {}
            other => panic!("{}: a required parameter in {other}: {name}", rule.operation),
        }
    }
    if !query.is_empty() {
        sent.path = format!("{path}?{}", query.join("&"));
    }
    if let Some((media_type, _, example)) = body(operation) {
        sent = sent.with_header("content-type", media_type);
        let mut example = example.clone();
        // What is put under an id names that id.
        if rule.verb == Verb::Put
            && let Some(id) = example.get_mut("id")
        {
            *id = path.rsplit('/').next().into();
        }
        sent.body = encoded(media_type, &example);
    }
    sent
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The same, wrong in one place each.
pub fn wrong(rule: &Rule, document: &Value, operation: &Value, sent: &Sent) -> Vec<Sent> {
    let mut all = Vec::new();
    if let Some((media_type, schema, example)) = body(operation) {
        let json = media_type.ends_with("json");
        // A form without pairs is one.
        all.push(Sent { body: Vec::new(), wrong: json, ..sent.wrong("no body") });
        all.push(sent.wrong("another media type").with_header("content-type", "text/plain"));
        if json {
            for bad in ["{", "7", "[]", "\"\"", "null", "{}x"] {
                all.push(Sent { body: bad.into(), ..sent.wrong(format!("the body {bad}")) });
            }
            all.push(Sent { body: b"\xff\xfe".to_vec(), ..sent.wrong("bytes that are not UTF-8") });
            let schema = resolved(document, schema);
            let bodies = wrong_members(document, schema, example);
            all.extend(bodies.into_iter().map(|(what, must, body)| Sent {
                body: body.to_string().into_bytes(),
                wrong: must,
                ..sent.wrong(what)
            }));
        }
    }
    for parameter in operation["parameters"].as_array().unwrap() {
        let name = parameter["name"].as_str().unwrap();
        if parameter["in"] == "header" && ["If-Match", "If-None-Match"].contains(&name) {
            let wrong = sent.wrong(format!("{name}: yesterday")).with_header(name, "yesterday");
            all.push(Sent { wrong: rule.path.starts_with("/fhir") || name == "If-Match", ..wrong });
        }
        if parameter["in"] == "header" && parameter["required"] == true {
            let mut without = sent.wrong(format!("no {name}"));
            without.headers.retain(|(known, _)| known != name);
            all.push(without);
        }
    }
    let joint = if sent.path.contains('?') { '&' } else { '?' };
    for query in ["nonsense=1", "limit=x", "cursor=x", "_count=x", "%ff=%ff"] {
        let path = format!("{}{joint}{query}", sent.path);
        all.push(Sent { path, wrong: false, ..sent.wrong(format!("the query {query}")) });
    }
    if let Some((before, _)) = rule.path.rsplit_once('{') {
        let depth = before.matches('/').count();
        let segments: Vec<_> = sent.path.split('/').collect();
        let long = "x".repeat(65);
        for bad in ["%00", "%ff", "a%20b", "%F0%9F%98%80", "..%2F", "0", "-1", "99999999999999999999", &long]
        {
            let mut segments = segments.clone();
            segments[depth] = bad;
            let path = segments.join("/");
            all.push(Sent { path, wrong: false, ..sent.wrong(format!("{bad} in the path")) });
        }
    }
    all
}

/// The same, with a list of its members in the place of one object each; and the place.
pub fn lists(sent: &Sent) -> Vec<(String, Sent)> {
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    let mut places = Vec::new();
    objects("", &body, &mut places);
    let listed = |place: &String| {
        let mut body = body.clone();
        let object = body.pointer_mut(place).unwrap();
        *object = object.as_object().unwrap().values().cloned().collect();
        let body = body.to_string().into_bytes();
        let pointer = if place.is_empty() { "/" } else { place };
        (pointer.to_owned(), Sent { body, ..sent.wrong(format!("a list at {pointer}")) })
    };
    places.iter().map(listed).collect()
}

/// The JSON pointers of all objects.
fn objects(place: &str, value: &Value, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            places.push(place.to_owned());
            members.iter().for_each(|(name, member)| objects(&format!("{place}/{name}"), member, places));
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, item)| objects(&format!("{place}/{index}"), item, places));
        }
        _ => {}
    }
}

/// Bodies that are wrong in one member each; and whether the schema forbids it.
fn wrong_members(document: &Value, schema: &Value, example: &Value) -> Vec<(String, bool, Value)> {
    let Some(members) = example.as_object() else { return Vec::new() };
    let closed = schema["additionalProperties"] == false;
    let required: Vec<_> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let changed = |name: &str, value: Value| {
        let mut body = example.clone();
        body[name] = value;
        body
    };
    let mut all = vec![("an unknown member".to_owned(), closed, changed("no_such_member", json!(1)))];
    for (name, value) in members {
        let declared = &schema["properties"][name];
        let mut try_value = |what: &str, bad: Value| {
            let forbidden =
                !declared.is_null() && !super::schema::faults(document, declared, &bad).is_empty();
            all.push((format!("{what} as {name}"), forbidden, changed(name, bad)));
        };
        try_value("an object", json!({ "x": 1 }));
        try_value("a list", json!([[1]]));
        try_value("null", Value::Null);
        try_value("a number", json!(-1e300));
        try_value("a long text", json!("x".repeat(100_000)));
        try_value("an empty text", json!(""));
        try_value("a NUL", json!("a\0b"));
        if value.is_array() {
            try_value("many", json!(vec![value[0].clone(); 2_000]));
        }
        let mut without = example.clone();
        without.as_object_mut().unwrap().remove(name);
        all.push((format!("no {name}"), required.contains(&name.as_str()), without));
    }
    all
}
