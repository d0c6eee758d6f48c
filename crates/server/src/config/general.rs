//! Settings of the program itself: where it serves, where it keeps what lasts, what it logs.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::TimeDelta;
use identity::WeakPassword;
use kernel::Secret;
use services::session::SessionLimits;

use super::edge::{METRICS_ADDR, OTLP_ENDPOINT, OTLP_TRACES_ENDPOINT};
use super::variable::{Section, Values, Variable};
use super::{ConfigError, LogFormat};

pub const HTTP_ADDR: Variable = Variable {
    name: "SALUS_HTTP_ADDR",
    default: "127.0.0.1:8080",
    help: "address and port to serve on; port 0 takes a free one",
    aliases: &[],
};
pub const PUBLIC_URL: Variable = Variable {
    name: "SALUS_PUBLIC_URL",
    default: "",
    help: "the URL by which clients reach the server, such as https://salus.example.org: the base of links in answers \
           and the issuer of tokens; without it links repeat the request's Host",
    aliases: &[],
};
pub const DATA_DIR: Variable = Variable {
    name: "SALUS_DATA_DIR",
    default: "./.salus",
    help: "folder of the databases, the master key and the password file",
    aliases: &[],
};
pub const ADMIN_PASSWORD: Variable = Variable {
    name: "SALUS_ADMIN_PASSWORD",
    default: "",
    help: "the administrator's password, 15 characters to 1,024 bytes, and not made of what is guessed first; made and \
           written to a file without it; given to an existing account, it replaces the old one",
    aliases: &[],
};
pub const ORGANIZATION: Variable = Variable {
    name: "SALUS_ORGANIZATION",
    default: "First organization",
    help: "name of the organization that the first start creates",
    aliases: &[],
};
pub const SESSION_IDLE: Variable = Variable {
    name: "SALUS_SESSION_IDLE_MINUTES",
    default: "30",
    help: "minutes without being renewed after which a session ends, 5 to 1440",
    aliases: &[],
};
pub const SESSION_HOURS: Variable = Variable {
    name: "SALUS_SESSION_HOURS",
    default: "12",
    help: "hours after which a session ends however often it is renewed, 1 to 24",
    aliases: &[],
};
pub const SIGNING_KEY_DAYS: Variable = Variable {
    name: "SALUS_SIGNING_KEY_DAYS",
    default: "90",
    help: "days after which the key that signs tokens is followed by the next, 1 to 365",
    aliases: &[],
};
pub const MASTER_KEY_FILE: Variable = Variable {
    name: "SALUS_MASTER_KEY_FILE",
    default: "",
    help: "file with the master key: 64 hexadecimal digits, or 32 bytes in base64; without it master.key in the data \
           folder; not made where it is named and missing",
    aliases: &[],
};
pub const ENCRYPTION_KEY: Variable = Variable {
    name: "ENCRYPTION_KEY",
    default: "",
    help: "a secret of at least 32 characters, from which the master key is stretched where there is no key file; a \
           key file wins",
    aliases: &[],
};
pub const LOG: Variable = Variable {
    name: "SALUS_LOG",
    default: "info,sqlx=warn",
    help: "what is logged, such as debug or store=debug,info",
    aliases: &[],
};
pub const LOG_FORMAT: Variable =
    Variable { name: "SALUS_LOG_FORMAT", default: "text", help: "text or json", aliases: &[] };
pub const TEST_DATA: Variable = Variable {
    name: "SALUS_TEST_DATA",
    default: "",
    help: "folder of test data, for tests and `salus bench`; not read by the server",
    aliases: &[],
};

/// Where it serves and keeps what lasts.
pub const SERVER: Section =
    Section { title: "Server", about: "", variables: &[HTTP_ADDR, PUBLIC_URL, DATA_DIR, TEST_DATA] };

/// The first account and organization.
pub const IDENTITY: Section = Section {
    title: "Identity",
    about: "",
    variables: &[ADMIN_PASSWORD, ORGANIZATION, SESSION_IDLE, SESSION_HOURS, SIGNING_KEY_DAYS],
};

