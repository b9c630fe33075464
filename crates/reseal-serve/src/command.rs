//! Runs and scans, as processes of the command `reseal`.
//!
//! The process gets this one's environment, since it reads the same keys, and the plan's text on stdin; it prints one JSON document, of which a few
//! fields are kept.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use reseal_core::quantity::count;
use reseal_engine::Stopper;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};

use crate::Served;

/// The variable that names the plan whose text a command gets on stdin, in place of what its file says by now.
pub const PLAN_ON_STDIN: &str = "RESEAL_PLAN_ON_STDIN";

/// The most of a document that is read; a longer one is none of ours.
const MAX_DOCUMENT: u64 = 1 << 20;
/// The fields of a document that are worth keeping. None of them holds a value of a row.
const SUMMARY_FIELDS: [&str; 12] = [
    "state",
    "reason",
    "clean",
    "passed",
    "file",
    "rows_scanned",
    "cells_rotated",
    "cells_quarantined",
    "cells_old",
    "run_id",
    "report",
    "not_read",
];

/// A key that seals, by its names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Primary {
    pub(crate) keyset: String,
    pub(crate) key: String,
    /// Its fingerprint in the catalogue, which tells it where ids are roles.
    pub(crate) fingerprint: Option<String>,
}

/// What a command came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CommandResult {
    /// The exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// What its document says, in a line.
    pub(crate) summary: String,
    /// The plan's primaries, where it read the plan's keys.
    pub(crate) primaries: Option<Vec<Primary>>,
}

/// Runs `program args… --json` to its end, on the plan as it was read. When a stop is asked for, it gets SIGTERM and is waited for.
pub(crate) async fn run(program: &Path, args: &[String], served: &Served, stop: &Stopper) -> CommandResult {
    let spawned = Command::new(program)
        .args(args)
        .arg("--json")
        .env(PLAN_ON_STDIN, &served.path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => {
            let summary = format!("cannot start reseal: {}", error.kind());
            return CommandResult { code: None, summary, primaries: None };
        }
    };
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (document, code, ()) = tokio::join!(read(stdout), wait(&mut child, stop), write(stdin, &served.text));
    let document = serde_json::from_slice::<Value>(&document).unwrap_or_default();
    CommandResult { code, summary: summary(&document), primaries: primaries(&document) }
}

fn primaries(document: &Value) -> Option<Vec<Primary>> {
    let text = |key: &Value, name: &str| Some(key.get(name)?.as_str()?.to_owned());
    let keys = document.get("primaries")?.as_array()?.iter();
    let primary = |key| {
        let fingerprint = text(key, "fingerprint");
        Some(Primary { keyset: text(key, "keyset")?, key: text(key, "key")?, fingerprint })
    };
    Some(keys.filter_map(primary).collect())
}

async fn read(stdout: Option<tokio::process::ChildStdout>) -> Vec<u8> {
    let mut document = Vec::new();
    if let Some(stdout) = stdout {
        let _ = stdout.take(MAX_DOCUMENT).read_to_end(&mut document).await;
    }
    document
}

/// Whoever does not read it says so by its exit code.
async fn write(stdin: Option<ChildStdin>, text: &str) {
    if let Some(mut stdin) = stdin {
        let _ = stdin.write_all(text.as_bytes()).await;
    }
}

async fn wait(child: &mut Child, stop: &Stopper) -> Option<i32> {
    tokio::select! {
        status = child.wait() => return status.ok()?.code(),
        () = stop.wait() => {}
    }
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::TERM);
    }
    child.wait().await.ok()?.code()
}

/// What a document says, in a line: its error, or the fields that are kept.
fn summary(document: &Value) -> String {
    let Value::Object(document) = document else { return String::new() };
    if let Some(error) = document.get("error").and_then(Value::as_object) {
        let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        return format!("{}: {}", text("code"), text("message"));
    }
    let kept = SUMMARY_FIELDS.iter().filter_map(|name| {
        let text = match document.get(*name)? {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), count),
            Value::Bool(true) => return Some((*name).to_owned()),
            Value::Bool(false) => return Some(format!("not {name}")),
            _ => return None,
        };
        Some(format!("{} {text}", name.replace('_', " ")))
    });
    kept.chain(counted(document)).collect::<Vec<_>>().join(", ")
}

/// How many cells a count found under which key, over all fields.
fn counted(document: &Map<String, Value>) -> Vec<String> {
    let mut cells: BTreeMap<String, u64> = BTreeMap::new();
    let fields = document.get("fields").and_then(Value::as_array).into_iter().flatten();
    let lines = fields.filter_map(|field| field.get("counts")?.as_array()).flatten();
    for line in lines {
        let found = (line["seal"].as_str(), line["key"].as_str());
        let name = match found {
            (Some(seal), Some(key)) => format!("cells under {seal}/{key}"),
            (Some(seal), None) => format!("cells under {seal} without a key"),
            (None, _) => "cells that could not be opened".to_owned(),
        };
        *cells.entry(name).or_default() += line["cells"].as_u64().unwrap_or_default();
    }
    cells.into_iter().map(|(name, cells)| format!("{} {name}", count(cells))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_told_in_a_line() {
        for (document, line) in [
            ("", ""),
            ("not json", ""),
            (r#"{"error": {"code": "busy", "message": "another run", "help": null}}"#, "busy: another run"),
            (
                r#"{"plan": "x", "state": "complete", "reason": null, "cells_rotated": 7000, "fields": [1]}"#,
                "state complete, cells rotated 7,000",
            ),
            (
                r#"{"clean": false, "by": "opened", "fields": [{"field": "a", "counts": [
                    {"seal": "main", "key": "v1", "cells": 3}, {"seal": null, "key": null, "cells": 2}]},
                    {"field": "b", "counts": [{"seal": "main", "key": "v1", "cells": 4}]}]}"#,
                "not clean, 2 cells that could not be opened, 7 cells under main/v1",
            ),
        ] {
            assert_eq!(summary(&serde_json::from_str(document).unwrap_or_default()), line);
        }
    }
}
