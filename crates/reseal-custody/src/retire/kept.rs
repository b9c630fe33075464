//! Where a key is kept, as far as the plan says it.

use std::path::{Path, PathBuf};

use reseal_core::{PathWords, path_in};
use reseal_plan::{
    KeyIdSpec, KeyOfRow, KeySpec, KeysFromSpec, KeysPlace, KeysetSpec, PrimarySpec, SourceSpec,
};

use super::{Custodian, Found};

/// Where a key is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// In a file of its own.
    File(String),
    /// Somewhere that only its keeper can delete it.
    Elsewhere(Keeper),
}

/// Who keeps a key, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keeper {
    /// That it still has the key.
    pub(super) has: String,
    /// What is to be done there.
    pub(super) to_do: String,
}

impl Keeper {
    fn new(has: String, to_do: &str) -> Self {
        Keeper { has, to_do: to_do.to_owned() }
    }
}

impl Kept {
    /// That the key is still there.
    pub(super) fn has(&self) -> String {
        match self {
            Kept::File(path) => format!("the file {path} still contains it"),
            Kept::Elsewhere(keeper) => keeper.has.clone(),
        }
    }

    fn elsewhere(has: String, to_do: &str) -> Self {
        Kept::Elsewhere(Keeper::new(has, to_do))
    }

    /// The same where nobody knows whether the key is there.
    fn perhaps(self) -> Kept {
        let Kept::Elsewhere(Keeper { has, to_do }) = self else { return self };
        Kept::elsewhere(format!("not checked whether {has}"), &format!("if so, {to_do}"))
    }

    /// A key that a source gives whole, or as an entry of a document.
    fn of_source(source: &SourceSpec, key_id: &str) -> Kept {
        let words = source.args_for(key_id).words;
        let word = words.first().map(String::as_str).unwrap_or_default();
        match (source.kind.as_str(), &source.secret) {
            // The KEK is what lies there.
            ("local", Some(secret)) => Kept::of_source(secret, key_id),
            (kind @ ("aws-kms" | "pkcs11"), _) => Kept::elsewhere(
                format!("the KEK still exists ({kind}: {})", words.join(", ")),
                "disable or delete it there",
            ),
            (kind, _) if source.json.is_some() => Kept::elsewhere(
                format!("an entry of {} still contains it", place(kind, word)),
                "delete that entry and older versions of the document",
            ),
            ("file", _) => Kept::File(word.to_owned()),
            ("env", _) => Kept::elsewhere(
                format!("{} still contains it", place("env", word)),
                "remove it where it is set",
            ),
            ("command", _) => Kept::elsewhere(
                format!("{} still returns it", place("command", word)),
                "delete it at that program's source",
            ),
            ("age", _) => {
                Kept::elsewhere(format!("{} still contains it", place("age", word)), "delete that file")
            }
            ("sql", _) => Kept::elsewhere(
                "a query of the plan still returns it from the application's database".to_owned(),
                "delete it from that table",
            ),
            (kind, _) => Kept::elsewhere(format!("its source ({kind}) still provides it"), "delete it there"),
        }
    }

    /// A key of a list.
    fn of_list(place: &KeysPlace, key_id: &str) -> Kept {
        match place {
            KeysPlace::Directory { path, .. } => Kept::File(format!("{path}/{key_id}")),
            KeysPlace::Map(source) => Kept::of_source(source, key_id),
            KeysPlace::Query { key: KeyOfRow::Column { name, .. }, .. } => Kept::elsewhere(
                format!("its row in the query of `keys_from` still contains it (column {name})"),
                "delete it from that table",
            ),
            KeysPlace::Query { key: KeyOfRow::Source(source), .. } => match of_row(source, key_id) {
                Some(source) => Kept::of_source(&source, key_id),
                None => Kept::elsewhere(
                    format!("its row names the place where it is stored ({})", source.kind),
                    "delete it there, then the row",
                ),
            },
        }
    }
}

/// The source of a key that a row lists, where the row's id is all that it takes from it.
fn of_row(source: &SourceSpec, key_id: &str) -> Option<SourceSpec> {
    let mut source = source.clone();
    let is_path = reads_files(&source);
    for word in &mut source.args.words {
        *word = word.replace("{id}", key_id);
        if is_path {
            *word = path_in(&source.args.folder, word);
        }
        if word.contains('{') {
            return None;
        }
    }
    Some(source)
}

