//! Files in memory, and damage that looks sound.

use std::collections::BTreeMap;

use base::checksum::crc32c_append;
use wal::Op;

use super::history::Place;

/// Name and content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Carries out operations.
pub fn perform(files: &mut Files, ops: &[Op]) {
    for op in ops {
        match op {
            Op::Create { name, allocate } => {
                let earlier = files.insert(name.clone(), vec![0; *allocate as usize]);
                assert!(earlier.is_none(), "{name} is created over another file");
            }
            Op::Write { name, offset, bytes } => {
                let (file, begin) = (file(files, name), *offset as usize);
                let end = begin + bytes.len();
                file.resize(file.len().max(end), 0);
                file[begin..end].copy_from_slice(bytes);
            }
            Op::Rename { from, to } => {
                let content = files.remove(from).unwrap_or_else(|| panic!("no file {from}"));
                files.insert(to.clone(), content);
            }
            Op::Remove { name } => drop(files.remove(name).expect("what is removed is there")),
            Op::Truncate { name, len } => file(files, name).truncate(*len as usize),
            Op::Allocate { name, len } => {
                let file = file(files, name);
                file.resize(file.len().max(*len as usize), 0);
            }
            Op::Sync { .. } | Op::SyncDir => {}
        }
    }
}

fn file<'a>(files: &'a mut Files, name: &str) -> &'a mut Vec<u8> {
    files.get_mut(name).unwrap_or_else(|| panic!("no file {name}"))
}

/// Does the damage that the input describes, four bytes each: segment, offset (two bytes), the new
/// byte.
pub fn damaged(mut files: Files, data: &[u8]) -> Files {
    let names: Vec<String> = files.keys().cloned().collect();
    for damage in data.chunks_exact(4) {
        let file = file(&mut files, &names[usize::from(damage[0]) % names.len()]);
        let offset = usize::from(u16::from_be_bytes([damage[1], damage[2]])) % file.len();
        file[offset] = damage[3];
    }
    files
}

/// Makes the checksums of all records true again where their frames can still be walked.
pub fn believe(files: &mut Files) {
    let mut chain = 0;
    files.values_mut().for_each(|file| mend(file, &mut chain));
}

/// Kinds of [`torn`].
pub const TEARS: u8 = 5;
/// Bytes behind the end of the log that a tear may hit.
const BEHIND_BYTES: usize = 16;
const SECTOR_BYTES: usize = 512;

/// Damages the files in one place: everything from there on is zero, or missing, or something else;
/// or one sector is zero; or one byte is another. The input says which, and how far before the end
/// of the log: half of the time in its last bytes, where a crash tears.
pub fn torn(mut files: Files, end: Place<'_>, [kind, high, low]: [u8; 3]) -> Files {
    let back = usize::from(if kind & 0x80 == 0 { 0 } else { high }) << 8 | usize::from(low);
    let (name, at) = back_from(&files, end, back);
    let file = file(&mut files, &name);
    let at = at.min(file.len() - 1);
    let sector_end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
    let used = end.1.clamp(at + 1, file.len());
    match kind % TEARS {
        0 => file[at..].fill(0),
        1 => file.truncate(at),
        2 => file[at..used].iter_mut().for_each(|byte| *byte ^= high | 1),
        3 => file[at..sector_end.min(used)].fill(0),
        _ => file[at] ^= high | 1,
    }
    files
}

/// The byte so many before one that lies a little behind the end; in earlier segments too.
fn back_from(files: &Files, end: Place<'_>, back: usize) -> (String, usize) {
    let length = |name: &str, file: &Vec<u8>| match name == end.0 {
        true => end.1 + BEHIND_BYTES,
        false => file.len(),
    };
    let total: usize = files.iter().map(|(name, file)| length(name, file)).sum();
    let mut back = back % total;
    for (name, file) in files.iter().rev() {
        let len = length(name, file);
        if back < len {
            return (name.clone(), len - 1 - back);
        }
        back -= len;
    }
    unreachable!("{back} bytes before the begin of the log")
}

/// A record is `08 type 10 crc [1a len data]`; a checksum record states the chain so far.
fn mend(file: &mut [u8], chain: &mut u32) {
    let mut at = 0;
    while let Some(word) = file.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*word);
        let (len, padding) = ((word & 0xff_ffff) as usize, (word >> 56 & 7) as usize);
        let Some(record) = file.get(at + 8..at + 8 + len).filter(|record| record.len() > 4) else {
            return;
        };
        let Some((crc_at, crc_end)) = crc_field(record) else { return };
        let data = data_field(&record[crc_end..]);
        let crc = if record[1] == 4 { *chain } else { crc32c_append(*chain, data) };
        let place = at + 8 + crc_at..at + 8 + crc_end;
        if !put_varint(&mut file[place], crc) {
            return;
        }
        *chain = crc;
        at += 8 + len + padding;
    }
}

fn crc_field(record: &[u8]) -> Option<(usize, usize)> {
    (record[0] == 0x08 && record[2] == 0x10).then_some(())?;
    let len = record[3..].iter().position(|byte| byte & 0x80 == 0)? + 1;
    Some((3, 3 + len))
}

fn data_field(rest: &[u8]) -> &[u8] {
    let Some(rest) = rest.strip_prefix(&[0x1a]) else { return &[] };
    let Some(len) = rest.iter().position(|byte| byte & 0x80 == 0) else { return &[] };
    &rest[len + 1..]
}

/// Writes a varint of exactly this many bytes; false when the value needs another number of them.
fn put_varint(place: &mut [u8], value: u32) -> bool {
    let mut bytes = Vec::new();
    let mut rest = value;
    loop {
        let more = rest >> 7 != 0;
        bytes.push(rest as u8 & 0x7f | if more { 0x80 } else { 0 });
        rest >>= 7;
        if !more {
            break;
        }
    }
    let fits = bytes.len() == place.len();
    if fits {
        place.copy_from_slice(&bytes);
    }
    fits
}
