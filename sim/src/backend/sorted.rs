//! An ordered map whose clones share what they do not change: runs of keys that ascend from run to
//! run, each behind a counter. Readers hold images of a backend all the time; a change copies the
//! run that it meets and the list of runs, never the whole.
//!
//! Invariants: no run is empty, and every key of a run is below every key of the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

/// Keys of one run; a longer one is divided.
const RUN_KEYS_MAX: usize = 64;

type Run = Arc<BTreeMap<Bytes, Bytes>>;

/// The map.
#[derive(Clone, Debug, Default)]
pub struct Sorted {
    runs: Vec<Run>,
}

impl Sorted {
    /// The run that holds a key if any does.
    fn run_of(&self, key: &[u8]) -> usize {
        let behind = |run: &Run| run.first_key_value().is_some_and(|(first, _)| &first[..] <= key);
        self.runs.partition_point(behind).saturating_sub(1)
    }

    /// Sets a key.
    pub fn insert(&mut self, key: Bytes, value: Bytes) {
        let at = self.run_of(&key);
        let is_behind_all = at + 1 == self.runs.len()
            && self.runs[at].last_key_value().is_some_and(|(last, _)| *last < key);
        if self.runs.is_empty() || (is_behind_all && self.runs[at].len() >= RUN_KEYS_MAX) {
            self.runs.push(Arc::new(BTreeMap::from([(key, value)])));
            return;
        }
        let run = Arc::make_mut(&mut self.runs[at]);
        run.insert(key, value);
        if run.len() > RUN_KEYS_MAX {
            let middle = run.keys().nth(RUN_KEYS_MAX / 2).cloned();
            let upper = middle.map(|middle| run.split_off(&middle)).unwrap_or_default();
            self.runs.insert(at + 1, Arc::new(upper));
        }
    }

    /// Removes a key, if it is there.
    pub fn remove(&mut self, key: &[u8]) {
        let at = self.run_of(key);
        let Some(run) = self.runs.get_mut(at) else { return };
        if !run.contains_key(key) {
            return;
        }
        let run = Arc::make_mut(run);
        run.remove(key);
        if run.is_empty() {
            self.runs.remove(at);
        }
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Bytes> {
        self.runs.get(self.run_of(key))?.get(key)
    }

    /// All pairs from a key on, in order.
    pub fn range_from<'a>(
        &'a self,
        from: &[u8],
    ) -> impl Iterator<Item = (&'a Bytes, &'a Bytes)> + use<'a> {
        let from = Bytes::copy_from_slice(from);
        let runs = self.runs.get(self.run_of(&from)..).unwrap_or_default();
        runs.iter().flat_map(move |run| run.range(from.clone()..))
    }

    /// All pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.runs.iter().flat_map(|run| run.iter())
    }
}

#[cfg(test)]
mod tests {
    use base::Prng;

    use super::*;

    fn key(number: u64) -> Bytes {
        Bytes::from(format!("{number:04}"))
    }

    #[test]
    fn it_is_an_ordered_map_and_its_clones_stay_as_they_were() {
        let mut prng = Prng::new(11);
        let (mut sorted, mut naive) = (Sorted::default(), BTreeMap::new());
        let mut images = Vec::new();
        for step in 0..4_000u64 {
            // Ascending at first, as revisions come; then anywhere.
            let number = if step < 500 { step } else { prng.below(700) };
            if prng.chance(0.3) && step >= 500 {
                sorted.remove(&key(number));
                naive.remove(&key(number));
            } else {
                sorted.insert(key(number), key(step));
                naive.insert(key(number), key(step));
            }
            if step.is_multiple_of(400) {
                images.push((sorted.clone(), naive.clone()));
            }
        }
        images.push((sorted, naive));
        for (sorted, naive) in &images {
            assert!(sorted.iter().eq(naive.iter()), "{} keys", naive.len());
            for number in (0..700).step_by(13) {
                assert_eq!(sorted.get(&key(number)), naive.get(&key(number)));
                assert!(sorted.range_from(&key(number)).eq(naive.range(key(number)..)));
            }
        }
    }
}
