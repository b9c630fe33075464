//! `reseal --help`: the commands by what one wants to do.

use std::fmt::Write as _;

use clap::builder::styling::Style;
use clap::{Command, CommandFactory};

use super::Cli;

/// The commands of each group, in the order in which they are shown.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Plan", &["check", "formats", "grants", "migrate"]),
    (
        "Rotate",
        &[
            "run",
            "status",
            "runs",
            "pause",
            "resume",
            "cancel",
            "verify",
            "census",
            "quarantine",
            "inspect",
            "rollback",
            "undo",
        ],
    ),
    ("Keys", &["keys", "approve"]),
    ("Unattended", &["serve", "schedule", "notify"]),
    ("Audit", &["audit"]),
    ("Reseal", &["demo", "tutorial", "explain", "completions", "man", "help"]),
];

/// What `reseal --help` says below its options.
const AFTER: &str = "\
Examples:
  reseal demo                                 Rotate a small SQLite database
  reseal tutorial                             Practise a rotation step by step
  reseal check plan.yaml --connect            Check a plan, its keys and its database
  reseal run plan.yaml --dry-run              Open and seal every cell, write nothing
  reseal run plan.yaml                        Rotate
  reseal rollback plan.yaml --confirm NAME    Restore the old cells

Exit codes:
  0  done and clean
  1  finished, but cells remain in quarantine or under the wrong key
  2  the command line or the plan is wrong
  3  refused: fix the named problem first
  4  stopped, busy or waiting: retry, or resume the run
  5  failed

Environment variables:
  RESEAL_DATABASE_URL  Control database (default: an SQLite file in the state directory)
  RESEAL_AUDIT_KEY     Key file that signs the audit trail
  RUST_LOG             Log level: error, warn (default), info, debug or trace

Without PLAN, a command uses the only plan in the current directory.";

/// The command line, with its commands in groups.
pub(crate) fn command() -> Command {
    let command =
        Cli::command().after_long_help(AFTER).after_help("Use `--help` for examples and exit codes.");
    let header = *command.get_styles().get_header();
    let literal = *command.get_styles().get_literal();
    let groups = listed(&command, header, literal);
    command.help_template(format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{groups}\n{header}Options:{header:#}\n{{options}}{{after-help}}"
    ))
}

/// Each group with its commands and what they do.
fn listed(command: &Command, header: Style, literal: Style) -> String {
    let mut text = String::new();
    for (group, names) in GROUPS {
        let _ = writeln!(text, "\n{header}{group}:{header:#}");
        for name in names {
            // Clap adds `help` itself, and only when it parses.
            let about = match command.find_subcommand(name) {
                Some(found) => found.get_about().map(ToString::to_string).unwrap_or_default(),
                None => "Print help for a command".to_owned(),
            };
            let _ = writeln!(text, "  {literal}{name:<12}{literal:#}{about}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_in_one_group() {
        let command = Cli::command();
        let mut known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        known.push("help");
        let mut grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        known.sort_unstable();
        grouped.sort_unstable();
        assert_eq!(grouped, known);
    }

    /// Every command below one, and itself.
    fn all(command: &Command, into: &mut Vec<Command>) {
        into.push(command.clone());
        command.get_subcommands().for_each(|found| all(found, into));
    }

    #[test]
    fn help_fits_eighty_columns() {
        let mut commands = Vec::new();
        all(&command(), &mut commands);
        for command in commands {
            let help = command.clone().term_width(80).render_long_help().to_string();
            let wide: Vec<&str> = help.lines().filter(|line| line.chars().count() > 80).collect();
            assert!(wide.is_empty(), "{}: {wide:#?}", command.get_name());
        }
    }

    #[test]
    fn a_command_says_what_it_does_in_a_few_words() {
        fn check(command: &Command) {
            for found in command.get_subcommands() {
                let about = found.get_about().map(ToString::to_string).unwrap_or_default();
                let words = about.split_whitespace().count();
                assert!((2..=11).contains(&words), "{}: {about}", found.get_name());
                assert!(!about.ends_with('.'), "{about}");
                check(found);
            }
        }
        check(&Cli::command());
    }
}
