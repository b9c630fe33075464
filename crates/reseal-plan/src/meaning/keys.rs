//! Keysets, their keys, and where those are kept.

use reseal_core::{Digest, Kdf, OptionError, OptionKind, OptionSpec, SourceArgs};
use serde_json::Value;

use super::{Entries, Meaning, quoted};
use crate::document::Finding;
use crate::names::{did_you_mean, listed};
use crate::plan::{
    Encoding, JsonPick, KeyIdSpec, KeyOfRow, KeySpec, KeysFromSpec, KeysPlace, KeysetSpec, PrimarySpec,
    SourceSpec,
};
use crate::schema::{LATER_SOURCES, SQL_SOURCE};
use crate::{raw, secret};

/// The id that stands for whatever the primary turns out to be.
const PRIMARY_HOLE: &str = "{primary}";

impl Meaning<'_> {
    pub(super) fn keysets(&mut self, raw: raw::Named<raw::Keyset>) -> Entries<KeysetSpec> {
        let keysets = raw.0.into_iter();
        keysets
            .map(|(name, raw)| {
                let keyset = raw.and_then(|raw| self.keyset(&name, raw));
                (name, keyset)
            })
            .collect()
    }

    fn keyset(&mut self, name: &str, raw: raw::Keyset) -> Option<KeysetSpec> {
        let path = ["keysets", name];
        let before = self.findings.len();
        let primary = self.primary(raw.primary, &["keysets", name, "primary"]);
        let ids: Vec<String> = raw.keys.0.iter().map(|(id, _)| id.clone()).collect();
        if ids.is_empty() && raw.keys_from.is_empty() {
            let message = format!("keyset {} has no keys", quoted(name));
            self.findings.push(Finding::new("no-keys", self.named(&path), message));
        } else if let Some(primary) = &primary {
            self.primary_is_a_key(name, primary, &ids, raw.keys_from.is_empty());
        }
        let keys: Vec<KeySpec> =
            raw.keys.0.into_iter().filter_map(|(id, raw)| self.key(name, &id, raw?)).collect();
        self.told_apart(name, &keys);
        let keys_from = raw.keys_from.into_iter().enumerate();
        let keys_from: Vec<KeysFromSpec> = keys_from
            .filter_map(|(at, raw)| self.keys_from(raw, &["keysets", name, "keys_from", &at.to_string()]))
            .collect();
        let sound = self.findings.len() == before;
        let (line, primary) = (self.line(&path), primary?);
        Some(KeysetSpec { name: name.into(), roles: raw.roles, primary, keys, keys_from, line })
            .filter(|_| sound)
    }

    fn primary(&mut self, raw: raw::Primary, path: &[&str]) -> Option<PrimarySpec> {
        match raw {
            raw::Primary::Id(id) if id == "none" => Some(PrimarySpec::None),
            raw::Primary::Id(id) => Some(PrimarySpec::Id(id)),
            raw::Primary::Source(source) => {
                let source = self.source(source, path)?;
                if source.json == Some(JsonPick::All) {
                    self.find(
                        "json-entry",
                        &[path, &["json"]].concat(),
                        "a primary needs a single entry, not `*`",
                    );
                }
                Some(PrimarySpec::Source(source))
            }
        }
    }

    fn primary_is_a_key(&mut self, keyset: &str, primary: &PrimarySpec, ids: &[String], closed: bool) {
        let path = ["keysets", keyset, "primary"];
        let has = |id: &str| ids.iter().any(|other| other == id);
        match primary {
            PrimarySpec::None if has(PRIMARY_HOLE) => {
                let message = format!("keyset {} has a key `{PRIMARY_HOLE}` but no primary", quoted(keyset));
                self.find("primary-missing", &path, message);
            }
            PrimarySpec::Id(id) if has(id) && has(PRIMARY_HOLE) => {
                let message = format!("`{PRIMARY_HOLE}` and {} are the same key", quoted(id));
                self.find("primary-twice", &["keysets", keyset, "keys", PRIMARY_HOLE], message);
            }
            PrimarySpec::Id(id) if closed && !has(id) && !has(PRIMARY_HOLE) => {
                let known: Vec<&str> = ids.iter().map(String::as_str).collect();
                let message = format!("primary {} is not a key of keyset {}", quoted(id), quoted(keyset));
                let help = did_you_mean(id, &known)
                    .unwrap_or_else(|| format!("its keys are {}", listed(&known, "and")));
                self.find_help("primary-missing", &path, message, Some(help));
            }
            _ => {}
        }
    }

    fn key(&mut self, keyset: &str, id: &str, raw: raw::Key) -> Option<KeySpec> {
        let path = ["keysets", keyset, "keys", id];
        if id != PRIMARY_HOLE && (id.is_empty() || id.contains(['{', '}'])) {
            let message = format!("a key ID must be a plain name or exactly `{PRIMARY_HOLE}`");
            self.findings.push(Finding::new("key-id", self.named(&path), message));
        }
        let kdf = raw.kdf.and_then(|kdf| self.key_kdf(kdf, &[&path[..], &["kdf"]].concat()));
        let source = self.place_of_key(raw.source, &path)?;
        if source.json == Some(JsonPick::All) {
            let help = "name one entry, or move the source to `keys_from:`".to_owned();
            self.find_help(
                "json-entry",
                &[&path[..], &["json"]].concat(),
                "a key needs a single entry, not `*`",
                Some(help),
            );
        }
        let id = if id == PRIMARY_HOLE { KeyIdSpec::Primary } else { KeyIdSpec::Literal(id.into()) };
        Some(KeySpec { id, tag: raw.tag, source, kdf, line: self.line(&path) })
    }

    /// No two keys of a set may carry the same tag, nor be read from the same place.
    fn told_apart(&mut self, keyset: &str, keys: &[KeySpec]) {
        let id = |key: &KeySpec| key.id.name().to_owned();
        for (at, key) in keys.iter().enumerate() {
            let (name, tag) = (id(key), key.tag.clone().unwrap_or_else(|| id(key)));
            for other in &keys[..at] {
                let other_name = id(other);
                if other.tag.as_ref().unwrap_or(&other_name) == &tag {
                    let message =
                        format!("keys {} and {} have the same tag", quoted(&other_name), quoted(&name));
                    let help = Some("the default of `tag:` is the key ID".to_owned());
                    self.find_help("same-tag", &["keysets", keyset, "keys", &name, "tag"], message, help);
                }
                let fixed = !key.source.args.words.iter().any(|word| word.contains("{key}"));
                if fixed && other.source == key.source && other.kdf == key.kdf {
                    let message = format!(
                        "keys {} and {} are read from the same place",
                        quoted(&other_name),
                        quoted(&name)
                    );
                    let help = Some("two keys of a keyset must not have the same bytes".to_owned());
                    self.find_help("same-source", &["keysets", keyset, "keys", &name], message, help);
                }
            }
        }
    }

    fn keys_from(&mut self, raw: raw::KeysFrom, path: &[&str]) -> Option<KeysFromSpec> {
        let line = self.line(path);
        let kdf = raw.kdf.and_then(|kdf| self.key_kdf(kdf, &[path, &["kdf"]].concat()));
        let text = |name: &str| raw.source.place.get(name).and_then(Value::as_str).map(str::to_owned);
        let place = if let Some(directory) = text("directory") {
            let path = self.input_path(&directory, &[path, &["directory"]].concat());
            KeysPlace::Directory { path, encoding: encoding(raw.source.encoding) }
        } else if let Some(sql) = text(SQL_SOURCE) {
            KeysPlace::Query { sql, key: self.key_of_row(raw.source.place.get("key"), path)? }
        } else {
            let source = self.source(raw.source, path)?;
            if source.json != Some(JsonPick::All) {
                let at = self.root_json_or(path);
                let help = r#"the source must give a JSON map of keys; add json: "*""#.to_owned();
                self.findings
                    .push(Finding::new("json-all", at, "this source would give only one key").help(help));
            }
            KeysPlace::Map(source)
        };
        Some(KeysFromSpec { place, kdf, line })
    }

    /// Where the bytes of each key are that a query lists.
    fn key_of_row(&mut self, raw: Option<&Value>, path: &[&str]) -> Option<KeyOfRow> {
        let at = [path, &["key"]].concat();
        let Some(raw) = raw.and_then(|raw| serde_json::from_value::<raw::Source>(raw.clone()).ok()) else {
            let help = "for example key: { file: \"/run/secrets/{id}\" }, or key: { sql: column }";
            let message = "a query that lists keys needs `key:`, which says where each key is stored";
            self.find_help("no-place", path, message, Some(help.into()));
            return None;
        };
        if let Some(column) = raw.place.get(SQL_SOURCE).and_then(Value::as_str) {
            return Some(KeyOfRow::Column { name: column.into(), encoding: encoding(raw.encoding) });
        }
        let source = self.place_of_key(raw, &at)?;
        if source.json == Some(JsonPick::All) {
            self.find("json-entry", &[&at[..], &["json"]].concat(), "a key needs a single entry, not `*`");
        }
        Some(KeyOfRow::Source(source))
    }

    fn root_json_or(&self, path: &[&str]) -> crate::yaml::Span {
        self.value(&[path, &["json"]].concat())
    }

    /// Where a key is kept: its bytes in a source, or all of it where a KEK is.
    pub(super) fn place_of_key(&mut self, raw: raw::Source, path: &[&str]) -> Option<SourceSpec> {
        let kek = raw.place.iter().find_map(|(name, options)| Some((self.vocabulary.kek(name)?, options)));
        let Some((plugin, options)) = kek else { return self.source(raw, path) };
        let at = [path, &[plugin.name]].concat();
        let mut source = SourceSpec { kind: plugin.name.to_owned(), ..SourceSpec::default() };
        for (name, value) in options.as_object().into_iter().flatten() {
            let kind = plugin.options.iter().find(|option| option.name == name).map(|option| option.kind);
            if kind == Some(OptionKind::Source) {
                let secret = serde_json::from_value(value.clone()).ok()?;
                source.secret = Some(Box::new(self.source(secret, &[&at[..], &[name]].concat())?));
            } else {
                let mut value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                if kind == Some(OptionKind::Path) && value.contains('/') {
                    // A library is code of this process.
                    self.programs = true;
                    value = self.input_path(&value, &[&at[..], &[name]].concat()).as_str().to_owned();
                }
                source.args.words.push(format!("{name}={value}"));
            }
        }
        if !has_columns(&source)
            && let Err(error) = (plugin.build)(&source.args_for("key"))
        {
            let at = [&at[..], &[error.option.unwrap_or_default()]].concat();
            self.refused_source(&source, error, &at);
            return None;
        }
        if let Some(feature) = plugin.feature.filter(|_| !plugin.available) {
            let message = format!("this build of Reseal does not support `{}`", plugin.name);
            let finding = Finding::new("not-in-this-build", self.named(&at), message);
            self.missing.push(finding.help(format!("build Reseal with `--features {feature}`")));
        }
        Some(source)
    }

    /// Where the values of a plugin's options are stored that no plan has; all of them, so that all their mistakes are told.
    pub(super) fn option_sources(
        &mut self,
        specs: &[OptionSpec],
        options: &Value,
        path: &[&str],
    ) -> Option<Vec<(String, SourceSpec)>> {
        let sources = specs.iter().filter(|option| option.kind == OptionKind::Source);
        let given = sources.filter_map(|option| Some((option.name, options.get(option.name)?)));
        let read = given.map(|(name, raw)| {
            let source: raw::Source = serde_json::from_value(raw.clone()).ok()?;
            Some((name.to_owned(), self.source(source, &[path, &[name]].concat())?))
        });
        read.collect::<Vec<_>>().into_iter().collect()
    }

    /// A source, built once by its plugin so that the plugin's own mistakes are told here.
    pub(super) fn source(&mut self, raw: raw::Source, path: &[&str]) -> Option<SourceSpec> {
        // `env` as a list beside another place names the variables that a program may see.
        let lists_env = raw.place.len() > 1 && raw.place.get("env").is_some_and(Value::is_array);
        let (kind, words) = raw.place.iter().find(|(name, _)| !(lists_env && *name == "env"))?;
        let at = [path, &[kind.as_str()]].concat();
        let args = SourceArgs {
            words: texts(words),
            pass_env: raw.place.get("env").filter(|_| lists_env).map(texts).unwrap_or_default(),
            folder: self.folder.to_owned(),
        };
        let json = raw.json.map(|entry| if entry == "*" { JsonPick::All } else { JsonPick::Entry(entry) });
        let encoding = encoding(raw.encoding);
        let mut source = SourceSpec { kind: kind.clone(), args, secret: None, json, encoding };
        if let Some(plugin) = self.vocabulary.key_source(kind)
            && self.source_is_secret(&source.args.words, plugin.paths, &at)
        {
            return None;
        }
        let passed = [path, &["env"]].concat();
        for name in &source.args.pass_env {
            self.variable_is_secret(name, &passed);
        }
        match self.vocabulary.key_source(kind) {
            Some(_) if has_columns(&source) => {}
            Some(plugin) => {
                if let Err(error) = (plugin.build)(&source.args_for("key")) {
                    self.refused_source(&source, error, &at);
                    return None;
                }
            }
            None if kind == SQL_SOURCE => {}
            None if LATER_SOURCES.contains(&kind.as_str()) => {
                self.not_yet(&at, &format!("the key source `{kind}`"));
            }
            None => return None,
        }
        if let Some(plugin) = self.vocabulary.key_source(kind) {
            source.args.words = self.located(source.args.words, plugin.paths, &at);
        }
        Some(source)
    }

    /// What stands in a source that its plugin refuses may be the key itself, put in the wrong place.
    fn refused_source(&mut self, source: &SourceSpec, error: OptionError, at: &[&str]) {
        let harmless = |word: &String| {
            !secret::looks_secret(word)
                && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./{}".contains(c))
        };
        let (mut message, mut help) = (error.message, error.help);
        for word in source.args.words.iter().filter(|word| !harmless(word) && !word.is_empty()) {
            message = message.replace(word.as_str(), "***");
            help = help.map(|help| help.replace(word.as_str(), "***"));
            self.secrets.push(self.value(at));
        }
        self.find_help("key-source", at, message, help);
    }

    fn key_kdf(&mut self, raw: raw::Kdf, path: &[&str]) -> Option<Kdf> {
        let kdf = self.kdf(raw, path)?;
        if kdf.templates().iter().any(|template| template.reads_cell()) {
            let help = Some("move a derivation that depends on the cell to the seal".to_owned());
            self.find_help("bad-template", path, "the derivation of a key can use only `{key}`", help);
        }
        Some(kdf)
    }

    pub(super) fn kdf(&mut self, raw: raw::Kdf, path: &[&str]) -> Option<Kdf> {
        let (name, kdf) = match raw {
            raw::Kdf::Sha256 {} => return Some(Kdf::Sha256),
            raw::Kdf::HkdfSha256(hkdf) => ("hkdf-sha256", Ok((Digest::Sha256, hkdf))),
            raw::Kdf::HkdfSha384(hkdf) => ("hkdf-sha384", Ok((Digest::Sha384, hkdf))),
            raw::Kdf::Pbkdf2Sha1(pbkdf2) => ("pbkdf2-sha1", Err((Digest::Sha1, pbkdf2))),
            raw::Kdf::Pbkdf2Sha256(pbkdf2) => ("pbkdf2-sha256", Err((Digest::Sha256, pbkdf2))),
            raw::Kdf::HmacSha256(hmac) => {
                let message = self.template(&hmac.message, &[path, &["hmac-sha256", "message"]].concat())?;
                return Some(Kdf::HmacSha256 { message });
            }
        };
        let at = |parameter| [path, &[name, parameter]].concat();
        match kdf {
            Ok((digest, hkdf)) => {
                let salt = self.template(&hkdf.salt, &at("salt"));
                let info = self.template(&hkdf.info, &at("info"));
                Some(Kdf::Hkdf { digest, salt: salt?, info: info?, length: hkdf.length.into() })
            }
            Err((digest, pbkdf2)) => {
                let salt = self.template(&pbkdf2.salt, &at("salt"))?;
                Some(Kdf::Pbkdf2 { digest, salt, rounds: pbkdf2.rounds, length: pbkdf2.length.into() })
            }
        }
    }
}

/// Whether rows of a query fill holes of the source: what they fill in is not there yet.
fn has_columns(source: &SourceSpec) -> bool {
    source.args.words.iter().any(|word| word.replace("{key}", "").contains('{'))
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn encoding(raw: raw::Encoding) -> Encoding {
    match raw {
        raw::Encoding::Raw => Encoding::Raw,
        raw::Encoding::Utf8 => Encoding::Utf8,
        raw::Encoding::Hex => Encoding::Hex,
        raw::Encoding::Base64 => Encoding::Base64,
        raw::Encoding::Base64Url => Encoding::Base64Url,
    }
}
