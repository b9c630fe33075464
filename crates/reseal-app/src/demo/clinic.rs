//! The database of a clinic, with keys and a plan: what `demo` and `tutorial` work on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reseal_core::{Cell, Format, Key, OptionValue, Options, Part, Plaintext, SecretBytes, Value};
use reseal_registry::FORMATS;
use reseal_store::Database;
use zeroize::Zeroizing;

use crate::{Failure, keys};

/// Rows of the database.
pub const ROWS: usize = 10_000;
const ROWS_PER_INSERT: usize = 500;
const LAYOUT: &str = "{key}:{nonce|base64}:{ciphertext|base64}";

/// A new folder with two keys and the plan of a name, which says `more` at its end.
pub(crate) fn make(directory: &Path, name: &str, more: &str) -> Result<PathBuf, Failure> {
    let shown = directory.display();
    if directory.exists() {
        let help = "pass another directory or remove this one";
        return Err(Failure::refused("demo-exists", format!("{shown} already exists"), help));
    }
    let failed = |error: std::io::Error| Failure::failed("demo", format!("{shown}: {}", error.kind()));
    std::fs::create_dir_all(directory).map_err(failed)?;
    // The plan names files by full path, so that it works from every folder.
    let directory = directory.canonicalize().map_err(failed)?;
    for key in ["v1.key", "v2.key"] {
        keys::generate_into_file(&directory.join(key))?;
    }
    std::fs::write(directory.join("plan.yaml"), plan(&directory, name, more)).map_err(failed)?;
    Ok(directory)
}

fn plan(directory: &Path, name: &str, more: &str) -> String {
    let directory = directory.display();
    format!(
        r#"reseal: 1
name: {name}
description: patient records of a clinic, from key v1 to v2
database: "sqlite://{directory}/clinic.db"
application: both-keys

keysets:
  phi:
    primary: v2
    keys:
      v1: {{ file: "{directory}/v1.key", encoding: base64 }}
      v2: {{ file: "{directory}/v2.key", encoding: base64 }}

seals:
  phi:
    keyset: phi
    format: {{ aes-gcm: {{ layout: "{LAYOUT}" }} }}

tables:
  patients:
    row_key: id
    fields: {{ name: phi, phone: phi, history: phi }}
{more}"#
    )
}

/// Seals and opens cells as the clinic's application does, under one key.
pub(crate) struct Sealer {
    format: Arc<dyn Format>,
    key: Key,
}

impl Sealer {
    /// One with the key of an id, from its file in the folder.
    pub(crate) fn new(directory: &Path, id: &str) -> Result<Sealer, Failure> {
        let text = std::fs::read_to_string(directory.join(format!("{id}.key")));
        let text = text.map(Zeroizing::new).map_err(|_| failed("the key file cannot be read"))?;
        let bytes = STANDARD.decode(text.trim()).map_err(|_| failed("the key file is not base64"))?;
        let plugin = FORMATS.iter().find(|plugin| plugin.name == "aes-gcm");
        let plugin = plugin.ok_or_else(|| failed("the format aes-gcm is missing"))?;
        let layout = [("layout".to_owned(), OptionValue::Text(LAYOUT.to_owned()))];
        let built = (plugin.build)(&Options(layout.into()), &[]).map_err(|error| failed(&error.message))?;
        Ok(Sealer { format: built.format, key: Key::new(id, SecretBytes::new(bytes)) })
    }

    /// Seals a text.
    pub(crate) fn seal(&self, text: &str) -> Result<String, Failure> {
        let text = Plaintext::new(text.as_bytes().to_vec());
        let cell = self.format.seal(&text, &self.key, b"", None);
        let cell = cell.map_err(|error| failed(&error.to_string()))?;
        Ok(String::from_utf8_lossy(&cell.bytes(Part::Ciphertext).unwrap_or_default()).into_owned())
    }

    /// Opens a cell; `None` where it does not open.
    pub(crate) fn open(&self, cell: &str) -> Option<String> {
        let cell = Cell::whole(Value::Text(cell.to_owned()));
        let text = self.format.open(&cell, &self.key, b"").ok()?;
        String::from_utf8(text.expose().to_vec()).ok()
    }
}

fn failed(why: &str) -> Failure {
    Failure::failed("demo", why.to_owned())
}

/// The database: patients who do not exist, sealed under v1.
pub(crate) async fn fill(directory: &Path) -> Result<(), Failure> {
    let url = format!("sqlite://{}/clinic.db?mode=rwc", directory.display());
    let mut session = Database::parse(&url)?.connect().await?;
    let sealer = Sealer::new(directory, "v1")?;
    // Sealed cells are base64 and colons: nothing in them needs quoting.
    let seal = |text: String| sealer.seal(&text).map(|cell| format!("'{cell}'"));
    let table = "CREATE TABLE patients (id INTEGER PRIMARY KEY, name TEXT NOT NULL, phone TEXT, history TEXT NOT NULL)";
    session.script(&["PRAGMA journal_mode = WAL".into(), table.into()]).await?;
    session.script(&["BEGIN".into()]).await?;
    for first in (0..ROWS).step_by(ROWS_PER_INSERT) {
        let mut rows = Vec::new();
        for at in first..(first + ROWS_PER_INSERT).min(ROWS) {
            let phone = if at % 10 == 9 { "NULL".to_owned() } else { seal(format!("+49 30 555 {at:05}"))? };
            rows.push(format!("({}, {}, {phone}, {})", at + 1, seal(name(at))?, seal(history(at))?));
        }
        session.script(&[format!("INSERT INTO patients VALUES {}", rows.join(","))]).await?;
    }
    Ok(session.script(&["COMMIT".into()]).await?)
}

fn name(at: usize) -> String {
    const FIRST: [&str; 12] = [
        "Aylin", "Björn", "Chiara", "Dmitri", "Élise", "Farid", "Greta", "Hiroshi", "Inés", "Jakub", "Kofi",
        "Lúcia",
    ];
    const LAST: [&str; 11] = [
        "Ahlström",
        "Bauer",
        "Conti",
        "Duarte",
        "Eriksen",
        "Fofana",
        "García",
        "Horváth",
        "Ito",
        "Jansen",
        "Kowalski",
    ];
    format!("{} {}", FIRST[at % FIRST.len()], LAST[at / FIRST.len() % LAST.len()])
}

fn history(at: usize) -> String {
    const WORDS: [&str; 7] =
        ["asthma", "hay fever", "a broken wrist", "migraine", "diabetes", "hypertension", "nothing of note"];
    format!("seen {} times; {}", at % 9 + 1, WORDS[at % WORDS.len()])
}
