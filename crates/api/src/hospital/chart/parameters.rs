//! What lists of the chart can be asked for.

use domain::chart::vital_signs::Status;
use domain::chart::vital_signs::table::Member;
use schemars::JsonSchema;
use serde::Deserialize;
use services::chart::{Filters, SetFilters};

use crate::hospital::listing::page_size;

/// A list in the order in which its entries were written, the newest first.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameters {
    /// Only entries with this status.
    status: Option<String>,
    /// How many at the most: 20, where nothing is said, and never more than 100.
    limit: Option<u32>,
    /// Where the page begins: what the page before gave.
    cursor: Option<String>,
}

/// A list by date, the newest first.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatedParameters {
    /// Only entries with this status.
    status: Option<String>,
    /// Only entries that touch this day or time, or what comes after.
    from: Option<String>,
    /// Only entries that touch this day or time, or what came before.
    to: Option<String>,
    /// How many at the most: 20, where nothing is said, and never more than 100.
    limit: Option<u32>,
    /// Where the page begins: what the page before gave.
    cursor: Option<String>,
}

/// A list of sets of vital signs.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VitalSignsParameters {
    /// Only sets with this status.
    status: Option<Status>,
    /// Only sets in which this was measured.
    member: Option<Member>,
    /// Only sets measured from this day or time on.
    from: Option<String>,
    /// Only sets measured until this day or time.
    to: Option<String>,
    /// How many at the most: 20, where nothing is said, and never more than 100.
    limit: Option<u32>,
    /// Where the page begins: what the page before gave.
    cursor: Option<String>,
}

/// The course of one measurement.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrendParameters {
    /// Which measurement.
    #[schemars(example = &"heart_rate")]
    member: Member,
    /// Only values from this day or time on.
    from: Option<String>,
    /// Only values until this day or time.
    to: Option<String>,
    /// How many at the most: 20, where nothing is said, and never more than 100.
    limit: Option<u32>,
    /// Where the page begins: what the page before gave.
    cursor: Option<String>,
}

/// A list of versions.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryParameters {
    /// How many at the most: 20, where nothing is said, and never more than 100.
    pub(super) limit: Option<u32>,
    /// Where the page begins: what the page before gave.
    pub(super) cursor: Option<String>,
}

/// Parameters of a list: what they choose, and how the next page asks for the same.
pub(crate) trait Choice {
    type Filters;

    fn into_filters(self) -> Self::Filters;

    /// The parameters as they were given, without the cursor.
    fn given(&self) -> Vec<(&'static str, String)>;
}

fn pairs<const N: usize>(all: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

impl Choice for Parameters {
    type Filters = Filters;

    fn into_filters(self) -> Filters {
        let limit = page_size(self.limit);
        Filters { status: self.status, from: None, to: None, limit, cursor: self.cursor }
    }

    fn given(&self) -> Vec<(&'static str, String)> {
        pairs([("status", self.status.clone()), ("limit", self.limit.map(|it| it.to_string()))])
    }
}

impl Choice for DatedParameters {
    type Filters = Filters;

    fn into_filters(self) -> Filters {
        let limit = page_size(self.limit);
        Filters { status: self.status, from: self.from, to: self.to, limit, cursor: self.cursor }
    }

    fn given(&self) -> Vec<(&'static str, String)> {
        pairs([
            ("status", self.status.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("limit", self.limit.map(|it| it.to_string())),
        ])
    }
}

impl Choice for VitalSignsParameters {
    type Filters = SetFilters;

    fn into_filters(self) -> SetFilters {
        SetFilters {
            from: self.from,
            to: self.to,
            status: self.status,
            member: self.member,
            limit: page_size(self.limit),
            cursor: self.cursor,
        }
    }

    fn given(&self) -> Vec<(&'static str, String)> {
        pairs([
            ("status", self.status.map(|it| it.code().to_owned())),
            ("member", self.member.map(|it| it.code().to_owned())),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("limit", self.limit.map(|it| it.to_string())),
        ])
    }
}

impl Choice for TrendParameters {
    type Filters = SetFilters;

    fn into_filters(self) -> SetFilters {
        SetFilters {
            from: self.from,
            to: self.to,
            status: None,
            member: Some(self.member),
            limit: page_size(self.limit),
            cursor: self.cursor,
        }
    }

    fn given(&self) -> Vec<(&'static str, String)> {
        pairs([
            ("member", Some(self.member.code().to_owned())),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("limit", self.limit.map(|it| it.to_string())),
        ])
    }
}
