//! Exit codes, and errors as people and programs read them.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use reseal_app::{Failure, FailureClass};
use serde_json::{Value, json};

use crate::output;

/// Done, with something to print and a code to exit with.
pub(crate) struct Done {
    pub(crate) code: u8,
    pub(crate) json: Value,
    pub(crate) text: String,
    /// Whether the text is lines of JSON that are proved byte for byte.
    pub(crate) is_json: bool,
}

impl Done {
    pub(crate) fn new(code: u8, json: Value, text: impl Into<String>) -> Self {
        Done { code, json, text: text.into(), is_json: false }
    }

    /// The same whose text is lines of JSON.
    pub(crate) fn json_lines(code: u8, json: Value, lines: String) -> Self {
        Done { code, json, text: lines, is_json: true }
    }
}

/// What a command comes to.
pub(crate) type Outcome = Result<Done, Failure>;

/// 0 done and clean.
pub(crate) const CLEAN: u8 = 0;
/// 1 finished, but cells remain.
pub(crate) const REMAIN: u8 = 1;
/// 2 usage or plan mistake.
pub(crate) const USAGE: u8 = 2;
/// 3 refused.
pub(crate) const REFUSED: u8 = 3;
/// 4 stopped, busy or waiting.
pub(crate) const STOPPED: u8 = 4;
/// 5 failed.
pub(crate) const FAILED: u8 = 5;

/// The exit code of a failure.
pub(crate) fn code(class: FailureClass) -> u8 {
    match class {
        FailureClass::Usage => USAGE,
        FailureClass::Refused => REFUSED,
        FailureClass::Stopped => STOPPED,
        FailureClass::Failed => FAILED,
    }
}

fn document(failure: &Failure) -> Value {
    json!({ "error": { "code": failure.code, "message": failure.message, "help": failure.help } })
}

/// Whether the program has said what it came to: a signal may come while it does.
static SAID: AtomicBool = AtomicBool::new(false);

/// Prints what a command came to, and gives the exit code.
pub(crate) fn end(json: bool, outcome: Outcome) -> ExitCode {
    let said = SAID.swap(true, Ordering::SeqCst);
    match outcome {
        Ok(done) if said => ExitCode::from(done.code),
        Err(failure) if said => ExitCode::from(code(failure.class)),
        Ok(done) => {
            match done.is_json && !json {
                true => output::json_lines(&done.text),
                false => output::result(json, &done.json, &done.text),
            }
            ExitCode::from(done.code)
        }
        Err(failure) => {
            if json {
                output::result(true, &document(&failure), "");
            } else {
                output::error(&failure.code, &failure.message, failure.help.as_deref());
            }
            ExitCode::from(code(failure.class))
        }
    }
}

/// Ends a command line that could not be read; `--help` and `--version` end here too.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let _ = error.print();
        return ExitCode::from(CLEAN);
    }
    let rendered = error.render().to_string();
    let text = without_identities(&rendered);
    if std::env::args_os().any(|arg| arg == "--json") {
        // Up to the usage line: what is wrong, and with which argument.
        let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let message = lines.join(" ").trim_start_matches("error: ").to_owned();
        return end(true, Err(Failure::usage("usage", message, "run `reseal --help`")));
    }
    if output::logs_json() {
        output::log_line("ERROR", text.trim(), None);
    } else if output::harmless(&text) == rendered {
        // In colour, which what the user wrote must not bring.
        let _ = error.print();
    } else {
        output::note(text.trim_end());
    }
    ExitCode::from(USAGE)
}

/// The text without an identity of age, which somebody wrote where the path of its file belongs, or nothing.
fn without_identities(text: &str) -> String {
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    let pieces = text.split_inclusive(ends).map(|piece| {
        let word = piece.trim_end_matches(ends);
        match word.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
            true => format!("***{}", &piece[word.len()..]),
            false => piece.to_owned(),
        }
    });
    pieces.collect()
}
