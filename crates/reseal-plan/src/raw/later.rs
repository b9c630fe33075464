//! Sections that this version reads and does not act on: typed by form alone.
//!
//! Quantities, cron lines and templates in them are texts still. The issue that brings a section to life gives it
//! types of meaning and takes its line out of `Plan::unsupported`.

#![allow(dead_code, reason = "nothing reads what only has to have the right form")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Source;

/// An empty map.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Who hears of what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    /// Ways to notify, by name.
    via: BTreeMap<String, Via>,
    /// Groups: addresses by way.
    #[serde(default)]
    to: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// Which groups hear of an event.
    #[serde(default)]
    on: BTreeMap<String, Audience>,
}

/// A way to notify.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Via {
    /// Mail.
    Smtp(Smtp),
    /// An HTTP POST.
    Webhook(Webhook),
    /// Reseal's own log.
    Log(Nothing),
}

/// Mail.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Smtp {
    /// A source of the server's URL.
    url: Source,
    /// The sender.
    from: String,
}

/// An HTTP POST.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    /// A source of the URL.
    url: Source,
    /// The shape of the message: `slack`, for instance.
    shape: Option<String>,
}

/// Who hears of an event.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Audience {
    /// Groups.
    Groups(Vec<String>),
    /// Groups, some time before or after.
    Timed(Timed),
}

/// Groups that hear of an event some time before or after.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timed {
    /// This long before: `7d`.
    before: Option<String>,
    /// This long after: `30m`.
    after: Option<String>,
    /// The groups.
    to: Vec<String>,
}
