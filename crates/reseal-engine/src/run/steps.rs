//! Carrying out steps: each is noted before it begins and when it is over, and what is done is not repeated. Only a
//! crash between a step's end and its note repeats it.

use std::collections::BTreeMap;
use std::sync::Arc;

use reseal_core::{Key, RunState, Scrub, StepHole, StepPiece, Value};
use reseal_store::{Database, RunLease, RunRow, Session, SqlPart, StepDone, StepKey, StepRow, StepState};
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::commit::Commit;
use crate::commit::ledger::StepName;
use crate::environment::Environment;
use crate::error::{Advise, RunError, StepError};
use crate::job::Job;
use crate::job::hooks::{Deed, Phase, Ran, Step, When};
use crate::observer::{RunObserver, StepEvent, StepResult};
use crate::stop::{Stop, Stopper};

/// How much of a step's output is kept and shown: its end.
const SHOWN: usize = 4096;

/// The steps of a run, with what fills their holes.
pub(crate) struct Steps {
    job: Arc<Job>,
    database: Database,
    scrub: Scrub,
    facts: Facts,
    lease: RunLease,
    observer: Arc<dyn RunObserver>,
}

/// What a run says of itself.
struct Facts {
    id: String,
    state: RunState,
    operator: String,
    emergency: bool,
    cells_rotated: u64,
    vars: BTreeMap<String, String>,
}

/// A step that failed, or a stop that came first.
pub(crate) enum Cut {
    Failed(RunError),
    Stopped(Stop),
}

impl Steps {
    /// The steps of a run that an engine has acquired, with the variables that were noted of it.
    pub(crate) async fn of(
        session: &mut Session,
        environment: &Environment,
        job: &Arc<Job>,
        run: &RunRow,
        lease: &RunLease,
        operator: &str,
    ) -> Result<Steps, RunError> {
        let facts = Facts {
            id: run.id.clone(),
            // An engine has just taken it up; `run` is how that engine found it.
            state: RunState::Running,
            operator: operator.to_owned(),
            emergency: run.emergency,
            cells_rotated: run.counts.cells_rotated,
            vars: session.vars(&run.id).await?,
        };
        Ok(Steps {
            job: job.clone(),
            database: environment.database.clone(),
            scrub: scrub(job),
            facts,
            lease: lease.clone(),
            observer: environment.observer.clone(),
        })
    }

    /// Reads the variables where the run has none noted yet, and notes them: an engine that goes on finds the same.
    pub(crate) async fn settle_vars(&mut self, session: &mut Session) -> Result<(), RunError> {
        let (true, Some(resolver)) = (self.facts.vars.is_empty(), &self.job.hooks.resolver) else {
            return Ok(());
        };
        let vars = resolver.vars().await?;
        self.hold_no_key(&vars)?;
        Commit::new(session, &self.lease).vars(&vars).await?;
        self.facts.vars = vars;
        Ok(())
    }

    fn hold_no_key(&self, vars: &BTreeMap<String, String>) -> Result<(), RunError> {
        let Some((name, _)) = vars.iter().find(|(_, value)| self.scrub.finds_in(value.as_bytes())) else {
            return Ok(());
        };
        Err(StepError::VarIsSecret { name: name.clone() }.into())
    }

    /// Takes keys out of what the ledger has of this run by now: those that the steps of `before` brought, nobody could
    /// recognise in what they printed, nor in a variable.
    pub(crate) async fn scrub_noted(&mut self, session: &mut Session) -> Result<(), RunError> {
        for row in session.steps(&self.facts.id).await? {
            let (status, output) = (row.status.unwrap_or_default(), row.output.unwrap_or_default());
            if [&status, &output].iter().any(|text| self.scrub.finds_in(text.as_bytes())) {
                let clean = [&status, &output].map(|text| self.scrub.clean(text.as_bytes()));
                let done =
                    StepDone { ok: row.state == StepState::Done, status: &clean[0], output: &clean[1] };
                Commit::new(session, &self.lease).end_step(&row.key, &done).await?;
            }
        }
        let held = self.hold_no_key(&self.facts.vars);
        if held.is_err() {
            Commit::new(session, &self.lease).drop_vars().await?;
            self.facts.vars.clear();
        }
        held
    }

