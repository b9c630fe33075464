//! Sources of many keys, whose ids are not known when the plan is written.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use reseal_core::{Kdf, Key, PathWords, SecretBytes, SourceArgs, path_in};
use reseal_plan::{Encoding, KeyOfRow, KeysFromSpec, KeysPlace, SourceSpec};

use super::bytes::{decode, derive, json_map};
use super::reader::Reader;
use super::{KeyFacts, ReadKeyError};

/// States of keys that no cell has to be under: a run does without one that cannot be read.
const IDLE: [&str; 5] = ["created", "retired", "disabled", "destroyed", "archived"];

/// One key of a source of many.
pub(super) struct Listed {
    pub(super) id: String,
    /// The key, or why it could not be had.
    pub(super) key: Result<Key, ReadKeyError>,
    pub(super) facts: Option<KeyFacts>,
}

impl Listed {
    fn new(id: String, key: Key) -> Self {
        Listed { id, key: Ok(key), facts: None }
    }

    /// Whether the application says that no cell has to be under this key.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.facts.as_ref().and_then(|facts| facts.state.as_deref());
        state.is_some_and(|state| IDLE.contains(&state.to_ascii_lowercase().as_str()))
    }
}

/// A list of keys: the keyset that it is for, and how its keys are derived.
struct List<'p> {
    keyset: &'p str,
    kdf: Option<&'p Kdf>,
}

impl List<'_> {
    /// What messages call the list.
    fn what(&self) -> String {
        format!("the keys of keyset `{}`", self.keyset)
    }

    /// What messages call one of its keys.
    fn key(&self, id: &str) -> String {
        format!("key `{id}` of keyset `{}`", self.keyset)
    }
}

impl Reader<'_> {
    /// The keys of a list, in the order in which they are tried.
    pub(super) async fn many(
        &mut self,
        from: &KeysFromSpec,
        keyset: &str,
    ) -> Result<Vec<Listed>, ReadKeyError> {
        let list = List { keyset, kdf: from.kdf.as_ref() };
        match &from.place {
            KeysPlace::Map(source) => self.map(source, &list).await,
            KeysPlace::Directory { path, encoding } => self.directory(path.as_str(), *encoding, &list).await,
            KeysPlace::Query { sql, key } => self.query(sql, key, &list).await,
        }
    }

    /// One entry of a JSON document a key.
    async fn map(&mut self, source: &SourceSpec, list: &List<'_>) -> Result<Vec<Listed>, ReadKeyError> {
        let what = list.what();
        let material = self.read_whole(source, &source.args, &what).await?;
        self.warn(&what, &material);
        let map = json_map(&material.bytes, &what)?;
        let decoded = map.into_iter().map(|(id, bytes)| {
            let what = list.key(&id);
            let bytes = decode(bytes, source.encoding, &what)?;
            self.keep(&id, &bytes);
            Ok(Listed::new(id.clone(), derive(list.kdf, bytes, &id, &what)?))
        });
        // Newer ids mostly sort behind older ones, and newer keys are tried first.
        decoded.rev().collect()
    }

    /// One file a key; the file's name is the key's id. Hidden files are no keys.
    async fn directory(
        &mut self,
        path: &str,
        encoding: Encoding,
        list: &List<'_>,
    ) -> Result<Vec<Listed>, ReadKeyError> {
        let failed = |error: std::io::Error| {
            let what = list.what();
            ReadKeyError::new(
                format!("{what}: cannot read directory `{path}`: {}", error.kind()),
                "check the path",
            )
        };
        let mut keys = Vec::new();
        for id in visible_files(path).map_err(failed)?.into_iter().rev() {
            let spec = SourceSpec {
                kind: "file".into(),
                args: SourceArgs { words: vec![format!("{path}/{id}")], ..SourceArgs::default() },
                secret: None,
                json: None,
                encoding,
            };
            let key = self.key(&id, &spec, &spec.args, list.kdf, &list.key(&id)).await?;
            keys.push(Listed::new(id, key));
        }
        Ok(keys)
    }

    /// One row a key. Newer keys are tried first, where the query tells their age; else in the query's own order.
    async fn query(
        &mut self,
        sql: &str,
        key: &KeyOfRow,
        list: &List<'_>,
    ) -> Result<Vec<Listed>, ReadKeyError> {
        let what = list.what();
        let found = self.look_up(sql, &what).await?;
        let mut keys: Vec<Listed> = Vec::new();
        for values in &found.rows {
            let row = KeyRow { columns: &found.columns, values };
            let id = row.text("id").ok_or_else(|| {
                ReadKeyError::new(
                    format!("{what}: the query returned a row without an `id`"),
                    "name the column with SELECT … AS id; it must not be NULL",
                )
            })?;
            if keys.iter().any(|other| other.id == id) {
                return Err(ReadKeyError::new(
                    format!("{what}: the query returned the key ID `{id}` twice"),
                    "a key ID must be unique",
                ));
            }
            let made = self.of_row(&row, key, &id, list).await;
            let made = made.map(|key| match row.text("tag") {
                Some(tag) => key.tagged(&tag),
                None => key,
            });
            let facts = Some(row.facts(list.keyset, &id));
            keys.push(Listed { id, key: made, facts });
        }
        keys.sort_by_key(|key| std::cmp::Reverse(key.facts.as_ref().and_then(|facts| facts.created_at)));
        Ok(keys)
    }

    async fn of_row(
        &mut self,
        row: &KeyRow<'_>,
        key: &KeyOfRow,
        id: &str,
        list: &List<'_>,
    ) -> Result<Key, ReadKeyError> {
        let what = list.key(id);
        match key {
            KeyOfRow::Column { name, encoding } => {
                let bytes = decode(row.value(name, &what)?.clone(), *encoding, &what)?;
                self.keep(id, &bytes);
                derive(list.kdf, bytes, id, &what)
            }
            KeyOfRow::Source(source) => {
                let filled = SourceSpec { args: row.fill(source, &what)?, ..source.clone() };
                self.key(id, &filled, &filled.args, list.kdf, &what).await
            }
        }
    }
}

