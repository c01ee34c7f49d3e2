//! Damaged files: every read ends, with an answer or an error that names the page.

mod common;

use bbolt::etcd_layout::{hash_kv, status};
use bbolt::{Database, Flaw, ReadError};
use bytes::Bytes;
use common::{Buckets, Entries, etcd_like, failures, read, seeded, write};
use proptest::prelude::*;

/// Reads a file in every way there is; the answer does not matter, only that there is one.
fn exercise(file: &Bytes) -> bool {
    let Ok(database) = Database::open(file.clone()) else { return false };
    let checked = bbolt::check(&database).expect("memory does not fail").is_empty();
    let walked = read(file.clone()).is_ok();
    let _ = status(&database, |_| {});
    let _ = hash_kv(&database, 0);
    let _ = database.root().get(b"key");
    assert!(!checked || walked, "a file that passes the check can be walked");
    checked
}

fn put(file: &mut [u8], at: usize, bytes: &[u8]) {
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

/// A meta page must be damaged together with its checksum to be believed.
fn seal_metas(file: &mut [u8]) {
    for at in [16, 4096 + 16] {
        let sum = file[at..at + 56].iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        put(file, at + 56, &sum.to_le_bytes());
    }
}

proptest! {
    #![proptest_config(seeded(400))]

    #[test]
    fn damaged_bytes_are_an_answer_or_an_error(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        // Most of a page is values; headers and element tables are where it hurts.
        headers in prop::collection::vec((0_usize..60, 0_usize..48, any::<u8>()), 0..8),
        seal in any::<bool>(),
    ) {
        let mut file = write(&etcd_like(400)).expect("sound").to_vec();
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        for (page, offset, byte) in headers {
            let at = page * 4096 % file.len() + offset;
            file[at] = byte;
        }
        if seal {
            seal_metas(&mut file);
        }
        exercise(&file.into());
    }

    #[test]
    fn a_file_that_was_cut_does_not_open(cut in any::<prop::sample::Index>()) {
        let file = write(&etcd_like(100)).expect("sound");
        let file = file.slice(..cut.index(file.len()));
        let opened = Database::open(file.clone());
        let refused =
            matches!(opened, Err(ReadError::NotADatabase | ReadError::CutShort { .. }));
        prop_assert!(refused, "{} bytes: {:?}", file.len(), opened);
    }

    #[test]
    fn noise_is_an_answer_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
        exercise(&bytes.into());
    }
}

/// A file of one bucket whose pages are: 3.. leaves, then the branch, then the root.
fn one_bucket() -> (Vec<u8>, u64) {
    let entries: Entries =
        (0..100_u8).map(|number| (vec![b'k', number], vec![number; 400])).collect();
    let file = write(&Buckets::from([(b"key".to_vec(), entries)])).expect("sound");
    let branch = (file.len() / 4096 - 2) as u64;
    (file.to_vec(), branch)
}

fn flaws(file: Vec<u8>) -> Vec<String> {
    let file = Bytes::from(file);
    exercise(&file);
    failures(&file)
}

#[test]
fn a_page_that_two_parents_share_is_found() {
    let (mut file, branch) = one_bucket();
    let second_child = branch as usize * 4096 + 16 + 16 + 8;
    put(&mut file, second_child, &3_u64.to_le_bytes());
    let flaws = flaws(file);
    assert!(flaws.contains(&"page 3: multiple references".to_owned()), "{flaws:?}");
    assert!(flaws.contains(&"page 4: unreachable unfreed".to_owned()), "{flaws:?}");
}

#[test]
fn a_branch_that_is_its_own_child_is_found() {
    let (mut file, branch) = one_bucket();
    let first_child = branch as usize * 4096 + 16 + 8;
    put(&mut file, first_child, &branch.to_le_bytes());
    let expected = format!("page {branch}: multiple references");
    let walked = read(Bytes::from(file.clone()));
    assert!(
        matches!(walked, Err(ReadError::Corrupt { flaw: Flaw::TooDeep | Flaw::Circle, .. })),
        "{walked:?}"
    );
    let flaws = flaws(file);
    assert!(flaws.contains(&expected), "{flaws:?}");
}

#[test]
fn keys_out_of_order_or_outside_the_parents_range_are_found() {
    let (mut file, _) = one_bucket();
    let (clean, _) = one_bucket();
    // The first key of the second leaf stands behind its table of elements.
    let leaf = 4 * 4096;
    let count = usize::from(u16::from_le_bytes([file[leaf + 10], file[leaf + 11]]));
    let key = leaf + 16 + count * 16;
    assert_eq!(file[key], b'k');
    file[key + 1] = 0;
    let found = flaws(file);
    assert_eq!(found, ["page 4: key of element 0 is outside the range of the parent page"]);

    let mut file = clean;
    file[key + 1] = 255;
    let found = flaws(file);
    assert!(
        found.contains(&"page 4: key of element 1 is not greater than the one before".to_owned()),
        "{found:?}"
    );
}

#[test]
fn a_key_twice_is_out_of_order_and_the_next_pages_first_key_out_of_range() {
    let (mut file, _) = one_bucket();
    let leaf = 3 * 4096;
    let count = usize::from(u16::from_le_bytes([file[leaf + 10], file[leaf + 11]]));
    // Keys are two bytes, values 400.
    let key = |index: usize| leaf + 16 + count * 16 + index * 402;
    let second = file[key(1) + 1];
    file[key(0) + 1] = second;
    let found = flaws(file.clone());
    assert!(
        found.contains(&"page 3: key of element 1 is not greater than the one before".to_owned()),
        "{found:?}"
    );

    let (mut file, _) = one_bucket();
    file[key(count - 1) + 1] = count as u8;
    let expected =
        format!("page 3: key of element {} is outside the range of the parent page", count - 1);
    assert_eq!(flaws(file), [expected]);
}

