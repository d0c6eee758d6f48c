//! `POST /api/v1/auth/switch-organization`: the same person, in another organization.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use fhir::outcome::IssueType;
use identity::RefreshToken;
use kernel::SessionId;
use schemars::JsonSchema;
use serde::Deserialize;
use services::session::{SwitchOrganization, Switched};
use uuid::Uuid;

use super::granted;
use super::{Program, Sessions};
use crate::body::Json;
use crate::failure::Failure;
use crate::guard::{Asked, unauthorized};
use crate::sample;

/// What is sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Destination {
    /// The organization to act for.
    #[schemars(example = sample::ORGANIZATION)]
    organization_id: Uuid,
}

/// Handles the request.
pub(crate) async fn switch(
    State(sessions): State<Sessions>,
    asked: Asked,
    Program(client): Program,
    Json(body): Json<Destination>,
) -> Result<Response, Failure> {
    let switch = SwitchOrganization {
        from: asked.claims.sid,
        organization: body.organization_id,
        session: SessionId::generate(),
        refresh: RefreshToken::generate().map_err(|error| Failure::defect(error.to_string()))?,
        client,
    };
    match sessions.store.execute(switch, asked.context).await?.output {
        Switched::Granted(grant) => {
            sessions.feed.listen_now().await;
            granted::answer(&sessions, &grant, None)
        }
        // Whether there is such an organization is nobody's business who does not belong to it.
        Switched::NoMember => Err(Failure::new(
            StatusCode::FORBIDDEN,
            IssueType::Forbidden,
            "you cannot act for this organization",
        )),
        Switched::Ended => Err(unauthorized("the session has ended: log in again", Some("invalid_token"))),
    }
}
