//! Transactions of records that refer to each other before the server has named them.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use services::record::{Refusal, Write};
use uuid::Uuid;

/// A transaction in the making.
#[derive(Default)]
pub struct Bundle {
    entries: Vec<Value>,
    /// By `Type/name`, as the records refer to each other: the `fullUrl` under which the Bundle knows them.
    names: HashMap<String, String>,
}

impl Bundle {
    /// The reference by which others mean the record of this type and name. A name is an id in form only: it lasts
    /// until the server gives another.
    pub fn name(&mut self, resource_type: &str, name: &str) -> String {
        let reference = format!("{resource_type}/{name}");
        self.names.insert(reference.clone(), format!("urn:uuid:{}", Uuid::new_v4()));
        reference
    }

    /// Adds a record; under the name that was given to it before, where it has one.
    pub fn add(&mut self, reference: Option<&str>, resource: Map<String, Value>) {
        let full_url = reference.and_then(|it| self.names.get(it)).cloned();
        self.add_as(full_url.unwrap_or_else(|| format!("urn:uuid:{}", Uuid::new_v4())), resource);
    }

    /// Adds a record under this `fullUrl`.
    pub fn add_as(&mut self, full_url: String, resource: Map<String, Value>) {
        let url = resource.get("resourceType").cloned().unwrap_or_default();
        let request = json!({ "method": "POST", "url": url });
        self.entries.push(json!({ "fullUrl": full_url, "resource": resource, "request": request }));
    }

    /// Adds a record, unless one with this identifier is there: then that is meant.
    pub fn add_once(&mut self, reference: &str, mut resource: Map<String, Value>, system: &str, value: &str) {
        resource.insert("identifier".to_owned(), json!([{ "system": system, "value": value }]));
        self.add(Some(reference), resource);
        if let Some(entry) = self.entries.last_mut() {
            entry["request"]["ifNoneExist"] = format!("identifier={system}|{value}").into();
        }
    }

    /// The write of all of them.
    ///
    /// # Errors
    /// What the one write path refuses.
    pub fn write(mut self) -> Result<Write, Refusal> {
        for entry in &mut self.entries {
            fhir::reference::rewrite(&mut entry["resource"], &mut |text| self.names.get(text).cloned());
        }
        let bundle = json!({ "resourceType": "Bundle", "type": "transaction", "entry": self.entries });
        Write::bundle(bundle.to_string().into_bytes())
    }
}
