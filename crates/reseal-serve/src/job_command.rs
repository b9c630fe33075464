//! The command that does a job's work, and what its end means.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use reseal_core::NoticeKind;
use reseal_plan::{Action, JobSpec, RunWindow};

use crate::Served;
use crate::command::CommandResult;

/// How soon work that found its plan busy is tried again.
pub(crate) const RETRY_AFTER_BUSY: SignedDuration = SignedDuration::from_mins(5);
/// How soon work that failed is tried again, and how often.
pub(crate) const RETRY_AFTER: SignedDuration = SignedDuration::from_mins(1);
const ATTEMPTS: i64 = 5;
/// How often work is tried for which a database cannot be reached: six hours are a long maintenance.
const ATTEMPTS_UNREACHABLE: i64 = ATTEMPTS + 72;
/// What a restore test says where it is the backup that is of no use, and not the test that could not be held.
const UNUSABLE_BACKUP: [&str; 5] = ["undecryptable", "no-backup", "other-plan", "file", "identity"];

/// The words of the command; none for a reminder, which was posted in the transaction of its claim.
pub(crate) fn arguments(served: &Served, job: &JobSpec, slot: Timestamp, now: Timestamp) -> Vec<String> {
    let plan = served.path.display().to_string();
    let words: Vec<&str> = match &job.action {
        Action::Census { open: false } => vec!["census", &plan],
        Action::Census { open: true } => vec!["census", &plan, "--open"],
        Action::Verify => vec!["verify", &plan],
        Action::Run { window, .. } => return run(&plan, window.as_ref(), now),
        Action::RestoreTest { .. } => vec!["keys", "restore-test", &plan, "--job", &job.name],
        Action::KeysBackup { file, .. } => {
            let file = file_for(file.as_str(), slot);
            let words = ["keys", "backup", &plan, "--job", &job.name, "--file", &file];
            return words.map(str::to_owned).to_vec();
        }
        // Enters the plan's keys into the catalogue.
        Action::KeyAge => vec!["keys", "list", &plan, "--read"],
        Action::Report { standard, period, out } => {
            let zone = &served.schedule.zone;
            let (from, to) = reseal_schedule::period(*period, slot, zone).unwrap_or((slot, slot));
            let (from, to) = (from.to_string(), to.to_string());
            let out = reseal_schedule::file_at(out.as_str(), slot, 0);
            let words =
                ["audit", "report", &plan, "--standard", standard.name(), "--from", &from, "--to", &to];
            return words.iter().chain(&["--out", &out]).map(|word| (*word).to_owned()).collect();
        }
        Action::Remind(_) => Vec::new(),
    };
    words.into_iter().map(str::to_owned).collect()
}

fn run(plan: &str, window: Option<&RunWindow>, now: Timestamp) -> Vec<String> {
    let mut words = vec!["run".to_owned(), plan.to_owned(), "--scheduled".to_owned()];
    if let Some(RunWindow::Hours(window)) = window
        && let Some(end) = window.closes(now)
    {
        words.extend(["--until".to_owned(), end.to_string()]);
    }
    words
}

/// A name that no file has yet: a backup is never written over, and a daemon that died may have left half of one.
fn file_for(template: &str, slot: Timestamp) -> String {
    let names = (0..1000).map(|copy| reseal_schedule::file_at(template, slot, copy));
    names.into_iter().find(|name| !Path::new(name).exists()).unwrap_or_else(|| template.to_owned())
}

/// What a command's end means for the work.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Done, and found in order.
    Done,
    /// Done, and people must hear what it found.
    Found(NoticeKind),
    /// To be tried again, and why.
    Retry(Timestamp, String),
    /// The same; but it waits for people, who must hear of it.
    Blocked(Timestamp, String),
    /// It is not tried again.
    Failed(String),
}

