//! The pass over a Bundle's bytes.

use std::borrow::Cow;
use std::collections::HashMap;

use kernel::limits;

use super::{Bundle, BundleKind, Entry, Method};
use crate::ResourceType;
use crate::json::{self, Parsed, Parser};
use crate::outcome::{Issue, IssueType};
use crate::reference::is_absolute;
use crate::structure::is_element;

/// Issues that are told; more are of no use to anyone.
const ISSUES: usize = 100;

pub(super) fn bundle(bytes: &[u8]) -> Result<Bundle<'_>, Vec<Issue>> {
    let mut reader = Reader::default();
    json::whole(bytes, |parser| reader.read(parser))
        .map_err(|error| vec![Issue::error(IssueType::Structure, error.to_string())])?;
    reader.finish()
}

#[derive(Default)]
struct Reader<'a> {
    is_bundle: bool,
    kind: Option<Cow<'a, str>>,
    entries: Vec<Entry<'a>>,
    /// How many entries there are, those beyond the limit and the bad ones included.
    count: usize,
    issues: Vec<Issue>,
}

/// What an entry holds, as it comes.
#[derive(Default)]
struct Draft<'a> {
    full_url: Option<Cow<'a, str>>,
    resource: Option<&'a serde_json::value::RawValue>,
    has_request: bool,
    method: Option<Cow<'a, str>>,
    url: Option<Cow<'a, str>>,
    if_none_exist: Option<Cow<'a, str>>,
    if_match: Option<Cow<'a, str>>,
    if_none_match: Option<Cow<'a, str>>,
    if_modified_since: Option<Cow<'a, str>>,
}

impl<'a> Reader<'a> {
    fn issue(&mut self, code: IssueType, what: impl Into<String>, expression: impl Into<String>) {
        if self.issues.len() < ISSUES {
            self.issues.push(Issue::error(code, what).at(expression));
        }
    }

    fn read(&mut self, parser: &mut Parser<'a>) -> Parsed<()> {
        if parser.next_token()? != b'{' {
            self.issue(IssueType::Structure, "a Bundle is a JSON object", "Bundle");
            return parser.skip();
        }
        parser.object(&mut |parser, key| match key {
            "resourceType" => {
                self.is_bundle = parser.text()?.as_deref() == Some("Bundle");
                Ok(())
            }
            "type" => {
                self.kind = self.string(parser, || "Bundle.type".to_owned())?;
                Ok(())
            }
            "entry" => self.entries(parser),
            _ => {
                if !is_element(ResourceType::Bundle, key) {
                    self.unknown("Bundle", key);
                }
                parser.skip()
            }
        })
    }

    fn unknown(&mut self, parent: &str, key: &str) {
        let shown: String = key.chars().take(64).collect();
        self.issue(IssueType::Structure, format!("unknown element `{shown}`"), format!("{parent}.{shown}"));
    }

