//! Jobs of a schedule that look after backups and reports: which files, for whom, about which time.

use reseal_core::quantity;

use super::Meaning;
use crate::plan::{Action, Period, Policy, Proof, Recipients, SLOT, Standard};
use crate::raw;

/// What `keys-backup` is given, for those who gave it nothing.
const BACKUP: &str = "for example do: { keys-backup: { to: [age1…], file: \"keys-{slot}.age\" } }";

impl Meaning<'_> {
    /// A restore test: what it does not name, the policy's backup has to.
    pub(super) fn restore_test(
        &mut self,
        raw: Option<raw::RestoreTestJob>,
        path: &[&str],
        policy: &Policy,
    ) -> Option<Action> {
        let before = self.findings.len();
        let under = [path, &["restore-test"]].concat();
        let (file, identity) = raw.map_or((None, None), |raw| (raw.file, raw.identity));
        let file = file.map(|file| {
            let at = [&under[..], &["file"]].concat();
            self.file_name(&file, &at);
            self.input_path(&file, &at)
        });
        let identity = match identity {
            Some(source) => Some(self.source(source, &[&under[..], &["identity"]].concat())?),
            None => policy.backup.as_ref().and_then(|backup| backup.identity.clone()),
        };
        let file = file.or_else(|| match &policy.backup.as_ref()?.proof {
            Proof::File(file) => Some(file.clone()),
            Proof::Command(_) => None,
        });
        let missing = match (&file, &identity) {
            (None, None) => "`file` and `identity`",
            (None, _) => "`file`",
            (_, None) => "`identity`",
            _ => {
                return Some(Action::RestoreTest { file: file?, identity: identity? })
                    .filter(|_| self.findings.len() == before);
            }
        };
        // A backup of the policy's that is wrong itself has been complained of.
        let policy_says =
            ["policy", "backup"].iter().try_fold(self.root.to_json(), |at, name| at.get(name).cloned());
        if policy_says.is_some() && policy.backup.is_none() {
            return None;
        }
        let message = format!("a restore test requires {missing}");
        let help = "use do: { restore-test: { file: keys.age, identity: { file: … } } }, or set both in \
                    `policy.backup`";
        self.find_help("restore-test", path, message, Some(help.into()));
        None
    }

    /// A backup that nobody could read, in a file without a name.
    pub(super) fn backup_without_place(&mut self, path: &[&str]) -> Option<Action> {
        let message = "a key backup requires `to` and `file`";
        self.find_help("keys-backup", path, message, Some(BACKUP.into()));
        None
    }

    pub(super) fn keys_backup(&mut self, raw: raw::KeysBackupJob, path: &[&str]) -> Option<Action> {
        let before = self.findings.len();
        let under = [path, &["keys-backup"]].concat();
        let to = self.recipients(raw.to, &[&under[..], &["to"]].concat());
        let file = [&under[..], &["file"]].concat();
        if self.file_name(&raw.file, &file) && !raw.file.contains(SLOT) {
            let message = "a key backup is never overwritten, so the second one would fail";
            let help = "add {slot} to the file name, for example keys-{slot}.age";
            self.find_help("file-name", &file, message, Some(help.into()));
        }
        Some(Action::KeysBackup { to: to?, file: self.output_path(&raw.file) })
            .filter(|_| self.findings.len() == before)
    }

    fn recipients(&mut self, raw: raw::Recipients, path: &[&str]) -> Option<Recipients> {
        match raw {
            raw::Recipients::Source(source) => self.source(source, path).map(Recipients::Source),
            raw::Recipients::Listed(to) => {
                for (at, recipient) in to.iter().enumerate() {
                    let at = at.to_string();
                    self.recipient(recipient, &[path, &[&at]].concat());
                }
                Some(Recipients::Listed(to))
            }
        }
    }

    /// What is no recipient may be the identity itself, put in the wrong place: it is not shown.
    fn recipient(&mut self, recipient: &str, path: &[&str]) {
        let key = recipient.strip_prefix("age1").unwrap_or_default();
        if key.len() >= 50 && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return;
        }
        self.secrets.push(self.value(path));
        let help = "use the public key that age-keygen prints: age1…".to_owned();
        self.find_help("recipient", path, "this is not a valid age recipient", Some(help));
    }

    pub(super) fn report(&mut self, raw: raw::ReportJob, path: &[&str]) -> Option<Action> {
        let under = [path, &["report"]].concat();
        let named = self.file_name(&raw.out, &[&under[..], &["out"]].concat());
        let period = match raw.period.as_str() {
            "month" => Some(Period::Month),
            "quarter" => Some(Period::Quarter),
            "year" => Some(Period::Year),
            length => quantity::parse_duration(length).map(Period::Last),
        };
        if period.is_none() {
            let path = [&under[..], &["period"]].concat();
            let help = "use month, quarter, year or a duration such as 90d";
            self.find_help("bad-period", &path, "this is not a valid reporting period", Some(help.into()));
        }
        let standard = match raw.standard {
            raw::Standard::PciDss => Standard::PciDss,
            raw::Standard::Hipaa => Standard::Hipaa,
            raw::Standard::Soc2 => Standard::Soc2,
            raw::Standard::Gdpr => Standard::Gdpr,
        };
        Some(Action::Report { standard, period: period?, out: self.output_path(&raw.out) }).filter(|_| named)
    }

    /// Whether a file's name has no hole but `{slot}`, once and behind the last folder.
    fn file_name(&mut self, file: &str, path: &[&str]) -> bool {
        let name = file.rsplit('/').next().unwrap_or_default();
        let holes = file.matches(['{', '}']).count();
        let slots = name.matches(SLOT).count();
        let fits = !name.is_empty() && !file.contains('\0') && slots < 2 && holes == 2 * slots;
        if !fits {
            let help = "for example backups/keys-{slot}.age, with {slot} at most once, after the last slash";
            self.find_help("file-name", path, "this is not a valid file name", Some(help.into()));
        }
        fits
    }
}
