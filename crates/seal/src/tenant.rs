//! The keys of one organization in one database: bodies, small texts, tokens.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use kernel::{Database, Rid, Tenant};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::envelope::{Compression, Envelope};
use crate::error::{SealError, UnsealError};

/// Where a record's body stands. All of it is authenticated with the body, together with the database and the
/// tenant, so that a body put in any other place is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The number of the resource type.
    pub resource_type: i16,
    /// The resource's FHIR id.
    pub fhir_id: &'a str,
    /// The record's internal identifier.
    pub rid: Rid,
    /// The version that the body is of.
    pub version: i32,
    /// The patient whose compartment the record is in.
    pub patient: Option<Rid>,
    /// Whether this version says that the resource is deleted.
    pub deleted: bool,
}

/// Keys derived for one (database, tenant). Got from [`crate::Keyring::tenant`]; `Debug` shows whose they
/// are.
pub struct TenantKeys {
    database: Database,
    tenant: Tenant,
    bodies: Envelope,
    texts: Envelope,
    /// HMAC with the key already absorbed: a token clones it and saves two of the four compressions.
    tokens: Hmac<Sha256>,
}

impl TenantKeys {
    pub(crate) fn new(
        (database, tenant): (Database, Tenant),
        bodies: Envelope,
        texts: Envelope,
        token_key: &Zeroizing<[u8; 32]>,
    ) -> TenantKeys {
        // HMAC pads a shorter key with zeros to the block (RFC 2104); doing so here needs no fallible
        // constructor.
        let mut block = Zeroizing::new([0; 64]);
        block[..token_key.len()].copy_from_slice(&**token_key);
        let tokens = Hmac::<Sha256>::new((&*block).into());
        TenantKeys { database, tenant, bodies, texts, tokens }
    }

    /// Seals a record's body for its place. Adds 33 bytes to what lz4 leaves of it.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        self.bodies.seal(&self.body_context(place), plain, Compression::Allowed)
    }

    /// Opens a record's body, if it is what was sealed for this very place.
    ///
    /// # Errors
    /// [`UnsealError`]; any but `OtherKey` is a sign of tampering or damage and worth an alert.
    pub fn unseal(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
        self.bodies.unseal(&self.body_context(place), sealed)
    }

    /// Seals a small field that is no record's body, such as the query of an audit row. The `purpose` names
    /// table and column; unlike [`TenantKeys::seal`] it does not bind the text to one row.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_text(&self, purpose: &str, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        self.texts.seal(&self.text_context(purpose), plain, Compression::Allowed)
    }

    /// Opens what [`TenantKeys::seal_text`] made for the same `purpose`.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn unseal_text(&self, purpose: &str, sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
        self.texts.unseal(&self.text_context(purpose), sealed)
    }

    /// The keyed hash under which a searchable text is indexed: the first 64 bits of HMAC-SHA-256 over type,
    /// parameter, form and text. The `form` tells apart the kinds of text that one parameter indexes (word
    /// prefix, whole value, code with its system ...). Equal texts have equal tokens within one organization,
    /// database, type, parameter and form only.
    pub fn token(&self, resource_type: i16, parameter: u16, form: u8, text: &str) -> i64 {
        let mut mac = self.tokens.clone();
        let [type_high, type_low] = resource_type.to_be_bytes();
        let [parameter_high, parameter_low] = parameter.to_be_bytes();
        // Five bytes before the text whatever their values: no two inputs run together.
        mac.update(&[type_high, type_low, parameter_high, parameter_low, form]);
        mac.update(text.as_bytes());
        let hash = mac.finalize().into_bytes();
        i64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
    }

    /// Fields of fixed length in fixed order, then the one of variable length with its length before it.
    fn body_context(&self, place: &Place<'_>) -> Vec<u8> {
        let mut context = Vec::with_capacity(40 + place.fhir_id.len());
        self.owner_context(&mut context);
        context.extend_from_slice(&place.resource_type.to_be_bytes());
        context.extend_from_slice(&place.rid.number().to_be_bytes());
        context.extend_from_slice(&place.version.to_be_bytes());
        context.push(u8::from(place.patient.is_some()));
        context.extend_from_slice(&place.patient.map_or(0, Rid::number).to_be_bytes());
        context.push(u8::from(place.deleted));
        context.extend_from_slice(&(place.fhir_id.len() as u64).to_be_bytes());
        context.extend_from_slice(place.fhir_id.as_bytes());
        context
    }

    fn text_context(&self, purpose: &str) -> Vec<u8> {
        let mut context = Vec::with_capacity(5 + purpose.len());
        self.owner_context(&mut context);
        context.extend_from_slice(purpose.as_bytes());
        context
    }

    fn owner_context(&self, context: &mut Vec<u8>) {
        // The keys already differ by owner; naming it again costs nothing and holds should the derivation
        // ever err.
        context.push(self.database.code() as u8);
        context.extend_from_slice(&self.tenant.number().to_be_bytes());
    }
}

impl fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantKeys({}, {})", self.database, self.tenant)
    }
}
