//! A primary that cells were rotated away from: most likely the plan's `primary` comes from a variable of the last rotation.

use reseal_core::{Key, RunState};
use reseal_store::{RunRow, Session, Trouble};

use super::Asker;
use crate::error::RunError;
use crate::finding::Finding;
use crate::job::pins::{moved_away_from, moved_to_primary};
use crate::job::{Job, KeysetJob};

/// A warning for each keyset whose primary is a key that the plan's last run rotated cells away from.
pub(super) async fn check(
    session: &mut Session,
    job: &Job,
    asker: Asker<'_>,
) -> Result<Vec<Finding>, RunError> {
    let last = match last_run(session, job).await {
        // Who may only read the application's tables may look all the same; the pins were not read either, and say so.
        Err(RunError::Store(error)) if !asker.writes() && error.trouble == Trouble::Permission => None,
        last => last?,
    };
    let mut findings = Vec::new();
    let Some(last) = last else { return Ok(findings) };
    for keyset in &job.keysets {
        if let Some(primary) = keyset.keyset.primary()
            && goes_back(keyset, primary, &last)?
        {
            findings.push(warning(keyset, primary, &last));
        }
    }
    Ok(findings)
}

/// The last run that came to know its keys and was not undone.
async fn last_run(session: &mut Session, job: &Job) -> Result<Option<RunRow>, RunError> {
    if session.version().await?.is_none() {
        return Ok(None);
    }
    let undone = |run: &RunRow| matches!(run.state, RunState::RollingBack | RunState::RolledBack);
    let runs = session.runs(Some(&job.plan), 100).await?;
    Ok(runs.into_iter().find(|run| !run.primaries.is_empty() && !undone(run)))
}

fn goes_back(keyset: &KeysetJob, primary: &Key, last: &RunRow) -> Result<bool, RunError> {
    Ok(!moved_to_primary(keyset, last)? && moved_away_from(primary, last)?)
}

fn warning(keyset: &KeysetJob, primary: &Key, last: &RunRow) -> Finding {
    Finding::warning(
        "earlier-key",
        format!(
            "keyset `{}`: this rotates cells back to key `{}`, which run {} rotated them away from",
            keyset.keyset.name(),
            primary.id(),
            last.id
        ),
        "if that is not intended, check where the plan's `primary` comes from; to undo a run, use `reseal rollback`",
    )
}
