//! The table.

use std::fmt;
use std::time::Duration;

use super::load::Measured;
use super::meter::Memory;

/// Of the CPU time that a read costs, the least share that its SQL alone should cost.
const READ_RATIO: f64 = 0.40;
/// Resources that should be imported each second.
const IMPORT_PER_SECOND: f64 = 1_500.0;
/// Resident memory that the server should have at the most, MiB.
const RESIDENT_MIB: f64 = 150.0;

/// What the figures mean.
const NOTES: &str = "\
p50, p99: one request (import: one Bundle). us: CPU time of one request (import: one resource), microseconds.
PG: all processes of the three clusters. The baseline is the same SQL on raw connections, as many as before, without
HTTP, pool, retry or unsealing; its us are those of its client (base) and of PostgreSQL (base PG). It is
  for reads    the one statement, its row decoded, and the audit row, written in groups as the server does; in the
               second line the one statement alone
  for searches BEGIN with its settings, the statements of the search, COMMIT; no audit
  for creates  BEGIN, the write statement with its audit row, COMMIT; sealed and hashed before, no reference looked up
  for imports  the same for each database in turn, all rows of a Bundle in one statement; no paired commit
ratio: (base + base PG) / (server + PG).
";

/// One line.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was done.
    pub name: String,
    /// Over HTTP.
    pub server: Option<Measured>,
    /// The same SQL without the server.
    pub baseline: Option<Measured>,
}

impl Row {
    /// CPU time of the baseline in relation to that of the server.
    fn ratio(&self) -> Option<f64> {
        let (server, baseline) = (self.server.as_ref()?, self.baseline.as_ref()?);
        let whole = server.server_us? + server.postgres_us?;
        (whole > 0.0).then_some((baseline.ours_us? + baseline.postgres_us?) / whole)
    }
}

/// All that was measured; its text ends with whether each target was reached.
#[derive(Clone, Debug)]
pub struct Report {
    connections: usize,
    origin: String,
    /// The table.
    pub rows: Vec<Row>,
    /// The server's memory after the last phase.
    pub memory: Option<Memory>,
}

impl Report {
    /// Nothing yet.
    pub fn new(connections: usize, origin: &str) -> Report {
        Report { connections, origin: origin.to_owned(), rows: Vec::new(), memory: None }
    }

    /// Sets the baseline of the row of this name.
    pub fn set_baseline(&mut self, name: &str, baseline: Measured) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.name == name) {
            row.baseline = Some(baseline);
        }
    }

    fn targets(&self) -> Vec<(String, Option<bool>)> {
        let mut reads = self.rows.iter().skip_while(|row| !row.name.starts_with("read")).map(Row::ratio);
        let (read, bare) = (reads.next().flatten(), reads.next().flatten());
        let imports = self.rows.iter().filter(|row| row.name.starts_with("import"));
        let import = imports.filter_map(|row| row.server.as_ref()).map(|server| server.per_second);
        let import = import.reduce(f64::max);
        let resident = self.memory.map(|memory| memory.resident as f64 / 1_024.0);
        vec![
            (
                format!(
                    "read CPU ratio >= {READ_RATIO:.2}: {} ({} beside SQL without its audit)",
                    number(read, 2),
                    number(bare, 2)
                ),
                read.map(|ratio| ratio >= READ_RATIO),
            ),
            (
                format!("import >= {IMPORT_PER_SECOND} resources/s: {}", number(import, 0)),
                import.map(|import| import >= IMPORT_PER_SECOND),
            ),
            (
                format!(
                    "resident memory <= {RESIDENT_MIB} MiB after the run: {} MiB (at most {} MiB)",
                    number(resident, 0),
                    number(self.memory.map(|memory| memory.peak as f64 / 1_024.0), 0)
                ),
                resident.map(|resident| resident <= RESIDENT_MIB),
            ),
        ]
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let built =
            if cfg!(debug_assertions) { "debug build: figures mean nothing" } else { "release build" };
        writeln!(f, "\n{}; {} connections, {cores} cores, {built}\n", self.origin, self.connections)?;
        let mut table = vec![
            [
                "phase",
                "per s",
                "p50 ms",
                "p99 ms",
                "server us",
                "PG us",
                "base/s",
                "p50 ms",
                "base us",
                "base PG",
                "ratio",
            ]
            .map(str::to_owned),
        ];
        table.extend(self.rows.iter().map(cells));
        let mut widths = [0; 11];
        for row in &table {
            widths.iter_mut().zip(row).for_each(|(width, cell)| *width = (*width).max(cell.len()));
        }
        for row in &table {
            let mut line = format!("{:<1$}", row[0], widths[0]);
            for (cell, width) in row.iter().zip(widths).skip(1) {
                line.push_str(&format!("  {cell:>width$}"));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f, "\n{NOTES}")?;
        for (target, reached) in self.targets() {
            let word = match reached {
                Some(true) => "reached",
                Some(false) => "MISSED",
                None => "n/a",
            };
            writeln!(f, "{word:<8} {target}")?;
        }
        Ok(())
    }
}

