//! The doctor's report, for people and for programs.

use std::fmt::Write;

use serde_json::{Value, json};
use store::diagnose::Figures;

use super::Report;

/// For people.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = render(report, &mut text);
    text
}

fn render(report: &Report, out: &mut String) -> std::fmt::Result {
    for looked in &report.looked {
        let database = looked.database;
        if looked.refusals.is_empty() && looked.warnings.is_empty() {
            writeln!(out, "{database}: as it must be")?;
        }
        for refusal in &looked.refusals {
            writeln!(out, "{database}: FAULT: {refusal}\n    {}", refusal.advice())?;
        }
        for warning in &looked.warnings {
            writeln!(out, "{database}: warning: {warning}\n    {}", warning.advice())?;
        }
    }
    for (database, figures) in &report.figures {
        writeln!(out)?;
        match figures {
            Ok(figures) => {
                writeln!(
                    out,
                    "{database}: PostgreSQL {}, up {}",
                    figures.version,
                    duration(figures.uptime_s)
                )?;
                render_figures(figures, out)?;
            }
            Err(reason) => writeln!(out, "{database}: no figures ({reason})")?,
        }
    }
    if let Some(free) = report.free_bytes {
        writeln!(
            out,
            "\nfree on the disk of the data folder: {}",
            bytes(i64::try_from(free).unwrap_or(i64::MAX))
        )?;
    }
    Ok(())
}

fn render_figures(figures: &Figures, out: &mut String) -> std::fmt::Result {
    let ratio =
        figures.cache_hit_ratio.map_or_else(|| "unknown".to_owned(), |it| format!("{:.1} %", it * 100.0));
    let used: i64 = figures.connections.iter().map(|sessions| sessions.count).sum();
    let (slots_used, slots) = figures.prepared_slots;
    writeln!(out, "  size on disk        {}", bytes(figures.size_bytes))?;
    writeln!(out, "  cache hits          {ratio}")?;
    writeln!(out, "  connections         {used} of {}", figures.max_connections)?;
    for sessions in &figures.connections {
        writeln!(out, "    {:>5}  {}, {}", sessions.count, sessions.application, sessions.state)?;
    }
    writeln!(
        out,
        "  in doubt            {} (oldest {}), quarantined {}, prepared slots {slots_used} of {slots}",
        figures.in_doubt,
        duration(figures.in_doubt_oldest_s),
        figures.quarantined
    )?;
    writeln!(out, "  deadlocks           {}", figures.deadlocks)?;
    for session in &figures.long_running {
        writeln!(
            out,
            "  long-running        pid {}, {}, {} for {}{}{}",
            session.pid,
            session.application,
            session.state,
            duration(session.seconds),
            if session.wait.is_empty() { "" } else { ", waits for " },
            session.wait
        )?;
    }
    for waiting in &figures.waiting {
        let named = |pid: &i32| match pid {
            0 => "a prepared transaction".to_owned(),
            pid => format!("pid {pid}"),
        };
        let by: Vec<_> = waiting.blocked_by.iter().map(named).collect();
        writeln!(
            out,
            "  waits for a lock    pid {} for {}, held by {}",
            waiting.pid,
            duration(waiting.seconds),
            by.join(", ")
        )?;
    }
    for standby in &figures.standbys {
        writeln!(
            out,
            "  standby             {}, {}, {} behind",
            standby.name,
            standby.state,
            bytes(standby.lag_bytes)
        )?;
    }
    writeln!(out, "  largest tables")?;
    for table in &figures.tables {
        writeln!(
            out,
            "    {:>10}  {} ({} rows, {} dead)",
            bytes(table.bytes),
            table.name,
            table.rows,
            table.dead_rows
        )?;
    }
    Ok(())
}

/// For programs.
pub fn json(report: &Report) -> Value {
    let databases = report.looked.iter().zip(&report.figures).map(|(looked, (database, figures))| {
        let refusals = looked.refusals.iter();
        let warnings = looked.warnings.iter();
        json!({
            "database": database.name(),
            "faults": refusals.map(|it| json!({"fault": it.to_string(), "advice": it.advice()})).collect::<Vec<_>>(),
            "warnings": warnings
                .map(|it| json!({"warning": it.to_string(), "advice": it.advice()}))
                .collect::<Vec<_>>(),
            "figures": figures.as_ref().map_or(Value::Null, figures_json),
        })
    });
    json!({ "databases": databases.collect::<Vec<_>>(), "data_folder_free_bytes": report.free_bytes })
}

fn figures_json(figures: &Figures) -> Value {
    let (slots_used, slots) = figures.prepared_slots;
    json!({
        "version": figures.version,
        "uptime_s": figures.uptime_s,
        "size_bytes": figures.size_bytes,
        "cache_hit_ratio": figures.cache_hit_ratio,
        "deadlocks": figures.deadlocks,
        "max_connections": figures.max_connections,
        "connections": figures.connections.iter().map(|it| json!({
            "application": it.application, "state": it.state, "count": it.count,
        })).collect::<Vec<_>>(),
        "long_running": figures.long_running.iter().map(|it| json!({
            "pid": it.pid, "application": it.application, "state": it.state, "seconds": it.seconds, "wait": it.wait,
        })).collect::<Vec<_>>(),
        "waiting_for_locks": figures.waiting.iter().map(|it| json!({
            "pid": it.pid, "blocked_by": it.blocked_by, "seconds": it.seconds,
        })).collect::<Vec<_>>(),
        "tables": figures.tables.iter().map(|it| json!({
            "name": it.name, "bytes": it.bytes, "rows": it.rows, "dead_rows": it.dead_rows,
        })).collect::<Vec<_>>(),
        "standbys": figures.standbys.iter().map(|it| json!({
            "name": it.name, "state": it.state, "lag_bytes": it.lag_bytes,
        })).collect::<Vec<_>>(),
        "in_doubt": figures.in_doubt,
        "in_doubt_oldest_s": figures.in_doubt_oldest_s,
        "quarantined": figures.quarantined,
        "prepared_slots_used": slots_used,
        "prepared_slots": slots,
    })
}

fn bytes(bytes: i64) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if amount.abs() < 1_024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{amount:.1} {unit}") };
        }
        amount /= 1_024.0;
    }
    format!("{amount:.1} TiB")
}

fn duration(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_said_in_units_that_people_read() {
        assert_eq!([0, 1_023, 1_536, 5 << 30].map(bytes), ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
        assert_eq!([59, 60, 7_200, 200_000].map(duration), ["59 s", "1 min", "2 h", "2 d"]);
    }
}
