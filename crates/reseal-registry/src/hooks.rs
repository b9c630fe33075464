//! Steps of a plan become what the engine carries out; programs are started here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use reseal_core::Scrub;
use reseal_engine::{Deed, Hooks, Job, Ran, Resolver, RunError, Runner, Step, StepPlace, When};
use reseal_plan::{Plan, StepActionSpec, StepEnvSpec, StepSpec};
use reseal_store::Database;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::keys::{self, ReadKeyError, Reader};
use crate::unread::Unread;
use crate::{Overrides, build};

/// The end of a program's output is kept, up to this many bytes. The engine keeps less of it: a secret that is cut in
/// two here is gone by then.
const KEPT: usize = 64 * 1024;
/// How long a program that has ended may keep its output open, through a child that lives on.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// The steps of a plan.
pub(crate) fn hooks(plan: &Plan, overrides: &Overrides, database: &Database) -> Hooks {
    let steps = |steps: &[StepSpec]| steps.iter().map(|step| build_step(step, plan, database)).collect();
    let resolver = Rebuilt { plan: plan.clone(), overrides: overrides.clone(), database: database.clone() };
    Hooks {
        before: steps(&plan.hooks.before),
        canary: steps(&plan.hooks.canary),
        after: steps(&plan.hooks.after),
        on_resume: steps(&plan.hooks.on_resume),
        on_stop: steps(&plan.hooks.on_stop),
        on_failure: steps(&plan.hooks.on_failure),
        resolver: Some(Arc::new(resolver)),
    }
}

fn build_step(spec: &StepSpec, plan: &Plan, database: &Database) -> Step {
    let (label, deed) = match &spec.action {
        StepActionSpec::Sql(pieces) => {
            (format!("SQL statement in line {}", spec.line), Deed::Sql(pieces.clone()))
        }
        StepActionSpec::Command { words, env } => {
            let program = match words.first().map(Vec::as_slice) {
                Some([reseal_core::StepPiece::Text(program)]) => program.as_str(),
                _ => "",
            };
            let runner =
                Programs { env: env.clone(), folder: plan.folder.clone(), database: database.clone() };
            let deed = Deed::Command { words: words.clone(), runner: Arc::new(runner) };
            (format!("{program} in line {}", spec.line), deed)
        }
    };
    Step {
        label,
        digest: spec.digest.clone(),
        when: spec.when.map(|when| match when {
            reseal_plan::When::Failed => When::Failed,
            reseal_plan::When::RolledBack => When::RolledBack,
        }),
        scoped: spec.scoped,
        undoes: spec.undoes.iter().map(place).collect(),
        limit: spec.timeout,
        deed,
    }
}

fn place(place: &reseal_plan::StepPlace) -> StepPlace {
    StepPlace { phase: place.phase.to_owned(), number: place.at as i64 + 1 }
}

/// Builds the job again, once steps may have changed which keys there are.
struct Rebuilt {
    plan: Plan,
    overrides: Overrides,
    database: Database,
}

#[async_trait]
impl Resolver for Rebuilt {
    async fn job(&self) -> Result<Job, RunError> {
        let built = build(&self.plan, &self.overrides, &self.database).await;
        built.map(|(job, _)| job).map_err(|error| Unread::Keys(error).into())
    }

    async fn vars(&self) -> Result<BTreeMap<String, String>, RunError> {
        let mut vars = BTreeMap::new();
        let mut reader = Reader::with(&self.database);
        for var in &self.plan.vars {
            let what = format!("variable `{}`", var.name);
            let value = keys::word(&mut reader, &var.source, &what).await;
            let value = value.map_err(Unread::Var)?;
            vars.insert(var.name.clone(), value.trim().to_owned());
        }
        Ok(vars)
    }
}

/// Starts the program of one step.
struct Programs {
    env: Vec<StepEnvSpec>,
    folder: String,
    database: Database,
}

#[async_trait]
impl Runner for Programs {
    async fn run(&self, words: &[String], limit: Duration) -> Ran {
        let env = match self.environment().await {
            Ok(env) => env,
            Err(error) => return Ran::failed(error.message),
        };
        let scrub = Scrub::new(env.iter().map(|(_, value)| value.as_bytes()));
        let given = env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value.as_str())));
        let line = keys_command::CommandLine { words, folder: &self.folder };
        let mut started = match keys_command::start(line, given.collect(), Stdio::piped()) {
            Ok(started) => started,
            Err(error) => return Ran::failed(keys_command::not_started(&error).0),
        };
        let tail = Arc::new(Mutex::new(Zeroizing::new(Vec::new())));
        let stdout = started.child.stdout.take().map(|from| tokio::spawn(keep_tail(from, tail.clone())));
        let stderr = started.child.stderr.take().map(|from| tokio::spawn(keep_tail(from, tail.clone())));
        let ended = timeout(limit, started.child.wait()).await;
        let (ok, status) = match ended {
            Ok(Ok(status)) => {
                for reader in [stdout, stderr].into_iter().flatten() {
                    let _ = timeout(OUTPUT_GRACE, reader).await;
                }
                started.is_over();
                (status.success(), status.to_string())
            }
            Ok(Err(_)) => (false, "the program could not be waited for".to_owned()),
            // Here it is dropped, and killed with all that it started.
            Err(_) => {
                drop(started);
                (
                    false,
                    format!(
                        "timed out after {} s and was killed with its child processes",
                        limit.as_secs_f64()
                    ),
                )
            }
        };
        let output = tail.lock().map(|tail| scrub.without_secrets(&tail)).unwrap_or_default();
        Ran { ok, status, output }
    }
}

impl Programs {
    async fn environment(&self) -> Result<Vec<(String, Zeroizing<String>)>, ReadKeyError> {
        let mut env = Vec::new();
        let mut reader = Reader::with(&self.database);
        for spec in &self.env {
            match spec {
                StepEnvSpec::Pass(name) => {
                    if let Ok(value) = std::env::var(name) {
                        env.push((name.clone(), Zeroizing::new(value)));
                    }
                }
                StepEnvSpec::Set(name, source) => {
                    let what = format!("variable `{name}` of the step");
                    env.push((name.clone(), keys::word(&mut reader, source, &what).await?));
                }
            }
        }
        Ok(env)
    }
}

async fn keep_tail(mut from: impl AsyncRead + Unpin, tail: Arc<Mutex<Zeroizing<Vec<u8>>>>) {
    let mut buffer = Zeroizing::new(vec![0; 8192]);
    while let Ok(read) = from.read(&mut buffer).await {
        let Ok(mut tail) = tail.lock() else { return };
        if read == 0 {
            return;
        }
        tail.extend_from_slice(&buffer[..read]);
        let over = tail.len().saturating_sub(KEPT);
        tail.drain(..over);
    }
}
