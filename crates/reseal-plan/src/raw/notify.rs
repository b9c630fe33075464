//! Notifications.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Named;

/// Notifications and their recipients.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    /// Notification channels, by name.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) via: Named<Via>,
    /// Groups of recipients, by name: a list of addresses for each channel. Default: none.
    #[serde(default)]
    pub(crate) to: Named<Named<Vec<String>>>,
    /// Recipients of each event: groups, or channels that need no address. Default: none.
    #[serde(default)]
    pub(crate) on: Named<Audience>,
    /// Templates that replace the built-in messages, by kind of notice or by the template name of a `remind` job.
    /// Default: none.
    #[serde(default)]
    pub(crate) templates: Named<Wording>,
}

/// A notification channel with its options; the schema of this type is put together in `schema::vocabulary`.
#[derive(Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct Via(pub(crate) Map<String, Value>);

/// Recipients of an event.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Audience {
    /// Groups, or channels that need no address.
    Groups(Vec<String>),
    /// Recipients, with the time or percentage at which they are notified.
    Timed(Timed),
}

/// Recipients of an event, and when they are notified.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timed {
    /// How long before the event to notify, such as `7d`. Default: 1 day for `announced`, 1 hour for `deadline`.
    pub(crate) before: Option<String>,
    /// How long the condition must last, such as `30m`. Default: 15 minutes for `no-progress`, 60 for `throttled`, 5
    /// for `connection-errors`; required for `slow`.
    pub(crate) after: Option<String>,
    /// Percentage of cells from which on to notify. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    pub(crate) percent: Option<u32>,
    /// Groups, or channels that need no address.
    #[schemars(length(min = 1))]
    pub(crate) to: Vec<String>,
}

/// A message as minijinja templates. Parts that are omitted use the built-in text.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1))]
pub(crate) struct Wording {
    /// Template of the subject. Default: the built-in subject.
    pub(crate) subject: Option<String>,
    /// Template of the plain-text body. Default: the built-in text.
    pub(crate) text: Option<String>,
    /// Template of the HTML body; values are escaped. Default: the built-in HTML.
    pub(crate) html: Option<String>,
}
