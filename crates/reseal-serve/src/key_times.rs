//! From when a rotation counts whose interval is the age of its key.

use jiff::Timestamp;
use reseal_control::{ControlSession, JobTimes, ScheduleRow};
use reseal_plan::{JobSpec, Timing};
use reseal_schedule::Calendar;
use reseal_store::StoreError;

use crate::Served;

/// From when rotations of a plan count, as the control database knows it now.
///
/// Where it knows no key that seals, a job counts from its last slot, or from when a daemon first saw it: `settled` says both.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyTimes {
    since: Option<Timestamp>,
}

impl KeyTimes {
    /// Reads it, for a plan that has such a job.
    pub(crate) async fn read(control: &mut ControlSession, served: &Served) -> Result<KeyTimes, StoreError> {
        if !served.schedule.jobs.iter().any(counts_key_age) {
            return Ok(KeyTimes::default());
        }
        let since = reseal_custody::sealing_since(control, &served.plan).await?;
        Ok(KeyTimes { since: since.and_then(|since| Timestamp::from_millisecond(since).ok()) })
    }

    /// What the slots of jobs follow from that are settled up to an instant.
    pub(crate) fn calendar(self, served: &Served, settled: Timestamp) -> Calendar<'_> {
        Calendar { zone: &served.schedule.zone, key_since: self.since.or(Some(settled)) }
    }

    /// Whether a job counts from where its slots are settled.
    pub(crate) fn counts_from_settled(self, job: &JobSpec) -> bool {
        counts_key_age(job) && self.since.is_none()
    }

    /// The slot of a job after `now`, for people: a job that no daemon has seen counts from `now`.
    pub(crate) async fn next(
        self,
        control: &mut ControlSession,
        served: &Served,
        job: &JobSpec,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let known = match self.counts_from_settled(job) {
            true => known(control, served, job).await?,
            false => None,
        };
        let calendar = self.calendar(served, known.as_ref().map_or(now, settled));
        Ok(reseal_schedule::slots(&job.timing, calendar, now).next())
    }
}

/// Up to where a job is settled.
pub(crate) fn settled(row: &ScheduleRow) -> Timestamp {
    Timestamp::from_millisecond(row.settled).unwrap_or(Timestamp::UNIX_EPOCH)
}

async fn known(
    control: &mut ControlSession,
    served: &Served,
    job: &JobSpec,
) -> Result<Option<ScheduleRow>, StoreError> {
    let (timing, version) = (job.timing.to_string(), reseal_schedule::times(&served.schedule, job));
    let times = JobTimes { job: &job.name, timing: &timing, version: &version };
    control.schedule_known(&served.plan.name, times).await
}

fn counts_key_age(job: &JobSpec) -> bool {
    matches!(job.timing, Timing::KeyAge { .. })
}
