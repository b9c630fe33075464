//! What a run or a rollback begins by.

use std::time::Duration;

use reseal_plan::Plan;

use crate::approvals::Agreed;

/// What a run or a rollback begins by: who asked for it, and what allowed it.
#[derive(Clone, Debug)]
pub(crate) struct Permit {
    /// Who runs it.
    pub(crate) operator: String,
    /// What people agreed to, where the policy asks for that.
    pub(crate) agreed: Option<Agreed>,
    /// How long an emergency run may take.
    pub(crate) deadline: Option<Duration>,
    /// Rules of the policy that an emergency set aside.
    pub(crate) skipped: Vec<String>,
    /// Keys that the steps of `before` brought after people agreed to the run.
    pub(crate) brought: Vec<String>,
    /// The event of the ledger's newest run that the control database does not know, where the operator accepts that.
    pub(crate) accepted_mark: Option<String>,
    /// What the plan said when the run began.
    pub(crate) policy: PolicySnapshot,
}

impl Permit {
    /// An operator's, by a plan that asks for nothing more.
    pub(crate) fn new(plan: &Plan, operator: &str) -> Permit {
        let policy =
            PolicySnapshot { full_digest: plan.full_digest.clone(), max_key_age: plan.policy.max_key_age };
        Permit {
            operator: operator.to_owned(),
            agreed: None,
            deadline: None,
            skipped: Vec::new(),
            brought: Vec::new(),
            accepted_mark: None,
            policy,
        }
    }
}

/// What a plan says that a run is not bound to, and that the trail keeps: it is judged by what was in force.
#[derive(Clone, Debug)]
pub(crate) struct PolicySnapshot {
    /// Digest of all that the plan says, pace and schedule included.
    pub(crate) full_digest: String,
    /// The most that the policy lets a key age.
    pub(crate) max_key_age: Option<Duration>,
}
