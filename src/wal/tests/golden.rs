//! A segment byte for byte, and what is read back by a lagging follower.

mod common;

use base::Index;
use common::{Disk, METADATA, SEGMENT_BYTES, entry, entry_ref, recover, state};
use proptest::prelude::*;
use wal::{Entry, HardState, Op, Writer};

#[test]
fn the_first_segment_is_etcds_byte_for_byte() {
    let (mut writer, ops) =
        Writer::create(METADATA, SEGMENT_BYTES, HardState::default(), [].into_iter());
    let mut disk = Disk::default();
    disk.run_all(&ops);
    let batch = [entry(1, 1, 2)];
    disk.run_all(&writer.append(Some(state(1, 2, 0)), batch.iter().map(entry_ref), true));
    let (name, bytes) = disk.seen.first_key_value().expect("one file");
    assert_eq!(name, "0000000000000000-0000000000000000.wal");
    let used = bytes.iter().rposition(|&byte| byte != 0).expect("not empty") + 1;
    let hex: String = bytes[..used].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, include_str!("data/first_segment.hex").trim());
}

proptest! {
    #[test]
    fn what_is_appended_is_read_back(
        batches in prop::collection::vec((1u64..4, 0u64..3, 0usize..400, any::<bool>()), 1..40)
    ) {
        let (mut writer, ops) =
            Writer::create(METADATA, SEGMENT_BYTES, HardState::default(), [].into_iter());
        let mut disk = Disk::default();
        disk.run_all(&ops);
        let (mut log, mut term, mut commit): (Vec<Entry>, u64, u64) = (Vec::new(), 1, 0);
        for (count, replace, len, prepare) in batches {
            commit = commit.max(log.len() as u64 / 2);
            let keep = (log.len() as u64).saturating_sub(replace).max(commit);
            term += u64::from(replace > 0);
            let batch: Vec<Entry> =
                (keep + 1..=keep + count).map(|index| entry(term, index, len)).collect();
            let refs = batch.iter().map(entry_ref);
            let ops = writer.append(Some(state(term, 0, commit)), refs, true);
            let last_is_sync = matches!(ops.last(), Some(Op::Sync { .. }));
            prop_assert!(last_is_sync);
            disk.run_all(&ops);
            if prepare {
                disk.run_all(&writer.prepare_next());
            }
            log.truncate(keep as usize);
            log.extend(batch);
            let total: u64 = disk.seen.values().map(|bytes| bytes.len() as u64).sum();
            prop_assert_eq!(writer.bytes_total(), total);
        }
        let read = recover(&disk.seen).expect("sound");
        prop_assert_eq!(&read.entries, &log);
        // The recovered writer goes on where the first stopped.
        disk.run_all(&read.ops);
        let mut writer = read.writer;
        let next = entry(term, log.len() as u64 + 1, 5);
        let ops = writer.append(None, [&next].into_iter().map(entry_ref), true);
        disk.run_all(&ops);
        log.push(next);
        prop_assert_eq!(&recover(&disk.seen).expect("sound").entries, &log);
        let mut found: Vec<Entry> = Vec::new();
        for name in writer.segments() {
            let segment = &disk.seen[&name.to_string()];
            for entry in wal::read_entries(segment, Index(1), Index(u64::MAX)) {
                found.truncate(entry.index.prev().get() as usize);
                found.push(entry);
            }
        }
        prop_assert_eq!(found, log);
    }
}
