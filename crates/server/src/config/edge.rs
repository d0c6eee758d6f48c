//! Settings of the HTTP edge: who may come, from where and how often, and who sees how it goes.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use api::{Origins, Rates, TrustedProxies};

use super::ConfigError;
use super::variable::{Section, Values, Variable};

pub const METRICS_ADDR: Variable = Variable {
    name: "SALUS_METRICS_ADDR",
    default: "",
    help: "address and port at which anybody may read /metrics, for a network that only Prometheus reaches; without it they are read with a token that allows system:metrics",
    aliases: &[],
};
pub const CORS_ORIGINS: Variable = Variable {
    name: "SALUS_CORS_ORIGINS",
    default: "",
    help: "origins of web pages that may use the API from a browser, separated by commas, such as https://app.example.org",
    aliases: &[],
};
pub const TRUSTED_PROXIES: Variable = Variable {
    name: "SALUS_TRUSTED_PROXIES",
    default: "",
    help: "networks of the proxies whose X-Forwarded-For is believed, separated by commas, such as 10.0.0.0/8",
    aliases: &[],
};
pub const RATE_LIMIT: Variable = Variable {
    name: "SALUS_RATE_LIMIT",
    default: "on",
    help: "off turns all limits on the number of requests off",
    aliases: &[],
};
pub const RATE_LIMIT_USER: Variable = Variable {
    name: "SALUS_RATE_LIMIT_USER",
    default: "6000",
    help: "requests that one user may send in a minute, as many of them at once",
    aliases: &[],
};
pub const RATE_LIMIT_ADDRESS: Variable = Variable {
    name: "SALUS_RATE_LIMIT_ADDRESS",
    default: "60000",
    help: "requests that may come from one address in a minute: a whole hospital may stand behind one",
    aliases: &[],
};
pub const RATE_LIMIT_LOGIN: Variable = Variable {
    name: "SALUS_RATE_LIMIT_LOGIN",
    default: "300",
    help: "logins that may come from one address in a minute, but for devices that have logged in before; as many renewals and the like are counted apart",
    aliases: &[],
};
pub const MAX_CONNECTIONS: Variable = Variable {
    name: "SALUS_MAX_CONNECTIONS",
    default: "12000",
    help: "connections of clients that are open at the same time; further ones wait",
    aliases: &[],
};
pub const DRAIN_DELAY: Variable = Variable {
    name: "SALUS_DRAIN_DELAY",
    default: "0",
    help: "seconds for which a stopping server, no longer ready, goes on taking connections, so that load balancers notice",
    aliases: &[],
};
pub const OTLP_ENDPOINT: Variable = Variable {
    name: "OTEL_EXPORTER_OTLP_ENDPOINT",
    default: "",
    help: "collector that takes OpenTelemetry traces over plain http, such as http://localhost:4318; the other OTEL_ variables hold too",
    aliases: &[],
};
pub const OTLP_TRACES_ENDPOINT: Variable = Variable {
    name: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    default: "",
    help: "the same with its path, such as http://localhost:4318/v1/traces; wins",
    aliases: &[],
};

/// Who may come from where.
pub const EDGE: Section = Section {
    title: "HTTP edge",
    about: "",
    variables: &[CORS_ORIGINS, TRUSTED_PROXIES, MAX_CONNECTIONS, DRAIN_DELAY],
};

/// How often.
pub const LIMITS: Section = Section {
    title: "Rate limits",
    about: "Each limit is a bucket: full at first, so that as many requests as it says may come at once, and filled again \
            evenly over a minute. Who meets one is answered 429 with `Retry-After`; every answer says in `RateLimit-*` \
            what is left. Health checks are not counted.",
    variables: &[RATE_LIMIT, RATE_LIMIT_USER, RATE_LIMIT_ADDRESS, RATE_LIMIT_LOGIN],
};

/// What the edge is told from outside.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// Where the metrics can be read by anybody.
    pub metrics_addr: Option<SocketAddr>,
    /// Web pages that may use the API.
    pub origins: Origins,
    /// Proxies that are believed.
    pub proxies: TrustedProxies,
    /// How often one may come.
    pub rates: Option<Rates>,
    /// Open connections of clients.
    pub max_connections: usize,
    /// Between not being ready any more and taking no more connections.
    pub drain_delay: Duration,
    /// The collector of traces.
    pub traces: Option<String>,
}

