//! The real binary on a data directory of its own. It ends with this process, however that ends.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use test_support::TestFolder;

use crate::client::{Client, text};

/// Says the server's pid, and kills the server when the pipe to this script ends.
const LEASH: &str = r#"
exec 3<&0
"$0" "$@" </dev/null 3<&- &
pid=$!
echo "$pid"
(read -r _ <&3; kill -KILL "$pid") >/dev/null 2>&1 &
exec 3<&-
wait "$pid"
"#;

/// A data directory, and what runs on it.
pub struct Salus {
    folder: TestFolder,
    running: Option<Running>,
    pub settings: Vec<(&'static str, String)>,
    /// What [`Salus::start`] runs the program with.
    pub arguments: Vec<&'static str>,
    log: Arc<Mutex<Vec<String>>>,
}

struct Running {
    wrapper: Child,
    pid: Pid,
    client: Client,
    _leash: ChildStdin,
}

impl Salus {
    /// A data directory on which nothing was started yet.
    pub fn new() -> Salus {
        Salus {
            folder: TestFolder::create(),
            running: None,
            settings: Vec::new(),
            arguments: Vec::new(),
            log: Arc::default(),
        }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn environment(&self, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let ours = text.starts_with("SALUS_") || text.contains("_DATABASE_URL") || text.contains("_DB_");
            if ours && name != "SALUS_PG_BIN" {
                command.env_remove(name);
            }
        }
        command.env("SALUS_HTTP_ADDR", "127.0.0.1:0").env("SALUS_DATA_DIR", self.data_dir());
        // All tests come from one address and most as one user.
        command.env("SALUS_RATE_LIMIT", "off");
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
    }

    /// Starts the server and waits until it says that it is ready.
    pub fn start(&mut self) -> Duration {
        assert!(self.running.is_none());
        let began = Instant::now();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LEASH, env!("CARGO_BIN_EXE_salus")]).args(&self.arguments);
        self.environment(&mut command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut wrapper = command.spawn().unwrap();
        let mut lines = BufReader::new(wrapper.stdout.take().unwrap()).lines();
        let errors = BufReader::new(wrapper.stderr.take().unwrap()).split(b'\n');
        let log = Arc::clone(&self.log);
        let errors = std::thread::spawn(move || {
            for line in errors.map_while(Result::ok) {
                log.lock().unwrap().push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        let pid = lines.next().unwrap().unwrap().parse().unwrap();
        let ready = lines.find_map(|line| {
            let line = line.unwrap();
            line.strip_prefix("Ready ")
                .and_then(|line| line.split_once("http://"))
                .map(|(_, at)| at.to_owned())
        });
        let Some(address) = ready else {
            errors.join().unwrap();
            panic!("the server did not start: {}", self.log().join("\n"));
        };
        // What it says later is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let client = Client { address: address.parse().unwrap(), token: None };
        let leash = wrapper.stdin.take().unwrap();
        self.running = Some(Running { wrapper, pid: Pid::from_raw(pid), client, _leash: leash });
        began.elapsed()
    }

    /// What it wrote to its standard error so far, line by line.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// A client without a token.
    pub fn client(&self) -> Client {
        self.running().client.clone()
    }

    /// A client with the administrator's token.
    pub async fn administrator(&self) -> Client {
        let password = std::fs::read_to_string(self.data_dir().join("admin-password")).unwrap();
        self.log_in(password.trim()).await
    }

    /// The clusters of the data directory, while no server runs on it.
    pub async fn clusters(&self) -> cluster::Clusters {
        let mut options = cluster::Options::new(self.data_dir());
        options.binaries = std::env::var_os("SALUS_PG_BIN").map(PathBuf::from);
        cluster::Clusters::start(options, |_| {}).await.unwrap()
    }

    /// A client with the token of an administrator who has this password.
    pub async fn log_in(&self, password: &str) -> Client {
        let client = self.client();
        let answer = client.log_in("admin", password).await;
        let token = text(&answer.json()["access_token"]);
        assert!(!token.is_empty(), "{answer:?}");
        Client { token: Some(token), ..client }
    }

    /// Sends the signal and waits for the end; gives whether the server ended by its own will and without an
    /// error.
    pub fn end(&mut self, signal: Signal) -> bool {
        let mut running = self.running.take().unwrap();
        kill(running.pid, signal).unwrap();
        running.wrapper.wait().unwrap().success()
    }

    /// Runs the program with these arguments to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The program with these arguments, to be run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_salus"));
        self.environment(&mut command);
        command.args(arguments).stdin(Stdio::null());
        command
    }
}

/// The server that the tests share which only send requests. Made by whoever comes first.
pub async fn shared() -> Client {
    static SHARED: OnceLock<Salus> = OnceLock::new();
    static TOKEN: tokio::sync::OnceCell<Client> = tokio::sync::OnceCell::const_new();
    let salus = tokio::task::spawn_blocking(|| {
        SHARED.get_or_init(|| {
            let mut salus = Salus::new();
            salus.start();
            salus
        })
    });
    let salus = salus.await.unwrap();
    TOKEN.get_or_init(|| salus.administrator()).await.clone()
}
