//! Notices about slots, in the fields that the shipped templates name.

use jiff::Timestamp;
use reseal_core::{Notice, NoticeKind};
use reseal_plan::{Action, Application, JobSpec, Misfire, RunWindow};
use reseal_schedule::{Calendar, Due};

use crate::Served;

/// A slot as people read it.
pub(crate) fn slot_text(served: &Served, slot: Timestamp) -> String {
    slot.to_zoned(served.schedule.zone.clone()).strftime("%A, %-d %B %Y, %H:%M %Z").to_string()
}

/// A notice about a slot of a job.
fn about(kind: NoticeKind, served: &Served, job: &str, slot: Timestamp) -> Notice {
    Notice::new(kind, &served.plan.name, job, &slot.to_string())
}

/// The reminder that a job stands for.
pub(crate) fn reminder(served: &Served, job: &JobSpec, template: Option<&str>, slot: Timestamp) -> Notice {
    let next = reseal_schedule::slots(&job.timing, Calendar::without_key(&served.schedule.zone), slot).next();
    let mut notice = about(NoticeKind::Remind, served, &job.name, slot)
        .with("template", template.unwrap_or(&job.name))
        .with("due", slot_text(served, slot));
    if let Some(next) = next {
        notice = notice.with("next_due", slot_text(served, next));
    }
    match &served.plan.owner {
        Some(owner) => notice.with("owner", owner),
        None => notice,
    }
}

/// That slots went by without firing which the plan does not skip: reminders, and what `misfire: all` leaves when there are
/// more than it catches up. All of them are one notice. `since` is up to when slots were settled before.
pub(crate) fn missed(served: &Served, job: &JobSpec, due: &Due, since: Timestamp) -> Option<Notice> {
    let (Some(oldest), Some(newest)) = (due.missed.first(), due.missed.last()) else { return None };
    let (what, verb) = match job.action {
        Action::Remind(_) => ("the reminder", "go out"),
        _ => ("the job", "run"),
    };
    let is_told = match job.misfire {
        Misfire::Skip => false,
        Misfire::Once => matches!(job.action, Action::Remind(_)),
        Misfire::All => true,
    };
    let notice = about(NoticeKind::DeadMan, served, &job.name, *newest)
        .with("what", format!("{what} {}", job.name))
        .with("due", slot_text(served, *newest))
        .with("verb", verb);
    let notice = match (due.missed_more, due.missed.len()) {
        (true, _) => notice.with("missed", format!("all times after {}", slot_text(served, since))),
        (false, 1) => notice,
        (false, count) => {
            notice.with("missed", format!("{count} times, the first at {}", slot_text(served, *oldest)))
        }
    };
    is_told.then_some(notice)
}

/// That the work of a job that the plan no longer has was begun, and is not finished.
pub(crate) fn abandoned_job(served: &Served, job: &str, slot: Timestamp, why: &str) -> Notice {
    about(NoticeKind::DeadMan, served, job, slot)
        .with("what", format!("the job {job}"))
        .with("verb", "finish")
        .with("due", slot_text(served, slot))
        .with("reason", why)
}

/// That work which was due failed for good. Where it is a restore test, somebody has to hold it.
pub(crate) fn failed_job(served: &Served, job: &JobSpec, slot: Timestamp, why: &str) -> Notice {
    let notice = match job.action {
        Action::RestoreTest { .. } => about(NoticeKind::RestoreTestDue, served, &job.name, slot),
        _ => about(NoticeKind::DeadMan, served, &job.name, slot)
            .with("what", format!("the job {}", job.name))
            .with("verb", "succeed"),
    };
    notice.with("due", slot_text(served, slot)).with("does", job.action.name()).with("reason", why)
}

/// That work which is due cannot begin until people do something, while there is still time for it.
pub(crate) fn blocked_job(served: &Served, job: &JobSpec, slot: Timestamp, why: &str) -> Notice {
    let code = why.split(':').next().unwrap_or_default();
    Notice::new(NoticeKind::DeadMan, &served.plan.name, &job.name, &format!("{slot} {code}"))
        .with("what", format!("the job {}", job.name))
        .with("verb", "start")
        .with("due", slot_text(served, slot))
        .with("does", job.action.name())
        .with("reason", why)
        .with("tried_again", "until its window closes")
}

/// What work found, under a kind of its own.
pub(crate) fn finding(
    kind: NoticeKind,
    served: &Served,
    job: &JobSpec,
    slot: Timestamp,
    said: &str,
) -> Notice {
    about(kind, served, &job.name, slot)
        .with("does", job.action.name())
        .with("due", slot_text(served, slot))
        .with("reason", said)
}

/// That a rotation will start.
pub(crate) fn announcement(served: &Served, job: &JobSpec, slot: Timestamp) -> Notice {
    let application = match served.plan.application {
        Application::BothKeys => "keeps running with both keys",
        Application::Paused => "must not write",
        Application::OneKey => "cannot read rotated rows until it is restarted with the new key",
    };
    let mut notice =
        about(NoticeKind::Announced, served, &job.name, slot).with("start", slot_text(served, slot));
    if let Action::Run { window: Some(window), .. } = &job.action {
        notice = notice.with(
            "window",
            match window {
                RunWindow::Hours(_) => "only in the hours given in the plan".to_owned(),
                RunWindow::Within(wait) => format!("within {}", reseal_core::quantity::exact(*wait)),
            },
        );
    }
    notice = notice.with("application", application);
    match &served.plan.owner {
        Some(owner) => notice.with("contact", owner),
        None => notice,
    }
}
