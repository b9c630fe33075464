//! The rules around keys, which hold whichever way a rotation is started: what a policy asks for before a run, what
//! people must agree to, and when a key may be given up.
//!
//! **Invariant:** nothing here prints, and no key leaves it but into the engine.

/// Whether this build reads and writes age files.
pub const HAS_AGE: bool = cfg!(feature = "age");

mod ages;
pub mod approvals;
mod backup;
mod before;
pub mod catalogue;
mod census;
mod custody;
mod error;
mod forget_pin;
mod mark;
mod permit;
mod proofs;
mod restored;
mod retire;
mod rules;
mod trail;

pub use ages::{KeyAge, age, sealing_since};
pub use backup::{Copied, Trial, Trials, encrypt, identity, write_new};
pub use before::{before_rollback, before_run};
pub use census::{CountedScope, counted_key, keep_census};
pub use error::{
    ApprovalError, ApproverKeyFault, ApproversFault, CopyError, CustodyError, Held, MissingApprovals,
    PinError, PolicyError, ProofError, RecordsError, RetireError,
};
pub use forget_pin::{ForgetPin, forget_pin};
pub use proofs::{disk, proofs};
pub use retire::{Custodian, GivenUp, GivingUp, Named};
pub use trail::{PlanVersion, plan_changed};
