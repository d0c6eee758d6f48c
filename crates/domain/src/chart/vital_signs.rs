//! Vital signs: what is measured at the bedside.
//!
//! What can be measured stands in one [`table`]: codes, units, ranges, alert levels. A set of measurements is one
//! panel Observation with one Observation for each measurement ([`set`]), each following FHIR's vital signs profile,
//! so that every reader of FHIR finds a heart rate under its LOINC code.

pub mod set;
pub mod table;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::codes::{codes, machine};
use super::element::{TOLERANCE, check_id};
use super::{Decimal, LONG_TEXT, TEXT};
use crate::fault::Faults;
use table::{Alert, Member};

codes! {
    /// What has become of a set of measurements.
    #[schemars(rename = "VitalSignsStatus")]
    Status {
        /// As measured.
        Final = "final",
        /// Changed after it had been written down.
        Amended = "amended",
        /// Should not have been written down.
        EnteredInError = "entered-in-error",
    }
}

machine! { Status, "the vital signs' status",
    | Final => [Amended, EnteredInError]
    | Amended => [EnteredInError]
    | EnteredInError => []
}

codes! {
    /// How awake somebody is (AVPU).
    Consciousness {
        /// Awake.
        Alert = "alert",
        /// Answers when spoken to.
        Verbal = "verbal",
        /// Answers to pain only.
        Pain = "pain",
        /// Does not answer.
        Unresponsive = "unresponsive",
    }
}

impl Status {
    /// FHIR's codes for it: a correction is an amendment here.
    pub const fn fhir_codes(self) -> &'static [&'static str] {
        match self {
            Status::Final => &["final"],
            Status::Amended => &["amended", "corrected"],
            Status::EnteredInError => &["entered-in-error"],
        }
    }

    /// The one that a record with this code has.
    pub fn from_fhir(code: &str) -> Option<Status> {
        Status::ALL.iter().copied().find(|it| it.fhir_codes().contains(&code))
    }
}

impl Consciousness {
    /// LOINC's answer code and its name.
    pub const fn loinc(self) -> (&'static str, &'static str) {
        match self {
            Consciousness::Alert => ("LA9340-6", "Alert"),
            Consciousness::Verbal => ("LA17108-4", "Responds to voice"),
            Consciousness::Pain => ("LA17107-6", "Responds to pain"),
            Consciousness::Unresponsive => ("LA9343-0", "Unresponsive"),
        }
    }

    /// From LOINC's answer code, or our own.
    pub fn from_either(code: &str) -> Option<Consciousness> {
        let known = Consciousness::ALL.iter().copied().find(|it| it.loinc().0 == code);
        known.or_else(|| Consciousness::from_code(code))
    }
}

/// A set of measurements, as it is written and changed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "VitalSignsEntry", example = example())]
pub struct VitalSigns {
    /// When it was measured; now, where nothing is said.
    pub measured_at: Option<DateTime<Utc>>,
    /// What has become of it; final, where nothing is said.
    pub status: Option<Status>,
    /// Body temperature, °C.
    pub body_temperature: Option<Decimal>,
    /// Systolic blood pressure, mmHg.
    pub systolic: Option<Decimal>,
    /// Diastolic blood pressure, mmHg.
    pub diastolic: Option<Decimal>,
    /// Heart rate, per minute.
    pub heart_rate: Option<Decimal>,
    /// Respiratory rate, per minute.
    pub respiratory_rate: Option<Decimal>,
    /// Oxygen saturation, percent.
    pub oxygen_saturation: Option<Decimal>,
    /// Blood glucose, mg/dL.
    pub glucose: Option<Decimal>,
    /// Pain, from 0 to 10.
    pub pain: Option<Decimal>,
    /// Body weight, kg.
    pub weight: Option<Decimal>,
    /// Body height, cm.
    pub height: Option<Decimal>,
    /// Glasgow coma score, from 3 to 15.
    pub glasgow_coma_score: Option<Decimal>,
    /// How awake the patient is.
    pub consciousness: Option<Consciousness>,
    /// The id of the encounter during which it was measured.
    pub encounter: Option<String>,
    /// What else is to be said.
    pub note: Option<String>,
    /// Why it was changed: required of every change.
    pub reason: Option<String>,
}

/// What the API's document shows.
fn example() -> serde_json::Value {
    serde_json::json!({
        "measured_at": "2026-03-01T09:00:00Z",
        "body_temperature": 37.2,
        "systolic": 120,
        "diastolic": 80,
        "heart_rate": 72,
        "oxygen_saturation": 97,
        "consciousness": "alert",
    })
}

