//! Bundles of many resources (searchset, history), made by joining bytes: a resource's body is never parsed.

use serde_json::json;

/// A Bundle being written.
pub(super) struct BundleWriter {
    out: Vec<u8>,
    entries: usize,
}

/// The URL of a page, and of the one after it.
pub(super) struct Links {
    /// This page.
    pub this: String,
    /// The next one, where there is one.
    pub next: Option<String>,
}

impl BundleWriter {
    /// Begins a Bundle of this `type`. `bytes` is an estimate of its size.
    pub(super) fn begin(kind: &str, total: Option<u64>, links: &Links, bytes: usize) -> BundleWriter {
        let mut head = format!(r#"{{"resourceType":"Bundle","type":"{kind}""#);
        if let Some(total) = total {
            head.push_str(&format!(r#","total":{total}"#));
        }
        let mut link = vec![json!({ "relation": "self", "url": links.this })];
        link.extend(links.next.as_ref().map(|next| json!({ "relation": "next", "url": next })));
        head.push_str(r#","link":"#);
        head.push_str(&serde_json::Value::from(link).to_string());
        let mut out = Vec::with_capacity(head.len() + bytes + 2);
        out.extend_from_slice(head.as_bytes());
        BundleWriter { out, entries: 0 }
    }

    /// Adds an entry. `full_url` holds nothing that JSON must escape; `resource` is JSON; `rest` is the JSON
    /// of what follows in the entry, such as `"search":{"mode":"match"}`.
    pub(super) fn entry(&mut self, full_url: Option<&str>, resource: Option<&[u8]>, rest: &str) {
        self.out.extend_from_slice(if self.entries == 0 { br#","entry":[{"# } else { b",{" });
        self.entries += 1;
        if let Some(full_url) = full_url {
            self.out.extend_from_slice(br#""fullUrl":""#);
            self.out.extend_from_slice(full_url.as_bytes());
            self.out.extend_from_slice(br#"","#);
        }
        if let Some(resource) = resource {
            self.out.extend_from_slice(br#""resource":"#);
            self.out.extend_from_slice(resource);
            self.out.push(b',');
        }
        self.out.extend_from_slice(rest.as_bytes());
        self.out.push(b'}');
    }

    /// The Bundle. One without entries has no `entry`: JSON arrays in FHIR are never empty (R4 json, 2.6.2).
    pub(super) fn end(mut self) -> Vec<u8> {
        self.out.extend_from_slice(if self.entries == 0 { b"}" } else { b"]}" });
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_stand_in_the_bundle_byte_for_byte() {
        let links = Links { this: "http://h/fhir/R4/Patient".into(), next: Some("http://h/n".into()) };
        let mut bundle = BundleWriter::begin("searchset", Some(2), &links, 0);
        let resource = br#"{"resourceType":"Patient","x":1.50}"#;
        bundle.entry(Some("http://h/fhir/R4/Patient/1"), Some(resource), r#""search":{"mode":"match"}"#);
        bundle.entry(None, Some(b"{}"), r#""search":{"mode":"outcome"}"#);
        let text = String::from_utf8(bundle.end()).unwrap();
        assert!(text.contains("1.50"), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["total"], 2);
        assert_eq!(value["link"][1]["relation"], "next");
        assert_eq!(value["entry"][0]["search"]["mode"], "match");
        assert_eq!(value["entry"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn an_empty_page_has_no_entry_array() {
        let links = Links { this: "http://h".into(), next: None };
        let bundle = BundleWriter::begin("searchset", None, &links, 0).end();
        let value: serde_json::Value = serde_json::from_slice(&bundle).unwrap();
        assert!(value.get("entry").is_none() && value.get("total").is_none());
    }
}
