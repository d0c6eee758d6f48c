//! The place where a page ended: the sort key and rid of its last row, encrypted and bound to the search.

use domain::{StoreError, Stored};
use fhir::search::Search;
use kernel::{Database, Tenant};
use seal::Keyring;

/// The last row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Its values of the sort keys, in their order.
    pub keys: Vec<CursorKey>,
    /// Its rid.
    pub rid: i64,
}

/// One sort key's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CursorKey {
    /// Microseconds of the Unix epoch; none where the row has no date.
    Time(Option<i64>),
    /// A logical id.
    Id(String),
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
        for key in &self.keys {
            match key {
                CursorKey::Time(None) => plain.push(b'n'),
                CursorKey::Time(Some(micros)) => {
                    plain.push(b't');
                    plain.extend_from_slice(&micros.to_be_bytes());
                }
                // The last key that counts: it goes to the end.
                CursorKey::Id(id) => {
                    plain.push(b'i');
                    plain.extend_from_slice(id.as_bytes());
                }
            }
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
        Cursor::decode(&plain).ok_or_else(refused)
    }

    fn decode(plain: &[u8]) -> Option<Cursor> {
        let (rid, mut rest) = plain.split_first_chunk::<8>()?;
        let mut keys = Vec::new();
        while let Some((kind, value)) = rest.split_first() {
            match kind {
                b'n' => {
                    keys.push(CursorKey::Time(None));
                    rest = value;
                }
                b't' => {
                    let (micros, after) = value.split_first_chunk::<8>()?;
                    keys.push(CursorKey::Time(Some(i64::from_be_bytes(*micros))));
                    rest = after;
                }
                b'i' => {
                    keys.push(CursorKey::Id(std::str::from_utf8(value).ok()?.to_owned()));
                    rest = &[];
                }
                _ => return None,
            }
        }
        Some(Cursor { keys, rid: i64::from_be_bytes(*rid) })
    }
}
