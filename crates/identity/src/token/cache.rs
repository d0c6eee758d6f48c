//! Tokens found good a moment ago. A signature check costs more than reading a record.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use super::{CACHED, Claims};

/// Tokens remembered at most, over all shards.
pub(super) const CACHED_TOKENS_MAX: usize = 10_000;

const SHARDS: usize = 16;
const SHARD_TOKENS_MAX: usize = CACHED_TOKENS_MAX / SHARDS;

/// SHA-256 of the whole token, signature included: the token itself is not kept.
pub(super) type TokenHash = [u8; 32];

struct Entry {
    claims: Arc<Claims>,
    seen_at: DateTime<Utc>,
}

impl Entry {
    /// Good from the moment of the check, for [`CACHED`], and never at or after `exp`. A clock that was set
    /// back makes the entry worthless instead of long-lived.
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        let age = now - self.seen_at;
        age >= TimeDelta::zero() && age.to_std().is_ok_and(|age| age < CACHED) && now < self.claims.exp
    }
}

/// Sharded by the hash, so that requests seldom meet at one lock.
#[derive(Default)]
pub(super) struct VerifiedTokens {
    shards: [RwLock<HashMap<TokenHash, Entry>>; SHARDS],
}

impl VerifiedTokens {
    pub(super) fn hash(token: &str) -> TokenHash {
        Sha256::digest(token).into()
    }

    pub(super) fn get(&self, hash: &TokenHash, now: DateTime<Utc>) -> Option<Arc<Claims>> {
        // A panic elsewhere cannot leave the map half-written, so a poisoned lock is as good as any.
        let shard = self.shard(hash).read().unwrap_or_else(PoisonError::into_inner);
        shard.get(hash).filter(|entry| entry.is_fresh(now)).map(|entry| Arc::clone(&entry.claims))
    }

    /// Remembers a token that was found good at `now`. A full shard forgets what is stale, and all of it if
    /// nothing is: that costs some signature checks, and cannot happen more often than once in hundreds of
    /// good tokens.
    pub(super) fn insert(&self, hash: TokenHash, claims: &Arc<Claims>, now: DateTime<Utc>) {
        let mut shard = self.shard(&hash).write().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= SHARD_TOKENS_MAX && !shard.contains_key(&hash) {
            shard.retain(|_, entry| entry.is_fresh(now));
            if shard.len() >= SHARD_TOKENS_MAX {
                shard.clear();
            }
        }
        shard.insert(hash, Entry { claims: Arc::clone(claims), seen_at: now });
    }

    pub(super) fn clear(&self) {
        for shard in &self.shards {
            shard.write().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    fn shard(&self, hash: &TokenHash) -> &RwLock<HashMap<TokenHash, Entry>> {
        &self.shards[usize::from(hash[0]) % SHARDS]
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedTokens")
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use kernel::{AccountId, SessionId, Tenant};
    use uuid::Uuid;

    use super::*;

    fn noon() -> DateTime<Utc> {
        Utc.with_ymd_and_hms(2026, 11, 20, 12, 0, 0).unwrap()
    }

    fn claims(lifetime_seconds: i64) -> Arc<Claims> {
        Arc::new(Claims {
            sub: AccountId::generate(),
            org: Tenant::from_number(1),
            org_id: Uuid::nil(),
            name: "admin".to_owned(),
            roles: Vec::new(),
            iat: noon(),
            nbf: noon(),
            exp: noon() + TimeDelta::seconds(lifetime_seconds),
            jti: Uuid::nil(),
            sid: SessionId::generate(),
            epoch: 1,
            must_change_password: false,
        })
    }

    fn len(cache: &VerifiedTokens) -> usize {
        cache.shards.iter().map(|shard| shard.read().unwrap().len()).sum()
    }

    #[test]
    fn a_token_is_remembered_for_five_seconds_and_no_longer() {
        let cache = VerifiedTokens::default();
        let hash = VerifiedTokens::hash("token");
        cache.insert(hash, &claims(600), noon());
        assert!(cache.get(&hash, noon()).is_some());
        assert!(cache.get(&hash, noon() + TimeDelta::milliseconds(4_999)).is_some());
        assert!(cache.get(&hash, noon() + TimeDelta::seconds(5)).is_none());
        assert!(cache.get(&VerifiedTokens::hash("token2"), noon()).is_none());
    }

    #[test]
    fn a_token_is_not_remembered_beyond_its_end() {
        let cache = VerifiedTokens::default();
        let hash = VerifiedTokens::hash("token");
        cache.insert(hash, &claims(2), noon());
        assert!(cache.get(&hash, noon() + TimeDelta::milliseconds(1_999)).is_some());
        assert!(cache.get(&hash, noon() + TimeDelta::seconds(2)).is_none());
    }

    #[test]
    fn a_clock_set_back_does_not_lengthen_memory() {
        let cache = VerifiedTokens::default();
        let hash = VerifiedTokens::hash("token");
        cache.insert(hash, &claims(600), noon());
        assert!(cache.get(&hash, noon() - TimeDelta::milliseconds(1)).is_none());
    }

    #[test]
    fn memory_is_bounded_and_makes_room_for_the_newest() {
        let cache = VerifiedTokens::default();
        let claims = claims(600);
        for number in 0..3 * CACHED_TOKENS_MAX {
            let hash = VerifiedTokens::hash(&number.to_string());
            cache.insert(hash, &claims, noon());
            assert!(cache.get(&hash, noon()).is_some());
        }
        assert!(len(&cache) <= CACHED_TOKENS_MAX);
    }

    #[test]
    fn a_full_shard_forgets_the_stale_before_the_fresh() {
        let cache = VerifiedTokens::default();
        let claims = claims(600);
        let hash = |number: usize| {
            let mut hash = [0; 32];
            hash[1..9].copy_from_slice(&number.to_be_bytes());
            hash
        };
        let later = noon() + TimeDelta::seconds(4);
        (0..SHARD_TOKENS_MAX - 1).for_each(|number| cache.insert(hash(number), &claims, noon()));
        cache.insert(hash(SHARD_TOKENS_MAX), &claims, later);
        assert_eq!(len(&cache), SHARD_TOKENS_MAX);
        cache.insert(hash(SHARD_TOKENS_MAX + 1), &claims, later + TimeDelta::seconds(2));
        assert_eq!(len(&cache), 2);
        cache.clear();
        assert_eq!(len(&cache), 0);
    }
}
