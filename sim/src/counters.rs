//! Counts by name, raised often and read once. Names are literals: where one lies in memory finds
//! its count without comparing text. What is read is ordered by name, and shows no address.

use std::collections::BTreeMap;

/// More than there are names.
const SLOTS: usize = 1024;

/// The counts.
#[derive(Debug)]
pub struct Counters {
    slots: Vec<Option<(&'static str, u64)>>,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters { slots: vec![None; SLOTS] }
    }
}

impl Counters {
    /// Adds to a count.
    ///
    /// # Panics
    /// When there are more names than places.
    pub fn add(&mut self, name: &'static str, number: u64) {
        let first = (name.as_ptr() as usize ^ name.len()) % SLOTS;
        for step in 0..SLOTS {
            match &mut self.slots[(first + step) % SLOTS] {
                Some((known, count)) if std::ptr::eq(*known, name) => {
                    *count += number;
                    return;
                }
                Some(_) => {}
                free => {
                    *free = Some((name, number));
                    return;
                }
            }
        }
        panic!("{SLOTS} names are counted already, {name} is one more");
    }

    /// All counts; equal names that lie in several places are one.
    #[must_use]
    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        let mut counts = BTreeMap::new();
        for (name, count) in self.slots.iter().flatten() {
            *counts.entry(*name).or_default() += count;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_one_count_wherever_they_lie() {
        let mut counters = Counters::default();
        let two = "twotwo";
        counters.add("one", 1);
        counters.add(&two[..3], 2);
        counters.add(&two[3..], 3);
        counters.add("one", 0);
        assert_eq!(counters.by_name(), BTreeMap::from([("one", 1), ("two", 5)]));
    }
}
