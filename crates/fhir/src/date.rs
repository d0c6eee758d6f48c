//! Dates as ranges. A FHIR date says a range of time as long as its precision: `2015-02` is all of February.
//!
//! Sources: R4 datatypes (date, dateTime, instant) and R4 search, 3.1.1.4.7 (date). Times without a zone are
//! taken as UTC. Ranges are closed and end on the last microsecond, which is PostgreSQL's resolution.

use chrono::{DateTime, Days, FixedOffset, Months, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};

/// The range of time that a date says, both ends within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first microsecond.
    pub low: DateTime<Utc>,
    /// The last microsecond.
    pub high: DateTime<Utc>,
}

/// The start of a range that is open to the past: 0001-01-01T00:00:00Z.
pub const BEGINNING: DateTime<Utc> = match DateTime::from_timestamp(-62_135_596_800, 0) {
    Some(time) => time,
    None => DateTime::<Utc>::MIN_UTC,
};

/// The end of a range that is open to the future: 9999-12-31T23:59:59.999999Z.
pub const END: DateTime<Utc> = match DateTime::from_timestamp(253_402_300_799, 999_999_000) {
    Some(time) => time,
    None => DateTime::<Utc>::MAX_UTC,
};

const MICROSECOND: TimeDelta = TimeDelta::microseconds(1);

impl Range {
    /// The range of a FHIR date, dateTime or instant, or of a date in a search: `YYYY`, `YYYY-MM`,
    /// `YYYY-MM-DD`, and with `Thh:mm`, `Thh:mm:ss` or `Thh:mm:ss.s...`, each with or without `Z` or
    /// `+hh:mm`. None for anything else, such as the 30th of February.
    pub fn parse(text: &str) -> Option<Range> {
        let bytes = text.as_bytes();
        let year = i32::try_from(digits(bytes.get(0..4)?)?).ok().filter(|y| *y > 0)?;
        let (month, day) = match bytes.len() {
            4 => (None, None),
            7 if bytes[4] == b'-' => (Some(digits(&bytes[5..7])?), None),
            10.. if bytes[4] == b'-' && bytes[7] == b'-' => {
                (Some(digits(&bytes[5..7])?), Some(digits(&bytes[8..10])?))
            }
            _ => return None,
        };
        let first = NaiveDate::from_ymd_opt(year, month.unwrap_or(1), day.unwrap_or(1))?;
        if bytes.len() > 10 {
            return Range::parse_time(first, &bytes[10..]);
        }
        let next = match (month, day) {
            (None, _) => first.checked_add_months(Months::new(12)),
            (Some(_), None) => first.checked_add_months(Months::new(1)),
            (Some(_), Some(_)) => first.checked_add_days(Days::new(1)),
        };
        let midnight = |date: NaiveDate| Utc.from_utc_datetime(&date.and_time(chrono::NaiveTime::MIN));
        Some(Range { low: midnight(first), high: midnight(next?) - MICROSECOND })
    }

    fn parse_time(date: NaiveDate, text: &[u8]) -> Option<Range> {
        let [b'T', h1, h2, b':', m1, m2, rest @ ..] = text else { return None };
        let (hour, minute) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
        let (second, fraction, zone) = match rest {
            [b':', s1, s2, rest @ ..] => {
                // The 60th second of a minute with a leap second is taken as its 59th.
                let second = digits(&[*s1, *s2]).filter(|s| *s <= 60)?.min(59);
                match rest {
                    [b'.', rest @ ..] => {
                        let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                        let (fraction, zone) =
                            rest.split_at_checked(length).filter(|(f, _)| !f.is_empty())?;
                        (Some(second), fraction, zone)
                    }
                    zone => (Some(second), &[][..], zone),
                }
            }
            zone => (None, &[][..], zone),
        };
        let time: NaiveDateTime = date.and_hms_opt(hour, minute, second.unwrap_or(0))?;
        let offset = parse_zone(zone)?;
        let mut low = offset.from_local_datetime(&time).single()?.to_utc();
        let mut length: i64 = if second.is_some() { 1_000_000 } else { 60_000_000 };
        for digit in fraction.iter().take(6) {
            length /= 10;
            low += TimeDelta::microseconds(i64::from(digit - b'0') * length);
        }
        let high = low + TimeDelta::microseconds(length) - MICROSECOND;
        Some(Range { low: low.clamp(BEGINNING, END), high: high.clamp(BEGINNING, END) })
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn union(self, other: Range) -> Range {
        Range { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u32::from(b - b'0')))
}

fn parse_zone(text: &[u8]) -> Option<FixedOffset> {
    match text {
        [] | [b'Z'] => FixedOffset::east_opt(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2])?, digits(&[*m1, *m2])?);
            let allowed = hours < 14 && minutes < 60 || hours == 14 && minutes == 0;
            let seconds = i32::try_from(hours * 3600 + minutes * 60).ok().filter(|_| allowed)?;
            FixedOffset::east_opt(if *sign == b'+' { seconds } else { -seconds })
        }
        _ => None,
    }
}

