//! Whether the database can refuse old keys once the run is complete.

use std::sync::Arc;

use reseal_store::{Capabilities, GuardKind};

use crate::cell::target::Target;
use crate::commit::guard::forbidden;
use crate::finding::Finding;
use crate::job::Job;

/// What keeps a guard from being put up.
pub(super) fn check(job: &Job, targets: &[Arc<Target>], capabilities: Capabilities) -> Vec<Finding> {
    let Some(kind) = job.guard else { return Vec::new() };
    let mut findings = Vec::new();
    for target in targets {
        if let Err(seal) = forbidden(target) {
            findings.push(Finding::refusal(
                "guard-cannot-tell",
                format!(
                    "{}: cells of seal `{seal}` do not name their key, so the database cannot reject old \
                     ones",
                    target.label()
                ),
                "omit `guard:`, or store the key ID in the cell or in a column",
            ));
        }
        let by_trigger = kind == GuardKind::Trigger || !capabilities.guards_by_constraint;
        if by_trigger && target.shape.filter.is_some() {
            findings.push(Finding::refusal(
                "guard-and-where",
                format!("{}: a guard trigger cannot apply `where:` of the plan", target.label()),
                "use `guard: constraint` on PostgreSQL, or omit `guard:`",
            ));
        }
    }
    findings
}
