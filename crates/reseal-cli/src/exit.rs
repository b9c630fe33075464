//! Exit codes, and errors as people and programs read them.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use reseal_engine::{Class, EngineError};
use reseal_registry::{BuildError, ReadKeyError};
use reseal_serve::ServeError;
use reseal_store::StoreError;
use serde_json::{Value, json};

use crate::output;

/// Done, with something to print and a code to exit with.
pub(crate) struct Done {
    pub(crate) code: u8,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Done {
    pub(crate) fn new(code: u8, json: Value, text: impl Into<String>) -> Self {
        Done { code, json, text: text.into() }
    }
}

/// Not done.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: u8,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
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

impl Failure {
    pub(crate) fn usage(code: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Failure { exit: USAGE, code: code.into(), message: message.into(), help: Some(help.into()) }
    }

    pub(crate) fn refused(code: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Failure { exit: REFUSED, code: code.into(), message: message.into(), help: Some(help.into()) }
    }

    pub(crate) fn failed(code: &str, message: impl Into<String>) -> Self {
        Failure { exit: FAILED, code: code.into(), message: message.into(), help: None }
    }

    fn json(&self) -> Value {
        json!({ "error": { "code": self.code, "message": self.message, "help": self.help } })
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let exit = match error.class {
            Class::Usage => USAGE,
            Class::Refused => REFUSED,
            Class::Stopped => STOPPED,
            Class::Failed => FAILED,
        };
        Failure { exit, code: error.code.into(), message: error.message, help: error.help }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        EngineError::from(error).into()
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Store(error) => error.into(),
            ServeError::Listen { .. } => Failure::refused(
                "listen",
                error.to_string(),
                "another address, or the process that has this one",
            ),
        }
    }
}

impl From<ReadKeyError> for Failure {
    fn from(error: ReadKeyError) -> Self {
        match error.asked {
            true => Failure::usage("key", error.message, error.help),
            false => Failure::refused("key", error.message, error.help),
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Key(error) => error.into(),
            BuildError::Format { .. } => Failure::refused("format", error.to_string(), "run `reseal check`"),
        }
    }
}

/// Whether the program has said what it came to: a signal may come while it does.
static SAID: AtomicBool = AtomicBool::new(false);

/// Prints what a command came to, and gives the exit code.
pub(crate) fn end(json: bool, outcome: Outcome) -> ExitCode {
    let said = SAID.swap(true, Ordering::SeqCst);
    match outcome {
        Ok(done) if said => ExitCode::from(done.code),
        Err(failure) if said => ExitCode::from(failure.exit),
        Ok(done) => {
            output::result(json, &done.json, &done.text);
            ExitCode::from(done.code)
        }
        Err(failure) => {
            if json {
                output::result(true, &failure.json(), "");
            } else {
                output::error(&failure.message, failure.help.as_deref());
            }
            ExitCode::from(failure.exit)
        }
    }
}

/// Ends a command line that could not be read; `--help` and `--version` end here too.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let asked_for = !error.use_stderr();
    if !asked_for && std::env::args().any(|arg| arg == "--json") {
        let text = error.render().to_string();
        // Up to the usage line: what is wrong, and with which argument.
        let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        let message = lines.join(" ").trim_start_matches("error: ").to_owned();
        return end(true, Err(Failure::usage("usage", message, "see `reseal --help`")));
    }
    let _ = error.print();
    ExitCode::from(if asked_for { CLEAN } else { USAGE })
}
