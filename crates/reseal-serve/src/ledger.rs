//! What the ledger of a plan's database knows of its runs.

use reseal_control::Firing;
use reseal_core::RunState;
use reseal_store::{Database, RunRow, Session};

use crate::Served;

/// By how much two looks at a clock may differ.
const SLACK_MS: i64 = 5_000;
/// How many runs there may have been since a slot was claimed.
const MOST: u64 = 20;

/// The newest runs of a plan.
pub(crate) async fn runs(served: &Served, most: u64) -> Result<Vec<RunRow>, String> {
    match session(served).await? {
        Some(mut session) => of_plan(&mut session, served, most).await,
        None => Ok(Vec::new()),
    }
}

/// The run that a daemon began for this slot, before it died, and that went on without it to its end. Where the database
/// cannot be asked, there is none: the command says why.
pub(crate) async fn finished_run(served: &Served, firing: &Firing) -> Option<RunRow> {
    let mut session = session(served).await.ok()??;
    let claimed_at = session.now_ms().await.ok()? - firing.claimed_for_ms - SLACK_MS;
    let runs = of_plan(&mut session, served, MOST).await.ok()?;
    runs.into_iter().find(|run| {
        let is_same = run.whole && run.plan_digest == served.plan.digest;
        is_same && run.state == RunState::Complete && run.created_at >= claimed_at
    })
}

async fn of_plan(session: &mut Session, served: &Served, most: u64) -> Result<Vec<RunRow>, String> {
    session.runs(Some(&served.plan.name), most).await.map_err(|error| error.message)
}

/// A session of the plan's database, where it has a ledger.
async fn session(served: &Served) -> Result<Option<Session>, String> {
    let url = reseal_registry::database(&served.plan).await.map_err(|error| error.message)?;
    let database = Database::parse(&url).map_err(|error| error.message)?;
    let database = database.allowing_plaintext(served.plan.allows_plaintext);
    let mut session = database.connect().await.map_err(|error| error.message)?;
    let version = session.version().await.map_err(|error| error.message)?;
    Ok(version.map(|_| session))
}