fn cells(row: &Row) -> [String; 11] {
    let (server, base) = (row.server.as_ref(), row.baseline.as_ref());
    let per_second = |measured: Option<&Measured>| number(measured.map(|measured| measured.per_second), 0);
    let time = |measured: Option<&Measured>, of: fn(&Measured) -> Duration| {
        number(measured.map(|measured| of(measured).as_secs_f64() * 1e3), 2)
    };
    let cpu =
        |measured: Option<&Measured>, of: fn(&Measured) -> Option<f64>| number(measured.and_then(of), 1);
    [
        row.name.clone(),
        per_second(server),
        time(server, |measured| measured.median),
        time(server, |measured| measured.p99),
        cpu(server, |measured| measured.server_us),
        cpu(server, |measured| measured.postgres_us),
        per_second(base),
        time(base, |measured| measured.median),
        cpu(base, |measured| measured.ours_us),
        cpu(base, |measured| measured.postgres_us),
        number(row.ratio(), 2),
    ]
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "n/a".to_owned(), |value| format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(per_second: f64, server_us: f64, postgres_us: f64, ours_us: f64) -> Option<Measured> {
        Some(Measured {
            per_second,
            median: Duration::from_micros(500),
            p99: Duration::from_millis(2),
            server_us: Some(server_us),
            postgres_us: Some(postgres_us),
            ours_us: Some(ours_us),
        })
    }

    fn report(import: f64, resident: u64, base_us: f64) -> Report {
        let mut report = Report::new(8, "invented");
        let row = |name: &str, server, baseline| Row { name: name.to_owned(), server, baseline };
        let read = measured(10_000.0, 50.0, 50.0, 5.0);
        report.rows = vec![
            row("import, one connection", measured(import, 1.0, 1.0, 1.0), None),
            row("read by id", read.clone(), measured(15_000.0, 0.0, 30.0, base_us)),
            row("  beside SQL without its audit", read, measured(20_000.0, 0.0, 20.0, base_us)),
        ];
        report.memory = Some(Memory { resident: resident * 1_024, peak: 200 * 1_024 });
        report
    }

    #[test]
    fn a_read_is_judged_beside_the_same_sql_with_its_audit() {
        let reached =
            |report: Report| report.targets().into_iter().map(|(_, reached)| reached).collect::<Vec<_>>();
        assert_eq!(reached(report(1_500.0, 150, 10.0)), [Some(true); 3]);
        assert_eq!(reached(report(1_499.0, 151, 9.0)), [Some(false); 3]);
        assert_eq!(reached(Report::new(8, "nothing")), [None; 3]);
    }

    #[test]
    fn columns_are_aligned_and_what_is_unknown_is_said() {
        let text = report(1_500.0, 150, 10.0).to_string();
        let lines: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("phase")).take(4).collect();
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{text}");
        assert!(lines[1].ends_with("n/a") && lines[2].ends_with("0.40"), "{text}");
        assert!(text.contains("reached  import >= 1500 resources/s: 1500"), "{text}");
    }
}
