//! A database's URL: `postgres://user:password@host:port/database?option=value&...`.
//!
//! Read by us and not by the driver, which would log an option that it does not know with its value, and go on.

use std::path::PathBuf;

use cluster::TlsMode;
use kernel::Secret;
use percent_encoding::percent_decode_str;

/// What a URL says. What it does not say is `None`.
#[derive(Debug, Default)]
pub struct DatabaseUrl {
    pub host: String,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub password: Option<Secret<String>>,
    pub database: String,
    pub tls_mode: Option<TlsMode>,
    pub root_certificate: Option<PathBuf>,
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    pub connection_limit: Option<u32>,
    pub pool_timeout_s: Option<u64>,
    pub connect_timeout_s: Option<u64>,
    pub socket_timeout_s: Option<u64>,
    pub statement_cache_size: Option<usize>,
}

impl DatabaseUrl {
    /// Reads the URL.
    ///
    /// # Errors
    /// What is wrong with it, without any of its values.
    pub fn parse(text: &str) -> Result<DatabaseUrl, String> {
        let rest = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"))
            .ok_or("it does not begin with postgres://")?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, database) = rest.split_once('/').ok_or("it names no database")?;
        let mut url = DatabaseUrl { database: decoded(database, "the database")?, ..DatabaseUrl::default() };
        // A password may hold an @ that somebody forgot to encode; a host cannot.
        let place = match place.rsplit_once('@') {
            Some((login, place)) => {
                let (user, password) = login.split_once(':').map_or((login, None), |(u, p)| (u, Some(p)));
                url.user = Some(decoded(user, "the user")?).filter(|user| !user.is_empty());
                url.password =
                    password.map(|text| decoded(text, "the password")).transpose()?.map(Secret::new);
                place
            }
            None => place,
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or("its host lacks a ]")?;
                (host, rest.strip_prefix(':'))
            }
            None => place.rsplit_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        url.host = decoded(host, "the host")?;
        url.port = port.map(|text| number(text, "the port")).transpose()?;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            url.option(name, decoded(value, name)?)?;
        }
        if url.host.is_empty() {
            return Err("it names no host".to_owned());
        }
        match url.database.is_empty() {
            true => Err("it names no database".to_owned()),
            false => Ok(url),
        }
    }

    fn option(&mut self, name: &str, value: String) -> Result<(), String> {
        match name {
            "host" => self.host = value,
            "sslmode" => self.tls_mode = Some(tls_mode(&value)?),
            "sslrootcert" => self.root_certificate = Some(value.into()),
            "sslcert" => self.client_certificate = Some(value.into()),
            "sslkey" => self.client_key = Some(value.into()),
            "connection_limit" => self.connection_limit = Some(number(&value, name)?),
            "pool_timeout" => self.pool_timeout_s = Some(number(&value, name)?),
            "connect_timeout" => self.connect_timeout_s = Some(number(&value, name)?),
            "socket_timeout" => self.socket_timeout_s = Some(number(&value, name)?),
            "statement_cache_size" => self.statement_cache_size = Some(number(&value, name)?),
            _ if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-') => {
                return Err(format!("there is no option {name}"));
            }
            _ => return Err("an option's name is not plain".to_owned()),
        }
        Ok(())
    }
}

/// A mode by libpq's name for it.
///
/// # Errors
/// What is accepted.
pub fn tls_mode(name: &str) -> Result<TlsMode, String> {
    TlsMode::ALL
        .into_iter()
        .find(|mode| mode.name() == name)
        .ok_or_else(|| "sslmode must be disable, prefer, require, verify-ca or verify-full".to_owned())
}

fn decoded(text: &str, what: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| format!("{what} is not UTF-8"))?;
    match decoded.contains('\0') {
        true => Err(format!("{what} holds a NUL")),
        false => Ok(decoded.into_owned()),
    }
}

fn number<N: std::str::FromStr>(text: &str, what: &str) -> Result<N, String> {
    text.parse().map_err(|_| format!("{what} must be a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_read_and_decoded() {
        let url = DatabaseUrl::parse(
            "postgresql://salus%5Fapp:p%40ss%2F@db.example.org:6432/au%74h?sslmode=verify-full&sslrootcert=/ca%20x.pem\
             &connection_limit=7&pool_timeout=1&connect_timeout=2&socket_timeout=3&statement_cache_size=9",
        )
        .unwrap();
        assert_eq!(
            (url.host.as_str(), url.port, url.database.as_str()),
            ("db.example.org", Some(6432), "auth")
        );
        assert_eq!(url.user.as_deref(), Some("salus_app"));
        assert_eq!(url.password.unwrap().expose(), "p@ss/");
        assert_eq!(url.tls_mode, Some(TlsMode::VerifyFull));
        assert_eq!(url.root_certificate, Some(PathBuf::from("/ca x.pem")));
        let numbers = (url.connection_limit, url.pool_timeout_s, url.connect_timeout_s, url.socket_timeout_s);
        assert_eq!(numbers, (Some(7), Some(1), Some(2), Some(3)));
        assert_eq!(url.statement_cache_size, Some(9));
    }

    #[test]
    fn a_socket_and_an_ipv6_address_are_hosts() {
        let host = |text: &str| DatabaseUrl::parse(text).unwrap().host;
        assert_eq!(host("postgres://a@%2Frun%2Fpg/auth"), "/run/pg");
        assert_eq!(host("postgres://a@/auth?host=/run/pg"), "/run/pg");
        assert_eq!(host("postgres://a@[::1]:5/auth"), "::1");
    }

    #[test]
    fn what_is_wrong_is_said_without_a_value() {
        for (text, said) in [
            ("mysql://hunter2@h/d", "postgres://"),
            ("postgres://u:hunter2@h", "no database"),
            ("postgres://u:hunter2@/d", "no host"),
            ("postgres://u:hunter2@h:hunter2/d", "the port must"),
            ("postgres://u:hunter2@h/d?sslmode=hunter2", "verify-full"),
            ("postgres://u:hunter2@h/d?schema=hunter2", "no option schema"),
            ("postgres://u:hunter2@h/d?connection_limit=hunter2", "connection_limit must"),
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err();
            assert!(error.contains(said) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
