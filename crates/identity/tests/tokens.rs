//! Good tokens, and every forgery we could think of (RFC 8725 section 2, ASVS 5.0 9.1 and 9.2).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, TimeZone, Utc};
use ed25519_dalek::Signer;
use ed25519_dalek::pkcs8::DecodePrivateKey;
use hmac::{Hmac, KeyInit, Mac};
use identity::{Claims, Issuer, MintError, SigningKey, TokenError, TokenVerifier};
use kernel::{AccountId, SessionId, Tenant};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::Uuid;

fn noon() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 11, 20, 12, 0, 0).unwrap()
}

fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}

fn issuer() -> Issuer {
    Issuer { issuer: "salus".to_owned(), audience: "salus-api".to_owned() }
}

fn claims() -> Claims {
    Claims {
        sub: AccountId::from_uuid(Uuid::from_u128(1)),
        org: Tenant::from_number(7),
        org_id: Uuid::from_u128(2),
        name: "admin".to_owned(),
        roles: vec!["administrator".to_owned()],
        iat: noon(),
        nbf: noon(),
        exp: noon() + seconds(600),
        jti: Uuid::from_u128(3),
        sid: SessionId::from_uuid(Uuid::from_u128(4)),
        epoch: 1,
        must_change_password: false,
    }
}

/// A key, its verifier, and the means to sign anything with that very key.
struct Forge {
    key: SigningKey,
    raw: ed25519_dalek::SigningKey,
    verifier: TokenVerifier,
}

impl Forge {
    fn new() -> Forge {
        let key = SigningKey::generate().unwrap();
        let raw = ed25519_dalek::SigningKey::from_pkcs8_der(&key.to_pkcs8().unwrap()).unwrap();
        let verifier = TokenVerifier::new(issuer(), [key.public()]);
        Forge { key, raw, verifier }
    }

    fn good(&self) -> String {
        self.key.mint(&issuer(), &claims()).unwrap().expose().clone()
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.key.kid()})
    }

    fn payload(&self) -> Value {
        json!({
            "iss": "salus", "aud": "salus-api", "sub": Uuid::from_u128(1), "org": 7,
            "org_id": Uuid::from_u128(2), "name": "admin", "roles": ["administrator"],
            "iat": noon().timestamp(), "nbf": noon().timestamp(), "exp": noon().timestamp() + 600,
            "jti": Uuid::from_u128(3), "sid": Uuid::from_u128(4), "epoch": 1,
        })
    }

    /// A token of exactly these texts with a valid signature of our key.
    fn sign(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = URL_SAFE_NO_PAD.encode(self.raw.sign(signed.as_bytes()).to_bytes());
        format!("{signed}.{signature}")
    }

    fn with_header(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut header = self.header();
        change(&mut header);
        self.sign(&header.to_string(), &self.payload().to_string())
    }

    fn with_payload(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut payload = self.payload();
        change(&mut payload);
        self.sign(&self.header().to_string(), &payload.to_string())
    }

    fn refuses(&self, name: &str, token: &str, error: TokenError) {
        assert_eq!(self.verifier.verify(token, noon()).unwrap_err(), error, "{name}");
        // A second look must not find it among the tokens known to be good.
        assert_eq!(self.verifier.verify(token, noon()).unwrap_err(), error, "{name}, again");
    }
}

#[test]
fn a_minted_token_says_what_it_was_given() {
    let forge = Forge::new();
    let claims = Claims { iat: noon() + TimeDelta::milliseconds(900), ..claims() };
    let token = forge.key.mint(&issuer(), &claims).unwrap();
    for _ in 0..2 {
        let read = forge.verifier.verify(token.expose(), noon()).unwrap();
        assert_eq!(*read, Claims { iat: noon(), ..claims.clone() });
    }
    assert_eq!(format!("{token:?}"), "[secret]");
}

#[test]
fn the_forge_itself_makes_good_tokens() {
    // Were this to fail, every refusal below would prove nothing.
    let forge = Forge::new();
    let token = forge.sign(&forge.header().to_string(), &forge.payload().to_string());
    assert_eq!(*forge.verifier.verify(&token, noon()).unwrap(), claims());
    let unknown_claim = forge.with_payload(|payload| payload["later"] = json!({"version": 2}));
    assert_eq!(*forge.verifier.verify(&unknown_claim, noon()).unwrap(), claims());
}

