//! A small table in a SQLite file of its own, a toy format, and a job over both.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use reseal_core::{
    BuiltFormat, Cell, Format, Identified, Key, KeyLength, Keyset, OpenError, Part, Plaintext, SealError,
    SecretBytes, StepPiece, Value,
};
use reseal_engine::{
    Application, CellEncoding, Deed, FieldJob, Hooks, Job, KeysetJob, NamedFormat, Pace, Seal, Step,
    TableJob, When,
};
use reseal_store::{Database, TableName};
use tempfile::TempDir;

/// How many rows the table has.
pub(crate) const ROWS: usize = 5;

/// A table `note (id, text)` in a file, whose cells are under the key `v1`.
pub(crate) struct Notes {
    pub(crate) database: Database,
    _folder: TempDir,
}

/// The statement that makes the table.
pub(crate) const TABLE: &str = "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL)";

impl Notes {
    pub(crate) async fn new() -> Notes {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notes.db");
        let database = Database::parse(&format!("sqlite://{}?mode=rwc", file.display())).unwrap();
        let mut session = database.connect().await.unwrap();
        session.script(&["PRAGMA journal_mode = WAL".into(), TABLE.into()]).await.unwrap();
        for id in 1..=ROWS {
            let cell = sealed("v1", &format!("note {id}"));
            session.script(&[format!("INSERT INTO note VALUES ({id}, '{cell}')")]).await.unwrap();
        }
        Notes { database, _folder: folder }
    }

    /// Cells that name this key.
    pub(crate) async fn cells_under(&self, key: &str) -> usize {
        let mut session = self.database.connect().await.unwrap();
        let query = format!("SELECT id FROM note WHERE text LIKE '{key}:%'");
        session.look_up(&query).await.unwrap().rows.len()
    }
}

/// From `v1` to `v2`, two rows at a time, with a step before, one after, and one when the run is rolled back.
pub(crate) fn job() -> Job {
    let keyset = Keyset::new("notes", vec![key("v1"), key("v2")], Some("v2")).unwrap();
    let keyset = Arc::new(keyset);
    let seal =
        Seal::new("note", NamedFormat { name: "named", built: named() }, keyset.clone(), None, None, None);
    let field = FieldJob {
        name: "text".into(),
        to: Arc::new(seal),
        from: Vec::new(),
        columns: vec![(Part::Ciphertext, "text".into())],
        mirrors: Vec::new(),
        last_error: None,
        encoding: CellEncoding::Raw,
    };
    let table = TableJob {
        name: TableName { schema: None, name: "note".into() },
        row_key: vec!["id".into()],
        tenant: None,
        domain: None,
        filter: None,
        key_column: None,
        shared_nonce: false,
        fields: vec![field],
    };
    Job {
        plan: "notes".into(),
        digest: "d".into(),
        application: Application::BothKeys,
        keysets: vec![KeysetJob { keyset, roles: false }],
        tables: vec![table],
        recognisers: Vec::new(),
        key_facts: Vec::new(),
        ignore: Vec::new(),
        side_effects: Vec::new(),
        undo: true,
        guard: None,
        pace: pace(),
        reread: None,
        deks: Arc::default(),
        hooks: Arc::new(hooks()),
        keys_missing: None,
    }
}

fn hooks() -> Hooks {
    Hooks {
        before: vec![step("before", None)],
        after: vec![step("after", None)],
        on_failure: vec![step("undo", Some(When::RolledBack))],
        ..Hooks::default()
    }
}

/// A statement that changes nothing.
fn step(label: &str, when: Option<When>) -> Step {
    let nothing = "DELETE FROM note WHERE id < 0";
    Step {
        label: label.into(),
        digest: label.into(),
        when,
        scoped: true,
        undoes: Vec::new(),
        limit: Duration::from_secs(10),
        deed: Deed::Sql(vec![StepPiece::Text(nothing.into())]),
    }
}

fn pace() -> Pace {
    Pace {
        rows: Some(2),
        target: Duration::from_millis(100),
        bytes: 1 << 20,
        workers: 1,
        rows_per_second: None,
        max_lag: None,
        pause_file: None,
        is_open: None,
    }
}

/// Bytes that nobody has typed: fingerprints of those are quick to make.
fn key(id: &str) -> Key {
    let mut state =
        id.bytes().fold(0x811c_9dc5_u32, |state, byte| (state ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let byte = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    Key::new(id, SecretBytes::new((0..32).map(byte).collect()))
}

fn named() -> BuiltFormat {
    BuiltFormat {
        format: Arc::new(Named),
        authenticated: true,
        marked: true,
        key_length: KeyLength::Passphrase,
        binary: false,
        plaintext: false,
        max_seals: None,
    }
}

/// Cells that name their key and hold the plaintext in hexadecimal: no cipher, but enough to tell keys and cells apart.
struct Named;

/// A cell under a key.
pub(crate) fn sealed(key: &str, text: &str) -> String {
    format!("{key}:{}", hex::encode(text))
}

impl Format for Named {
    fn identify<'c>(&self, cell: &'c Cell) -> Identified<'c> {
        let text = cell.get(Part::Ciphertext).and_then(Value::text).unwrap_or_default();
        match text.split_once(':') {
            Some((tag, _)) => Identified::Marked(Cow::Owned(tag.to_owned())),
            None => Identified::NotMine,
        }
    }

    fn open(&self, cell: &Cell, key: &Key, _: &[u8]) -> Result<Plaintext, OpenError> {
        let text = cell.get(Part::Ciphertext).and_then(Value::text).unwrap_or_default();
        let hex = text.strip_prefix(key.tag()).and_then(|rest| rest.strip_prefix(':'));
        let bytes = hex.and_then(|hex| hex::decode(hex).ok());
        bytes.map(Plaintext::new).ok_or(OpenError::NotThisKey)
    }

    fn seal(
        &self,
        text: &Plaintext,
        key: &Key,
        _: &[u8],
        _: Option<&Cell>,
    ) -> Result<Cell<'static>, SealError> {
        Ok(Cell::whole(Value::Text(format!("{}:{}", key.tag(), hex::encode(text.expose())))))
    }
}
