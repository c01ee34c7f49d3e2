//! The simulated world under toy members: time, disk, network and death, without the server.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{Index, Instant, MemberId, Prng, Term};
use madsim::runtime::Handle;
use node::env::{Disk, DiskFile, Env, Net, PeerAddress};
use raft::{Body, Message};
use sim::check::Checks;
use sim::disk::{CrashRule, DiskImage};
use sim::env::SimEnv;
use sim::env::clock::MemberClock;
use sim::net::{LinkFaults, open_port};
use sim::run::in_fresh_thread;
use sim::sync::lock;
use sim::trace::{Trace, Words};
use sim::world::{Life, Seat, World};

fn world(members: u64, seed: u64) -> Arc<World> {
    let mut prng = Prng::new(seed);
    let seats: Vec<Seat> = (1..=members)
        .map(|id| Seat {
            id: Mutex::new(MemberId(id)),
            disk: Arc::new(Mutex::new(DiskImage::new(prng.fork()))),
            store: Arc::default(),
            clock: MemberClock { offset_nanos: id * 1_000, drift_ppm: 0 },
        })
        .collect();
    let ids = seats.iter().map(Seat::id).collect();
    let checks = Checks::new(ids, model::Settings::default(), None);
    Arc::new(World::new(seats, checks, &mut prng, Trace::new(Words::Dropped)))
}

fn boot(world: &Arc<World>, member: usize) -> (Life, SimEnv) {
    let handle = Handle::current();
    let node = handle.create_node().build();
    let life = world.begin_life(member);
    let net = open_port(&life);
    let peers = world.seats.iter().map(|seat| PeerAddress { id: seat.id(), urls: Vec::new() });
    net.set_peers(peers.collect());
    (life.clone(), SimEnv::new(life, net, node))
}

fn message(from: u64, to: u64, number: u64, is_proposal: bool) -> Message {
    let body = if is_proposal {
        Body::Propose { entries: Vec::new() }
    } else {
        Body::AppendReply { index: Index(number), reject: Some(hint()) }
    };
    Message { from: MemberId(from), to: MemberId(to), term: Term(number), body }
}

fn hint() -> raft::RejectHint {
    raft::RejectHint { hint_index: Index(0), hint_term: Term(0) }
}

/// A member that writes numbers to a file, syncs some of them, and sends them around.
async fn toy(env: SimEnv, to: u64) {
    let from = env.life().seat().id().get();
    let disk = env.disk().clone();
    let file = disk.create("numbers").await.expect("a new disk");
    disk.sync_dir("").await.expect("no fault");
    for number in 1..=200u64 {
        file.write_at(number * 8, &number.to_le_bytes()).await.expect("no fault");
        if env.random().is_multiple_of(3) {
            file.sync().await.expect("no fault");
        }
        env.net().send(message(from, to, number, false));
        env.sleep_until(env.now() + Duration::from_micros(env.random() % 3_000)).await;
    }
}

fn toy_run(seed: u64) -> (u64, u64) {
    in_fresh_thread(seed, async move {
        let world = world(3, seed);
        let mut envs = Vec::new();
        for member in 0..3 {
            let (_, env) = boot(&world, member);
            env.spawn("toy", toy(env.clone(), (member as u64 + 1) % 3 + 1));
            let net = env.net().clone();
            env.spawn("receive", async move {
                loop {
                    net.receive().await;
                }
            });
            envs.push(env);
        }
        world.clock.sleep(Duration::from_secs(2)).await;
        let delivered = world.counts().get("net: delivered").copied().unwrap_or(0);
        (world.trace().hash(), delivered)
    })
}

#[test]
fn the_same_seed_gives_the_same_events_and_another_one_others() {
    let first = toy_run(7);
    assert_eq!(first, toy_run(7));
    assert_ne!(first.0, toy_run(8).0);
    assert_eq!(first.1, 600, "all messages arrive where no link is faulty");
}

#[test]
fn a_power_loss_keeps_what_was_synced() {
    in_fresh_thread(3, async {
        let world = world(1, 3);
        let rule = CrashRule { keep: 0.0, garble: 0.0, keep_name: 0.0 };
        lock(&world.seats[0].disk).faults.crash = rule;
        let (life, env) = boot(&world, 0);
        let file = env.disk().create("a").await.expect("a new disk");
        env.disk().sync_dir("").await.expect("no fault");
        file.write_at(0, b"synced").await.expect("no fault");
        file.sync().await.expect("no fault");
        file.write_at(6, b" lost").await.expect("no fault");
        env.disk().create("b").await.expect("a free name");
        life.end();
        lock(&world.seats[0].disk).crash();
        let (_, env) = boot(&world, 0);
        let names: Vec<String> =
            env.disk().list("").await.expect("the top").into_iter().map(|e| e.name).collect();
        assert_eq!(names, ["a"]);
        let file = env.disk().open("a").await.expect("it is there");
        assert_eq!(&file.read_at(0, 100).await.expect("no fault")[..], b"synced");
    });
}

#[test]
fn a_dead_incarnation_neither_hears_nor_speaks() {
    in_fresh_thread(4, async {
        let world = world(2, 4);
        let (life, old) = boot(&world, 0);
        let (_, peer) = boot(&world, 1);
        life.end();
        lock(&world.net).close(0);
        old.net().send(message(1, 2, 1, false));
        let (_, new) = boot(&world, 0);
        peer.net().send(message(2, 1, 5, false));
        assert_eq!(new.net().receive().await.term, Term(5));
        let late = madsim::time::timeout(Duration::from_secs(1), old.net().receive());
        assert!(late.await.is_err(), "the old incarnation's inbox is closed");
        let none = madsim::time::timeout(Duration::from_secs(1), peer.net().receive());
        assert!(none.await.is_err(), "a dead member says nothing");
    });
}

#[test]
fn links_lose_double_and_cut_as_told_but_never_double_proposals() {
    in_fresh_thread(5, async {
        let world = world(2, 5);
        let (_, sender) = boot(&world, 0);
        let (_, receiver) = boot(&world, 1);
        let faulty = LinkFaults { duplicate: 1.0, replay_ms_max: 50, ..LinkFaults::default() };
        lock(&world.net).set_faults(0, 1, faulty);
        let mut received = 0;
        for is_proposal in [false, true] {
            for number in 1..=20 {
                sender.net().send(message(1, 2, number, is_proposal));
            }
            let until = Duration::from_secs(1);
            while madsim::time::timeout(until, receiver.net().receive()).await.is_ok() {
                received += 1;
            }
        }
        assert_eq!(received, 40 + 20);
        lock(&world.net).set_cut(Instant::ORIGIN, 0, 1, true);
        sender.net().send(message(1, 2, 99, false));
        assert_eq!(sender.net().take_unreachable(), [MemberId(2)]);
        assert!(sender.net().connected_since(MemberId(2)).is_none());
    });
}
