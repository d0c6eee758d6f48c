//! `/api/v1/users`: the members of the caller's organization.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::store::{NewAccount, Status, User, UserFilter};
use identity::generate_password;
use kernel::AccountId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use services::administration::{
    AmendUser, CreateUser, FindUser, ListUsers, RemoveMember, ResetPassword, SetRoles, SetUserStatus,
};
use services::session::Lanes;
use uuid::Uuid;

use super::paging::{Paging, searchable};
use super::path::IdPath;
use super::shape;
use crate::body::{Json, MergePatch};
use crate::failure::Failure;
use crate::guard::Asked;
use crate::hospital::{IfMatch, created, versioned};
use crate::public_url::Here;
use crate::query::Query;
use crate::sample;
use crate::session::Sessions;

const PATH: &str = "/api/v1/users";

/// A user, as the caller's organization sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct UserBody {
    /// The account's identifier.
    #[schemars(example = sample::ACCOUNT)]
    id: Uuid,
    /// The name typed at login.
    #[schemars(example = &"nora.north")]
    username: String,
    /// The holder's name; empty where none was given.
    #[schemars(example = &"Nora North")]
    display_name: String,
    /// Where the holder can be written to.
    #[schemars(example = &"nora@example.org")]
    email: Option<String>,
    /// The roles in this organization.
    #[schemars(example = ["nurse"])]
    roles: Vec<String>,
    /// Whether the user can act in this organization.
    status: UserStatus,
    /// Whether the password is temporary.
    #[schemars(example = true)]
    must_change_password: bool,
    /// Whether this organization made the account: only then can it change the holder's name and reset the password.
    #[schemars(example = true)]
    at_home: bool,
    /// When it became a member.
    #[schemars(example = &"2026-03-02T08:00:00Z")]
    member_since: DateTime<Utc>,
    /// Rises with every change; also in `ETag`.
    #[schemars(example = 1)]
    version: i32,
}

/// Whether a user can act.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum UserStatus {
    /// It can.
    Active,
    /// It cannot, until it is enabled.
    Disabled,
}

/// A user with the password that was made for it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct UserWithPassword {
    /// The user.
    #[serde(flatten)]
    user: UserBody,
    /// Good for one thing: to log in and choose another. It is not shown again.
    #[schemars(example = sample::TEMPORARY_PASSWORD)]
    temporary_password: String,
}

/// Which users to list.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserQuery {
    /// How the username or the holder's name begins, in any case.
    q: Option<String>,
    /// A role that they have.
    role: Option<String>,
    /// Whether they can act.
    status: Option<UserStatus>,
    /// Entries of a page: 20 where none is named, 100 at the most.
    limit: Option<u32>,
    /// Where the page begins: from the `next` of the one before.
    cursor: Option<String>,
}

/// A user to create.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserBody {
    /// The name to log in with: 3 to 64 of a to z, digits and `. _ - @ +`; unique in the installation.
    #[schemars(example = &"nora.north")]
    username: String,
    /// The holder's name.
    #[serde(default)]
    #[schemars(example = &"Nora North")]
    display_name: Option<String>,
    /// Where the holder can be written to.
    #[serde(default)]
    #[schemars(example = &"nora@example.org")]
    email: Option<String>,
    /// The roles: at least one, and only such as allow nothing that the caller may not.
    #[schemars(example = ["nurse"])]
    roles: Vec<String>,
}

/// What of a user can be changed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatch {
    /// The holder's name.
    #[serde(default, deserialize_with = "shape::present")]
    #[schemars(with = "Option<String>", example = &"Nora North")]
    display_name: Option<Option<String>>,
    /// Where the holder can be written to.
    #[serde(default, deserialize_with = "shape::present")]
    #[schemars(with = "Option<String>", example = &"nora@example.org")]
    email: Option<Option<String>>,
}

/// A user's roles.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolesBody {
    /// All of them, from now on.
    #[schemars(example = ["nurse"])]
    roles: Vec<String>,
}

impl NewUserBody {
    /// Whom an organization is created with; the role goes without saying.
    pub(super) fn administrator(
        username: String,
        display_name: Option<String>,
        email: Option<String>,
    ) -> NewUserBody {
        NewUserBody { username, display_name, email, roles: Vec::new() }
    }
}

impl UserBody {
    fn of(asked: &Asked, user: User) -> UserBody {
        UserBody {
            id: user.account.uuid(),
            status: match user.status() {
                Status::Active => UserStatus::Active,
                Status::Disabled => UserStatus::Disabled,
            },
            at_home: user.home == asked.context.caller.tenant,
            username: user.username,
            display_name: user.display_name,
            email: user.email,
            roles: user.roles,
            must_change_password: user.must_change_password,
            member_since: user.member_since,
            version: user.version,
        }
    }
}

fn answer(asked: &Asked, user: User) -> Response {
    versioned(user.version, UserBody::of(asked, user))
}

/// `GET /api/v1/users`.
pub(super) async fn list(
    State(sessions): State<Sessions>,
    asked: Asked,
    here: Here,
    Query(query): Query<UserQuery>,
) -> Result<Response, Failure> {
    searchable("q", query.q.as_deref())?;
    searchable("role", query.role.as_deref())?;
    let status = query.status.map(|status| match status {
        UserStatus::Active => Status::Active,
        UserStatus::Disabled => Status::Disabled,
    });
    let paging = Paging::new(
        &sessions,
        &asked.context,
        here,
        query.limit,
        [
            ("q", query.q.clone()),
            ("role", query.role.clone()),
            ("status", status.map(|status| status.name().to_owned())),
        ],
    );
    let after = paging.after(query.cursor.as_deref())?;
    let filter = UserFilter { prefix: query.q, role: query.role, status };
    let operation = ListUsers { filter, after, limit: paging.wanted() };
    let found = sessions.store.execute(operation, asked.context.clone()).await?.output;
    let page = paging.page(found, |user| user.username.clone(), |user| UserBody::of(&asked, user))?;
    Ok(page.into_response())
}

