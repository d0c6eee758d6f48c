//! What can be measured: the one table of codes, units, ranges and alert levels.
//!
//! Hospitals' systems disagree about ranges and levels, some with themselves. Each figure here says by which rule it
//! was chosen; `docs/vital-signs.md` shows the same table, and a test compares the two.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Consciousness;
use crate::chart::Decimal;
use crate::chart::codes::codes;
use crate::fault::Faults;

codes! {
    /// A measurement: the member of a set.
    #[schemars(rename = "VitalSign")]
    Member {
        /// Body temperature.
        BodyTemperature = "body_temperature",
        /// The higher blood pressure.
        Systolic = "systolic",
        /// The lower blood pressure.
        Diastolic = "diastolic",
        /// Heart rate.
        HeartRate = "heart_rate",
        /// Respiratory rate.
        RespiratoryRate = "respiratory_rate",
        /// Oxygen saturation of arterial blood.
        OxygenSaturation = "oxygen_saturation",
        /// Glucose in blood.
        Glucose = "glucose",
        /// How strong pain is, as the patient says.
        Pain = "pain",
        /// Body weight.
        Weight = "weight",
        /// Body height.
        Height = "height",
        /// Weight over the square of height; computed.
        BodyMassIndex = "body_mass_index",
        /// Glasgow coma score.
        GlasgowComaScore = "glasgow_coma_score",
        /// How awake the patient is.
        Consciousness = "consciousness",
    }
}

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AlertLevel")]
pub enum Level {
    /// In time.
    Low,
    /// Soon.
    Medium,
    /// Now.
    High,
    /// At once.
    Critical,
}

impl Level {
    /// The name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Low => "low",
            Level::Medium => "medium",
            Level::High => "high",
            Level::Critical => "critical",
        }
    }
}

/// On which side of a limit a value gives the alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Below it.
    Below,
    /// At or below it.
    AtMost,
    /// Above it.
    Above,
    /// At or above it.
    AtLeast,
}

impl Side {
    /// As a sign.
    pub const fn sign(self) -> &'static str {
        match self {
            Side::Below => "<",
            Side::AtMost => "<=",
            Side::Above => ">",
            Side::AtLeast => ">=",
        }
    }

    /// Whether the alarm is about values that are too low.
    pub const fn is_low(self) -> bool {
        match self {
            Side::Below | Side::AtMost => true,
            Side::Above | Side::AtLeast => false,
        }
    }

    fn holds(self, order: Ordering) -> bool {
        match self {
            Side::Below => order == Ordering::Less,
            Side::AtMost => order != Ordering::Greater,
            Side::Above => order == Ordering::Greater,
            Side::AtLeast => order != Ordering::Less,
        }
    }
}

/// A limit that gives an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// On which side of it.
    pub side: Side,
    /// The limit, tenths.
    pub tenths: i64,
    /// How soon somebody should look.
    pub level: Level,
    /// What it is called.
    pub meaning: &'static str,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// The member.
    pub member: Member,
    /// LOINC's code.
    pub loinc: &'static str,
    /// LOINC's name.
    pub display: &'static str,
    /// A further LOINC code that the FHIR record carries, and under which records of others are found.
    pub also: Option<&'static str>,
    /// The unit, as UCUM writes it; empty for what has none.
    pub unit: &'static str,
    /// The unit as people write it.
    pub unit_shown: &'static str,
    /// The lowest and the highest value that is taken, tenths.
    pub range: (i64, i64),
    /// Digits behind the point, at most.
    pub places: u32,
    /// Limits that give an alarm, on each side the worst first.
    pub thresholds: &'static [Threshold],
    /// By which rule the figures were chosen.
    pub source: &'static str,
}

const fn below(tenths: i64, level: Level, meaning: &'static str) -> Threshold {
    Threshold { side: Side::Below, tenths, level, meaning }
}

const fn at_most(tenths: i64, level: Level, meaning: &'static str) -> Threshold {
    Threshold { side: Side::AtMost, tenths, level, meaning }
}

const fn above(tenths: i64, level: Level, meaning: &'static str) -> Threshold {
    Threshold { side: Side::Above, tenths, level, meaning }
}

const fn at_least(tenths: i64, level: Level, meaning: &'static str) -> Threshold {
    Threshold { side: Side::AtLeast, tenths, level, meaning }
}

/// The code of the panel: vital signs, weight, height, head circumference, oxygen saturation and BMI panel.
pub const PANEL: (&str, &str) =
    ("85353-1", "Vital signs, weight, height, head circumference, oxygen saturation and BMI panel");
/// The code of blood pressure, whose components are the systolic and the diastolic pressure.
pub const BLOOD_PRESSURE: (&str, &str) = ("85354-9", "Blood pressure panel with all children optional");

