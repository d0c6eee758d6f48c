//! Users and organizations: who may come in, and as what.
//!
//! Two rules hold for all of it. Nobody gives what it does not have: a caller can only give roles, and only lay hands on
//! accounts, whose permissions are among its own. And an organization is never left without somebody to administer it.

mod organizations;
mod users;

use domain::permission::{self, Permission};
use domain::store::User;
use domain::{Context, StoreError};
use kernel::{Classify, ErrorKind};

pub use organizations::{
    AddMember, AmendOrganization, CreateOrganization, FindOrganization, ListOrganizations,
    SetOrganizationStatus,
};
pub use users::{
    AmendUser, CreateUser, FindUser, ListUsers, RemoveMember, ResetPassword, SetRoles, SetUserStatus,
};

/// Why nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdministrationError {
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
    /// There is no such thing in the caller's organization.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The change is based on another version than the current one.
    #[error("the current version is {current}")]
    Stale {
        /// Which.
        current: i32,
    },
    /// A member of what was sent cannot be taken.
    #[error("{detail}")]
    Invalid {
        /// Its JSON pointer.
        pointer: &'static str,
        /// Why.
        detail: String,
    },
    /// The caller may not.
    #[error("{0}")]
    Forbidden(&'static str),
    /// It does not go together with what is there.
    #[error("{0}")]
    Conflict(&'static str),
}

impl Classify for AdministrationError {
    fn kind(&self) -> ErrorKind {
        match self {
            AdministrationError::Store(error) => error.kind(),
            AdministrationError::Missing(_) => ErrorKind::Missing,
            AdministrationError::Invalid { .. } => ErrorKind::Invalid,
            AdministrationError::Forbidden(_) => ErrorKind::Forbidden,
            AdministrationError::Stale { .. } | AdministrationError::Conflict(_) => ErrorKind::Conflict,
        }
    }
}

/// The constraints of `auth` that a caller can run into, in its own words.
impl From<StoreError> for AdministrationError {
    fn from(error: StoreError) -> AdministrationError {
        let StoreError::Constraint { name } = &error else {
            return AdministrationError::Store(error);
        };
        match name.as_str() {
            "account_username_is_unique" => AdministrationError::Conflict("this username is taken"),
            "membership_pkey" => AdministrationError::Conflict("the account is a member already"),
            "organization_parent_exists" => AdministrationError::Invalid {
                pointer: "/parent_id",
                detail: "there is no such organization".to_owned(),
            },
            "organization_is_not_its_own_parent" => AdministrationError::Invalid {
                pointer: "/parent_id",
                detail: "an organization is not a part of itself".to_owned(),
            },
            _ => AdministrationError::Store(error),
        }
    }
}

/// Whether the caller's roles allow `permission`.
fn may(context: &Context, permission: Permission) -> bool {
    permission::allows(&context.caller.roles, permission)
}

/// Roles as they are stored: each once, in the order of their names.
///
/// # Errors
/// `Invalid` where one is not in the table or there is none, `Forbidden` where one allows what the caller's do not.
fn given(context: &Context, roles: &[String]) -> Result<Vec<String>, AdministrationError> {
    let unknown = roles.iter().position(|role| permission::role(role).is_none());
    if unknown.is_some() || roles.is_empty() {
        let known: Vec<&str> = permission::ROLES.iter().map(|role| role.name).collect();
        let detail = format!("name at least one, and only of these: {}", known.join(", "));
        return Err(AdministrationError::Invalid { pointer: "/roles", detail });
    }
    if !covers(context, roles) {
        return Err(AdministrationError::Forbidden(
            "you can only give roles whose permissions are all among your own",
        ));
    }
    let mut roles = roles.to_vec();
    roles.sort();
    roles.dedup();
    Ok(roles)
}

/// Whether the caller has every permission of these roles.
fn covers(context: &Context, roles: &[String]) -> bool {
    Permission::ALL
        .iter()
        .all(|permission| !permission::allows(roles, *permission) || may(context, *permission))
}

/// Refuses to lay hands on an account that may do more than the caller.
fn manageable(context: &Context, user: &User) -> Result<(), AdministrationError> {
    if covers(context, &user.roles) {
        return Ok(());
    }
    Err(AdministrationError::Forbidden("this user has permissions that you do not have"))
}

/// Refuses what only the organization may do that made the account.
fn at_home(context: &Context, user: &User) -> Result<(), AdministrationError> {
    if user.home == context.caller.tenant {
        return Ok(());
    }
    Err(AdministrationError::Forbidden("only the organization that made this account can do this to it"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::Caller;
    use domain::permission::{ADMINISTRATOR, SYSTEM_ADMINISTRATOR};
    use kernel::{AccountId, RequestId, SystemClock, Tenant};

    use super::*;

    fn context(roles: &[&str]) -> Context {
        Context {
            caller: Caller {
                account: AccountId::generate(),
                tenant: Tenant::from_number(1),
                roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            },
            request: RequestId::generate(),
            network: None,
            clock: Arc::new(SystemClock),
        }
    }

    fn give(by: &[&str], roles: &[&str]) -> Result<Vec<String>, AdministrationError> {
        given(&context(by), &roles.iter().map(|role| (*role).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn nobody_gives_what_it_does_not_have() {
        assert!(give(&[ADMINISTRATOR], &["doctor"]).is_ok());
        let refused = give(&[ADMINISTRATOR], &[SYSTEM_ADMINISTRATOR]);
        assert!(matches!(refused, Err(AdministrationError::Forbidden(_))), "{refused:?}");
        assert!(give(&[ADMINISTRATOR, SYSTEM_ADMINISTRATOR], &[SYSTEM_ADMINISTRATOR]).is_ok());
        assert!(matches!(give(&["nurse"], &["nurse", "doctor"]), Err(AdministrationError::Forbidden(_))));
    }

    #[test]
    fn only_known_roles_can_be_given_and_each_once() {
        for odd in [&[][..], &["Administrator"], &["doctor", "wizard"], &[""]] {
            let refused = give(&[ADMINISTRATOR], odd);
            assert!(
                matches!(refused, Err(AdministrationError::Invalid { pointer: "/roles", .. })),
                "{odd:?}"
            );
        }
        assert_eq!(give(&[ADMINISTRATOR], &["nurse", "doctor", "nurse"]).unwrap(), ["doctor", "nurse"]);
    }
}