/// An account of what was sent, with a password that was made for it and is only good for choosing another.
pub(super) async fn new_account(
    sessions: &Sessions,
    body: &NewUserBody,
    prefix: &str,
    roles: Vec<String>,
) -> Result<(NewAccount, String), Failure> {
    let at = |member: &str| format!("{prefix}/{member}");
    let username = shape::username(&at("username"), &body.username)?;
    let display_name = body.display_name.as_deref().map(|name| shape::name(&at("display_name"), name));
    let email = body.email.as_deref().map(|email| shape::email(&at("email"), email)).transpose()?;
    let password = generate_password().map_err(|error| Failure::defect(error.to_string()))?;
    let account = NewAccount {
        id: AccountId::generate(),
        username,
        display_name: display_name.transpose()?.unwrap_or_default(),
        email,
        password_hash: sessions.passwords.hash(password.clone()).await?,
        must_change_password: true,
        roles,
    };
    Ok((account, password.expose().clone()))
}

/// `POST /api/v1/users`.
pub(super) async fn create(
    State(sessions): State<Sessions>,
    asked: Asked,
    Json(body): Json<NewUserBody>,
) -> Result<Response, Failure> {
    let (account, temporary_password) = new_account(&sessions, &body, "", body.roles.clone()).await?;
    let create = CreateUser { account };
    let user = sessions.store.execute(create, asked.context.clone()).await?.output;
    let (location, version) = (format!("{PATH}/{}", user.account), user.version);
    let body = UserWithPassword { user: UserBody::of(&asked, user), temporary_password };
    Ok(created(&location, version, body))
}

/// `GET /api/v1/users/{id}`.
pub(super) async fn read(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
) -> Result<Response, Failure> {
    let find = FindUser(AccountId::from_uuid(id));
    let user = sessions.store.execute(find, asked.context.clone()).await?.output;
    Ok(answer(&asked, user))
}

/// `PATCH /api/v1/users/{id}`.
pub(super) async fn amend(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
    IfMatch(version): IfMatch,
    MergePatch(patch): MergePatch<UserPatch>,
) -> Result<Response, Failure> {
    let display_name = match patch.display_name {
        None => None,
        Some(None) => Some(String::new()),
        Some(Some(name)) => Some(shape::name("/display_name", &name)?),
    };
    let email = match patch.email {
        None => None,
        Some(None) => Some(None),
        Some(Some(email)) => Some(Some(shape::email("/email", &email)?)),
    };
    let amend = AmendUser { account: AccountId::from_uuid(id), version, display_name, email };
    let user = sessions.store.execute(amend, asked.context.clone()).await?.output;
    Ok(answer(&asked, user))
}

/// `DELETE /api/v1/users/{id}`.
pub(super) async fn remove(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
) -> Result<StatusCode, Failure> {
    sessions.store.execute(RemoveMember(AccountId::from_uuid(id)), asked.context).await?;
    sessions.feed.listen_now().await;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/users/{id}/disable`.
pub(super) async fn disable(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
) -> Result<Response, Failure> {
    set_status(&sessions, &asked, id, Status::Disabled).await
}

/// `POST /api/v1/users/{id}/enable`.
pub(super) async fn enable(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
) -> Result<Response, Failure> {
    set_status(&sessions, &asked, id, Status::Active).await
}

async fn set_status(
    sessions: &Sessions,
    asked: &Asked,
    id: Uuid,
    status: Status,
) -> Result<Response, Failure> {
    let set = SetUserStatus { account: AccountId::from_uuid(id), status };
    let user = sessions.store.execute(set, asked.context.clone()).await?.output;
    sessions.feed.listen_now().await;
    Ok(answer(asked, user))
}

/// `POST /api/v1/users/{id}/reset-password`.
pub(super) async fn reset_password(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
) -> Result<Response, Failure> {
    let account = AccountId::from_uuid(id);
    // Found first, so that a stranger's account costs no hash; decided in the operation.
    let found = sessions.store.execute(FindUser(account), asked.context.clone()).await?.output;
    let password = generate_password().map_err(|error| Failure::defect(error.to_string()))?;
    let reset = ResetPassword {
        account,
        password_hash: sessions.passwords.hash(password.clone()).await?,
        lane: Lanes::account(sessions.store.keyring(), &found.username),
    };
    let user = sessions.store.execute(reset, asked.context.clone()).await?.output;
    sessions.feed.listen_now().await;
    let version = user.version;
    let body =
        UserWithPassword { user: UserBody::of(&asked, user), temporary_password: password.expose().clone() };
    Ok(versioned(version, body))
}

/// `PUT /api/v1/users/{id}/roles`.
pub(super) async fn set_roles(
    State(sessions): State<Sessions>,
    asked: Asked,
    IdPath(id): IdPath,
    Json(body): Json<RolesBody>,
) -> Result<Response, Failure> {
    let set = SetRoles { account: AccountId::from_uuid(id), roles: body.roles };
    let user = sessions.store.execute(set, asked.context.clone()).await?.output;
    sessions.feed.listen_now().await;
    Ok(answer(&asked, user))
}