impl VitalSigns {
    /// The number under this member; none for what is not measured in numbers, or computed.
    pub fn number(&self, member: Member) -> Option<&Decimal> {
        match member {
            Member::BodyTemperature => self.body_temperature.as_ref(),
            Member::Systolic => self.systolic.as_ref(),
            Member::Diastolic => self.diastolic.as_ref(),
            Member::HeartRate => self.heart_rate.as_ref(),
            Member::RespiratoryRate => self.respiratory_rate.as_ref(),
            Member::OxygenSaturation => self.oxygen_saturation.as_ref(),
            Member::Glucose => self.glucose.as_ref(),
            Member::Pain => self.pain.as_ref(),
            Member::Weight => self.weight.as_ref(),
            Member::Height => self.height.as_ref(),
            Member::GlasgowComaScore => self.glasgow_coma_score.as_ref(),
            Member::Consciousness | Member::BodyMassIndex => None,
        }
    }

    /// Sets the number under this member.
    pub fn set_number(&mut self, member: Member, value: Option<Decimal>) {
        let place = match member {
            Member::BodyTemperature => &mut self.body_temperature,
            Member::Systolic => &mut self.systolic,
            Member::Diastolic => &mut self.diastolic,
            Member::HeartRate => &mut self.heart_rate,
            Member::RespiratoryRate => &mut self.respiratory_rate,
            Member::OxygenSaturation => &mut self.oxygen_saturation,
            Member::Glucose => &mut self.glucose,
            Member::Pain => &mut self.pain,
            Member::Weight => &mut self.weight,
            Member::Height => &mut self.height,
            Member::GlasgowComaScore => &mut self.glasgow_coma_score,
            Member::Consciousness | Member::BodyMassIndex => return,
        };
        *place = value;
    }

    /// The body mass index, where weight and height are there.
    pub fn body_mass_index(&self) -> Option<Decimal> {
        let tenths = self.weight.as_ref()?.over_square_of_hundredth(self.height.as_ref()?)?;
        Some(Decimal::from_tenths(tenths))
    }

    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.consciousness.is_none() && Member::ALL.iter().all(|member| self.number(*member).is_none())
    }

    /// Every alert that the measurements give, the worst first. What was entered in error gives none.
    pub fn alerts(&self) -> Vec<Alert> {
        if self.status == Some(Status::EnteredInError) {
            return Vec::new();
        }
        let numbers = Member::ALL.iter().filter_map(|member| member.alert(self.number(*member)?));
        let mut alerts: Vec<Alert> =
            numbers.chain(self.consciousness.and_then(table::consciousness_alert)).collect();
        alerts.sort_by_key(|alert| std::cmp::Reverse(alert.level));
        alerts
    }

    /// Fills in what has a default, and the status of an amended set.
    pub fn complete(&mut self, before: Option<&VitalSigns>, now: DateTime<Utc>) {
        match before {
            None => {
                self.status = self.status.or(Some(Status::Final));
                self.measured_at = self.measured_at.or(Some(now));
            }
            Some(before) if self.status == before.status && self != before => {
                self.status = Some(Status::Amended);
            }
            Some(_) => {}
        }
        self.measured_at = self.measured_at.map(|time| chrono::SubsecRound::trunc_subsecs(time, 3));
    }

    /// Notes everything that cannot be taken as it is.
    pub fn check(&self, before: Option<&VitalSigns>, now: DateTime<Utc>, faults: &mut Faults) {
        if self.is_empty() {
            faults.add("", "needs at least one measurement");
        }
        match self.measured_at {
            Some(at) => faults.check(at <= now + TOLERANCE, "/measured_at", "lies in the future"),
            None => faults.add("/measured_at", "is required"),
        }
        for member in Member::ALL {
            let Some(value) = self.number(*member) else { continue };
            // What was written through FHIR may stay as it is.
            if before.and_then(|before| before.number(*member)) != Some(value) {
                member.check(value, faults);
            }
        }
        if let (Some(systolic), Some(diastolic)) = (&self.systolic, &self.diastolic)
            && systolic.order(diastolic) != Some(std::cmp::Ordering::Greater)
        {
            faults.add("/diastolic", "must be lower than the systolic pressure");
        }
        check_id("/encounter", self.encounter.as_deref(), faults);
        faults.text("/note", self.note.as_deref(), LONG_TEXT);
        faults.text("/reason", self.reason.as_deref(), TEXT);
        match before {
            None => {
                let begins = self.status == Some(Status::Final);
                faults.check(begins, "/status", "a measurement begins as final");
                faults.check(self.reason.is_none(), "/reason", "only a change has a reason");
            }
            Some(before) if self != before => {
                let told = self.reason.is_some() && self.reason != before.reason;
                faults.check(told, "/reason", "what was measured is changed only with a new reason");
            }
            Some(_) => {}
        }
    }

    /// Whether this may follow `before`.
    ///
    /// # Errors
    /// The transition that is not legal.
    pub fn follow(&self, before: &VitalSigns) -> Result<(), super::IllegalTransition> {
        if let (Some(from), Some(to)) = (before.status, self.status) {
            from.become_(to)?;
        }
        Ok(())
    }
}

