//! `pg_dump` and `pg_restore`: finding those of the servers' version, and running them.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kernel::Database;
use sqlx::{ConnectOptions, Connection};
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_blocking;

use crate::backup::error::BackupError;
use crate::install::{Install, usual_folders};
use crate::login::{Host, Login, TlsMode};

/// Where Debian, Alpine and macOS keep the certificates of known authorities.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// What is kept of a program's complaints, bytes.
const COMPLAINT_BYTES: usize = 2_000;

/// The two programs, of one major version: a newer `pg_dump` writes settings that an older server refuses to take
/// back, and an older one refuses the server.
#[derive(Clone, Debug)]
pub struct Tools {
    folder: PathBuf,
    /// Their major version.
    pub major: u32,
}

impl Tools {
    /// Finds them in the folder of the server's programs, in the system's usual folders, in PATH. Runs each candidate.
    ///
    /// # Errors
    /// [`BackupError::NoTools`].
    pub fn find(beside: Option<&Path>, major: u32) -> Result<Tools, BackupError> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = beside.map(Path::to_path_buf).into_iter().chain(usual_folders());
        let folders: Vec<PathBuf> = folders.chain(std::env::split_paths(&path)).collect();
        let fits = |folder: &PathBuf| {
            ["pg_dump", "pg_restore"].iter().all(|name| major_of(folder, name) == Some(major))
        };
        match folders.iter().find(|folder| fits(folder)) {
            Some(folder) => Ok(Tools { folder: folder.clone(), major }),
            None => {
                let beside = beside.map(|folder| format!("{}, ", folder.display())).unwrap_or_default();
                Err(BackupError::NoTools { major, looked: format!("{beside}the usual folders, PATH") })
            }
        }
    }

    /// Finds those that fit the server of a login. `beside` is the folder of the server's own programs, where it is
    /// known.
    ///
    /// # Errors
    /// [`BackupError::Sql`], [`BackupError::NoTools`].
    pub async fn fitting(
        beside: Option<&Path>,
        database: Database,
        login: &Login,
    ) -> Result<Tools, BackupError> {
        let failed = BackupError::sql(database, "asking for its version");
        let mut connection = login.options().connect().await.map_err(&failed)?;
        let major: i32 = sqlx::query_scalar("select current_setting('server_version_num')::int / 10000")
            .fetch_one(&mut connection)
            .await
            .map_err(&failed)?;
        connection.close().await.ok();
        let major = u32::try_from(major).unwrap_or_default();
        let found = Install::find(beside, Some(major)).ok().filter(|install| install.major == major);
        let beside = found.map(|install| install.bin);
        spawn_blocking(move || Tools::find(beside.as_deref(), major)).await.map_err(|failure| {
            BackupError::Program { program: "pg_dump", database, output: failure.to_string() }
        })?
    }

    /// Writes a dump of what the snapshot shows into the file, which exists already, so that its mode is ours.
    pub(super) async fn dump(
        &self,
        database: Database,
        login: &Login,
        snapshot: &str,
        file: &Path,
    ) -> Result<(), BackupError> {
        // Bodies are sealed: compressing harder costs time and gains next to nothing.
        let arguments = ["--format=custom", "--compress=1", "--no-password", "--lock-wait-timeout=30s"];
        let mut command = self.command("pg_dump", login);
        command.args(arguments).arg("--snapshot").arg(snapshot).arg("--file").arg(file);
        run("pg_dump", database, command).await.map(drop)
    }

    /// Brings a dump into the empty database that the login leads to. `whole` is for a superuser: the database's
    /// owner has no right to what the dump says of PostgreSQL's own functions, which whoever prepared the database
    /// has said already, and row security binds it: references must be checked before that is switched on, which only
    /// the order of the dump sees to.
    pub(super) async fn restore(
        &self,
        database: Database,
        login: &Login,
        file: &Path,
        whole: bool,
    ) -> Result<(), BackupError> {
        let mut command = self.command("pg_restore", login);
        command.args(["--exit-on-error", "--no-password", "--dbname", &login.database]);
        if whole {
            command.arg("--jobs=2").arg(file);
            return run("pg_restore", database, command).await.map(drop);
        }
        let mut listing = self.command("pg_restore", login);
        listing.arg("--list").arg(file);
        let listed = run("pg_restore", database, listing).await?;
        let wanted = listed.lines().filter(|line| !line.contains(" ACL pg_catalog "));
        command.args(["--use-list", "/dev/stdin"]).arg(file);
        run_with("pg_restore", database, command, wanted.collect::<Vec<_>>().join("\n")).await.map(drop)
    }

    fn command(&self, name: &str, login: &Login) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(self.folder.join(name));
        command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
        for kept in ["PATH", "HOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.envs(environment(login, self.major));
        command
    }
}

