//! The control database: what belongs to no single run.

mod approvals;
mod audit;
mod census;
mod copies;
mod emergency;
mod keys;
mod schedule;

pub use approvals::{Approval, ApprovalRequest};
pub use audit::{Recorded, host};
pub use census::CensusRow;
pub use copies::KeyCopy;
pub use emergency::EmergencyRow;
pub use keys::{KeyMove, KeyRow, NewKey, Since};
pub use schedule::{Firing, FiringState, ScheduleRow};
