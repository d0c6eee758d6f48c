//! One postmaster: started by us or taken over, waited for, stopped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use kernel::{Database, Secret};
use nix::sys::signal::Signal;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use tokio::process::Child;
use tokio::time::{Instant, sleep};

use crate::account::Account;
use crate::bootstrap::Role;
use crate::error::ClusterError;
use crate::install::Install;
use crate::login::{Host, Login, Tls, TlsMode};
use crate::place::PORT;
use crate::process::{PidFile, is_postmaster_of, signal};
use crate::progress::Progress;
use crate::settings::Settings;

/// How to stop a postmaster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Ends connections, rolls open transactions back, writes a checkpoint (SIGINT).
    Fast,
    /// Ends at once, as in a crash of the server program; recovery at the next start (SIGQUIT).
    Immediate,
    /// Kills the postmaster alone (SIGKILL); for tests of what that does.
    Kill,
}

/// How often a process that is not our child, or a file, is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How often an adopted postmaster is looked at while nobody waits for it to end.
const GUARD_EVERY: Duration = Duration::from_millis(200);
/// How long backends of a killed postmaster may hold its shared memory.
const ORPHANS_END_WITHIN: Duration = Duration::from_secs(20);

/// What is needed to start and reach one cluster.
#[derive(Debug)]
pub(crate) struct Spec {
    pub database: Database,
    pub install: Install,
    pub account: Account,
    pub cluster: PathBuf,
    pub socket_folder: PathBuf,
    pub settings: Settings,
    pub passwords: [Secret<String>; 3],
    pub start_timeout: Duration,
    pub stop_timeout: Duration,
}

/// How to reach `database_name` in the cluster whose socket is in this folder.
pub(crate) fn login(
    socket_folder: &Path,
    role: Role,
    password: &Secret<String>,
    database_name: &str,
) -> Login {
    Login {
        host: Host::Socket(socket_folder.to_path_buf()),
        port: PORT,
        database: database_name.to_owned(),
        user: role.name().to_owned(),
        password: Some(password.clone()),
        tls: Tls { mode: TlsMode::Disable, root: None, client: None },
    }
}

impl Spec {
    /// How to reach `database_name` in this cluster.
    pub fn login(&self, role: Role, database_name: &str) -> Login {
        login(&self.socket_folder, role, &self.passwords[role.index()], database_name)
    }

    /// The same, as the driver wants it.
    pub fn options(&self, role: Role, database_name: &str) -> PgConnectOptions {
        self.login(role, database_name).options()
    }

    /// Takes over the postmaster that an earlier server left on this cluster. `None` when there is none, or
    /// when there was one that had to be stopped: one that is shutting down, has other settings, or whose
    /// socket is gone.
    pub async fn adopt(&self, settings_changed: bool) -> Result<Option<Postmaster>, ClusterError> {
        let deadline = Instant::now() + self.start_timeout;
        loop {
            let Some(file) = PidFile::read(&self.cluster)? else { return Ok(None) };
            if !is_postmaster_of(file.pid, &self.cluster) {
                return Ok(None);
            }
            match file.status.as_str() {
                "ready" => return self.take_over(file, settings_changed).await,
                _ if Instant::now() < deadline => sleep(LOOK_EVERY).await,
                _ => return Err(self.too_slow("start", self.start_timeout)),
            }
        }
    }

    async fn take_over(
        &self,
        file: PidFile,
        settings_changed: bool,
    ) -> Result<Option<Postmaster>, ClusterError> {
        let mut postmaster = Postmaster { pid: file.pid, child: None, cluster: self.cluster.clone() };
        let ours = file.data_dir == self.cluster && file.socket_folder.as_ref() == Some(&self.socket_folder);
        if settings_changed || !ours {
            postmaster.stop(self, StopMode::Fast).await?;
            return Ok(None);
        }
        let mut connection = match self.options(Role::Superuser, "postgres").connect().await {
            Ok(connection) => connection,
            Err(sqlx::Error::Io(_)) => {
                postmaster.stop(self, StopMode::Fast).await?;
                return Ok(None);
            }
            Err(error) => {
                postmaster.leave_alone();
                return Err(ClusterError::sql(self.database, "taking over its postmaster")(error));
            }
        };
        let served: Result<String, sqlx::Error> =
            sqlx::query_scalar("select current_setting('data_directory')").fetch_one(&mut connection).await;
        match served {
            Ok(folder) if Path::new(&folder) == self.cluster => Ok(Some(postmaster)),
            served => {
                postmaster.leave_alone();
                let reason = format!("asked for its data directory, it answered {served:?}");
                Err(ClusterError::NotOurs { database: self.database, pid: file.pid, reason })
            }
        }
    }

