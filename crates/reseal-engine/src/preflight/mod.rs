//! Preflight: everything that can be known before the first write is known before the first write.

mod discovery;
mod escrow;
mod guards;
pub(crate) mod identity;
mod left_out;
mod privileges;
mod room;
mod sample;
mod schema;
mod side_effects;

pub use discovery::{Outside, outside};

use std::sync::Arc;

use reseal_store::{Database, ServerFacts, Session, TableFacts};

use crate::cell::layout::in_scope;
use crate::cell::target::Target;
use crate::error::{Advise, Class, RunError};
use crate::finding::{Finding, Severity};
use crate::job::scope::Scope;
use crate::job::{Application, Job};

/// What preflight gives a run.
pub(crate) struct Passed {
    pub(crate) targets: Vec<Arc<Target>>,
    pub(crate) findings: Vec<Finding>,
}

/// A table that passed so far.
struct Described {
    target: Arc<Target>,
    facts: TableFacts,
}

/// Looks at server, schema and samples. Refusals are among the findings; the targets of refused tables are missing.
pub(crate) async fn look(session: &mut Session, job: &Arc<Job>, scope: &Scope) -> Result<Passed, RunError> {
    let facts = session.server().await?;
    let packet = facts.max_packet;
    let mut findings = server(session, job, facts);
    let pins = pinned(session, job).await?;
    let mut tables: Vec<Described> = Vec::new();
    for at in in_scope(job, scope)? {
        if let Some(facts) = described(session, job, at, &tables, &mut findings).await {
            tables.extend(laid_out(session, job, at, facts, scope, &mut findings).await?);
        }
    }
    let targets: Vec<_> = tables.iter().map(|table| table.target.clone()).collect();
    let escrow = escrow::check(session, job, &targets).await?;
    // A KEK that refuses would refuse the sample too, and under another key than it was no cell opens.
    let may_open = pins.is_none();
    let asks = !escrow.kek_refuses;
    findings.extend(pins.into_iter().chain(escrow.findings));
    for table in tables.iter().filter(|table| may_open && (asks || !table.target.enveloped)) {
        findings.extend(sample::check(session, &table.target, &table.facts, packet).await?);
    }
    findings.extend(discovery::look(session, job).await?);
    findings.extend(left_out::check(session, job, &targets).await?);
    findings.extend(shared_nonces(job));
    findings.extend(guards::check(job, &targets, session.capabilities()));
    if job.pace.max_lag.is_some() && session.replication().await?.is_none() {
        findings.push(Finding::refusal(
            "lag-unknown",
            "the plan bounds how far replicas may lag behind, and the server does not tell",
            "`max_lag` needs PostgreSQL, a replica that is connected, and the role pg_monitor",
        ));
    }
    Ok(Passed { targets, findings })
}

/// What the catalogue says of a table of the job; `None` where that is refused.
async fn described(
    session: &mut Session,
    job: &Job,
    at: usize,
    others: &[Described],
    findings: &mut Vec<Finding>,
) -> Option<TableFacts> {
    let table = &job.tables[at];
    let facts = match session.describe(&table.name).await {
        Ok(facts) => facts,
        Err(error) => {
            let help = "check the name, its schema, and which database the URL names";
            findings.push(Finding::refusal("no-such-table", error.message, help));
            return None;
        }
    };
    if let Some(twin) = others.iter().find(|other| other.facts.name == facts.name) {
        findings.push(Finding::refusal(
            "same-table",
            format!("{} and {} are one table", twin.target.label(), table.name),
            "bring its fields together under one of the names",
        ));
        return None;
    }
    let found = schema::check(job, table, &facts);
    let refused = found.iter().any(|finding| finding.severity == Severity::Refusal);
    findings.extend(found);
    (!refused).then_some(facts)
}

