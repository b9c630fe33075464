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

/// A plan: where encrypted cells are and how they are sealed.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "some sections are held to their form and not read")]
pub(crate) struct Plan {
    /// Version of the plan language: 1.
    #[schemars(range(min = 1, max = 1))]
    reseal: u32,
    /// Name of the plan: at most 63 characters: a-z, A-Z, 0-9, dots, hyphens and underscores. `rollback --confirm` requires it.
    #[schemars(length(min = 1))]
    pub(crate) name: String,
    /// Purpose of the plan, for people. Default: none.
    pub(crate) description: Option<String>,
    /// Person or team that is responsible for the plan, for people. Default: none.
    pub(crate) owner: Option<String>,
    /// The database: a source of its URL, or a URL without a password.
    pub(crate) database: Database,
    /// Which keys the application uses during a run, or whether it is paused.
    pub(crate) application: Application,
    /// The keysets, by name. A keyset has keys with IDs and one primary.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) keysets: Named<Keyset>,
    /// The seals, by name. A seal is a format with a keyset and its parameters.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) seals: Named<Seal>,
    /// Files with formats of the plan's own, relative to the directory of the plan. Seals can name these formats. Default: none.
    #[serde(default)]
    formats: Vec<String>,
    /// The tables with encrypted cells, as `table` or `schema.table`.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) tables: Named<Table>,
    /// Columns that discovery does not report, as `table.column` or `schema.table.column`. Default: none.
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    /// Batch size. Default: 500 ms and at most 8 MiB per batch.
    #[serde(default)]
    pub(crate) batch: Batch,
    /// Limits on the speed of a run. Default: no limit.
    #[serde(default)]
    pub(crate) throttle: Throttle,
    /// Weekly times when a run may work, each with a time zone: `Mon-Fri 22:00-06:00 Europe/Berlin`. Default: always.
    #[serde(default)]
    pub(crate) windows: Vec<String>,
    /// Number of workers, which process shards in parallel. Default: 2.
    #[schemars(range(min = 1, max = 256))]
    pub(crate) workers: Option<u32>,
    /// Settings that `--emergency` uses instead of `batch`, `throttle`, `windows` and `workers`. Default: the same
    /// settings.
    pub(crate) emergency: Option<Emergency>,
    /// Whether old cells are kept for an exact rollback. Default: `keep`.
    #[serde(default)]
    pub(crate) undo: Undo,
    /// Triggers that may fire and columns outside the plan (`table.column`) that may change when a cell is written.
    /// Default: none.
    #[serde(default)]
    pub(crate) side_effects: Vec<String>,
    /// What rejects writes under an old key after a complete run. Default: `none`.
    #[serde(default)]
    pub(crate) guard: Guard,
    /// Steps to execute before, during and after a run. Default: none.
    #[serde(default)]
    pub(crate) hooks: Hooks,
    /// Values that steps use and that differ from run to run, by name. They are not secret: the ledger records them.
    /// Default: none.
    #[serde(default)]
    pub(crate) vars: Named<Source>,
    /// Jobs that `reseal serve` starts. Default: none.
    pub(crate) schedule: Option<Schedule>,
    /// Notifications and their recipients. Default: none.
    pub(crate) notify: Option<Notify>,
    /// Rules for key ages, approvals, backups and retention. Default: none.
    #[serde(default)]
    pub(crate) policy: Policy,
}

/// Which keys the application uses during a run, or whether it is paused.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Application {
    /// The application opens cells under both the old and the new key.
    BothKeys,
    /// The application does not write to the tables of the plan during the run.
    Paused,
    /// The application knows one key only, so it cannot read rotated rows until it gets the new key. A run requires
    /// `windows` or `--accept-outage`.
    OneKey,
}

/// Whether old cells are kept for an exact rollback.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Undo {
    /// Old cells are kept until `reseal undo drop`.
    #[default]
    Keep,
    /// Old cells are not kept; a rollback seals the values again under the old key.
    None,
}

/// What rejects writes under an old key after a complete run.
#[derive(Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Guard {
    /// A CHECK constraint on the table.
    Constraint,
    /// A trigger on the table.
    Trigger,
    /// Writes under an old key are not rejected.
    #[default]
    None,
}

/// The database: a source of its URL, or a URL without a password.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Database {
    /// A URL without a password: `postgres://`, `mysql://` or `sqlite://`.
    Url(String),
    /// A source of the URL.
    Source(DatabaseSource),
}

/// Where the URL of the database is stored.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct DatabaseSource {
    /// `off` allows connections without TLS to another machine. Default: TLS is required for them.
    pub(crate) tls: Option<Tls>,
    #[serde(flatten)]
    pub(crate) source: Source,
}

/// Whether a connection to another machine must be encrypted.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Tls {
    /// Connections without TLS are allowed.
    Off,
}

/// Batch size.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Batch {
    /// Number of rows per batch, from 1 to 1,000,000, or `auto` to adjust it to `target`. Default: `auto`.
    pub(crate) rows: Option<Rows>,
    /// How long a batch should take if `rows` is `auto`, such as `500ms`. Default: 500 ms.
    pub(crate) target: Option<String>,
    /// Maximum size of a batch in bytes, such as `8MiB`. Default: 8 MiB.
    pub(crate) bytes: Option<String>,
}

/// Number of rows per batch.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Rows {
    /// The number is adjusted to `target`.
    Auto(Auto),
    /// A fixed number.
    Count(#[schemars(range(min = 1, max = 1_000_000))] u32),
}

/// The word `auto`.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Auto {
    Auto,
}

/// Limits on the speed of a run.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Throttle {
    /// Maximum number of rows per second. Default: no limit.
    #[schemars(range(min = 1))]
    pub(crate) rows_per_second: Option<u32>,
    /// Maximum replication lag, such as `10s`: the run waits while a replica lags further behind (PostgreSQL). Default:
    /// no limit.
    pub(crate) max_lag: Option<String>,
    /// Path of a file. The run waits while this file exists. Default: none.
    pub(crate) pause_file: Option<String>,
}

/// Settings that `--emergency` uses instead of `batch`, `throttle`, `windows` and `workers`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Emergency {
    /// Batch size. Default: `batch` of the plan.
    pub(crate) batch: Option<Batch>,
    /// Limits on the speed of the run, or `none` for no limit. Default: `throttle` of the plan.
    pub(crate) throttle: Option<OrNone<Throttle>>,
    /// Weekly times when the run may work, or `none` for always. Default: `windows` of the plan.
    pub(crate) windows: Option<OrNone<Vec<String>>>,
    /// Number of workers. Default: `workers` of the plan.
    #[schemars(range(min = 1, max = 256))]
    pub(crate) workers: Option<u32>,
    /// How long the run may take from its start, such as `24h`; `notify` can warn before that. Default: no deadline.
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

/// A string or a list of strings.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One string.
    One(String),
    /// Several strings.
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
