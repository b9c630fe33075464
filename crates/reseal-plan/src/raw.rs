//! The plan as it is written: types of form alone.
//!
//! These types are the one source of the JSON Schema, of the form check and of what is deserialized. Their comments
//! are what editors show. Nothing outside this crate sees them.

mod envelopes;
mod hooks;
mod keys;
mod notify;
mod policy;
mod schedule;
mod tables;

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

pub(crate) use envelopes::*;
pub(crate) use hooks::*;
pub(crate) use keys::*;
pub(crate) use notify::*;
pub(crate) use policy::*;
pub(crate) use schedule::*;
pub(crate) use tables::*;

/// A plan: where sealed cells live and how they shall be sealed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "some sections are held to their form and not read")]
pub(crate) struct Plan {
    /// Version of the plan language.
    #[schemars(range(min = 1, max = 1))]
    reseal: u32,
    /// The plan's name; `rollback --confirm` asks for it.
    #[schemars(length(min = 1))]
    pub(crate) name: String,
    /// What the plan is for.
    pub(crate) description: Option<String>,
    /// Whom to ask.
    pub(crate) owner: Option<String>,
    /// Where the database is: a source of its URL, or a URL without a password.
    pub(crate) database: Database,
    /// What the application does during a run.
    pub(crate) application: Application,
    /// Keys with ids and one primary.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) keysets: Named<Keyset>,
    /// Ways of sealing.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) seals: Named<Seal>,
    /// Where sealed cells live.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) tables: Named<Table>,
    /// Columns (`table.column`) that discovery must not ask about.
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    /// How large a batch is.
    #[serde(default)]
    pub(crate) batch: Batch,
    /// What slows a run down.
    #[serde(default)]
    pub(crate) throttle: Throttle,
    /// When a run may work: `Mon-Fri 22:00-06:00 Europe/Berlin`.
    #[serde(default)]
    pub(crate) windows: Vec<String>,
    /// How many shards are worked on at once.
    #[schemars(range(min = 1, max = 256))]
    pub(crate) workers: Option<u32>,
    /// What `--emergency` lays over the pace.
    pub(crate) emergency: Option<Emergency>,
    /// Whether old cells are kept for an exact rollback.
    #[serde(default)]
    pub(crate) undo: Undo,
    /// Triggers that may fire with a swap, and columns outside the plan that may change with it.
    #[serde(default)]
    pub(crate) side_effects: Vec<String>,
    /// What refuses late writes under an old key.
    #[serde(default)]
    pub(crate) guard: Guard,
    /// Steps before, during and after a run.
    #[serde(default)]
    pub(crate) hooks: Hooks,
    /// What differs from rotation to rotation and is no secret.
    #[serde(default)]
    pub(crate) vars: Named<Source>,
    /// What happens when.
    pub(crate) schedule: Option<Schedule>,
    /// Who hears of what.
    pub(crate) notify: Option<Notify>,
    /// Ages, approvals and other rules.
    #[serde(default)]
    pub(crate) policy: Policy,
}

/// What the application does during a run.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Application {
    /// It opens with the old key and the new one.
    BothKeys,
    /// It does not write the tables of the plan.
    Paused,
    /// It knows one key only; needs `--accept-outage`.
    OneKey,
}

/// Whether old cells are kept.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Undo {
    /// Old cells are kept until `undo drop`.
    #[default]
    Keep,
    /// No rollback.
    None,
}

/// What refuses late writes under an old key.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Guard {
    /// A CHECK constraint.
    Constraint,
    /// A trigger.
    Trigger,
    /// Nothing.
    #[default]
    None,
}

/// Where the database is.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Database {
    /// A URL without a password: `postgres://`, `mysql://` or `sqlite://`.
    Url(String),
    /// A source that gives the URL.
    Source(DatabaseSource),
}

/// Where the URL of the database is kept.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct DatabaseSource {
    /// `off` allows a connection without TLS to another machine; by itself Reseal refuses it.
    pub(crate) tls: Option<Tls>,
    #[serde(flatten)]
    pub(crate) source: Source,
}

/// Whether a connection to another machine must be encrypted.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tls {
    /// It need not.
    Off,
}

/// How large a batch is.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// Rows in a batch; `auto` finds what takes `target`.
    pub(crate) rows: Option<Rows>,
    /// How long an automatic batch should take: `500ms`.
    pub(crate) target: Option<String>,
    /// The most bytes in a batch: `8MiB`.
    pub(crate) bytes: Option<String>,
}

/// Rows in a batch.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Rows {
    /// As many as take `target`.
    Auto(Auto),
    /// This many.
    Count(#[schemars(range(min = 1, max = 1_000_000))] u32),
}

/// The word `auto`.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Auto {
    Auto,
}

/// What slows a run down.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Throttle {
    /// The most rows in a second.
    #[schemars(range(min = 1))]
    pub(crate) rows_per_second: Option<u32>,
    /// The most a replica may lag behind: `10s`.
    pub(crate) max_lag: Option<String>,
    /// While this file exists, the run waits.
    pub(crate) pause_file: Option<String>,
}

/// What `--emergency` lays over the pace.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Emergency {
    /// How large a batch is.
    pub(crate) batch: Option<Batch>,
    /// What slows the run down, or `none`.
    pub(crate) throttle: Option<OrNone<Throttle>>,
    /// When the run may work, or `none`: always.
    pub(crate) windows: Option<OrNone<Vec<String>>>,
    /// How many shards are worked on at once.
    #[schemars(range(min = 1, max = 256))]
    pub(crate) workers: Option<u32>,
    /// When the run must be over, from its start: `24h`.
    pub(crate) deadline: Option<String>,
}

/// A value, or the word `none`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OrNone<T> {
    /// The word.
    None(NoneWord),
    /// The value.
    Some(T),
}

/// The word `none`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NoneWord {
    None,
}

/// One text or a list of them.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One.
    One(String),
    /// Several.
    Many(#[schemars(length(min = 1))] Vec<String>),
}

impl OneOrMany {
    pub(crate) fn into_vec(self) -> Vec<String> {
        match self {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

/// A map whose names are the author's, in the order of the file. An entry with a mistake of form is `None`: its name
/// counts, its content is left alone.
pub(crate) struct Named<T>(pub(crate) Vec<(String, Option<T>)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named(Vec::new())
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Named{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        std::collections::BTreeMap::<String, T>::json_schema(generator)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }
        deserializer.deserialize_map(Entries(PhantomData))
    }
}
