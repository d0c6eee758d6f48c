//! Criteria that name a record: as hashes for the index, as a guard, and as a last look at the body.

use domain::store::Criterion;
use fhir::extract::Term;
use fhir::search::{Filter, Search};
use seal::TenantKeys;

use crate::prepare::token;

/// What the index is asked.
pub(crate) struct Terms {
    /// All must be there.
    pub tokens: Vec<i64>,
    /// The logical id, where the criteria name one.
    pub id: Option<String>,
}

/// The terms of equality criteria; [`Criterion::new`] has refused all others.
pub(crate) fn terms(keys: &TenantKeys, criterion: &Criterion) -> Terms {
    let search = criterion.search();
    let mut found = Terms { tokens: Vec::new(), id: None };
    for filter in &search.filters {
        match filter {
            Filter::Id(ids) => found.id = ids.first().cloned(),
            other => {
                for alternative in fhir::extract::terms(other).unwrap_or_default() {
                    found
                        .tokens
                        .extend(alternative.iter().map(|term| token(keys, search.resource_type, term)));
                }
            }
        }
    }
    found
}

/// The number whose advisory lock guards these criteria: the same for the same criteria in any order.
pub(crate) fn guard_hash(keys: &TenantKeys, criterion: &Criterion) -> i64 {
    let mut pairs: Vec<String> =
        criterion.search().pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.sort_unstable();
    keys.token(criterion.search().resource_type.number(), u16::MAX, u8::MAX, &pairs.join("&"))
}

/// Whether the resource really says what the search asks of its tokens: hashes can collide, and a stranger's record
/// must not be shown for an identifier. Dates, ids and patients are compared by the database and not looked at here.
pub(crate) fn holds(search: &Search, json: &[u8]) -> bool {
    // What is stored was checked when it was written.
    let Ok(resource) = serde_json::from_slice(json) else { return false };
    let extracted = fhir::extract::extract(search.resource_type, &resource);
    let has = |term: &Term<'_>| {
        extracted
            .terms
            .iter()
            .any(|it| it.parameter == term.parameter && it.form == term.form && it.text == term.text)
    };
    search.filters.iter().all(|filter| {
        fhir::extract::terms(filter)
            .is_none_or(|alternatives| alternatives.iter().any(|alternative| alternative.iter().all(has)))
    })
}

/// Whether the page's rows must be looked at with [`holds`].
pub(crate) fn needs_recheck(search: &Search) -> bool {
    search.filters.iter().any(
        |filter| matches!(filter, Filter::Token { parameter, .. } if *parameter == fhir::definitions::parameters::IDENTIFIER),
    )
}
