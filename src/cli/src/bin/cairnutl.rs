//! cairnutl
fn main() {}
