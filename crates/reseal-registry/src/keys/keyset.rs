//! The keys of one keyset: those that the plan names, then those that its sources list.

use reseal_core::{Key, Keyset, KeysetError};
use reseal_plan::{KeyIdSpec, KeySpec, KeysetSpec, Plan, PrimarySpec};

use super::bytes::text;
use super::length::right_length;
use super::many::Listed;
use super::reader::Reader;
use super::{KeyFacts, Purpose, ReadKeyError};

/// A keyset whose keys are being read.
pub(super) struct Reading<'p> {
    plan: &'p Plan,
    at: usize,
    /// The primary that the command line asks for.
    asked: Option<&'p str>,
    /// The primary that the plan or its source names.
    planned: Option<String>,
    purpose: Purpose,
    /// Why a key in a role could not be read, where it was left out.
    away: Option<ReadKeyError>,
    keys: Vec<Key>,
    facts: Vec<KeyFacts>,
}

impl<'p> Reading<'p> {
    /// Learns which key is the primary.
    pub(super) async fn begin(
        plan: &'p Plan,
        at: usize,
        asked: Option<&'p str>,
        purpose: Purpose,
        reader: &mut Reader<'_>,
    ) -> Result<Self, ReadKeyError> {
        let planned = primary(&plan.keysets[at], reader).await?;
        Ok(Reading { plan, at, asked, planned, purpose, away: None, keys: Vec::new(), facts: Vec::new() })
    }

    fn spec(&self) -> &'p KeysetSpec {
        &self.plan.keysets[self.at]
    }

    /// Reads the keys that the plan names.
    pub(super) async fn named(&mut self, reader: &mut Reader<'_>) -> Result<(), ReadKeyError> {
        reader.from = None;
        for key in &self.spec().keys {
            let id = match (&key.id, &self.planned) {
                (KeyIdSpec::Literal(id), _) => id.clone(),
                (KeyIdSpec::Primary, Some(id)) => id.clone(),
                (KeyIdSpec::Primary, None) => continue,
            };
            let made = self.made(key, &id, reader).await;
            match made.and_then(|made| right_length(self.plan, self.at, &made).map(|()| made)) {
                Ok(made) => self.keys.push(made),
                // Between two rotations nobody has the role of the next key.
                Err(error) if self.purpose == Purpose::Look && self.spec().roles => {
                    reader.warnings.push(format!("skipped: {}", error.message));
                    self.away = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The key that the application seals with where the one in the primary's role is away: the only one that there is.
    fn only(&self) -> Option<String> {
        match (&self.away, &self.keys[..]) {
            (Some(_), [only]) => Some(only.id().to_owned()),
            _ => None,
        }
    }

    async fn made(&self, key: &KeySpec, id: &str, reader: &mut Reader<'_>) -> Result<Key, ReadKeyError> {
        let what = format!("key `{id}` of keyset `{}`", self.spec().name);
        let args = key.source.args_for(id);
        let made = reader.key(id, &key.source, &args, key.kdf.as_ref(), &what).await?;
        Ok(match &key.tag {
            Some(tag) => made.tagged(tag),
            None => made,
        })
    }

    /// Reads the keys that its sources list.
    pub(super) async fn listed(&mut self, reader: &mut Reader<'_>) -> Result<(), ReadKeyError> {
        for (number, from) in self.spec().keys_from.iter().enumerate() {
            reader.from = Some(number);
            for listed in reader.many(from, &self.spec().name).await? {
                self.add(listed, &mut reader.warnings)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, listed: Listed, warnings: &mut Vec<String>) -> Result<(), ReadKeyError> {
        self.facts.extend(listed.facts.clone());
        // What is named twice has to be one key: under two, cells of one tag would open under this or that.
        if let Some(known) = self.keys.iter().find(|key| key.id() == listed.id) {
            return match listed.key.is_ok_and(|key| key.identity() != known.identity()) {
                true => Err(two_keys(&self.spec().name, &listed.id)),
                false => Ok(()),
            };
        }
        let idle = listed.is_idle() && self.asked.or(self.planned.as_deref()) != Some(listed.id.as_str());
        let made = listed.key.and_then(|key| right_length(self.plan, self.at, &key).map(|()| key));
        match made {
            Ok(key) => self.keys.push(key),
            // A key that no cell is under any more, or none yet: whether that is so, the sample and the sweep tell.
            Err(error) if idle => warnings.push(format!("skipped: {}", error.message)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The keyset, and what its sources say of its keys.
    pub(super) fn end(self) -> Result<(Keyset, Vec<KeyFacts>), ReadKeyError> {
        let spec = self.spec();
        let has = |id: &str| self.keys.iter().any(|key| key.id() == id);
        let asked = self.asked.filter(|asked| self.planned.is_some() && has(asked));
        let only = self.only();
        if let (Some(error), None) = (&self.away, &only) {
            return Err(error.clone());
        }
        let primary = only.as_deref().or(asked).or(self.planned.as_deref());
        let keyset = Keyset::new(&spec.name, self.keys, primary);
        Ok((keyset.map_err(|error| ReadKeyError::new(error.to_string(), help(&error)))?, self.facts))
    }
}

async fn primary(spec: &KeysetSpec, reader: &mut Reader<'_>) -> Result<Option<String>, ReadKeyError> {
    Ok(match &spec.primary {
        PrimarySpec::None => None,
        PrimarySpec::Id(id) => Some(id.clone()),
        PrimarySpec::Source(source) => {
            let what = format!("the primary of keyset `{}`", spec.name);
            let material = reader.read(source, &source.args, &what).await?;
            Some(text(&material, &what)?.trim().to_owned())
        }
    })
}

fn help(error: &KeysetError) -> &'static str {
    match error {
        KeysetError::NoSuchPrimary { .. } => "check the value of `primary:` or `--primary`",
        KeysetError::Twice { .. } => "give each key its own key ID and tag",
        KeysetError::SameBytes { .. } => "generate a new key with `reseal keys generate`",
    }
}

fn two_keys(keyset: &str, id: &str) -> ReadKeyError {
    let message =
        format!("keyset `{keyset}`: the plan and a list of keys have different bytes for key `{id}`");
    ReadKeyError::new(message, "give the new key its own key ID; cells that name the old one still need it")
}
