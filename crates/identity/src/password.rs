//! Passwords: argon2id (RFC 9106) in PHC strings.
//!
//! Hashing costs tens of milliseconds and the memory of [`PasswordCost`]: the caller runs it on a bounded
//! pool, not on the threads that serve requests.

use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use kernel::Secret;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Longest password, bytes of UTF-8 as the client sent it.
pub const PASSWORD_BYTES_MAX: usize = 1024;

const HASH_BYTES: usize = 32;
const SALT_BYTES: usize = 16;
/// What a stored hash may ask of us, so that one planted row cannot take all memory: 1 GiB, 16 passes, 16
/// lanes.
const STORED_MAX: PasswordCost = PasswordCost { memory_kib: 1 << 20, passes: 16, lanes: 16 };

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes; they are computed one after the other.
    pub lanes: u32,
}

impl PasswordCost {
    /// 46 MiB, one pass, one lane: the first choice of ASVS 5.0 appendix C for 11.4.2.
    pub const STANDARD: PasswordCost = PasswordCost { memory_kib: 46 * 1024, passes: 1, lanes: 1 };
    /// The least that argon2 allows. For tests, which would otherwise do nothing but hash.
    pub const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1, lanes: 1 };
}

/// Why a password could not be hashed or compared. No message holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Empty, or longer than [`PASSWORD_BYTES_MAX`].
    #[error("a password has 1 to {PASSWORD_BYTES_MAX} bytes")]
    Length,
    /// The operating system gave no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// The cost is outside of what argon2 allows, or the memory could not be had.
    #[error("argon2 cannot work with this cost")]
    Cost,
    /// The stored hash is not one that this crate makes: damaged, of another algorithm, or absurdly
    /// expensive.
    #[error("the stored password hash cannot be read")]
    StoredHash,
}

/// The outcome of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whether it is the password.
    pub ok: bool,
    /// Whether it is, and its hash should be replaced because it was made at another cost than today's.
    pub needs_rehash: bool,
}

/// Hashes and compares passwords at one cost.
#[derive(Debug)]
pub struct PasswordHasher {
    params: Params,
    dummy: Secret<String>,
}

impl PasswordHasher {
    /// A hasher of this cost.
    ///
    /// # Errors
    /// [`PasswordError::Cost`] or [`PasswordError::NoRandomness`].
    pub fn new(cost: PasswordCost) -> Result<PasswordHasher, PasswordError> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(HASH_BYTES))
            .map_err(|_| PasswordError::Cost)?;
        let dummy = dummy(cost)?;
        Ok(PasswordHasher { params, dummy })
    }

    /// The PHC string of this password, under a new salt.
    ///
    /// # Errors
    /// [`PasswordError`], but not `StoredHash`.
    pub fn hash(&self, password: &Secret<String>) -> Result<Secret<String>, PasswordError> {
        let password = normalized(password)?;
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| PasswordError::NoRandomness)?;
        self.argon2()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map(|hash: PasswordHash| Secret::new(hash.to_string()))
            .map_err(|_| PasswordError::Cost)
    }

    /// Compares a password with a stored PHC string, at the cost that the string names. A password of
    /// forbidden length is wrong without being hashed, whoever's it is.
    ///
    /// # Errors
    /// [`PasswordError::StoredHash`].
    pub fn verify(
        &self,
        password: &Secret<String>,
        stored: &Secret<String>,
    ) -> Result<Verified, PasswordError> {
        let hash = PasswordHash::new(stored.expose()).map_err(|_| PasswordError::StoredHash)?;
        let params = Params::try_from(&hash).map_err(|_| PasswordError::StoredHash)?;
        let version = u32::from(Version::V0x13);
        let whole = hash.salt.is_some() && hash.hash.as_ref().is_some_and(|hash| hash.len() >= 16);
        let affordable = params.m_cost() <= STORED_MAX.memory_kib
            && params.t_cost() <= STORED_MAX.passes
            && params.p_cost() <= STORED_MAX.lanes;
        let ours = hash.algorithm == Algorithm::Argon2id.ident() && hash.version == Some(version);
        if !(whole && affordable && ours) {
            return Err(PasswordError::StoredHash);
        }
        let Ok(password) = normalized(password) else {
            return Ok(Verified { ok: false, needs_rehash: false });
        };
        match self.argon2().verify_password(password.as_bytes(), &hash) {
            Ok(()) => {
                let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
                let length = hash.hash.as_ref().map(|hash| hash.len());
                let needs_rehash = cost(&params) != cost(&self.params) || length != Some(HASH_BYTES);
                Ok(Verified { ok: true, needs_rehash })
            }
            Err(argon2::password_hash::Error::PasswordInvalid) => {
                Ok(Verified { ok: false, needs_rehash: false })
            }
            Err(_) => Err(PasswordError::StoredHash),
        }
    }

    /// A PHC string at today's cost that no password matches. Comparing with it for an unknown user takes as
    /// long as comparing for a known one (ASVS 6.3.8).
    pub fn dummy(&self) -> &Secret<String> {
        &self.dummy
    }

    fn argon2(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }
}

