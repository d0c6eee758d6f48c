//! What a token says.

use chrono::serde::ts_seconds;
use chrono::{DateTime, Utc};
use kernel::{AccountId, SessionId, Tenant};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who mints tokens and for whom: both sides of one installation. A token of one pair is no good for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The `iss` claim: the installation's own name or URL.
    pub issuer: String,
    /// The `aud` claim: the API that the token is for.
    pub audience: String,
}

/// What a token says about its bearer. Times have whole seconds.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The account.
    pub sub: AccountId,
    /// The number of the organization that the bearer acts in: the tenant of all that the token may reach.
    pub org: Tenant,
    /// The organization's public identifier.
    pub org_id: Uuid,
    /// The name the account logs in with.
    pub name: String,
    /// The account's roles in the organization.
    pub roles: Vec<String>,
    /// When the token was minted.
    #[serde(with = "ts_seconds")]
    pub iat: DateTime<Utc>,
    /// When it begins to be good.
    #[serde(with = "ts_seconds")]
    pub nbf: DateTime<Utc>,
    /// When it ceases to be good.
    #[serde(with = "ts_seconds")]
    pub exp: DateTime<Utc>,
    /// The token's own identifier.
    pub jti: Uuid,
    /// The session that it belongs to: when that ends, so does the token.
    pub sid: SessionId,
    /// The session's epoch when it was minted: a token of an earlier one is refused.
    pub epoch: i32,
    /// Whether the bearer can do nothing but choose a password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_change_password: bool,
}

impl std::fmt::Debug for Claims {
    /// Identifiers only: the name is a person's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claims")
            .field("sub", &self.sub)
            .field("org", &self.org)
            .field("jti", &self.jti)
            .finish_non_exhaustive()
    }
}

/// The payload as it is written into a token.
#[derive(Serialize)]
pub(super) struct Payload<'a> {
    pub iss: &'a str,
    pub aud: &'a str,
    #[serde(flatten)]
    pub claims: &'a Claims,
}

/// What of a payload must have a form that the library does not insist on: it takes lists, too. Read apart
/// from [`Claims`], because serde flattens numbers wrongly when serde_json keeps their digits (its feature
/// `arbitrary_precision`, which records need).
#[derive(Deserialize)]
#[expect(dead_code, reason = "that they are texts is all that is asked of them")]
pub(super) struct Origin {
    pub iss: String,
    pub aud: String,
}
