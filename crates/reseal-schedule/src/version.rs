//! What tells a job of one version of a plan from the same job of another, while daemons with both are running.

use reseal_plan::{Action, JobSpec, ScheduleSpec};
use sha2::{Digest, Sha256};

/// Names the times of a job: two versions of a plan that give a job the same times give the same name.
#[must_use]
pub fn times(schedule: &ScheduleSpec, job: &JobSpec) -> String {
    named(&[&job.name, &schedule.zone_name, &job.timing.to_string()])
}

/// Names the work of a job under a plan of this digest: a daemon may resume what was begun under the same name.
#[must_use]
pub fn work(digest: &str, job: &JobSpec) -> String {
    let does = match &job.action {
        // The window says when, and no more.
        Action::Run { .. } => "run".to_owned(),
        action => format!("{action:?}"),
    };
    named(&[digest, &does])
}

fn named(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\n"));
    digest[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
