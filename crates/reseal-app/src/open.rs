//! From a plan's path to a job and a database.

use std::path::Path;
use std::sync::Arc;

use reseal_engine::{Job, Scope};
use reseal_plan::Plan;
use reseal_registry::Overrides;
use reseal_store::{Database, RunRow, Session};

use crate::plan_file::{self, PlanText};
use crate::{Failure, FailureClass};

/// Reads and checks a plan.
pub(crate) fn plan(path: &Path) -> Result<Plan, Failure> {
    parsed(path, &plan_file::read(path)?)
}

fn parsed(path: &Path, text: &PlanText) -> Result<Plan, Failure> {
    text.parse()?.map_err(|problems| Failure {
        class: FailureClass::Usage,
        code: "plan".into(),
        message: problems.to_string(),
        help: Some(format!("check the plan alone with `reseal check {}`", path.display())),
        approval: false,
    })
}

/// A checked plan with its keys and its database.
pub(crate) struct Opened {
    pub(crate) plan: Plan,
    pub(crate) job: Arc<Job>,
    pub(crate) database: Database,
}

/// Reads a plan that asks for nothing that this version does not do.
pub(crate) fn supported(path: &Path) -> Result<Plan, Failure> {
    supported_text(path, &plan_file::read(path)?)
}

/// The same for a text that was read already.
pub(crate) fn supported_text(path: &Path, text: &PlanText) -> Result<Plan, Failure> {
    let plan = parsed(path, text)?;
    if let Some(problem) = plan.unsupported().iter().chain(plan.missing()).next() {
        let place = format!("{}:{}:{}", problem.file, problem.line, problem.column);
        return Err(Failure::refused(
            problem.code,
            format!("{place}: {}", problem.message),
            problem.help.clone().unwrap_or_else(|| "run `reseal check` for details".into()),
        ));
    }
    Ok(plan)
}

/// Reads plan and keys, and finds the database.
pub(crate) async fn job(path: &Path, overrides: &Overrides) -> Result<Opened, Failure> {
    let plan = supported(path)?;
    let database = database(&plan).await?;
    let (job, warnings) = reseal_registry::build(&plan, overrides, &database).await?;
    Ok(opened(plan, database, job, warnings))
}

/// The same for a command that looks at cells and moves none: a key in a role may be away.
pub(crate) async fn job_to_look(path: &Path) -> Result<Opened, Failure> {
    job_to_look_under(path, None).await
}

/// The same with another primary than the plan's.
pub(crate) async fn job_to_look_under(path: &Path, primary: Option<&str>) -> Result<Opened, Failure> {
    let plan = supported(path)?;
    let database = database(&plan).await?;
    let overrides = Overrides { primary: primary.map(str::to_owned), ..Overrides::default() };
    let (job, warnings) = reseal_registry::build_to_look(&plan, &overrides, &database).await?;
    Ok(opened(plan, database, job, warnings))
}

/// The same for a run, whose first steps may bring the keys.
pub(crate) async fn job_for_run(path: &Path, overrides: &Overrides) -> Result<Opened, Failure> {
    let plan = supported(path)?;
    let database = database(&plan).await?;
    let (job, warnings) = reseal_registry::build_for_run(&plan, overrides, &database).await?;
    Ok(opened(plan, database, job, warnings))
}

fn opened(plan: Plan, database: Database, job: Job, warnings: Vec<String>) -> Opened {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Opened { plan, job: Arc::new(job), database }
}

/// The plan's database; no key is read.
pub(crate) async fn database(plan: &Plan) -> Result<Database, Failure> {
    let url = reseal_registry::database(plan).await?;
    let database = Database::parse(&url)?;
    if !database.is_named() {
        let help = "add the database's name to the URL, as in postgres://USER@HOST:PORT/DATABASE";
        return Err(Failure::refused(
            "database-url",
            "the database URL names a server and no database",
            help,
        ));
    }
    Ok(database.allowing_plaintext(plan.allows_plaintext))
}

/// A run, with its plan and a session of its database.
pub(crate) struct FoundRun {
    pub(crate) plan: Plan,
    pub(crate) session: Session,
    pub(crate) run: RunRow,
}

/// Connects to the plan's database and finds a run: the one that is named, or the plan's latest.
pub(crate) async fn latest(path: &Path, run: Option<&str>) -> Result<FoundRun, Failure> {
    let plan = plan(path)?;
    let mut session = database(&plan).await?.connect().await?;
    let shown = path.display();
    let none = || {
        let message = match run {
            Some(run) => format!("plan {} has no run {run}", plan.name),
            None => format!("plan {} has no runs yet", plan.name),
        };
        Failure::usage(
            "no-run",
            message,
            format!("list runs with `reseal runs {shown}`, or start one with `reseal run {shown}`"),
        )
    };
    if session.version().await?.is_none() {
        return Err(none());
    }
    let found = match run {
        Some(id) => session.run_by_id(id).await?.filter(|row| row.plan == plan.name),
        None => session.runs(Some(&plan.name), 1).await?.pop(),
    };
    let run = found.ok_or_else(none)?;
    Ok(FoundRun { plan, session, run })
}

/// The name of a table in the database, for one that the plan calls by a name of its own.
pub(crate) fn table(plan: &Plan, name: &str) -> String {
    let Some(table) = plan.tables.iter().find(|table| table.label == name) else { return name.to_owned() };
    match &table.schema {
        Some(schema) => format!("{schema}.{}", table.name),
        None => table.name.clone(),
    }
}

/// A scope with its tables as the database calls them.
pub(crate) fn scoped(plan: &Plan, scope: &Scope) -> Scope {
    let mut tables: Vec<String> = scope.tables.iter().map(|name| table(plan, name)).collect();
    tables.sort();
    tables.dedup();
    Scope { tables, ..scope.clone() }
}
