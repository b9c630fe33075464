//! What stands out in the events of a time: proofs, exceptions, emergencies, and what people decided.

use reseal_core::audit::{Detail, Entry, Event, EventKind};
use serde::Serialize;

use super::Subject;
use super::history::Run;

/// A sweep that opened every cell in its scope.
#[derive(Serialize)]
pub(super) struct Proof {
    time_ms: i64,
    sequence: u64,
    plan: String,
    run_id: String,
    /// `run` or `sweep`.
    by: &'static str,
    scope: String,
    cells: i64,
    cells_old: i64,
    cells_quarantined: i64,
    clean: bool,
}

/// Something that an auditor will ask about.
#[derive(Serialize)]
pub(super) struct Exception {
    time_ms: i64,
    sequence: Option<u64>,
    plan: String,
    kind: String,
    what: String,
}

/// An emergency rotation.
#[derive(Serialize)]
pub(super) struct Incident {
    plan: String,
    run_id: String,
    declared: i64,
    operator: String,
    over: Option<i64>,
    minutes: Option<i64>,
    state: String,
    cells_rotated: i64,
    cells_left: i64,
}

/// A decision, a change or a test by people or by the service.
#[derive(Serialize)]
pub(super) struct Action {
    time_ms: i64,
    sequence: u64,
    plan: String,
    kind: &'static str,
    operator: String,
    what: String,
}

pub(super) fn proofs(events: &[&Entry]) -> Vec<Proof> {
    let swept = events.iter().filter(|entry| match entry.event.kind {
        EventKind::Sweep => true,
        EventKind::RunFinished | EventKind::RunPaused => entry.event.integer("cells_old").is_some(),
        _ => false,
    });
    let proof = |entry: &&Entry| {
        let event = &entry.event;
        let count = |name: &str| event.integer(name).unwrap_or_default();
        let finished = event.kind == EventKind::RunFinished;
        let (cells_old, cells_quarantined) = (count("cells_old"), count("cells_quarantined"));
        Proof {
            time_ms: event.time_ms,
            sequence: entry.sequence,
            plan: event.plan.clone(),
            run_id: event.run_id.clone(),
            by: if event.kind == EventKind::Sweep { "sweep" } else { "run" },
            scope: event.text("scope").unwrap_or_default().to_owned(),
            cells: count("cells_current") + count("cells_rotated"),
            cells_old,
            cells_quarantined,
            clean: (finished || event.text("clean") == Some("yes")) && cells_old + cells_quarantined == 0,
        }
    };
    // A run that was stopped before its last sweep proves nothing, whatever it counted.
    swept.map(proof).filter(|proof| proof.by == "sweep" || proof.clean).collect()
}

pub(super) fn exceptions(events: &[&Entry], runs: &[&Run]) -> Vec<Exception> {
    let mut out: Vec<Exception> = events
        .iter()
        .filter_map(|entry| {
            let event = &entry.event;
            Some(Exception {
                time_ms: event.time_ms,
                sequence: Some(entry.sequence),
                plan: event.plan.clone(),
                kind: event.kind.name().to_owned(),
                what: exception(event)?,
            })
        })
        .collect();
    out.extend(runs.iter().filter(|run| run.ended.is_none()).map(|run| Exception {
        time_ms: run.began,
        sequence: Some(run.events.0),
        plan: run.plan.clone(),
        kind: "run-without-end".to_owned(),
        what: format!("the trail knows no end of run {}", run.run_id),
    }));
    out
}

/// Runs that a ledger knows and the trail does not: somebody ran without it, or took from it.
pub(super) fn unknown_runs(known: &[Run], subject: &Subject) -> Vec<Exception> {
    let of = |plan: &str, time_ms: i64, kind: &str, what: String| Exception {
        time_ms,
        sequence: None,
        plan: plan.to_owned(),
        kind: kind.to_owned(),
        what,
    };
    let (from, to) = subject.range;
    let mut out = Vec::new();
    for ledger in &subject.ledgers {
        match &ledger.runs {
            Ok(runs) => out.extend(
                runs.iter()
                    .filter(|(id, began)| {
                        (from..to).contains(began) && !known.iter().any(|run| run.run_id == *id)
                    })
                    .map(|(id, began)| {
                        let what = format!("the ledger has run {id}, and the trail has not");
                        of(&ledger.plan, *began, "run-without-trail", what)
                    }),
            ),
            Err(why) => {
                let what = format!("the ledger could not be held against the trail: {why}");
                out.push(of(&ledger.plan, subject.now, "ledger-unread", what));
            }
        }
    }
    out
}

