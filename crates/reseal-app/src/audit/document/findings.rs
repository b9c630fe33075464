//! What the events of a time prove: sweeps, what was covered, emergencies, and what people decided.

use reseal_core::audit::{Entry, EventKind};
use serde::Serialize;

use super::fields::{Database, Field};
use super::history::Run;
use super::text::in_one_line;

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

/// A field that runs of the time worked on, in a database.
#[derive(Serialize)]
pub(super) struct Covered<'r> {
    plan: &'r str,
    database: Option<&'r Database>,
    #[serde(flatten)]
    field: &'r Field,
    /// How many runs.
    runs: u64,
    /// The last of them, and when it began.
    run_id: &'r str,
    last: i64,
}

/// The fields of all runs, each once as long as nothing about it changed.
pub(super) fn covered<'r>(runs: &[&'r Run]) -> Vec<Covered<'r>> {
    let mut out: Vec<Covered<'r>> = Vec::new();
    for run in runs {
        let database = run.database.as_ref();
        for field in &run.fields {
            let same = |known: &&mut Covered<'_>| {
                (known.plan, known.database, known.field) == (run.plan.as_str(), database, field)
            };
            match out.iter_mut().find(same) {
                Some(known) => {
                    (known.runs, known.run_id, known.last) = (known.runs + 1, &run.run_id, run.began);
                }
                None => {
                    let (plan, run_id, last) = (run.plan.as_str(), run.run_id.as_str(), run.began);
                    out.push(Covered { plan, database, field, runs: 1, run_id, last });
                }
            }
        }
    }
    out
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
                | EventKind::KeyDated
                | EventKind::KeyDestroyed
                | EventKind::PinForgotten
                | EventKind::KeyBackedUp
                | EventKind::RestoreTested
                | EventKind::PlanChanged
                | EventKind::UndoDropped
                | EventKind::CertificateIssued
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
            what: in_one_line(&entry.event, &[]),
        })
        .collect()
}
