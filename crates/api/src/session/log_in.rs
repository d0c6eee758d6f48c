//! `POST /api/v1/auth/login`: a name and a password for an access token.
//!
//! Whether the account is unknown, the password wrong or the account without an organization, the answer is
//! the same and takes as long. Every attempt that reached the comparison is in the audit trail of `auth`
//! before it is answered.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::Context;
use domain::audit::{Action, Event, Outcome};
use domain::store::Account;
use kernel::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use services::session::{FindAccount, MintedToken, NotAMember, ReplacePassword, nobody};

use super::Sessions;
use crate::body::Json;
use crate::failure::Failure;
use crate::guard::{Origin, unauthorized};

/// What is sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Credentials {
    /// The account's name, in any case.
    username: String,
    /// Its password.
    password: String,
}

/// What comes back (RFC 6749, section 5.1).
#[derive(Serialize, JsonSchema)]
pub(crate) struct TokenBody {
    /// To be sent as `Authorization: Bearer`.
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// Seconds until it expires.
    expires_in: u64,
}

/// Handles the request.
pub(crate) async fn log_in(
    State(sessions): State<Sessions>,
    origin: Origin,
    Json(credentials): Json<Credentials>,
) -> Result<Response, Failure> {
    let _place = sessions.passwords.admit()?;
    let context = Context {
        caller: nobody(),
        request: origin.request,
        network: origin.network,
        clock: Arc::clone(&sessions.clock),
    };
    let account =
        sessions.store.execute(FindAccount::new(&credentials.username), context.clone()).await?.output;
    let password = Secret::new(credentials.password);
    let stored = account.as_ref().map(|account| account.password_hash.clone());
    let verified = sessions.passwords.compare(password.clone(), stored).await?;

    let account = account.filter(|_| verified.ok);
    let minted = match &account {
        Some(account) => mint(&sessions, account)?,
        None => None,
    };
    sessions.store.audit_denied(event(&context, minted.as_ref())).await?;
    let (Some(account), Some(minted)) = (account, minted) else {
        return Err(unauthorized("the username or the password is wrong", None));
    };
    if verified.needs_rehash {
        rehash(&sessions, &context, &account, password).await;
    }
    let body = TokenBody {
        access_token: minted.token.expose().clone(),
        token_type: "Bearer",
        expires_in: minted.expires_in.as_secs(),
    };
    Ok(axum::Json(body).into_response())
}

/// A token; none for an account that belongs nowhere.
fn mint(sessions: &Sessions, account: &Account) -> Result<Option<MintedToken>, Failure> {
    match sessions.minter.mint(account, sessions.clock.now()) {
        Ok(minted) => Ok(Some(minted)),
        Err(NotAMember::Nowhere) => Ok(None),
        Err(error @ NotAMember::Mint(_)) => Err(Failure::defect(error.to_string())),
    }
}

fn event(context: &Context, minted: Option<&MintedToken>) -> Event {
    let mut event = Event::of(context, Action::Execute, "session.login");
    event.tenant = minted.map(|minted| minted.claims.org);
    event.account = minted.map(|minted| minted.claims.sub);
    event.outcome = if minted.is_some() { Outcome::Success } else { Outcome::Denied };
    event
}

/// Stores the hash at today's cost. Failing at it fails no login: the next one tries again.
async fn rehash(sessions: &Sessions, context: &Context, account: &Account, password: Secret<String>) {
    let Some(password_hash) = sessions.passwords.rehash(password).await else { return };
    let replace = ReplacePassword { account: account.id, password_hash };
    if let Err(error) = sessions.store.execute(replace, context.clone()).await {
        tracing::warn!(account = %account.id, %error, "a password's hash could not be renewed");
    }
}
