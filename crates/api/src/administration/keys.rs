//! `/api/v1/admin/keys`: the keys that sign tokens.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use domain::Context;
use fhir::outcome::IssueType;
use schemars::JsonSchema;
use serde::Serialize;
use services::signing::{
    KeyState, ListSigningKeys, RemoveSigningKey, RotateSigningKey, Rotated, SigningKeyError, new_signing_key,
    states,
};

use super::path::KidPath;
use crate::failure::Failure;
use crate::guard::Asked;
use crate::hospital::Listing;
use crate::sample;
use crate::session::Sessions;

/// A key.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct KeyBody {
    /// Its identifier, as in the header of the tokens that it signs.
    #[schemars(example = sample::KEY)]
    kid: String,
    /// What it is doing now.
    #[schemars(example = &"current")]
    state: KeyActivity,
    /// When it was made.
    #[schemars(example = &"2026-10-01T03:00:00Z")]
    created_at: DateTime<Utc>,
    /// When it begins to sign.
    #[schemars(example = &"2026-10-01T03:02:00Z")]
    not_before: DateTime<Utc>,
    /// When its tokens cease to be believed; null while no newer key has taken its place.
    #[schemars(example = None::<DateTime<Utc>>)]
    retire_after: Option<DateTime<Utc>>,
}

/// What a key is doing.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "KeyState")]
enum KeyActivity {
    /// Published, not signing yet.
    Next,
    /// Signing.
    Current,
    /// Its last tokens are still believed.
    Old,
}

impl From<KeyState> for KeyActivity {
    fn from(state: KeyState) -> KeyActivity {
        match state {
            KeyState::Next => KeyActivity::Next,
            KeyState::Current => KeyActivity::Current,
            KeyState::Old => KeyActivity::Old,
        }
    }
}

async fn listing(sessions: &Sessions, context: Context) -> Result<Listing<KeyBody>, Failure> {
    let now = context.now();
    let keys = sessions.store.execute(ListSigningKeys, context).await?.output;
    let states = states(&keys, now);
    let body = |(key, state): (domain::store::StoredSigningKey, KeyState)| KeyBody {
        kid: key.kid,
        state: state.into(),
        created_at: key.created_at,
        not_before: key.not_before,
        retire_after: key.retire_after,
    };
    Ok(Listing::whole(keys.into_iter().zip(states).map(body).collect()))
}

fn defect(error: SigningKeyError) -> Failure {
    Failure::defect(error.to_string())
}

/// `GET /api/v1/admin/keys`.
pub(super) async fn list(
    State(sessions): State<Sessions>,
    asked: Asked,
) -> Result<Listing<KeyBody>, Failure> {
    listing(&sessions, asked.context).await
}

/// `POST /api/v1/admin/keys/rotate`.
pub(super) async fn rotate(
    State(sessions): State<Sessions>,
    asked: Asked,
) -> Result<Listing<KeyBody>, Failure> {
    let candidate = new_signing_key(sessions.store.keyring(), asked.context.now()).map_err(defect)?;
    let rotate = RotateSigningKey { candidate, older_than: None, operator: None };
    match sessions.store.execute(rotate, asked.context.clone()).await?.output {
        Rotated::Published => {}
        Rotated::AlreadyUnderWay | Rotated::NotDue => {
            return Err(Failure::new(
                StatusCode::CONFLICT,
                IssueType::Conflict,
                "the next key is published already: it signs from its not_before on",
            ));
        }
    }
    reload(&sessions).await;
    listing(&sessions, asked.context).await
}

/// `DELETE /api/v1/admin/keys/{kid}`.
pub(super) async fn remove(
    State(sessions): State<Sessions>,
    asked: Asked,
    KidPath(kid): KidPath,
) -> Result<StatusCode, Failure> {
    let candidate = new_signing_key(sessions.store.keyring(), asked.context.now()).map_err(defect)?;
    let remove = RemoveSigningKey { kid, candidate, operator: None };
    let removed = sessions.store.execute(remove, asked.context).await?.output;
    if !removed {
        return Err(Failure::missing("there is no such key"));
    }
    reload(&sessions).await;
    Ok(StatusCode::NO_CONTENT)
}

/// At once on this server; the others load within seconds.
async fn reload(sessions: &Sessions) {
    if let Err(error) = sessions.keys.load().await {
        tracing::warn!(%error, "the signing keys will be loaded in a moment");
    }
}
