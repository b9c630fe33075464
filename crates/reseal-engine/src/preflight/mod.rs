//! Preflight: everything that can be known before the first write is known before the first write.

mod discovery;
mod earlier_key;
mod escrow;
pub(crate) mod first_use;
mod guards;
pub(crate) mod identity;
mod left_out;
mod privileges;
mod repeats;
mod room;
mod sample;
mod sampled;
mod schema;
mod side_effects;
pub(crate) mod weak_keys;

pub use discovery::{Outside, outside};
pub use sampled::{SampledField, SampledLine, SampledTable};

use std::sync::Arc;

use reseal_store::{Database, Pin, ServerFacts, Session, StoreError, TableFacts, Trouble};

use crate::cell::condition::try_condition;
use crate::cell::layout::in_scope;
use crate::cell::target::Target;
use crate::error::{Advise, Class, RunError};
use crate::finding::{Finding, Severity};
use crate::job::options::Accepted;
use crate::job::scope::Scope;
use crate::job::{Application, Job};

/// What preflight gives a run.
pub(crate) struct Passed {
    pub(crate) targets: Vec<Arc<Target>>,
    pub(crate) findings: Vec<Finding>,
    samples: Vec<SampledTable>,
}

/// Who asks for preflight.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker<'a> {
    /// A run: cells that do not open are warned about, and listed when it comes to them.
    Run {
        /// What somebody accepts.
        accepted: &'a Accepted,
        /// Whether it is a dry run: nothing is written, so nothing need be writable.
        is_dry: bool,
    },
    /// `check --connect`: more than a few of those are a refusal, and rows are counted to be told.
    Check,
}

impl<'a> Asker<'a> {
    fn accepted_keys(self) -> &'a [String] {
        match self {
            Asker::Run { accepted, .. } => &accepted.keys,
            Asker::Check => &[],
        }
    }

    fn accepts_weak_keys(self) -> bool {
        matches!(self, Asker::Run { accepted, .. } if accepted.weak_keys)
    }

    /// Whether a run is to follow.
    fn writes(self) -> bool {
        !matches!(self, Asker::Run { is_dry: true, .. })
    }
}

/// A table that passed so far.
struct Described {
    target: Arc<Target>,
    facts: TableFacts,
}

/// Looks at server, schema and samples. Refusals are among the findings; the targets of refused tables are missing.
pub(crate) async fn look(
    session: &mut Session,
    job: &Arc<Job>,
    scope: &Scope,
    asker: Asker<'_>,
) -> Result<Passed, RunError> {
    let facts = session.server().await?;
    let packet = facts.max_packet;
    let mut findings = if asker.writes() { server(facts) } else { Vec::new() };
    let Pinned { finding: pins, fresh } = pinned(session, job, asker).await?;
    let mut tables: Vec<Described> = Vec::new();
    for at in in_scope(job, scope)? {
        if let Some(facts) = described(session, job, at, &tables, asker, &mut findings).await {
            tables.extend(laid_out(session, job, at, facts, scope, &mut findings).await?);
        }
    }
    findings.extend(weak_keys::check(job, &fresh, asker.accepts_weak_keys()));
    findings.extend(earlier_key::check(session, job, asker).await?);
    let targets: Vec<_> = tables.iter().map(|table| table.target.clone()).collect();
    let escrow = escrow::check(session, job, &targets).await?;
    // A KEK that refuses would refuse the sample too, and under another key than it was no cell opens.
    let may_open = pins.as_ref().is_none_or(|finding| finding.severity == Severity::Warning);
    let asks = !escrow.kek_refuses;
    findings.extend(pins.into_iter().chain(escrow.findings));
    let mut samples = Vec::new();
    for table in tables.iter().filter(|table| may_open && (asks || !table.target.enveloped)) {
        let sample = sample::check(session, &table.target, &table.facts, packet, asker).await?;
        findings.extend(sample.findings);
        samples.push(sample.table);
    }
    if refusal(&findings).is_none() {
        findings.extend(first_use::check(session, &targets, &fresh, asker.accepted_keys()).await?);
    }
    if asker.writes() {
        findings.extend(canary_in_log(session, job).await?);
        findings.extend(privileges::of_runs(session, &targets).await?);
    }
    findings.extend(discovery::look(session, job).await?);
    findings.extend(left_out::check(session, job, &targets).await?);
    findings.extend(shared_nonces(job));
    findings.extend(stamps(job));
    findings.extend(guards::check(job, &targets, session.capabilities()));
    if job.pace.max_lag.is_some() && session.replication().await?.is_none() {
        findings.push(Finding::refusal(
            "lag-unknown",
            "the plan sets `max_lag`, but the server does not report replication lag",
            "`max_lag` requires PostgreSQL, a connected replica and the role pg_monitor",
        ));
    }
    Ok(Passed { targets, findings, samples })
}