use Level::{Critical, High, Low, Medium};

/// Every measurement, in the order of [`Member::ALL`].
pub const TABLE: &[Measurement] = &[
    Measurement {
        member: Member::BodyTemperature,
        loinc: "8310-5",
        display: "Body temperature",
        also: None,
        unit: "Cel",
        unit_shown: "°C",
        range: (300, 450),
        places: 1,
        thresholds: &[
            below(350, High, "hypothermia"),
            below(360, Medium, "low temperature"),
            below(361, Low, "lowered temperature"),
            at_least(394, Critical, "very high fever"),
            above(385, High, "high fever"),
            at_least(380, Medium, "fever"),
            above(375, Low, "raised temperature"),
        ],
        source: "range: the narrower of 30-45 and 29-46; levels: every limit that any system has, so that the \
                 earliest one counts on each step",
    },
    Measurement {
        member: Member::Systolic,
        loinc: "8480-6",
        display: "Systolic blood pressure",
        also: None,
        unit: "mm[Hg]",
        unit_shown: "mmHg",
        range: (500, 2500),
        places: 0,
        thresholds: &[
            below(900, High, "hypotension"),
            at_least(1800, Critical, "hypertensive crisis"),
            at_least(1400, High, "hypertension"),
        ],
        source: "the systems agree",
    },
    Measurement {
        member: Member::Diastolic,
        loinc: "8462-4",
        display: "Diastolic blood pressure",
        also: None,
        unit: "mm[Hg]",
        unit_shown: "mmHg",
        range: (300, 1500),
        places: 0,
        thresholds: &[
            below(600, Medium, "low diastolic pressure"),
            at_least(1200, Critical, "hypertensive crisis"),
            at_least(900, High, "hypertension"),
        ],
        source: "the stricter: one system alerts on the systolic pressure only",
    },
    Measurement {
        member: Member::HeartRate,
        loinc: "8867-4",
        display: "Heart rate",
        also: None,
        unit: "/min",
        unit_shown: "/min",
        range: (300, 2500),
        places: 0,
        thresholds: &[
            below(400, Critical, "severe bradycardia"),
            below(500, Medium, "bradycardia"),
            below(600, Low, "slow heart rate"),
            above(1400, Critical, "severe tachycardia"),
            above(1200, Medium, "tachycardia"),
            above(1000, Low, "fast heart rate"),
        ],
        source: "range: 30-250, because a limit of 200 would refuse real tachycardias; levels: every limit that any \
                 system has",
    },
    Measurement {
        member: Member::RespiratoryRate,
        loinc: "9279-1",
        display: "Respiratory rate",
        also: None,
        unit: "/min",
        unit_shown: "/min",
        range: (50, 600),
        places: 0,
        thresholds: &[
            below(120, Medium, "slow breathing"),
            above(250, Medium, "fast breathing"),
            above(200, Low, "raised respiratory rate"),
        ],
        source: "range: the narrower of 5-60 and 4-60; levels: every limit that any system has",
    },
    Measurement {
        member: Member::OxygenSaturation,
        loinc: "2708-6",
        display: "Oxygen saturation in Arterial blood",
        also: Some("59408-5"),
        unit: "%",
        unit_shown: "%",
        range: (500, 1000),
        places: 1,
        thresholds: &[below(900, Critical, "severe hypoxaemia"), below(950, High, "low oxygen saturation")],
        source: "the systems agree",
    },
    Measurement {
        member: Member::Glucose,
        loinc: "2339-0",
        display: "Glucose [Mass/volume] in Blood",
        also: None,
        unit: "mg/dL",
        unit_shown: "mg/dL",
        range: (100, 15_000),
        places: 1,
        thresholds: &[below(700, High, "hypoglycaemia"), above(3000, High, "hyperglycaemia")],
        source: "range: no system has one; wide enough for what is survived; levels: the one system that has them",
    },
    Measurement {
        member: Member::Pain,
        loinc: "72514-3",
        display: "Pain severity - 0-10 verbal numeric rating [Score] - Reported",
        also: None,
        unit: "{score}",
        unit_shown: "of 10",
        range: (0, 100),
        places: 0,
        thresholds: &[at_least(70, High, "severe pain")],
        source: "the stricter of 7 and more, and more than 7",
    },
    Measurement {
        member: Member::Weight,
        loinc: "29463-7",
        display: "Body weight",
        also: None,
        unit: "kg",
        unit_shown: "kg",
        range: (2, 6500),
        places: 3,
        thresholds: &[],
        source: "range: no system has one; the smallest survivors and the heaviest people",
    },
    Measurement {
        member: Member::Height,
        loinc: "8302-2",
        display: "Body height",
        also: None,
        unit: "cm",
        unit_shown: "cm",
        range: (200, 2800),
        places: 1,
        thresholds: &[],
        source: "range: no system has one; the smallest survivors and the tallest people",
    },
    Measurement {
        member: Member::BodyMassIndex,
        loinc: "39156-5",
        display: "Body mass index (BMI) [Ratio]",
        also: None,
        unit: "kg/m2",
        unit_shown: "kg/m²",
        range: (0, 100_000),
        places: 1,
        thresholds: &[],
        source: "computed from weight and height, rounded to a tenth; never taken from a client",
    },
    Measurement {
        member: Member::GlasgowComaScore,
        loinc: "9269-2",
        display: "Glasgow coma score total",
        also: None,
        unit: "{score}",
        unit_shown: "of 15",
        range: (30, 150),
        places: 0,
        thresholds: &[
            at_most(80, Critical, "severe impairment"),
            at_most(120, High, "moderate impairment"),
            at_most(140, Medium, "mild impairment"),
        ],
        source: "no system has levels: the usual classes of 3-8, 9-12 and 13-14",
    },
    Measurement {
        member: Member::Consciousness,
        loinc: "67775-7",
        display: "Level of responsiveness",
        also: None,
        unit: "",
        unit_shown: "",
        range: (0, 0),
        places: 0,
        thresholds: &[],
        source: "whatever is not alert gives an alarm in the systems; the further from it, the higher",
    },
];