/// The password in Unicode normal form C, because keyboards differ in how they compose the same letter (RFC
/// 8265 section 4.2 asks for it); otherwise unchanged: no trimming, no case folding.
fn normalized(password: &Secret<String>) -> Result<Zeroizing<String>, PasswordError> {
    let password = password.expose();
    if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
        return Err(PasswordError::Length);
    }
    // Form C never takes more than three times the bytes: no reallocation leaves a copy behind.
    let mut normalized = Zeroizing::new(String::with_capacity(3 * password.len()));
    normalized.extend(password.nfc());
    Ok(normalized)
}

/// A well-formed PHC string of random salt and random hash: nobody has its password, and making it costs
/// nothing.
fn dummy(cost: PasswordCost) -> Result<Secret<String>, PasswordError> {
    let mut random = [0; SALT_BYTES + HASH_BYTES];
    getrandom::fill(&mut random).map_err(|_| PasswordError::NoRandomness)?;
    let (salt, hash) = random.split_at(SALT_BYTES);
    let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
    let PasswordCost { memory_kib, passes, lanes } = cost;
    Ok(Secret::new(format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: impl Into<String>) -> Secret<String> {
        Secret::new(text.into())
    }

    fn cheap() -> PasswordHasher {
        PasswordHasher::new(PasswordCost::CHEAP).unwrap()
    }

    const NO: Verified = Verified { ok: false, needs_rehash: false };
    const YES: Verified = Verified { ok: true, needs_rehash: false };

    #[test]
    fn the_password_matches_its_hash_and_no_other_does() {
        let hasher = cheap();
        let long = "x".repeat(PASSWORD_BYTES_MAX);
        for password in ["a", "correct horse battery staple", " spaces ", "пароль", "🏥🏥🏥🏥", "a\0b", &long]
        {
            let hash = hasher.hash(&secret(password)).unwrap();
            assert_eq!(hasher.verify(&secret(password), &hash), Ok(YES), "{password}");
            for other in [format!("{password} "), password.to_uppercase() + "!", "b".to_owned()] {
                assert_eq!(hasher.verify(&secret(other), &hash), Ok(NO));
            }
        }
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        let hasher = cheap();
        assert_ne!(hasher.hash(&secret("x")).unwrap().expose(), hasher.hash(&secret("x")).unwrap().expose());
    }

    #[test]
    fn the_standard_cost_is_what_asvs_asks() {
        let hasher = PasswordHasher::new(PasswordCost::STANDARD).unwrap();
        let hash = hasher.hash(&secret("correct horse battery staple")).unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=47104,t=1,p=1$"));
        assert_eq!(hasher.verify(&secret("correct horse battery staple"), &hash), Ok(YES));
    }

    #[test]
    fn a_hash_made_elsewhere_is_understood() {
        // The answer of the reference implementation (phc-winner-argon2) to `password` and `somesalt` at 64
        // MiB.
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let outcome = cheap().verify(&secret("password"), &secret(stored));
        assert_eq!(outcome, Ok(Verified { ok: true, needs_rehash: true }));
        assert_eq!(cheap().verify(&secret("passwore"), &secret(stored)), Ok(NO));
    }

    #[test]
    fn a_right_password_of_another_cost_asks_for_a_new_hash_and_a_wrong_one_does_not() {
        let old = cheap().hash(&secret("x")).unwrap();
        let costs = [
            PasswordCost { memory_kib: 16, ..PasswordCost::CHEAP },
            PasswordCost { passes: 2, ..PasswordCost::CHEAP },
            PasswordCost { memory_kib: 16, lanes: 2, passes: 1 },
        ];
        for cost in costs {
            let hasher = PasswordHasher::new(cost).unwrap();
            let outcome = hasher.verify(&secret("x"), &old);
            assert_eq!(outcome, Ok(Verified { ok: true, needs_rehash: true }), "{cost:?}");
            assert_eq!(hasher.verify(&secret("y"), &old), Ok(NO));
        }
    }

    #[test]
    fn composed_and_decomposed_letters_are_the_same_password() {
        let hash = cheap().hash(&secret("Zo\u{eb} caf\u{e9}")).unwrap();
        assert_eq!(cheap().verify(&secret("Zoe\u{308} cafe\u{301}"), &hash), Ok(YES));
        assert_eq!(cheap().verify(&secret("Zoe cafe"), &hash), Ok(NO));
    }

    #[test]
    fn empty_and_overlong_passwords_are_neither_hashed_nor_right() {
        let hash = cheap().hash(&secret("x")).unwrap();
        for password in [String::new(), "x".repeat(PASSWORD_BYTES_MAX + 1)] {
            assert_eq!(cheap().hash(&secret(password.clone())).unwrap_err(), PasswordError::Length);
            assert_eq!(cheap().verify(&secret(password), &hash), Ok(NO));
        }
    }

    #[test]
    fn no_password_matches_the_dummy_and_it_costs_what_a_real_hash_costs() {
        let hasher = PasswordHasher::new(PasswordCost { memory_kib: 64, passes: 2, lanes: 1 }).unwrap();
        let real = hasher.hash(&secret("x")).unwrap();
        let cost = |hash: &Secret<String>| hash.expose().split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(cost(hasher.dummy()), cost(&real));
        assert_eq!(hasher.dummy().expose().len(), real.expose().len());
        for password in ["x", "", "dummy"] {
            assert_eq!(hasher.verify(&secret(password), hasher.dummy()), Ok(NO));
        }
        assert_ne!(hasher.dummy().expose(), cheap().dummy().expose());
    }

    #[test]
    fn a_stored_hash_that_is_not_ours_is_an_error_and_not_a_match() {
        let good = cheap().hash(&secret("x")).unwrap();
        let good = good.expose().as_str();
        let bad = [
            String::new(),
            "x".to_owned(),
            "$2b$12$abcdefghijklmnopqrstuuJzZ9".to_owned(),
            good.replace("argon2id", "argon2i"),
            good.replace("argon2id", "argon2d"),
            good.replace("argon2id", "scrypt"),
            good.replace("v=19", "v=16"),
            good.replace("$v=19", ""),
            good.replace("m=8", "m=4294967295"),
            good.replace("m=8", "m=1048577"),
            good.replace("t=1", "t=17"),
            good.replace("t=1", "t=0"),
            good.replace("p=1", "p=17"),
            good.replace("m=8", "m=-8"),
            good[..good.rfind('$').unwrap()].to_owned(),
            good[..good.rfind('$').unwrap() + 9].to_owned(),
            format!("{good}!"),
        ];
        for stored in bad {
            let outcome = cheap().verify(&secret("x"), &secret(stored.clone()));
            assert_eq!(outcome, Err(PasswordError::StoredHash), "{stored}");
        }
    }

    #[test]
    fn an_impossible_cost_is_refused_at_once() {
        let cost = PasswordCost { memory_kib: 1, passes: 0, lanes: 0 };
        assert_eq!(PasswordHasher::new(cost).unwrap_err(), PasswordError::Cost);
    }

    #[test]
    fn debug_shows_no_hash() {
        let hasher = cheap();
        assert!(!format!("{hasher:?}").contains("$argon2id"));
    }
}