/// What the catalogue says of a table of the job; `None` where that is refused.
async fn described(
    session: &mut Session,
    job: &Job,
    at: usize,
    others: &[Described],
    asker: Asker<'_>,
    findings: &mut Vec<Finding>,
) -> Option<TableFacts> {
    let table = &job.tables[at];
    let facts = match session.describe(&table.name).await {
        Ok(facts) => facts,
        Err(error) => {
            let help = "check the table name, its schema and the database in the URL";
            findings.push(Finding::refusal("no-such-table", error.message, help));
            return None;
        }
    };
    if let Some(twin) = others.iter().find(|other| other.facts.name == facts.name) {
        findings.push(Finding::refusal(
            "same-table",
            format!("`{}` and `{}` are the same table", twin.target.label(), table.name),
            "move all its fields to one of the entries",
        ));
        return None;
    }
    let mut found = schema::check(job, table, &facts);
    if asker.writes() {
        found.extend(privileges::of_columns(table, &facts));
    }
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
    try_condition(session, &target).await?;
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
            format!(
                "{shared}: these cells are sealed with the same nonce and the same key, as the plan \
                     accepts"
            ),
            "two such cells reveal how their plaintexts differ; use a separate nonce for each cell if \
             possible",
        )
    })
}

/// What cells of old formats are stamped with and new ones have no place for.
fn stamps(job: &Job) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (table, field) in job.tables.iter().flat_map(|table| table.fields.iter().map(move |f| (table, f))) {
        for from in field.from.iter().filter(|from| from.format_name != field.to.format_name) {
            let Some(stamp) = from.format.format.stamp() else { continue };
            let (name, to) = (format!("{}.{}", table.name, field.name), &field.to.name);
            findings.push(Finding::warning(
                "drops-stamp",
                format!(
                    "{name}: cells of seal `{}` contain a {stamp}, but cells of seal `{to}` cannot store it",
                    from.name
                ),
                "if the application reads it, copy it to a separate column before the run",
            ));
        }
    }
    findings
}

/// A run sends no plaintext, unless its canary fails: what that encrypted goes back.
async fn canary_in_log(session: &mut Session, job: &Job) -> Result<Option<Finding>, StoreError> {
    if job.hooks.canary.is_empty() || !job.encrypts_plaintext() {
        return Ok(None);
    }
    let settings = session.logged_by().await?.join(", ");
    Ok((!settings.is_empty()).then(|| {
        Finding::refusal(
            "plaintext-in-log",
            format!("a failed canary would write plaintext back, which the server would log: {settings}"),
            "turn off these settings during the run, or remove `canary` from the plan",
        )
    }))
}

/// The keys, compared with what earlier runs have pinned.
struct Pinned {
    /// What is wrong with them, or why that is not known.
    finding: Option<Finding>,
    /// The pins of keys that no run has used yet.
    fresh: Vec<Pin>,
}

async fn pinned(session: &mut Session, job: &Job, asker: Asker<'_>) -> Result<Pinned, RunError> {
    match crate::job::pins::check(session, job).await {
        // Who may only read the application's tables may look all the same.
        Err(RunError::Store(error)) if !asker.writes() && error.trouble == Trouble::Permission => {
            let unread = Finding::warning(
                "privilege-missing",
                "cannot read the ledger, so the keys were not compared with those of earlier runs",
                "a run needs more privileges than a dry run; see `reseal grants PLAN`",
            );
            Ok(Pinned { finding: Some(unread), fresh: Vec::new() })
        }
        Ok(pins) => Ok(Pinned { finding: None, fresh: pins.fresh }),
        Err(error) if error.advice().class == Class::Refused => {
            Ok(Pinned { finding: Some(refused_by(&error)), fresh: Vec::new() })
        }
        Err(error) => Err(error),
    }
}

fn server(server: ServerFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(why) = server.unwritable {
        findings.push(Finding::refusal(
            "unwritable",
            format!("the database is not writable: {why}"),
            "connect to the primary server",
        ));
    }
    if let Some(why) = server.replication_problem {
        findings.push(Finding::refusal("replication", why, "see the server's manual on replication formats"));
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

/// What an application must bear: `one-key` makes rows unreadable to it for a while, and somebody must have accepted that.
pub(crate) fn application(job: &Job, is_accepted: bool) -> Result<(), RunError> {
    if job.application == Application::OneKey && !is_accepted && job.pace.is_open.is_none() {
        return Err(RunError::Outage);
    }
    Ok(())
}

/// What preflight alone came to.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What there is to say, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// What it saw of the tables whose cells it looked at.
    pub samples: Vec<SampledTable>,
}

/// Runs preflight alone, for `check --connect`. Writes nothing.
///
/// # Errors
/// When the database cannot be reached, or the scope names nothing.
pub async fn preflight(job: &Arc<Job>, database: &Database, scope: &Scope) -> Result<Checked, RunError> {
    let mut session = database.read_only().connect().await?;
    let Passed { findings, samples, .. } = look(&mut session, job, scope, Asker::Check).await?;
    Ok(Checked { findings, samples })
}
