//! The promises of `node::env::Disk` that can be seen without a crash. What a crash leaves of
//! unsynced writes is the simulator's to judge.

use bytes::Bytes;
use node::env::{Disk, DiskErrorKind, DiskFile};

/// Runs every check on one empty directory.
pub async fn check_all<D: Disk>(disk: &D) {
    files_read_back_what_was_written(disk).await;
    writes_beyond_the_end_leave_zeros(disk).await;
    truncation_and_allocation_set_the_length(disk).await;
    names_are_taken_replaced_and_removed(disk).await;
    directories_are_made_with_their_parents_and_listed_sorted(disk).await;
    open_file_survives_its_name(disk).await;
    errors_have_their_kind(disk).await;
}

async fn content<F: DiskFile>(file: &F) -> Bytes {
    let len = file.len().await.expect("measured");
    file.read_at(0, len as usize).await.expect("read")
}

async fn files_read_back_what_was_written<D: Disk>(disk: &D) {
    let file = disk.create("read").await.expect("created");
    assert_eq!(content(&file).await, "");
    file.write_at(0, b"hello").await.expect("written");
    file.write_at(1, b"u").await.expect("written");
    file.write_at(5, b"").await.expect("written");
    file.sync().await.expect("synced");
    let cases: [(u64, usize, &str); 6] =
        [(0, 5, "hullo"), (1, 3, "ull"), (3, 99, "lo"), (5, 1, ""), (99, 1, ""), (0, 0, "")];
    for (offset, len, expected) in cases {
        assert_eq!(file.read_at(offset, len).await.expect("read"), expected, "{offset} {len}");
    }
    let again = disk.open("read").await.expect("opened");
    again.write_at(0, b"H").await.expect("written");
    assert_eq!(content(&file).await, "Hullo");
}

async fn writes_beyond_the_end_leave_zeros<D: Disk>(disk: &D) {
    let file = disk.create("gap").await.expect("created");
    file.write_at(3, b"x").await.expect("written");
    assert_eq!(content(&file).await, &b"\0\0\0x"[..]);
}

async fn truncation_and_allocation_set_the_length<D: Disk>(disk: &D) {
    let file = disk.create("length").await.expect("created");
    file.write_at(0, b"abcdef").await.expect("written");
    file.truncate(2).await.expect("truncated");
    file.truncate(4).await.expect("truncated");
    assert_eq!(content(&file).await, &b"ab\0\0"[..]);
    file.allocate(0).await.expect("allocated");
    file.allocate(3).await.expect("allocated");
    assert_eq!(file.len().await, Ok(4), "allocation never cuts");
    file.allocate(8192).await.expect("allocated");
    let bytes = content(&file).await;
    assert!(bytes.len() == 8192 && bytes.starts_with(b"ab"), "{} bytes", bytes.len());
    assert!(bytes[2..].iter().all(|&byte| byte == 0));
    file.sync().await.expect("synced");
}

async fn names_are_taken_replaced_and_removed<D: Disk>(disk: &D) {
    disk.create("old").await.expect("created").write_at(0, b"old").await.expect("written");
    disk.create("new").await.expect("created").write_at(0, b"new").await.expect("written");
    disk.rename("new", "old").await.expect("renamed");
    let file = disk.open("old").await.expect("opened");
    assert_eq!(content(&file).await, "new");
    let gone = disk.open("new").await.err().map(|error| error.kind);
    assert_eq!(gone, Some(DiskErrorKind::NotFound));
    disk.remove("old").await.expect("removed");
    disk.create("old").await.expect("the name is free again");
    disk.remove("old").await.expect("removed");
    disk.sync_dir("").await.expect("synced");
}

async fn directories_are_made_with_their_parents_and_listed_sorted<D: Disk>(disk: &D) {
    for _ in 0..2 {
        disk.create_dir("dir/sub").await.expect("made");
    }
    for name in ["dir/b", "dir/a", "dir/c"] {
        disk.create(name).await.expect("created").write_at(0, b"12").await.expect("written");
    }
    disk.sync_dir("dir").await.expect("synced");
    let list = disk.list("dir").await.expect("listed");
    let found: Vec<_> = list.iter().map(|e| (e.name.as_str(), e.is_dir)).collect();
    assert_eq!(found, [("a", false), ("b", false), ("c", false), ("sub", true)]);
    assert!(list.iter().filter(|entry| !entry.is_dir).all(|entry| entry.len == 2));
    disk.rename("dir", "moved").await.expect("renamed");
    assert_eq!(disk.list("moved").await.expect("listed").len(), 4);
    disk.open("moved/a").await.expect("opened");
}

async fn open_file_survives_its_name<D: Disk>(disk: &D) {
    let file = disk.create("nameless").await.expect("created");
    disk.remove("nameless").await.expect("removed");
    file.write_at(0, b"x").await.expect("written");
    file.sync().await.expect("synced");
    assert_eq!(content(&file).await, "x");
}

async fn errors_have_their_kind<D: Disk>(disk: &D) {
    disk.create("taken").await.expect("created");
    let kinds = [
        disk.create("taken").await.err().map(|error| error.kind),
        disk.create("nowhere/f").await.err().map(|error| error.kind),
        disk.open("missing").await.err().map(|error| error.kind),
        disk.remove("missing").await.err().map(|error| error.kind),
        disk.rename("missing", "x").await.err().map(|error| error.kind),
        disk.list("missing").await.err().map(|error| error.kind),
        disk.sync_dir("missing").await.err().map(|error| error.kind),
    ];
    assert_eq!(kinds[0], Some(DiskErrorKind::AlreadyExists));
    assert!(kinds[1..].iter().all(|kind| *kind == Some(DiskErrorKind::NotFound)), "{kinds:?}");
    let error = disk.open("missing").await.err().expect("it is missing");
    assert!(error.path.ends_with("missing") && !error.message.is_empty(), "{error}");
}
