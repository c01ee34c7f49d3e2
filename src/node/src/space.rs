//! Room on the disk (X-e): a reserve file and the next log segment are held while there is room for
//! them, so that a disk which others fill is met here and not within the log or the backend.
//!
//! This task measures and holds; [`alarm`] tells the cluster. At the low mark, or when the next
//! segment cannot be prepared, the member is *low*: it refuses what gains space, and goes on with
//! what does not, whose log has its place in the segments that are reserved already. Well below the
//! mark the reserve is let go, for the flushes that are still to come. Once there is room again the
//! reserve is taken first, then the segment is prepared, and only then are writes taken again.

pub(crate) mod alarm;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base::mark;
use tokio::sync::{Notify, mpsc};

use crate::config::Knobs;
use crate::env::{Disk, DiskEntry, DiskError, DiskErrorKind, DiskFile, Env, Sleep};
use crate::log_writer::Job;
use crate::shared::Shared;
use crate::snapshots::store;

/// Time between two looks at the disk.
pub(crate) const PERIOD: Duration = Duration::from_millis(500);

/// The directory that holds the reserve.
const DIRECTORY: &str = "member";

/// The reserve's name in it.
const RESERVE: &str = "reserve";

/// What the member's tasks know about the room on its disk.
#[derive(Debug, Default)]
pub struct Room {
    /// Written by the space task; the log writer sets it when a segment cannot be prepared.
    low: AtomicBool,
    /// Written by the log writer: the next segment could not be prepared.
    segment_missing: AtomicBool,
    /// Written by the space task, and cleared by whoever lets the reserve go.
    reserve_held: AtomicBool,
    /// Woken after `low` changed.
    changed: Notify,
}

impl Room {
    /// Whether there is too little room to take what gains space.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Acquire)
    }

    pub(crate) fn is_segment_missing(&self) -> bool {
        self.segment_missing.load(Ordering::Acquire)
    }

    pub(crate) fn segment_prepared(&self) {
        self.segment_missing.store(false, Ordering::Release);
    }

    /// The next segment found no room: writes are refused from here on.
    pub(crate) fn segment_refused(&self) {
        mark!("space: no room for the next segment");
        self.segment_missing.store(true, Ordering::Release);
        self.set_low(true);
    }

    fn set_low(&self, low: bool) {
        if self.low.swap(low, Ordering::AcqRel) != low {
            self.changed.notify_waiters();
        }
    }
}

/// What is seen of the disk at one look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    available: u64,
    reserve_held: bool,
    segment_held: bool,
    low: bool,
}

/// What follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Nothing,
    ReleaseReserve,
    TakeReserve,
    PrepareSegment,
    BecomeLow,
    BecomeNormal,
}

/// The one step that comes next. What was refused is taken again only with a quarter more room than
/// the mark, so that the alarm does not come and go with every file.
fn decide(seen: &Seen, knobs: &Knobs) -> Step {
    let mark = knobs.space_low_bytes;
    let calm = mark.saturating_add(mark / 4);
    let has = |more: u64| seen.available >= calm.saturating_add(more);
    let reserve_fits = has(knobs.reserve_bytes);
    let lacks = seen.available < mark || !seen.segment_held || !(seen.reserve_held || reserve_fits);
    match seen {
        Seen { low: false, .. } if lacks => Step::BecomeLow,
        Seen { reserve_held: true, .. } if seen.available < mark / 2 => Step::ReleaseReserve,
        Seen { reserve_held: false, .. } if reserve_fits => Step::TakeReserve,
        Seen { reserve_held: true, segment_held: false, .. } if has(knobs.segment_bytes) => {
            Step::PrepareSegment
        }
        Seen { low: true, reserve_held: true, segment_held: true, .. } if has(0) => {
            Step::BecomeNormal
        }
        _ => Step::Nothing,
    }
}

/// The running task.
pub(crate) struct Space<E: Env> {
    pub env: E,
    pub room: Arc<Room>,
    pub knobs: Knobs,
    pub shared: Arc<Shared>,
    pub log: mpsc::UnboundedSender<Job>,
}

impl<E: Env> Space<E> {
    /// Runs until the member stops.
    pub(crate) async fn run(self) {
        if let Err(error) = self.find_reserve().await {
            self.env.fail_stop(&format!("the reserve cannot be looked at: {error}"));
            return;
        }
        let mut timer = self.env.sleep_until(self.env.now());
        loop {
            tokio::select! {
                biased;
                () = self.shared.wait_stopped() => return,
                () = &mut timer => timer.reset(self.env.now() + PERIOD),
            }
            if let Err(error) = self.look().await {
                self.env.fail_stop(&format!("the reserve cannot be kept: {error}"));
                return;
            }
        }
    }

    /// What an earlier start has left; a part of a reserve is none.
    async fn find_reserve(&self) -> Result<(), DiskError> {
        let Some(found) = reserve_of(self.env.disk()).await? else { return Ok(()) };
        if found.len == self.knobs.reserve_bytes {
            self.room.reserve_held.store(true, Ordering::Release);
            return Ok(());
        }
        store::remove(&self.env, &path()).await
    }