/// How a search compares dates (R4 search, 3.1.1.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prefix {
    /// The value's range holds the resource's; the meaning without a prefix.
    Equal,
    /// The negation of [`Prefix::Equal`].
    NotEqual,
    /// Part of the resource's range lies after the value's.
    Greater,
    /// Part of the resource's range lies before the value's.
    Less,
    /// [`Prefix::Greater`] or [`Prefix::Equal`].
    GreaterOrEqual,
    /// [`Prefix::Less`] or [`Prefix::Equal`].
    LessOrEqual,
    /// All of the resource's range lies after the value's.
    StartsAfter,
    /// All of the resource's range lies before the value's.
    EndsBefore,
    /// The ranges overlap when the value's is widened by a tenth of its distance from now.
    Approximate,
}

impl Prefix {
    /// Every prefix with its two letters.
    pub const ALL: [(&'static str, Prefix); 9] = [
        ("eq", Prefix::Equal),
        ("ne", Prefix::NotEqual),
        ("gt", Prefix::Greater),
        ("lt", Prefix::Less),
        ("ge", Prefix::GreaterOrEqual),
        ("le", Prefix::LessOrEqual),
        ("sa", Prefix::StartsAfter),
        ("eb", Prefix::EndsBefore),
        ("ap", Prefix::Approximate),
    ];
}

/// One date of a search with its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateComparison {
    /// How to compare.
    pub prefix: Prefix,
    /// The first microsecond of the value's range.
    pub low: DateTime<Utc>,
    /// The last microsecond of the value's range.
    pub high: DateTime<Utc>,
}

impl DateComparison {
    /// Parses a date of a search, such as `ge2015-02`.
    pub fn parse(text: &str) -> Option<DateComparison> {
        let prefixed = Prefix::ALL.iter().find_map(|(letters, p)| Some((*p, text.strip_prefix(letters)?)));
        let (prefix, date) = prefixed.unwrap_or((Prefix::Equal, text));
        Range::parse(date).map(|Range { low, high }| DateComparison { prefix, low, high })
    }

    /// Whether a resource whose date has this range is found, at this time. The meaning that any index must
    /// have.
    pub fn matches(&self, resource: Range, now: DateTime<Utc>) -> bool {
        let equal = self.low <= resource.low && resource.high <= self.high;
        match self.prefix {
            Prefix::Equal => equal,
            Prefix::NotEqual => !equal,
            Prefix::Greater => resource.high > self.high,
            Prefix::Less => resource.low < self.low,
            Prefix::GreaterOrEqual => equal || resource.high > self.high,
            Prefix::LessOrEqual => equal || resource.low < self.low,
            Prefix::StartsAfter => resource.low > self.high,
            Prefix::EndsBefore => resource.high < self.low,
            Prefix::Approximate => {
                let wide = self.widened(now);
                resource.low <= wide.high && wide.low <= resource.high
            }
        }
    }

