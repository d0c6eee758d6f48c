//! A small process that outlives the tests by a moment and clears up after them.
//!
//! Statics are never dropped and tests are killed, so no destructor can be relied on. The watchdog waits for
//! the end of a pipe whose other end only this process holds: however the process ends, the pipe does.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// `$1` is the folder of the clusters. A pid is only signalled if its process works in that very cluster.
const SCRIPT: &str = r#"
trap '' INT HUP TERM PIPE
read -r _
serves() {
    if [ -d /proc/self ]; then
        [ "$(readlink "/proc/$1/cwd")" = "$2" ]
    else
        ps -o command= -p "$1" | grep -qF -- "-D $2"
    fi
}
running() {
    find "$folder" -name postmaster.pid | while IFS= read -r file; do
        pid=$(head -n 1 "$file" 2>/dev/null)
        case "$pid" in '' | *[!0-9]*) continue ;; esac
        if serves "$pid" "${file%/postmaster.pid}"; then echo "$pid"; fi
    done
}
folder=$1
for signal in QUIT QUIT KILL; do
    for pid in $(running); do kill -s "$signal" "$pid"; done
    tries=0
    while [ -n "$(running)" ] && [ "$tries" -lt 50 ]; do
        tries=$((tries + 1))
        sleep 0.1 || sleep 1
    done
done
rm -rf -- "$folder"
"#;

/// Clears up when it is dropped or when the process that holds it ends.
#[derive(Debug)]
pub(crate) struct Watchdog {
    _pipe: Option<ChildStdin>,
    _process: Child,
}

impl Watchdog {
    /// Guards every cluster in `folder`, and `folder` itself.
    pub fn guard(folder: &Path) -> io::Result<Watchdog> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, "salus-test-watchdog"]).arg(folder).current_dir("/").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        Ok(Watchdog { _pipe: process.stdin.take(), _process: process })
    }
}
