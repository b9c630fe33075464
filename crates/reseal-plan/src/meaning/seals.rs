//! Seals: format, keyset, templates.

use reseal_core::{FormatPlugin, Options, Validator};
use serde_json::Value;

use super::{Entries, Meaning, flat, index_of, names_of, quoted};
use crate::document::Finding;
use crate::names::{did_you_mean, listed};
use crate::options::with_places;
use crate::plan::{KeysetSpec, SealSpec};
use crate::preset::BASE;
use crate::raw;

impl Meaning<'_> {
    pub(super) fn seals(
        &mut self,
        raw: raw::Named<raw::Seal>,
        keysets: &Entries<KeysetSpec>,
    ) -> Entries<SealSpec> {
        let seals = raw.0.into_iter();
        seals
            .map(|(name, raw)| {
                let seal = raw.and_then(|raw| self.seal(&name, raw, keysets));
                (name, seal)
            })
            .collect()
    }

    fn seal(&mut self, name: &str, raw: raw::Seal, keysets: &Entries<KeysetSpec>) -> Option<SealSpec> {
        let path = ["seals", name];
        let under = |entry| [path[0], path[1], entry];
        if self.unsealed_format().is_some_and(|format| format.name == name) {
            let message = format!("the name {} is reserved for cells that are not sealed", quoted(name));
            self.findings.push(Finding::new("reserved-name", self.named(&path), message));
        }
        let keyset = raw.keyset.map(|keyset| {
            let at = index_of(keysets, &keyset);
            if at.is_none() {
                self.unknown("unknown-keyset", "keyset", &keyset, &names_of(keysets), &under("keyset"));
            }
            at
        });
        let envelope = raw.envelope.map(|envelope| self.envelope(envelope, &under("envelope")));
        let aad = raw.aad.map(|aad| self.template(&aad, &under("aad")));
        let kdf = raw.kdf.map(|kdf| self.kdf(kdf, &under("kdf")));
        let validator = raw.validator.map(|validator| self.validator(validator, &under("validator")));
        let (written, options) = raw.format.named()?;
        let place = ["seals", name, "format", written.as_str()];
        let (format, options) = self.expanded(written.clone(), options, &place)?;
        let plugin = self.vocabulary.format(&format)?;
        let sources = self.option_sources(plugin.options, &options, &place);
        Some(SealSpec {
            name: name.into(),
            keyset: flat(keyset)?,
            format,
            options: with_places(&options),
            sources: sources?,
            aad: flat(aad)?,
            kdf: flat(kdf)?,
            validator: flat(validator)?,
            envelope: flat(envelope)?,
            line: self.line(&path),
        })
    }

    /// A preset's options as those of the format that it is stated in.
    fn expanded(&mut self, format: String, options: Value, place: &[&str]) -> Option<(String, Value)> {
        let Some(preset) = self.vocabulary.preset(&format) else { return Some((format, options)) };
        match preset.expand(&options) {
            Ok(options) => {
                self.presets.insert(place[1].to_owned(), options.clone());
                Some((BASE.to_owned(), options))
            }
            Err(unfit) => {
                let path = [place, &[&unfit.option]].concat();
                self.find_help("format-option", &path, unfit.message, Some(unfit.help));
                None
            }
        }
    }

    fn validator(&mut self, raw: raw::Validator, path: &[&str]) -> Option<Validator> {
        match raw {
            raw::Validator::Utf8 => Some(Validator::Utf8),
            raw::Validator::Json => Some(Validator::Json),
            raw::Validator::Pattern(pattern) => Validator::pattern(&pattern)
                .map_err(|error| {
                    self.find(
                        "bad-pattern",
                        &[path, &["pattern"]].concat(),
                        format!("not a valid regular expression: {error}"),
                    );
                })
                .ok(),
        }
    }

    /// The format whose cells are not sealed: every plan has a seal of its name.
    pub(super) fn unsealed_format(&self) -> Option<&FormatPlugin> {
        self.vocabulary
            .formats
            .iter()
            .find(|plugin| (plugin.build)(&Options::default(), &[]).is_ok_and(|built| built.plaintext))
    }

    /// The seal with a name; the one for cells that are not sealed joins the plan when it is first named.
    pub(super) fn seal_named(
        &mut self,
        name: &str,
        seals: &mut Entries<SealSpec>,
        path: &[&str],
    ) -> Option<usize> {
        if let Some(at) = index_of(seals, name) {
            return Some(at);
        }
        let Some(format) = self.unsealed_format().map(|format| format.name).filter(|format| *format == name)
        else {
            let mut known = names_of(seals);
            known.extend(self.unsealed_format().map(|format| format.name));
            let known: Vec<String> = known.into_iter().map(str::to_owned).collect();
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            self.unknown("unknown-seal", "seal", name, &known, path);
            return None;
        };
        let seal = SealSpec {
            name: format.into(),
            keyset: None,
            format: format.into(),
            options: Options::default(),
            sources: Vec::new(),
            aad: None,
            kdf: None,
            validator: None,
            envelope: None,
            line: 0,
        };
        seals.push((format.into(), Some(seal)));
        Some(seals.len() - 1)
    }

    pub(super) fn unknown(
        &mut self,
        code: &'static str,
        what: &str,
        name: &str,
        known: &[&str],
        path: &[&str],
    ) {
        let message = format!("unknown {what} {}", quoted(name));
        let help = did_you_mean(name, known)
            .or_else(|| (!known.is_empty()).then(|| format!("valid names: {}", listed(known, "and"))));
        self.find_help(code, path, message, help);
    }
}
