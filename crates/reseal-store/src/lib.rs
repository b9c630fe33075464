//! The database that is rotated, as Reseal uses it: pages in row-key order, compare-and-set swaps, one-snapshot scans, and
//! the ledger.
//!
//! SQL that all three databases share is built once with sea-query ([`Session`]); a dialect's folder holds only what
//! differs: how a column is read, how a set of swaps is written, what the catalogue says of a table. [`sql`] is the door
//! for a crate with tables of its own in a database.
//!
//! **Invariant:** nothing here knows a key, a format or a plan. **API boundary:** no type of a database driver leaves
//! this crate, and no error carries a value: of what a server says only its code is kept.

mod by_key;
mod capabilities;
mod columns;
mod comparison;
mod conditions;
mod database;
mod database_identity;
mod driver;
mod error;
mod facts;
#[cfg(feature = "faults")]
mod faults;
mod grants;
mod guard;
mod identity;
mod ledger;
mod logs;
mod look_up;
mod mysql;
mod names;
mod needs;
mod nodelay;
mod page;
mod postgres;
mod reach;
mod read_back;
mod row;
mod rows;
mod session;
mod settings;
mod shape;
mod spelling;
pub mod sql;
mod sqlite;
mod taker;

pub use capabilities::Capabilities;
pub use columns::SwapColumns;
pub use database::{Database, Dialect};
pub use database_identity::DatabaseIdentity;
pub use error::{StoreError, Trouble};
pub use facts::{
    Called, ColumnFacts, IndexFacts, Relation, Replication, ServerFacts, TableFacts, TriggerWrite,
};
#[cfg(feature = "faults")]
pub use faults::{Call, Faults};
pub use guard::{Forbidden, GuardKind};
pub use identity::{Likeness, TableIdentity, TableMark, row_key_text};
pub use ledger::{
    Acquired, AskedPace, Claimed, ColumnName, Counts, ForgottenPin, Found, Guarded, Guarding, Holder, Kept,
    LeftBehind, NewRollback, NewRun, NotedTable, Pin, Process, Quarantined, Removal, Renewed, Request,
    RollbackEnds, RollbackLease, RollbackRow, RunLease, RunRow, RunTable, ShardAdvance, ShardRow, SqlPart,
    StepDone, StepKey, StepRow, StepState, StoodBatch, TrailMark, UndoBatch, UndoPlace, UndoShard,
};
pub use look_up::LookedUp;
pub use needs::{Needs, Own, TableNeeds};
pub use page::{KeyRange, Slice};
pub use read_back::{Difference, Differing, Swapped};
pub use row::{Row, RowKey};
pub use rows::{EachRow, Rows};
pub use session::Session;
pub use shape::{Column, ForeignType, Kind, MayBePlain, Planned, Shape, Swap, TableName, Watch};
