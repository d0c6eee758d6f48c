//! Exact decimals: a value is stored as it was written, and compared without rounding.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Number;

/// Most digits of a decimal, and its largest exponent either way: what is computed of them starts in 128 bits.
const DIGITS: usize = 15;
const EXPONENT: u32 = 6;

/// A decimal, as it was written.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Decimal(#[schemars(with = "f64")] Number);

impl Decimal {
    /// A decimal from a count of tenths.
    pub fn from_tenths(tenths: i64) -> Decimal {
        let sign = if tenths < 0 { "-" } else { "" };
        let (whole, tenth) = (tenths.unsigned_abs() / 10, tenths.unsigned_abs() % 10);
        let text = if tenth == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{tenth}") };
        Decimal(text.parse().unwrap_or_else(|_| Number::from(whole)))
    }

    /// A decimal from JSON.
    pub fn from_number(number: &Number) -> Decimal {
        Decimal(number.clone())
    }

    /// As JSON.
    pub fn number(&self) -> Number {
        self.0.clone()
    }

    /// Digits without the point, and how many of them stand behind it. None for what has too many digits.
    fn parts(&self) -> Option<(i128, u32)> {
        let text = self.0.to_string();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text.as_str(), 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.trim_start_matches('-').len() + fraction.len();
        if digits > DIGITS || exponent.unsigned_abs() > EXPONENT {
            return None;
        }
        let unscaled: i128 = format!("{whole}{fraction}").parse().ok()?;
        let scale = i32::try_from(fraction.len()).ok()? - exponent;
        Some(match u32::try_from(scale) {
            Ok(scale) => (unscaled, scale),
            Err(_) => (unscaled * 10_i128.pow(scale.unsigned_abs()), 0),
        })
    }

    /// Compares with a count of tenths. None for what has too many digits.
    pub fn compare_tenths(&self, tenths: i64) -> Option<Ordering> {
        let (unscaled, scale) = self.parts()?;
        Some((unscaled * 10).cmp(&(i128::from(tenths) * 10_i128.pow(scale))))
    }

    /// Compares two decimals. None for what has too many digits.
    pub fn order(&self, other: &Decimal) -> Option<Ordering> {
        let ((a, a_scale), (b, b_scale)) = (self.parts()?, other.parts()?);
        let common = a_scale.max(b_scale);
        let scaled = |unscaled: i128, scale| unscaled.checked_mul(10_i128.pow(common - scale));
        Some(match (scaled(a, a_scale), scaled(b, b_scale)) {
            (Some(a), Some(b)) => a.cmp(&b),
            // Too large for 128 bits, and so farther from 0 than the other can be.
            (None, _) => a.cmp(&0),
            (_, None) => 0.cmp(&b),
        })
    }

    /// How many digits stand behind the point, zeros at the end apart. None for what has too many digits.
    pub fn places(&self) -> Option<u32> {
        let (mut unscaled, mut scale) = self.parts()?;
        while scale > 0 && unscaled % 10 == 0 {
            unscaled /= 10;
            scale -= 1;
        }
        Some(scale)
    }

    /// `self / (other / 100)²` in tenths, rounded to the nearest: the body mass index of kilograms and centimetres.
    pub fn over_square_of_hundredth(&self, other: &Decimal) -> Option<i64> {
        let ((weight, weight_scale), (height, height_scale)) = (self.parts()?, other.parts()?);
        if height <= 0 || weight < 0 || weight_scale > 6 || height_scale > 6 {
            return None;
        }
        // Tenths: weight / 10^ws * 10^(2 hs) * 10^4 * 10 / height²; twice that and one, halved, is rounded.
        let above = weight.checked_mul(10_i128.pow(2 * height_scale + 5))?;
        let below = height.checked_mul(height)?.checked_mul(10_i128.pow(weight_scale))?;
        let twice = above.checked_mul(2)?.checked_add(below)?;
        i64::try_from(twice / below.checked_mul(2)?).ok()
    }
}

impl PartialEq for Decimal {
    /// By value: 1.50 is 1.5.
    fn eq(&self, other: &Decimal) -> bool {
        self.order(other).map_or(self.0 == other.0, Ordering::is_eq)
    }
}

crate::chart::veil::veiled!(Decimal);

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn decimals_are_compared_without_rounding() {
        for (text, tenths, order) in [
            ("37.5", 375, Ordering::Equal),
            ("37.50", 375, Ordering::Equal),
            ("37.5000000000001", 375, Ordering::Greater),
            ("3.75e1", 375, Ordering::Equal),
            ("375E-1", 375, Ordering::Equal),
            ("-0.1", 0, Ordering::Less),
            ("1e2", 1000, Ordering::Equal),
        ] {
            assert_eq!(decimal(text).compare_tenths(tenths), Some(order), "{text}");
        }
        assert_eq!(decimal("1e999").compare_tenths(0), None);
        assert_eq!(decimal("12345678901234567890").compare_tenths(0), None);
    }

    #[test]
    fn a_decimal_stays_as_it_was_written_and_equals_its_value() {
        assert_eq!(serde_json::to_string(&decimal("37.50")).unwrap(), "37.50");
        assert_eq!(decimal("37.50"), decimal("37.5"));
        assert_ne!(decimal("37.51"), decimal("37.5"));
        assert_eq!(decimal("37.50").places(), Some(1));
        assert_eq!(Decimal::from_tenths(-5), decimal("-0.5"));
        assert_eq!(serde_json::to_string(&Decimal::from_tenths(240)).unwrap(), "24");
    }

    #[test]
    fn the_body_mass_index_is_rounded_to_a_tenth() {
        let bmi = |weight: &str, height: &str| decimal(weight).over_square_of_hundredth(&decimal(height));
        assert_eq!(bmi("80", "180"), Some(247)); // 24.691
        assert_eq!(bmi("70.5", "175.5"), Some(229)); // 22.889
        assert_eq!(bmi("60", "0"), None);
    }

    #[test]
    fn the_largest_and_the_smallest_decimals_are_compared_and_divided_all_the_same() {
        let (large, small) = (decimal("999999999999999e6"), decimal("0.00000000000001e-6"));
        let minus = decimal("-999999999999999e6");
        assert_eq!(large.order(&small), Some(Ordering::Greater));
        assert_eq!(small.order(&large), Some(Ordering::Less));
        assert_eq!(minus.order(&small), Some(Ordering::Less));
        assert_eq!(small.order(&minus), Some(Ordering::Greater));
        assert_ne!(large, small);
        assert_eq!(large.over_square_of_hundredth(&decimal("0.000001")), None);
    }
}
