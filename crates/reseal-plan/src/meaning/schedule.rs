//! The schedule: when, in which zone, and what.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use reseal_core::quantity;

use super::Meaning;
use crate::cron::{CronError, CronLine};
use crate::plan::{Action, JobSpec, Misfire, Overlap, Policy, RunWindow, ScheduleSpec, Switch, Timing};
use crate::raw;
use crate::window::{Window, WindowError};

/// The shortest interval of `every`, which is that of cron.
const LEAST: Duration = Duration::from_secs(60);

/// The schedule's zone as the plan names it, and whether it is one.
#[derive(Clone, Copy)]
struct Zone<'p> {
    name: &'p str,
    known: bool,
}

impl Meaning<'_> {
    /// The schedule; `None` where something is wrong with it.
    ///
    /// The policy says how many people must agree to a run, and where backups are.
    pub(super) fn schedule(&mut self, raw: raw::Schedule, policy: &Policy) -> Option<ScheduleSpec> {
        let zone = TimeZoneDatabase::bundled().get(&raw.zone);
        if zone.is_err() {
            let help = "use an IANA name, for example Europe/Berlin or UTC";
            let path = ["schedule", "zone"];
            self.find_help("bad-zone", &path, "unknown time zone", Some(help.into()));
        }
        let named = Zone { name: &raw.zone, known: zone.is_ok() };
        let jobs = raw.jobs.0.into_iter();
        let jobs: Vec<_> = jobs.map(|(name, job)| self.scheduled_job(name, job?, named, policy)).collect();
        for job in jobs.iter().flatten() {
            self.approvals_kept(job, policy.approvals.run);
        }
        let enabled = raw.enabled.map(|enabled| Switch { variable: enabled.env, value: enabled.is });
        Some(ScheduleSpec {
            zone: zone.unwrap_or(TimeZone::UTC),
            zone_name: raw.zone,
            enabled,
            jobs: jobs.into_iter().collect::<Option<_>>()?,
        })
    }

    /// A job can ask for no more people than the policy holds a run against.
    fn approvals_kept(&mut self, job: &JobSpec, agree: u32) {
        if let Action::Run { approvals: Some(asked), .. } = job.action
            && asked > agree
        {
            let message = format!("this job requires {asked} approvals, but the policy requires {agree}");
            let help = format!("set policy: {{ approvals: {asked}, approvers: {{ file: … }} }}");
            let path = ["schedule", &job.name, "do", "run", "approvals"];
            self.find_help("approvals-not-kept", &path, message, Some(help));
        }
    }

    fn scheduled_job(
        &mut self,
        name: String,
        raw: raw::ScheduledJob,
        zone: Zone<'_>,
        policy: &Policy,
    ) -> Option<JobSpec> {
        let fits = name.len() <= 63 && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
        if !fits {
            let message =
                "a job name can have at most 63 characters: a-z, A-Z, 0-9, dots, hyphens and underscores";
            let at = self.named(&["schedule", &name]);
            self.findings.push(crate::document::Finding::new("bad-name", at, message));
        }
        let path = ["schedule", name.as_str()];
        let timing = self.timing(&raw, &path);
        let jitter = raw.jitter.map(|text| self.duration(&text, &[&path[..], &["jitter"]].concat()));
        let action = self.action(raw.r#do, &[&path[..], &["do"]].concat(), zone, policy);
        Some(JobSpec {
            line: self.line(&path),
            timing: timing?,
            misfire: match raw.misfire {
                raw::Misfire::Skip => Misfire::Skip,
                raw::Misfire::Once => Misfire::Once,
                raw::Misfire::All => Misfire::All,
            },
            overlap: match raw.overlap {
                raw::Overlap::Forbid => Overlap::Forbid,
                raw::Overlap::Allow => Overlap::Allow,
            },
            jitter: match jitter {
                Some(jitter) => Some(jitter?),
                None => None,
            },
            action: action?,
            name,
        })
    }

    fn timing(&mut self, raw: &raw::ScheduledJob, path: &[&str]) -> Option<Timing> {
        match (&raw.cron, &raw.every) {
            (Some(line), None) => {
                if raw.from.is_some() {
                    let path = [path, &["from"]].concat();
                    self.find("not-with-cron", &path, "`from` is allowed only with `every`, not with `cron`");
                }
                self.cron_line(line, &[path, &["cron"]].concat())
            }
            (None, Some(every)) => self.every(every, raw, path),
            (Some(_), Some(_)) => {
                let at = self.named(path);
                let message = "a job cannot have both `cron` and `every`";
                self.findings.push(crate::document::Finding::new("two-timings", at, message));
                None
            }
            (None, None) => {
                let at = self.named(path);
                let finding =
                    crate::document::Finding::new("no-timing", at, "a job requires `cron` or `every`");
                self.findings.push(finding.help("add cron: \"0 4 1 1,4,7,10 *\", or every: 90d"));
                None
            }
        }
    }

    fn cron_line(&mut self, line: &str, path: &[&str]) -> Option<Timing> {
        let (message, help) = match CronLine::parse(line) {
            Ok(line) => return Some(Timing::Cron(line)),
            Err(CronError::Form) => match CronLine::wrong_field(line) {
                Some((field, takes)) => (
                    format!("the {field} of this cron line is not valid"),
                    format!("use a value {takes}, a list (1,15), a range (1-5), or * for any value"),
                ),
                None => (
                    "this cron line is not valid".to_owned(),
                    "use minute, hour, day of month, month, day of week: \"0 4 1 1,4,7,10 *\"".to_owned(),
                ),
            },
            Err(CronError::Never) => {
                ("this cron line never fires".to_owned(), "its date does not exist in any year".to_owned())
            }
        };
        self.find_help("bad-cron", path, &message, Some(help));
        None
    }

    fn every(&mut self, every: &str, raw: &raw::ScheduledJob, path: &[&str]) -> Option<Timing> {
        let interval = self.duration(every, &[path, &["every"]].concat());
        if interval.is_some_and(|interval| interval < LEAST || interval.subsec_millis() > 0) {
            let path = [path, &["every"]].concat();
            self.find("bad-duration", &path, "an interval must be at least 1 minute, in whole seconds");
        }
        let rotates = matches!(raw.r#do, raw::Do::Word(raw::DoWord::Run) | raw::Do::Map(raw::DoMap::Run(_)));
        if rotates && raw.from.is_none() {
            return Some(Timing::KeyAge { interval: interval? });
        }
        // The day on which every clock of the kind began to count.
        let from = raw
            .from
            .as_deref()
            .map_or(Ok(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)), str::parse::<DateTime>);
        if from.is_err() {
            let help = "use a form such as 2026-01-15 or 2026-01-15T04:00";
            let path = [path, &["from"]].concat();
            self.find_help("bad-date", &path, "this is not a valid date", Some(help.into()));
        }
        Some(Timing::Every { interval: interval?, from: from.ok()? })
    }

    fn action(&mut self, raw: raw::Do, path: &[&str], zone: Zone<'_>, policy: &Policy) -> Option<Action> {
        Some(match raw {
            raw::Do::Word(word) => match word {
                raw::DoWord::Remind => Action::Remind(None),
                raw::DoWord::KeyAge => Action::KeyAge,
                raw::DoWord::Census => Action::Census { open: false },
                raw::DoWord::Verify => Action::Verify,
                raw::DoWord::RestoreTest => return self.restore_test(None, path, policy),
                raw::DoWord::KeysBackup => return self.backup_without_place(path),
                raw::DoWord::Run => Action::Run { window: None, approvals: None },
            },
            raw::Do::Map(raw::DoMap::Remind(template)) => Action::Remind(Some(template)),
            raw::Do::Map(raw::DoMap::Census(census)) => Action::Census { open: census.open },
            raw::Do::Map(raw::DoMap::Verify(_)) => Action::Verify,
            raw::Do::Map(raw::DoMap::RestoreTest(test)) => {
                return self.restore_test(Some(test), path, policy);
            }
            raw::Do::Map(raw::DoMap::KeysBackup(backup)) => return self.keys_backup(backup, path),
            raw::Do::Map(raw::DoMap::Report(report)) => return self.report(report, path),
            raw::Do::Map(raw::DoMap::Run(run)) => {
                let path = [path, &["run", "window"]].concat();
                let window = match run.window {
                    Some(text) => Some(self.run_window(&text, &path, zone)?),
                    None => None,
                };
                Action::Run { window, approvals: run.approvals }
            }
        })
    }

    /// Weekly hours, in the schedule's zone unless they name their own, or how long the run may wait.
    fn run_window(&mut self, text: &str, path: &[&str], zone: Zone<'_>) -> Option<RunWindow> {
        if !text.contains(':')
            && let Some(wait) = quantity::parse_duration(text)
        {
            return Some(RunWindow::Within(wait));
        }
        let ends_in_hours = text.split_whitespace().last().is_some_and(|word| word.contains(':'));
        let parsed = match ends_in_hours {
            true => Window::parse(&format!("{text} {}", zone.name)),
            false => Window::parse(text),
        };
        match parsed {
            Ok(window) => Some(RunWindow::Hours(window)),
            // The zone has been complained of where it stands.
            Err(WindowError::Zone) if ends_in_hours && !zone.known => None,
            Err(_) => {
                let help = "use weekly hours (\"Sat 22:00-06:00\"), or how long the run may wait (7d)";
                self.find_help("bad-window", path, "this window is not valid", Some(help.into()));
                None
            }
        }
    }
}
