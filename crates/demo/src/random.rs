//! Numbers that look random and are the same in every run, on every machine: integers only, no floating point.

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this number.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The sequence for one part of what `seed` stands for. Each part has its own, so that a change to one part, or
    /// one more patient, leaves all others as they were.
    pub fn part(seed: u64, part: u64, number: u64) -> Random {
        let mut mixed = Random(seed);
        for step in [part, number] {
            mixed = Random(mixed.number() ^ step.wrapping_mul(0xd1b5_4a32_d192_ed03));
        }
        Random(mixed.number())
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `bound`; 0 where there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % (bound.max(1) as u64)) as usize
    }

    /// One of these.
    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(self.below(of.len()))
    }

    /// One of the lines of a table.
    ///
    /// # Panics
    /// Where the table is empty; those of this crate are not.
    pub fn one_of<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }

    /// A number from `low` to `high`, both included; `low` where `high` is not above it.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below(usize::try_from(high - low + 1).unwrap_or(1)) as i64
    }

    /// True in so many of a thousand cases.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.below(1_000) < per_mille as usize
    }

    /// A number around `centre` with about this standard deviation, never further away than four times that.
    pub fn around(&mut self, centre: i64, deviation: i64) -> i64 {
        // Six dice of 0..=1000 deviate by 707 from their sum's mean of 3000.
        let sum: i64 = (0..6).map(|_| self.between(0, 1_000)).sum();
        centre + (sum - 3_000) * deviation / 707
    }

    /// The position of one of these weights, in proportion to them; the first where all are zero.
    pub fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let total: usize = weights.clone().map(|weight| weight as usize).sum();
        let mut left = self.below(total);
        for (position, weight) in weights.enumerate() {
            if left < weight as usize {
                return position;
            }
            left -= weight as usize;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_is_met_and_none_beyond() {
        let mut random = Random::new(1);
        let mut seen = [0; 7];
        (0..7_000).for_each(|_| seen[random.below(7)] += 1);
        assert!(seen.iter().all(|times| (800..1_200).contains(times)), "{seen:?}");
        assert_eq!(random.pick::<u8>(&[]), None);
    }

    #[test]
    fn a_bell_has_its_centre_and_its_width() {
        let mut random = Random::new(2);
        let drawn: Vec<i64> = (0..10_000).map(|_| random.around(1_000, 100)).collect();
        let mean = drawn.iter().sum::<i64>() / 10_000;
        let near = drawn.iter().filter(|value| (900..=1_100).contains(*value)).count();
        assert!((990..=1_010).contains(&mean), "{mean}");
        assert!((6_300..7_300).contains(&near), "{near}");
        assert!(drawn.iter().all(|value| (550..=1_450).contains(value)));
    }

    #[test]
    fn weights_are_kept() {
        let mut random = Random::new(3);
        let mut seen = [0; 3];
        (0..10_000).for_each(|_| seen[random.weighted([1, 0, 9].into_iter())] += 1);
        assert!(seen[1] == 0 && (800..1_200).contains(&seen[0]), "{seen:?}");
    }

    #[test]
    fn every_machine_draws_the_same() {
        assert_eq!(Random::new(0).number(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(Random::new(42).below(1_000), 413);
    }

    #[test]
    fn parts_do_not_repeat_each_other() {
        let first = |part, number| Random::part(42, part, number).number();
        assert_eq!(first(1, 7), first(1, 7));
        assert_ne!(first(1, 7), first(2, 7));
        assert_ne!(first(1, 7), first(1, 8));
        assert_ne!(first(1, 7), Random::part(43, 1, 7).number());
    }
}
