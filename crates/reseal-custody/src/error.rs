//! Why the rules for keys refuse something, as types. [`Advise`] alone turns an error into code, class and help.

mod approval;
mod copy;
mod pin;
mod policy;
mod proof;
mod records;
mod retire;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use reseal_engine::{Advice, Advise, RunError};
use reseal_store::StoreError;
use thiserror::Error;

pub use approval::{ApprovalError, ApproverKeyFault, ApproversFault, MissingApprovals};
pub use copy::CopyError;
pub use pin::PinError;
pub use policy::PolicyError;
pub use proof::ProofError;
pub use records::RecordsError;
pub use retire::{Held, RetireError};

/// Why the rules for keys refuse something.
#[derive(Debug, Error)]
pub enum CustodyError {
    /// An error of the engine or of a database.
    #[error(transparent)]
    Engine(#[from] RunError),
    /// The plan has no such key.
    #[error("plan {plan} has no key {key}")]
    NoSuchKey {
        /// The plan.
        plan: String,
        /// The key.
        key: String,
    },
    /// Approvals are missing or not valid.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// A proof that the policy requires is missing.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The policy does not allow the keys.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The policy refuses the keys that the `before` steps produced.
    #[error("{refused}")]
    PolicyBehindBefore {
        /// The plan.
        plan: String,
        /// What the policy refuses.
        #[source]
        refused: PolicyError,
    },
    /// A key cannot be retired or destroyed.
    #[error(transparent)]
    Retire(#[from] RetireError),
    /// A pin cannot be removed.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A copy of keys cannot be made, read or tested.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

impl From<StoreError> for CustodyError {
    fn from(error: StoreError) -> Self {
        CustodyError::Engine(error.into())
    }
}

impl From<CustodyError> for RunError {
    fn from(error: CustodyError) -> Self {
        match error {
            CustodyError::Engine(error) => error,
            error => RunError::Outer(Arc::new(error)),
        }
    }
}

impl Advise for CustodyError {
    fn advice(&self) -> Advice {
        match self {
            CustodyError::Engine(error) => error.advice(),
            CustodyError::NoSuchKey { .. } => {
                Advice::usage("no-such-key", "list the plan's keys with `reseal keys list PLAN`")
            }
            CustodyError::Approval(error) => error.advice(),
            CustodyError::Proof(error) => error.advice(),
            CustodyError::Policy(error) => error.advice(),
            CustodyError::PolicyBehindBefore { plan, refused } => behind_before(plan, refused.advice()),
            CustodyError::Retire(error) => error.advice(),
            CustodyError::Pin(error) => error.advice(),
            CustodyError::Copy(error) => error.advice(),
        }
    }
}

/// The help for a refusal after the `before` steps have run.
fn behind_before(plan: &str, advice: Advice) -> Advice {
    let help = advice.help.map(|help| format!("{help}\n")).unwrap_or_default();
    let help = format!(
        "{help}the `before` steps have run: fix this and resume with `reseal resume PLAN`,\nor undo the steps with \
         `reseal rollback PLAN --confirm {plan}` and start another run"
    );
    Advice { help: Some(help.into()), ..advice }
}
