//! Escrow: before the first write, the new key is had again from where it is kept.

use std::sync::Arc;

use reseal_core::{Context, Key};
use reseal_store::Session;

use super::refused_by;
use crate::cell::target::Target;
use crate::error::RunError;
use crate::finding::Finding;
use crate::job::Job;

/// What came of it.
pub(super) struct Escrow {
    pub(super) findings: Vec<Finding>,
    /// Whether a KEK refuses: it would refuse the sample too.
    pub(super) kek_refuses: bool,
}

/// Reads every primary again, and has every KEK wrap and unwrap a DEK.
pub(super) async fn check(
    session: &mut Session,
    job: &Arc<Job>,
    targets: &[Arc<Target>],
) -> Result<Escrow, RunError> {
    let mut findings = raw_keys(job).await?;
    let mut kek_refuses = false;
    let mut tried: Vec<String> = Vec::new();
    for target in targets {
        for place in &target.fields {
            let field = place.job();
            let (Some(envelope), Some(primary)) = (&field.to.envelope, field.to.keyset.primary()) else {
                continue;
            };
            if tried.contains(&field.to.name) {
                continue;
            }
            let keks = field.to.keyset.keys().iter();
            if !envelope.context.is_empty() {
                let loose = keks.filter(|key| key.kek().is_some_and(|kek| !kek.binds_context()));
                findings.extend(loose.map(|key| binds_nothing(&field.to.name, key)));
            }
            // The context is that of the first row; without a row there is nothing to wrap for.
            let rows = session.page(&target.shape, None, None, 1, 1 << 20).await?;
            let constant =
                Context { tenant: None, table: target.label(), field: &field.name, key: "", row: &|_| None };
            let context = match rows.first() {
                Some(row) => place.with_context(row, |context| envelope.context(primary, context)),
                None => envelope.context(primary, &constant),
            };
            let Ok(context) = context else { continue };
            tried.push(field.to.name.clone());
            match job.deks.proves(primary, envelope.dek_bytes, &context).await {
                Ok(true) => {}
                Ok(false) => findings.push(lost(
                    field.to.keyset.name(),
                    primary,
                    "returns a different DEK than it wrapped",
                )),
                // What refuses needs a hand; what is away or throttles may be there later.
                Err(RunError::Kek(trouble)) if trouble.is_refusal() => {
                    kek_refuses = true;
                    findings.push(refused_by(&trouble.into()));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(Escrow { findings, kek_refuses })
}

async fn raw_keys(job: &Job) -> Result<Vec<Finding>, RunError> {
    let Some(reread) = &job.reread else { return Ok(Vec::new()) };
    let again = reread().await?;
    let mut findings = Vec::new();
    for (keyset, again) in job.keysets.iter().map(|job| &job.keyset).zip(&again) {
        let Some(primary) = keyset.primary() else { continue };
        if again.by_id(primary.id()).is_none_or(|again| again.identity() != primary.identity()) {
            findings.push(lost(keyset.name(), primary, "has different bytes when it is read again"));
        }
    }
    Ok(findings)
}

fn binds_nothing(seal: &str, key: &Key) -> Finding {
    Finding::refusal(
        "kek-context",
        format!("seal `{seal}` has a context, but KEK `{}` does not bind a context", key.id()),
        "remove the context, or use a KEK that binds it",
    )
}

fn lost(keyset: &str, primary: &Key, what: &str) -> Finding {
    Finding::refusal(
        "escrow",
        format!("keyset `{keyset}`: primary `{}` {what}", primary.id()),
        "check where the key is stored; cells sealed under it could be lost",
    )
}
