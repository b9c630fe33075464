//! The control database: what belongs to no single run.

mod alert;
mod approvals;
mod audit;
mod census;
mod copies;
mod emergency;
mod firing;
mod keys;
mod migrations;
mod outbox;
mod schedule;
mod session;

pub use alert::{AlertKey, AlertRow};
pub use approvals::{Approval, ApprovalRequest};
pub use audit::{Recorded, host};
pub use census::CensusRow;
pub use copies::KeyCopy;
pub use emergency::{EmergencyRow, NewEmergency};
pub use firing::{Firing, FiringState};
pub use keys::{KeyMove, KeyRow, NewKey, NewMove, Since};
pub use outbox::{LetterCounts, LetterRow, LetterState, NewLetter, Settled};
pub use schedule::ScheduleRow;
pub use session::{ControlDatabase, ControlSession};