fn place(kind: &str, word: &str) -> String {
    match kind {
        "env" => format!("the variable {word}"),
        "file" => format!("the file {word}"),
        "command" => format!("the program {word}"),
        "age" => format!("the age file {word}"),
        "sql" => "a query of the plan".to_owned(),
        kind => format!("its source ({kind})"),
    }
}

impl Custodian<'_> {
    /// The places in which the plan has the key; none where it has the key's bytes no more. What lies where a key of its id is
    /// kept now is then another key.
    pub(super) fn kept(&self, found: &Found) -> Vec<Kept> {
        let row = &found.row;
        let keyset = self.plan.keysets.iter().find(|keyset| keyset.name == row.keyset);
        let Some(keyset) = keyset.filter(|_| found.in_plan) else { return Vec::new() };
        let is_it = |key: &&KeySpec| matches!(&key.id, KeyIdSpec::Literal(id) if *id == row.key_id);
        let named = keyset.keys.iter().filter(is_it).map(|key| Kept::of_source(&key.source, &row.key_id));
        let listed = keyset.keys_from.iter().filter(|from| self.lists(keyset, from, &row.key_id));
        let mut kept: Vec<Kept> =
            named.chain(listed.map(|from| Kept::of_list(&from.place, &row.key_id))).collect();
        let maps = keyset.keys_from.iter().filter(|from| matches!(from.place, KeysPlace::Map(_)));
        let maps: Vec<Kept> = maps.map(|from| Kept::of_list(&from.place, &row.key_id)).collect();
        // What a document holds is not read again. Where no other source has the key, the only document does.
        match kept.is_empty() && maps.len() == 1 {
            true => kept.extend(maps),
            false => kept.extend(maps.into_iter().map(Kept::perhaps)),
        }
        kept.extend(self.same_bytes(found));
        kept
    }

    /// Keys of other keysets that have the same bytes.
    fn same_bytes(&self, found: &Found) -> Vec<Kept> {
        let Some((_, key)) = self.key_in_plan(found) else { return Vec::new() };
        let others = self.job.keysets.iter().filter(|other| other.keyset.name() != found.row.keyset);
        let twins = others.flat_map(|other| {
            let same = other.keyset.keys().iter().filter(|twin| twin.identity() == key.identity());
            same.map(|twin| format!("{}/{}", other.keyset.name(), twin.id()))
        });
        twins
            .map(|twin| {
                Kept::elsewhere(
                    format!("{twin} of the plan has the same bytes"),
                    "retire and destroy that key too",
                )
            })
            .collect()
    }

    /// The step that takes a destroyed key out of what the plan reads.
    pub(super) fn take_out(&self, found: &Found) -> Option<String> {
        let row = Some(&found.row).filter(|_| found.in_plan)?;
        Some(match self.is_listed(&row.keyset, &row.key_id) {
            true => format!(
                "the query of `keys_from` still lists {}: delete its row, or the next run will look for the key",
                row.key_id
            ),
            false => format!("remove {} from the plan", row.key_id),
        })
    }

    /// Whether a list is known to have the key.
    fn lists(&self, keyset: &KeysetSpec, from: &KeysFromSpec, key_id: &str) -> bool {
        match &from.place {
            KeysPlace::Directory { path, .. } => Path::new(path.as_str()).join(key_id).is_file(),
            KeysPlace::Query { .. } => self.is_listed(&keyset.name, key_id),
            KeysPlace::Map(_) => false,
        }
    }

    /// Whether a query lists the key.
    fn is_listed(&self, keyset: &str, key_id: &str) -> bool {
        self.job.key_facts.iter().any(|facts| facts.keyset == keyset && facts.key == key_id)
    }

    /// What else of the plan reads a file, by name: it would lose what it reads.
    pub(super) fn other_readers(&self, found: &Found, is_it: impl Fn(&Path) -> bool) -> Vec<String> {
        let row = &found.row;
        let is_key = |read: &FileRead<'_>| read.keyset == row.keyset && read.key == row.key_id;
        let read = self.plan.keysets.iter().flat_map(|keyset| self.files_read(keyset));
        let others = read.filter(|read| !is_key(read) && is_it(&read.path));
        others.map(|read| format!("{}/{}", read.keyset, read.key)).collect()
    }

    fn files_read<'p>(&'p self, keyset: &'p KeysetSpec) -> Vec<FileRead<'p>> {
        let named = keyset.keys.iter().flat_map(|key| FileRead::by(keyset, &key.source, key.id.name()));
        let mut read: Vec<FileRead<'p>> = named.collect();
        read.extend(keyset.keys_from.iter().flat_map(|from| self.read_by_list(keyset, &from.place)));
        if let PrimarySpec::Source(source) = &keyset.primary {
            read.extend(FileRead::by(keyset, source, "{primary}"));
        }
        read
    }

    fn read_by_list<'p>(&'p self, keyset: &'p KeysetSpec, place: &KeysPlace) -> Vec<FileRead<'p>> {
        match place {
            KeysPlace::Directory { path, .. } => {
                let entries = std::fs::read_dir(path.as_str()).into_iter().flatten().flatten();
                let file = |entry: std::fs::DirEntry| FileRead {
                    keyset: &keyset.name,
                    key: entry.file_name().to_string_lossy().into_owned(),
                    path: entry.path(),
                };
                entries.map(file).collect()
            }
            KeysPlace::Map(source) => FileRead::by(keyset, source, "*"),
            KeysPlace::Query { key: KeyOfRow::Column { .. }, .. } => Vec::new(),
            KeysPlace::Query { key: KeyOfRow::Source(source), .. } => {
                let listed = self.job.key_facts.iter().filter(|facts| facts.keyset == keyset.name);
                let of_key = |key: &str| Some(FileRead::by(keyset, &of_row(source, key)?, key));
                listed.filter_map(|facts| of_key(&facts.key)).flatten().collect()
            }
        }
    }
}

