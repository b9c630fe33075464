//! Copies of keys outside of where they are kept: age-encrypted backups and archives, and the proof that one can be
//! restored.

mod sealed;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reseal_control::{ControlSession, KeyCopy, KeyRow};
use reseal_core::{KeyState, SecretBytes};
use reseal_engine::{Job, Tried, try_cells};
use reseal_files::{FileError, FileFault, OpenFile, Owner, Pipes, Readers, Rule};
use reseal_plan::Plan;
use reseal_registry::{Kept, Purpose};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::catalogue::{self, CatalogueEntry};
use crate::error::{CopyError, CustodyError};
use crate::retire::{Custodian, Named};

use sealed::decrypt;
pub use sealed::encrypt;

/// The largest backup that is read: one holds a few keys.
const MOST_OF_BACKUP: u64 = 64 << 20;
/// The largest file of an identity that is read.
const MOST_OF_IDENTITY: u64 = 64 * 1024;

/// A copy that was made.
#[derive(Clone, Debug)]
pub struct Copied {
    /// SHA-256 of the file, hexadecimal.
    pub digest: String,
    /// The keys in it, as `keyset/id`.
    pub keys: Vec<String>,
    /// Keys of the plan that no copy can hold, as `keyset/id`: a KEK hands out no bytes.
    pub not_contained: Vec<String>,
}

/// The file of a copy.
struct CopyFile<'a> {
    path: &'a Path,
    /// SHA-256 of the file, hexadecimal.
    digest: &'a str,
}

/// How one key of a backup did.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The keyset.
    pub keyset: String,
    /// The key's id.
    pub key_id: String,
    /// Whether the backup has it. A key that is needed is tried also where it is missing.
    pub contained: bool,
    /// Whether it is, byte for byte, the key that the catalogue knows.
    pub same: bool,
    /// Sampled cells that are under the key.
    pub cells: u64,
    /// How many of them the restored key opened.
    pub opened: u64,
}

/// How a backup did.
#[derive(Clone, Debug)]
pub struct Trials {
    /// Its keys, and those that it lacks: primaries, and keys under which cells lie.
    pub keys: Vec<Trial>,
    /// KEKs of the plan, which are in no backup, as `keyset/id`; and sampled cells that opened with their help.
    pub keks: Vec<(String, u64)>,
    /// Fields with sampled cells that carry a DEK of which none opened: the field, how many, and why.
    pub not_covered: Vec<(String, u64, String)>,
}

impl Trial {
    /// Whether the key would be of use.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.contained && self.same && self.opened == self.cells
    }

    fn result(&self) -> String {
        if !self.contained {
            return format!("failed: not in the backup; {} sampled cells are under this key", self.cells);
        }
        match (self.same, self.passed()) {
            (false, _) => "failed: not the same key as in the catalogue".to_owned(),
            (_, false) => format!("failed: opened {} of {} cells", self.opened, self.cells),
            (_, true) if self.cells == 0 => "passed: same key; the sample has no cell under it".to_owned(),
            _ => format!("passed: opened {} cells", self.opened),
        }
    }
}