/// The master key.
pub const KEYS: Section = Section {
    title: "Encryption",
    about: "Whoever loses the master key loses every record. With databases of its own the server makes the key on the \
            first start; over external databases it is never made, because a container's folder would take it along: \
            give one of the two.",
    variables: &[MASTER_KEY_FILE, ENCRYPTION_KEY],
};

/// The log.
pub const TELEMETRY: Section = Section {
    title: "Telemetry",
    about: "",
    variables: &[LOG, LOG_FORMAT, METRICS_ADDR, OTLP_ENDPOINT, OTLP_TRACES_ENDPOINT],
};

/// Where to serve.
pub fn http_addr(values: &Values) -> Result<SocketAddr, ConfigError> {
    let wanted = "an address and a port, such as 127.0.0.1:8080";
    values.text(&HTTP_ADDR).parse().map_err(|_| values.invalid(&HTTP_ADDR, wanted))
}

/// The base of links, without a slash at its end. Only what stands in JSON as it is.
pub fn public_url(values: &Values) -> Result<Option<String>, ConfigError> {
    let Some(url) = values.optional(&PUBLIC_URL) else { return Ok(None) };
    let url = url.trim_end_matches('/').to_owned();
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:[]/%".contains(&byte);
    if rest.is_empty() || rest.starts_with('/') || !rest.bytes().all(plain) || url.len() > 500 {
        let wanted = "an http or https URL without query, such as https://salus.example.org";
        return Err(values.invalid(&PUBLIC_URL, wanted));
    }
    Ok(Some(url))
}

/// What is asked of every password that somebody chooses.
pub fn admin_password(values: &Values) -> Result<Option<Secret<String>>, ConfigError> {
    let Some(text) = values.optional(&ADMIN_PASSWORD) else { return Ok(None) };
    let password = Secret::new(text);
    match identity::check_password(&password, &[services::bootstrap::ADMINISTRATOR]) {
        Ok(()) => Ok(Some(password)),
        Err(WeakPassword::TooShort | WeakPassword::TooLong) => {
            Err(values.invalid(&ADMIN_PASSWORD, "15 characters to 1,024 bytes long"))
        }
        Err(WeakPassword::Predictable) => Err(values.invalid(
            &ADMIN_PASSWORD,
            "something else than common passwords, rows of the keyboard, repetitions and the account's name",
        )),
    }
}

/// How long sessions last.
pub fn session_limits(values: &Values) -> Result<SessionLimits, ConfigError> {
    let minutes = values.number(&SESSION_IDLE, 5..=1_440, "a whole number of minutes from 5 to 1440")?;
    let hours = values.number(&SESSION_HOURS, 1..=24, "a whole number of hours from 1 to 24")?;
    let standard = SessionLimits::default();
    Ok(SessionLimits {
        idle: minutes.map_or(standard.idle, |minutes| Duration::from_secs(minutes * 60)),
        absolute: hours.map_or(standard.absolute, |hours| Duration::from_secs(hours * 3_600)),
    })
}

/// The age at which a signing key is followed by the next.
pub fn signing_key_age(values: &Values) -> Result<TimeDelta, ConfigError> {
    let days = values.number(&SIGNING_KEY_DAYS, 1..=365, "a whole number of days from 1 to 365")?;
    Ok(TimeDelta::days(days.and_then(|days| i64::try_from(days).ok()).unwrap_or(90)))
}

/// The first organization's name.
pub fn organization(values: &Values) -> Result<String, ConfigError> {
    let name = values.text(&ORGANIZATION);
    if name.trim().is_empty() || name.len() > 200 || name.chars().any(char::is_control) {
        return Err(values.invalid(&ORGANIZATION, "a name of at most 200 bytes"));
    }
    Ok(name)
}

/// The secret that the master key is stretched from.
pub fn encryption_key(values: &Values) -> Result<Option<Secret<String>>, ConfigError> {
    match values.optional(&ENCRYPTION_KEY) {
        Some(text) if text.chars().count() < 32 => {
            Err(values.invalid(&ENCRYPTION_KEY, "at least 32 characters long"))
        }
        text => Ok(text.map(Secret::new)),
    }
}

/// How log lines look.
pub fn log_format(values: &Values) -> Result<LogFormat, ConfigError> {
    match values.text(&LOG_FORMAT).as_str() {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(values.invalid(&LOG_FORMAT, "text or json")),
    }
}