    /// The value's range, widened at both ends by a tenth of its distance from `now`: what `ap` means here.
    pub fn widened(&self, now: DateTime<Utc>) -> Range {
        let distance = (self.low - now).abs().min((self.high - now).abs());
        let inside = self.low <= now && now <= self.high;
        let margin = if inside { TimeDelta::zero() } else { distance / 10 };
        let low = self.low.checked_sub_signed(margin).unwrap_or(BEGINNING).max(BEGINNING);
        let high = self.high.checked_add_signed(margin).unwrap_or(END).min(END);
        Range { low, high }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> (String, String) {
        let range = Range::parse(text).unwrap();
        let show = |t: DateTime<Utc>| t.format("%Y-%m-%dT%H:%M:%S%.6f").to_string();
        (show(range.low), show(range.high))
    }

    #[test]
    fn a_date_is_a_range_as_long_as_its_precision() {
        for (text, low, high) in [
            ("2015", "2015-01-01T00:00:00.000000", "2015-12-31T23:59:59.999999"),
            ("2016-02", "2016-02-01T00:00:00.000000", "2016-02-29T23:59:59.999999"),
            ("2015-12", "2015-12-01T00:00:00.000000", "2015-12-31T23:59:59.999999"),
            ("2015-02-07", "2015-02-07T00:00:00.000000", "2015-02-07T23:59:59.999999"),
            ("2015-02-07T13:28", "2015-02-07T13:28:00.000000", "2015-02-07T13:28:59.999999"),
            ("2015-02-07T13:28:17", "2015-02-07T13:28:17.000000", "2015-02-07T13:28:17.999999"),
            ("2015-02-07T13:28:17Z", "2015-02-07T13:28:17.000000", "2015-02-07T13:28:17.999999"),
            ("2015-02-07T13:28:17-05:00", "2015-02-07T18:28:17.000000", "2015-02-07T18:28:17.999999"),
            ("2015-02-07T13:28:17.5+14:00", "2015-02-06T23:28:17.500000", "2015-02-06T23:28:17.599999"),
            ("2015-02-07T13:28:17.239Z", "2015-02-07T13:28:17.239000", "2015-02-07T13:28:17.239999"),
            ("2015-02-07T13:28:17.1234567Z", "2015-02-07T13:28:17.123456", "2015-02-07T13:28:17.123456"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000", "2016-12-31T23:59:59.999999"),
            ("9999", "9999-01-01T00:00:00.000000", "9999-12-31T23:59:59.999999"),
            ("0001", "0001-01-01T00:00:00.000000", "0001-12-31T23:59:59.999999"),
        ] {
            assert_eq!(said(text), (low.to_owned(), high.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "201",
            "20155",
            "0000",
            "2015-",
            "2015-2",
            "2015-13",
            "2015-00",
            "2015-02-30",
            "2015-02-07T",
            "2015-02-07T13",
            "2015-02-07T24:00:00Z",
            "2015-02-07T13:60",
            "2015-02-07T13:28:61Z",
            "2015-02-07T13:28:17.Z",
            "2015-02-07T13:28:17z",
            "2015-02-07T13:28:17+5:00",
            "2015-02-07T13:28:17+14:30",
            "2015-02-07 13:28",
            "2015-02-07T13:28:17 05:00",
            "20150207",
            "2015/02/07",
            "١٩٩٩",
            "-2015",
            "2015-02-07T13:28:17ZZ",
        ] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    #[test]
    fn open_ends_are_the_first_and_last_microsecond_that_can_be_written() {
        assert_eq!(Range::parse("0001").map(|r| r.low), Some(BEGINNING));
        assert_eq!(Range::parse("9999").map(|r| r.high), Some(END));
    }

    #[test]
    fn every_prefix_parses_and_means_what_the_specification_says() {
        let now = Range::parse("2020-06-15").unwrap().low;
        // The searched value is 2013-03-14; the resource's ranges lie before, in, around and after it.
        let ranges =
            ["2013-03-13", "2013-03-14T10:00", "2013", "2013-03-15"].map(|t| Range::parse(t).unwrap());
        for (letters, expected) in [
            ("", [false, true, false, false]),
            ("eq", [false, true, false, false]),
            ("ne", [true, false, true, true]),
            ("gt", [false, false, true, true]),
            ("lt", [true, false, true, false]),
            ("ge", [false, true, true, true]),
            ("le", [true, true, true, false]),
            ("sa", [false, false, false, true]),
            ("eb", [true, false, false, false]),
            ("ap", [true, true, true, true]),
        ] {
            let comparison = DateComparison::parse(&format!("{letters}2013-03-14")).unwrap();
            assert_eq!(ranges.map(|r| comparison.matches(r, now)), expected, "{letters}");
        }
        for text in ["xx2013", "g2013", "gt", "eqeq2013", "GE2013"] {
            assert_eq!(DateComparison::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_range_in_order_or_nothing(text in "\\PC{0,30}|[0-9T:.Z+-]{4,30}") {
            if let Some(range) = Range::parse(&text) {
                prop_assert!(BEGINNING <= range.low && range.low <= range.high && range.high <= END);
            }
        }
    }
}
