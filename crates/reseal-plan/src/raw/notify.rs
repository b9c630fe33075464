//! Who hears of what, and how.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Named;

/// Who hears of what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    /// Ways to notify, by name.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) via: Named<Via>,
    /// Groups: addresses by way.
    #[serde(default)]
    pub(crate) to: Named<Named<Vec<String>>>,
    /// Who hears of an event: groups, or ways that need no address.
    #[serde(default)]
    pub(crate) on: Named<Audience>,
    /// What takes the place of the messages that Reseal brings, by kind of notice or by the name that `remind` gives.
    #[serde(default)]
    pub(crate) templates: Named<Wording>,
}

/// A way to notify, with its options; the schema of this type is put together in `schema::vocabulary`.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Via(pub(crate) Map<String, Value>);

/// Who hears of an event.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Audience {
    /// Groups, or ways that need no address.
    Groups(Vec<String>),
    /// The same, with when.
    Timed(Timed),
}

/// Who hears of an event, and when.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timed {
    /// This long before: `7d`.
    pub(crate) before: Option<String>,
    /// This long after: `30m`.
    pub(crate) after: Option<String>,
    /// From this share of the cells on, in percent.
    #[schemars(range(min = 1, max = 100))]
    pub(crate) percent: Option<u32>,
    /// Groups, or ways that need no address.
    #[schemars(length(min = 1))]
    pub(crate) to: Vec<String>,
}

/// A message's wording: minijinja templates. What is left out stays as Reseal brings it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct Wording {
    /// The subject.
    pub(crate) subject: Option<String>,
    /// The text part.
    pub(crate) text: Option<String>,
    /// The HTML part; what is filled in is escaped.
    pub(crate) html: Option<String>,
}
