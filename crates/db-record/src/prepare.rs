//! From a resource to a row: sealing and hashing.

use domain::store::{Draft, Prepared, PreparedIndex};
use domain::{StoreError, Stored};
use fhir::ResourceType;
use fhir::definitions::parameters::CODE;
use fhir::extract::{Extracted, Form, Term};
use kernel::Database;
use seal::{Place, TenantKeys};

/// The hash of a term of this type, as it stands in `tokens`.
pub(crate) fn token(keys: &TenantKeys, resource_type: ResourceType, term: &Term<'_>) -> i64 {
    keys.token(resource_type.number(), term.parameter, term.form.number(), &term.text)
}

/// The hash of a main code, as it stands in `code`.
pub(crate) fn main_code(keys: &TenantKeys, resource_type: ResourceType, system: &str, code: &str) -> i64 {
    let text = fhir::extract::system_code(system, code);
    keys.token(resource_type.number(), CODE, Form::SystemCode.number(), &text)
}

fn index(keys: &TenantKeys, resource_type: ResourceType, extracted: &Extracted<'_>) -> PreparedIndex {
    let mut tokens: Vec<i64> = extracted.terms.iter().map(|term| token(keys, resource_type, term)).collect();
    tokens.sort_unstable();
    tokens.dedup();
    PreparedIndex {
        code: extracted.code.and_then(|(system, code)| Some(main_code(keys, resource_type, system?, code))),
        date: extracted.date,
        tokens,
    }
}

/// Seals `body` and hashes what search needs of it.
pub(crate) fn prepare(
    database: Database,
    keys: &TenantKeys,
    draft: &Draft<'_>,
    body: &[u8],
    extracted: &Extracted<'_>,
) -> Stored<Prepared> {
    let place = Place {
        resource_type: draft.resource_type.number(),
        fhir_id: draft.id,
        rid: draft.rid,
        version: draft.version,
        patient: draft.patient,
        deleted: draft.deleted,
    };
    // Only the random source can fail; without it nothing may be written.
    let sealed = keys.seal(&place, body).map_err(|_| StoreError::Unavailable { database })?;
    Ok(Prepared {
        resource_type: draft.resource_type,
        id: draft.id.to_owned(),
        rid: draft.rid,
        version: draft.version,
        last_updated: draft.last_updated,
        patient: draft.patient,
        deleted: draft.deleted,
        index: if draft.deleted {
            PreparedIndex::default()
        } else {
            index(keys, draft.resource_type, extracted)
        },
        sealed,
    })
}
