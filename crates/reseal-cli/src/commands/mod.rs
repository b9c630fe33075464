//! One file a command, or a family of them: it makes the request, and shows what came of it.

mod approve;
mod audit;
mod census;
mod check;
mod demo;
mod grants;
mod keys;
mod migrate;
mod notify;
mod quarantine;
mod rollback;
mod run;
mod runs;
mod schedule;
mod serve;

use clap::CommandFactory;
use reseal_app::rollback::DropUndoRequest;
use reseal_app::{Caller, Failure};
use serde_json::json;

use crate::args::{Cli, Command, ResumeArgs, UndoCommand};
use crate::exit::{CLEAN, Done, Outcome};

/// Carries out what was asked for.
pub(crate) async fn run(cli: &Cli, caller: &Caller) -> Outcome {
    match &cli.command {
        Command::Demo { directory } => demo::demo(caller, directory).await,
        Command::Check { plans, keys, connect } => check::check(plans, *keys, *connect).await,
        Command::Census { plan, open, scope } => census::census(caller, plan, *open, scope).await,
        Command::Verify { plan, scope } => census::verify(caller, plan, scope).await,
        Command::Inspect { plan, table, row } => census::inspect(plan, table, row).await,
        Command::Run(args) => run::run(caller, args).await,
        Command::Resume(args) => run::resume(caller, args).await,
        Command::Runs { plan } => runs::runs(plan).await,
        Command::Status { plan, run, wait } => runs::status(plan, run.as_deref(), *wait).await,
        Command::Pause(args) => runs::pause(caller, args).await,
        Command::Cancel(args) => runs::cancel(caller, args).await,
        Command::Quarantine { plan, retry: true, .. } => {
            let plan = plan.clone();
            run::resume(caller, &ResumeArgs { plan, ..ResumeArgs::default() }).await
        }
        Command::Quarantine { plan, run, retry: false } => quarantine::quarantine(plan, run.as_deref()).await,
        Command::Rollback(args) => rollback::rollback(caller, args).await,
        Command::Undo { command: UndoCommand::Drop { plan, confirm, run } } => {
            let (plan, confirm, run) = (plan.clone(), confirm.clone(), run.clone());
            rollback::drop_undo(caller, &DropUndoRequest { plan, confirm, run }).await
        }
        Command::Migrate(args) => migrate::migrate(caller, args).await,
        Command::Grants { plan, role } => grants::grants(plan, role.as_deref()).await,
        Command::Keys { command } => keys::keys(caller, command).await,
        Command::Approve(args) => approve::approve(caller, args).await,
        Command::Serve(args) => serve::serve(caller, args, cli.log_json).await,
        Command::Schedule { command } => schedule::schedule(caller, command).await,
        Command::Audit { command } => audit::audit(caller, command).await,
        Command::Notify { command } => notify::notify(command).await,
        Command::Completions { shell } => completions(*shell),
        Command::Man => man(),
    }
}

fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "reseal", &mut out);
    text(&out)
}

fn man() -> Outcome {
    let mut out = Vec::new();
    let page = clap_mangen::Man::new(Cli::command()).render(&mut out);
    page.map_err(|error| Failure::failed("man", error.to_string()))?;
    text(&out)
}

fn text(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Ok(Done::new(CLEAN, json!({ "text": text }), text))
}
