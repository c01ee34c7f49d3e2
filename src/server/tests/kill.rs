//! Kills a process that writes to the real backend, at random moments, and checks that what is
//! there afterwards is what the backend promises (BK1): every creation, ingestion and deletion
//! that had returned; every batch that was persisted, and of the others a prefix; what was under
//! way whole or not at all.
//!
//! It does not judge a loss of power: the page cache survives the process. The simulator judges
//! the promises against that, and the backend's header says how it meets them.
//!
//! The test binary is its own child: `kill child <dir> <seed> <first>` writes until it is killed
//! and says on standard output which operation has returned.

#[path = "kill/child.rs"]
mod child;
#[path = "kill/operation.rs"]
mod operation;
#[path = "kill/parent.rs"]
mod parent;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "child", dir, seed, first] => child::write_until_killed(
            dir.as_ref(),
            seed.parse().expect("the parent gives a number"),
            first.parse().expect("the parent gives a number"),
        ),
        // Test runners list the tests of a binary before they run it.
        [_, "--list", ..] => {}
        _ => parent::kill_and_check(),
    }
}