/// A file that the plan reads, and for which key.
struct FileRead<'p> {
    keyset: &'p str,
    key: String,
    path: PathBuf,
}

impl<'p> FileRead<'p> {
    fn by(keyset: &'p KeysetSpec, source: &SourceSpec, key: &str) -> Vec<FileRead<'p>> {
        let file = |path| FileRead { keyset: &keyset.name, key: key.to_owned(), path };
        files(source, key).into_iter().map(file).collect()
    }
}

/// Whether the words of a source are paths of files.
fn reads_files(source: &SourceSpec) -> bool {
    let plugin = reseal_registry::vocabulary().key_source(&source.kind);
    plugin.is_some_and(|plugin| plugin.paths == PathWords::All)
}

/// The files that a source reads.
fn files(source: &SourceSpec, key_id: &str) -> Vec<PathBuf> {
    let mut files = source.secret.as_deref().map(|secret| files(secret, key_id)).unwrap_or_default();
    if reads_files(source) {
        files.extend(source.args_for(key_id).words.into_iter().map(PathBuf::from));
    }
    files
}

#[cfg(test)]
mod tests {
    use reseal_core::SourceArgs;

    use super::*;

    fn source(kind: &str, words: &[&str]) -> SourceSpec {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        SourceSpec {
            kind: kind.into(),
            args: SourceArgs { words, ..SourceArgs::default() },
            ..SourceSpec::default()
        }
    }

    #[test]
    fn each_kind_of_source_is_said_by_its_name() {
        let local = SourceSpec { secret: Some(Box::new(source("env", &["KEK"]))), ..source("local", &[]) };
        let file =
            SourceSpec { secret: Some(Box::new(source("file", &["kek.key"]))), ..source("local", &[]) };
        for (source, has) in [
            (source("aws-kms", &["key=alias/phi"]), "the KEK still exists (aws-kms: key=alias/phi)"),
            (source("pkcs11", &["token=app", "key=v1"]), "the KEK still exists (pkcs11: token=app, key=v1)"),
            (source("age", &["keys/{key}.age", "identity"]), "the age file keys/v1.age still contains it"),
            (source("vault", &["x"]), "its source (vault) still provides it"),
            (local, "the variable KEK still contains it"),
            (file, "the file kek.key still contains it"),
        ] {
            assert_eq!(Kept::of_source(&source, "v1").has(), has);
        }
    }

    #[test]
    fn a_row_stands_for_a_place_only_where_its_id_says_which() {
        let of = |word: &str| of_row(&source("file", &[word]), "v1").map(|source| source.args.words);
        assert_eq!(of("keys/{id}.key"), Some(vec!["keys/v1.key".to_owned()]));
        assert_eq!(of("{path}/{id}.key"), None);
    }
}
