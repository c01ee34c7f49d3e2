//! One damaged byte anywhere in a small log is detected or harmless: no entry before the last batch
//! is ever lost or changed in silence (L2, M13).

mod common;

use base::Index;
use common::{Disk, Files, METADATA, SEGMENT_BYTES, entry, entry_ref, recover, state};
use wal::{HardState, Writer};

fn small_log(last_batch: bool) -> (Files, u64, Writer) {
    let (mut writer, ops) =
        Writer::create(METADATA, SEGMENT_BYTES, HardState::default(), [].into_iter());
    let mut disk = Disk::default();
    disk.run_all(&ops);
    for index in (1..=24u64).step_by(2) {
        let batch = [entry(2, index, 40), entry(2, index + 1, 3)];
        let ops = writer.append(Some(state(2, 9, index - 1)), batch.iter().map(entry_ref), true);
        disk.run_all(&ops);
    }
    if last_batch {
        disk.run_all(&writer.append(Some(state(3, 5, 24)), [].into_iter(), true));
    }
    assert!(writer.segments().len() > 1, "the log does not rotate");
    (disk.seen, 24, writer)
}

#[test]
fn a_damaged_byte_is_found_or_harmless() {
    for (last_batch, kept) in [(false, 22), (true, 24)] {
        let (files, last, _) = small_log(last_batch);
        let sound = recover(&files).expect("sound").entries;
        assert_eq!(sound.len() as u64, last);
        let (mut refused, mut suspect) = (0, 0);
        for (name, bytes) in &files {
            for (at, &byte) in bytes.iter().enumerate() {
                for flip in [0x01, 0x80, 0xff, byte] {
                    if flip == 0 {
                        continue;
                    }
                    let mut damaged = files.clone();
                    damaged.get_mut(name).expect("it is there")[at] ^= flip;
                    let Ok(read) = recover(&damaged) else {
                        refused += 1;
                        continue;
                    };
                    suspect += u64::from(read.suspect.is_some());
                    let enough = if read.suspect.is_some() { kept } else { last };
                    let count = read.entries.len() as u64;
                    assert!(count >= enough, "{name} byte {at} ^ {flip:x}: {count} of {enough}");
                    assert_eq!(read.entries, sound[..read.entries.len()], "{name} byte {at}");
                    let first = read.suspect.map_or(Index(u64::MAX), |suspect| suspect.first);
                    assert!(count == last || first.get() <= count + 1, "{name} {at}: {first}");
                }
            }
        }
        assert!(refused > 2000 && suspect > 100, "{refused} refused, {suspect} suspect");
    }
}

#[test]
fn a_zeroed_sector_before_the_last_batch_is_corruption() {
    let (files, _, writer) = small_log(true);
    let name = writer.segments()[0].to_string();
    let last = writer.segments().last().expect("there is one").to_string();
    for name in [name, last] {
        let mut damaged = files.clone();
        damaged.get_mut(&name).expect("it is there")[..512].fill(0);
        let error = recover(&damaged).expect_err("a durable sector is gone");
        assert!(matches!(error, wal::WalError::Corrupt { .. }), "{error}");
    }
    let mut missing = files.clone();
    missing.remove(&writer.segments()[1].to_string());
    if writer.segments().len() > 2 {
        let error = recover(&missing).expect_err("a segment is gone");
        assert!(matches!(error, wal::WalError::Gap { .. }), "{error}");
    }
}
