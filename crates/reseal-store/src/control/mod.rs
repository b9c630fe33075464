//! The control database: what belongs to no single run.

mod alert;
mod approvals;
mod audit;
mod census;
mod copies;
mod emergency;
mod firing;
mod keys;
mod outbox;
mod schedule;

pub use alert::AlertRow;
pub use approvals::{Approval, ApprovalRequest};
pub use audit::{Recorded, host};
pub use census::CensusRow;
pub use copies::KeyCopy;
pub use emergency::EmergencyRow;
pub use firing::{Firing, FiringState};
pub use keys::{KeyMove, KeyRow, NewKey, Since};
pub use outbox::{LetterCounts, LetterRow, LetterState, NewLetter, Settled};
pub use schedule::ScheduleRow;
