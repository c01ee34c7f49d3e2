//! cairnctl
fn main() {}
