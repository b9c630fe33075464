//! `serve`: the daemon.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reseal_control::ControlDatabase;
use reseal_core::audit::{Event, EventKind};
use reseal_engine::Stopper;
use reseal_plan::ScheduleSpec;
use reseal_serve::{Clock, Listen, PlanFiles, Plans, Served, Setup};
use tokio::task::JoinSet;

use crate::caller::Caller;
use crate::notices::{self, Posted};
use crate::{Failure, open, plan_file, trail};

/// What is served.
#[derive(Clone, Debug)]
pub struct ServeRequest {
    /// The plans; they are read at the start, and again when SIGHUP asks for it.
    pub plans: Vec<PathBuf>,
    /// Where metrics and the status page are shown, if anywhere.
    pub listen: Option<SocketAddr>,
    /// The names by which that may be asked, beside addresses and `localhost`.
    pub listen_names: Vec<String>,
    /// The clock.
    pub clock: Clock,
    /// Arguments for every command that it starts.
    pub arguments: Vec<String>,
}

/// Serves plans until it is stopped.
///
/// # Errors
/// When a plan cannot be read or carried out, or a database or the address cannot be had.
pub async fn serve(caller: &Caller, request: &ServeRequest) -> Result<(), Failure> {
    let plans = all_served(&request.plans)?;
    let program = std::env::current_exe().map_err(|error| {
        Failure::failed("program", format!("cannot find the path of the running program: {}", error.kind()))
    })?;
    let plans = Plans::new(plans);
    let all = plans.all();
    let names: Vec<&str> = all.iter().map(|served| served.plan.name.as_str()).collect();
    let names = names.join(", ");
    let clock = request.clock;
    let listening = |address| Listen { address, names: request.listen_names.clone() };
    let listen = request.listen.map(listening);
    let (control, _) = notices::outbox().await?;
    let mut notifying = notify(&plans, &control, clock).await?;
    let setup = Setup {
        plans,
        files: Arc::new(Files),
        control,
        clock,
        program,
        arguments: request.arguments.clone(),
        notices: Arc::new(Posted { clock }),
        listen,
    };
    let stop = Stopper::default();
    caller.frontend.stop_with(&stop);
    let about = |event: Event| event.with("plans", names.as_str());
    trail::note(&caller.operator, EventKind::ServiceStarted, about).await;
    for served in &all {
        trail::plan_seen(&caller.operator, &served.plan).await;
    }
    notifying.spawn(trail::keep_signing(setup.control.clone(), clock));
    let ended = reseal_serve::serve(setup, &stop).await;
    // A letter that is just being sent is tried again by whoever comes next, under the same id.
    notifying.shutdown().await;
    trail::note(&caller.operator, EventKind::ServiceStopped, about).await;
    Ok(ended?)
}

/// Begins to notify people of what happens to plans.
async fn notify(plans: &Plans, control: &ControlDatabase, clock: Clock) -> Result<JoinSet<()>, Failure> {
    let mut notifying = JoinSet::new();
    for (place, served) in plans.all().iter().enumerate() {
        // A database that cannot be had keeps the daemon from starting; later it is tried again.
        if served.plan.notify.is_some() {
            open::database(&served.plan).await?;
        }
        notifying.spawn(notices::keep_notifying(plans.clone(), place, control.clone(), clock));
    }
    notifying.spawn(notices::keep_pruning(control.clone(), clock));
    Ok(notifying)
}

fn all_served(paths: &[PathBuf]) -> Result<Vec<Served>, Failure> {
    let mut plans: Vec<Served> = Vec::new();
    for path in paths {
        let served = served(path)?;
        if plans.iter().any(|other| other.plan.name == served.plan.name) {
            let message = format!("two plans have the same name: {}", served.plan.name);
            return Err(Failure::usage("two-plans-of-one-name", message, "give each plan its own name"));
        }
        plans.push(served);
    }
    Ok(plans)
}

/// The files of plans, which are read again while they are served.
struct Files;

impl PlanFiles for Files {
    fn text(&self, path: &Path) -> Result<String, String> {
        plan_file::read(path).map(|plan| plan.text).map_err(|failure| failure.message)
    }

    fn read(&self, path: &Path) -> Result<Served, String> {
        served(path).map_err(|failure| failure.message)
    }
}

fn served(path: &Path) -> Result<Served, Failure> {
    let text = plan_file::read(path)?;
    let plan = open::supported_text(path, &text)?;
    let Some(schedule) = plan.schedule.clone() else {
        let message = format!("plan {} has no schedule, so there is nothing to run", plan.name);
        return Err(Failure::usage("no-schedule", message, "add `schedule:` to the plan"));
    };
    can_do(&schedule, reseal_custody::HAS_AGE)?;
    let on = schedule.is_on(|name| std::env::var(name).ok());
    let (path, is_file) = (text.resolved(), text.is_file());
    Ok(Served { path, text: text.text, is_file, plan, schedule, on })
}

/// What a build without age cannot do is refused now, and not when it is due.
fn can_do(schedule: &ScheduleSpec, has_age: bool) -> Result<(), Failure> {
    let Some(job) = schedule.jobs.iter().find(|job| job.action.needs_age() && !has_age) else {
        return Ok(());
    };
    let message =
        format!("job {} runs `{}`, and this build does not support age", job.name, job.action.name());
    let help = "build Reseal with age: `cargo build --release --features age`";
    Err(Failure::refused("without-age", message, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Watches that a build which cannot back keys up says so when it starts.
    #[test]
    fn a_build_without_age_refuses_what_it_cannot_do() {
        let refused = |job: &str, has_age: bool| {
            let plan = include_str!("../../../rotation-plans/fernet.yaml");
            let text = format!("{plan}\nschedule: {{ zone: UTC, job: {{ every: 90d, do: {job} }} }}\n");
            let plan = reseal_plan::parse(
                reseal_plan::PlanFile::named("plan.yaml"),
                &text,
                &reseal_registry::vocabulary(),
            )
            .unwrap();
            can_do(&plan.schedule.unwrap(), has_age).err().map(|failure| (failure.class, failure.code))
        };
        let to = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
        let backup = format!("{{ keys-backup: {{ to: [{to}], file: \"k-{{slot}}.age\" }} }}");
        let test = "{ restore-test: { file: k.age, identity: { env: X } } }";
        let refusal = Some((crate::FailureClass::Refused, "without-age".to_owned()));
        assert_eq!([refused(&backup, false), refused(test, false)], [refusal.clone(), refusal]);
        assert_eq!(
            [refused(&backup, true), refused(test, true), refused("census", false)],
            [None, None, None]
        );
    }
}
