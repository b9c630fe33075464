//! What fits together: formats with the columns they are used on, `to` seals with `from` seals, keysets with their use.

use std::collections::{BTreeMap, BTreeSet};

use reseal_core::{BuiltFormat, FittedFormat, KeyLength, Part};

use super::shared::Written;
use super::{Entries, Meaning, quoted};
use crate::document::Finding;
use crate::names::listed;
use crate::plan::{FieldSpec, KeyIdSpec, KeysetSpec, PrimarySpec, SealSpec, TableSpec};

/// A seal as one field uses it.
pub(super) struct Use<'p> {
    pub(super) seal: &'p SealSpec,
    keyset: Option<&'p KeysetSpec>,
    pub(super) built: BuiltFormat,
    /// The columns that it reads and writes.
    pub(super) parts: Vec<Part>,
    /// Whether a cell, or a column beside it, names the key.
    marked: bool,
}

impl Use<'_> {
    /// Whether anything at all tells a wrong key from the right one.
    fn proves_key(&self) -> bool {
        self.built.authenticated || self.marked || self.built.plaintext
    }
}

/// Formats as they were built, by seal and parts; `None` where the plugin refused.
type Built = BTreeMap<(usize, Vec<Part>), Option<FittedFormat>>;

/// What the check of a field gives.
#[derive(Default)]
struct FieldFit {
    /// What new cells begin with, where that is known; a NUL stands for their key.
    begins: Option<Vec<u8>>,
    /// The columns that new cells fill.
    writes: Vec<Part>,
}