    /// The job that the run works by.
    pub(crate) fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// Who follows the run.
    pub(crate) fn observer(&self) -> &dyn RunObserver {
        self.observer.as_ref()
    }

    /// Goes on with another job: the same plan, with the keys as they are now.
    pub(crate) fn with_job(&mut self, job: &Arc<Job>) {
        self.scrub = scrub(job);
        self.job = job.clone();
    }

    /// Where the run stands now.
    pub(crate) fn stands(&mut self, state: RunState, cells_rotated: u64) {
        (self.facts.state, self.facts.cells_rotated) = (state, cells_rotated);
    }

    /// Notes the steps of `after` that are owed once this run is clean, so that a crash does not lose them.
    pub(crate) async fn owe(&self, session: &mut Session, whole: bool) -> Result<(), RunError> {
        for (at, step) in self.job.hooks.after.iter().enumerate().filter(|(_, step)| whole || step.scoped) {
            let key = self.key(Phase::After, at);
            Commit::new(session, &self.lease).owe_step(name(&key, step)).await?;
        }
        Ok(())
    }

    /// Whether all steps of a phase are done.
    pub(crate) async fn are_done(&self, session: &mut Session, phase: Phase) -> Result<bool, RunError> {
        let rows = session.steps(&self.facts.id).await?;
        let done = |at: usize| {
            let key = self.key(phase, at);
            rows.iter().any(|row| row.key == key && row.state == StepState::Done)
        };
        Ok((0..self.job.hooks.of(phase).len()).all(done))
    }

    /// Whether a step of a phase was done in this run, by whichever engine.
    pub(crate) async fn any_done(&self, session: &mut Session, phase: Phase) -> Result<bool, RunError> {
        let rows = session.steps(&self.facts.id).await?;
        Ok(rows.iter().any(|row| row.key.phase == phase.name() && row.state == StepState::Done))
    }

    /// Carries out the steps of a phase that are not done yet, one after the other, up to the first that fails.
    pub(crate) async fn play(
        &self,
        session: &mut Session,
        phase: Phase,
        stop: Option<&Stopper>,
    ) -> Result<(), Cut> {
        let failed = |error: reseal_store::StoreError| Cut::Failed(error.into());
        let rows = session.steps(&self.facts.id).await.map_err(failed)?;
        for (at, step) in self.job.hooks.of(phase).iter().enumerate() {
            let key = self.key(phase, at);
            let row = rows.iter().find(|row| row.key == key);
            // Of `after`, only what this run owes: a run of a part of the plan owes less.
            if row.is_some_and(|row| row.state == StepState::Done) || (phase == Phase::After && row.is_none())
            {
                continue;
            }
            if let Some(stop) = stop.and_then(Stopper::asked) {
                return Err(Cut::Stopped(stop));
            }
            self.one(session, &key, step).await.map_err(Cut::Failed)?;
        }
        Ok(())
    }

    /// Carries out all steps of a phase, whether or not others fail: what they clean up is worth cleaning up alone. Those
    /// that undo something are left out where there is nothing to undo.
    pub(crate) async fn play_all(&self, session: &mut Session, phase: Phase, case: Option<When>) {
        let steps = self.job.hooks.of(phase);
        if steps.is_empty() {
            return;
        }
        let done = match session.steps(&self.facts.id).await {
            Ok(rows) => Done { rows, moved: self.facts.cells_rotated > 0 },
            Err(error) => {
                warn!(
                    "steps of `{}` are skipped, because it is unknown what they would undo: {error}",
                    phase.name()
                );
                return;
            }
        };
        if case == Some(When::RolledBack) {
            done.tell_unknown();
        }
        for (at, step) in steps.iter().enumerate() {
            if step.when.is_some() && step.when != case {
                continue;
            }
            if !done.calls_for(step, case) {
                info!(phase = phase.name(), step = step.label, "skipped: there is nothing to undo");
                continue;
            }
            if let Err(error) = self.one(session, &self.key(phase, at), step).await {
                warn!(help = error.advice().help.as_deref(), "{error}");
            }
        }
    }

