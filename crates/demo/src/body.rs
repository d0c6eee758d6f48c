//! The body: what is ordinary for a patient, and what is measured when.

use chrono::{DateTime, NaiveDate, Utc};

use crate::chart::{Consciousness, Decimal, VitalSet};
use crate::illness::{Disturbance, Effect};
use crate::person::{Person, Sex};
use crate::random::Random;

/// Height in cm and weight in hg by age in years, from birth to 18, of both sexes together.
const GROWTH: [(i64, i64); 19] = [
    (50, 34),
    (75, 96),
    (87, 122),
    (96, 143),
    (103, 163),
    (110, 184),
    (116, 206),
    (122, 230),
    (128, 256),
    (133, 286),
    (138, 320),
    (144, 360),
    (150, 405),
    (156, 455),
    (161, 505),
    (165, 550),
    (168, 590),
    (170, 620),
    (171, 645),
];

/// Up to which age in years: pulse, breaths, systolic and diastolic pressure at rest.
const AT_REST: [(u32, i64, i64, i64, i64); 8] = [
    (0, 132, 38, 84, 50),
    (2, 114, 27, 92, 55),
    (5, 100, 23, 97, 58),
    (11, 88, 20, 104, 63),
    (17, 77, 17, 113, 68),
    (39, 71, 15, 118, 74),
    (59, 72, 15, 125, 78),
    (u32::MAX, 72, 16, 131, 77),
];

/// What is ordinary for one patient.
#[derive(Clone, Debug)]
pub struct Body {
    birth_date: NaiveDate,
    /// The end of the year in which the weight drifts.
    today: NaiveDate,
    sex: Sex,
    /// Percent of the height of their age, and of the weight.
    height_percent: i64,
    weight_percent: i64,
    pulse: i64,
    systolic: i64,
    diastolic: i64,
    effects: Vec<Effect>,
    /// What of the high pressure treatment has not taken away yet, and of the sugar: percent.
    untreated: i64,
    /// Weight gained in the year, in hg; negative where it was lost.
    weight_drift: i64,
}

/// What is measured on an occasion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A consultation: with the weight.
    Visit,
    /// An emergency: with the state of consciousness.
    Emergency,
    /// The round on a ward.
    Round,
}

impl Body {
    /// The body of this person.
    pub fn new(random: &mut Random, person: &Person, today: NaiveDate) -> Body {
        let adult = person.age_on(today) >= 18;
        Body {
            birth_date: person.birth_date,
            today,
            sex: person.sex,
            height_percent: random.around(100, 4),
            weight_percent: random.around(if adult { 104 } else { 100 }, 12).clamp(72, 165),
            pulse: random.around(0, 6),
            systolic: random.around(0, 7),
            diastolic: random.around(0, 4),
            effects: Vec::new(),
            untreated: 100,
            weight_drift: random.around(0, 12),
        }
    }

    /// A chronic illness sets in.
    pub fn suffer(&mut self, effect: Effect) {
        if effect == Effect::Weight && !self.has(effect) {
            self.weight_percent = (self.weight_percent + 42).clamp(135, 190);
        }
        self.effects.push(effect);
    }

    /// Treatment has done some of its work.
    pub fn improve(&mut self) {
        self.untreated = (self.untreated * 70 / 100).max(25);
    }

    fn has(&self, effect: Effect) -> bool {
        self.effects.contains(&effect)
    }

    fn age_days(&self, at: DateTime<Utc>) -> i64 {
        (at.date_naive() - self.birth_date).num_days().max(0)
    }

    /// Height in mm and weight in hg.
    pub fn size(&self, at: DateTime<Utc>) -> (i64, i64) {
        let days = self.age_days(at);
        let years = (days / 365).min(18);
        let at_age = |years: i64| GROWTH[usize::try_from(years.clamp(0, 18)).unwrap_or(0)];
        let (low, high) = (at_age(years), at_age(years + 1));
        let part = if years == 18 { 0 } else { days - years * 365 };
        let between = |low: i64, high: i64| low * 10 + (high - low) * 10 * part / 365;
        let (mut height, mut weight) = (between(low.0, high.0), between(low.1, high.1));
        // The table is of both sexes: girls stop earlier, boys go on longer.
        let longer = (days - 13 * 365).clamp(0, 5 * 365);
        match self.sex {
            Sex::Female => height = height.min(1_650),
            Sex::Male => {
                height += 70 * longer / (5 * 365);
                weight += 1_450 * longer / (5 * 365);
            }
        }
        let height = height * self.height_percent / 100;
        let weight = weight / 10 * self.weight_percent / 100;
        // Who is taller weighs more; grown-ups gain or lose some over the year.
        let weight = weight * self.height_percent / 100;
        let ago = (self.today - at.date_naive()).num_days();
        let drift = if years == 18 { -self.weight_drift * ago / 365 } else { 0 };
        (height, (weight + drift).clamp(22, 1_900))
    }