    /// Reads a string; anything else is an issue.
    fn string(
        &mut self,
        parser: &mut Parser<'a>,
        expression: impl FnOnce() -> String,
    ) -> Parsed<Option<Cow<'a, str>>> {
        let text = parser.text()?;
        if text.is_none() {
            self.issue(IssueType::Structure, "must be a string", expression());
        }
        Ok(text)
    }

    fn entries(&mut self, parser: &mut Parser<'a>) -> Parsed<()> {
        if parser.next_token()? != b'[' {
            self.issue(IssueType::Structure, "must be an array", "Bundle.entry");
            return parser.skip();
        }
        parser.array(&mut |parser| {
            let index = self.count;
            self.count += 1;
            match index < limits::BUNDLE_ENTRIES {
                true => self.entry(parser, index),
                false => parser.skip(),
            }
        })
    }

    fn entry(&mut self, parser: &mut Parser<'a>, index: usize) -> Parsed<()> {
        let place = format!("Bundle.entry[{index}]");
        if parser.next_token()? != b'{' {
            self.issue(IssueType::Structure, "must be an object", place);
            return parser.skip();
        }
        let before = self.issues.len();
        let mut draft = Draft::default();
        parser.object(&mut |parser, key| match key {
            "fullUrl" => {
                draft.full_url = self.string(parser, || format!("{place}.fullUrl"))?;
                Ok(())
            }
            "resource" => {
                if parser.next_token()? == b'{' {
                    draft.resource = Some(json::spanned(parser)?);
                    return Ok(());
                }
                self.issue(IssueType::Structure, "a resource is a JSON object", format!("{place}.resource"));
                parser.skip()
            }
            "request" => {
                draft.has_request = true;
                self.request(parser, &place, &mut draft)
            }
            "search" | "response" => {
                // Invariants bdl-2 and bdl-4.
                let what = "belongs to the answer of a server, not to a batch or transaction";
                self.issue(IssueType::Invariant, what, format!("{place}.{key}"));
                parser.skip()
            }
            "link" | "id" | "extension" | "modifierExtension" | "_fullUrl" => parser.skip(),
            _ => {
                self.unknown(&place, key);
                parser.skip()
            }
        })?;
        if let Some(entry) = self.finish_entry(index, &place, draft)
            && self.issues.len() == before
        {
            self.entries.push(entry);
        }
        Ok(())
    }

    fn request(&mut self, parser: &mut Parser<'a>, place: &str, draft: &mut Draft<'a>) -> Parsed<()> {
        let place = format!("{place}.request");
        if parser.next_token()? != b'{' {
            self.issue(IssueType::Structure, "must be an object", place);
            return parser.skip();
        }
        parser.object(&mut |parser, key| {
            let slot = match key {
                "method" => &mut draft.method,
                "url" => &mut draft.url,
                "ifNoneExist" => &mut draft.if_none_exist,
                "ifMatch" => &mut draft.if_match,
                "ifNoneMatch" => &mut draft.if_none_match,
                "ifModifiedSince" => &mut draft.if_modified_since,
                "id" | "extension" | "modifierExtension" | "_method" | "_url" | "_ifNoneExist"
                | "_ifMatch" | "_ifNoneMatch" | "_ifModifiedSince" => return parser.skip(),
                _ => {
                    self.unknown(&place, key);
                    return parser.skip();
                }
            };
            *slot = self.string(parser, || format!("{place}.{key}"))?;
            Ok(())
        })
    }

    fn finish_entry(&mut self, index: usize, place: &str, draft: Draft<'a>) -> Option<Entry<'a>> {
        if let Some(url) = &draft.full_url {
            if !is_absolute(url) {
                let what = "must be an absolute URI, such as urn:uuid:...";
                self.issue(IssueType::Value, what, format!("{place}.fullUrl"));
            } else if url.contains("/_history/") {
                // Invariant bdl-8.
                self.issue(IssueType::Invariant, "must not name a version", format!("{place}.fullUrl"));
            }
        }
        if !draft.has_request {
            self.issue(IssueType::Required, "the entry has no request", format!("{place}.request"));
            return None;
        }
        let method = draft.method.as_deref();
        let known = Method::ALL.into_iter().find(|m| Some(m.name()) == method);
        match (method, known) {
            (None, _) => {
                self.issue(
                    IssueType::Required,
                    "the request has no method",
                    format!("{place}.request.method"),
                );
            }
            (Some(_), None) => {
                let what = "must be GET, HEAD, POST, PUT, PATCH or DELETE";
                self.issue(IssueType::CodeInvalid, what, format!("{place}.request.method"));
            }
            (Some(_), Some(_)) => {}
        }
        let url = draft.url.filter(|url| !url.is_empty());
        if url.is_none() {
            self.issue(IssueType::Required, "the request has no url", format!("{place}.request.url"));
        }
        let (method, url) = (known?, url?);
        if method.has_resource() != draft.resource.is_some() {
            let (code, what) = match method.has_resource() {
                true => (IssueType::Required, "needs a resource"),
                false => (IssueType::Invalid, "takes no resource"),
            };
            self.issue(code, format!("{} {what}", method.name()), format!("{place}.resource"));
        }
        if draft.if_none_exist.is_some() && method != Method::Post {
            let what = format!("{} takes no ifNoneExist, only POST does", method.name());
            self.issue(IssueType::Invalid, what, format!("{place}.request.ifNoneExist"));
        }
        Some(Entry {
            index,
            full_url: draft.full_url,
            resource: draft.resource,
            method,
            url,
            if_none_exist: draft.if_none_exist,
            if_match: draft.if_match,
            if_none_match: draft.if_none_match,
            if_modified_since: draft.if_modified_since,
        })
    }

    fn finish(mut self) -> Result<Bundle<'a>, Vec<Issue>> {
        if !self.is_bundle {
            return Err(vec![Issue::error(IssueType::Invalid, "is not a Bundle").at("Bundle.resourceType")]);
        }
        if self.count > limits::BUNDLE_ENTRIES {
            let what = format!("{} entries; at most {} are taken", self.count, limits::BUNDLE_ENTRIES);
            return Err(vec![Issue::error(IssueType::TooCostly, what).at("Bundle.entry")]);
        }
        let kind = match self.kind.as_deref() {
            Some("batch") => Some(BundleKind::Batch),
            Some("transaction") => Some(BundleKind::Transaction),
            Some(_) => {
                // A Bundle of another kind has no requests: what its entries lack says nothing more.
                let what = "only Bundles of type batch or transaction are acted upon";
                return Err(vec![Issue::error(IssueType::Invalid, what).at("Bundle.type")]);
            }
            None => {
                self.issue(IssueType::Required, "the Bundle has no type", "Bundle.type");
                None
            }
        };
        let mut seen: HashMap<&str, usize> = HashMap::new();
        let mut twice = Vec::new();
        for entry in &self.entries {
            // Invariant bdl-7.
            if let Some(url) = entry.full_url.as_deref()
                && let Some(first) = seen.insert(url, entry.index)
            {
                let what = format!("the same fullUrl as Bundle.entry[{first}]");
                twice.push(
                    Issue::error(IssueType::Duplicate, what)
                        .at(format!("Bundle.entry[{}].fullUrl", entry.index)),
                );
            }
        }
        self.issues.extend(twice.into_iter().take(ISSUES.saturating_sub(self.issues.len())));
        match kind {
            Some(kind) if self.issues.is_empty() => Ok(Bundle { kind, entries: self.entries }),
            _ => Err(self.issues),
        }
    }
}