    async fn one(&self, session: &mut Session, key: &StepKey, step: &Step) -> Result<(), RunError> {
        info!(phase = key.phase, step = step.label, "starting");
        Commit::new(session, &self.lease).begin_step(name(key, step)).await?;
        let ran = match &step.deed {
            Deed::Sql(pieces) => self.sql(pieces, step).await,
            Deed::Command { words, runner } => {
                let words: Vec<String> = words.iter().map(|word| self.filled(word)).collect();
                runner.run(&words, step.limit).await
            }
        };
        let output = tail(&self.scrub.clean(&ran.output));
        let status = self.scrub.clean(ran.status.as_bytes());
        let done = StepDone { ok: ran.ok, status: &status, output: &output };
        Commit::new(session, &self.lease).end_step(key, &done).await?;
        let result = if ran.ok { StepResult::Done } else { StepResult::Failed };
        self.recorded(key, &step.label, result).await;
        if ran.ok {
            return Ok(());
        }
        let (key, label) = (key.clone(), step.label.clone());
        Err(StepError::Failed { key, label, status, output }.into())
    }

    /// Tells that the steps of `before` are about to begin: what they change outside of Reseal changes only if that can
    /// be recorded.
    pub(crate) async fn announced(&self) -> Result<(), RunError> {
        self.told(Phase::Before.name(), 0, "all", StepResult::Begun).await
    }

    /// Records what a step came to; where that cannot be done, the ledger still has it.
    async fn recorded(&self, key: &StepKey, label: &str, result: StepResult) {
        if let Err(error) = self.told(&key.phase, key.number, label, result).await {
            warn!("a step is in the ledger but not in the audit trail: {error}");
        }
    }

    async fn told(&self, phase: &str, number: i64, label: &str, result: StepResult) -> Result<(), RunError> {
        let (job, run_id) = (&self.job, &self.facts.id);
        self.observer.stepped(StepEvent { job, run_id, phase, number, label, result }).await
    }

    /// A statement on a connection of its own, so that what it sets does not outlive it.
    async fn sql(&self, pieces: &[StepPiece], step: &Step) -> Ran {
        let parts: Vec<SqlPart<'_>> = pieces
            .iter()
            .map(|piece| match piece {
                StepPiece::Text(text) => SqlPart::Text(text),
                StepPiece::Hole(hole) => SqlPart::Value(self.value(hole)),
            })
            .collect();
        let outcome = match self.database.connect().await {
            Ok(mut session) => session.step(&parts, step.limit).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(()) => Ran { ok: true, status: "done".to_owned(), output: Zeroizing::default() },
            Err(error) => Ran::failed(error.message),
        }
    }

    fn filled(&self, word: &[StepPiece]) -> String {
        let piece = |piece: &StepPiece| match piece {
            StepPiece::Text(text) => text.clone(),
            StepPiece::Hole(hole) => {
                self.value(hole).text().map(|text| text.replace('\0', "")).unwrap_or_default()
            }
        };
        word.iter().map(piece).collect()
    }

