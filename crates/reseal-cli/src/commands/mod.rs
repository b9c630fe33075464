//! One file a command, or a family of them: it makes the request, and shows what came of it.

mod approve;
mod audit;
mod census;
mod check;
mod demo;
mod explain;
mod formats;
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
mod tutorial;

use reseal_app::rollback::DropUndoRequest;
use reseal_app::{Caller, Failure};
use serde_json::json;

use crate::args::{Cli, Command, ResumeArgs, UndoCommand, command};
use crate::exit::{CLEAN, Done, Outcome};

/// Carries out what was asked for.
pub(crate) async fn run(cli: &Cli, caller: &Caller) -> Outcome {
    match &cli.command {
        Command::Demo { directory } => demo::demo(caller, directory).await,
        Command::Tutorial(args) => tutorial::tutorial(args).await,
        Command::Check { plans, keys, connect } => check::check(plans.paths()?, *keys, *connect).await,
        Command::Census { plan, open, scope } => census::census(caller, &plan.path()?, *open, scope).await,
        Command::Verify { plan, primary, scope } => {
            census::verify(caller, &plan.path()?, primary.as_deref(), scope).await
        }
        Command::Inspect { plan, table, row } => census::inspect(&plan.path()?, table, row).await,
        Command::Run(args) => run::run(caller, args).await,
        Command::Resume(args) => run::resume(caller, args).await,
        Command::Runs { plan } => runs::runs(&plan.path()?).await,
        Command::Status { plan, run, wait } => runs::status(&plan.path()?, run.as_deref(), *wait).await,
        Command::Pause(args) => runs::pause(caller, args).await,
        Command::Cancel(args) => runs::cancel(caller, args).await,
        Command::Quarantine { plan, retry: true, .. } => {
            run::resume(caller, &ResumeArgs { plan: plan.clone(), ..ResumeArgs::default() }).await
        }
        Command::Quarantine { plan, run, retry: false } => {
            quarantine::quarantine(&plan.path()?, run.as_deref()).await
        }
        Command::Rollback(args) => rollback::rollback(caller, args).await,
        Command::Undo { command: UndoCommand::Drop { plan, confirm, run } } => {
            let (plan, confirm, run) = (plan.path()?, confirm.clone(), run.clone());
            rollback::drop_undo(caller, &DropUndoRequest { plan, confirm, run }).await
        }
        Command::Migrate(args) => migrate::migrate(caller, args).await,
        Command::Grants { plan, role } => grants::grants(&plan.path()?, role.as_deref()).await,
        Command::Keys { command } => keys::keys(caller, command).await,
        Command::Approve(args) => approve::approve(caller, args).await,
        Command::Serve(args) => serve::serve(caller, args, cli.log_json).await,
        Command::Schedule { command } => schedule::schedule(caller, command).await,
        Command::Audit { command } => audit::audit(caller, command).await,
        Command::Notify { command } => notify::notify(command).await,
        Command::Formats { command } => formats::formats(command.as_ref()),
        Command::Explain { code } => explain::explain(code),
        Command::Completions { shell } => completions(*shell),
        Command::Man { list: true, .. } => manual_pages(),
        Command::Man { command, list: false } => man(command),
    }
}

fn completions(shell: clap_complete::Shell) -> Outcome {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut visible(&command()), "reseal", &mut out);
    text(&out)
}

/// A command without the options that are hidden: completions would offer them.
fn visible(command: &clap::Command) -> clap::Command {
    let args = command.get_arguments().filter(|arg| !arg.is_hide_set()).cloned();
    let subcommands = command.get_subcommands().map(visible);
    let about = command.get_about().cloned().unwrap_or_default();
    // Names live as long as the program, which ends behind this.
    let name: &'static str = String::leak(command.get_name().to_owned());
    clap::Command::new(name).about(about).args(args).subcommands(subcommands)
}

/// The names of all manual pages.
fn manual_pages() -> Outcome {
    fn names(command: &clap::Command, name: &str, pages: &mut Vec<String>) {
        pages.push(name.to_owned());
        for found in command.get_subcommands() {
            names(found, &format!("{name} {}", found.get_name()), pages);
        }
    }
    let mut pages = Vec::new();
    names(&command(), "reseal", &mut pages);
    Ok(Done::new(CLEAN, json!({ "pages": pages }), pages.join("\n")))
}

/// The manual page of a command, named by its words.
fn man(words: &[String]) -> Outcome {
    let mut page = command();
    page.build();
    for word in words {
        let unknown = || {
            let help = "run `reseal --help` for a list of commands".to_owned();
            Failure::usage("usage", format!("`{}` is not a command of reseal", words.join(" ")), help)
        };
        page = page.find_subcommand(word).cloned().ok_or_else(unknown)?;
    }
    let mut out = Vec::new();
    let rendered = clap_mangen::Man::new(page).render(&mut out);
    rendered.map_err(|error| Failure::failed("man", error.to_string()))?;
    text(&out)
}

fn text(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes).into_owned();
    Ok(Done::new(CLEAN, json!({ "text": text }), text))
}
