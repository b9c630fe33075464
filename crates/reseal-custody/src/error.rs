//! Why the rules around keys refuse, as types. What an error comes to for people is said by [`Advise`] alone.

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

/// Why the rules around keys refuse.
#[derive(Debug, Error)]
pub enum CustodyError {
    /// The engine, or a database.
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
    /// What people have to agree to.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// What the policy wants proved before a run.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// What the policy says of keys.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The policy refuses keys as the steps of `before` left them.
    #[error("{refused}")]
    PolicyBehindBefore {
        /// The plan.
        plan: String,
        /// What it refuses.
        #[source]
        refused: PolicyError,
    },
    /// A key that cannot be given up.
    #[error(transparent)]
    Retire(#[from] RetireError),
    /// A pin that is not forgotten.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A copy of keys.
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
                Advice::usage("no-such-key", "`reseal keys list PLAN` lists them")
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

/// What to do about a refusal once the steps of `before` are done.
fn behind_before(plan: &str, advice: Advice) -> Advice {
    let help = advice.help.map(|help| format!("{help}\n")).unwrap_or_default();
    let help = format!(
        "{help}the steps of `before` are done: `reseal resume PLAN` goes on when this is settled,\n\
         `reseal rollback PLAN --confirm {plan}` undoes them, so that another run may begin"
    );
    Advice { help: Some(help.into()), ..advice }
}