impl Custodian<'_> {
    /// Writes keys of the plan into a new age file that `recipients` can read: all, or those that are named.
    ///
    /// # Errors
    /// When a key cannot be read, a recipient is none, or the file is there already.
    pub async fn backup(
        &self,
        ids: &[String],
        recipients: &[String],
        path: &Path,
    ) -> Result<Copied, CustodyError> {
        let keys = reseal_registry::keys(self.plan, None, self.database, Purpose::Look)
            .await
            .map_err(CopyError::Key)?;
        let chosen: Vec<&Kept> =
            keys.kept.iter().filter(|kept| ids.is_empty() || ids.contains(&kept.id)).collect();
        let keks = keks(self.job);
        if chosen.is_empty() && !keks.is_empty() {
            return Err(no_bytes(&keks));
        }
        for id in ids {
            if keks.iter().any(|(_, kek)| kek == id) && !chosen.iter().any(|kept| kept.id == *id) {
                return Err(no_bytes(&keks));
            }
            if !chosen.iter().any(|kept| kept.id == *id) {
                return Err(CustodyError::NoSuchKey { plan: self.plan.name.clone(), key: id.clone() });
            }
        }
        let copied = self.copy("backup", &chosen, recipients, path).await?;
        let not_contained = keks.iter().map(|(keyset, id)| format!("{keyset}/{id}")).collect();
        Ok(Copied { not_contained, ..copied })
    }

    /// Writes one retired key into a new age file.
    ///
    /// # Errors
    /// When the key is not retired, cannot be read, or the file is there already.
    pub async fn archive(
        &self,
        named: &Named,
        recipients: &[String],
        path: &Path,
    ) -> Result<Copied, CustodyError> {
        let mut control = self.control.connect().await?;
        let row = self.row(&mut control, named).await?;
        if row.state != KeyState::Retired {
            return Err(CopyError::NotRetired { key: row.key_id, state: row.state }.into());
        }
        let keys = reseal_registry::keys(self.plan, None, self.database, Purpose::Look)
            .await
            .map_err(CopyError::Key)?;
        let chosen: Vec<&Kept> =
            keys.kept.iter().filter(|kept| kept.keyset == row.keyset && kept.id == row.key_id).collect();
        let keks = keks(self.job);
        if chosen.is_empty() && keks.contains(&(row.keyset.clone(), row.key_id.clone())) {
            return Err(no_bytes(&keks));
        }
        if chosen.is_empty() {
            return Err(CopyError::NoSource { key: row.key_id }.into());
        }
        self.copy("archive", &chosen, recipients, path).await
    }

    async fn copy(
        &self,
        kind: &str,
        chosen: &[&Kept],
        recipients: &[String],
        path: &Path,
    ) -> Result<Copied, CustodyError> {
        let mut control = self.control.connect().await?;
        let entries = catalogue::enter(&mut control, self.job).await?;
        let encrypted = encrypt(&document(self.plan, chosen), recipients)?;
        write_new(path, &encrypted)?;
        let digest = hex::encode(Sha256::digest(&encrypted));
        let mut keys = Vec::new();
        for kept in chosen {
            keys.push(format!("{}/{}", kept.keyset, kept.id));
            let entry = entries.iter().find(|entry| entry.keyset == kept.keyset && entry.key_id == kept.id);
            let Some(row) = entry.and_then(|entry| entry.row.as_ref()) else { continue };
            let result = format!("to {}", recipients.join(", "));
            self.note(&mut control, row, kind, CopyFile { path, digest: &digest }, &result).await?;
        }
        Ok(Copied { digest, keys, not_contained: Vec::new() })
    }

    /// Tries a backup: each key in it must be the one that the catalogue knows, and open the sampled cells that are
    /// under it. What came of it is noted with each key.
    ///
    /// # Errors
    /// When the file is no backup of this plan, the identity does not fit, or a database refuses. A key that fails is
    /// no error but a [`Trial`].
    pub async fn restore_test(
        &self,
        path: &Path,
        identity: &[u8],
        rows: usize,
    ) -> Result<Trials, CustodyError> {
        let unreadable = |error: FileError| CopyError::Unreadable {
            path: path.display().to_string(),
            kind: error.fault.kind(),
        };
        let file = OpenFile::open(path, Pipes::Refused).and_then(|mut file| file.content(MOST_OF_BACKUP));
        let encrypted = file.map_err(unreadable)?;
        let kept = restored(self.plan, &decrypt(&encrypted, identity)?)?;
        let names: Vec<KeyName> = kept.iter().map(|kept| (kept.keyset.clone(), kept.id.clone())).collect();
        let keysets = reseal_registry::restored(self.plan, kept).map_err(CopyError::Key)?;
        let job = reseal_registry::job_with(self.plan, keysets).await.map_err(CopyError::Format)?;
        let job = std::sync::Arc::new(job);
        let mut control = self.control.connect().await?;
        let live = catalogue::enter(&mut control, self.job).await?;
        let found = catalogue::find(&mut control, &job).await?;
        let tried = try_cells(self.job, &job, self.database, rows).await?;
        let digest = hex::encode(Sha256::digest(&encrypted));
        let lacking = lacking(self.job, &tried, &names);
        let names = names.into_iter().map(|name| (name, true));
        let names = names.chain(lacking.into_iter().map(|name| (name, false)));
        let mut trials = Vec::new();
        for ((keyset, key_id), contained) in names {
            let of = |entries: &[CatalogueEntry]| {
                let entry = entries.iter().find(|entry| entry.keyset == keyset && entry.key_id == key_id);
                entry.and_then(|entry| entry.row.clone())
            };
            let (known, here) = (of(&live), of(&found));
            let same = contained && is_same(known.as_ref(), here.as_ref(), &key_id);
            let (cells, opened) =
                tried.keys.get(&(keyset.clone(), key_id.clone())).copied().unwrap_or_default();
            let trial = Trial { keyset, key_id, contained, same, cells, opened };
            if let Some(row) = known.or(here) {
                self.note(
                    &mut control,
                    &row,
                    "restore-test",
                    CopyFile { path, digest: &digest },
                    &trial.result(),
                )
                .await?;
            }
            trials.push(trial);
        }
        let keks = keks(self.job).into_iter().map(|name| {
            let cells = tried.keks.get(&name).copied().unwrap_or_default();
            (format!("{}/{}", name.0, name.1), cells)
        });
        Ok(Trials { keys: trials, keks: keks.collect(), not_covered: tried.not_covered })
    }

    async fn note(
        &self,
        control: &mut ControlSession,
        row: &KeyRow,
        kind: &str,
        CopyFile { path, digest }: CopyFile<'_>,
        result: &str,
    ) -> Result<(), CustodyError> {
        let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let copy = KeyCopy {
            entry: row.id.clone(),
            kind: kind.to_owned(),
            at: 0,
            operator: self.operator.to_owned(),
            file: full.display().to_string(),
            digest: digest.to_owned(),
            result: result.to_owned(),
        };
        Ok(control.note_copy(&copy).await?)
    }
}

