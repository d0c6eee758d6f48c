//! Who may do what: the one table of permissions and roles that routes, seeding and the documents share.

/// What a role can allow: an action on a kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Read and search FHIR records of any type.
    RecordRead,
    /// Create, update and delete FHIR records of any type.
    RecordWrite,
    /// Find patients and read who they are.
    PatientRead,
    /// Register patients and amend who they are.
    PatientWrite,
    /// Delete patients.
    PatientDelete,
    /// Merge two registrations of one person.
    PatientMerge,
    /// Read what is true of a patient: vital signs, problems, allergies, medication, encounters, notes.
    ChartRead,
    /// Write what is true of a patient.
    ChartWrite,
    /// Read what the server counts and measures.
    SystemMetrics,
    /// Find the users of one's organization and see their roles.
    UserRead,
    /// Create, amend, disable and remove users, give them roles and new passwords.
    UserWrite,
    /// Read what one's organization is.
    OrganizationRead,
    /// Amend what one's organization is.
    OrganizationWrite,
    /// See every organization of the installation.
    OrganizationList,
    /// Create and amend any organization, and make accounts members of it.
    OrganizationCreate,
    /// Suspend organizations and activate them again.
    OrganizationSuspend,
    /// List, rotate and remove the keys that sign tokens.
    SystemKeys,
}

impl Permission {
    /// All of them.
    pub const ALL: &'static [Permission] = &[
        Permission::RecordRead,
        Permission::RecordWrite,
        Permission::PatientRead,
        Permission::PatientWrite,
        Permission::PatientDelete,
        Permission::PatientMerge,
        Permission::ChartRead,
        Permission::ChartWrite,
        Permission::SystemMetrics,
        Permission::UserRead,
        Permission::UserWrite,
        Permission::OrganizationRead,
        Permission::OrganizationWrite,
        Permission::OrganizationList,
        Permission::OrganizationCreate,
        Permission::OrganizationSuspend,
        Permission::SystemKeys,
    ];

    /// `resource:action`.
    pub const fn name(self) -> &'static str {
        match self {
            Permission::RecordRead => "record:read",
            Permission::RecordWrite => "record:write",
            Permission::PatientRead => "patient:read",
            Permission::PatientWrite => "patient:write",
            Permission::PatientDelete => "patient:delete",
            Permission::PatientMerge => "patient:merge",
            Permission::ChartRead => "chart:read",
            Permission::ChartWrite => "chart:write",
            Permission::SystemMetrics => "system:metrics",
            Permission::UserRead => "user:read",
            Permission::UserWrite => "user:write",
            Permission::OrganizationRead => "organization:read",
            Permission::OrganizationWrite => "organization:write",
            Permission::OrganizationList => "organization:list",
            Permission::OrganizationCreate => "organization:create",
            Permission::OrganizationSuspend => "organization:suspend",
            Permission::SystemKeys => "system:keys",
        }
    }

    /// Whether it lets its holder change something.
    pub const fn writes(self) -> bool {
        match self {
            Permission::RecordRead
            | Permission::PatientRead
            | Permission::ChartRead
            | Permission::SystemMetrics
            | Permission::UserRead
            | Permission::OrganizationRead
            | Permission::OrganizationList => false,
            Permission::RecordWrite
            | Permission::PatientWrite
            | Permission::PatientDelete
            | Permission::PatientMerge
            | Permission::ChartWrite
            | Permission::UserWrite
            | Permission::OrganizationWrite
            | Permission::OrganizationCreate
            | Permission::OrganizationSuspend
            | Permission::SystemKeys => true,
        }
    }
}

/// A role: a name that people know, and what it allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: &'static str,
    /// Whose it is, a line.
    pub purpose: &'static str,
    /// What it allows.
    pub permissions: &'static [Permission],
}

/// Who looks after an organization: everything inside of it.
pub const ADMINISTRATOR: &str = "administrator";
/// Who looks after the installation: organizations and keys, and nothing of a patient.
pub const SYSTEM_ADMINISTRATOR: &str = "system_administrator";

const READ_PATIENTS: &[Permission] = &[Permission::PatientRead];
const READ_CHARTS: &[Permission] = &[Permission::RecordRead, Permission::PatientRead, Permission::ChartRead];
const WRITE_CHARTS: &[Permission] =
    &[Permission::RecordRead, Permission::PatientRead, Permission::ChartRead, Permission::ChartWrite];

