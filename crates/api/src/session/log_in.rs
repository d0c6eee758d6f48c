//! `POST /api/v1/auth/login`: a name and a password for a session.
//!
//! Whether the account is unknown or disabled, the password wrong or the account without an organization, the answer is
//! the same and takes as long: each makes one comparison. Every attempt that reached the comparison is counted, and in
//! the audit trail of `auth`, before it is answered.

use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use domain::Context;
use domain::store::{Account, Membership};
use fhir::outcome::{Issue, IssueType};
use identity::RefreshToken;
use kernel::{AccountId, Secret, SessionId};
use schemars::JsonSchema;
use serde::Deserialize;
use services::session::{
    BeginLogin, CheckLanes, CountFailure, Device, FindAccount, Lanes, OpenSession, Opened, ReplacePassword,
};
use uuid::Uuid;

use super::granted;
use super::password_pool::Comer;
use super::{Program, Sessions};
use crate::body::Json;
use crate::failure::Failure;
use crate::guard::{Origin, unauthorized};
use crate::rate::LoginsUsedUp;
use crate::sample;

/// What is sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The account's name, in any case.
    #[schemars(example = &"nora.north")]
    username: String,
    /// Its password.
    #[schemars(example = &"seven green kettles by the lake")]
    password: String,
    /// The organization to act for, where the account belongs to several.
    #[serde(default)]
    #[schemars(example = sample::ORGANIZATION)]
    organization_id: Option<Uuid>,
    /// What an earlier login on this device gave.
    #[serde(default)]
    #[schemars(example = sample::DEVICE_TOKEN)]
    device_token: Option<String>,
}

/// Handles the request.
pub(crate) async fn log_in(
    State(sessions): State<Sessions>,
    origin: Origin,
    Program(client): Program,
    used_up: Option<Extension<LoginsUsedUp>>,
    body: Result<Json<Credentials>, Failure>,
) -> Result<Response, Failure> {
    let used_up = used_up.map(|Extension(LoginsUsedUp(failure))| failure);
    let Json(credentials) = body.map_err(|refused| used_up.clone().unwrap_or(refused))?;
    let (context, keyring) = (sessions.nobody(origin), sessions.store.keyring());
    let find = FindAccount::new(&credentials.username);
    let username = find.username().to_owned();
    let now = sessions.clock.now();
    let known = credentials
        .device_token
        .as_deref()
        .and_then(|token| Device::of_token(keyring, &username, token, now));
    // What strangers can use up is not what a known device needs.
    if known.is_none()
        && let Some(failure) = used_up
    {
        return Err(failure);
    }
    let _place = sessions.passwords.admit(if known.is_some() { Comer::Known } else { Comer::Stranger })?;
    let lanes = Lanes::of_login(keyring, &username, origin.network, known.as_ref());

    let begin = BeginLogin { find, lanes: lanes.clone() };
    let begun = sessions.store.execute(begin, context.clone()).await?.output;
    unthrottled(begun.wait)?;
    let turn = sessions.passwords.turn().await?;
    let check = CheckLanes { lanes: lanes.clone() };
    unthrottled(sessions.store.execute(check, context.clone()).await?.output)?;
    let password = Secret::new(credentials.password);
    let stored = begun.account.as_ref().map(|account| account.password_hash.clone());
    let (verified, turn) = sessions.passwords.compare(turn, password.clone(), stored).await?;

    let refused = async |account: Option<AccountId>| {
        let count = CountFailure { lanes: lanes.clone(), account, operation: "session.login" };
        match sessions.store.execute(count, context.clone()).await {
            Ok(_) => unauthorized("the username or the password is wrong", None),
            Err(error) => error.into(),
        }
    };
    let account_id = begun.account.as_ref().map(|account| account.id);
    let Some(account) = begun.account.filter(|_| verified.ok) else {
        return Err(refused(account_id).await);
    };
    let open = OpenSession {
        account: account.id,
        compared: account.password_hash.clone(),
        organization: credentials.organization_id,
        session: SessionId::generate(),
        refresh: RefreshToken::generate().map_err(|error| Failure::defect(error.to_string()))?,
        client,
        limits: sessions.limits,
        lanes: lanes.clone(),
    };
    let grant = match sessions.store.execute(open, context.clone()).await?.output {
        Opened::Granted(grant) => grant,
        Opened::Choose(places) => return Err(choose(&places)),
        Opened::Refused => return Err(refused(Some(account.id)).await),
    };
    drop(turn);
    if verified.needs_rehash {
        rehash(&sessions, &context, &account, password).await;
    }
    let device = known.unwrap_or_else(Device::generate).to_token(keyring, &username, now);
    granted::answer(&sessions, &grant, Some(device))
}

/// 429 where an attempt must wait; the same for names that no account has.
pub(super) fn unthrottled(wait: Option<Duration>) -> Result<(), Failure> {
    let Some(wait) = wait else { return Ok(()) };
    let failure = Failure::new(
        StatusCode::TOO_MANY_REQUESTS,
        IssueType::Throttled,
        "too many wrong passwords: try again after the seconds in Retry-After",
    );
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Err(failure.with_header(header::RETRY_AFTER, HeaderValue::from(seconds)))
}

/// 409 with the organizations to choose from. The password was right: its holder may know them.
fn choose(places: &[Membership]) -> Failure {
    let choices = places.iter().map(|place| {
        let detail = format!("{}: {}", place.organization, place.organization_name);
        Issue::error(IssueType::Required, detail).at("/organization_id")
    });
    let mut failure = Failure::new(
        StatusCode::CONFLICT,
        IssueType::Required,
        "the account belongs to several organizations: name one of these as organization_id",
    );
    failure.issues.extend(choices);
    failure
}

/// Stores the hash at today's cost. Failing at it fails no login: the next one tries again.
async fn rehash(sessions: &Sessions, context: &Context, account: &Account, password: Secret<String>) {
    let Some(password_hash) = sessions.passwords.rehash(password).await else { return };
    let replace =
        ReplacePassword { account: account.id, compared: account.password_hash.clone(), password_hash };
    if let Err(error) = sessions.store.execute(replace, context.clone()).await {
        tracing::warn!(account = %account.id, %error, "a password's hash could not be renewed");
    }
}