/// The names of the files in a folder that are not hidden, sorted.
fn visible_files(path: &str) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A row of a query that lists keys.
struct KeyRow<'r> {
    columns: &'r [String],
    values: &'r [Option<SecretBytes>],
}

impl KeyRow<'_> {
    /// A column as text; `None` where the query has no such column, or it is NULL.
    fn text(&self, name: &str) -> Option<String> {
        let at = self.columns.iter().position(|column| column == name)?;
        let value = self.values.get(at)?.as_ref()?;
        std::str::from_utf8(value.expose()).ok().map(str::to_owned)
    }

    /// What the row says of its key.
    fn facts(&self, keyset: &str, id: &str) -> KeyFacts {
        KeyFacts {
            keyset: keyset.to_owned(),
            id: id.to_owned(),
            state: self.text("state"),
            created_at: self.text("created_at").and_then(|text| moment(&text)),
            expires_at: self.text("expires_at").and_then(|text| moment(&text)),
        }
    }

    fn value(&self, name: &str, what: &str) -> Result<&SecretBytes, ReadKeyError> {
        let Some(at) = self.columns.iter().position(|column| column == name) else {
            let has = self.columns.join(", ");
            return Err(ReadKeyError::new(
                format!("{what}: the query has no column `{name}`"),
                format!("its columns are {has}; name the column with AS"),
            ));
        };
        self.values.get(at).and_then(Option::as_ref).ok_or_else(|| {
            ReadKeyError::new(format!("{what}: `{name}` is NULL"), "exclude such rows in the query")
        })
    }

    /// The arguments of a source, their holes filled from the row. What fills a part of a path cannot lead out of its
    /// folder: the rows are the application's, the path is the plan's.
    fn fill(&self, source: &SourceSpec, what: &str) -> Result<SourceArgs, ReadKeyError> {
        let plugin = crate::vocabulary().key_source(&source.kind);
        let paths = plugin.map_or(PathWords::None, |plugin| plugin.paths);
        let mut words = Vec::new();
        for word in &source.args.words {
            let (mut out, mut rest) = (String::new(), word.as_str());
            while let Some((before, name, after)) = hole(rest) {
                out.push_str(before);
                // `{key}` is the key's id everywhere in the language.
                let name = if name == "key" { "id" } else { name };
                let value = self.value(name, what)?;
                let text = std::str::from_utf8(value.expose()).map_err(|_| {
                    ReadKeyError::new(format!("{what}: `{name}` is not text"), "only text can fill a hole")
                })?;
                let is_part = !(before.is_empty() && out.is_empty() && after.is_empty());
                let leads_out = paths == PathWords::All && is_part && (text.contains('/') || text == "..");
                if leads_out || text.contains('\0') {
                    return Err(ReadKeyError::new(
                        format!("{what}: `{name}` leads out of the directory in the plan"),
                        "a key ID that is part of a path must not contain a slash",
                    ));
                }
                out.push_str(text);
                rest = after;
            }
            out.push_str(rest);
            // What begins with a column could not be located when the plan was read.
            words.push(match paths.is_path(words.len(), &out) {
                true => path_in(&source.args.folder, &out),
                false => out,
            });
        }
        Ok(SourceArgs { words, ..source.args.clone() })
    }
}