/// Roles, and what they allow. A role that is not here allows nothing.
pub const ROLES: &[Role] = &[
    Role {
        name: ADMINISTRATOR,
        purpose: "looks after one organization: its users, and all of its data",
        permissions: &[
            Permission::RecordRead,
            Permission::RecordWrite,
            Permission::PatientRead,
            Permission::PatientWrite,
            Permission::PatientDelete,
            Permission::PatientMerge,
            Permission::ChartRead,
            Permission::ChartWrite,
            Permission::UserRead,
            Permission::UserWrite,
            Permission::OrganizationRead,
            Permission::OrganizationWrite,
        ],
    },
    Role {
        name: SYSTEM_ADMINISTRATOR,
        purpose: "looks after the installation: organizations and keys; sees no patient",
        permissions: &[
            Permission::OrganizationRead,
            Permission::OrganizationWrite,
            Permission::OrganizationList,
            Permission::OrganizationCreate,
            Permission::OrganizationSuspend,
            Permission::SystemMetrics,
            Permission::SystemKeys,
        ],
    },
    Role {
        name: "doctor",
        purpose: "treats patients",
        permissions: &[
            Permission::RecordRead,
            Permission::RecordWrite,
            Permission::PatientRead,
            Permission::PatientWrite,
            Permission::ChartRead,
            Permission::ChartWrite,
            Permission::OrganizationRead,
        ],
    },
    Role {
        name: "head_nurse",
        purpose: "leads a ward",
        permissions: &[
            Permission::RecordRead,
            Permission::PatientRead,
            Permission::PatientWrite,
            Permission::ChartRead,
            Permission::ChartWrite,
            Permission::UserRead,
            Permission::OrganizationRead,
        ],
    },
    Role { name: "nurse", purpose: "cares for patients", permissions: WRITE_CHARTS },
    Role {
        name: "clerk",
        purpose: "registers patients at the front desk",
        permissions: &[Permission::PatientRead, Permission::PatientWrite],
    },
    Role {
        name: "records_officer",
        purpose: "keeps registrations in order: merges and deletes them",
        permissions: &[
            Permission::PatientRead,
            Permission::PatientWrite,
            Permission::PatientDelete,
            Permission::PatientMerge,
        ],
    },
    Role { name: "pharmacist", purpose: "dispenses medication", permissions: READ_CHARTS },
    Role { name: "radiologist", purpose: "reads images and reports on them", permissions: WRITE_CHARTS },
    Role { name: "accountant", purpose: "bills", permissions: READ_PATIENTS },
    Role {
        name: "auditor",
        purpose: "sees who may do what",
        permissions: &[Permission::UserRead, Permission::OrganizationRead],
    },
];

/// The role of this name.
pub fn role(name: &str) -> Option<&'static Role> {
    ROLES.iter().find(|role| role.name == name)
}

/// Whether these roles together allow `permission`.
pub fn allows(roles: &[String], permission: Permission) -> bool {
    roles.iter().filter_map(|name| role(name)).any(|role| role.permissions.contains(&permission))
}

/// The table as a document: `docs/permissions.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Roles and permissions\n\n\
         Made from the table in `crates/domain/src/permission.rs`, by which routes are guarded:\n\
         `cargo run -p domain --example permissions > docs/permissions.md`. Which permission a route needs stands in\n\
         `/openapi.json` (`x-permissions`). A user has the permissions of all of its roles in one organization, and can\n\
         only give roles whose permissions are all among its own.\n\n\
         | role | who | permissions |\n|---|---|---|\n",
    );
    for role in ROLES {
        let names: Vec<String> =
            role.permissions.iter().map(|permission| format!("`{}`", permission.name())).collect();
        text.push_str(&format!("| `{}` | {} | {} |\n", role.name, role.purpose, names.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_unknown_role_allows_nothing() {
        for permission in Permission::ALL {
            assert!(!allows(&["Administrator".to_owned(), String::new()], *permission));
            assert!(!allows(&[], *permission));
        }
    }

    #[test]
    fn the_two_administrators_together_may_do_everything_and_neither_may_do_it_alone() {
        let both = [ADMINISTRATOR, SYSTEM_ADMINISTRATOR].map(str::to_owned);
        for permission in Permission::ALL {
            assert!(allows(&both, *permission), "{}", permission.name());
        }
        for one in &both {
            let alone = std::slice::from_ref(one);
            assert!(Permission::ALL.iter().any(|permission| !allows(alone, *permission)), "{one}");
        }
    }

    #[test]
    fn who_looks_after_the_installation_sees_no_patient() {
        let system = [SYSTEM_ADMINISTRATOR.to_owned()];
        for permission in Permission::ALL {
            let about = permission.name().split(':').next().unwrap();
            assert!(!["record", "patient", "chart"].contains(&about) || !allows(&system, *permission));
        }
    }

    #[test]
    fn every_permission_is_listed_once_and_belongs_to_a_role() {
        let names: HashSet<_> = Permission::ALL.iter().map(|permission| permission.name()).collect();
        assert_eq!(names.len(), Permission::ALL.len());
        let given: HashSet<_> = ROLES.iter().flat_map(|role| role.permissions).collect();
        assert_eq!(given.len(), Permission::ALL.len());
        let roles: HashSet<_> = ROLES.iter().map(|role| role.name).collect();
        assert_eq!(roles.len(), ROLES.len());
    }

    #[test]
    fn the_document_says_what_the_table_says() {
        let written = include_str!("../../../docs/permissions.md");
        assert_eq!(written, markdown(), "cargo run -p domain --example permissions > docs/permissions.md");
    }
}
