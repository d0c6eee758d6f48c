//! What is said while a demonstration is written, and what was written.

use std::collections::BTreeMap;
use std::fmt;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use services::bootstrap::ADMINISTRATOR;

use super::PASSWORD;
use super::people::CLINIC_ADMINISTRATOR;
use crate::say;

/// How far it is: a bar on a terminal, ten lines elsewhere.
pub enum Progress {
    /// A bar.
    Bar(ProgressBar),
    /// So many of so many.
    Lines(AtomicU32, u32),
}

impl Progress {
    /// Of so many patients.
    pub fn of(patients: u32) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress::Lines(AtomicU32::new(0), patients);
        }
        let bar = ProgressBar::new(u64::from(patients));
        let style = ProgressStyle::with_template("  {bar:40} {pos}/{len} patients, {eta} left");
        Progress::Bar(style.map(|style| bar.clone().with_style(style)).unwrap_or(bar))
    }

    /// Another patient was written.
    pub fn one_more(&self) {
        match self {
            Progress::Bar(bar) => bar.inc(1),
            Progress::Lines(done, all) => {
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                let tenth = |done: u32| u64::from(done) * 10 / u64::from((*all).max(1));
                if tenth(done) > tenth(done - 1) {
                    say::progress(format_args!("  {done} of {all} patients"));
                }
            }
        }
    }

    /// All were.
    pub fn finish(&self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// What was written.
#[derive(Debug, Default)]
pub struct Report {
    /// Organizations of the demonstration.
    pub organizations: u64,
    /// Accounts made.
    pub users: u64,
    /// Records made, by type.
    pub records: BTreeMap<&'static str, u64>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Report {
    /// A record of this type was made.
    pub fn count(&mut self, resource_type: &'static str) {
        *self.records.entry(resource_type).or_default() += 1;
    }

    /// Adds what somebody else wrote.
    pub fn add(&mut self, other: &Report) {
        for (resource_type, count) in &other.records {
            *self.records.entry(resource_type).or_default() += count;
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: u64 = self.records.values().sum();
        let seconds = self.elapsed.as_secs_f64();
        let mut line = |what: &str, count: u64| writeln!(f, "  {what:<24}{count:>10}");
        line("organizations", self.organizations)?;
        line("users", self.users)?;
        for (resource_type, count) in &self.records {
            line(resource_type, *count)?;
        }
        line("records in all", all)?;
        writeln!(f, "  in {seconds:.1} s, {:.0} records/s", all as f64 / seconds.max(0.001))?;
        writeln!(
            f,
            "Users: doctor1, nurse1, clerk1 ... of the hospital; clinic-doctor1, clinic-nurse1 ...,"
        )?;
        writeln!(f, "{CLINIC_ADMINISTRATOR} of the clinic. The password of all of them: {PASSWORD}")?;
        writeln!(f, "The hospital's administrator is {ADMINISTRATOR}, whose password is where it was.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_adds_up() {
        let mut report = Report { elapsed: Duration::from_secs(2), ..Report::default() };
        for resource_type in ["Patient", "Patient", "Encounter"] {
            report.count(resource_type);
        }
        let mut other = Report::default();
        other.count("Patient");
        report.add(&other);
        let said = report.to_string();
        let columns = |what: &str| {
            let line = said.lines().find(|line| line.trim_start().starts_with(what)).unwrap();
            line.split_whitespace().last().unwrap().to_owned()
        };
        assert_eq!((columns("Patient").as_str(), columns("Encounter").as_str()), ("3", "1"));
        assert_eq!(columns("records in all"), "4");
        assert!(said.contains("in 2.0 s, 2 records/s"), "{said}");
        assert!(said.contains(PASSWORD));
    }
}