    /// What is measured now, where an acute illness has `percent` of its full force.
    pub fn measure(
        &self,
        random: &mut Random,
        (encounter, nurse): (usize, usize),
        at: DateTime<Utc>,
        occasion: Occasion,
        (disturbance, percent): (Disturbance, i64),
    ) -> VitalSet {
        let years = u32::try_from(self.age_days(at) / 365).unwrap_or(0);
        let ill = |worst: i64| worst * percent / 100;
        let rest = AT_REST.iter().find(|(upto, ..)| years <= *upto).unwrap_or(&AT_REST[AT_REST.len() - 1]);
        let (_, pulse, breaths, systolic, diastolic) = *rest;
        let short = if self.has(Effect::ShortBreath) { 1 } else { 0 };
        let weak = if self.has(Effect::WeakHeart) { 1 } else { 0 };
        let pressure = if self.has(Effect::HighPressure) { 30 * self.untreated / 100 } else { 0 };
        let systolic =
            random.around(systolic + self.systolic + pressure + ill(disturbance.systolic), 5).clamp(72, 215);
        let diastolic = random
            .around(diastolic + self.diastolic + pressure / 2 + ill(disturbance.systolic) / 2, 4)
            .clamp(38, 125)
            .min(systolic - 18);
        let spread = if self.has(Effect::IrregularPulse) { 12 } else { 4 };
        let pulse = pulse + self.pulse + 6 * weak + ill(disturbance.pulse);
        let breaths = breaths + 2 * short + 2 * weak + ill(disturbance.breaths);
        let saturation = 97 - short - weak - if years >= 60 { 1 } else { 0 } - ill(disturbance.saturation);
        let ache = if self.has(Effect::Pain) { 2 } else { 0 };
        let (height, weight) = self.size(at);
        let infant = years < 3;
        let emergency = occasion == Occasion::Emergency;
        let drowsy = percent > 60 && disturbance.systolic < -20;
        VitalSet {
            encounter,
            at,
            nurse,
            temperature: Some(Decimal::tenths(
                random.around(366 + ill(disturbance.temperature), 2).clamp(354, 410),
            )),
            // A cuff upsets small children for nothing, unless they are ill.
            pressure: (!infant || emergency).then_some((systolic, diastolic)),
            pulse: Some(random.around(pulse, spread).clamp(44, 195)),
            breaths: Some(random.around(breaths, 1).clamp(9, 58)),
            saturation: (!infant || emergency || disturbance.saturation > 0)
                .then(|| random.around(saturation, 1).clamp(79, 100)),
            glucose: self.has(Effect::HighSugar).then(|| {
                random
                    .around(128 + 70 * self.untreated / 100 + ill(disturbance.temperature), 18)
                    .clamp(62, 380)
            }),
            pain: (years >= 4 && (ache > 0 || disturbance.pain > 0))
                .then(|| random.around(ache + ill(disturbance.pain), 1).clamp(0, 10)),
            weight: (occasion == Occasion::Visit).then_some(Decimal::tenths(weight)),
            // Grown-ups are measured once a year at most; whoever wants to know it all knows it.
            height: (occasion == Occasion::Visit && years < 18).then_some(Decimal::tenths(height)),
            coma_score: emergency.then_some(if drowsy { 14 } else { 15 }),
            consciousness: (occasion != Occasion::Visit).then_some(if drowsy {
                Consciousness::Voice
            } else {
                Consciousness::Alert
            }),
        }
    }

    /// The height of a grown-up, as it is measured once.
    pub fn height(&self, at: DateTime<Utc>) -> Decimal {
        Decimal::tenths(self.size(at).0)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;

    use super::*;
    use crate::person::person;

    #[test]
    fn children_grow_and_fever_goes() {
        let today = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        let mut random = Random::new(5);
        let child = (0..).map(|number| person(1, number, today, 30)).find(|p| p.age_on(today) == 3).unwrap();
        let body = Body::new(&mut random, &child, today);
        let at = |year| Utc.with_ymd_and_hms(year, 2, 1, 9, 0, 0).unwrap();
        assert!(body.size(at(2026)) > body.size(at(2025)));
        let flu = Disturbance { temperature: 25, ..Disturbance::default() };
        let mut temperature = |percent| {
            let set = body.measure(&mut random, (0, 0), at(2026), Occasion::Visit, (flu, percent));
            set.temperature.unwrap().digits
        };
        assert!(temperature(100) >= 382);
        assert!(temperature(0) <= 375);
    }

    #[test]
    fn treatment_lowers_a_high_pressure() {
        let today = NaiveDate::from_ymd_opt(2026, 3, 1).unwrap();
        let mut random = Random::new(6);
        let old = (0..).map(|number| person(1, number, today, 30)).find(|p| p.age_on(today) == 70).unwrap();
        let mut body = Body::new(&mut random, &old, today);
        body.suffer(Effect::HighPressure);
        let at = Utc.with_ymd_and_hms(2026, 2, 1, 9, 0, 0).unwrap();
        let calm = (Disturbance::default(), 0);
        let mut mean = |body: &Body| -> i64 {
            let systolic = (0..50)
                .map(|_| body.measure(&mut random, (0, 0), at, Occasion::Visit, calm).pressure.unwrap().0);
            systolic.sum::<i64>() / 50
        };
        let before = mean(&body);
        (0..4).for_each(|_| body.improve());
        assert!(mean(&body) < before - 12);
    }
}