#[test]
fn pages_that_lead_nowhere_again_and_again_are_a_circle() {
    let (mut file, branch) = one_bucket();
    let branch = branch as usize * 4096;
    let children = usize::from(u16::from_le_bytes([file[branch + 10], file[branch + 11]]));
    // Page 4 becomes a second branch, all of whose children are page 3, which becomes empty; all
    // children of the first branch become page 4. No key ever comes, and no depth grows.
    put(&mut file, 3 * 4096 + 10, &[0, 0]);
    file.copy_within(branch..branch + 4096, 4 * 4096);
    put(&mut file, 4 * 4096, &4_u64.to_le_bytes());
    for child in 0..children {
        put(&mut file, 4 * 4096 + 16 + child * 16 + 8, &3_u64.to_le_bytes());
        put(&mut file, branch + 16 + child * 16 + 8, &4_u64.to_le_bytes());
    }
    let walked = read(Bytes::from(file));
    assert!(matches!(walked, Err(ReadError::Corrupt { flaw: Flaw::Circle, .. })), "{walked:?}");
}

#[test]
fn each_kind_of_damage_is_named() {
    let cases: [(&str, usize, &[u8], &str); 9] = [
        ("number", 3 * 4096, &9_u64.to_le_bytes(), "page 3: identifies itself as page 9"),
        ("kind", 3 * 4096 + 8, &[0x10], "page 3: unexpected page type (flags: 10)"),
        ("span", 3 * 4096 + 12, &[0xff; 4], "page 3: extends beyond the end of the file"),
        ("pos", 3 * 4096 + 16 + 4, &[0xff; 4], "page 3: element 0 lies outside the page"),
        ("pos", 3 * 4096 + 16 + 4, &[16, 0], "page 3: element 0 lies outside the page"),
        ("free", 2 * 4096 + 10, &[0xfe, 0xff], "page 2: element 65534 lies outside the page"),
        ("free", 2 * 4096 + 10, &[0xff; 14], "page 2: extends beyond the end of the file"),
        ("key length", 3 * 4096 + 16 + 8, &[0; 4], "page 3: element 0 has an empty key"),
        ("count", 3 * 4096 + 10, &[0xff, 0x7f], "page 3: element 0 lies outside the page"),
    ];
    for (what, at, bytes, expected) in cases {
        let (mut file, _) = one_bucket();
        put(&mut file, at, bytes);
        let found = flaws(file);
        assert!(found.contains(&expected.to_owned()), "{what}: {found:?}");
    }
}

#[test]
fn the_free_list_is_held_against_the_pages_in_use() {
    let (mut file, _) = one_bucket();
    let freelist = 2 * 4096;
    put(&mut file, freelist + 10, &3_u16.to_le_bytes());
    for (place, page) in [5_u64, 5, 1 << 40].iter().enumerate() {
        put(&mut file, freelist + 16 + 8 * place, &page.to_le_bytes());
    }
    let found = flaws(file);
    assert_eq!(
        found,
        ["page 5: already freed", "page 1099511627776: out of bounds", "page 5: reachable freed",]
    );
}

#[test]
fn one_spoiled_meta_page_is_survived_and_two_are_not() {
    let buckets = etcd_like(20);
    let mut file = write(&buckets).expect("sound").to_vec();
    file[40] ^= 1;
    assert_eq!(read(Bytes::from(file.clone())).expect("the second one is sound"), buckets);
    file[4096 + 40] ^= 1;
    assert_eq!(Database::open(Bytes::from(file)).err(), Some(ReadError::NotADatabase));
}

#[test]
fn a_free_list_may_count_in_its_first_element() {
    let (mut file, _) = one_bucket();
    put(&mut file, 2 * 4096 + 10, &[0xff, 0xff]);
    put(&mut file, 2 * 4096 + 16, &1_u64.to_le_bytes());
    put(&mut file, 2 * 4096 + 24, &7_u64.to_le_bytes());
    assert_eq!(flaws(file.clone()), ["page 7: reachable freed"]);
    put(&mut file, 2 * 4096 + 16, &511_u64.to_le_bytes());
    let found = flaws(file);
    assert_eq!(
        found,
        ["page 2: element 65535 lies outside the page", "page 2: unreachable unfreed"]
    );
}

#[test]
fn the_newer_meta_page_counts() {
    let mut file = write(&etcd_like(1)).expect("sound").to_vec();
    let txid =
        |file: &[u8]| Database::open(Bytes::copy_from_slice(file)).expect("sound").meta().txid;
    assert_eq!(txid(&file), 2);
    put(&mut file, 4096 + 16 + 48, &9_u64.to_le_bytes());
    seal_metas(&mut file);
    assert_eq!(txid(&file), 9);
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let mut file = write(&etcd_like(1)).expect("sound").to_vec();
    for at in [16, 4096 + 16] {
        put(&mut file, at + 4, &3_u32.to_le_bytes());
    }
    seal_metas(&mut file);
    assert_eq!(Database::open(Bytes::from(file)).err(), Some(ReadError::Version { found: 3 }));
}
