//! End to end: the binary `reseal` against real servers, with cells that foreign producers made and read back.
//!
//! Every test says which guard it watches: remove the guard and the test turns red.

mod bad_input;
mod crash;
mod formats;
mod leaks;
mod promises;
mod world;
