//! Reading one source, wherever it is.

use reseal_core::{Kdf, Key, KeySource, Material, SecretBytes, SourceArgs};
use reseal_plan::{JsonPick, SourceSpec};
use reseal_store::{Database, LookedUp, Session};

use super::ReadKeyError;
use super::bytes::{decode, derive, json_map};
use super::kept::ReadKey;
use crate::plugins::KEKS;

/// The source that the plan's own database is.
const SQL: &str = "sql";

/// Reads sources. What lies in the plan's database is read in one snapshot, which writes nothing.
pub(crate) struct Reader<'d> {
    database: Option<&'d Database>,
    session: Option<Session>,
    /// What was read, before any derivation.
    pub(super) kept: Vec<ReadKey>,
    /// What an operator should know, such as a key file that others can read.
    pub(super) warnings: Vec<String>,
    /// Which of `keys_from` is read; `None` while keys are read that the plan names.
    pub(super) from: Option<usize>,
}

impl<'d> Reader<'d> {
    /// A reader of what lies outside of the database.
    pub(crate) fn of_files() -> Self {
        Reader { database: None, session: None, kept: Vec::new(), warnings: Vec::new(), from: None }
    }

    /// A reader that connects to the database once a source lies in it.
    pub(crate) fn with(database: &'d Database) -> Self {
        Reader { database: Some(database), ..Reader::of_files() }
    }

    /// Reads a source and picks the JSON entry that the plan names.
    pub(crate) async fn read(
        &mut self,
        spec: &SourceSpec,
        args: &SourceArgs,
        what: &str,
    ) -> Result<Material, ReadKeyError> {
        let material = self.read_whole(spec, args, what).await?;
        let Some(JsonPick::Entry(name)) = &spec.json else { return Ok(material) };
        let mut map = json_map(&material.bytes, what)?;
        let value = map.remove(name).ok_or_else(|| {
            ReadKeyError::new(
                format!("{what}: the JSON document has no entry `{name}`"),
                "check the name of the entry in the plan",
            )
        })?;
        Ok(Material { bytes: value, warnings: material.warnings })
    }

    /// A key: its bytes from a source, or where its KEK is.
    pub(super) async fn key(
        &mut self,
        id: &str,
        source: &SourceSpec,
        args: &SourceArgs,
        kdf: Option<&Kdf>,
        what: &str,
    ) -> Result<Key, ReadKeyError> {
        if let Some(plugin) = KEKS.iter().find(|plugin| plugin.name == source.kind) {
            return Ok(Key::of_kek(id, self.kek(plugin, source, args, what).await?));
        }
        let material = self.read(source, args, what).await?;
        self.warn(what, &material);
        let bytes = decode(material.bytes, source.encoding, what)?;
        self.keep(id, &bytes);
        derive(kdf, bytes, id, what)
    }

    /// Keeps what a key was before any derivation, for copies of it.
    pub(super) fn keep(&mut self, id: &str, bytes: &SecretBytes) {
        self.kept.push(ReadKey { from: self.from, id: id.to_owned(), bytes: bytes.clone() });
    }

    /// Notes what a source warns of.
    pub(super) fn warn(&mut self, what: &str, material: &Material) {
        self.warnings.extend(material.warnings.iter().map(|warning| format!("{what}: {warning}")));
    }

    pub(super) async fn read_whole(
        &mut self,
        spec: &SourceSpec,
        args: &SourceArgs,
        what: &str,
    ) -> Result<Material, ReadKeyError> {
        if spec.kind == SQL {
            let sql = args.words.first().map(String::as_str).unwrap_or_default();
            return Ok(Material { bytes: self.one_value(sql, what).await?, warnings: vec![] });
        }
        let plugin = crate::vocabulary().key_source(&spec.kind).ok_or_else(|| {
            ReadKeyError::new(
                format!("{what}: this build of Reseal does not support key source `{}`", spec.kind),
                "see `reseal --version`",
            )
        })?;
        let source: Box<dyn KeySource> = (plugin.build)(args).map_err(|error| {
            ReadKeyError::new(format!("{what}: {error}"), error.help.clone().unwrap_or_default())
        })?;
        source
            .read()
            .await
            .map_err(|error| ReadKeyError::new(format!("{what}: {}", error.message), error.help))
    }

    /// What a query gives that has to give one row with one column.
    async fn one_value(&mut self, sql: &str, what: &str) -> Result<SecretBytes, ReadKeyError> {
        let found = self.look_up(sql, what).await?;
        let wrong = |message: String| {
            ReadKeyError::new(
                message,
                "the query must return exactly one row with one value; test it in a database client",
            )
        };
        match found.rows.as_slice() {
            [row] => match row.as_slice() {
                [Some(value)] => Ok(value.clone()),
                [None] => Err(wrong(format!("{what}: the query returned NULL"))),
                values => {
                    Err(wrong(format!("{what}: the query returned {} columns instead of 1", values.len())))
                }
            },
            [] => Err(wrong(format!("{what}: the query returned no row"))),
            rows => Err(wrong(format!("{what}: the query returned {} rows instead of 1", rows.len()))),
        }
    }

    pub(super) async fn look_up(&mut self, sql: &str, what: &str) -> Result<LookedUp, ReadKeyError> {
        let failed = |error: reseal_store::StoreError| {
            ReadKeyError::new(
                format!("{what}: the query failed: {}", error.message),
                "test it in a database client; it runs in the plan's database in a read-only transaction",
            )
        };
        if self.session.is_none() {
            let database = self.database.ok_or_else(|| {
                ReadKeyError::new(
                    format!("{what} cannot be stored in the database"),
                    "use a different source",
                )
            })?;
            let mut session = database.connect().await.map_err(failed)?;
            session.begin_snapshot().await.map_err(failed)?;
            self.session = Some(session);
        }
        match &mut self.session {
            Some(session) => session.look_up(sql).await.map_err(failed),
            None => Ok(LookedUp::default()),
        }
    }
}