impl Meaning<'_> {
    pub(super) fn together(
        &mut self,
        keysets: &Entries<KeysetSpec>,
        seals: &Entries<SealSpec>,
        tables: &Entries<TableSpec>,
    ) {
        let mut built = Built::new();
        let mut used = BTreeSet::new();
        self.keks_fit(keysets, seals);
        for table in tables.iter().filter_map(|(_, table)| table.as_ref()) {
            let (mut begins, mut written) = (Vec::new(), Vec::new());
            for field in &table.fields {
                used.extend(field.seals());
                let fit = self.field_fits(table, field, keysets, seals, &mut built).unwrap_or_default();
                begins.push(fit.begins);
                let to = seals[field.to].1.as_ref();
                written.extend(to.map(|to| Written { field, to, parts: fit.writes }));
            }
            self.condition(table, &begins);
            self.shared_parts(table, &written);
        }
        // Where something is broken, nobody knows whether it names what seems to be unused.
        if tables.iter().all(|(_, table)| table.is_some()) {
            self.unused_seals(seals, &used);
        }
        let all_named = !self.findings.iter().any(|finding| finding.code == "no-keyset");
        if all_named && seals.iter().all(|(_, seal)| seal.is_some()) {
            self.unused_keysets(keysets, seals);
        }
    }

    fn unused_seals(&mut self, seals: &Entries<SealSpec>, used: &BTreeSet<usize>) {
        for (_, (name, _)) in seals.iter().enumerate().filter(|(at, _)| !used.contains(at)) {
            let message = format!("seal {} is not used by any field", quoted(name));
            self.findings.push(Finding::new("unused-seal", self.named(&["seals", name]), message));
        }
    }

    fn unused_keysets(&mut self, keysets: &Entries<KeysetSpec>, seals: &Entries<SealSpec>) {
        for (at, (name, keyset)) in keysets.iter().enumerate() {
            if seals.iter().filter_map(|(_, seal)| seal.as_ref()).any(|seal| seal.keyset == Some(at)) {
                continue;
            }
            let keys: Vec<&str> =
                keyset.iter().flat_map(|keyset| &keyset.keys).map(|key| key.id.name()).collect();
            let help = (!keys.is_empty()).then(|| format!("unused keys: {}", listed(&keys, "and")));
            let message = format!("keyset {} is not used by any seal", quoted(name));
            let span = self.named(&["keysets", name]);
            self.findings.push(Finding::new("unused-keyset", span, message).maybe_help(help));
        }
    }

    fn field_fits(
        &mut self,
        table: &TableSpec,
        field: &FieldSpec,
        keysets: &Entries<KeysetSpec>,
        seals: &Entries<SealSpec>,
        built: &mut Built,
    ) -> Option<FieldFit> {
        let parts = field.parts(table);
        let mut uses = Vec::new();
        for at in field.seals() {
            let Some(seal) = &seals[at].1 else { continue };
            let format =
                built.entry((at, parts.clone())).or_insert_with(|| self.built(table, field, seal, &parts));
            let Some(FittedFormat { built, parts }) = format.clone() else { continue };
            let keyset = seal.keyset.and_then(|at| keysets[at].1.as_ref());
            let marked = built.marked || parts.contains(&Part::Key);
            uses.push((at, Use { seal, keyset, built, parts, marked }));
        }
        for (_, one) in &uses {
            self.seal_fits(table, one);
            self.envelope_fits(table, field, one);
        }
        self.dek_columns_fit(table, field, &uses);
        self.parts_are_read(table, field, &uses);
        let (to, from) = uses.split_first().filter(|((at, _), _)| *at == field.to)?;
        self.can_seal(table, field, &to.1);
        for (_, one) in from {
            self.told_from(table, field, &to.1, one);
            self.says_the_same(table, field, &to.1, one);
        }
        let plain = uses.iter().any(|(_, one)| one.built.plaintext);
        for (_, one) in uses.iter().filter(|(_, one)| plain && !one.proves_key()) {
            let message = format!(
                "cells that are not sealed cannot be distinguished from cells of seal {}, which have neither \
                 a mark nor authentication",
                quoted(&one.seal.name)
            );
            let help = "encrypt the plaintext cells in a separate run, before or after this one";
            self.at_field("plaintext-beside", table, field, message, Some(help));
        }
        Some(FieldFit { begins: to.1.built.format.prefix("\0"), writes: to.1.parts.clone() })
    }

    /// A column for a nonce or a tag is for a seal of the field that keeps them there.
    fn parts_are_read(&mut self, table: &TableSpec, field: &FieldSpec, uses: &[(usize, Use<'_>)]) {
        let own = [Part::Nonce, Part::Tag];
        let columns = field.columns.iter().filter(|(part, _)| own.contains(part));
        for (part, _) in columns.filter(|_| uses.len() == field.seals().count()) {
            if uses.iter().any(|(_, one)| one.parts.contains(part) || one.built.plaintext) {
                continue;
            }
            let name = part.name();
            let path = ["tables", &table.label, "fields", &field.name, "columns", name];
            let message = format!("the {name} is both in the layout and in a column of its own");
            self.find_help("part-twice", &path, message, Some("remove the column".to_owned()));
        }
    }

    /// Builds a seal's format, with the plugin's complaint at the option it is about.
    fn built(
        &mut self,
        table: &TableSpec,
        field: &FieldSpec,
        seal: &SealSpec,
        parts: &[Part],
    ) -> Option<FittedFormat> {
        let plugin = self.vocabulary.format(&seal.format)?;
        let error = match plugin.fit(&seal.options, parts) {
            Ok(fitted) => return Some(fitted),
            Err(error) => error,
        };
        // A seal that every plan has stands nowhere; its field does.
        let span = match seal.line {
            0 => self.named(&["tables", &table.label, "fields", &field.name]),
            _ => {
                let option = error.option.unwrap_or_default();
                self.value(&["seals", &seal.name, "format", &seal.format, option])
            }
        };
        self.findings.push(Finding::new("format-option", span, error.message).maybe_help(error.help));
        None
    }

    /// What a seal must have wherever it is used.
    fn seal_fits(&mut self, table: &TableSpec, one: &Use<'_>) {
        let path = ["seals", one.seal.name.as_str()];
        let name = quoted(&one.seal.name);
        let at_seal = |entry: &'static str| [path[0], path[1], entry];
        match (one.built.key_length, one.seal.keyset) {
            (KeyLength::None, Some(_)) => {
                self.find("keyless", &at_seal("keyset"), format!("`{}` does not use keys", one.seal.format));
            }
            (KeyLength::None, None) | (_, Some(_)) => {}
            (_, None) => {
                let message =
                    format!("`keyset` is missing from {name}: `{}` requires a key", one.seal.format);
                self.findings.push(Finding::new("no-keyset", self.named(&path), message));
            }
        }
        let validates = one.built.format.validates() || one.seal.validator.is_some();
        if !one.proves_key() && !validates {
            let message =
                format!("`{}` is not authenticated: a wrong key may appear to open a cell", one.seal.format);
            let help = "name the key in the cell or in a key column, or add `validator:` to the seal (utf8, \
                        json or a pattern)";
            self.findings.push(Finding::new("no-proof", self.named(&path), message).help(help));
        }
        if one.seal.aad.is_some() && !one.built.format.binds_aad() {
            let message = format!("`{}` does not support additional data", one.seal.format);
            self.find_help("aad-unbound", &at_seal("aad"), message, Some("remove `aad`".into()));
        }
        let roles = one.keyset.filter(|keyset| keyset.roles && one.marked);
        if let Some(keyset) = roles.filter(|keyset| keyset.keys.iter().any(|key| key.tag.is_none())) {
            let message = format!(
                "cells of seal {name} name their key, so a key ID must not be a role that moves from key to \
                 key"
            );
            let help = "set `tag:` of each key as the data has it, or remove `roles: true`";
            self.find_help("roles", &["keysets", &keyset.name, "roles"], message, Some(help.into()));
        }
        self.templates_fit(table, one.seal);
    }

    /// What templates read must be there, and stay as it is.
    fn templates_fit(&mut self, table: &TableSpec, seal: &SealSpec) {
        let name = quoted(&seal.name);
        let rotated = |column: &str| {
            let columns = table.fields.iter().flat_map(|field| field.columns.iter().chain(&field.mirrors));
            columns.filter(|(part, _)| *part != Part::Key).any(|(_, other)| other == column)
                || table.fields.iter().any(|field| field.last_error.as_deref() == Some(column))
                || table.key_column.as_deref() == Some(column)
        };
        let of_kdf = seal.kdf.iter().flat_map(|kdf| kdf.templates());
        let of_context = seal.envelope.iter().flat_map(|envelope| &envelope.context);
        let templates = seal.aad.iter().map(|aad| ("aad", aad)).chain(of_kdf.map(|kdf| ("kdf", kdf)));
        for (entry, template) in templates.chain(of_context.map(|(_, template)| ("envelope", template))) {
            if template.reads_tenant() && table.tenant.is_none() {
                let message = format!(
                    "seal {name} uses the tenant, but table {} has no tenant column",
                    quoted(&table.label)
                );
                let span = self.named(&["tables", &table.label]);
                self.findings
                    .push(Finding::new("no-tenant", span, message).help("add `tenant: COLUMN` to the table"));
            }
            for column in template.columns().filter(|column| rotated(column)) {
                let message = format!(
                    "seal {name} reads column {} of table {}, which the run rewrites",
                    quoted(column),
                    quoted(&table.label)
                );
                self.find("reads-rotated", &["seals", &seal.name, entry], message);
            }
        }
    }

    /// A `to` seal must be able to seal.
    fn can_seal(&mut self, table: &TableSpec, field: &FieldSpec, to: &Use<'_>) {
        if to.built.plaintext {
            let message = "cells are never turned into plaintext; this seal is allowed only in `from`";
            self.at_field("to-plaintext", table, field, message.into(), None);
        }
        if let Some(keyset) = to.keyset.filter(|keyset| keyset.primary == PrimarySpec::None) {
            let message = format!("{} is a `to` seal, but its keyset has no primary", quoted(&to.seal.name));
            let help = "add a primary to the keyset, or use the seal only in `from`";
            self.find_help("only-opens", &["keysets", &keyset.name, "primary"], message, Some(help.into()));
        }
    }

    /// Whether a cell can be known to be done: by its form, by its mark, or by what opens it.
    fn told_from(&mut self, table: &TableSpec, field: &FieldSpec, to: &Use<'_>, from: &Use<'_>) {
        let (new, old) = (to.seal, from.seal);
        // Whether there is a wrapped DEK tells an envelope from a plain seal.
        if new.envelope.is_some() != old.envelope.is_some()
            || new.name == old.name
            || new.format != old.format
            || new.options != old.options
        {
            return;
        }
        let same_keys = new.keyset == old.keyset;
        let same_use = new.aad == old.aad && new.kdf == old.kdf;
        let why = if same_keys && same_use {
            "the seals are identical".to_owned()
        } else if same_keys && to.marked {
            // The mark says "primary" in both, so a cell of the old seal would be taken for done.
            "their cells have the same marks".to_owned()
        } else if let Some(tag) = shared_primary_tag(to, from) {
            format!("both keysets mark cells with {}", quoted(&tag))
        } else if !to.built.authenticated && !to.marked {
            "their cells have the same form, and opening a cell does not prove which key is right".to_owned()
        } else {
            return;
        };
        let message = format!(
            "cells of seal {} cannot be distinguished from cells of seal {}: {why}",
            quoted(&new.name),
            quoted(&old.name)
        );
        let help = if same_keys && same_use {
            "remove one of them"
        } else {
            "use a different layout for the new seal"
        };
        self.at_field("not-told-apart", table, field, message, Some(help));
    }

    /// What the form of cells says of their values, new ones must say too, and no more: else an application takes a value for
    /// what it is not.
    fn says_the_same(&mut self, table: &TableSpec, field: &FieldSpec, to: &Use<'_>, from: &Use<'_>) {
        let (new, old) = (to.built.format.value_marks(), from.built.format.value_marks());
        let of_old = old.iter().filter(|mark| !new.contains(mark)).map(|mark| (mark, from, to));
        let of_new = new.iter().filter(|mark| !old.contains(mark)).map(|mark| (mark, to, from));
        let Some((mark, has, lacks)) = of_old.chain(of_new).next() else { return };
        let (has, lacks) = (quoted(&has.seal.name), quoted(&lacks.seal.name));
        let message = format!(
            "the layout of seal {has} marks each value with {mark}, but the layout of seal {lacks} does not"
        );
        let help = "use the same mark in both layouts, or let the application convert these values";
        self.at_field("other-marks", table, field, message, Some(help));
    }

    pub(super) fn at_field(
        &mut self,
        code: &'static str,
        table: &TableSpec,
        field: &FieldSpec,
        message: String,
        help: Option<&str>,
    ) {
        let span = self.named(&["tables", &table.label, "fields", &field.name]);
        self.findings.push(Finding::new(code, span, message).maybe_help(help.map(str::to_owned)));
    }
}

/// The mark of the new primary, where a key of the old keyset carries it too.
fn shared_primary_tag(to: &Use<'_>, from: &Use<'_>) -> Option<String> {
    let (new, old) = (to.keyset.filter(|_| to.marked)?, from.keyset.filter(|_| from.marked)?);
    let PrimarySpec::Id(primary) = &new.primary else { return None };
    let tags = |keyset: &KeysetSpec| -> Vec<(Option<String>, String)> {
        let literal = |id: &KeyIdSpec| match id {
            KeyIdSpec::Literal(id) => Some(id.clone()),
            KeyIdSpec::Primary => None,
        };
        let keys = keyset.keys.iter().filter_map(|key| {
            let id = literal(&key.id);
            let tag = key.tag.clone().or_else(|| id.clone())?;
            Some((id, tag))
        });
        keys.collect()
    };
    let tag = tags(new).into_iter().find(|(id, _)| id.as_ref() == Some(primary))?.1;
    tags(old).iter().any(|(_, other)| *other == tag).then_some(tag)
}
