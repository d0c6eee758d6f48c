//! Where a request comes from, when proxies stand between.

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word is believed; nobody, unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[Network]>);

/// A network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: u128,
    /// Bits that count, of the 128 of an IPv6 address, as which IPv4 addresses are written.
    prefix: u32,
}

/// Not a list of networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a list of networks such as 10.0.0.0/8,fd00::/8")]
pub struct NotNetworks;

impl FromStr for TrustedProxies {
    type Err = NotNetworks;

    /// Reads networks and single addresses, separated by commas.
    fn from_str(text: &str) -> Result<TrustedProxies, NotNetworks> {
        text.split(',').map(str::trim).map(network).collect::<Result<_, _>>().map(TrustedProxies)
    }
}

fn network(text: &str) -> Result<Network, NotNetworks> {
    let (address, prefix) =
        text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let address: IpAddr = address.parse().map_err(|_| NotNetworks)?;
    let (bits, spare) = match address {
        IpAddr::V4(_) => (32, 96),
        IpAddr::V6(_) => (128, 0),
    };
    let prefix = match prefix {
        None => bits,
        // "+8" is a number to the standard library.
        Some(prefix) if !prefix.bytes().all(|byte| byte.is_ascii_digit()) => return Err(NotNetworks),
        Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= bits).ok_or(NotNetworks)?,
    };
    let network = Network { address: number(address), prefix: prefix + spare };
    // Bits behind the prefix are a slip of the pen, and a wide network is trusted much.
    if network.address & !mask(network.prefix) == 0 { Ok(network) } else { Err(NotNetworks) }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

const fn mask(prefix: u32) -> u128 {
    if prefix == 0 { 0 } else { u128::MAX << (128 - prefix) }
}

impl TrustedProxies {
    fn trusts(&self, address: IpAddr) -> bool {
        let address = number(address);
        self.0.iter().any(|network| address & mask(network.prefix) == network.address)
    }

    /// The client's address: the last in `X-Forwarded-For` that is not a trusted proxy's, if the connection itself comes
    /// from one. What stands before it may be anybody's invention. Where an entry cannot be read, the proxy that
    /// wrote it is as far as one can see.
    pub(super) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if self.0.is_empty() || !self.trusts(client) {
            return client;
        }
        let values: Vec<_> = headers.get_all(X_FORWARDED_FOR).iter().collect();
        let entries = values.iter().rev().flat_map(|value| value.to_str().unwrap_or("").rsplit(','));
        for entry in entries {
            let Ok(address) = entry.trim().parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.trusts(client) {
                break;
            }
        }
        client
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(value).unwrap());
        }
        let trusted = if trusted.is_empty() { TrustedProxies::default() } else { trusted.parse().unwrap() };
        trusted.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn nobodys_word_is_believed_unless_it_was_said_so() {
        assert_eq!(client("", "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(client("10.0.0.0/8", "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
    }

    #[test]
    fn the_client_is_the_last_who_is_no_proxy_of_ours() {
        let ours = "10.0.0.0/8, 2001:db8::/32,192.0.2.7";
        assert_eq!(client(ours, "10.1.2.3", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client(ours, "10.1.2.3", &["198.51.100.1, 203.0.113.9, 10.9.9.9"]), "203.0.113.9");
        assert_eq!(client(ours, "10.1.2.3", &["198.51.100.1", "203.0.113.9,192.0.2.7"]), "203.0.113.9");
        assert_eq!(client(ours, "2001:db8::1", &["2001:db9::5"]), "2001:db9::5");
        assert_eq!(client(ours, "::ffff:10.1.2.3", &["::ffff:203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn what_cannot_be_read_ends_at_the_proxy_that_wrote_it() {
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &["198.51.100.1, unknown"]), "10.1.2.3");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &["198.51.100.1, junk, 10.4.4.4"]), "10.4.4.4");
        assert_eq!(client("10.0.0.0/8", "10.1.2.3", &[""]), "10.1.2.3");
    }

    #[test]
    fn only_networks_are_networks() {
        for good in ["10.0.0.0/8", "127.0.0.1", "::1", "0.0.0.0/0", "fd00::/8,10.0.0.1/32"] {
            assert!(good.parse::<TrustedProxies>().is_ok(), "{good}");
        }
        for bad in
            ["", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/+8", "proxy.example", "10.0.0.0/8,", "::/129", "*"]
        {
            assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
        }
    }
}
