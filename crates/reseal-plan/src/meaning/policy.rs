//! Rules that hold for every rotation: lengths of time that fit together, people who can be asked.

use std::time::Duration;

use reseal_core::{PathWords, nearest};

use super::Meaning;
use crate::names::did_you_mean;
use crate::plan::{Approvals, BackupProof, DiskProof, Keep, Policy, Proof};
use crate::raw;

impl Meaning<'_> {
    pub(super) fn policy(&mut self, raw: raw::Policy) -> Policy {
        let policy = Policy {
            max_key_age: self.policy_duration(raw.max_key_age.as_deref(), "max_key_age"),
            min_key_age: self.policy_duration(raw.min_key_age.as_deref(), "min_key_age"),
            or_expires_within: self.policy_duration(raw.or_expires_within.as_deref(), "or_expires_within"),
            warn: self.warnings(&raw.warn),
            keep_retired: match raw.keep_retired.as_deref() {
                Some("forever") => Some(Keep::Forever),
                Some(text) if nearest(text, &["forever"]).is_some() => {
                    let help = did_you_mean(text, &["forever"]);
                    self.find_help(
                        "bad-duration",
                        &["policy", "keep_retired"],
                        "this is not a valid duration",
                        help,
                    );
                    None
                }
                text => self.policy_duration(text, "keep_retired").map(Keep::For),
            },
            keep_undo: self.policy_duration(raw.keep_undo.as_deref(), "keep_undo"),
            max_active_keys: raw.max_active_keys,
            approvals: raw.approvals.as_ref().map_or_else(Approvals::default, approvals),
            approvers: raw
                .approvers
                .map(|approvers| self.input_path(&approvers.file, &["policy", "approvers", "file"])),
            folder: self.folder.to_owned(),
            backup: raw.backup.and_then(|backup| self.backup(backup)),
            disk: raw.disk.and_then(|disk| self.disk(disk)),
        };
        self.ages_fit(&policy);
        if policy.approvals.any() && policy.approvers.is_none() {
            let help = "add approvers: { file: PATH }, a file with one `NAME ed25519 PUBLIC-KEY` per line"
                .to_owned();
            self.find_help(
                "no-approvers",
                &["policy", "approvals"],
                "`approvals` requires `approvers`",
                Some(help),
            );
        }
        policy
    }

    fn policy_duration(&mut self, text: Option<&str>, name: &str) -> Option<Duration> {
        text.and_then(|text| self.duration(text, &["policy", name]))
    }

    fn warnings(&mut self, raw: &[String]) -> Vec<Duration> {
        let mut warn: Vec<Duration> = raw
            .iter()
            .enumerate()
            .filter_map(|(at, text)| self.duration(text, &["policy", "warn", &at.to_string()]))
            .collect();
        warn.sort_by(|a, b| b.cmp(a));
        warn
    }

    /// A key must be able to become old enough to be rotated, and to be warned of, before it is too old.
    fn ages_fit(&mut self, policy: &Policy) {
        if policy.or_expires_within.is_some() && policy.min_key_age.is_none() {
            let message = "`or_expires_within` has no effect without `min_key_age`";
            let help = Some("add `min_key_age`, or remove `or_expires_within`".to_owned());
            self.find_help("key-ages", &["policy", "or_expires_within"], message, help);
        }
        let Some(max) = policy.max_key_age else { return };
        if policy.min_key_age.is_some_and(|min| min >= max) {
            let message = "a key would reach `max_key_age` before it may be rotated";
            let help = Some("set `min_key_age` to less than `max_key_age`".to_owned());
            self.find_help("key-ages", &["policy", "min_key_age"], message, help);
        }
        if policy.warn.first().is_some_and(|longest| *longest >= max) {
            let message = "a warning would be due before the key is created";
            let help = Some("set each entry of `warn` to less than `max_key_age`".to_owned());
            self.find_help("key-ages", &["policy", "warn"], message, help);
        }
    }

    fn backup(&mut self, raw: raw::Backup) -> Option<BackupProof> {
        let max_age = self.duration(&raw.max_age, &["policy", "backup", "max_age"]);
        let proof = match (raw.command, raw.file) {
            (Some(command), None) => {
                self.policy_command(command, &["policy", "backup", "command"]).map(Proof::Command)
            }
            (None, Some(file)) => Some(Proof::File(self.input_path(&file, &["policy", "backup", "file"]))),
            _ => {
                let message = "`backup` requires either `command` or `file`";
                let help = "use command: [PROGRAM], which prints a time, or file: PATH".to_owned();
                self.find_help("backup-proof", &["policy", "backup"], message, Some(help));
                None
            }
        };
        let identity = match raw.identity {
            Some(source) => Some(self.source(source, &["policy", "backup", "identity"])?),
            None => None,
        };
        Some(BackupProof { proof: proof?, max_age: max_age?, identity })
    }

    fn disk(&mut self, raw: raw::Disk) -> Option<DiskProof> {
        let command = self.policy_command(raw.command, &["policy", "disk", "command"])?;
        Some(DiskProof { command, min_free: raw.min_free })
    }

    fn policy_command(&mut self, raw: raw::OneOrMany, path: &[&str]) -> Option<Vec<String>> {
        let words = raw.into_vec();
        if matches!(&words[..], [line] if line.contains(char::is_whitespace)) {
            let message = "a command must be a list with one string per argument";
            let help = "for example [sh, -c, \"df --output=avail /var\"]".to_owned();
            // What stands behind the program's name may be a secret.
            self.secrets.push(self.value(path));
            self.find_help("bad-command", path, message, Some(help));
            return None;
        }
        let program = words.first().filter(|program| !program.is_empty());
        if program.is_none() || words.iter().any(|word| word.contains('\0')) {
            self.find("bad-command", path, "a command must consist of a program and its arguments");
            return None;
        }
        if self.arguments_are_secret(words.iter().map(String::as_str), path) {
            return None;
        }
        Some(self.located(words, PathWords::Program, path))
    }
}

/// An emergency run asks for as many as a run does, where nothing else is said.
fn approvals(raw: &raw::Approvals) -> Approvals {
    match raw {
        raw::Approvals::All(n) => Approvals { run: *n, rollback: *n, destroy: *n, emergency: *n },
        raw::Approvals::Each(each) => Approvals {
            run: each.run.unwrap_or(0),
            rollback: each.rollback.unwrap_or(0),
            destroy: each.destroy.unwrap_or(0),
            emergency: each.emergency.or(each.run).unwrap_or(0),
        },
    }
}
