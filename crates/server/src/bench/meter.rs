//! CPU time and memory of the server, of PostgreSQL and of ourselves, as `/proc` has them (proc(5)).

use std::fs;
use std::ops::Sub;
use std::time::Duration;

/// `/proc` counts CPU time in hundredths of a second, on every architecture that we know (USER_HZ, time(7)).
const TICK: Duration = Duration::from_millis(10);

/// The processes that are looked at.
#[derive(Clone, Debug)]
pub struct Meter {
    server: u32,
    postmasters: Vec<u32>,
}

/// CPU time used so far, by whom. None where there is no `/proc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cpu {
    /// The server's process.
    pub server: Option<Duration>,
    /// The postmasters and all their children, those that have ended too.
    pub postgres: Option<Duration>,
    /// This process.
    pub ours: Option<Duration>,
}

impl Sub for Cpu {
    type Output = Cpu;

    fn sub(self, before: Cpu) -> Cpu {
        let less = |after: Option<Duration>, before: Option<Duration>| {
            after.zip(before).map(|(after, before)| after.saturating_sub(before))
        };
        Cpu {
            server: less(self.server, before.server),
            postgres: less(self.postgres, before.postgres),
            ours: less(self.ours, before.ours),
        }
    }
}

/// Memory of the server's process, KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// Resident at the most.
    pub peak: u64,
}

impl Meter {
    /// Looks at these.
    pub fn new(server: u32, postmasters: Vec<u32>) -> Meter {
        Meter { server, postmasters }
    }

    /// What was used until now.
    pub fn cpu(&self) -> Cpu {
        Cpu {
            server: stat(self.server).map(|stat| stat.own),
            postgres: self.postgres(),
            ours: stat(std::process::id()).map(|stat| stat.own),
        }
    }

    fn postgres(&self) -> Option<Duration> {
        let mut sum = Duration::ZERO;
        for pid in &self.postmasters {
            let stat = stat(*pid)?;
            sum += stat.own + stat.ended_children;
        }
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let child = pid.and_then(stat).filter(|stat| self.postmasters.contains(&stat.parent));
            sum += child.map_or(Duration::ZERO, |child| child.own);
        }
        Some(sum)
    }

    /// The server's memory now.
    pub fn memory(&self) -> Option<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server)).ok()?;
        Some(Memory { resident: kibibytes(&status, "VmRSS:")?, peak: kibibytes(&status, "VmHWM:")? })
    }
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// One process.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    parent: u32,
    own: Duration,
    ended_children: Duration,
}

fn stat(pid: u32) -> Option<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name, in parentheses, may hold anything; what follows the last one is fields 3 and on.
fn parse(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<u32>().ok().map(|ticks| TICK * ticks);
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: ticks(14)? + ticks(15)?,
        ended_children: ticks(16)? + ticks(17)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194304 9 9 9 9 100 20 3 4 20 0 8 0 1 1 1";
        let wanted =
            Stat { parent: 7, own: Duration::from_millis(1_200), ended_children: Duration::from_millis(70) };
        assert_eq!(parse(text), Some(wanted));
        assert_eq!(parse("42 (a"), None);
    }

    #[test]
    fn memory_is_read_in_kibibytes() {
        let status = "VmPeak:\t  999 kB\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(200));
        assert_eq!(kibibytes(status, "VmSwap:"), None);
    }

    #[test]
    fn work_takes_time() {
        let meter = Meter::new(std::process::id(), vec![std::process::id()]);
        let before = meter.cpu();
        if before.ours.is_none() {
            return;
        }
        // The three are read one after another, so none need equal another.
        let seen = |cpu: Cpu| {
            [cpu.server, cpu.postgres, cpu.ours].iter().all(|time| time.is_some_and(|time| !time.is_zero()))
        };
        let began = std::time::Instant::now();
        let mut number = 0u64;
        while !seen(meter.cpu() - before) {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "work is not seen: {:?}",
                meter.cpu() - before
            );
            for _ in 0..1 << 22 {
                number = std::hint::black_box(number.wrapping_add(1));
            }
        }
    }
}
