//! Envelopes, and what they need: a place for the wrapped DEK, KEKs, and a format that a DEK fits.

use std::collections::BTreeSet;

use reseal_core::{KeyLength, Part};

use super::together::Use;
use super::{Entries, Meaning, quoted};
use crate::document::Finding;
use crate::names::listed;
use crate::plan::{
    EnvelopeSpec, FieldSpec, KeyOfRow, KeysPlace, KeysetSpec, Move, SealSpec, SourceSpec, TableSpec,
};
use crate::raw;

/// Where a key stands in its keyset: the section, and its name or number there.
type Place = (&'static str, String);

impl Meaning<'_> {
    pub(super) fn envelope(&mut self, raw: raw::Envelope, path: &[&str]) -> Option<EnvelopeSpec> {
        let mut context = Vec::new();
        let mut sound = true;
        for (name, text) in raw.context.0 {
            let at = [path, &["context", &name]].concat();
            match text.and_then(|text| self.template(&text, &at)) {
                Some(template) => context.push((name, template)),
                None => sound = false,
            }
        }
        let r#move = match raw.r#move {
            raw::Move::Rewrap => Move::Rewrap,
            raw::Move::ReEncrypt => Move::ReEncrypt,
        };
        let dek_bytes = match raw.dek {
            raw::Dek::Aes256 => 32,
            raw::Dek::Aes128 => 16,
        };
        sound.then_some(EnvelopeSpec { r#move, dek_bytes, context })
    }

    /// An envelope seal takes KEKs and no others, a plain seal none: each seal once, wherever it is used.
    pub(super) fn keks_fit(&mut self, keysets: &Entries<KeysetSpec>, seals: &Entries<SealSpec>) {
        let mut reported = BTreeSet::new();
        let kinds: Vec<&str> = self.vocabulary.keks.iter().map(|plugin| plugin.name).collect();
        let kinds = format!("use a KEK: {}", listed(&kinds, "or"));
        for seal in seals.iter().filter_map(|(_, seal)| seal.as_ref()) {
            let Some(keyset) = seal.keyset.and_then(|at| keysets[at].1.as_ref()) else { continue };
            let (keks, others) = self.kinds_of(keyset);
            let (wrong, message, help) = match seal.envelope {
                Some(_) => (
                    others,
                    format!(
                        "seal {} is an envelope, so all keys of its keyset must be KEKs",
                        quoted(&seal.name)
                    ),
                    kinds.as_str(),
                ),
                None => (
                    keks,
                    format!(
                        "seal {} is not an envelope, so its keyset must not contain a KEK",
                        quoted(&seal.name)
                    ),
                    "add `envelope:` to the seal, or use a keyset without KEKs",
                ),
            };
            for (section, name) in wrong {
                if reported.insert((keyset.name.clone(), name.clone())) {
                    let path = ["keysets", &keyset.name, section, &name];
                    let finding = Finding::new("kek", self.named(&path), message.clone());
                    self.findings.push(finding.help(help));
                }
            }
        }
    }

    /// The keys of a keyset by their places in it: those that are KEKs, and the others.
    fn kinds_of(&self, keyset: &KeysetSpec) -> (Vec<Place>, Vec<Place>) {
        let is_kek = |source: &SourceSpec| self.vocabulary.kek(&source.kind).is_some();
        let keys = keyset.keys.iter().map(|key| (("keys", key.id.name().to_owned()), is_kek(&key.source)));
        let listed = keyset.keys_from.iter().enumerate().map(|(at, from)| {
            let kek = match &from.place {
                KeysPlace::Query { key: KeyOfRow::Source(source), .. } => is_kek(source),
                _ => false,
            };
            (("keys_from", at.to_string()), kek)
        });
        let (keks, others): (Vec<_>, Vec<_>) = keys.chain(listed).partition(|(_, kek)| *kek);
        let places = |keys: Vec<(Place, bool)>| keys.into_iter().map(|(place, _)| place).collect();
        (places(keks), places(others))
    }

    /// What an envelope asks of its own seal.
    pub(super) fn envelope_fits(&mut self, table: &TableSpec, field: &FieldSpec, one: &Use<'_>) {
        let seal = one.seal;
        let Some(envelope) = &seal.envelope else { return };
        let (name, path) = (quoted(&seal.name), ["seals", seal.name.as_str()]);
        let at_seal = |entry: &'static str| [path[0], path[1], entry];
        if !field.columns.iter().any(|(part, _)| *part == Part::WrappedDek) {
            let message =
                format!("seal {name} is an envelope, but this field has no column for the wrapped DEK");
            let help = "add it: columns: { ciphertext: …, wrapped_dek: COLUMN }";
            self.at_field("no-wrapped-dek", table, field, message, Some(help));
        }
        if seal.kdf.is_some() {
            let message = "`kdf` and `envelope` cannot be combined: a DEK is random and needs no derivation";
            self.find("envelope-kdf", &at_seal("kdf"), message);
        }
        let fits = match one.built.key_length {
            KeyLength::OneOf(lengths) => lengths.contains(&envelope.dek_bytes),
            KeyLength::Passphrase | KeyLength::None => false,
        };
        if !fits {
            let message =
                format!("a DEK of {} bytes is not a valid key for `{}`", envelope.dek_bytes, one.seal.format);
            self.find("envelope-format", &at_seal("envelope"), message);
        }
        if envelope.r#move != Move::Rewrap {
            return;
        }
        let help = Some("use `move: re-encrypt`".to_owned());
        if one.built.marked {
            let message =
                format!("a rewrap does not change the payload, but the payload of seal {name} names its key");
            self.find_help("envelope-marked", &at_seal("envelope"), message, help);
        } else if seal.aad.as_ref().is_some_and(|aad| aad.reads_key()) {
            let message = format!(
                "a rewrap does not change the payload, but the AAD of seal {name} contains the key ID"
            );
            self.find_help("envelope-marked", &at_seal("aad"), message, help);
        }
    }

    /// What belongs to an envelope, where no seal of the field is one.
    pub(super) fn dek_columns_fit(
        &mut self,
        table: &TableSpec,
        field: &FieldSpec,
        uses: &[(usize, Use<'_>)],
    ) {
        let has = |wanted| field.columns.iter().any(|(part, _)| *part == wanted);
        let path = ["tables", &table.label, "fields", &field.name, "columns"];
        if has(Part::DekNonce) && !has(Part::WrappedDek) {
            let message = "`dek_nonce` requires `wrapped_dek`";
            self.find("dek-nonce", &[&path[..], &["dek_nonce"]].concat(), message);
        }
        let all_known = uses.len() == field.seals().count();
        if has(Part::WrappedDek) && all_known && uses.iter().all(|(_, one)| one.seal.envelope.is_none()) {
            let message = "this field has a column for wrapped DEKs, but none of its seals is an envelope";
            let help = Some("add `envelope: { move: rewrap }` to a seal, or remove the column".to_owned());
            self.find_help("no-envelope", &[&path[..], &["wrapped_dek"]].concat(), message, help);
        }
    }

    /// The columns that copy parts of a field.
    pub(super) fn mirrors(
        &mut self,
        raw: Option<raw::Columns<Option<String>>>,
        columns: &[(Part, String)],
        path: &[&str],
    ) -> Vec<(Part, String)> {
        let Some(raw) = raw else { return Vec::new() };
        let mirrors = raw.named();
        if mirrors.is_empty() {
            self.find("empty", path, "`mirrors` must name a column");
        }
        for (part, _) in &mirrors {
            if !columns.iter().any(|(other, _)| other == part) {
                let known: Vec<&str> = columns.iter().map(|(part, _)| part.name()).collect();
                let message = format!(
                    "`mirrors` names a copy of the {}, but the field has no column for it",
                    part.name()
                );
                let help = Some(format!("its columns are {}", listed(&known, "and")));
                self.find_help("mirror-of-nothing", &[path, &[part.name()]].concat(), message, help);
            }
        }
        mirrors
    }
}
