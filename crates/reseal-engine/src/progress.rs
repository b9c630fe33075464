//! What a run is doing, for an observer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};

/// What a run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Looking at schema, keys and samples.
    Preflight = 0,
    /// Counting rows and cutting them into ranges.
    Shards = 1,
    /// Swapping cells.
    Rotate = 2,
    /// Opening every cell in one snapshot.
    Sweep = 3,
    /// Putting old cells back.
    Rollback = 4,
    /// Waiting, for a reason that [`Progress::waiting`] tells.
    Waiting = 5,
}

impl Phase {
    /// One word for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Phase::Preflight => "preflight",
            Phase::Shards => "counting",
            Phase::Rotate => "rotating",
            Phase::Sweep => "sweeping",
            Phase::Rollback => "rolling back",
            Phase::Waiting => "waiting",
        }
    }
}

/// Counters that an engine moves and a terminal reads.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    rows_total: AtomicU64,
    rows_done: AtomicU64,
    cells: AtomicU64,
    waiting: Mutex<Option<String>>,
    deadline: AtomicI64,
}

impl Progress {
    /// What the run is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Preflight,
            1 => Phase::Shards,
            2 => Phase::Rotate,
            3 => Phase::Sweep,
            4 => Phase::Rollback,
            _ => Phase::Waiting,
        }
    }

    /// Rows done and rows to do, in this phase.
    #[must_use]
    pub fn rows(&self) -> (u64, u64) {
        (self.rows_done.load(Ordering::Relaxed), self.rows_total.load(Ordering::Relaxed))
    }

    /// Cells swapped so far.
    #[must_use]
    pub fn cells(&self) -> u64 {
        self.cells.load(Ordering::Relaxed)
    }

    /// Why the run waits, while it does.
    #[must_use]
    pub fn waiting(&self) -> Option<String> {
        self.waiting.lock().ok().and_then(|reason| reason.clone())
    }

    /// When an emergency run must be over, in milliseconds since 1970.
    #[must_use]
    pub fn deadline(&self) -> Option<i64> {
        Some(self.deadline.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    pub(crate) fn due(&self, deadline: Option<i64>) {
        self.deadline.store(deadline.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn begin(&self, phase: Phase, rows_done: u64, rows_total: u64) {
        tracing::debug!(phase = phase.name(), rows = rows_total, "begins");
        self.rows_done.store(rows_done, Ordering::Relaxed);
        self.rows_total.store(rows_total, Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(crate) fn add(&self, rows: u64, cells: u64) {
        self.rows_done.fetch_add(rows, Ordering::Relaxed);
        self.cells.fetch_add(cells, Ordering::Relaxed);
    }

    pub(crate) fn wait(&self, reason: Option<&str>) {
        if let Ok(mut waiting) = self.waiting.lock() {
            *waiting = reason.map(str::to_owned);
        }
    }
}
