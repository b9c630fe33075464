//! Shards on their way through: reading ahead, crypto on all cores and writing overlap.

pub(crate) mod breaker;
pub(crate) mod cruncher;
pub(crate) mod lag;
pub(crate) mod pace;
pub(crate) mod pump;
pub(crate) mod reader;
pub(crate) mod reconnect;
pub(crate) mod shards;
pub(crate) mod shared;
pub(crate) mod stripes;
pub(crate) mod workers;
