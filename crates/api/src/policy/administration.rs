//! `/api/v1/users`, `/api/v1/organizations`, `/api/v1/admin/keys`: who may come in.

use domain::audit::Action;

use super::{Answer, Content, Documentation, Permission, Policy, RequestHeader, Rule, Shape, Verb};
use crate::administration::{
    KeyBody, MemberBody, NewOrganizationBody, NewUserBody, OrganizationBody, OrganizationPatch,
    OrganizationQuery, OrganizationWithPassword, RolesBody, UserBody, UserPatch, UserQuery, UserWithPassword,
};
use crate::hospital::Listing;

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The users of one's organization.
    ListUsers,
    /// A new user.
    CreateUser,
    /// One user.
    ReadUser,
    /// Another name or address.
    AmendUser,
    /// No member any more.
    RemoveUser,
    /// Disable.
    DisableUser,
    /// Enable.
    EnableUser,
    /// A temporary password.
    ResetPassword,
    /// Other roles.
    SetRoles,
    /// All organizations.
    ListOrganizations,
    /// A new organization.
    CreateOrganization,
    /// One organization.
    ReadOrganization,
    /// Another name or kind.
    AmendOrganization,
    /// Suspend.
    SuspendOrganization,
    /// Activate.
    ActivateOrganization,
    /// An account becomes a member.
    AddMember,
    /// The signing keys.
    ListKeys,
    /// The next signing key.
    RotateKeys,
    /// A signing key less.
    RemoveKey,
}

const USERS: &str = "Users";
const ORGANIZATIONS: &str = "Organizations";
const KEYS: &str = "Signing keys";

const USER_READ: Policy = Policy::Permissions(&[Permission::UserRead]);
const USER_WRITE: Policy = Policy::Permissions(&[Permission::UserWrite]);
const ORGANIZATION_READ: Policy = Policy::Permissions(&[Permission::OrganizationRead]);
const ORGANIZATION_WRITE: Policy = Policy::Permissions(&[Permission::OrganizationWrite]);
const ORGANIZATION_LIST: Policy = Policy::Permissions(&[Permission::OrganizationList]);
const ORGANIZATION_CREATE: Policy = Policy::Permissions(&[Permission::OrganizationCreate]);
const ORGANIZATION_SUSPEND: Policy = Policy::Permissions(&[Permission::OrganizationSuspend]);
const SYSTEM_KEYS: Policy = Policy::Permissions(&[Permission::SystemKeys]);

const IF_MATCH: &[RequestHeader] = &[RequestHeader::IF_MATCH];
const TAGGED: &[&str] = &["ETag"];

const USER: &[Answer] =
    &[Answer::ok("The user as it is now.", Content::json::<UserBody>()).with_headers(TAGGED)];
const USER_AND_PASSWORD: &[Answer] = &[Answer::ok(
    "The user, and the password to hand over: it is not shown again.",
    Content::json::<UserWithPassword>(),
)
.with_headers(TAGGED)];
const ORGANIZATION: &[Answer] =
    &[Answer::ok("The organization as it is now.", Content::json::<OrganizationBody>()).with_headers(TAGGED)];
const KEY_LIST: &[Answer] =
    &[Answer::ok("The keys, the one that signs latest first.", Content::json::<Listing<KeyBody>>())];

const fn rule(
    endpoint: Endpoint,
    verb: Verb,
    path: &'static str,
    policy: Policy,
    operation: &'static str,
    documentation: Documentation,
) -> Rule {
    Rule::new(super::Endpoint::Administration(endpoint), verb, path, policy, operation, documentation)
}

/// A change without a body.
const fn change(
    endpoint: Endpoint,
    path: &'static str,
    policy: Policy,
    operation: &'static str,
    documentation: Documentation,
) -> Rule {
    let rule = rule(endpoint, Verb::Post, path, policy, operation, documentation.refuses(&[404, 409]));
    Rule { body_bytes: 0, ..rule }.acting(Action::Update)
}

