//! A stored row and what is inside it.

use chrono::{DateTime, Utc};
use domain::store::{Body, Head};
use domain::{StoreError, Stored};
use fhir::ResourceType;
use kernel::{Phi, Rid};
use seal::{Place, TenantKeys};

/// A row of `record.resource` or `record.history` with its sealed body.
pub(crate) struct SealedRow {
    pub rid: i64,
    pub version: i32,
    pub patient: Option<i64>,
    pub last_updated: DateTime<Utc>,
    pub deleted: bool,
    pub body: Vec<u8>,
}

impl SealedRow {
    /// The row without its body, as of a record that was not merged.
    pub fn head(&self) -> Head {
        Head {
            rid: Rid::from_number(self.rid),
            version: self.version,
            last_updated: self.last_updated,
            deleted: self.deleted,
            patient: self.patient.map(Rid::from_number),
            merged_into: None,
        }
    }

    /// Unseals the body in the place where it was found: a row that was swapped or changed is refused.
    pub fn open(&self, keys: &TenantKeys, resource_type: ResourceType, fhir_id: &str) -> Stored<Body> {
        let place = Place {
            resource_type: resource_type.number(),
            fhir_id,
            rid: Rid::from_number(self.rid),
            version: self.version,
            patient: self.patient.map(Rid::from_number),
            deleted: self.deleted,
        };
        let json =
            keys.unseal(&place, &self.body).map_err(|_| StoreError::Corrupt { table: "record.resource" })?;
        Ok(Body {
            rid: place.rid,
            version: self.version,
            last_updated: self.last_updated,
            json: Phi::new(json),
        })
    }
}