    fn value(&self, hole: &StepHole) -> Value {
        let facts = &self.facts;
        Value::Text(match hole {
            StepHole::RunId => facts.id.clone(),
            StepHole::RunState => facts.state.name().to_owned(),
            StepHole::RunOperator => facts.operator.clone(),
            StepHole::RunOldKeys => self.keys(false),
            StepHole::RunNewKey => self.keys(true),
            StepHole::RunKind => if facts.emergency { "emergency" } else { "routine" }.to_owned(),
            StepHole::RunCellsRotated => {
                return Value::Int(i64::try_from(facts.cells_rotated).unwrap_or(i64::MAX));
            }
            StepHole::Var(name) => match facts.vars.get(name) {
                Some(value) => value.clone(),
                None => return Value::Null,
            },
        })
    }

    /// The ids of the primaries, or those of the keys beside them.
    fn keys(&self, primaries: bool) -> String {
        let mut ids: Vec<&str> = Vec::new();
        for keyset in self.job.keysets.iter().map(|keyset| &keyset.keyset) {
            let Some(primary) = keyset.primary().map(Key::id) else { continue };
            let wanted = keyset.keys().iter().map(Key::id).filter(|id| (*id == primary) == primaries);
            ids.extend(wanted);
        }
        ids.sort_unstable();
        ids.dedup();
        ids.join(",")
    }

    fn key(&self, phase: Phase, at: usize) -> StepKey {
        let turn = if phase.is_once() { 0 } else { self.lease.epoch() };
        StepKey { phase: phase.name().to_owned(), number: at as i64 + 1, turn }
    }
}

/// Whether a run carried out steps of `after`, and its rollback is to carry out steps that undo what it did.
pub(crate) async fn takes_back_after(
    session: &mut Session,
    job: &Job,
    run: &RunRow,
) -> Result<bool, RunError> {
    let done = Done { rows: session.steps(&run.id).await?, moved: run.counts.cells_rotated > 0 };
    let is_after = |row: &StepRow| row.key.phase == Phase::After.name() && row.state == StepState::Done;
    let follows =
        |step: &Step| step.when != Some(When::Failed) && done.calls_for(step, Some(When::RolledBack));
    Ok(done.rows.iter().any(is_after) && job.hooks.on_failure.iter().any(follows))
}

/// What a run has done, for the steps that undo it.
struct Done {
    rows: Vec<StepRow>,
    /// Whether it moved cells.
    moved: bool,
}

impl Done {
    /// Whether a step is called for: one that names what it undoes, where any of that was done; any other, where a run is
    /// rolled back that did anything at all.
    fn calls_for(&self, step: &Step, case: Option<When>) -> bool {
        let of_run = [Phase::Before, Phase::Canary, Phase::After].map(Phase::name);
        let mut done = self.rows.iter().filter(|row| row.state == StepState::Done);
        match (step.undoes.as_slice(), case) {
            ([], Some(When::RolledBack)) => {
                self.moved || done.any(|row| of_run.contains(&row.key.phase.as_str()))
            }
            ([], _) => true,
            (undoes, _) => done.any(|row| {
                undoes.iter().any(|place| (&place.phase, place.number) == (&row.key.phase, row.key.number))
            }),
        }
    }

    /// A step that was cut off may have taken effect or not, and is not undone.
    fn tell_unknown(&self) {
        let of_run = [Phase::Before, Phase::After].map(Phase::name);
        for row in self.rows.iter().filter(|row| row.state == StepState::Running) {
            let (phase, number) = (&row.key.phase, row.key.number);
            if !of_run.contains(&phase.as_str()) {
                continue;
            }
            warn!(
                "step {number} of `{phase}` ({}) was interrupted and is not undone: check whether it took effect",
                row.label
            );
        }
    }
}

fn name<'s>(key: &'s StepKey, step: &'s Step) -> StepName<'s> {
    StepName { key, label: &step.label, digest: &step.digest }
}

fn scrub(job: &Job) -> Scrub {
    let keys = job.keysets.iter().flat_map(|keyset| keyset.keyset.keys());
    Scrub::new(keys.flat_map(Key::secrets))
}

/// The end of a text, from the beginning of a character.
fn tail(text: &str) -> String {
    let mut from = text.len().saturating_sub(SHOWN);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}
