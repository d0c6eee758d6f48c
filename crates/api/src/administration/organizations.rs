//! `/api/v1/organizations`: the caller's own, and all of them for whoever looks after the installation.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::permission;
use domain::store::{
    NewOrganization, Organization, OrganizationFilter, OrganizationKind, OrganizationStatus,
};
use kernel::Tenant;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use services::administration::{
    AddMember, AmendOrganization, CreateOrganization, FindOrganization, ListOrganizations,
    SetOrganizationStatus,
};
use uuid::Uuid;

use super::paging::{Paging, searchable};
use super::path::IdPath;
use super::users::new_account;
use super::{NewUserBody, shape};
use crate::body::{Json, MergePatch};
use crate::failure::Failure;
use crate::guard::Asked;
use crate::hospital::{IfMatch, created, versioned};
use crate::public_url::Here;
use crate::query::Query;
use crate::sample;
use crate::session::Sessions;

const PATH: &str = "/api/v1/organizations";

/// An organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct OrganizationBody {
    /// Its identifier.
    #[schemars(example = sample::ORGANIZATION)]
    id: Uuid,
    /// Its name.
    #[schemars(example = &"North Clinic")]
    name: String,
    /// What it is.
    #[schemars(example = &"clinic")]
    kind: Kind,
    /// Whether anybody can act for it.
    status: Activity,
    /// The organization that it is a part of.
    #[schemars(example = None::<Uuid>)]
    parent_id: Option<Uuid>,
    /// When it was created.
    #[schemars(example = &"2026-03-02T07:55:00Z")]
    created_at: DateTime<Utc>,
    /// Rises with every change; also in `ETag`.
    #[schemars(example = 1)]
    version: i32,
}

/// What an organization is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A hospital.
    Hospital,
    /// A clinic.
    Clinic,
    /// A doctor's practice.
    Practice,
    /// A laboratory.
    Laboratory,
    /// A pharmacy.
    Pharmacy,
    /// Anything else.
    Other,
}

/// Whether anybody can act for an organization.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Activity {
    /// Its members can.
    Active,
    /// Nobody can, until it is activated.
    Suspended,
}

impl From<Kind> for OrganizationKind {
    fn from(kind: Kind) -> OrganizationKind {
        match kind {
            Kind::Hospital => OrganizationKind::Hospital,
            Kind::Clinic => OrganizationKind::Clinic,
            Kind::Practice => OrganizationKind::Practice,
            Kind::Laboratory => OrganizationKind::Laboratory,
            Kind::Pharmacy => OrganizationKind::Pharmacy,
            Kind::Other => OrganizationKind::Other,
        }
    }
}

impl From<OrganizationKind> for Kind {
    fn from(kind: OrganizationKind) -> Kind {
        match kind {
            OrganizationKind::Hospital => Kind::Hospital,
            OrganizationKind::Clinic => Kind::Clinic,
            OrganizationKind::Practice => Kind::Practice,
            OrganizationKind::Laboratory => Kind::Laboratory,
            OrganizationKind::Pharmacy => Kind::Pharmacy,
            OrganizationKind::Other => Kind::Other,
        }
    }
}

impl From<OrganizationStatus> for Activity {
    fn from(status: OrganizationStatus) -> Activity {
        match status {
            OrganizationStatus::Active => Activity::Active,
            OrganizationStatus::Suspended => Activity::Suspended,
        }
    }
}

/// Which organizations to list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationQuery {
    /// How the name begins, in any case.
    q: Option<String>,
    /// Whether anybody can act for it.
    status: Option<Activity>,
    /// Entries of a page: 20 where none is named, 100 at the most.
    limit: Option<u32>,
    /// Where the page begins: from the `next` of the one before.
    cursor: Option<String>,
}

/// An organization to create.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrganizationBody {
    /// Its name.
    #[schemars(example = &"North Clinic")]
    name: String,
    /// What it is; a hospital where it is not said.
    #[serde(default)]
    #[schemars(example = &"clinic")]
    kind: Option<Kind>,
    /// The organization that it is a part of.
    #[serde(default)]
    #[schemars(example = None::<Uuid>)]
    parent_id: Option<Uuid>,
    /// Its first administrator, a new account.
    administrator: NewAdministrator,
}

/// The first administrator of an organization.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAdministrator {
    /// The name to log in with: 3 to 64 of a to z, digits and `. _ - @ +`; unique in the installation.
    #[schemars(example = &"north.admin")]
    username: String,
    /// The holder's name.
    #[serde(default)]
    #[schemars(example = &"Nils Northman")]
    display_name: Option<String>,
    /// Where the holder can be written to.
    #[serde(default)]
    #[schemars(example = &"admin@example.org")]
    email: Option<String>,
}

/// An organization with the password that was made for its administrator.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct OrganizationWithPassword {
    /// The organization.
    #[serde(flatten)]
    organization: OrganizationBody,
    /// Its administrator.
    administrator: AdministratorBody,
}

/// The administrator that was made with an organization.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct AdministratorBody {
    /// The account's identifier.
    #[schemars(example = sample::ACCOUNT)]
    id: Uuid,
    /// The name to log in with.
    #[schemars(example = &"north.admin")]
    username: String,
    /// Good for one thing: to log in and choose another. It is not shown again.
    #[schemars(example = sample::TEMPORARY_PASSWORD)]
    temporary_password: String,
}