/// Reads them.
///
/// # Errors
/// [`ConfigError::Invalid`].
pub fn read(values: &Values) -> Result<EdgeConfig, ConfigError> {
    let rate = |variable: &Variable| {
        let wanted = "a number of requests from 1 to 10000000";
        let rate = values.number(variable, 1..=10_000_000, wanted)?;
        let rate = rate.and_then(|rate| u32::try_from(rate).ok()).and_then(NonZeroU32::new);
        rate.ok_or_else(|| values.invalid(variable, wanted))
    };
    let rates = Rates {
        user: rate(&RATE_LIMIT_USER)?,
        address: rate(&RATE_LIMIT_ADDRESS)?,
        login: rate(&RATE_LIMIT_LOGIN)?,
    };
    let connections = values.number(&MAX_CONNECTIONS, 1..=1_000_000, "a number from 1 to 1000000")?;
    let delay = values.number(&DRAIN_DELAY, 0..=300, "a number of seconds from 0 to 300")?;
    Ok(EdgeConfig {
        metrics_addr: parsed(values, &METRICS_ADDR, "an address and a port, such as 127.0.0.1:9464")?,
        origins: parsed(values, &CORS_ORIGINS, "origins such as https://app.example.org, without wildcards")?
            .unwrap_or_default(),
        proxies: parsed(values, &TRUSTED_PROXIES, "networks such as 10.0.0.0/8,fd00::/8")?
            .unwrap_or_default(),
        rates: values.flag(&RATE_LIMIT)?.then_some(rates),
        max_connections: usize::try_from(connections.unwrap_or(1)).unwrap_or(usize::MAX),
        drain_delay: Duration::from_secs(delay.unwrap_or(0)),
        traces: collector(values)?,
    })
}

fn parsed<T: FromStr>(
    values: &Values,
    variable: &Variable,
    wanted: &'static str,
) -> Result<Option<T>, ConfigError> {
    let given = values.optional(variable).map(|text| text.parse());
    given.transpose().map_err(|_| values.invalid(variable, wanted))
}

/// Where traces go.
fn collector(values: &Values) -> Result<Option<String>, ConfigError> {
    let (variable, url) = match (values.optional(&OTLP_TRACES_ENDPOINT), values.optional(&OTLP_ENDPOINT)) {
        (Some(url), _) => (&OTLP_TRACES_ENDPOINT, url),
        (None, Some(base)) => (&OTLP_ENDPOINT, format!("{}/v1/traces", base.trim_end_matches('/'))),
        (None, None) => return Ok(None),
    };
    let wanted = "an http:// URL: traces go to a collector nearby, and TLS begins there";
    let authority = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let named = authority.is_some_and(|authority| !authority.is_empty() && !authority.contains('@'));
    if named { Ok(Some(url)) } else { Err(values.invalid(variable, wanted)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<EdgeConfig, ConfigError> {
        let given = pairs.iter().map(|(name, value)| (name.into(), value.into()));
        Values::gather(given).and_then(|values| read(&values))
    }

    #[test]
    fn by_default_requests_are_limited_and_nobody_special_is_let_in() {
        let edge = with(&[]).unwrap();
        assert!(edge.rates.is_some_and(|rates| rates.login < rates.user && rates.user < rates.address));
        assert_eq!(edge.origins, Origins::default());
        assert_eq!(edge.proxies, TrustedProxies::default());
        assert!(edge.metrics_addr.is_none() && edge.traces.is_none());
        assert!(with(&[("SALUS_RATE_LIMIT", "off")]).unwrap().rates.is_none());
    }

    #[test]
    fn a_wrong_value_is_refused_by_its_name() {
        for (name, value) in [
            ("SALUS_METRICS_ADDR", "9464"),
            ("SALUS_CORS_ORIGINS", "*"),
            ("SALUS_TRUSTED_PROXIES", "10.0.0.1/8"),
            ("SALUS_RATE_LIMIT", "maybe"),
            ("SALUS_RATE_LIMIT_USER", "0"),
            ("SALUS_RATE_LIMIT_LOGIN", "-1"),
            ("SALUS_MAX_CONNECTIONS", "many"),
            ("SALUS_DRAIN_DELAY", "301"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http:///v1/traces"),
        ] {
            assert!(
                matches!(with(&[(name, value)]), Err(ConfigError::Invalid { name: said, .. }) if said == name),
                "{name}"
            );
        }
    }

    #[test]
    fn the_collectors_path_is_added_unless_it_was_given() {
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318/");
        assert_eq!(with(&[base]).unwrap().traces.unwrap(), "http://localhost:4318/v1/traces");
        let exact = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector/t");
        assert_eq!(with(&[base, exact]).unwrap().traces.unwrap(), "http://collector/t");
    }
}
