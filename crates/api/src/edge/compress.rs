//! Which answers are compressed, for clients that ask for it.

use axum::http::{Extensions, HeaderMap, StatusCode, Version};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{And, Predicate, SizeAbove};

use crate::policy::{Endpoint, Rule};

/// Below this, bytes, an answer fits into one packet either way.
const SMALLEST: u64 = 1_024;

type Chosen = And<SizeAbove, fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool>;

/// The layer. The fastest level of each method: answers are made for one client and thrown away.
pub(super) fn layer() -> CompressionLayer<Chosen> {
    let lawful: fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool = may_be_compressed;
    CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(SizeAbove::new(SMALLEST).and(lawful))
}

/// Answers with tokens in them are not: the length of a compressed answer tells whether what the client sent resembles
/// the secret beside it (BREACH). For the rest no foreign page can make a browser ask, because the token is in a header
/// and not in a cookie.
fn may_be_compressed(_: StatusCode, _: Version, _: &HeaderMap, extensions: &Extensions) -> bool {
    !extensions.get::<&'static Rule>().is_some_and(|rule| matches!(rule.endpoint, Endpoint::Session(_)))
}