/// An alarm that a measurement gives.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(example = Alert::example())]
pub struct Alert {
    /// How soon somebody should look.
    pub level: Level,
    /// Which measurement.
    pub member: Member,
    /// What was measured: a number, or how awake the patient is.
    pub value: serde_json::Value,
    /// The rule that it breaks, such as `< 90`.
    pub threshold: String,
    /// What that is called.
    pub meaning: String,
}

impl Alert {
    /// What the API's document shows.
    pub(crate) fn example() -> serde_json::Value {
        serde_json::json!({
            "level": "critical",
            "member": "oxygen_saturation",
            "value": 89,
            "threshold": "< 90",
            "meaning": "severe hypoxaemia",
        })
    }
}

impl Member {
    /// The row of the table.
    pub fn measurement(self) -> &'static Measurement {
        // The table has the order of the members; a test compares them.
        &TABLE[self as usize]
    }

    /// Notes what is wrong with a value.
    pub fn check(self, value: &Decimal, faults: &mut Faults) {
        let row = self.measurement();
        let pointer = format!("/{}", self.code());
        let (lowest, highest) = row.range;
        let inside = value.compare_tenths(lowest).is_some_and(Ordering::is_ge)
            && value.compare_tenths(highest).is_some_and(Ordering::is_le);
        if !inside {
            let shown = |tenths| Decimal::from_tenths(tenths).number();
            let (lowest, highest, unit) = (shown(lowest), shown(highest), row.unit_shown);
            faults.add(pointer, format!("must be from {lowest} to {highest} {unit}"));
        } else if value.places().is_none_or(|places| places > row.places) {
            faults.add(pointer, format!("has more than {} digits behind the point", row.places));
        }
    }

    /// The alarm that this value gives, if it gives one.
    pub fn alert(self, value: &Decimal) -> Option<Alert> {
        let threshold = self.measurement().thresholds.iter().find(|threshold| {
            value.compare_tenths(threshold.tenths).is_some_and(|order| threshold.side.holds(order))
        })?;
        let limit = Decimal::from_tenths(threshold.tenths).number();
        Some(Alert {
            level: threshold.level,
            member: self,
            value: serde_json::Value::Number(value.number()),
            threshold: format!("{} {limit}", threshold.side.sign()),
            meaning: threshold.meaning.to_owned(),
        })
    }

    /// FHIR's interpretation of the value: too low, too high, or normal; none for what has no limits.
    pub fn interpretation(self, value: &Decimal) -> Option<(&'static str, &'static str)> {
        let row = self.measurement();
        let found = row.thresholds.iter().find(|threshold| {
            value.compare_tenths(threshold.tenths).is_some_and(|order| threshold.side.holds(order))
        });
        match found {
            None => (!row.thresholds.is_empty()).then_some(("N", "Normal")),
            Some(Threshold { side, level: Level::Critical, .. }) if side.is_low() => {
                Some(("LL", "Critical low"))
            }
            Some(Threshold { level: Level::Critical, .. }) => Some(("HH", "Critical high")),
            Some(Threshold { side, .. }) if side.is_low() => Some(("L", "Low")),
            Some(_) => Some(("H", "High")),
        }
    }
}

