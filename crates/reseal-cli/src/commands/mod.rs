//! One file a command, or a family of them.

mod approve;
mod audit;
mod catalogue;
mod census;
mod check;
mod copies;
mod demo;
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
use serde_json::json;

use crate::args::{ApproveCommand, Cli, Command, KeysCommand, NotifyCommand, UndoCommand};
use crate::exit::{CLEAN, Done, Outcome};
use reseal_app::Failure;

/// Carries out what was asked for.
pub(crate) async fn run(cli: &Cli) -> Outcome {
    match &cli.command {
        Command::Demo { directory } => demo::demo(directory).await,
        Command::Check { plans, keys, connect } => check::check(plans, *keys, *connect).await,
        Command::Census { plan, open, scope } => census::census(plan, *open, &scope.scope()).await,
        Command::Verify { plan, scope } => census::verify(plan, &scope.scope()).await,
        Command::Inspect { plan, table, row } => census::inspect(plan, table, row).await,
        Command::Run(args) => run::run(args).await,
        Command::Resume { plan, accept_outage } => run::resume(plan, *accept_outage).await,
        Command::Runs { plan } => runs::runs(plan).await,
        Command::Status { plan, run, wait } => runs::status(plan, run.as_deref(), *wait).await,
        Command::Pause(args) => runs::pause(args).await,
        Command::Cancel(args) => runs::cancel(args).await,
        Command::Quarantine { plan, run, retry } => {
            quarantine::quarantine(plan, run.as_deref(), *retry).await
        }
        Command::Rollback { plan, run, confirm, to_key } => {
            rollback::rollback(plan, run.as_deref(), confirm.as_deref(), to_key.clone()).await
        }
        Command::Undo { command: UndoCommand::Drop { plan, run } } => {
            rollback::drop_undo(plan, run.as_deref()).await
        }
        Command::Migrate { database, control, print } => {
            migrate::migrate(database.as_deref(), *control, *print).await
        }
        Command::Keys { command } => key(command).await,
        Command::Approve { command: Some(ApproveCommand::Keygen { name, file }), .. } => {
            approve::keygen(name, file)
        }
        Command::Approve { command: Some(ApproveCommand::List { plan }), .. } => approve::list(plan).await,
        Command::Approve { command: None, request: Some(request), key: Some(key), plan } => {
            approve::approve(request, key, plan.as_deref()).await
        }
        Command::Approve { .. } => Err(Failure::usage(
            "usage",
            "say which request, and with which key",
            "reseal approve REQUEST --key FILE",
        )),
        Command::Serve(args) => serve::serve(args).await,
        Command::Schedule { command } => schedule::schedule(command).await,
        Command::Audit { command } => audit::audit(command).await,
        Command::Notify { command } => match command {
            NotifyCommand::Test { plan } => notify::test(plan).await,
            NotifyCommand::Send { plan, early, dead } => notify::send(plan, *early, *dead).await,
            NotifyCommand::List { plan } => notify::list(plan).await,
        },
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "reseal", &mut out);
            text(&out)
        }
        Command::Man => {
            let mut out = Vec::new();
            let page = clap_mangen::Man::new(Cli::command()).render(&mut out);
            page.map_err(|error| Failure::failed("man", error.to_string()))?;
            text(&out)
        }
    }
}

/// The commands of `reseal keys`.
async fn key(command: &KeysCommand) -> Outcome {
    match command {
        KeysCommand::Generate(args) => keys::generate(args).await,
        KeysCommand::Backup { plan, keys, to, job, file } => {
            copies::backup(plan, keys, (to, job.as_deref()), file).await
        }
        KeysCommand::Archive { key, to, file } => copies::archive(&key.plan, &key.named(), to, file).await,
        KeysCommand::RestoreTest { plan, file, identity, job, rows } => {
            let named = copies::Backup::of(file.as_deref(), identity.as_deref(), job.as_deref());
            copies::restore_test(plan, &named, *rows as usize).await
        }
        KeysCommand::List { plan, due, read } => catalogue::list(plan, *due, *read).await,
        KeysCommand::Activate { key, since } => {
            catalogue::activate(&key.plan, &key.named(), since.as_deref(), key.reason.as_deref()).await
        }
        KeysCommand::Retire { key } => {
            catalogue::retire(&key.plan, &key.named(), key.reason.as_deref()).await
        }
        KeysCommand::Destroy { key, confirm } => {
            catalogue::destroy(&key.plan, &key.named(), confirm.as_deref(), key.reason.as_deref()).await
        }
    }
}

fn text(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Ok(Done::new(CLEAN, json!({ "text": text }), text))
}
