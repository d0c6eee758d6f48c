//! The server that is measured: this program again, as a child process on a folder of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::error::BenchError;
use crate::config;

/// Longest wait for the end: a request in flight, three shutdown checkpoints.
const STOP: Duration = Duration::from_secs(90);
/// The line that says where requests are answered.
const READY: &str = "Ready ";

/// The child. Dropping it asks it to end, but does not wait; [`Server::stop`] does.
pub struct Server {
    child: Child,
    data_dir: PathBuf,
}

impl Server {
    /// Starts it.
    ///
    /// # Errors
    /// [`BenchError::Io`].
    pub fn launch() -> Result<Server, BenchError> {
        let data_dir = std::env::temp_dir().join(format!("salus-bench-{}", Uuid::new_v4().simple()));
        let program = std::env::current_exe().map_err(BenchError::io("find this program"))?;
        let mut command = Command::new(program);
        // What else the environment says, such as where PostgreSQL is, holds for the child too.
        let kept = ["SALUS_PG_BIN", "SALUS_NO_FETCH"];
        for variable in config::variables().filter(|variable| !kept.contains(&variable.name)) {
            for name in variable.aliases.iter().chain([&variable.name]) {
                command.env_remove(name);
            }
        }
        command
            .arg("serve")
            .env("SALUS_HTTP_ADDR", "127.0.0.1:0")
            .env("SALUS_DATA_DIR", &data_dir)
            // One user sends everything; and a terminal that takes a line for each request would be measured too.
            .env("SALUS_RATE_LIMIT", "off")
            .env("SALUS_LOG", "info,access=warn,sqlx=warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // A group of its own: Ctrl-C reaches us alone, and we end it in order.
            .process_group(0);
        let child = command.spawn().map_err(BenchError::io("start the server"))?;
        Ok(Server { child, data_dir })
    }

    /// Waits until it answers requests; gives the address.
    ///
    /// # Errors
    /// [`BenchError::NotStarted`] where it ends instead.
    pub async fn ready(&mut self) -> Result<SocketAddr, BenchError> {
        let stdout = self.child.stdout.take().ok_or(BenchError::NotStarted)?;
        let mut lines = BufReader::new(stdout).lines();
        let address = loop {
            let line = lines.next_line().await.map_err(BenchError::io("listen to the server"))?;
            let line = line.ok_or(BenchError::NotStarted)?;
            if line.starts_with(READY)
                && let Some((_, address)) = line.split_once("http://")
            {
                break address.parse().map_err(|_| BenchError::NotStarted)?;
            }
        };
        // What it says later is read, so that it never waits for a reader.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(address)
    }

    /// Its process.
    ///
    /// # Errors
    /// [`BenchError::NotStarted`] where it has ended.
    pub fn pid(&self) -> Result<u32, BenchError> {
        self.child.id().ok_or(BenchError::NotStarted)
    }

    /// Its folder.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Ends it and its clusters, and removes all that they left.
    ///
    /// # Errors
    /// [`BenchError::NotStopped`] where it had to be killed; [`BenchError::Cluster`] and [`BenchError::Io`] where
    /// something is left.
    pub async fn stop(mut self) -> Result<(), BenchError> {
        self.ask_to_end();
        let killed = match tokio::time::timeout(STOP, self.child.wait()).await {
            Ok(ended) => {
                ended.map_err(BenchError::io("wait for the server"))?;
                false
            }
            Err(_) => {
                self.child.kill().await.map_err(BenchError::io("kill the server"))?;
                true
            }
        };
        if self.data_dir.exists() {
            // Stops clusters that a killed server left, and removes those that live elsewhere.
            match cluster::reset(&self.data_dir).await {
                // Interrupted before there were any.
                Ok(_) | Err(cluster::ClusterError::Foreign { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match tokio::fs::remove_dir_all(&self.data_dir).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BenchError::io("remove the server's folder")(error));
            }
            _ => {}
        }
        if killed { Err(BenchError::NotStopped) } else { Ok(()) }
    }

    fn ask_to_end(&self) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // It may have ended in this moment.
            kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ask_to_end();
    }
}
