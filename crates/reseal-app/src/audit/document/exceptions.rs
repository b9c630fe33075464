//! What an auditor will ask about, each cause once: an outage that wrote a hundred events is one line.

use std::collections::HashMap;

use reseal_core::audit::{Entry, Event, EventKind};
use serde::Serialize;

use super::Subject;
use super::history::Run;
use super::text::in_one_line;

/// How long a cause may be quiet and still be the same outage: longer than from one day's job to the next.
const QUIET_MS: i64 = 36 * 3_600_000;

/// Something that an auditor will ask about.
#[derive(Clone, Serialize)]
pub(super) struct Exception {
    /// When it happened first.
    time_ms: i64,
    /// When it happened last.
    last_ms: i64,
    /// How often.
    count: u64,
    /// The numbers of the first event and the last.
    sequence: Option<u64>,
    last_sequence: Option<u64>,
    plan: String,
    kind: String,
    /// What the first one says.
    what: String,
    /// What is the same about all of them.
    #[serde(skip)]
    cause: String,
}

impl Exception {
    fn new(at: Place, plan: &str, kind: &str, what: String) -> Exception {
        let Place { time_ms, sequence } = at;
        Exception {
            time_ms,
            last_ms: time_ms,
            count: 1,
            sequence,
            last_sequence: sequence,
            plan: plan.to_owned(),
            kind: kind.to_owned(),
            cause: what.clone(),
            what,
        }
    }

    /// A key that was in use for longer than the policy lets it.
    pub(super) fn over_limit(time_ms: i64, what: String) -> Exception {
        Exception::new(Place { time_ms, sequence: None }, "", "key-over-limit", what)
    }
}

/// A time that begins before the first event that was read.
pub(super) fn not_read(subject: &Subject) -> Option<Exception> {
    let before = subject.archived_before.filter(|before| *before > subject.range.0)?;
    let what = format!(
        "events before {} are archived; for that period this report contains only keys and runs; pass `--archive FILE` \
         to include the rest",
        super::instant(before)
    );
    Some(Exception::new(Place { time_ms: subject.range.0, sequence: None }, "", "events-archived", what))
}

/// When something happened, and the event that says so.
struct Place {
    time_ms: i64,
    sequence: Option<u64>,
}

/// In the order of time, those of one cause together as long as they follow each other closely.
pub(super) fn grouped(mut exceptions: Vec<Exception>) -> Vec<Exception> {
    exceptions.sort_by_key(|exception| (exception.time_ms, exception.sequence));
    let (mut groups, mut latest): (Vec<Exception>, HashMap<[String; 3], usize>) = Default::default();
    for exception in exceptions {
        let same = [&exception.plan, &exception.kind, &exception.cause].map(String::clone);
        let group = latest.get(&same).and_then(|at| groups.get_mut(*at));
        match group.filter(|group| exception.time_ms - group.last_ms <= QUIET_MS) {
            Some(group) => {
                group.count += 1;
                (group.last_ms, group.last_sequence) = (exception.last_ms, exception.last_sequence);
            }
            None => {
                latest.insert(same, groups.len());
                groups.push(exception);
            }
        }
    }
    groups
}

/// What stands out in events, and in runs that began in the time.
pub(super) fn exceptions(events: &[&Entry], runs: &[&Run], subject: &Subject) -> Vec<Exception> {
    let mut out: Vec<Exception> = events.iter().filter_map(|entry| of_event(entry)).collect();
    let of_run = |run: &&Run, kind: &str, what: String| {
        let at = Place { time_ms: run.began, sequence: Some(run.events.0) };
        Exception::new(at, &run.plan, kind, what)
    };
    let endless = runs.iter().filter(|run| run.ended.is_none());
    out.extend(endless.map(|run| {
        of_run(run, "run-without-end", format!("the trail records no end of run {}", run.run_id))
    }));
    let began_inside = |run: &&&Run| (subject.range.0..subject.range.1).contains(&run.began);
    let alone = runs.iter().filter(began_inside).filter(|run| !run.approved);
    out.extend(alone.map(|run| {
        let what = format!("run {}, started by {}, was not approved", run.run_id, run.operator);
        of_run(run, "run-without-approval", what)
    }));
    out
}

