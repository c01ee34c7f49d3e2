//! Progress against a naive twin: a leader and a follower as plain vectors of terms, with the
//! messages between them lost, doubled and reordered. What the progress believes must hold.

use alloc::vec::Vec;

use base::Index;
use proptest::prelude::*;

use super::{Inflights, Progress};
use crate::status::ProgressState;

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    /// The leader appends entries of its term.
    Grow(usize),
    /// The leader sends up to so many entries, if it may.
    Send(usize),
    /// The message at this place arrives.
    Arrive(usize),
    /// The answer at this place arrives.
    Answer(usize),
    /// A message is lost.
    Lose(usize),
    /// A heartbeat was answered.
    Resume,
    /// The driver reports a broken connection.
    Unreachable,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (1..3usize).prop_map(Event::Grow),
        (0..3usize).prop_map(Event::Send),
        (0..8usize).prop_map(Event::Arrive),
        (0..8usize).prop_map(Event::Answer),
        (0..8usize).prop_map(Event::Lose),
        Just(Event::Resume),
        Just(Event::Unreachable),
    ]
}

/// Accepted up to an index, or refused behind one with a guess.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Accepted(u64),
    Refused(u64, u64),
}

/// Both logs as terms, and what is under way.
struct Twin {
    leader: Vec<u64>,
    follower: Vec<u64>,
    messages: Vec<(u64, Vec<u64>)>,
    replies: Vec<Reply>,
}

impl Twin {
    fn arrive(&mut self, at: usize) {
        let Some((prev, terms)) = self.messages.get(at).cloned() else { return };
        let held = prev as usize;
        if self.follower.len() < held || self.follower[..held] != self.leader[..held] {
            let guess = prev.min(self.follower.len() as u64).saturating_sub(1);
            self.replies.push(Reply::Refused(prev, guess));
            return;
        }
        for (offset, &term) in terms.iter().enumerate() {
            let place = held + offset;
            if self.follower.get(place) != Some(&term) {
                self.follower.truncate(place);
                self.follower.push(term);
            }
        }
        self.replies.push(Reply::Accepted(prev + terms.len() as u64));
    }

    /// How far both logs are the same.
    fn shared(&self) -> u64 {
        let pairs = self.leader.iter().zip(&self.follower);
        pairs.take_while(|(ours, theirs)| ours == theirs).count() as u64
    }
}

fn send(progress: &mut Progress, twin: &mut Twin, count: usize) {
    if progress.is_paused() {
        return;
    }
    let prev = progress.next.prev().get();
    let room = if progress.is_window_full() { 0 } else { count };
    let rest = &twin.leader[prev as usize..];
    let terms: Vec<u64> = rest.iter().copied().take(room).collect();
    progress.sent(terms.len(), terms.len(), Index::ZERO);
    twin.messages.push((prev, terms));
}

fn answer(progress: &mut Progress, reply: Reply) {
    match reply {
        Reply::Accepted(index) => {
            if progress.acknowledge(Index(index)) && progress.state() == ProgressState::Probe {
                progress.become_replicate();
            }
        }
        Reply::Refused(prev, guess) => {
            progress.back_off(Index(prev), Index(guess));
        }
    }
}

fn take(progress: &mut Progress, twin: &mut Twin, event: Event) {
    match event {
        Event::Grow(count) => twin.leader.extend(core::iter::repeat_n(9, count)),
        Event::Send(count) => send(progress, twin, count),
        Event::Arrive(at) => twin.arrive(at),
        Event::Answer(at) => {
            if let Some(&reply) = twin.replies.get(at) {
                answer(progress, reply);
            }
        }
        Event::Lose(at) if at < twin.messages.len() => drop(twin.messages.remove(at)),
        Event::Lose(_) => {}
        Event::Resume => progress.resume(Index(twin.leader.len() as u64)),
        Event::Unreachable if progress.state() == ProgressState::Replicate => {
            progress.become_probe();
        }
        Event::Unreachable => {}
    }
}

proptest! {
    #[test]
    fn what_matches_is_shared_and_the_rest_catches_up(
        leader in prop::collection::vec(1..4u64, 0..6),
        follower in prop::collection::vec(1..4u64, 0..6),
        events in prop::collection::vec(event(), 0..80),
    ) {
        let (mut leader, mut follower) = (leader, follower);
        leader.sort_unstable();
        follower.sort_unstable();
        let window = Inflights::new(3, 5);
        let mut progress = Progress::new(Index(leader.len() as u64), window);
        let mut twin = Twin { leader, follower, messages: Vec::new(), replies: Vec::new() };
        for event in events {
            let matched = progress.matched;
            take(&mut progress, &mut twin, event);
            progress.check(Index(twin.leader.len() as u64));
            prop_assert!(progress.matched >= matched, "{:?} went back", progress);
            prop_assert!(progress.matched.get() <= twin.shared(), "R12: {:?}", progress);
            prop_assert!(progress.inflight() <= 3, "{:?}", progress);
        }
        // Without losses the follower gets everything, however far the logs were apart.
        for _ in 0..100 {
            twin.messages.clear();
            twin.replies.clear();
            take(&mut progress, &mut twin, Event::Resume);
            send(&mut progress, &mut twin, 2);
            twin.arrive(0);
            for reply in core::mem::take(&mut twin.replies) {
                answer(&mut progress, reply);
            }
        }
        prop_assert_eq!(progress.matched.get(), twin.leader.len() as u64, "{:?}", progress);
        prop_assert_eq!(twin.shared(), twin.leader.len() as u64);
    }
}
