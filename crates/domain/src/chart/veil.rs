//! What is about a patient shows nothing of itself in `Debug`, so that no log can tell it.

/// Gives types a `Debug` that says their name only.
macro_rules! veiled {
    ($($name:ident),+) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "([phi])"))
            }
        }
    )+};
}

pub(super) use veiled;

#[cfg(test)]
mod tests {
    use crate::chart::problem::Problem;
    use crate::chart::summary::Charted;
    use crate::chart::{Concept, Decimal};

    #[test]
    fn nothing_of_a_patient_stands_in_debug() {
        let problem = Problem { code: Some(Concept::named("secret")), ..Problem::default() };
        let charted = Charted {
            id: "1".to_owned(),
            version: 1,
            patient: "p".to_owned(),
            last_updated: chrono::DateTime::UNIX_EPOCH,
            recorded_by: None,
            recorded_at: None,
            entry: problem.clone(),
        };
        let shown = format!("{charted:?} {problem:?} {:?} {:?}", problem.code, Decimal::from_tenths(777));
        assert!(!shown.contains("secret") && !shown.contains("77"), "{shown}");
        assert!(shown.contains("Problem([phi])"), "{shown}");
    }
}
