//! Ending sessions: this one, all of them, another one.

use axum::extract::State;
use axum::http::StatusCode;
use domain::store::EndReason;
use kernel::SessionId;
use services::session::{EndSession, EndSessions};

use super::Sessions;
use crate::administration::IdPath;
use crate::failure::Failure;
use crate::guard::Asked;

/// `POST /api/v1/auth/logout`.
pub(crate) async fn log_out(State(sessions): State<Sessions>, asked: Asked) -> Result<StatusCode, Failure> {
    let end = EndSession { session: asked.claims.sid, reason: EndReason::Logout };
    // A session that has ended already has ended: repeating it changes nothing.
    sessions.store.execute(end, asked.context).await?;
    sessions.feed.listen_now().await;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/auth/logout-all`.
pub(crate) async fn log_out_everywhere(
    State(sessions): State<Sessions>,
    asked: Asked,
) -> Result<StatusCode, Failure> {
    sessions.store.execute(EndSessions, asked.context).await?;
    sessions.feed.listen_now().await;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/v1/auth/sessions/{id}`.
pub(crate) async fn revoke(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
) -> Result<StatusCode, Failure> {
    let end = EndSession { session: SessionId::from_uuid(id), reason: EndReason::Revoked };
    if !sessions.store.execute(end, asked.context).await?.output {
        return Err(Failure::missing("you have no such session"));
    }
    sessions.feed.listen_now().await;
    Ok(StatusCode::NO_CONTENT)
}
