//! `migrate --remove`: dropping the ledger, and the control tables where no other plan needs them.

use std::path::{Path, PathBuf};

use reseal_control::{ControlRemoval, ControlSession};
use reseal_core::RunState;
use reseal_core::audit::{Event, EventKind, TrailHead};
use reseal_core::quantity::count;
use reseal_store::sql::Removing;
use reseal_store::{LeftBehind, Removal, Session};

use super::Tables;
use crate::caller::Caller;
use crate::{Failure, audit, control, trail};

/// What is dropped, and where.
#[derive(Clone, Debug)]
pub struct RemoveRequest {
    /// A plan, a database URL without password, or `env:NAME`; none for the control database that the environment names.
    pub database: Option<String>,
    /// The control database's tables alone.
    pub control: bool,
    /// The plan's name, or the database's where no plan is named.
    pub confirm: Option<String>,
    /// What becomes of the audit trail.
    pub trail: TrailCopy,
}

/// What becomes of the audit trail when the control tables are dropped.
#[derive(Clone, Debug, Default)]
pub enum TrailCopy {
    /// Nobody has said: a trail that holds events stays.
    #[default]
    Unknown,
    /// This export has all of it.
    File(PathBuf),
    /// Nobody needs it.
    NotNeeded,
}

/// What became of a set of tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nobody asked for it.
    NotAsked,
    /// There was none.
    Absent,
    /// It is dropped.
    Dropped,
    /// These other plans need it.
    Needed(Vec<String>),
}

/// What became of the tables of Reseal.
#[derive(Clone, Debug)]
pub struct Removed {
    /// The ledger.
    pub ledger: Fate,
    /// The control tables.
    pub control: Fate,
}

/// Connections to what is to be dropped.
struct Books {
    ledger: Option<Session>,
    control: ControlSession,
    /// What has to be confirmed.
    name: String,
    plan: Option<String>,
}

/// Drops the ledger, and the control tables where no other plan needs them. All that speaks against either is looked for
/// before anything is dropped.
///
/// # Errors
/// When it is not confirmed, something is left that only these tables can undo, the trail has no copy, or a database refuses.
pub async fn remove(caller: &Caller, request: &RemoveRequest) -> Result<Removed, Failure> {
    let mut books = open(request).await?;
    confirmed(&books.name, request.confirm.as_deref())?;
    if let Some(ledger) = &mut books.ledger {
        nothing_left(&ledger.left_behind().await?)?;
    }
    let others = others(&mut books).await?;
    let kept = match others.is_empty() {
        true => saved(&mut books.control, &request.trail).await?,
        false => None,
    };
    let ledger = drop_ledger(&mut books).await?;
    let control = match others.is_empty() {
        true => drop_control(&mut books.control, kept).await?,
        false => Fate::Needed(others),
    };
    if ledger == Fate::Dropped && matches!(control, Fate::Needed(_)) {
        let plan = books.plan.unwrap_or_default();
        let about = |event: Event| event.of_plan(&plan, "").with("database", books.name.as_str());
        trail::note(&caller.operator, EventKind::LedgerRemoved, about).await;
    }
    Ok(Removed { ledger, control })
}

async fn open(request: &RemoveRequest) -> Result<Books, Failure> {
    let found = super::tables(request.database.as_deref(), request.control).await?;
    let (ledger, control) = match found.tables {
        Tables::Control(database) => (None, database.connect().await?),
        Tables::Ledger(database) => (Some(database.connect().await?), control::database()?.connect().await?),
    };
    let mut books = Books { ledger, control, name: String::new(), plan: found.plan };
    books.name = match (&books.plan, &mut books.ledger) {
        (Some(plan), _) => plan.clone(),
        (None, Some(ledger)) => ledger.database_name().await?,
        (None, None) => books.control.database_name().await?,
    };
    Ok(books)
}

fn confirmed(name: &str, confirm: Option<&str>) -> Result<(), Failure> {
    match confirm == Some(name) {
        true => Ok(()),
        false => {
            let message =
                format!("the removal of Reseal's tables for {name} cannot be undone and needs confirmation");
            Err(Failure::usage("confirm", message, format!("pass `--confirm {name}`")))
        }
    }
}

/// Refuses what would leave behind something that only the ledger can undo.
fn nothing_left(left: &[LeftBehind]) -> Result<(), Failure> {
    if left.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = left.iter().map(named).collect();
    let mut help: Vec<String> = Vec::new();
    for todo in left.iter().map(todo) {
        if !help.contains(&todo) {
            help.push(todo);
        }
    }
    let message = format!("the ledger is still needed: {}; nothing was removed", named.join("; "));
    Err(Failure::refused("ledger-needed", message, help.join("\n")))
}

