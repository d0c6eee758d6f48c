//! What the OpenAPI document says of a route, beside what the rule itself says.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

/// The shape of a body or of a set of query parameters: its JSON Schema, made from the Rust type that is read or
/// written.
#[derive(Clone, Copy, Debug)]
pub struct Shape(fn(&mut SchemaGenerator) -> Schema);

impl Shape {
    /// The shape of `T`.
    pub const fn of<T: JsonSchema>() -> Shape {
        Shape(schema_of::<T>)
    }

    /// Its schema; named types become references.
    pub fn schema(self, generator: &mut SchemaGenerator) -> Schema {
        (self.0)(generator)
    }
}

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// The schema of a merge patch: every member may be left out, and null takes it away.
fn patch_schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    let name = T::schema_name();
    // Makes the definition, where it is not there yet.
    let mut schema = generator.subschema_for::<T>().to_value();
    if let Some(definition) = generator.definitions().get(&*name) {
        schema = definition.clone();
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("required");
        // A null in an example of the whole says that there is nothing; in a patch it would take something away.
        for example in schema.get_mut("examples").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(example) = example.as_object_mut() {
                example.retain(|_, value| !value.is_null());
            }
        }
        schema.insert("description".to_owned(), "What changes; null takes a member away.".into());
        for member in schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            let mut plain = member.1.take();
            let description = plain.as_object_mut().and_then(|plain| {
                plain.remove("default");
                plain.remove("description")
            });
            *member.1 = json!({ "anyOf": [plain, { "type": "null" }] });
            if let Some(description) = description {
                member.1["description"] = description;
            }
        }
    }
    schema.try_into().unwrap_or_default()
}

/// A body: its media types and its shape.
#[derive(Clone, Copy, Debug)]
pub struct Content {
    /// The media types that it is taken or given in.
    pub media_types: &'static [&'static str],
    /// Its shape.
    pub shape: Shape,
}

impl Content {
    /// JSON of this type.
    pub const fn json<T: JsonSchema>() -> Content {
        Content { media_types: &["application/json"], shape: Shape::of::<T>() }
    }

    /// A JSON merge patch (RFC 7396) of this type.
    pub const fn merge_patch<T: JsonSchema>() -> Content {
        Content {
            media_types: &["application/merge-patch+json", "application/json"],
            shape: Shape(patch_schema_of::<T>),
        }
    }
}

/// An answer that is not a refusal.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What it means, a sentence.
    pub description: &'static str,
    /// The body, where there is one.
    pub content: Option<Content>,
    /// Headers that it carries beside those of every answer.
    pub headers: &'static [&'static str],
}

impl Answer {
    /// 200 with this body.
    pub const fn ok(description: &'static str, content: Content) -> Answer {
        Answer { status: 200, description, content: Some(content), headers: &[] }
    }

    /// 201 with `Location`, `ETag` and this body.
    pub const fn created(description: &'static str, content: Content) -> Answer {
        Answer { status: 201, description, content: Some(content), headers: &["Location", "ETag"] }
    }

    /// The same as 202: the write is decided, and one of the databases does not show it yet.
    #[must_use]
    pub const fn settling(self) -> Answer {
        let headers: &[&str] = match self.status {
            201 => &["Location", "ETag", "X-Transaction-Id"],
            204 => &["X-Transaction-Id"],
            _ => &["ETag", "X-Transaction-Id"],
        };
        let description = "Decided and not to be lost, but not visible in every database yet.";
        Answer { status: 202, description, headers, ..self }
    }

    /// 204.
    pub const fn empty(description: &'static str) -> Answer {
        Answer { status: 204, description, content: None, headers: &[] }
    }

    /// The same, with these headers.
    #[must_use]
    pub const fn with_headers(mut self, headers: &'static [&'static str]) -> Answer {
        self.headers = headers;
        self
    }
}

/// A request header that a route reads.
#[derive(Clone, Copy, Debug)]
pub struct RequestHeader {
    /// Its name.
    pub name: &'static str,
    /// What it does, a sentence.
    pub description: &'static str,
    /// Whether a request without it is refused.
    pub required: bool,
}

impl RequestHeader {
    /// `If-Match`, without which a change is refused.
    pub const IF_MATCH: RequestHeader = RequestHeader {
        name: "If-Match",
        description: "The version that the change is based on, such as `W/\"3\"`.",
        required: true,
    };
}

/// What a route is for, what it takes and what it gives.
#[derive(Clone, Copy, Debug)]
pub struct Documentation {
    /// The group that it is shown in.
    pub tag: &'static str,
    /// A line.
    pub summary: &'static str,
    /// More, in Markdown; may be empty.
    pub description: &'static str,
    /// The query parameters: the members of an object.
    pub query: Option<Shape>,
    /// The headers that it reads.
    pub headers: &'static [RequestHeader],
    /// The body that it takes.
    pub body: Option<Content>,
    /// What it answers where it does not refuse.
    pub answers: &'static [Answer],
    /// Statuses of refusals beside those that every route of its kind can give (`crate::openapi`).
    pub refusals: &'static [u16],
}

impl Documentation {
    /// A route that gives these answers.
    pub const fn new(tag: &'static str, summary: &'static str, answers: &'static [Answer]) -> Documentation {
        Documentation {
            tag,
            summary,
            description: "",
            query: None,
            headers: &[],
            body: None,
            answers,
            refusals: &[],
        }
    }

    /// The same, with more to say.
    #[must_use]
    pub const fn describe(mut self, description: &'static str) -> Documentation {
        self.description = description;
        self
    }

    /// The same, with these query parameters.
    #[must_use]
    pub const fn query(mut self, query: Shape) -> Documentation {
        self.query = Some(query);
        self
    }

    /// The same, reading these headers.
    #[must_use]
    pub const fn headers(mut self, headers: &'static [RequestHeader]) -> Documentation {
        self.headers = headers;
        self
    }

    /// The same, with this body.
    #[must_use]
    pub const fn body(mut self, body: Content) -> Documentation {
        self.body = Some(body);
        self
    }

    /// The same, refusing with these statuses too.
    #[must_use]
    pub const fn refuses(mut self, refusals: &'static [u16]) -> Documentation {
        self.refusals = refusals;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its shape is looked at")]
    struct Bed {
        /// Its number.
        number: u8,
        ward: Option<String>,
    }

    #[test]
    fn of_a_merge_patch_every_member_may_be_left_out_or_null() {
        let schema = Content::merge_patch::<Bed>().shape.schema(&mut SchemaGenerator::default()).to_value();
        assert_eq!(schema.get("required"), None);
        assert_eq!(schema["properties"]["number"]["anyOf"][1]["type"], "null");
        assert_eq!(schema["properties"]["number"]["description"], "Its number.");
    }
}
