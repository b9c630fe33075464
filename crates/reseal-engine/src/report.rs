//! What a run came to.

use reseal_core::RunState;
use reseal_store::{Counts, StepRow};
use serde_json::{Value, json};

/// What a run came to, when the command that drove it ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The run's id; empty for a dry run, which writes none.
    pub run_id: String,
    /// The id of the rollback, which is a run of its own; `run_id` is then the run that it rolled back.
    pub rollback_id: Option<String>,
    /// Where it stands.
    pub state: RunState,
    /// Why it stands there.
    pub reason: Option<String>,
    /// The plan's name.
    pub plan: String,
    /// Digest of what the plan says.
    pub plan_digest: String,
    /// What it was narrowed to.
    pub scope: Value,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Whether it was stopped before it was through.
    pub stopped: bool,
    /// Whether a step failed that is owed to a run which is over; it is tried again.
    pub steps_failed: bool,
    /// The steps that were carried out, or are owed.
    pub steps: Vec<StepRow>,
    /// The counts.
    pub counts: Counts,
    /// Cells under another key than the primary, by the last sweep; in a dry run, cells to rotate.
    pub cells_old: u64,
    /// Nonces that several cells of a row share, as the plan accepts, with the fields whose cells those are.
    pub shared_nonces: Vec<String>,
    /// How long the command took, in seconds.
    pub seconds: f64,
    /// For a dry run: how long a run would take, in seconds.
    pub estimate_seconds: Option<f64>,
}

impl Report {
    /// The report with the keys that others rely on.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut out = json!({
            "run_id": if self.dry_run { Value::Null } else { self.run_id.as_str().into() },
            "state": self.state.name(),
            "reason": self.reason,
            "plan": self.plan,
            "plan_digest": self.plan_digest,
            "scope": self.scope,
            "dry_run": self.dry_run,
            "rows_scanned": self.counts.rows_scanned,
            "cells_rotated": self.counts.cells_rotated,
            "cells_current": self.counts.cells_current,
            "cells_null": self.counts.cells_null,
            "cells_quarantined": self.counts.cells_quarantined,
            "cells_raced": self.counts.cells_raced,
            "cells_old": self.cells_old,
            "seconds": (self.seconds * 1000.0).round() / 1000.0,
        });
        if let Some(id) = &self.rollback_id {
            out["rollback_id"] = id.as_str().into();
        }
        if !self.steps.is_empty() {
            out["steps"] = step_documents(&self.steps);
        }
        if !self.shared_nonces.is_empty() {
            out["shared_nonces"] = self.shared_nonces.as_slice().into();
        }
        if let Some(estimate) = self.estimate_seconds {
            out["estimate_seconds"] = ((estimate * 10.0).round() / 10.0).into();
        }
        out
    }

    /// Whether cells remain that the run should have moved.
    #[must_use]
    pub fn cells_remain(&self) -> bool {
        match self.dry_run {
            true => self.counts.cells_quarantined > 0,
            false => !matches!(self.state, RunState::Complete | RunState::ScopeDone),
        }
    }
}

/// Steps as reports show them.
#[must_use]
pub fn step_documents(rows: &[StepRow]) -> serde_json::Value {
    let shown = rows.iter().map(|row| {
        serde_json::json!({
            "phase": row.key.phase, "number": row.key.number, "step": row.label, "state": row.state.name(),
            "status": row.status, "output": row.output,
        })
    });
    shown.collect()
}
