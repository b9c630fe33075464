//! How fast and when a run works.

use std::time::Duration;

use super::PlanPath;
use crate::Window;

/// How fast and when a run works.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    /// How large a batch is.
    pub batch: Batch,
    /// What slows a run down.
    pub throttle: Throttle,
    /// When a run may work; always, if there is none.
    pub windows: Vec<Window>,
    /// How many shards are worked on at once; `None` leaves it to the engine.
    pub workers: Option<u32>,
}

/// How large a batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Rows in a batch; `None` is `auto`: whatever takes [`Batch::target`].
    pub rows: Option<u32>,
    /// How long an automatic batch should take.
    pub target: Duration,
    /// The most bytes in a batch.
    pub bytes: u64,
}

impl Default for Batch {
    fn default() -> Self {
        Batch { rows: None, target: Duration::from_millis(500), bytes: 8 * 1024 * 1024 }
    }
}

/// What slows a run down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Throttle {
    /// The most rows in a second.
    pub rows_per_second: Option<u32>,
    /// The most a replica may lag behind.
    pub max_lag: Option<Duration>,
    /// While this file exists, the run waits.
    pub pause_file: Option<PlanPath>,
}

/// What `--emergency` lays over the pace.
#[derive(Clone, Debug, PartialEq)]
pub struct Emergency {
    /// The pace, with what the section leaves out taken from the plan.
    pub pace: Pace,
    /// When the run must be over, counted from its start.
    pub deadline: Option<Duration>,
}
