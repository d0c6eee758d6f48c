//! Access tokens for sessions.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use identity::token::LIFETIME_MAX;
use identity::{Claims, Issuer, MintError, SigningKey};
use kernel::Secret;
use uuid::Uuid;

use super::Grant;

/// How long a token is good.
pub const LIFETIME: Duration = LIFETIME_MAX;

/// Signs tokens, with the newest key whose time has come.
pub struct Minter {
    issuer: Issuer,
    keys: RwLock<Arc<[DatedKey]>>,
}

/// A key with the instant from which it signs; the latest comes first.
type DatedKey = (DateTime<Utc>, SigningKey);

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
pub enum NotMinted {
    /// No key's time has come.
    #[error("there is no key to sign with")]
    NoKey,
    /// The claims do not fit into a token.
    #[error("the token cannot be signed: {0}")]
    Mint(#[from] MintError),
}

impl Minter {
    /// Signs in the name of `issuer`, once it has keys.
    pub fn new(issuer: Issuer) -> Minter {
        Minter { issuer, keys: RwLock::new(Arc::from(Vec::new())) }
    }

    /// Exchanges the keys.
    pub fn set_keys(&self, mut keys: Vec<(DateTime<Utc>, SigningKey)>) {
        keys.sort_by_key(|(from, _)| std::cmp::Reverse(*from));
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }

    /// A token for this session. It ends with the session at the latest.
    ///
    /// # Errors
    /// [`NotMinted`].
    pub fn mint(&self, grant: &Grant, now: DateTime<Utc>) -> Result<MintedToken, NotMinted> {
        let lifetime = TimeDelta::from_std(LIFETIME).unwrap_or(TimeDelta::zero());
        let exp = (now + lifetime).min(grant.expires_at);
        let claims = Claims {
            sub: grant.account,
            org: grant.membership.tenant,
            org_id: grant.membership.organization,
            name: grant.username.clone(),
            roles: grant.membership.roles.clone(),
            iat: now,
            nbf: now,
            exp,
            jti: Uuid::now_v7(),
            sid: grant.session,
            epoch: grant.epoch,
            must_change_password: grant.must_change_password,
        };
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let signing = keys.iter().find(|(from, _)| *from <= now);
        let (_, key) = signing.ok_or(NotMinted::NoKey)?;
        let token = key.mint(&self.issuer, &claims)?;
        Ok(MintedToken { token, claims, expires_in: (exp - now).to_std().unwrap_or_default() })
    }
}

impl std::fmt::Debug for Minter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Minter").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use domain::store::{Membership, Status};
    use identity::{RefreshToken, TokenVerifier};
    use kernel::{AccountId, SessionId, Tenant};

    use super::*;

    fn grant(expires_at: DateTime<Utc>) -> Grant {
        Grant {
            session: SessionId::generate(),
            epoch: 3,
            expires_at,
            account: AccountId::generate(),
            username: "anna".to_owned(),
            membership: Membership {
                tenant: Tenant::from_number(7),
                organization: Uuid::now_v7(),
                organization_name: "Anywhere".to_owned(),
                organization_is_active: true,
                roles: vec!["doctor".to_owned()],
                status: Status::Active,
            },
            must_change_password: false,
            refresh: RefreshToken::generate().unwrap(),
        }
    }

    fn issuer() -> Issuer {
        Issuer { issuer: "here".to_owned(), audience: "salus".to_owned() }
    }

    #[test]
    fn a_minted_token_says_what_the_session_is_and_verifies() {
        let key = SigningKey::generate().unwrap();
        let verifier = TokenVerifier::new(issuer(), [key.public()]);
        let now = Utc::now();
        let minter = Minter::new(issuer());
        minter.set_keys(vec![(now, key)]);
        let grant = grant(now + TimeDelta::hours(1));
        let minted = minter.mint(&grant, now).unwrap();
        assert_eq!(minted.expires_in, LIFETIME);
        let claims = verifier.verify(minted.token.expose(), now).unwrap();
        assert_eq!((claims.org, claims.sid, claims.epoch), (Tenant::from_number(7), grant.session, 3));
        assert!(!claims.must_change_password);
        assert!(verifier.verify(minted.token.expose(), now + TimeDelta::seconds(601)).is_err());
    }

    #[test]
    fn a_token_ends_with_its_session() {
        let now = Utc::now();
        let minter = Minter::new(issuer());
        minter.set_keys(vec![(now, SigningKey::generate().unwrap())]);
        let minted = minter.mint(&grant(now + TimeDelta::seconds(90)), now).unwrap();
        assert_eq!(minted.expires_in.as_secs(), 90);
    }

    #[test]
    fn a_key_signs_when_its_time_has_come_and_not_before() {
        let (old, next) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let (now, verifier) = (Utc::now(), TokenVerifier::new(issuer(), [old.public()]));
        let minter = Minter::new(issuer());
        assert_eq!(minter.mint(&grant(now + TimeDelta::hours(1)), now).unwrap_err(), NotMinted::NoKey);
        minter.set_keys(vec![(now - TimeDelta::days(90), old), (now + TimeDelta::seconds(120), next)]);
        let mint = |at| minter.mint(&grant(now + TimeDelta::hours(1)), at).unwrap().token;
        assert!(verifier.verify(mint(now).expose(), now).is_ok());
        let later = now + TimeDelta::seconds(120);
        assert!(verifier.verify(mint(later).expose(), later).is_err(), "the next key signs");
    }
}
