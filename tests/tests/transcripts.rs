//! `cairnctl` does what the transcripts of `etcdctl` say, on members of Cairn.

use tests::binaries::built;
use tests::clients::{Off, Program, run_transcripts};
use tests::cluster::{Cluster, Member};
use tests::repository::root;
use tests::transcript::Script;

fn transcripts_hold(size: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let members: Vec<Member> =
        (1..=size).map(|number| Member::new(&format!("m{number}"), folder.path())).collect();
    let cluster = Cluster::start_cairn(&members);
    let off = Off::read();
    let off = off.of("cairnctl", true, size);
    let mut scripts = Script::all(&root().join("tests/interop/etcdctl"), "3.7");
    scripts.retain(|script| off.iter().all(|part| part.name != script.name));
    assert!(scripts.len() > 5, "{} transcripts", scripts.len());
    let outcome = run_transcripts(&Program::of(&built("cairnctl")), &cluster, &scripts);
    outcome.unwrap_or_else(|why| panic!("{why}\n{}", cluster.logs()));
}

#[test]
fn on_one_member() {
    transcripts_hold(1);
}

#[test]
fn on_three_members() {
    transcripts_hold(3);
}
