//! The command `reseal`.

fn main() {}
