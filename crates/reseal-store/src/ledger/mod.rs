//! Reseal's tables beside the data.

mod asked;
mod claim;
mod column_name;
mod guarded;
mod guards;
mod holder;
mod identity;
mod lease;
mod migrations;
mod own_changes;
mod pins;
mod privileges;
mod quarantine;
mod removal;
mod rollback;
mod run;
mod run_keys;
mod run_lease;
mod shard;
mod step;
mod stood;
mod table;
mod trail_mark;
mod undo;

use sea_query::{Expr, TableRef};

pub use asked::AskedPace;
pub use claim::Claimed;
pub use column_name::ColumnName;
pub use guarded::Guarded;
pub use guards::Guarding;
pub use holder::{Holder, Process};
pub use lease::Renewed;
pub use pins::{ForgottenPin, Pin};
pub use quarantine::Quarantined;
pub use removal::{LeftBehind, Removal};
pub use rollback::{Acquired, NewRollback, RollbackEnds, RollbackLease, RollbackRow};
pub use run::{NewRun, Request, RunRow};
pub use run_lease::RunLease;
pub use shard::{Counts, Kept, ShardAdvance, ShardRow};
pub use step::{SqlPart, StepDone, StepKey, StepRow, StepState};
pub use stood::StoodBatch;
pub use table::{Found, NotedTable, RunTable};
pub use trail_mark::TrailMark;
pub use undo::{UndoBatch, UndoPlace, UndoShard};

use crate::Session;

impl Session {
    /// A table of the ledger.
    fn ledger(&self, name: &str) -> TableRef {
        self.sql.table(name)
    }

    /// The server's clock.
    fn now(&self) -> Expr {
        self.sql.now()
    }
}