/// The first hole of a text: what stands before it, its name, and what stands behind it.
fn hole(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// A time as databases write it: with an offset or, where they keep none, in UTC; or in seconds since 1970.
fn moment(text: &str) -> Option<Timestamp> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Timestamp::from_second(seconds).ok();
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let utc: DateTime = text.parse().ok()?;
    utc.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_databases_write_them() {
        let read = |text: &str| moment(text).map(|moment| moment.to_string());
        let expect = Some("2025-03-01T12:00:00Z".to_owned());
        for text in [
            "2025-03-01 12:00:00+00",
            "2025-03-01 13:00:00+01",
            "2025-03-01 12:00:00",
            "2025-03-01T12:00:00Z",
            "1740830400",
        ] {
            assert_eq!(read(text), expect, "{text}");
        }
        assert_eq!(read("2025-03-01").as_deref(), Some("2025-03-01T00:00:00Z"));
        assert_eq!(read("soon"), None);
    }

    fn filled(kind: &str, word: &str, id: &str) -> Result<Vec<String>, String> {
        let columns = ["id".to_owned(), "arn".to_owned()];
        let values = [id, "arn:aws:kms:eu:1:key/2"].map(|text| Some(SecretBytes::new(text.into())));
        let source = SourceSpec {
            kind: kind.into(),
            args: SourceArgs { words: vec![word.into()], folder: "/plans".into(), ..SourceArgs::default() },
            secret: None,
            json: None,
            encoding: Encoding::Raw,
        };
        let row = KeyRow { columns: &columns, values: &values };
        row.fill(&source, "key").map(|args| args.words).map_err(|error| error.message)
    }

    /// Watches that the application's rows cannot point a plan's path at another file.
    #[test]
    fn holes_are_filled_and_lead_nowhere_else() {
        assert_eq!(filled("file", "/run/{id}.key", "v1"), Ok(vec!["/run/v1.key".to_owned()]));
        assert_eq!(filled("file", "/run/{key}", "v1"), Ok(vec!["/run/v1".to_owned()]));
        assert_eq!(filled("aws-kms", "{arn}", "v1"), Ok(vec!["arn:aws:kms:eu:1:key/2".to_owned()]));
        assert_eq!(filled("file", "{id}", "/elsewhere/v1"), Ok(vec!["/elsewhere/v1".to_owned()]));
        // A whole path from a row is one of the plan: it lies beside the plan.
        assert_eq!(filled("file", "{id}", "keys/v1"), Ok(vec!["/plans/keys/v1".to_owned()]));
        assert_eq!(filled("command", "{id}", "./print"), Ok(vec!["/plans/print".to_owned()]));
        for id in ["../shadow", ".."] {
            assert!(filled("file", "/run/{id}", id).unwrap_err().contains("leads out"), "{id}");
        }
        assert!(filled("file", "/run/{name}", "v1").unwrap_err().contains("no column `name`"));
    }
}