impl Exception {
    /// A key that was in use for longer than the policy lets it.
    pub(super) fn over_limit(time_ms: i64, what: String) -> Exception {
        Exception { time_ms, sequence: None, plan: String::new(), kind: "key-over-limit".to_owned(), what }
    }

    /// In the order of time, and of events where several are of one time.
    pub(super) fn order(&self) -> (i64, Option<u64>) {
        (self.time_ms, self.sequence)
    }
}

/// What is out of the ordinary about an event, if anything is.
fn exception(event: &Event) -> Option<String> {
    let count = |name: &str| event.integer(name).unwrap_or_default();
    let reason = || event.text("reason").or(event.text("message")).unwrap_or_default().to_owned();
    match event.kind {
        EventKind::RunFailed | EventKind::RunCancelled => Some(reason()),
        EventKind::RunRolledBack => Some(format!("{} cells put back", count("cells_rotated"))),
        EventKind::RunPaused if count("cells_old") + count("cells_quarantined") > 0 => Some(match reason() {
            none if none.is_empty() => "cells were left".to_owned(),
            reason => reason,
        }),
        EventKind::Sweep if event.text("clean") == Some("no") => Some(format!(
            "cells under an old key: {}; that do not open: {}",
            count("cells_old"),
            count("cells_quarantined")
        )),
        EventKind::Refused | EventKind::ApprovalRefused => {
            let words = [event.text("command"), event.text("code"), event.text("message")];
            Some(words.into_iter().flatten().collect::<Vec<_>>().join(": "))
        }
        EventKind::ScheduleMissed | EventKind::NoticeFailed | EventKind::AlertRaised => {
            Some(in_one_line(event))
        }
        EventKind::ScheduleEnded if event.text("state") == Some("failed") => Some(in_one_line(event)),
        EventKind::RestoreTested
            if event.text("result").is_some_and(|result| result.starts_with("failed")) =>
        {
            Some(in_one_line(event))
        }
        EventKind::HookStep if event.text("result").is_some_and(|result| result == "failed") => {
            Some(in_one_line(event))
        }
        _ if event.text("late").is_some() => Some("recorded afterwards, from the ledger".to_owned()),
        _ => None,
    }
}

pub(super) fn incidents(runs: &[&Run]) -> Vec<Incident> {
    let incident = |run: &&&Run| Incident {
        plan: run.plan.clone(),
        run_id: run.run_id.clone(),
        declared: run.began,
        operator: run.operator.clone(),
        over: run.ended.filter(|_| run.is_done()),
        minutes: run.ended.filter(|_| run.is_done()).map(|ended| (ended - run.began) / 60_000),
        state: run.state.clone(),
        cells_rotated: run.cells_rotated,
        cells_left: run.cells_old + run.cells_quarantined,
    };
    runs.iter().filter(|run| run.emergency).map(|run| incident(&run)).collect()
}

pub(super) fn actions(events: &[&Entry]) -> Vec<Action> {
    let shown = events.iter().filter(|entry| {
        matches!(
            entry.event.kind,
            EventKind::ApprovalGiven
                | EventKind::ApprovalWithdrawn
                | EventKind::KeyGenerated
                | EventKind::KeyStateChanged
                | EventKind::KeyBackedUp
                | EventKind::RestoreTested
                | EventKind::PlanChanged
                | EventKind::UndoDropped
                | EventKind::ScheduleChanged
                | EventKind::RunSteered
                | EventKind::RollbackStarted
        )
    });
    shown
        .map(|entry| Action {
            time_ms: entry.event.time_ms,
            sequence: entry.sequence,
            plan: entry.event.plan.clone(),
            kind: entry.event.kind.name(),
            operator: entry.event.operator.clone(),
            what: in_one_line(&entry.event),
        })
        .collect()
}

/// An event's keys and fields in one line. Digests are cut: they tell that something changed, the trail tells what.
fn in_one_line(event: &Event) -> String {
    let keys = event.keys.iter().map(|key| format!("{} {}", key.keyset, key.key));
    let fields = event.fields.iter().map(|(name, value)| match value {
        Detail::Text(text) if text.len() > 60 && !text.contains(' ') => {
            format!("{name} {}…", text.chars().take(12).collect::<String>())
        }
        Detail::Text(text) => format!("{name} {text}"),
        Detail::Integer(n) => format!("{name} {n}"),
    });
    keys.chain(fields).collect::<Vec<_>>().join(", ")
}
