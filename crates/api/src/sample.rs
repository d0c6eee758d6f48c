//! Who and what the examples of the document speak of, beside what the field's own speak of. None of it exists; keys and
//! signatures are the test vectors of RFC 8037, which everybody has.

pub(crate) use domain::sample::*;

/// A session.
pub(crate) const SESSION: &str = "01a1fd53-a5c0-781e-be8e-25d940ed9047";
/// A request.
pub(crate) const REQUEST: &str = "01a1fd75-b480-711e-a6b0-d549b6f03675";
/// A transaction.
pub(crate) const TRANSACTION: &str = "01a1fd75-b480-78d1-9173-8f7d93d9c172";
/// The id of a signing key (RFC 8037, appendix A.3).
pub(crate) const KEY: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";
/// What has the form of an access token (RFC 8037, appendix A.4).
pub(crate) const ACCESS_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
    hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
/// What has the form of a refresh token: "an example: thirty-two bytes it.", encoded.
pub(crate) const REFRESH_TOKEN: &str = "YW4gZXhhbXBsZTogdGhpcnR5LXR3byBieXRlcyBpdC4";
/// What has the form of a device token: "an example of a device's forty bytes, ..", encoded.
pub(crate) const DEVICE_TOKEN: &str = "YW4gZXhhbXBsZSBvZiBhIGRldmljZSdzIGZvcnR5IGJ5dGVzLCAuLg";
/// What has the form of a password that the server makes.
pub(crate) const TEMPORARY_PASSWORD: &str = "Qw4rTz-mK9bVe-xH7dPs-Uc3gYn";
