//! Replays generated requests against a real etcd and records its answers as JSON lines.
//!
//! `record <etcd binary> <seed> <requests> > answers.jsonl` starts a lone member in a temporary
//! directory with a long election timeout, so that no lease ends during the recording, and replays
//! the stream of the seed. Each line holds the method `m`, the encoded request `q` in hexadecimal,
//! and either the encoded answer `s` or the code `c` and text `e` of the error. Compactions are
//! made physical, so that hashes do not depend on how far a background task got.

mod client;
mod line;
mod member;

use std::error::Error;

use model::{Generator, Weights};
use prost::Message;
use proto::etcdserverpb::{HashKvRequest, InternalRaftRequest};

use client::Client;
use member::Member;

/// A HashKV request after this many others.
const HASH_EVERY: usize = 6;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, binary, seed, count] = arguments.as_slice() else {
        return Err("usage: record <etcd binary> <seed> <requests>".into());
    };
    let member = Member::start(binary)?;
    let mut client = Client::connect(&member.endpoint).await?;
    let mut generator = Generator::new(seed.parse()?, Weights::default());
    let mut compacted = -1;
    for step in 0..count.parse::<usize>()? {
        let revision = client.revision().await?;
        generator.observe(revision, compacted);
        let request = settle(generator.request());
        if let Some(line) = client.replay(&request).await {
            if let (true, Some(compaction)) = (line.is_answer(), &request.compaction) {
                compacted = compaction.revision;
            }
            println!("{line}");
        }
        if step % HASH_EVERY == 0 {
            let back = (step / HASH_EVERY) as i64 % 5;
            let at = if back == 0 { 0 } else { revision - back };
            println!("{}", client.hash_kv(HashKvRequest { revision: at }).await);
        }
    }
    println!("{}", client.watch(compacted.max(1)).await?);
    Ok(())
}

/// Takes out what a recording cannot repeat: answers that depend on a background task.
fn settle(mut request: InternalRaftRequest) -> InternalRaftRequest {
    if let Some(compaction) = &mut request.compaction {
        compaction.physical = true;
    }
    assert!(request.encoded_len() > 0, "an empty request");
    request
}
