//! `demo`: a small SQLite database with sealed rows.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reseal_core::{Key, OptionValue, Options, Part, Plaintext, SecretBytes};
use reseal_engine::{Census, Environment, Progress, Report, RunOptions, Scope};
use reseal_registry::{FORMATS, Overrides};
use reseal_store::Database;
use zeroize::Zeroizing;

use crate::caller::Caller;
use crate::open::{self, Opened};
use crate::{Failure, keys};

/// Rows of the demo.
pub const ROWS: usize = 10_000;
const ROWS_PER_INSERT: usize = 500;
const LAYOUT: &str = "{key}:{nonce|base64}:{ciphertext|base64}";

/// A demo that was made.
pub struct Demo {
    /// Its plan.
    pub plan: PathBuf,
    /// Its database.
    pub database: PathBuf,
    opened: Opened,
}

impl Demo {
    /// Makes keys, plan and database in a new folder.
    ///
    /// # Errors
    /// When the folder is there already, or cannot be filled.
    pub async fn make(directory: &Path) -> Result<Demo, Failure> {
        let directory = make(directory)?;
        let plan = directory.join("plan.yaml");
        fill(&directory).await?;
        let opened = open::job(&plan, &Overrides::default()).await?;
        Ok(Demo { plan, database: directory.join("clinic.db"), opened })
    }

    /// The plan's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.opened.plan.name
    }

    /// Opens every cell.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn census(&self) -> Result<Census, Failure> {
        let (progress, scope) = (Progress::default(), Scope::default());
        Ok(reseal_engine::census(&self.opened.job, &self.opened.database, &scope, true, &progress).await?)
    }

    /// Rotates.
    ///
    /// # Errors
    /// When the run fails.
    pub async fn rotate(&self, caller: &Caller) -> Result<Report, Failure> {
        let options = RunOptions { operator: "demo".into(), ..RunOptions::default() };
        let environment = Environment::new(self.opened.database.clone());
        let shown = caller.frontend.show(&environment.progress);
        let report = reseal_engine::run(&self.opened.job, &options, &environment).await;
        drop(shown);
        Ok(report?)
    }
}

/// The folder with two keys and the plan.
fn make(directory: &Path) -> Result<PathBuf, Failure> {
    let shown = directory.display();
    if directory.exists() {
        let help = "pass another directory or remove this one";
        return Err(Failure::refused("demo-exists", format!("{shown} already exists"), help));
    }
    let failed = |error: std::io::Error| Failure::failed("demo", format!("{shown}: {}", error.kind()));
    std::fs::create_dir_all(directory).map_err(failed)?;
    // The plan names files by full path, so that it works from every folder.
    let directory = directory.canonicalize().map_err(failed)?;
    for name in ["v1.key", "v2.key"] {
        keys::generate_into_file(&directory.join(name))?;
    }
    std::fs::write(directory.join("plan.yaml"), plan(&directory)).map_err(failed)?;
    Ok(directory)
}

fn plan(directory: &Path) -> String {
    let directory = directory.display();
    format!(
        r#"reseal: 1
name: demo
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
"#
    )
}

/// The database: patients who do not exist, sealed under v1.
async fn fill(directory: &Path) -> Result<(), Failure> {
    let failed = |why: &str| Failure::failed("demo", why.to_owned());
    let url = format!("sqlite://{}/clinic.db?mode=rwc", directory.display());
    let mut session = Database::parse(&url)?.connect().await?;
    let text = std::fs::read_to_string(directory.join("v1.key"))
        .map(Zeroizing::new)
        .map_err(|_| failed("no key"))?;
    let bytes = STANDARD.decode(text.trim()).map_err(|_| failed("no key"))?;
    let key = Key::new("v1", SecretBytes::new(bytes));
    let plugin = FORMATS.iter().find(|plugin| plugin.name == "aes-gcm").ok_or_else(|| failed("no format"))?;
    let layout = [("layout".to_owned(), OptionValue::Text(LAYOUT.to_owned()))];
    let built = (plugin.build)(&Options(layout.into()), &[]).map_err(|error| failed(&error.message))?;
    let seal = |text: String| -> Result<String, Failure> {
        let text = Plaintext::new(text.into_bytes());
        let cell = built.format.seal(&text, &key, b"", None).map_err(|error| failed(&error.to_string()))?;
        let bytes = cell.bytes(Part::Ciphertext).unwrap_or_default().into_owned();
        // Sealed cells are base64 and colons: nothing in them needs quoting.
        Ok(format!("'{}'", String::from_utf8_lossy(&bytes)))
    };
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