/// Runs that a ledger knows and the trail does not: somebody ran without it, or took from it.
pub(super) fn unknown_runs(known: &[Run], subject: &Subject) -> Vec<Exception> {
    let (from, to) = subject.range;
    let of = |plan: &str, time_ms: i64, kind: &str, what: String| {
        Exception::new(Place { time_ms, sequence: None }, plan, kind, what)
    };
    let mut out = Vec::new();
    for ledger in &subject.ledgers {
        match &ledger.runs {
            Ok(runs) => {
                let is_known = |id: &String| known.iter().any(|run| run.run_id == *id);
                let unknown = runs.iter().filter(|(id, began)| (from..to).contains(began) && !is_known(id));
                out.extend(unknown.map(|(id, began)| {
                    let what = format!("run {id} is in the ledger but not in the trail");
                    of(&ledger.plan, *began, "run-without-trail", what)
                }));
            }
            Err(why) => {
                let what = format!("the ledger could not be compared with the trail: {why}");
                out.push(of(&ledger.plan, subject.now, "ledger-unread", what));
            }
        }
    }
    out
}

fn of_event(entry: &Entry) -> Option<Exception> {
    let event = &entry.event;
    let at = Place { time_ms: event.time_ms, sequence: Some(entry.sequence) };
    let exception = Exception::new(at, &event.plan, event.kind.name(), what(event)?);
    Some(match cause(event) {
        Some(cause) => Exception { cause, ..exception },
        None => exception,
    })
}

/// What is out of the ordinary about an event, if anything is.
fn what(event: &Event) -> Option<String> {
    let count = |name: &str| event.integer(name).unwrap_or_default();
    let reason = || event.text("reason").or(event.text("message")).unwrap_or_default().to_owned();
    match event.kind {
        EventKind::RunFailed | EventKind::RunCancelled => Some(reason()),
        EventKind::RunRolledBack => {
            // Earlier versions counted them as rotated.
            let cells = event.integer("cells_restored").or(event.integer("cells_rotated"));
            Some(format!("{} cells restored", cells.unwrap_or_default()))
        }
        EventKind::RunPaused if count("cells_old") + count("cells_quarantined") > 0 => Some(match reason() {
            none if none.is_empty() => "some cells were not rotated".to_owned(),
            reason => reason,
        }),
        EventKind::Sweep if event.text("clean") == Some("no") => Some(format!(
            "{} cells under an old key, {} cells could not be opened",
            count("cells_old"),
            count("cells_quarantined")
        )),
        EventKind::Refused | EventKind::ApprovalRefused => {
            let words = [event.text("command"), event.text("code"), event.text("message")];
            Some(words.into_iter().flatten().collect::<Vec<_>>().join(": "))
        }
        EventKind::ScheduleMissed | EventKind::NoticeFailed | EventKind::AlertRaised => {
            Some(in_one_line(event, &[]))
        }
        EventKind::ScheduleEnded if event.text("state") == Some("failed") => Some(in_one_line(event, &[])),
        EventKind::RestoreTested | EventKind::HookStep => {
            let failed = event.text("result").is_some_and(|result| result.starts_with("failed"));
            failed.then(|| in_one_line(event, &[]))
        }
        _ if event.text("late").is_some() => Some("recorded later from the ledger".to_owned()),
        _ => None,
    }
}

/// What is the same about events that one outage wrote, where they say more than that: slots, letters and requests have a
/// number each.
fn cause(event: &Event) -> Option<String> {
    let same: &[&str] = match event.kind {
        EventKind::Refused | EventKind::ApprovalRefused => &["command", "code"],
        EventKind::ScheduleMissed | EventKind::ScheduleEnded => &["job"],
        EventKind::NoticeFailed => &["notice", "via", "to"],
        EventKind::AlertRaised => &["alert", "cause"],
        _ => return None,
    };
    Some(same.iter().filter_map(|name| event.text(name)).collect::<Vec<_>>().join(": "))
}