#[test]
fn no_header_but_ours_is_accepted() {
    let forge = Forge::new();
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([7; 32])});
    for algorithm in
        ["none", "NoNe", "", "HS256", "RS256", "PS256", "ES256", "eddsa", "EDDSA", "Ed25519", "EdDSA "]
    {
        let token = forge.with_header(|header| header["alg"] = json!(algorithm));
        forge.refuses(algorithm, &token, TokenError::Header);
    }
    for typ in ["JWT", "jwt", "", "AT+JWT", "application/at+jwt", "id+jwt", "at+jwt\0"] {
        let token = forge.with_header(|header| header["typ"] = json!(typ));
        forge.refuses(typ, &token, TokenError::Header);
    }
    for (name, value) in [
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("x5u", json!("http://127.0.0.1:1/chain")),
        ("jwk", jwk),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AA")),
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("enc", json!("A256GCM")),
        ("", json!(1)),
    ] {
        let token = forge.with_header(|header| header[name] = value);
        forge.refuses(name, &token, TokenError::Header);
    }
    for missing in ["alg", "typ", "kid"] {
        let token = forge.with_header(|header| _ = header.as_object_mut().unwrap().remove(missing));
        forge.refuses(missing, &token, TokenError::Header);
        let token = forge.with_header(|header| header[missing] = json!(null));
        forge.refuses(missing, &token, TokenError::Header);
        let token = forge.with_header(|header| header[missing] = json!([header[missing]]));
        forge.refuses(missing, &token, TokenError::Header);
    }
}

#[test]
fn no_key_but_ours_is_accepted() {
    let forge = Forge::new();
    let stranger = Forge::new();
    for kid in [
        "",
        "../../../../dev/null",
        "/etc/passwd",
        "' or 1=1 --",
        "http://127.0.0.1:1/key",
        "0",
        stranger.key.kid(),
        &forge.key.kid().to_uppercase(),
        &format!("{} ", forge.key.kid()),
        &format!("{}\0", forge.key.kid()),
    ] {
        let token = forge.with_header(|header| header["kid"] = json!(kid));
        forge.refuses(kid, &token, TokenError::UnknownKey);
    }
    forge.refuses("a stranger's token", &stranger.good(), TokenError::UnknownKey);
    let borrowed = stranger.with_header(|header| header["kid"] = json!(forge.key.kid()));
    forge.refuses("a stranger's signature under our key's name", &borrowed, TokenError::Signature);
}

#[test]
fn our_public_key_is_no_shared_secret() {
    let forge = Forge::new();
    let public = forge.raw.verifying_key().to_bytes();
    for algorithm in ["HS256", "EdDSA"] {
        let header = json!({"alg": algorithm, "typ": "at+jwt", "kid": forge.key.kid()}).to_string();
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(forge.payload().to_string())
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(&public).unwrap();
        mac.update(signed.as_bytes());
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
        let error = if algorithm == "HS256" { TokenError::Header } else { TokenError::Signature };
        forge.refuses(algorithm, &token, error);
    }
}