/// What of an organization can be changed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationPatch {
    /// Its name.
    #[serde(default, deserialize_with = "shape::present")]
    #[schemars(with = "Option<String>")]
    #[schemars(example = &"North Clinic")]
    name: Option<Option<String>>,
    /// What it is.
    #[serde(default, deserialize_with = "shape::present")]
    #[schemars(with = "Option<Kind>")]
    #[schemars(example = &"clinic")]
    kind: Option<Option<Kind>>,
    /// The organization that it is a part of; for whoever looks after the installation.
    #[serde(default, deserialize_with = "shape::present")]
    #[schemars(with = "Option<Uuid>", example = None::<Uuid>)]
    parent_id: Option<Option<Uuid>>,
}

/// An account that becomes a member.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemberBody {
    /// The name that it logs in with.
    #[schemars(example = &"nora.north")]
    username: String,
    /// Its roles in this organization.
    #[schemars(example = ["nurse"])]
    roles: Vec<String>,
}

impl From<Organization> for OrganizationBody {
    fn from(organization: Organization) -> OrganizationBody {
        OrganizationBody {
            id: organization.id,
            name: organization.name,
            kind: organization.kind.into(),
            status: organization.status.into(),
            parent_id: organization.parent,
            created_at: organization.created_at,
            version: organization.version,
        }
    }
}

fn answer(organization: Organization) -> Response {
    versioned(organization.version, OrganizationBody::from(organization))
}

/// `GET /api/v1/organizations`.
pub(super) async fn list(
    State(sessions): State<Sessions>,
    asked: Asked,
    here: Here,
    Query(query): Query<OrganizationQuery>,
) -> Result<Response, Failure> {
    searchable("q", query.q.as_deref())?;
    let status = query.status.map(|status| match status {
        Activity::Active => OrganizationStatus::Active,
        Activity::Suspended => OrganizationStatus::Suspended,
    });
    let paging = Paging::new(
        &sessions,
        &asked.context,
        here,
        query.limit,
        [("q", query.q.clone()), ("status", status.map(|status| status.name().to_owned()))],
    );
    let after = paging.after(query.cursor.as_deref())?;
    let after = after.and_then(|after| after.parse().ok()).map(Tenant::from_number);
    let filter = OrganizationFilter { prefix: query.q, status };
    let operation = ListOrganizations { filter, after, limit: paging.wanted() };
    let found = sessions.store.execute(operation, asked.context.clone()).await?.output;
    let page = paging.page(found, |it| it.tenant.to_string(), OrganizationBody::from)?;
    Ok(page.into_response())
}

/// `POST /api/v1/organizations`.
pub(super) async fn create(
    State(sessions): State<Sessions>,
    asked: Asked,
    Json(body): Json<NewOrganizationBody>,
) -> Result<Response, Failure> {
    let name = shape::name("/name", &body.name)?;
    let NewAdministrator { username, display_name, email } = body.administrator;
    let user = NewUserBody::administrator(username, display_name, email);
    let roles = vec![permission::ADMINISTRATOR.to_owned()];
    let (administrator, temporary_password) = new_account(&sessions, &user, "/administrator", roles).await?;
    let made = AdministratorBody {
        id: administrator.id.uuid(),
        username: administrator.username.clone(),
        temporary_password,
    };
    let kind = body.kind.map_or(OrganizationKind::Hospital, OrganizationKind::from);
    let organization = NewOrganization { id: Uuid::now_v7(), name, kind, parent: body.parent_id };
    let create = CreateOrganization { organization, administrator };
    let organization = sessions.store.execute(create, asked.context).await?.output;
    let (location, version) = (format!("{PATH}/{}", organization.id), organization.version);
    let body = OrganizationWithPassword { organization: organization.into(), administrator: made };
    Ok(created(&location, version, body))
}

/// `GET /api/v1/organizations/{id}`.
pub(super) async fn read(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
) -> Result<Response, Failure> {
    Ok(answer(sessions.store.execute(FindOrganization(id), asked.context).await?.output))
}

/// `PATCH /api/v1/organizations/{id}`.
pub(super) async fn amend(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
    IfMatch(version): IfMatch,
    MergePatch(patch): MergePatch<OrganizationPatch>,
) -> Result<Response, Failure> {
    let name = match patch.name {
        None => None,
        Some(None) => return Err(Failure::of_member("/name", "an organization has a name")),
        Some(Some(name)) => Some(shape::name("/name", &name)?),
    };
    let kind = match patch.kind {
        None => None,
        Some(None) => return Err(Failure::of_member("/kind", "an organization is of some kind")),
        Some(Some(kind)) => Some(kind.into()),
    };
    let amend = AmendOrganization { organization: id, version, name, kind, parent: patch.parent_id };
    Ok(answer(sessions.store.execute(amend, asked.context).await?.output))
}

/// `POST /api/v1/organizations/{id}/suspend`.
pub(super) async fn suspend(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
) -> Result<Response, Failure> {
    let set = SetOrganizationStatus { organization: id, status: OrganizationStatus::Suspended };
    let organization = sessions.store.execute(set, asked.context).await?.output;
    sessions.feed.listen_now().await;
    Ok(answer(organization))
}

/// `POST /api/v1/organizations/{id}/activate`.
pub(super) async fn activate(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
) -> Result<Response, Failure> {
    let set = SetOrganizationStatus { organization: id, status: OrganizationStatus::Active };
    Ok(answer(sessions.store.execute(set, asked.context).await?.output))
}

/// `POST /api/v1/organizations/{id}/members`.
pub(super) async fn add_member(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
    Json(body): Json<MemberBody>,
) -> Result<StatusCode, Failure> {
    let username = shape::username("/username", &body.username)?;
    let add = AddMember { organization: id, username, roles: body.roles };
    sessions.store.execute(add, asked.context).await?;
    Ok(StatusCode::NO_CONTENT)
}
