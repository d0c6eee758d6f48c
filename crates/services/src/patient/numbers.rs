//! Patient numbers: given in order, each once, never again.
//!
//! A number is taken in a short transaction of its own, before the patient is written: the counter's row would
//! otherwise be locked by every registration until both databases have committed, and by one in doubt for as long as
//! that lasts. What is taken and then not used is a gap.

use chrono::{DateTime, Datelike, Utc};
use domain::{Context, Operation, StoreError, Touches, UnitOfWork};
use kernel::Database;

/// Takes numbers of the present year (UTC), one or many.
#[derive(Clone, Debug)]
pub struct ReserveNumbers {
    /// How many.
    pub count: u32,
}

/// Numbers that were taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbers {
    at: DateTime<Utc>,
    first: u64,
    count: u32,
}

impl Operation for ReserveNumbers {
    const NAME: &'static str = "patient.reserve_numbers";
    type Output = Numbers;
    type Error = StoreError;

    fn touches(&self) -> Touches {
        Touches::writes(&[Database::Phi])
    }

    async fn run(&self, context: &Context, work: &mut dyn UnitOfWork) -> Result<Numbers, StoreError> {
        let at = context.now();
        let first = work.patients()?.reserve_numbers(at.year(), self.count).await?;
        Ok(Numbers { at, first, count: self.count })
    }
}

impl Numbers {
    /// How many there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// The patient number at this place, from 0: `P`, the year, six digits; more where six are not enough.
    pub fn patient_number(&self, place: u32) -> String {
        format!("P{:04}{:06}", self.at.year(), self.first + u64::from(place))
    }

    /// The medical record number at this place: `MRN-`, the day, the same digits.
    pub fn mrn(&self, place: u32) -> String {
        format!("MRN-{}-{:06}", self.at.format("%Y%m%d"), self.first + u64::from(place))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;

    #[test]
    fn numbers_have_six_digits_until_these_are_not_enough() {
        let at = Utc.with_ymd_and_hms(2026, 3, 4, 5, 6, 7).unwrap();
        let numbers = Numbers { at, first: 999_999, count: 2 };
        assert_eq!(numbers.patient_number(0), "P2026999999");
        assert_eq!(numbers.patient_number(1), "P20261000000");
        assert_eq!(numbers.mrn(0), "MRN-20260304-999999");
        let numbers = Numbers { at, first: 7, count: 1 };
        assert_eq!(numbers.patient_number(0), "P2026000007");
    }
}