crate::chart::veil::veiled!(VitalSigns);

#[cfg(test)]
mod tests {
    use super::super::codes::table as machine_table;
    use super::*;

    fn decimal(text: &str) -> Option<Decimal> {
        Some(serde_json::from_str(text).unwrap())
    }

    fn faults(set: &VitalSigns, before: Option<&VitalSigns>) -> Vec<String> {
        let mut faults = Faults::default();
        set.check(before, Utc::now(), &mut faults);
        faults.pointers()
    }

    fn set() -> VitalSigns {
        let mut set = VitalSigns {
            heart_rate: decimal("72"),
            systolic: decimal("120"),
            diastolic: decimal("80"),
            ..Default::default()
        };
        set.complete(None, Utc::now());
        set
    }

    #[test]
    fn what_was_entered_in_error_stays_so() {
        assert_eq!(
            machine_table(Status::ALL, Status::code, |from, to| from.become_(to).is_ok()),
            [
                "final -> final amended entered-in-error",
                "amended -> amended entered-in-error",
                "entered-in-error -> entered-in-error",
            ]
        );
    }

    #[test]
    fn the_lower_pressure_is_lower() {
        assert_eq!(faults(&set(), None), [""; 0]);
        for diastolic in ["120", "120.0", "121"] {
            let wrong = VitalSigns { diastolic: decimal(diastolic), ..set() };
            assert_eq!(faults(&wrong, None), ["/diastolic"], "{diastolic}");
        }
    }

    #[test]
    fn nothing_measured_and_the_future_are_refused() {
        let mut nothing = VitalSigns::default();
        nothing.complete(None, Utc::now());
        assert_eq!(faults(&nothing, None), [""]);
        let soon = VitalSigns { measured_at: Some(Utc::now() + chrono::TimeDelta::minutes(4)), ..set() };
        assert_eq!(faults(&soon, None), [""; 0]);
        let late = VitalSigns { measured_at: Some(Utc::now() + chrono::TimeDelta::minutes(6)), ..set() };
        assert_eq!(faults(&late, None), ["/measured_at"]);
    }

    #[test]
    fn a_change_needs_a_new_reason_and_is_an_amendment() {
        let before = set();
        let mut after = VitalSigns { heart_rate: decimal("73"), ..before.clone() };
        after.complete(Some(&before), Utc::now());
        assert_eq!(after.status, Some(Status::Amended));
        assert_eq!(faults(&after, Some(&before)), ["/reason"]);
        after.reason = Some("misread".to_owned());
        assert_eq!(faults(&after, Some(&before)), [""; 0]);
        assert!(after.follow(&before).is_ok());
        let again = VitalSigns { status: Some(Status::Final), ..after.clone() };
        assert!(again.follow(&after).is_err());
    }

    #[test]
    fn alerts_come_with_the_worst_first_and_not_for_what_was_entered_in_error() {
        let mut bad = VitalSigns {
            oxygen_saturation: decimal("89"),
            body_temperature: decimal("37.6"),
            consciousness: Some(Consciousness::Pain),
            ..set()
        };
        let told: Vec<_> = bad.alerts().into_iter().map(|alert| (alert.member, alert.level)).collect();
        assert_eq!(
            told,
            [
                (Member::OxygenSaturation, table::Level::Critical),
                (Member::Consciousness, table::Level::High),
                (Member::BodyTemperature, table::Level::Low),
            ]
        );
        bad.status = Some(Status::EnteredInError);
        assert_eq!(bad.alerts(), []);
    }
}