/// What an exit code of the command means for the work (the codes are the command line's). `attempt` counts from 1.
pub(crate) fn judge(action: &Action, ended: &CommandResult, attempt: i64, now: Timestamp) -> Verdict {
    let after = |wait| now.checked_add(wait).unwrap_or(now);
    let said = &ended.summary;
    let error = said.split(':').next().unwrap_or_default();
    let unusable = UNUSABLE_BACKUP.contains(&error);
    // To somebody at a terminal this is a refusal; unattended, the server may be down for a while.
    let unreachable = error.starts_with("connection-") && attempt < ATTEMPTS_UNREACHABLE;
    match (ended.code, action) {
        (Some(0), _) => Verdict::Done,
        // A run posts notices of its own about what it left.
        (Some(1), Action::Run { .. }) => Verdict::Done,
        (Some(1), Action::RestoreTest { .. }) => Verdict::Found(NoticeKind::RestoreTestFailed),
        (Some(2 | 3), Action::RestoreTest { .. }) if unusable => {
            Verdict::Found(NoticeKind::RestoreTestFailed)
        }
        // The report is written, and says so at its head.
        (Some(1), Action::Report { .. }) => Verdict::Found(NoticeKind::AuditBroken),
        (Some(1), _) => Verdict::Found(NoticeKind::NotClean),
        // Stopped, busy, or waiting for approval or its window.
        (Some(4), _) => Verdict::Retry(after(RETRY_AFTER_BUSY), said.clone()),
        (Some(_), _) if unreachable => Verdict::Retry(
            after(if attempt < ATTEMPTS { RETRY_AFTER } else { RETRY_AFTER_BUSY }),
            said.clone(),
        ),
        // As long as its window is open: the worker sees to its end.
        (Some(3), Action::Run { window: Some(_), .. }) => {
            Verdict::Blocked(after(RETRY_AFTER_BUSY), said.clone())
        }
        (Some(code @ (2 | 3)), _) => Verdict::Failed(format!("refused with exit code {code}: {said}")),
        (code, _) if attempt < ATTEMPTS => {
            Verdict::Retry(after(RETRY_AFTER), with_reason(format!("failed ({})", exit(code)), said))
        }
        (code, _) => {
            let failed = format!("failed {attempt} times ({})", exit(code));
            Verdict::Failed(with_reason(failed, said))
        }
    }
}

/// What happened, and what the command said of it, if it came to that.
fn with_reason(what: String, said: &str) -> String {
    if said.is_empty() { what } else { format!("{what}: {said}") }
}

fn exit(code: Option<i32>) -> String {
    code.map_or_else(|| "killed by a signal".to_owned(), |code| format!("exit code {code}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_say_what_becomes_of_the_work() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let run = Action::Run { window: None, approvals: None };
        let test = Action::RestoreTest { file: reseal_plan::PlanPath::new("", "x"), identity: source() };
        let of = |action: &Action, code, attempt, said: &str| {
            judge(action, &CommandResult { code, summary: said.into(), primaries: None }, attempt, now)
        };
        assert_eq!(of(&run, Some(0), 1, ""), Verdict::Done);
        assert_eq!(of(&run, Some(1), 1, ""), Verdict::Done);
        assert_eq!(of(&Action::Verify, Some(1), 1, ""), Verdict::Found(NoticeKind::NotClean));
        assert!(matches!(of(&run, Some(3), 1, "file: x"), Verdict::Failed(_)));
        assert!(matches!(of(&run, Some(4), 99, ""), Verdict::Retry(..)));
        let away = |attempt| of(&run, Some(3), attempt, "connection-refused: nobody there");
        let wait = |minutes| now + SignedDuration::from_mins(minutes);
        assert!(matches!(away(1), Verdict::Retry(at, _) if at == wait(1)));
        assert!(matches!(away(70), Verdict::Retry(at, _) if at == wait(5)));
        assert!(matches!(away(ATTEMPTS_UNREACHABLE), Verdict::Failed(_)));
        assert!(matches!(of(&run, Some(3), 1, "backup-old: x"), Verdict::Failed(_)), "no window to wait in");
        let within = RunWindow::Within(std::time::Duration::from_secs(86_400));
        let run_within = Action::Run { window: Some(within), approvals: None };
        for code in ["backup-old", "disk-full", "key-young", "key-given-up", "trigger", "cells"] {
            let held = of(&run_within, Some(3), 99, &format!("{code}: x"));
            assert!(matches!(held, Verdict::Blocked(at, _) if at == wait(5)), "{code}");
        }
        assert!(
            matches!(of(&run_within, Some(2), 1, "plan: x"), Verdict::Failed(_)),
            "the plan stays as it is"
        );
        let killed = |attempt| of(&run, None, attempt, "");
        assert!(
            matches!(killed(4), Verdict::Retry(at, why) if at == wait(1) && why == "failed (killed by a signal)")
        );
        let given_up = "failed 5 times (killed by a signal)";
        assert_eq!(killed(5), Verdict::Failed(given_up.to_owned()));
        assert!(matches!(of(&run, Some(5), 5, ""), Verdict::Failed(_)));
        let failed = Verdict::Found(NoticeKind::RestoreTestFailed);
        assert_eq!(of(&test, Some(1), 1, "{}"), failed);
        assert_eq!(of(&test, Some(3), 1, "undecryptable: no"), failed);
        assert!(matches!(of(&test, Some(3), 1, "key: a key cannot be read"), Verdict::Failed(_)));
    }

    fn source() -> reseal_plan::SourceSpec {
        reseal_plan::SourceSpec {
            kind: "env".into(),
            args: reseal_core::SourceArgs { words: vec!["X".into()], ..reseal_core::SourceArgs::default() },
            secret: None,
            json: None,
            encoding: reseal_plan::Encoding::Raw,
        }
    }
}
