//! PostgreSQL servers that somebody else would run: with TLS, on a TCP port of the loopback, and none of our settings.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cluster::Install;
use nix::unistd::{User, geteuid};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::place::TestFolder;

/// The superuser's password.
const PASSWORD: &str = "of the test";

/// A server of its own. It ends with the folder that it lives in.
#[derive(Debug)]
pub struct TestServer {
    folder: PathBuf,
    port: u16,
    user: Option<(u32, u32)>,
    install: Install,
}

impl TestServer {
    /// Makes a cluster `name` in the folder and starts it with this certificate and its key (PEM). Panics if it cannot.
    pub fn start(within: &TestFolder, name: &str, certificate: &str, key: &str) -> TestServer {
        let named = std::env::var_os("SALUS_PG_BIN").map(PathBuf::from);
        let install = Install::find(named.as_deref(), None).expect("PostgreSQL's programs");
        // PostgreSQL refuses to run as root.
        let user = geteuid().is_root().then(|| {
            let found =
                ["postgres", "nobody"].into_iter().find_map(|name| User::from_name(name).ok().flatten());
            let user = found.expect("a user to run PostgreSQL as");
            (user.uid.as_raw(), user.gid.as_raw())
        });
        let folder = within.path().join(name);
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
        let server = TestServer { folder, port, user, install };
        fs::create_dir(&server.folder).expect("a folder");
        server.own(&server.folder, 0o700);
        server.file("password", PASSWORD);
        let data = server.data();
        let password = server.folder.join("password");
        server.run("initdb", |command| {
            command.arg("-D").arg(&data).arg("--pwfile").arg(&password);
            command.args([
                "-U",
                "postgres",
                "--auth=scram-sha-256",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
            ]);
        });
        server.file("server.crt", certificate);
        server.file("server.key", key);
        let (place, port) = (server.folder.display(), server.port);
        let conf = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{place}'\nssl = on\n\
             ssl_cert_file = '{place}/server.crt'\nssl_key_file = '{place}/server.key'\n"
        );
        fs::write(data.join("postgresql.conf"), conf).expect("postgresql.conf");
        let hba = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n";
        fs::write(data.join("pg_hba.conf"), hba).expect("pg_hba.conf");
        server.control("start");
        server
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it anew, for settings that ask for that.
    pub fn restart(&self) {
        self.control("restart");
    }

    /// How the superuser reaches a database, through the socket.
    pub fn superuser(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.folder)
            .port(self.port)
            .username("postgres")
            .password(PASSWORD)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn control(&self, verb: &str) {
        let (data, log) = (self.data(), self.folder.join("log"));
        self.run("pg_ctl", |command| {
            command.arg(verb).args(["-w", "-t", "60", "-m", "fast", "-D"]).arg(data).arg("-l").arg(log);
        });
    }

    fn run(&self, program: &str, arguments: impl FnOnce(&mut Command)) {
        let mut command = Command::new(self.install.bin.join(program));
        arguments(&mut command);
        // The server inherits its output and would keep a pipe open for as long as it lives.
        let said = self.folder.join(format!("{program}.said"));
        let output = fs::File::create(&said).expect("a file for what it says");
        command.current_dir(&self.folder).stdin(Stdio::null()).process_group(0).env("LC_ALL", "C");
        command.stderr(output.try_clone().expect("the same file")).stdout(output);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        let status = command.status().expect("it can be run");
        assert!(status.success(), "{program}: {}", fs::read_to_string(said).unwrap_or_default());
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.folder.join(name);
        fs::write(&path, text).expect("a file");
        self.own(&path, 0o600);
    }

    fn own(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
        if let Some((uid, gid)) = self.user {
            chown(path, Some(uid), Some(gid)).expect("its owner");
        }
    }
}
