//! Watches.

use etcd_client::{Client, CompactionOptions, EventType, WatchOptions};

use crate::{Outcome, check};

/// The past, then the present, with previous values; then a cancellation.
pub async fn events(mut client: Client) -> Outcome {
    let first = client.put("rs-watch/a", "1", None).await?;
    let from = first.header().map_or(0, |header| header.revision());
    let options = WatchOptions::new().with_prefix().with_start_revision(from).with_prev_key();
    let mut stream = client.watch("rs-watch/", Some(options)).await?;
    client.put("rs-watch/a", "2", None).await?;
    client.delete("rs-watch/a", None).await?;
    let mut told = Vec::new();
    let mut id = None;
    while told.len() < 3 {
        let answer = stream.message().await?.ok_or("the watch ended")?;
        id = Some(answer.watch_id());
        for event in answer.events() {
            let value = event.kv().map(|kv| kv.value().to_vec()).unwrap_or_default();
            let before = event.prev_kv().map(|kv| kv.value().to_vec());
            told.push((event.event_type() == EventType::Put, value, before));
        }
    }
    let wanted = [
        (true, b"1".to_vec(), None),
        (true, b"2".to_vec(), Some(b"1".to_vec())),
        (false, Vec::new(), Some(b"2".to_vec())),
    ];
    check(told == wanted, format!("told {told:?}"))?;
    stream.request_progress().await?;
    loop {
        let answer = stream.message().await?.ok_or("the watch ended")?;
        if answer.events().is_empty() && !answer.created() {
            break;
        }
    }
    stream.cancel(id.ok_or("no watch")?).await?;
    loop {
        let answer = stream.message().await?.ok_or("the stream ended")?;
        if answer.canceled() {
            return Ok(());
        }
    }
}

/// A watch that begins below the compaction names it.
pub async fn compacted(mut client: Client) -> Outcome {
    let mut last = 0;
    for value in ["1", "2", "3"] {
        let put = client.put("rs-compacted", value, None).await?;
        last = put.header().map_or(0, |header| header.revision());
    }
    let physical = CompactionOptions::new().with_physical();
    client.compact(last, Some(physical)).await?;
    let options = WatchOptions::new().with_start_revision(last - 2);
    let mut stream = client.watch("rs-compacted", Some(options)).await?;
    loop {
        let answer = stream.message().await?.ok_or("the watch ended")?;
        if answer.canceled() {
            let at = answer.compact_revision();
            return check(at == last, format!("compacted at {at}, not {last}"));
        }
    }
}