#[test]
fn no_signature_but_the_right_one_is_accepted() {
    let forge = Forge::new();
    let good = forge.good();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let with = |signature: &[u8]| format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    let right = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for at in 0..right.len() {
        let mut wrong = right.clone();
        wrong[at] ^= 1;
        forge.refuses("a changed signature", &with(&wrong), TokenError::Signature);
        forge.refuses("a cut signature", &with(&right[..at]), TokenError::Signature);
    }
    forge.refuses("a longer signature", &with(&[&right[..], &[0]].concat()), TokenError::Signature);
    forge.refuses("no signature", &with(&[]), TokenError::Signature);
    forge.refuses("r = s = 0", &with(&[0; 64]), TokenError::Signature);
    forge.refuses("all ones", &with(&[0xff; 64]), TokenError::Signature);
    // The same point with s + L in the place of s: valid arithmetic, but a second token for one signature.
    let order = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut malleated = right.clone();
    let mut carry = 0_u16;
    for (byte, addend) in malleated[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + addend + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    forge.refuses("s + L", &with(&malleated), TokenError::Signature);
    let other = forge.with_payload(|payload| payload["jti"] = json!(Uuid::from_u128(9)));
    let swapped = format!("{signed}.{}", other.rsplit_once('.').unwrap().1);
    forge.refuses("another token's signature", &swapped, TokenError::Signature);
}

#[test]
fn no_claim_can_be_changed() {
    let forge = Forge::new();
    let good = forge.good();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let read = String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    for (from, to) in [("\"org\":7", "\"org\":8"), ("administrator", "Administrator"), ("admin", "nimda")] {
        assert!(read.contains(from), "{read}");
        let changed = URL_SAFE_NO_PAD.encode(read.replace(from, to));
        forge.refuses(from, &format!("{header}.{changed}.{signature}"), TokenError::Signature);
    }
}

#[test]
fn claims_that_are_missing_doubled_or_of_the_wrong_kind_are_refused() {
    let forge = Forge::new();
    for claim in
        ["iss", "aud", "sub", "org", "org_id", "name", "roles", "iat", "nbf", "exp", "jti", "sid", "epoch"]
    {
        let token = forge.with_payload(|payload| _ = payload.as_object_mut().unwrap().remove(claim));
        forge.refuses(claim, &token, TokenError::Claims);
        let token = forge.with_payload(|payload| payload[claim] = json!(null));
        forge.refuses(claim, &token, TokenError::Claims);
        let text = forge.payload().to_string();
        let value = forge.payload()[claim].clone();
        let token = forge
            .sign(&forge.header().to_string(), &format!("{},\"{claim}\":{value}}}", &text[..text.len() - 1]));
        forge.refuses(&format!("{claim} twice"), &token, TokenError::Claims);
    }
    for (claim, value) in [
        ("iss", json!(["salus"])),
        ("aud", json!(["salus-api"])),
        ("aud", json!(["salus-api", "other"])),
        ("sub", json!("admin")),
        ("sub", json!(1)),
        ("org", json!("7")),
        ("org", json!(7.5)),
        ("org", json!(1_i64 << 40)),
        ("roles", json!("administrator")),
        ("roles", json!([1])),
        ("exp", json!("2026-11-20T12:10:00Z")),
        ("exp", json!(i64::MAX)),
        ("exp", json!(1e300)),
        ("jti", json!("")),
    ] {
        let token = forge.with_payload(|payload| payload[claim] = value.clone());
        forge.refuses(&format!("{claim} = {value}"), &token, TokenError::Claims);
    }
    let doubled = format!(r#"{{"x":1,"x":2,{}"#, &forge.payload().to_string()[1..]);
    forge.refuses(
        "an unknown claim twice",
        &forge.sign(&forge.header().to_string(), &doubled),
        TokenError::Claims,
    );
    // A list of values in the order of the library's own fields is no object of claims.
    let list = json!([1, 1, Uuid::from_u128(1), "salus", "salus-api"]).to_string();
    for payload in ["", "{}", "[]", &list, "null", "7", "{\"iss\":", "\u{feff}{}"] {
        forge.refuses(payload, &forge.sign(&forge.header().to_string(), payload), TokenError::Claims);
    }
}

#[test]
fn a_header_member_that_stands_twice_is_refused() {
    let forge = Forge::new();
    let kid = forge.key.kid();
    for header in [
        format!(r#"{{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","alg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"x","\u006bid":"{kid}"}}"#),
    ] {
        let token = forge.sign(&header, &forge.payload().to_string());
        forge.refuses(&header, &token, TokenError::Malformed);
    }
}

#[test]
fn another_installations_token_is_refused() {
    let forge = Forge::new();
    for (claim, value) in [
        ("iss", "salus2"),
        ("iss", ""),
        ("iss", "SALUS"),
        ("aud", "other"),
        ("aud", ""),
        ("aud", "salus-api "),
    ] {
        let token = forge.with_payload(|payload| payload[claim] = json!(value));
        forge.refuses(&format!("{claim} = {value}"), &token, TokenError::Issuer);
    }
}

#[test]
fn a_token_is_good_from_nbf_until_just_before_exp() {
    let forge = Forge::new();
    let token = forge.good();
    let at = |now| forge.verifier.verify(&token, now).map(|_| ());
    assert_eq!(at(noon() - seconds(6)), Err(TokenError::NotYet));
    assert_eq!(at(noon() - seconds(5)), Ok(()));
    assert_eq!(at(noon() + seconds(599)), Ok(()));
    assert_eq!(at(noon() + seconds(600)), Err(TokenError::Expired));
    assert_eq!(at(noon() + seconds(1_000_000)), Err(TokenError::Expired));
    let later = forge.with_payload(|payload| payload["nbf"] = json!(noon().timestamp() + 60));
    forge.refuses("nbf in the future", &later, TokenError::NotYet);
    let postdated = forge.with_payload(|payload| {
        payload["iat"] = json!(noon().timestamp() + 60);
    });
    forge.refuses("iat in the future", &postdated, TokenError::NotYet);
    let past = forge.with_payload(|payload| payload["exp"] = json!(noon().timestamp()));
    forge.refuses("exp now", &past, TokenError::Expired);
    let negative = forge.with_payload(|payload| payload["exp"] = json!(-1));
    forge.refuses("exp before 1970", &negative, TokenError::Expired);
}

#[test]
fn a_token_that_lives_too_long_is_neither_minted_nor_accepted() {
    let forge = Forge::new();
    let long = forge.with_payload(|payload| payload["exp"] = json!(noon().timestamp() + 601));
    forge.refuses("601 seconds", &long, TokenError::Lifetime);
    let ancient = forge.with_payload(|payload| payload["iat"] = json!(0));
    forge.refuses("minted in 1970", &ancient, TokenError::Lifetime);
    for lifetime in [601, 0, -1] {
        let claims = Claims { exp: noon() + seconds(lifetime), ..claims() };
        assert_eq!(forge.key.mint(&issuer(), &claims).unwrap_err(), MintError::Lifetime);
    }
}

#[test]
fn a_token_beyond_the_length_is_neither_minted_nor_looked_at() {
    let forge = Forge::new();
    let claims = Claims { roles: vec!["r".repeat(4_096)], ..claims() };
    assert_eq!(forge.key.mint(&issuer(), &claims).unwrap_err(), MintError::TooLong);
    let long = forge.with_payload(|payload| payload["roles"] = json!(["r".repeat(4_096)]));
    forge.refuses("signed, but long", &long, TokenError::TooLong);
    forge.refuses("1 MB", &"a".repeat(1 << 20), TokenError::TooLong);
    forge.refuses("1 MB of dots", &".".repeat(1 << 20), TokenError::TooLong);
}

#[test]
fn what_is_no_jwt_is_refused() {
    let forge = Forge::new();
    let good = forge.good();
    let [header, payload, signature] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let padded = |part: &str| URL_SAFE.encode(URL_SAFE_NO_PAD.decode(part).unwrap());
    let standard = STANDARD.encode([0xfb, 0xff, 0xfe]);
    // The last character of a 64-byte signature has four bits that mean nothing: setting one of them is no
    // second way to write the token.
    let last = char::from(good.as_bytes()[good.len() - 1] + 1);
    let loose = format!("{}{last}", &good[..good.len() - 1]);
    for token in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        "admin".to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}.{signature}."),
        format!(".{header}.{payload}.{signature}"),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!("{header}..{payload}.{signature}"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("Bearer {good}"),
        format!("{header}.{payload}.{}", padded(signature)),
        format!("{standard}.{payload}.{signature}"),
        good.replace('.', "。"),
        good.replace('.', "%2e"),
        format!("{header}\0.{payload}.{signature}"),
        loose,
    ] {
        forge.refuses(&token, &token, TokenError::Malformed);
    }
    for header in ["", "{", "null", "[]", "\"EdDSA\"", "{\"alg\":\"EdDSA\",}"] {
        forge.refuses(header, &forge.sign(header, &forge.payload().to_string()), TokenError::Malformed);
    }
}

#[test]
fn an_exchange_of_keys_is_effective_at_once() {
    let (old, new) = (Forge::new(), Forge::new());
    let token = old.good();
    assert!(old.verifier.verify(&token, noon()).is_ok());
    old.verifier.set_keys([old.key.public(), new.key.public()]);
    assert!(old.verifier.verify(&token, noon()).is_ok());
    assert!(old.verifier.verify(&new.good(), noon()).is_ok());
    old.verifier.set_keys([new.key.public()]);
    assert_eq!(old.verifier.verify(&token, noon()).unwrap_err(), TokenError::UnknownKey);
    old.verifier.set_keys([]);
    assert_eq!(old.verifier.verify(&new.good(), noon()).unwrap_err(), TokenError::UnknownKey);
}

#[test]
fn debug_shows_no_name() {
    assert!(!format!("{:?}", claims()).contains("admin"));
}

proptest! {
    #[test]
    fn no_text_is_a_token(text in "\\PC{0,300}") {
        prop_assert!(Forge::new().verifier.verify(&text, noon()).is_err());
    }

    #[test]
    fn a_token_with_any_character_changed_is_refused(at: prop::sample::Index, to in "[A-Za-z0-9_.-]") {
        let forge = Forge::new();
        let good = forge.good();
        let at = at.index(good.len());
        let changed = format!("{}{to}{}", &good[..at], &good[at + 1..]);
        prop_assume!(changed != good);
        prop_assert!(forge.verifier.verify(&changed, noon()).is_err());
    }
}
