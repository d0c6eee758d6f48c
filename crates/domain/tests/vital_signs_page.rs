//! `docs/vital-signs.md` shows the table of vital signs as the code has it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test says what it expects by failing.

use std::path::Path;

use domain::chart::Decimal;
use domain::chart::vital_signs::Consciousness;
use domain::chart::vital_signs::table::{BLOOD_PRESSURE, Member, TABLE, consciousness_level};

const BEGIN: &str = "<!-- table: made from crates/domain/src/chart/vital_signs/table.rs -->\n";
const END: &str = "<!-- end of table -->\n";

fn shown(tenths: i64) -> String {
    Decimal::from_tenths(tenths).number().to_string()
}

fn table() -> String {
    let mut lines = vec![
        "| member | LOINC | unit (UCUM) | taken from, to | digits behind the point | alerts |".to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    for row in TABLE {
        let codes: Vec<String> =
            [Some(row.loinc), row.also].into_iter().flatten().map(str::to_owned).collect();
        let component = matches!(row.member, Member::Systolic | Member::Diastolic);
        let within = if component { format!(" in {}", BLOOD_PRESSURE.0) } else { String::new() };
        let (unit, range, places) = match row.member {
            Member::Consciousness => {
                let states: Vec<_> = Consciousness::ALL.iter().map(|state| state.code()).collect();
                (String::new(), states.join(", "), String::new())
            }
            Member::BodyMassIndex => {
                (format!("`{}`", row.unit), "computed".to_owned(), row.places.to_string())
            }
            _ => {
                let (lowest, highest) = row.range;
                let range = format!("{} to {}", shown(lowest), shown(highest));
                (format!("`{}`", row.unit), range, row.places.to_string())
            }
        };
        let limits = row.thresholds.iter().map(|it| {
            format!("{} {}: {} ({})", it.side.sign(), shown(it.tenths), it.level.name(), it.meaning)
        });
        let states = Consciousness::ALL.iter().filter(|_| row.member == Member::Consciousness);
        let states =
            states.filter_map(|it| Some(format!("{}: {}", it.code(), consciousness_level(*it)?.name())));
        let alerts: Vec<String> = limits.chain(states).collect();
        let alerts = if alerts.is_empty() { "none".to_owned() } else { alerts.join("<br>") };
        let codes = codes.join(", ");
        let member = row.member.code();
        lines.push(format!("| `{member}` | {codes}{within} | {unit} | {range} | {places} | {alerts} |"));
    }
    lines.push(String::new());
    lines.push("Where the figures come from:".to_owned());
    lines.push(String::new());
    for row in TABLE {
        lines.push(format!("* `{}`: {}.", row.member.code(), row.source));
    }
    lines.join("\n") + "\n"
}

/// Run with `SALUS_WRITE_DOCS=1` to write the page's table anew.
#[test]
fn the_page_shows_the_table_that_the_code_has() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/vital-signs.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has a place for the table");
    let (there, after) = rest.split_once(END).expect("the place has an end");
    if std::env::var_os("SALUS_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        return;
    }
    assert_eq!(there, table(), "run with SALUS_WRITE_DOCS=1 and look at what has changed");
}
