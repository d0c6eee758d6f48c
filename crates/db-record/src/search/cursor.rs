//! The place where a page ended: the sort key and rid of its last row, encrypted and bound to the search.

use domain::{StoreError, Stored};
use fhir::search::Search;
use kernel::{Database, Tenant};
use seal::Keyring;

/// The last row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Microseconds of the Unix epoch, or none where the sort is by id or rid alone; `i64::MIN` stands for -infinity.
    pub micros: Option<i64>,
    /// The logical id, where the sort is by id.
    pub id: Option<String>,
    /// The row's rid.
    pub rid: i64,
}

/// What a cursor is bound to: another organization's, or another search's, is refused.
fn context(database: Database, tenant: Tenant, search: &Search) -> Vec<u8> {
    let mut context = format!("search {database} {tenant} {}", search.resource_type.name());
    for (name, value) in &search.pairs {
        // The page size and the total may change from page to page.
        if name != "_count" && name != "_total" {
            context.push('\n');
            context.push_str(name);
            context.push('=');
            context.push_str(value);
        }
    }
    context.into_bytes()
}

impl Cursor {
    pub(crate) fn seal(
        &self,
        keyring: &Keyring,
        database: Database,
        tenant: Tenant,
        search: &Search,
    ) -> Stored<String> {
        let mut plain = self.rid.to_be_bytes().to_vec();
        match (&self.micros, &self.id) {
            (Some(micros), _) => {
                plain.push(b't');
                plain.extend_from_slice(&micros.to_be_bytes());
            }
            (None, Some(id)) => {
                plain.push(b'i');
                plain.extend_from_slice(id.as_bytes());
            }
            (None, None) => plain.push(b'r'),
        }
        keyring
            .seal_cursor(&context(database, tenant, search), &plain)
            .map_err(|_| StoreError::Unavailable { database })
    }

    pub(crate) fn open(
        text: &str,
        keyring: &Keyring,
        database: Database,
        tenant: Tenant,
        search: &Search,
    ) -> Stored<Cursor> {
        let refused = || StoreError::Constraint { name: "cursor".to_owned() };
        let plain = keyring.open_cursor(&context(database, tenant, search), text).map_err(|_| refused())?;
        let (rid, rest) = plain.split_first_chunk::<8>().ok_or_else(refused)?;
        let rid = i64::from_be_bytes(*rid);
        match rest.split_first() {
            Some((b'r', [])) => Ok(Cursor { micros: None, id: None, rid }),
            Some((b'i', id)) => {
                let id = std::str::from_utf8(id).map_err(|_| refused())?;
                Ok(Cursor { micros: None, id: Some(id.to_owned()), rid })
            }
            Some((b't', micros)) => {
                let micros = <[u8; 8]>::try_from(micros).map_err(|_| refused())?;
                Ok(Cursor { micros: Some(i64::from_be_bytes(micros)), id: None, rid })
            }
            _ => Err(refused()),
        }
    }
}
