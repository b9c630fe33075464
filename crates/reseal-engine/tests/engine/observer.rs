//! A whole run and a rollback without a control database: what they tell their observer, when, and what it can refuse.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use reseal_core::RunState;
use reseal_engine::{
    Advice, Advise, Census, Environment, Job, Recorded, RollbackBegins, RollbackEnd, RollbackOptions,
    RunBegins, RunEnd, RunError, RunObserver, RunOptions, StepEvent,
};
use reseal_store::{RunRow, Session};

use crate::notes::{Notes, ROWS, job};

/// What a refusal of an observer comes to.
#[derive(Debug, thiserror::Error)]
#[error("{0}: no")]
struct No(String);

impl Advise for No {
    fn advice(&self) -> Advice {
        Advice::refused("no", "ask another observer")
    }
}

/// Records what it is told, with the number of cells under the new key at that moment; refuses what it is asked by the
/// name in `refuses`.
struct Recorder {
    notes: Arc<Notes>,
    refuses: Option<&'static str>,
    events: Mutex<Vec<String>>,
}

impl Recorder {
    fn new(notes: &Arc<Notes>, refuses: Option<&'static str>) -> Arc<Recorder> {
        Arc::new(Recorder { notes: notes.clone(), refuses, events: Mutex::default() })
    }

    fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.events.lock().unwrap())
    }

    async fn note(&self, event: String) {
        let moved = self.notes.cells_under("v2").await;
        self.events.lock().unwrap().push(format!("{event}, {moved} cells moved"));
    }

    async fn ask(&self, name: &str, event: String) -> Result<(), RunError> {
        self.note(event).await;
        match self.refuses == Some(name) {
            true => Err(RunError::Outer(Arc::new(No(name.to_owned())))),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl RunObserver for Recorder {
    async fn before_run_created(&self, _: &str) -> Result<(), RunError> {
        self.ask("before_run_created", "created".into()).await
    }

    async fn keys_read(&self, job: &Job) -> Result<(), RunError> {
        self.ask("keys_read", format!("{} keys read", job.keysets[0].keyset.keys().len())).await
    }

    async fn before_first_write(&self, _: &mut Session, begins: RunBegins<'_>) -> Result<Recorded, RunError> {
        let pins = begins.pins.len();
        let event = format!("begins, {} before, {pins} pins", begins.run.state);
        self.ask("before_first_write", event).await.map(|()| Recorded::default())
    }

    async fn stepped(&self, event: StepEvent<'_>) -> Result<(), RunError> {
        let StepEvent { phase, number, label, result, .. } = event;
        self.ask("stepped", format!("{phase} {number} {label} {}", result.name())).await
    }

    async fn swept(&self, _: &Job, run: &RunRow, census: &Census) {
        self.note(format!("swept {} {}, clean: {}", census.plan, run.scope, census.clean)).await;
    }

    async fn ended(&self, end: RunEnd<'_>) {
        self.note(format!("{}, {} cells rotated", end.run.state, end.counts.cells_rotated)).await;
    }

    async fn rollback_began(&self, rollback: RollbackBegins<'_>) -> Result<(), RunError> {
        let primary = rollback.reversed.keysets[0].keyset.primary().map(|key| key.id().to_owned());
        let event = format!("rollback to {} begins", primary.unwrap_or_default());
        self.ask("rollback_began", event).await
    }

    async fn rolled_back(&self, end: RollbackEnd<'_>) {
        let (cells, runs) = (end.counts.cells_rotated, end.runs.len());
        self.note(format!("rolled back, {cells} cells restored, {runs} runs")).await;
    }
}

fn followed(notes: &Notes, recorder: &Arc<Recorder>) -> Environment {
    Environment::new(notes.database.clone()).followed_by(recorder.clone())
}

async fn run(environment: &Environment) -> Result<RunState, RunError> {
    reseal_engine::run(&Arc::new(job()), &RunOptions::default(), environment).await.map(|report| report.state)
}

async fn roll_back(environment: &Environment) -> Result<RunState, RunError> {
    let options = RollbackOptions::default();
    reseal_engine::rollback(&Arc::new(job()), &options, environment).await.map(|report| report.state)
}

async fn states(notes: &Notes) -> Vec<RunState> {
    let mut session = notes.database.connect().await.unwrap();
    let runs = session.runs(Some("notes"), 10).await.unwrap();
    runs.into_iter().map(|run| run.state).collect()
}

#[tokio::test]
async fn a_run_and_its_rollback_tell_their_observer_in_order() {
    let notes = Arc::new(Notes::new().await);
    let recorder = Recorder::new(&notes, None);
    let environment = followed(&notes, &recorder);

    assert_eq!(run(&environment).await.unwrap(), RunState::Complete);
    let expect = [
        "created, 0 cells moved",
        "before 0 all begun, 0 cells moved",
        "before 1 before done, 0 cells moved",
        "2 keys read, 0 cells moved",
        "begins, prepared before, 2 pins, 0 cells moved",
        "swept notes {}, clean: true, 5 cells moved",
        "complete, 5 cells rotated, 5 cells moved",
        "after 1 after done, 5 cells moved",
    ];
    assert_eq!(recorder.events(), expect);

    assert_eq!(roll_back(&environment).await.unwrap(), RunState::RolledBack);
    let expect = [
        "rollback to v1 begins, 5 cells moved",
        "on_failure 1 undo done, 0 cells moved",
        "rolled back, 5 cells restored, 1 runs, 0 cells moved",
    ];
    assert_eq!(recorder.events(), expect);
    assert_eq!(notes.cells_under("v1").await, ROWS);
}

/// Watches that the engine asks before it writes. The run can begin again with an observer that allows it.
#[tokio::test]
async fn what_an_observer_refuses_writes_nothing() {
    for refused in ["before_run_created", "stepped", "keys_read", "before_first_write"] {
        let notes = Arc::new(Notes::new().await);
        let recorder = Recorder::new(&notes, Some(refused));
        let error = run(&followed(&notes, &recorder)).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{refused}: no"));
        assert_eq!(notes.cells_under("v1").await, ROWS, "{refused}");
        let events = recorder.events();
        let last = events.last().unwrap();
        match refused {
            "before_run_created" => assert_eq!((states(&notes).await, events.len()), (Vec::new(), 1)),
            _ => assert_eq!(last, "paused, 0 cells rotated, 0 cells moved", "{refused}"),
        }
        let state = run(&Environment::new(notes.database.clone())).await.unwrap();
        assert_eq!((state, states(&notes).await.len()), (RunState::Complete, 1), "{refused}");
    }
}

#[tokio::test]
async fn a_rollback_that_an_observer_refuses_puts_nothing_back() {
    let notes = Arc::new(Notes::new().await);
    run(&Environment::new(notes.database.clone())).await.unwrap();
    let recorder = Recorder::new(&notes, Some("rollback_began"));
    let error = roll_back(&followed(&notes, &recorder)).await.unwrap_err();
    assert_eq!(error.to_string(), "rollback_began: no");
    assert_eq!((notes.cells_under("v2").await, states(&notes).await), (ROWS, vec![RunState::Complete]));
}
