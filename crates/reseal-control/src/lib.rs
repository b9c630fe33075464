//! The control database, for what belongs to no single run: the key catalogue, approvals, the audit trail, schedules and
//! the outbox.
//!
//! **Invariant:** [`ControlDatabase`] and [`ControlSession`] reach the control tables alone. Nothing turns one into a
//! [`Database`](reseal_store::Database) or a [`Session`](reseal_store::Session), so no function can take the one database
//! for the other, also where both lie in one. **API boundary:** SQL is run through [`reseal_store::sql`]; no type of a
//! database driver and none of sea-query leaves this crate.

mod alert;
mod approvals;
mod audit;
mod census;
mod copies;
mod cut;
mod emergency;
mod firing;
mod forget;
mod keys;
mod migrations;
mod outbox;
mod removal;
mod schedule;
mod session;
mod sources;
mod strict;
mod who;

pub use alert::{AlertKey, AlertRow};
pub use approvals::{Approval, ApprovalRequest, AskedKey};
pub use audit::Recorded;
pub use census::CensusRow;
pub use copies::KeyCopy;
pub use cut::{DamagedCut, NewCut};
pub use emergency::{EmergencyRow, NewEmergency};
pub use firing::{Claimant, Firing, FiringState};
pub use keys::{KeyMove, KeyRow, NewDate, NewKey, NewMove, Since};
pub use outbox::{LetterCounts, LetterRow, LetterState, NewLetter, Settled};
pub use removal::{ControlRemoval, ScheduledWork};
pub use schedule::{JobTimes, ScheduleRow};
pub use session::{ControlDatabase, ControlSession};
pub use sources::KeySource;
pub use who::{NotWho, Who, host};