/// Whether a key of a backup is the one in use. One that the plan no longer has is compared with what the catalogue says of
/// its id.
fn is_same(live: Option<&KeyRow>, restored: Option<&KeyRow>, key_id: &str) -> bool {
    restored.is_some_and(|restored| live.map_or(restored.key_id == key_id, |live| live.id == restored.id))
}

/// A key, by keyset and id.
type KeyName = (String, String);

/// What a backup has to contain and does not: the primaries, without which nothing can be written, and the keys that sampled
/// cells opened under.
fn lacking(job: &Job, tried: &Tried, contained: &[KeyName]) -> Vec<KeyName> {
    let keysets = job.keysets.iter().map(|keyset| &keyset.keyset);
    let primaries = keysets.filter_map(|keyset| {
        let primary = keyset.primary().filter(|primary| primary.kek().is_none())?;
        Some((keyset.name().to_owned(), primary.id().to_owned()))
    });
    let needed: BTreeSet<KeyName> = primaries.chain(tried.keys.keys().cloned()).collect();
    needed.into_iter().filter(|name| !contained.contains(name)).collect()
}

/// The KEKs of a job, by keyset and id.
fn keks(job: &Job) -> Vec<KeyName> {
    let keysets = job.keysets.iter().map(|keyset| &keyset.keyset);
    let keks = keysets.flat_map(|keyset| {
        let keks = keyset.keys().iter().filter(|key| key.kek().is_some());
        keks.map(|key| (keyset.name().to_owned(), key.id().to_owned()))
    });
    keks.collect()
}

fn no_bytes(keks: &[(String, String)]) -> CustodyError {
    let names: Vec<String> = keks.iter().map(|(keyset, id)| format!("{keyset}/{id}")).collect();
    CopyError::Keks { keks: names.join(", ") }.into()
}

/// What stands in a backup before it is encrypted: each key as its source keeps it, decoded.
fn document(plan: &Plan, chosen: &[&Kept]) -> Zeroizing<Vec<u8>> {
    let keys: Vec<Value> = chosen
        .iter()
        .map(|kept| {
            json!({
                "keyset": kept.keyset, "id": kept.id, "tag": kept.tag, "primary": kept.primary,
                "from": kept.from, "bytes": STANDARD.encode(kept.bytes.expose()),
            })
        })
        .collect();
    Zeroizing::new(json!({ "reseal_keys": 1, "plan": plan.name, "keys": keys }).to_string().into_bytes())
}

fn restored(plan: &Plan, text: &[u8]) -> Result<Vec<Kept>, CustodyError> {
    let no_backup = || CustodyError::from(CopyError::NoBackup);
    let document: BTreeMap<String, Value> = serde_json::from_slice(text).map_err(|_| no_backup())?;
    if document.get("reseal_keys") != Some(&json!(1)) {
        return Err(no_backup());
    }
    if document.get("plan") != Some(&json!(plan.name)) {
        let of = document.get("plan").and_then(Value::as_str).unwrap_or("another plan");
        return Err(CopyError::OtherPlan { of: of.to_owned(), plan: plan.name.clone() }.into());
    }
    let keys = document.get("keys").and_then(Value::as_array).ok_or_else(no_backup)?;
    keys.iter()
        .map(|key| {
            let text = |name: &str| key[name].as_str().map(str::to_owned);
            Some(Kept {
                keyset: text("keyset")?,
                id: text("id")?,
                tag: text("tag"),
                primary: key["primary"].as_bool()?,
                from: key["from"].as_u64().and_then(|at| usize::try_from(at).ok()),
                bytes: SecretBytes::new(STANDARD.decode(key["bytes"].as_str()?).ok()?),
            })
        })
        .collect::<Option<Vec<Kept>>>()
        .ok_or_else(no_backup)
}

/// Writes a file that only its owner can read, and never over another.
///
/// # Errors
/// When it is there already, or cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), CustodyError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let shown = || path.display().to_string();
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => CopyError::Exists { path: shown() },
        kind => CopyError::NotWritten { path: shown(), kind },
    };
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    Ok(file.sync_all().map_err(failed)?)
}

/// Reads the file of an identity, which is a secret.
///
/// # Errors
/// When it cannot be read, or others can.
pub fn identity(path: &Path) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
    // Somebody typed the identity itself, and an error would repeat it.
    if path.to_string_lossy().to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
        return Err(CopyError::TypedIdentity.into());
    }
    let shown = || path.display().to_string();
    let rule = Rule { most: MOST_OF_IDENTITY, readers: Readers::Owner, owner: Owner::Own };
    match reseal_files::read(path, &rule) {
        Ok(content) => Ok(content.bytes),
        Err(error) => Err(match error.fault {
            FileFault::OpenToOthers { .. } | FileFault::WrittenByOthers { .. } => {
                CopyError::IdentityOpen { path: shown() }
            }
            fault => CopyError::IdentityUnreadable { path: shown(), kind: fault.kind() },
        }
        .into()),
    }
}
