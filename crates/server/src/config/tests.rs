use cluster::TlsMode;

use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(pairs.iter().map(|(name, value)| (name.into(), value.into())))
}

fn said(pairs: &[(&str, &str)]) -> String {
    read(pairs).unwrap_err().to_string()
}

const URLS: [(&str, &str); 3] = [
    ("AUTH_DATABASE_URL", "postgres://salus_app:hunter2@db1.example.org/auth"),
    ("PHI_DATABASE_URL", "postgres://salus_app:hunter2@db2.example.org/phi"),
    ("CLINICAL_DATABASE_URL", "postgres://salus_app:hunter2@db3.example.org/clinical"),
];

/// The three URLs and these.
fn with(pairs: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let kept = URLS.into_iter().filter(|(name, _)| !pairs.iter().any(|(other, _)| other == name));
    kept.chain(pairs.iter().copied()).collect()
}

#[test]
fn without_any_variable_the_defaults_hold() {
    let config = read(&[("PATH", "/bin"), ("AUTH_DB_HOST", ""), ("SALUS_LOG", "")]).unwrap();
    assert_eq!(config.http_addr, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.data_dir, PathBuf::from("./.salus"));
    assert!(config.admin_password.is_none() && config.databases.external.is_none() && config.fetch);
    assert_eq!(config.log, "info,sqlx=warn");
    assert!(config.warnings.is_empty());
    let pool = config.databases.pools[0];
    assert!((5..=40).contains(&pool.max_connections) && pool.min_connections == 1, "{pool:?}");
    assert_eq!((pool.acquire.as_secs(), pool.idle.as_secs(), pool.connect.as_secs()), (5, 600, 10));
    assert_eq!((pool.statement.as_secs(), pool.bulk_statement.as_secs(), pool.lock.as_secs()), (5, 30, 2));
}

#[test]
fn an_unknown_variable_of_ours_stops_the_start_by_name() {
    assert!(said(&[("SALUS_HTTP_ADRR", "x")]).contains("SALUS_HTTP_ADRR"));
}

#[test]
fn a_wrong_value_is_named_and_not_shown() {
    for (name, value) in [
        ("SALUS_HTTP_ADDR", "here:there"),
        ("SALUS_ADMIN_PASSWORD", "2short!"),
        ("SALUS_ADMIN_PASSWORD", "Password123456789"),
        ("SALUS_SESSION_IDLE_MINUTES", "3"),
        ("SALUS_SESSION_HOURS", "25"),
        ("SALUS_SIGNING_KEY_DAYS", "never"),
        ("SALUS_LOG_FORMAT", "xml-ish"),
        ("SALUS_ORGANIZATION", "a\nb"),
        ("SALUS_PUBLIC_URL", "ftp://hidden"),
        ("SALUS_PUBLIC_URL", "https://a\"hidden"),
        ("SALUS_NO_FETCH", "perhaps"),
        ("ENCRYPTION_KEY", "thirty-one characters are short"),
        ("DATABASE_MAX_CONNECTIONS", "many"),
        ("DATABASE_MAX_CONNECTIONS", "-7"),
        ("DATABASE_MIN_CONNECTIONS", "999"),
    ] {
        let error = said(&[(name, value)]);
        assert!(error.contains(name) && !error.contains(value), "{error}");
    }
}

#[test]
fn no_secret_shows_in_debug() {
    let config = read(&with(&[
        ("SALUS_ADMIN_PASSWORD", "hunter2 and more"),
        ("ENCRYPTION_KEY", "hunter2 hunter2 hunter2 hunter2 hunter2"),
        ("AUTH_DB_OWNER_PASSWORD", "hunter2"),
    ]));
    assert!(!format!("{:?}", config.unwrap()).contains("hunter2"));
}

#[test]
fn one_external_database_asks_for_all_three_by_name() {
    let error = said(&URLS[..1]);
    assert!(error.contains("PHI_DATABASE_URL") && error.contains("CLINICAL_DB_HOST"), "{error}");
    assert!(!error.contains("AUTH_"), "{error}");
    let error = said(&with(&[("PHI_DATABASE_URL", ""), ("FHIR_DB_HOST", "h"), ("PHI_DB_NAME", "phi")]));
    assert!(error.ends_with("missing PHI_DB_USER, PHI_DB_PASSWORD"), "{error}");
}

