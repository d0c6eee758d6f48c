//! A token for an account whose password was right.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::store::Account;
use identity::token::LIFETIME_MAX;
use identity::{Claims, Issuer, MintError, SigningKey};
use kernel::Secret;
use uuid::Uuid;

/// How long a token is good.
pub const LIFETIME: Duration = LIFETIME_MAX;

/// Signs tokens with the newest key.
pub struct Minter {
    key: SigningKey,
    issuer: Issuer,
}

/// A token, and what its bearer needs to know of it.
#[derive(Debug)]
pub struct MintedToken {
    /// The JWT.
    pub token: Secret<String>,
    /// What it says.
    pub claims: Claims,
    /// How long it is good from now.
    pub expires_in: Duration,
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAMember {
    /// The account belongs to no organization, so there is nothing that it could act for.
    #[error("the account belongs to no organization")]
    Nowhere,
    /// The claims do not fit into a token.
    #[error("the token cannot be signed: {0}")]
    Mint(#[from] MintError),
}

impl Minter {
    /// Signs with `key` in the name of `issuer`.
    pub fn new(key: SigningKey, issuer: Issuer) -> Minter {
        Minter { key, issuer }
    }

    /// A token for the account in the organization that it has belonged to for longest.
    ///
    /// # Errors
    /// [`NotAMember`].
    pub fn mint(&self, account: &Account, now: DateTime<Utc>) -> Result<MintedToken, NotAMember> {
        let membership = account.memberships.first().ok_or(NotAMember::Nowhere)?;
        let claims = Claims {
            sub: account.id,
            org: membership.tenant,
            org_id: membership.organization,
            name: account.username.clone(),
            roles: membership.roles.clone(),
            iat: now,
            nbf: now,
            exp: now + TimeDelta::seconds(LIFETIME.as_secs() as i64),
            jti: Uuid::now_v7(),
        };
        let token = self.key.mint(&self.issuer, &claims)?;
        Ok(MintedToken { token, claims, expires_in: LIFETIME })
    }
}

impl std::fmt::Debug for Minter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minter").field("kid", &self.key.kid()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use domain::store::Membership;
    use identity::TokenVerifier;
    use kernel::{AccountId, Tenant};

    use super::*;

    fn account(memberships: Vec<Membership>) -> Account {
        Account {
            id: AccountId::generate(),
            username: "admin".to_owned(),
            password_hash: Secret::new(String::new()),
            memberships,
        }
    }

    fn membership(tenant: i32) -> Membership {
        Membership {
            tenant: Tenant::from_number(tenant),
            organization: Uuid::now_v7(),
            organization_name: "Anywhere".to_owned(),
            roles: vec!["administrator".to_owned()],
        }
    }

    fn issuer() -> Issuer {
        Issuer { issuer: "here".to_owned(), audience: "salus".to_owned() }
    }

    #[test]
    fn a_minted_token_names_the_oldest_membership_and_verifies() {
        let key = SigningKey::generate().unwrap();
        let verifier = TokenVerifier::new(issuer(), [key.public()]);
        let now = Utc::now();
        let minted =
            Minter::new(key, issuer()).mint(&account(vec![membership(7), membership(8)]), now).unwrap();
        let claims = verifier.verify(minted.token.expose(), now).unwrap();
        assert_eq!(claims.org, Tenant::from_number(7));
        assert_eq!(claims.roles, ["administrator"]);
        assert!(verifier.verify(minted.token.expose(), now + TimeDelta::seconds(601)).is_err());
    }

    #[test]
    fn an_account_without_an_organization_gets_no_token() {
        let minter = Minter::new(SigningKey::generate().unwrap(), issuer());
        assert_eq!(minter.mint(&account(Vec::new()), Utc::now()).unwrap_err(), NotAMember::Nowhere);
    }
}
