//! Automatic compaction, by the leader alone: by age, or by number of revisions.
//!
//! By age, the revision is sampled ten times in the shorter of the period and an hour; once samples
//! reach a whole period back, the store is compacted at the newest one that old, as often as that
//! shorter time. By number, every five minutes.

use std::collections::VecDeque;
use std::time::Duration;

use base::Instant;
use proto::etcdserverpb::{CompactionRequest, InternalRaftRequest};

use crate::api::{Api, Caller};
use crate::config::AutoCompaction;
use crate::env::{Env, Role};
use crate::ticks::Ticks;

/// Samples in one compaction interval.
const SAMPLES: u32 = 10;

/// The longest time between two compactions by age.
const INTERVAL_MAX: Duration = Duration::from_secs(3600);

/// The time between two compactions by number.
const REVISION_INTERVAL: Duration = Duration::from_secs(300);

/// Decides when and where to compact; told the time and the revision at each look.
#[derive(Debug)]
struct Policy {
    mode: AutoCompaction,
    samples: VecDeque<(Instant, i64)>,
    last: Option<Instant>,
}

impl Policy {
    fn new(mode: AutoCompaction) -> Policy {
        Policy { mode, samples: VecDeque::new(), last: None }
    }

    /// Time between two looks; `None` when nothing is compacted automatically.
    fn look_every(&self) -> Option<Duration> {
        match self.mode {
            AutoCompaction::Off => None,
            AutoCompaction::Revision(_) => Some(REVISION_INTERVAL),
            AutoCompaction::Periodic(period) => Some(period.min(INTERVAL_MAX) / SAMPLES),
        }
    }

    /// The revision to compact at now, if any.
    fn look(&mut self, now: Instant, revision: i64) -> Option<i64> {
        match self.mode {
            AutoCompaction::Off => None,
            AutoCompaction::Revision(kept) => Some(revision - kept).filter(|target| *target > 0),
            AutoCompaction::Periodic(period) => self.look_back(now, revision, period),
        }
    }

    fn look_back(&mut self, now: Instant, revision: i64, period: Duration) -> Option<i64> {
        self.samples.push_back((now, revision));
        let due = self.last.is_none_or(|last| now.since(last) >= period.min(INTERVAL_MAX));
        let mut target = None;
        while let Some(&(at, revision)) = self.samples.front() {
            if now.since(at) < period {
                break;
            }
            target = Some(revision);
            // The newest sample that is old enough is kept until a compaction used it.
            let next_is_old = self.samples.get(1).is_some_and(|(at, _)| now.since(*at) >= period);
            if !next_is_old {
                break;
            }
            self.samples.pop_front();
        }
        let target = target.filter(|_| due)?;
        self.last = Some(now);
        Some(target)
    }
}

/// Runs until the member stops; ends at once when nothing is to be compacted automatically.
pub(crate) async fn run<E: Env>(api: Api<E>) {
    let inner = &api.inner;
    let mut policy = Policy::new(inner.config.auto_compaction);
    let Some(every) = policy.look_every() else { return };
    let mut ticks = Ticks::every(&api, every.max(Duration::from_millis(1)));
    while ticks.next().await {
        // Followers sample too, so that one that becomes leader knows the past.
        let target = policy.look(inner.env.now(), inner.views.load().keys.revision());
        let Some(revision) = target.filter(|_| inner.shared.role() == Role::Leader) else {
            continue;
        };
        let request = InternalRaftRequest {
            compaction: Some(CompactionRequest { revision, physical: false }),
            ..InternalRaftRequest::default()
        };
        // Compacted already, or no leader: the next look decides anew.
        let _again = api.propose(&Caller::default(), request).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> Instant {
        Instant::from_nanos(second * 1_000_000_000)
    }

    #[test]
    fn by_age_nothing_younger_than_the_period_goes() {
        let mut policy = Policy::new(AutoCompaction::Periodic(Duration::from_secs(100)));
        assert_eq!(policy.look_every(), Some(Duration::from_secs(10)));
        let looks: Vec<Option<i64>> =
            (0..=25u64).map(|n| policy.look(at(n * 10), n as i64 + 1)).collect();
        assert!(looks[..10].iter().all(Option::is_none), "before the first period is over");
        assert_eq!(looks[10], Some(1), "the revision of a period ago");
        assert!(looks[11..20].iter().all(Option::is_none), "not before the next period");
        assert_eq!(looks[20], Some(11));
    }

    #[test]
    fn by_number_the_newest_are_kept() {
        let mut policy = Policy::new(AutoCompaction::Revision(10));
        assert_eq!(policy.look(at(1), 10), None);
        assert_eq!(policy.look(at(1), 15), Some(5));
        assert_eq!(Policy::new(AutoCompaction::Off).look_every(), None);
    }
}