fn named(left: &LeftBehind) -> String {
    match left {
        LeftBehind::Run { plan, run, of_run: Some(of), .. } => {
            format!("run {run} of plan {plan}, the rollback of run {of}, is unfinished")
        }
        LeftBehind::Run { plan, run, state, of_run: None } => format!("run {run} of plan {plan} is {state}"),
        LeftBehind::Undo { plan, run, cells } => {
            format!("run {run} of plan {plan} keeps {} old cells", count(*cells))
        }
        LeftBehind::Guard { table } => format!("table {table} has a guard"),
    }
}

fn todo(left: &LeftBehind) -> String {
    match left {
        LeftBehind::Run { plan, of_run: Some(_), .. }
        | LeftBehind::Run { plan, state: RunState::RollingBack, .. } => {
            format!("finish the rollback with `reseal rollback PLAN --confirm {plan}`")
        }
        LeftBehind::Run { run, .. } => {
            format!(
                "finish run {run} with `reseal run PLAN`, or cancel it with `reseal cancel PLAN --run {run}`"
            )
        }
        LeftBehind::Undo { plan, run, .. } => {
            format!(
                "delete the old cells with `reseal undo drop PLAN --run {run} --confirm {plan}` when no rollback is \
                 needed"
            )
        }
        LeftBehind::Guard { .. } => {
            "remove `guard:` from the plan and run `reseal run PLAN`, which removes the guard".to_owned()
        }
    }
}

/// The plans that need the control tables beside those of the ledger. Where the control tables alone are meant, none.
async fn others(books: &mut Books) -> Result<Vec<String>, Failure> {
    if books.control.removing().await? != Removing::Whole {
        return Ok(Vec::new());
    }
    books.control.migrate().await?;
    if let Some(work) = books.control.scheduled_work().await?.pop() {
        let message = format!("a process is running job {} of plan {}", work.job, work.plan);
        return Err(Failure::stopped(
            "control-in-use",
            message,
            "stop `reseal serve`, then run the command again",
        ));
    }
    let Some(ledger) = &mut books.ledger else { return Ok(Vec::new()) };
    let own = [ledger.known_plans().await?, books.plan.iter().cloned().collect()].concat();
    let known = books.control.known_plans().await?;
    Ok(known.into_iter().filter(|plan| !own.contains(plan)).collect())
}

/// Refuses to drop a trail of which nobody has a copy; gives where the copy ends.
async fn saved(control: &mut ControlSession, copy: &TrailCopy) -> Result<Option<TrailHead>, Failure> {
    let is_whole = control.removing().await? == Removing::Whole;
    if !is_whole || matches!(copy, TrailCopy::NotNeeded) {
        return Ok(None);
    }
    let head = control.trail_head().await?;
    match copy {
        _ if head.sequence == 0 => Ok(Some(head)),
        TrailCopy::File(path) => copied(path, head).map(|()| Some(head)),
        TrailCopy::Unknown | TrailCopy::NotNeeded => {
            let message = format!(
                "the control database contains an audit trail of {} events, which would be lost",
                head.sequence
            );
            Err(unsaved(message))
        }
    }
}

/// Refuses an export that is not the whole of the trail.
fn copied(path: &Path, head: TrailHead) -> Result<(), Failure> {
    let verdict = audit::verdict_of_file(path)?;
    let shown = path.display();
    if let Some(fault) = verdict.fault {
        return Err(unsaved(format!("{shown} is not a copy of the audit trail: {}", fault.message)));
    }
    match verdict.intact == head {
        true => Ok(()),
        false => Err(unsaved(format!(
            "{shown} ends at event {}, but the audit trail ends at event {} or is a different one",
            verdict.intact.sequence, head.sequence
        ))),
    }
}

fn unsaved(message: String) -> Failure {
    let help = "run `reseal audit export --out FILE` and pass `--trail FILE`, or pass `--without-trail`";
    Failure::refused("trail-not-saved", message, help)
}

async fn drop_ledger(books: &mut Books) -> Result<Fate, Failure> {
    let Some(ledger) = &mut books.ledger else { return Ok(Fate::NotAsked) };
    match ledger.remove_ledger().await? {
        Removal::Absent => Ok(Fate::Absent),
        Removal::Dropped => Ok(Fate::Dropped),
        Removal::Kept(left) => nothing_left(&left).map(|()| Fate::Absent),
    }
}

async fn drop_control(control: &mut ControlSession, kept: Option<TrailHead>) -> Result<Fate, Failure> {
    match control.remove(kept).await? {
        ControlRemoval::Absent => Ok(Fate::Absent),
        ControlRemoval::Dropped => Ok(Fate::Dropped),
        ControlRemoval::Moved(head) => {
            Err(unsaved(format!("the audit trail has grown to event {} since the export", head.sequence)))
        }
    }
}
