//! `/api/v1/users`, `/api/v1/organizations`, `/api/v1/admin/keys`: who may come in, and with what.

mod keys;
mod organizations;
mod paging;
mod path;
mod shape;
mod users;

use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::routing::{MethodFilter, MethodRouter, on};
use fhir::outcome::IssueType;
use services::administration::AdministrationError;
use store::Store;

pub(crate) use keys::KeyBody;
pub(crate) use organizations::{
    MemberBody, NewOrganizationBody, OrganizationBody, OrganizationPatch, OrganizationQuery,
    OrganizationWithPassword,
};
pub(crate) use path::IdPath;
pub(crate) use users::{NewUserBody, RolesBody, UserBody, UserPatch, UserQuery, UserWithPassword};

use crate::failure::Failure;
use crate::policy::AdministrationEndpoint as Endpoint;
use crate::session::Sessions;

/// The handler of an endpoint.
pub(crate) fn handler<S>(endpoint: Endpoint, filter: MethodFilter) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Store: FromRef<S>,
    Sessions: FromRef<S>,
{
    match endpoint {
        Endpoint::ListUsers => on(filter, users::list),
        Endpoint::CreateUser => on(filter, users::create),
        Endpoint::ReadUser => on(filter, users::read),
        Endpoint::AmendUser => on(filter, users::amend),
        Endpoint::RemoveUser => on(filter, users::remove),
        Endpoint::DisableUser => on(filter, users::disable),
        Endpoint::EnableUser => on(filter, users::enable),
        Endpoint::ResetPassword => on(filter, users::reset_password),
        Endpoint::SetRoles => on(filter, users::set_roles),
        Endpoint::ListOrganizations => on(filter, organizations::list),
        Endpoint::CreateOrganization => on(filter, organizations::create),
        Endpoint::ReadOrganization => on(filter, organizations::read),
        Endpoint::AmendOrganization => on(filter, organizations::amend),
        Endpoint::SuspendOrganization => on(filter, organizations::suspend),
        Endpoint::ActivateOrganization => on(filter, organizations::activate),
        Endpoint::AddMember => on(filter, organizations::add_member),
        Endpoint::ListKeys => on(filter, keys::list),
        Endpoint::RotateKeys => on(filter, keys::rotate),
        Endpoint::RemoveKey => on(filter, keys::remove),
    }
}

impl From<AdministrationError> for Failure {
    fn from(error: AdministrationError) -> Failure {
        let text = error.to_string();
        match error {
            AdministrationError::Store(error) => error.into(),
            AdministrationError::Missing(_) => Failure::missing(text),
            AdministrationError::Stale { .. } => {
                Failure::new(StatusCode::PRECONDITION_FAILED, IssueType::Conflict, text)
            }
            AdministrationError::Invalid { pointer, detail } => Failure::of_member(pointer, detail),
            AdministrationError::Forbidden(_) => {
                Failure::new(StatusCode::FORBIDDEN, IssueType::Forbidden, text)
            }
            AdministrationError::Conflict(_) => Failure::new(StatusCode::CONFLICT, IssueType::Conflict, text),
        }
    }
}