#[test]
fn parts_and_their_aliases_are_read() {
    let config = read(&with(&[
        ("AUTH_DATABASE_URL", ""),
        ("MAIN_DATABASE_URL", "postgres://salus_app:x@db.example.org/main"),
        ("CLINICAL_DATABASE_URL", ""),
        ("EHRBASE_DB_HOST", "localhost"),
        ("EHRBASE_DB_PORT", "6543"),
        ("EHRBASE_DB_NAME", "ehr"),
        ("EHRBASE_DB_USER", "salus_app"),
        ("EHRBASE_DB_PASSWORD", "x"),
        ("CLINICAL_DB_OWNER_PASSWORD", "y"),
    ]));
    let [auth, _, clinical] = *config.unwrap().databases.external.unwrap();
    assert_eq!(auth.app.database, "main");
    assert_eq!((clinical.app.port, clinical.app.database.as_str()), (6543, "ehr"));
    assert_eq!(clinical.owner.unwrap().user, "salus_owner");
    assert!(auth.owner.is_none());
}

#[test]
fn a_database_is_named_in_one_way_only() {
    let error = said(&with(&[("PHI_DB_HOST", "elsewhere")]));
    assert!(error.contains("PHI_DATABASE_URL") && error.contains("PHI_DB_HOST"), "{error}");
    let error = said(&with(&[("MAIN_DATABASE_URL", "postgres://a:b@other.example.org/auth")]));
    assert!(error.contains("AUTH_DATABASE_URL") && error.contains("MAIN_DATABASE_URL"), "{error}");
    let same = URLS[0].1;
    assert!(read(&with(&[("MAIN_DATABASE_URL", same)])).is_ok());
}

#[test]
fn another_host_means_verify_full_and_less_is_refused_unless_it_is_allowed() {
    let modes = |config: Config| config.databases.external.unwrap().map(|external| external.app.tls.mode);
    let local = with(&[("PHI_DATABASE_URL", "postgres://a:b@127.0.0.1/phi")]);
    let expected = [TlsMode::VerifyFull, TlsMode::Prefer, TlsMode::VerifyFull];
    assert_eq!(modes(read(&local).unwrap()), expected);
    let bare = ("PHI_DATABASE_URL", "postgres://a:hunter2@phi.example.org/phi?sslmode=require");
    let error = said(&with(&[bare]));
    assert!(error.starts_with("PHI_DATABASE_URL") && !error.contains("hunter2"), "{error}");
    let allowed = read(&with(&[bare, ("SALUS_ALLOW_UNVERIFIED_TLS", "1")])).unwrap();
    assert!(
        allowed.warnings.iter().any(|warning| warning.contains("PHI_DATABASE_URL")),
        "{:?}",
        allowed.warnings
    );
    assert_eq!(modes(allowed)[1], TlsMode::Require);
}

#[test]
fn options_of_a_url_hold_for_its_database_and_the_others_keep_the_defaults() {
    let url = "postgres://a:b@h.example.org/phi?connection_limit=3&pool_timeout=1&socket_timeout=4&connect_timeout=2\
               &statement_cache_size=17";
    let config = read(&with(&[
        ("PHI_DATABASE_URL", url),
        ("DATABASE_MAX_CONNECTIONS", "21"),
        ("DATABASE_MIN_CONNECTIONS", "4"),
    ]));
    let [auth, phi, _] = config.unwrap().databases.pools;
    assert_eq!((auth.max_connections, auth.min_connections, auth.statement.as_secs()), (21, 4, 5));
    assert_eq!((phi.max_connections, phi.min_connections, phi.statement_cache), (3, 3, 17));
    assert_eq!((phi.acquire.as_secs(), phi.connect.as_secs(), phi.statement.as_secs()), (1, 2, 4));
    assert_eq!(phi.bulk_statement.as_secs(), 4);
}

#[test]
fn a_deprecated_variable_is_never_used_and_warned_of_once() {
    let config = read(&[("DATABASE_URL", "postgres://a:hunter2@h/d"), ("POSTGRES_DB", "x")]).unwrap();
    assert!(config.databases.external.is_none());
    assert_eq!(config.warnings.len(), 2, "{:?}", config.warnings);
    assert!(config.warnings[0].contains("AUTH_DATABASE_URL") && !config.warnings[0].contains("hunter2"));
}

#[test]
fn a_public_url_loses_its_last_slash() {
    let config = read(&[("SALUS_PUBLIC_URL", "https://salus.example.org/api/")]).unwrap();
    assert_eq!(config.public_url.as_deref(), Some("https://salus.example.org/api"));
}

#[test]
fn no_variable_is_listed_twice() {
    let mut names: Vec<_> = variables().flat_map(|known| known.aliases.iter().chain([&known.name])).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn the_page_and_the_example_file_are_what_the_program_says() {
    let hint = "write it anew: cargo run -- config";
    assert_eq!(include_str!("../../../../docs/configuration.md"), markdown(), "{hint} --markdown");
    assert_eq!(include_str!("../../../../.env.example"), env_example(), "{hint} --env");
}