/// A login for programs that use libpq: in the environment, which only the same user can read, because everybody on
/// the machine reads arguments.
fn environment(login: &Login, major: u32) -> Vec<(&'static str, OsString)> {
    let host = match &login.host {
        Host::Socket(folder) => folder.clone().into_os_string(),
        Host::Name(name) => name.into(),
    };
    let mut environment = vec![
        ("PGHOST", host),
        ("PGPORT", login.port.to_string().into()),
        ("PGUSER", login.user.clone().into()),
        ("PGDATABASE", login.database.clone().into()),
        ("PGSSLMODE", login.tls.mode.name().into()),
        ("PGCONNECT_TIMEOUT", "10".into()),
    ];
    environment.extend(login.password.iter().map(|password| ("PGPASSWORD", password.expose().into())));
    match &login.tls.root {
        Some(file) => environment.push(("PGSSLROOTCERT", file.into())),
        // libpq looks at the system's authorities only where it is told so: by this word, or before 16 by their file.
        None if login.tls.mode == TlsMode::VerifyFull && major >= 16 => {
            environment.push(("PGSSLROOTCERT", "system".into()));
        }
        None if login.tls.mode == TlsMode::VerifyFull => {
            environment.push(("PGSSLROOTCERT", AUTHORITIES.into()))
        }
        None => {}
    }
    if let Some((certificate, key)) = &login.tls.client {
        environment.push(("PGSSLCERT", certificate.into()));
        environment.push(("PGSSLKEY", key.into()));
    }
    environment
}

/// Runs a program to its end, with nothing to read; gives what it wrote. It ends with us.
async fn run(
    program: &'static str,
    database: Database,
    command: tokio::process::Command,
) -> Result<String, BackupError> {
    run_with(program, database, command, String::new()).await
}

/// The same with something to read.
async fn run_with(
    program: &'static str,
    database: Database,
    mut command: tokio::process::Command,
    input: String,
) -> Result<String, BackupError> {
    let failed = |output: String| BackupError::Program { program, database, output };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut running = command.spawn().map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = running.stdin.take() {
        // A program that does not read to the end says itself what is wrong.
        stdin.write_all(input.as_bytes()).await.ok();
    }
    let output = running.wait_with_output().await.map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(failed(format!("{}: {}", output.status, complaint(program, &output.stderr)))),
    }
}

/// What the program says in its own name. Lines without it quote the data or the statement at fault.
fn complaint(program: &str, output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output).into_owned();
    let own: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix(program)?.strip_prefix(": "))
        .filter(|line| !line.starts_with("detail: Command was"))
        .collect();
    let mut said = own.join("; ");
    while said.len() > COMPLAINT_BYTES {
        said.pop();
    }
    said
}

/// The major version that a program says it has.
fn major_of(folder: &Path, name: &str) -> Option<u32> {
    let program = folder.join(name);
    File::open(&program).ok()?;
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.strip_prefix(name)?.strip_prefix(" (PostgreSQL) ")?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use kernel::Secret;

    use super::*;
    use crate::login::Tls;

    #[test]
    fn only_programs_of_the_servers_version_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["pg_dump", "pg_restore"] {
            let file = folder.path().join(name);
            std::fs::write(&file, format!("#!/bin/sh\necho '{name} (PostgreSQL) 99.1 (Fake)'\n")).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        assert_eq!(Tools::find(Some(folder.path()), 99).unwrap().folder, folder.path());
        let message = Tools::find(Some(folder.path()), 98).unwrap_err().to_string();
        assert!(message.contains("PostgreSQL 98") && message.contains("postgresql-client-98"), "{message}");
        std::fs::remove_file(folder.path().join("pg_restore")).unwrap();
        assert!(Tools::find(Some(folder.path()), 99).is_err());
    }

    #[test]
    fn programs_are_told_what_the_driver_is_told() {
        let login = Login {
            host: Host::Name("db.example".to_owned()),
            port: 6432,
            database: "phi".to_owned(),
            user: "salus_backup".to_owned(),
            password: Some(Secret::new("hush".to_owned())),
            tls: Tls { mode: TlsMode::VerifyFull, root: Some("/etc/ca.pem".into()), client: None },
        };
        let told = environment(&login, 15);
        for (name, value) in [
            ("PGHOST", "db.example"),
            ("PGPORT", "6432"),
            ("PGUSER", "salus_backup"),
            ("PGPASSWORD", "hush"),
            ("PGDATABASE", "phi"),
            ("PGSSLMODE", "verify-full"),
            ("PGSSLROOTCERT", "/etc/ca.pem"),
        ] {
            assert!(told.contains(&(name, value.into())), "{name}");
        }
    }

    #[test]
    fn a_complaint_quotes_no_data() {
        let output = b"pg_restore: error: could not execute query: ERROR:  duplicate key\n\
            DETAIL:  Key (name)=(Jane Roe) already exists.\n\
            CONTEXT:  COPY resource, line 1: \"Jane Roe\"\n\
            Command was: insert into x values ('Jane Roe')\n";
        let said = complaint("pg_restore", output);
        assert_eq!(said, "error: could not execute query: ERROR:  duplicate key");
    }
}