/// A table with its target; `None` where its columns may not be read.
async fn laid_out(
    session: &mut Session,
    job: &Arc<Job>,
    at: usize,
    facts: TableFacts,
    scope: &Scope,
    findings: &mut Vec<Finding>,
) -> Result<Option<Described>, RunError> {
    let target = Arc::new(Target::new(job, at, &facts, scope)?);
    let refusal = privileges::check(session, &target).await?;
    let described = refusal.is_none().then_some(Described { target, facts });
    findings.extend(refusal);
    Ok(described)
}

/// The nonces that are to repeat under a fresh key, as the plan accepts.
fn shared_nonces(job: &Job) -> impl Iterator<Item = Finding> {
    job.shared_nonces().into_iter().map(|shared| {
        Finding::warning(
            "shared-nonce",
            format!("{shared}: all of them are sealed under one nonce and one key, which the plan accepts"),
            "whoever sees two such cells can tell how their plaintexts differ; give each a nonce of its own where you can",
        )
    })
}

/// What is wrong with the keys by what earlier runs have pinned.
async fn pinned(session: &mut Session, job: &Job) -> Result<Option<Finding>, RunError> {
    if session.version().await?.is_none() {
        return Ok(None);
    }
    match crate::job::pins::check(session, job).await {
        Ok(_) => Ok(None),
        Err(error) if error.advice().class == Class::Refused => Ok(Some(refused_by(&error))),
        Err(error) => Err(error),
    }
}

fn server(session: &Session, job: &Job, server: ServerFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(why) = server.unwritable {
        findings.push(Finding::refusal(
            "unwritable",
            format!("the database takes no writes: {why}"),
            "connect to the primary server",
        ));
    }
    if let Some(why) = server.replication_problem {
        findings.push(Finding::refusal("replication", why, "see the server's manual on replication formats"));
    }
    let seals = job.tables.iter().flat_map(|table| &table.fields).flat_map(|field| &field.from);
    let encrypts_plaintext = seals.into_iter().any(|seal| seal.format.plaintext);
    // PostgreSQL compares versions, and old plaintext is never sent back to it.
    let sends_plaintext = session.capabilities().sends_old_values;
    if let Some(setting) = server.logs_parameters.filter(|_| sends_plaintext) {
        findings.push(match encrypts_plaintext {
            true => Finding::refusal(
                "parameters-logged",
                format!("the server writes bound parameters, and so plaintext, to its log: {setting}"),
                "turn it off while cells are encrypted for the first time",
            ),
            false => Finding::warning(
                "parameters-logged",
                format!("the server writes bound parameters to its log: {setting}"),
                "a cell that was never sealed would be in it, where another of its row is rotated; turn it off meanwhile",
            ),
        });
    }
    findings
}

/// What an error says, as a finding.
fn refused_by(error: &RunError) -> Finding {
    let advice = error.advice();
    Finding::refusal(advice.code, error.to_string(), advice.help.unwrap_or_default())
}

/// The refusals among findings, as one error; `None` where there is none.
pub(crate) fn refusal(findings: &[Finding]) -> Option<RunError> {
    let refusals = findings.iter().filter(|finding| finding.severity == Severity::Refusal);
    let refusals: Vec<Finding> = refusals.cloned().collect();
    (!refusals.is_empty()).then_some(RunError::Preflight(refusals))
}

/// What an application must bear: `one-key` makes rows unreadable to it for a while.
pub(crate) fn application(job: &Job, accept_outage: bool) -> Result<(), RunError> {
    if job.application == Application::OneKey && !accept_outage && job.pace.is_open.is_none() {
        return Err(RunError::Outage);
    }
    Ok(())
}

/// Runs preflight alone, for `check --connect`. Writes nothing.
///
/// # Errors
/// When the database cannot be reached, or the scope names nothing.
pub async fn preflight(job: &Arc<Job>, database: &Database, scope: &Scope) -> Result<Vec<Finding>, RunError> {
    let mut session = database.connect().await?;
    Ok(look(&mut session, job, scope).await?.findings)
}
