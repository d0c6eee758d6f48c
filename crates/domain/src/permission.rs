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
        }
    }

    /// Whether it lets its holder change something.
    pub const fn writes(self) -> bool {
        match self {
            Permission::RecordRead
            | Permission::PatientRead
            | Permission::ChartRead
            | Permission::SystemMetrics => false,
            Permission::RecordWrite
            | Permission::PatientWrite
            | Permission::PatientDelete
            | Permission::PatientMerge
            | Permission::ChartWrite => true,
        }
    }
}

/// Roles, and what they allow. A role that is not here allows nothing.
pub const ROLES: &[(&str, &[Permission])] = &[("administrator", Permission::ALL)];

/// Whether these roles together allow `permission`.
pub fn allows(roles: &[String], permission: Permission) -> bool {
    ROLES.iter().any(|(name, allowed)| roles.iter().any(|role| role == name) && allowed.contains(&permission))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_role_allows_nothing() {
        for permission in Permission::ALL {
            assert!(allows(&["administrator".to_owned()], *permission));
            assert!(!allows(&["Administrator".to_owned(), String::new()], *permission));
            assert!(!allows(&[], *permission));
        }
    }
}
