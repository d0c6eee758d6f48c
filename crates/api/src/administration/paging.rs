//! The lists of users and organizations, page by page: what was asked, bound into the cursors that it gives.

use domain::Context;
use fhir::outcome::{Issue, IssueType};
use serde::Serialize;

use crate::failure::Failure;
use crate::hospital::{Listing, page_size};
use crate::public_url::Here;
use crate::session::Sessions;

/// One question to a list, by one caller.
pub(super) struct Paging<'s> {
    sessions: &'s Sessions,
    here: Here,
    parameters: Vec<(&'static str, String)>,
    /// What a cursor is good for: this caller and this question only.
    bound: String,
    limit: usize,
}

impl<'s> Paging<'s> {
    /// The question that has these parameters; those that were not given are left out.
    pub(super) fn new<const N: usize>(
        sessions: &'s Sessions,
        context: &Context,
        here: Here,
        limit: Option<u32>,
        parameters: [(&'static str, Option<String>); N],
    ) -> Paging<'s> {
        let given = parameters.into_iter().chain([("limit", limit.map(|limit| limit.to_string()))]);
        let parameters: Vec<_> = given.filter_map(|(name, value)| Some((name, value?))).collect();
        let bound =
            format!("{} {} {} {parameters:?}", here.as_str(), context.caller.tenant, context.caller.account);
        Paging { sessions, here, parameters, bound, limit: page_size(limit) }
    }

    /// How many to look for: one more than a page, which tells whether there is a next.
    pub(super) fn wanted(&self) -> usize {
        self.limit + 1
    }

    /// The last entry of the page before.
    ///
    /// # Errors
    /// 400 where the cursor is none that this question gave this caller.
    pub(super) fn after(&self, cursor: Option<&str>) -> Result<Option<String>, Failure> {
        let Some(cursor) = cursor else { return Ok(None) };
        let opened = self.sessions.store.keyring().open_cursor(self.bound.as_bytes(), cursor).ok();
        let after = opened.and_then(|plain| String::from_utf8(plain).ok());
        after.map(Some).ok_or_else(|| Failure::invalid("cursor: this is none that this list gave you"))
    }

    /// The page of what was found, each entry known to a cursor by `key`.
    ///
    /// # Errors
    /// 500 where a cursor cannot be sealed.
    pub(super) fn page<F, T: Serialize>(
        &self,
        mut found: Vec<F>,
        key: impl FnOnce(&F) -> String,
        shown: impl Fn(F) -> T,
    ) -> Result<Listing<T>, Failure> {
        let more = found.len() > self.limit;
        found.truncate(self.limit);
        let next = found.last().filter(|_| more).map(|last| {
            let sealed =
                self.sessions.store.keyring().seal_cursor(self.bound.as_bytes(), key(last).as_bytes());
            sealed.map_err(|error| Failure::defect(error.to_string()))
        });
        let next = next.transpose()?;
        let parameters: Vec<_> =
            self.parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Ok(Listing::page(&self.here, &parameters, found.into_iter().map(shown).collect(), next.as_deref()))
    }
}

/// Refuses what no name can hold, and no text in the database: control characters, and more than a name's length.
///
/// # Errors
/// 400 with the parameter's name.
pub(super) fn searchable(parameter: &'static str, text: Option<&str>) -> Result<(), Failure> {
    let plain = |text: &str| text.len() <= 200 && !text.chars().any(char::is_control);
    if text.is_none_or(plain) {
        return Ok(());
    }
    let issue =
        Issue::error(IssueType::Value, format!("{parameter}: at most 200 bytes without control characters"));
    Err(Failure::invalid_with(vec![issue.at(parameter)]))
}