/// The level of what is not alert.
pub const fn consciousness_level(state: Consciousness) -> Option<Level> {
    match state {
        Consciousness::Alert => None,
        Consciousness::Verbal | Consciousness::Pain => Some(Level::High),
        Consciousness::Unresponsive => Some(Level::Critical),
    }
}

/// The alarm that this state gives, if it gives one.
pub fn consciousness_alert(state: Consciousness) -> Option<Alert> {
    Some(Alert {
        level: consciousness_level(state)?,
        member: Member::Consciousness,
        value: state.code().into(),
        threshold: "not alert".to_owned(),
        meaning: "reduced consciousness".to_owned(),
    })
}

crate::chart::veil::veiled!(Alert);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(hundredths: i64) -> Decimal {
        let (whole, rest) = (hundredths / 100, hundredths % 100);
        serde_json::from_str(&format!("{whole}.{rest:02}")).unwrap()
    }

    fn is_taken(member: Member, value: &Decimal) -> bool {
        let mut faults = Faults::default();
        member.check(value, &mut faults);
        faults.unless(()).is_ok()
    }

    #[test]
    fn the_table_has_a_row_for_every_member_in_their_order() {
        let members: Vec<_> = TABLE.iter().map(|row| row.member).collect();
        assert_eq!(members, Member::ALL);
    }

    #[test]
    fn the_limits_of_each_range_are_taken_and_what_lies_beyond_is_not() {
        for row in TABLE.iter().filter(|row| !row.unit.is_empty()) {
            let (lowest, highest) = row.range;
            for inside in [lowest, highest] {
                assert!(is_taken(row.member, &Decimal::from_tenths(inside)), "{:?} {inside}", row.member);
            }
            for outside in [lowest * 10 - 1, highest * 10 + 1].into_iter().filter(|it| *it >= 0) {
                assert!(!is_taken(row.member, &decimal(outside)), "{:?} {outside}", row.member);
            }
        }
    }

    #[test]
    fn on_each_side_the_worst_limit_comes_first_and_lies_farthest_out() {
        for row in TABLE {
            for low in [true, false] {
                let side: Vec<_> = row.thresholds.iter().filter(|it| it.side.is_low() == low).collect();
                for pair in side.windows(2) {
                    assert!(pair[0].level > pair[1].level, "{:?}", row.member);
                    assert!((pair[0].tenths < pair[1].tenths) == low, "{:?}", row.member);
                }
            }
        }
    }

    /// What every limit means exactly at it, and a hundredth to either side.
    #[test]
    fn every_limit_divides_where_it_says() {
        for row in TABLE {
            for threshold in row.thresholds {
                let level = |hundredths| row.member.alert(&decimal(hundredths)).map(|alert| alert.level);
                let at = threshold.tenths * 10;
                let (lower, exactly, higher) = (level(at - 1), level(at), level(at + 1));
                let mine = Some(threshold.level);
                let ok = match threshold.side {
                    Side::Below => lower == mine && exactly < mine,
                    Side::AtMost => exactly == mine && higher < mine,
                    Side::Above => higher == mine && exactly < mine,
                    Side::AtLeast => exactly == mine && lower < mine,
                };
                assert!(ok, "{:?} {threshold:?}: {lower:?} {exactly:?} {higher:?}", row.member);
            }
        }
    }

    proptest! {
        #[test]
        fn a_value_farther_out_is_never_less_alarming(member in 0..Member::ALL.len(), a in 0_i64..40_000, b in 0_i64..40_000) {
            let member = Member::ALL[member];
            let (near, far) = (a.min(b), a.max(b));
            let alert = |value| member.alert(&decimal(value)).zip(member.interpretation(&decimal(value)));
            if let (Some((low, (sign, _))), Some((other, (other_sign, _)))) = (alert(near), alert(far)) {
                let lows = (sign.starts_with('L'), other_sign.starts_with('L'));
                if lows == (true, true) {
                    prop_assert!(low.level >= other.level);
                }
                if lows == (false, false) {
                    prop_assert!(low.level <= other.level);
                }
            }
        }

        #[test]
        fn what_is_normal_gives_no_alarm(member in 0..Member::ALL.len(), value in 0_i64..40_000) {
            let member = Member::ALL[member];
            let alert = member.alert(&decimal(value));
            let said = member.interpretation(&decimal(value)).map(|(code, _)| code);
            prop_assert_eq!(alert.is_none(), matches!(said, None | Some("N")));
            prop_assert_eq!(alert.is_some_and(|it| it.level == Level::Critical), matches!(said, Some("LL" | "HH")));
        }
    }
}
