//! `POST /api/v1/auth/change-password`: another password, by whoever knows the current one.

use axum::extract::State;
use axum::response::Response;
use identity::{RefreshToken, check_password};
use kernel::{Secret, SessionId};
use schemars::JsonSchema;
use serde::Deserialize;
use services::session::{ChangePassword, Changed, CheckLanes, CountFailure, FindCaller, Lanes};

use super::granted;
use super::log_in::unthrottled;
use super::password_pool::Comer;
use super::{Program, Sessions};
use crate::body::Json;
use crate::failure::Failure;
use crate::guard::{Asked, unauthorized};

/// What is sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// The password until now.
    #[schemars(example = &"nine slow herons under the bridge")]
    current_password: String,
    /// The password from now on: 15 characters or more, of any kind.
    #[schemars(example = &"seven green kettles by the lake")]
    new_password: String,
}

/// Handles the request. Every session of the account ends; the answer opens the one that takes the caller's place.
pub(crate) async fn change_password(
    State(sessions): State<Sessions>,
    asked: Asked,
    Program(client): Program,
    Json(body): Json<NewPassword>,
) -> Result<Response, Failure> {
    let _place = sessions.passwords.admit(Comer::Known)?;
    let (context, claims) = (asked.context, asked.claims);
    let (current, new) = (Secret::new(body.current_password), Secret::new(body.new_password));
    if current == new {
        return Err(refused("it is the password that you have"));
    }
    let own = sessions.store.execute(FindCaller(claims.sid), context.clone()).await?.output;
    let (account, session) =
        own.ok_or_else(|| unauthorized("the session has ended: log in again", Some("invalid_token")))?;
    let place = account.memberships.iter().find(|place| place.tenant == claims.org);
    let organization = place.map_or("", |place| place.organization_name.as_str());
    check_password(&new, &[&account.username, organization]).map_err(|weak| refused(&weak.to_string()))?;

    let lanes = Lanes::of_session(sessions.store.keyring(), &session);
    let turn = sessions.passwords.turn().await?;
    let check = CheckLanes { lanes: lanes.clone() };
    unthrottled(sessions.store.execute(check, context.clone()).await?.output)?;
    let compared = account.password_hash.clone();
    let (verified, turn) = sessions.passwords.compare(turn, current, Some(compared.clone())).await?;
    if !verified.ok {
        let operation = "session.change_password";
        let count = CountFailure { lanes, account: Some(account.id), operation };
        sessions.store.execute(count, context).await?;
        return Err(Failure::of_member("/current_password", "this is not your password"));
    }
    drop(turn);
    let change = ChangePassword {
        compared,
        password_hash: sessions.passwords.hash(new).await?,
        session: SessionId::generate(),
        refresh: RefreshToken::generate().map_err(|error| Failure::defect(error.to_string()))?,
        client,
        limits: sessions.limits,
        lanes,
    };
    match sessions.store.execute(change, context).await?.output {
        Changed::Granted(grant) => {
            sessions.feed.listen_now().await;
            granted::answer(&sessions, &grant, None)
        }
        Changed::Refused => {
            Err(unauthorized("the account changed meanwhile: log in again", Some("invalid_token")))
        }
    }
}

/// 422 about the new password.
fn refused(why: &str) -> Failure {
    Failure::of_member("/new_password", why.to_owned())
}