pub(super) const RULES: &[Rule] = &[
    rule(
        Endpoint::ListUsers,
        Verb::Get,
        "/api/v1/users",
        USER_READ,
        "user.list",
        Documentation::new(
            USERS,
            "The users of one's organization, by username",
            &[Answer::ok("A page.", Content::json::<Listing<UserBody>>()).with_headers(&["Link"])],
        )
        .query(Shape::of::<UserQuery>()),
    ),
    rule(
        Endpoint::CreateUser,
        Verb::Post,
        "/api/v1/users",
        USER_WRITE,
        "user.create",
        Documentation::new(
            USERS,
            "Create a user",
            &[Answer::created(
                "The user, and the password to hand over: it is not shown again.",
                Content::json::<UserWithPassword>(),
            )],
        )
        .describe("A caller can only give roles whose permissions are all among its own.")
        .body(Content::json::<NewUserBody>())
        .refuses(&[409]),
    ),
    rule(
        Endpoint::ReadUser,
        Verb::Get,
        "/api/v1/users/{id}",
        USER_READ,
        "user.read",
        Documentation::new(USERS, "One user", USER).refuses(&[404]),
    ),
    rule(
        Endpoint::AmendUser,
        Verb::Patch,
        "/api/v1/users/{id}",
        USER_WRITE,
        "user.amend",
        Documentation::new(USERS, "Change a user's name or address", USER)
            .headers(IF_MATCH)
            .body(Content::merge_patch::<UserPatch>())
            .refuses(&[404, 412, 428]),
    ),
    rule(
        Endpoint::RemoveUser,
        Verb::Delete,
        "/api/v1/users/{id}",
        USER_WRITE,
        "user.remove",
        Documentation::new(
            USERS,
            "End a membership",
            &[Answer::empty("The account is no member any more; its sessions here have ended.")],
        )
        .refuses(&[404, 409]),
    ),
    change(
        Endpoint::DisableUser,
        "/api/v1/users/{id}/disable",
        USER_WRITE,
        "user.disable",
        Documentation::new(USERS, "Disable a user; its sessions end", USER),
    ),
    change(
        Endpoint::EnableUser,
        "/api/v1/users/{id}/enable",
        USER_WRITE,
        "user.enable",
        Documentation::new(USERS, "Enable a user", USER),
    ),
    change(
        Endpoint::ResetPassword,
        "/api/v1/users/{id}/reset-password",
        USER_WRITE,
        "user.reset_password",
        Documentation::new(USERS, "Give a user a temporary password; its sessions end", USER_AND_PASSWORD),
    ),
    rule(
        Endpoint::SetRoles,
        Verb::Put,
        "/api/v1/users/{id}/roles",
        USER_WRITE,
        "user.set_roles",
        Documentation::new(USERS, "Replace a user's roles", USER)
            .describe(
                "Tokens that name the old roles are refused from now on; renewing the session gives one with the new.",
            )
            .body(Content::json::<RolesBody>())
            .refuses(&[404, 409]),
    ),
    rule(
        Endpoint::ListOrganizations,
        Verb::Get,
        "/api/v1/organizations",
        ORGANIZATION_LIST,
        "organization.list",
        Documentation::new(
            ORGANIZATIONS,
            "The organizations of the installation, in the order of their creation",
            &[Answer::ok("A page.", Content::json::<Listing<OrganizationBody>>()).with_headers(&["Link"])],
        )
        .query(Shape::of::<OrganizationQuery>()),
    ),
    rule(
        Endpoint::CreateOrganization,
        Verb::Post,
        "/api/v1/organizations",
        ORGANIZATION_CREATE,
        "organization.create",
        Documentation::new(
            ORGANIZATIONS,
            "Create an organization and its first administrator",
            &[Answer::created(
                "The organization, and the administrator's password to hand over: it is not shown again.",
                Content::json::<OrganizationWithPassword>(),
            )],
        )
        .body(Content::json::<NewOrganizationBody>())
        .refuses(&[409]),
    ),
    rule(
        Endpoint::ReadOrganization,
        Verb::Get,
        "/api/v1/organizations/{id}",
        ORGANIZATION_READ,
        "organization.read",
        Documentation::new(ORGANIZATIONS, "One organization", ORGANIZATION).refuses(&[404]),
    ),
    rule(
        Endpoint::AmendOrganization,
        Verb::Patch,
        "/api/v1/organizations/{id}",
        ORGANIZATION_WRITE,
        "organization.amend",
        Documentation::new(ORGANIZATIONS, "Change what an organization is called, is, or belongs to", ORGANIZATION)
            .headers(IF_MATCH)
            .body(Content::merge_patch::<OrganizationPatch>())
            .refuses(&[404, 412, 428]),
    ),
    change(
        Endpoint::SuspendOrganization,
        "/api/v1/organizations/{id}/suspend",
        ORGANIZATION_SUSPEND,
        "organization.suspend",
        Documentation::new(ORGANIZATIONS, "Suspend an organization; every session in it ends", ORGANIZATION),
    ),
    change(
        Endpoint::ActivateOrganization,
        "/api/v1/organizations/{id}/activate",
        ORGANIZATION_SUSPEND,
        "organization.activate",
        Documentation::new(ORGANIZATIONS, "Activate a suspended organization", ORGANIZATION),
    ),
    rule(
        Endpoint::AddMember,
        Verb::Post,
        "/api/v1/organizations/{id}/members",
        ORGANIZATION_CREATE,
        "organization.add_member",
        Documentation::new(
            ORGANIZATIONS,
            "Make an account that is there already a member",
            &[Answer::empty("It is a member.")],
        )
        .body(Content::json::<MemberBody>())
        .refuses(&[404, 409]),
    ),
    rule(
        Endpoint::ListKeys,
        Verb::Get,
        "/api/v1/admin/keys",
        SYSTEM_KEYS,
        "key.list",
        Documentation::new(KEYS, "The keys that sign tokens", KEY_LIST),
    ),
    Rule {
        body_bytes: 0,
        ..rule(
            Endpoint::RotateKeys,
            Verb::Post,
            "/api/v1/admin/keys/rotate",
            SYSTEM_KEYS,
            "key.rotate",
            Documentation::new(KEYS, "Publish the next key", KEY_LIST)
                .describe("It signs two minutes from now; the tokens of the current one are believed to their end.")
                .refuses(&[409]),
        )
    },
    rule(
        Endpoint::RemoveKey,
        Verb::Delete,
        "/api/v1/admin/keys/{kid}",
        SYSTEM_KEYS,
        "key.remove",
        Documentation::new(
            KEYS,
            "Believe no token of this key any more",
            &[Answer::empty("Its tokens are refused: here at once, on other servers within ten seconds.")],
        )
        .describe(
            "For a key that somebody else may have. Where it was the current one, another signs from now on, and everybody \
             renews the session.",
        )
        .refuses(&[404]),
    ),
];