    async fn look(&self) -> Result<(), DiskError> {
        let Some(available) = self.env.disk().available_bytes() else { return Ok(()) };
        let room = &self.room;
        let seen = Seen {
            available,
            reserve_held: room.reserve_held.load(Ordering::Acquire),
            segment_held: !room.is_segment_missing(),
            low: room.is_low(),
        };
        match decide(&seen, &self.knobs) {
            Step::Nothing => {}
            Step::ReleaseReserve => release_held(&self.env, room).await?,
            Step::TakeReserve => self.take_reserve().await?,
            Step::PrepareSegment => {
                let _stopped = self.log.send(Job::PrepareSegment);
            }
            Step::BecomeLow => {
                self.env.warn(&format!(
                    "only {available} bytes are left on the disk of the data directory: writes \
                     are refused until there is room; free some space on it"
                ));
                room.set_low(true);
            }
            Step::BecomeNormal => {
                self.env.warn("there is room on the disk of the data directory again");
                room.set_low(false);
            }
        }
        Ok(())
    }

    async fn take_reserve(&self) -> Result<(), DiskError> {
        let taken = async {
            let file = self.env.disk().create(&path()).await?;
            file.allocate(self.knobs.reserve_bytes).await
        };
        match taken.await {
            Ok(()) => {
                self.room.reserve_held.store(true, Ordering::Release);
                Ok(())
            }
            Err(error) if error.kind == DiskErrorKind::NoSpace => {
                store::remove(&self.env, &path()).await
            }
            Err(error) => Err(error),
        }
    }
}

fn path() -> String {
    format!("{DIRECTORY}/{RESERVE}")
}

async fn reserve_of<D: Disk>(disk: &D) -> Result<Option<DiskEntry>, DiskError> {
    let entries = disk.list(DIRECTORY).await?;
    Ok(entries.into_iter().find(|entry| entry.name == RESERVE))
}

/// Lets the reserve go if it is held: what is accepted already needs its room.
pub(crate) async fn release_held<E: Env>(env: &E, room: &Room) -> Result<(), DiskError> {
    if !room.reserve_held.swap(false, Ordering::AcqRel) {
        return Ok(());
    }
    mark!("space: reserve let go");
    store::remove(env, &path()).await
}

/// Lets the reserve go before recovery when there is less room than it takes: recovery may have to
/// write, and there is nobody yet who could refuse anything.
pub(crate) async fn make_room_for_recovery<E: Env>(
    env: &E,
    knobs: &Knobs,
) -> Result<(), DiskError> {
    match is_scarce(env, knobs) {
        true => store::remove(env, &path()).await,
        false => Ok(()),
    }
}

/// Before a flush: lets the reserve go when the disk has less room than it takes.
pub(crate) async fn make_room_for_flush<E: Env>(
    env: &E,
    room: &Room,
    knobs: &Knobs,
) -> Result<(), DiskError> {
    match is_scarce(env, knobs) {
        true => release_held(env, room).await,
        false => Ok(()),
    }
}

/// Whether the disk has so little room that the reserve's is needed.
fn is_scarce<E: Env>(env: &E, knobs: &Knobs) -> bool {
    env.disk().available_bytes().is_some_and(|left| left < knobs.space_low_bytes / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knobs() -> Knobs {
        Knobs { space_low_bytes: 100, reserve_bytes: 50, segment_bytes: 60, ..Knobs::default() }
    }

    fn step(available: u64, reserve_held: bool, segment_held: bool, low: bool) -> Step {
        decide(&Seen { available, reserve_held, segment_held, low }, &knobs())
    }

    #[test]
    fn a_member_with_room_takes_its_reserve_and_rests() {
        assert_eq!(step(1000, false, true, false), Step::TakeReserve);
        assert_eq!(step(950, true, true, false), Step::Nothing);
        assert_eq!(step(100, true, true, false), Step::Nothing, "the mark itself is enough");
    }

    #[test]
    fn a_member_becomes_low_before_it_spends_anything() {
        assert_eq!(step(99, true, true, false), Step::BecomeLow);
        assert_eq!(step(0, true, true, false), Step::BecomeLow);
        assert_eq!(step(1000, true, false, false), Step::BecomeLow, "no segment");
        assert_eq!(step(174, false, true, false), Step::BecomeLow, "no room for the reserve");
        assert_eq!(step(99, true, true, true), Step::Nothing);
        assert_eq!(step(49, true, true, true), Step::ReleaseReserve);
        assert_eq!(step(99, false, true, true), Step::Nothing, "what was freed is left alone");
    }

    #[test]
    fn a_member_returns_in_order_reserve_segment_writes() {
        assert_eq!(step(174, false, false, true), Step::Nothing);
        assert_eq!(step(175, false, false, true), Step::TakeReserve);
        assert_eq!(step(184, true, false, true), Step::Nothing);
        assert_eq!(step(185, true, false, true), Step::PrepareSegment);
        assert_eq!(step(124, true, true, true), Step::Nothing);
        assert_eq!(step(125, true, true, true), Step::BecomeNormal);
    }
}
