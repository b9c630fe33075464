//! Which slot is to fire now, and what becomes of those that were missed.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reseal_plan::{JobSpec, Misfire, Overlap};
use sha2::{Digest, Sha256};

use crate::{Calendar, slots};

/// How late a firing may be and still count as on time.
pub const GRACE: SignedDuration = SignedDuration::from_mins(5);
/// How far the clock must have gone back before that is taken for a step, and not for two clocks that differ.
pub const STEP: SignedDuration = SignedDuration::from_mins(10);
/// The most slots that `misfire: all` catches up.
pub const CATCH_UP: usize = 32;

/// What is known of a job's past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// Slots up to this instant are settled: they were fired, or left out.
    pub settled: Timestamp,
    /// Whether a firing is not over yet.
    pub running: bool,
}

/// What is to be done about a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The slot to fire. There is never more than one: ask again once it is claimed.
    pub fire: Option<Timestamp>,
    /// Slots that will not be fired, the newest of them if there are many.
    pub missed: Vec<Timestamp>,
    /// Whether more were missed than `missed` lists.
    pub missed_more: bool,
    /// Up to when slots are settled with that; `None` where nothing changes.
    pub settled: Option<Timestamp>,
}

/// What is due of a job of `plan` at `now`.
///
/// A clock that went back by more than [`STEP`] settles nothing again that was settled before `now`; what comes after
/// is due when its time comes, and its claims show what was fired already.
#[must_use]
pub fn due(plan: &str, job: &JobSpec, calendar: Calendar<'_>, history: &History, now: Timestamp) -> Due {
    if history.settled.duration_since(now) > STEP {
        return Due { settled: Some(now), ..Due::default() };
    }
    if history.running && job.overlap == Overlap::Forbid {
        return Due::default();
    }
    let (pending, more) = pending(plan, job, calendar, history.settled, now);
    let Some(newest) = pending.len().checked_sub(1) else { return Due::default() };
    let is_late = |slot: &Timestamp| now.duration_since(due_at(plan, job, *slot)) > GRACE;
    let on_time = pending.iter().position(|slot| !is_late(slot));
    let first = match job.misfire {
        Misfire::Skip => on_time.unwrap_or(pending.len()),
        Misfire::Once => on_time.unwrap_or(newest),
        Misfire::All => pending.len().saturating_sub(CATCH_UP),
    };
    let fire = pending.get(first).copied();
    Due {
        fire,
        missed_more: more,
        settled: fire.or_else(|| pending.back().copied()),
        missed: pending.into_iter().take(first).collect(),
    }
}

/// When to ask again at the latest: when the first slot that is not settled is due. `None` where no more will come.
#[must_use]
pub fn wake(plan: &str, job: &JobSpec, calendar: Calendar<'_>, settled: Timestamp) -> Option<Timestamp> {
    slots(&job.timing, calendar, settled).next().map(|slot| due_at(plan, job, slot))
}

/// When a slot is due: itself, and later by the job's jitter, which plan, job and slot determine.
#[must_use]
pub fn due_at(plan: &str, job: &JobSpec, slot: Timestamp) -> Timestamp {
    let most = job.jitter.map_or(0, |jitter| jitter.as_millis());
    let most = u64::try_from(most).unwrap_or(u64::MAX);
    if most == 0 {
        return slot;
    }
    let digest = Sha256::digest(format!("{plan}\n{}\n{}", job.name, slot.as_millisecond()));
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    let by = Duration::from_millis(u64::from_be_bytes(first) % most);
    slot.checked_add(by).unwrap_or(slot)
}

/// The newest slots that are due and not settled, oldest first, and whether there are more. A slot whose jitter is not
/// over holds back those behind it.
fn pending(
    plan: &str,
    job: &JobSpec,
    calendar: Calendar<'_>,
    settled: Timestamp,
    now: Timestamp,
) -> (VecDeque<Timestamp>, bool) {
    // Most often nothing is due, and one slot shows it.
    if slots(&job.timing, calendar, settled).next().is_none_or(|slot| slot > now) {
        return (VecDeque::new(), false);
    }
    // However long ago the last one was: list the last hour first, and go further back only while that gives few.
    let mut back = SignedDuration::from_hours(1);
    loop {
        let from = now.checked_sub(back).map_or(settled, |from| from.max(settled));
        let mut newest = VecDeque::new();
        let mut more = false;
        let all = slots(&job.timing, calendar, from).take_while(|slot| *slot <= now);
        for slot in all.take_while(|slot| due_at(plan, job, *slot) <= now) {
            newest.push_back(slot);
            if newest.len() > CATCH_UP + 1 {
                newest.pop_front();
                more = true;
            }
        }
        if more || from == settled {
            return (newest, more);
        }
        back = back.checked_mul(8).unwrap_or(SignedDuration::MAX);
    }
}
