//! What has to hold before a run may begin.

use jiff::Timestamp;
use reseal_engine::{EngineError, RunOptions};
use reseal_plan::Plan;
use reseal_store::{Book, Database};

use crate::proofs;

/// Holds a run that is about to begin against the plan's policy. A dry run writes nothing, and a run that is gone on
/// with was held against it when it began: both pass.
///
/// # Errors
/// When the policy refuses the run, or the database cannot be asked whether it is a new one.
pub async fn before_run(plan: &Plan, database: &Database, options: &RunOptions) -> Result<(), EngineError> {
    if options.dry_run || goes_on(plan, database).await? {
        return Ok(());
    }
    proofs(&plan.policy, Timestamp::now()).await
}

/// Whether `run` would go on with a run that is not over.
async fn goes_on(plan: &Plan, database: &Database) -> Result<bool, EngineError> {
    let mut session = database.connect().await?;
    if session.version(Book::Ledger).await?.is_none() {
        return Ok(false);
    }
    let latest = session.runs(Some(&plan.name), 1).await?.pop();
    Ok(latest.is_some_and(|run| !run.state.is_over()))
}
