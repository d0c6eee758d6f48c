//! Where backups go, and who takes them from external databases.

use std::path::PathBuf;

use kernel::Secret;

use super::variable::{Section, Values, Variable};

const DIR: Variable = Variable {
    name: "SALUS_BACKUP_DIR",
    default: "",
    help: "folder for backups; `backups` in the data folder without it, which a lost disk takes along",
    aliases: &[],
};
const HOOK: Variable = Variable {
    name: "SALUS_BACKUP_HOOK",
    default: "",
    help: "program that is called with the folder of each finished backup, to copy it elsewhere; where it fails the \
           backup counts as unfinished (exit status 3) and no older one is removed",
    aliases: &[],
};

const fn user(name: &'static str) -> Variable {
    let help = "the login that takes backups of it: a member of nothing but salus_backup's rights";
    Variable { name, default: "salus_backup", help, aliases: &[] }
}

const fn password(name: &'static str) -> Variable {
    let help = "the password of that login; needed by `salus backup`, `restore` and `restore-point`, never by the server";
    Variable { name, default: "", help, aliases: &[] }
}

const USERS: [Variable; 3] =
    [user("AUTH_DB_BACKUP_USER"), user("PHI_DB_BACKUP_USER"), user("CLINICAL_DB_BACKUP_USER")];
const PASSWORDS: [Variable; 3] = [
    password("AUTH_DB_BACKUP_PASSWORD"),
    password("PHI_DB_BACKUP_PASSWORD"),
    password("CLINICAL_DB_BACKUP_PASSWORD"),
];

/// Backups.
pub const BACKUPS: Section = Section {
    title: "Backups",
    about: "Databases of its own are backed up by `salus backup` without any of these. External ones are read by a login \
            that sees past row security, which the server itself must never have.",
    variables: &[DIR, HOOK, USERS[0], PASSWORDS[0], USERS[1], PASSWORDS[1], USERS[2], PASSWORDS[2]],
};

/// What was given for backups.
#[derive(Clone, Debug)]
pub struct BackupConfig {
    /// The folder they go to.
    pub dir: Option<PathBuf>,
    /// The program that copies them elsewhere.
    pub hook: Option<PathBuf>,
    /// Who takes them from external databases.
    pub logins: [Option<(String, Secret<String>)>; 3],
}

/// The variable that gives the password of a database's login.
pub const fn password_variable(database: kernel::Database) -> &'static str {
    PASSWORDS[database.index()].name
}

/// Reads them.
pub fn read(values: &Values) -> BackupConfig {
    let login = |index: usize| {
        let password = values.optional(&PASSWORDS[index])?;
        Some((values.text(&USERS[index]), Secret::new(password)))
    };
    BackupConfig {
        dir: values.optional(&DIR).map(PathBuf::from),
        hook: values.optional(&HOOK).map(PathBuf::from),
        logins: [login(0), login(1), login(2)],
    }
}