    /// Starts a postmaster and waits until it accepts connections. Backends that outlived a killed postmaster
    /// are given time to end.
    pub async fn start(
        &self,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Postmaster, ClusterError> {
        let deadline = Instant::now() + ORPHANS_END_WITHIN;
        loop {
            let mut postmaster = self.spawn()?;
            match postmaster.until_ready(self, progress).await {
                Ok(()) => return Ok(postmaster),
                Err(ClusterError::DidNotStart { log, .. })
                    if log.contains("shared memory block") && Instant::now() < deadline =>
                {
                    sleep(GUARD_EVERY).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Starts a postmaster. Nothing may serve this cluster.
    fn spawn(&self) -> Result<Postmaster, ClusterError> {
        self.clear_stale()?;
        let log = self.start_log();
        let file = File::create(&log).map_err(ClusterError::file("create", &log))?;
        let other = file.try_clone().map_err(ClusterError::file("open", &log))?;
        let mut command = self.account.command(&self.install.program("postgres"), &self.cluster);
        command.arg("-D").arg(&self.cluster);
        command.stdin(Stdio::null()).stdout(file).stderr(other);
        let failed =
            |output: String| ClusterError::Program { program: "postgres", database: self.database, output };
        let child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let pid = pid.ok_or_else(|| failed("it ended at once".to_owned()))?;
        Ok(Postmaster { pid, child: Some(child), cluster: self.cluster.clone() })
    }

    /// Removes what a dead postmaster left. `postmaster.pid` itself is kept, because its last lines let
    /// PostgreSQL find backends that still hold the shared memory; but the pid in it may be another program's
    /// by now, or a dead one's that nobody waited for, and PostgreSQL would refuse to start. So our own goes
    /// there, which PostgreSQL knows as its parent's and ignores.
    fn clear_stale(&self) -> Result<(), ClusterError> {
        let path = self.cluster.join("postmaster.pid");
        if let Ok(text) = fs::read_to_string(&path) {
            let rest = text.split_once('\n').map(|(_, rest)| rest).filter(|rest| !rest.is_empty());
            match rest {
                Some(rest) => fs::write(&path, format!("{}\n{rest}", std::process::id())),
                None => fs::remove_file(&path),
            }
            .map_err(ClusterError::file("clear", &path))?;
        }
        for name in [format!(".s.PGSQL.{PORT}"), format!(".s.PGSQL.{PORT}.lock")] {
            let path = self.socket_folder.join(name);
            if fs::symlink_metadata(&path).is_ok() {
                fs::remove_file(&path).map_err(ClusterError::file("remove", &path))?;
            }
        }
        Ok(())
    }

    /// What the postmaster writes before its own log is open.
    fn start_log(&self) -> PathBuf {
        start_log(&self.cluster)
    }

    /// The last lines of what the cluster wrote, for error messages.
    fn log_tail(&self) -> String {
        let newest = fs::read_dir(self.cluster.join("log")).ok().and_then(|files| {
            let dated = files
                .flatten()
                .filter_map(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())));
            dated.max().map(|(_, path)| path)
        });
        let files = [Some(self.start_log()), newest];
        let texts = files.into_iter().flatten().filter_map(|path| fs::read_to_string(path).ok());
        let tails = texts.map(|text| {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(8)..].join("\n")
        });
        tails.collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn too_slow(&self, doing: &'static str, after: Duration) -> ClusterError {
        ClusterError::TooSlow {
            database: self.database,
            doing,
            after_s: after.as_secs(),
            log: self.log_tail(),
        }
    }
}

/// What the postmaster of a cluster writes before its own log is open.
pub(crate) fn start_log(cluster: &Path) -> PathBuf {
    cluster.with_extension("start.log")
}

/// A running postmaster. Dropped without [`Postmaster::stop`], it is told to shut down (but not waited for),
/// so that a start that fails or is given up leaves nothing running.
#[derive(Debug)]
pub(crate) struct Postmaster {
    pub pid: i32,
    /// `None` for an adopted one and for one that has ended.
    child: Option<Child>,
    cluster: PathBuf,
}

impl Postmaster {
    /// The postmaster that serves a cluster, whoever started it.
    pub fn of(cluster: &Path) -> Result<Option<Postmaster>, ClusterError> {
        let file = PidFile::read(cluster)?.filter(|file| is_postmaster_of(file.pid, cluster));
        Ok(file.map(|file| Postmaster { pid: file.pid, child: None, cluster: cluster.to_path_buf() }))
    }

    /// Waits until it accepts connections. May be dropped and called again.
    pub async fn until_ready(
        &mut self,
        spec: &Spec,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<(), ClusterError> {
        let began = Instant::now();
        let mut said = Duration::ZERO;
        loop {
            let exited = match &mut self.child {
                Some(child) => child.try_wait().unwrap_or_default(),
                None => None,
            };
            if let Some(status) = exited {
                self.leave_alone();
                let (database, status, log) = (spec.database, status.to_string(), spec.log_tail());
                return Err(ClusterError::DidNotStart { database, status, log });
            }
            let file = PidFile::read(&self.cluster)?;
            if file.is_some_and(|file| file.pid == self.pid && file.status == "ready") {
                return Ok(());
            }
            let waited = began.elapsed();
            if waited > spec.start_timeout {
                return Err(spec.too_slow("start", spec.start_timeout));
            }
            if waited > said + Duration::from_secs(5) {
                said = waited;
                progress(Progress::StillStarting(spec.database, waited));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until the process ends, and says how. May be dropped and called again.
    pub async fn ended(&mut self) -> String {
        match &mut self.child {
            Some(child) => match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => format!("it cannot be waited for: {error}"),
            },
            None => {
                while is_postmaster_of(self.pid, &self.cluster) {
                    sleep(GUARD_EVERY).await;
                }
                "it is gone".to_owned()
            }
        }
    }

    /// Stops it and waits for its end. A fast shutdown that lasts too long becomes an immediate one.
    pub async fn stop(mut self, spec: &Spec, mode: StopMode) -> Result<(), ClusterError> {
        self.stop_within(mode, spec.stop_timeout).await.map_err(|error| match error {
            Some(error) => error,
            None => spec.too_slow("stop", spec.stop_timeout),
        })
    }

    /// Like [`Postmaster::stop`], where no more is known of the cluster; `Err(None)` when it does not end.
    pub async fn stop_within(
        &mut self,
        mode: StopMode,
        within: Duration,
    ) -> Result<(), Option<ClusterError>> {
        let order: &[Signal] = match mode {
            StopMode::Fast => &[Signal::SIGINT, Signal::SIGQUIT, Signal::SIGKILL],
            StopMode::Immediate => &[Signal::SIGQUIT, Signal::SIGKILL],
            StopMode::Kill => &[Signal::SIGKILL],
        };
        for each in order {
            signal(self.pid, *each)?;
            let ended = async {
                match &mut self.child {
                    Some(child) => {
                        let _ = child.wait().await;
                    }
                    None => {
                        while is_postmaster_of(self.pid, &self.cluster) {
                            sleep(LOOK_EVERY).await;
                        }
                    }
                }
            };
            if tokio::time::timeout(within, ended).await.is_ok() {
                self.leave_alone();
                return Ok(());
            }
        }
        Err(None)
    }

    /// Forgets the process: it has ended, or is not ours to stop.
    pub fn leave_alone(&mut self) {
        self.pid = 0;
        self.child = None;
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        let gone = match &mut self.child {
            Some(child) => child.try_wait().is_ok_and(|status| status.is_some()),
            None => self.pid == 0 || !is_postmaster_of(self.pid, &self.cluster),
        };
        if !gone {
            let _ = signal(self.pid, Signal::SIGINT);
        }
    }
}
