//! How messages leave the house: the joint that mail, webhooks and the log fill.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::{Notice, OptionError, OptionSpec, Options, SecretBytes};

/// A message to one recipient, written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The same at every attempt, and no other message's: 32 hexadecimal digits. Receivers drop a second copy by it.
    pub id: String,
    /// What it tells, for receivers that are programs.
    pub notice: Notice,
    /// The address; `None` where the way itself leads to one place.
    pub to: Option<String>,
    /// One line.
    pub title: String,
    /// Plain text.
    pub text: String,
    /// HTML, for ways that show it.
    pub html: Option<String>,
    /// When the notice was posted, in milliseconds since 1970.
    pub posted_at: i64,
}

/// What became of an attempt. Reasons hold no secret: not the URL, not the password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The other side took it.
    Sent,
    /// The other side will never take it: an SMTP 5xx, an HTTP 4xx, an address that is none.
    Refused(String),
    /// Another attempt may do: an SMTP 4xx, an HTTP 429 or 5xx, nobody there, no answer in time.
    Later(String),
}

/// A way to tell people something.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Sends a message; ends within a minute whatever the other side does. `now` is in milliseconds since 1970.
    async fn send(&self, message: &Message, now: i64) -> Delivery;
}

/// A notifier plugin: what a plan may say of it, and how it is built.
#[derive(Clone, Copy)]
pub struct NotifierPlugin {
    /// The notifier's name in a plan.
    pub name: &'static str,
    /// One sentence for documentation and editors.
    pub summary: &'static str,
    /// The options that a plan may set; those of kind [`OptionKind::Source`](crate::OptionKind::Source) come to
    /// `build` as secrets.
    pub options: &'static [OptionSpec],
    /// Whether a recipient needs an address.
    pub needs_address: bool,
    /// Checks what a plan says, before any secret is read.
    pub check: fn(&Options) -> Result<(), OptionError>,
    /// Checks an address; gives what an address looks like where it is none.
    pub address: fn(&str) -> Result<(), String>,
    /// Builds the notifier. Errors never show a secret.
    pub build: BuildNotifier,
}

/// Makes a notifier of what a plan says and of what its sources held.
pub type BuildNotifier = fn(&Options, &Secrets) -> Result<Box<dyn Notifier>, OptionError>;

/// What the sources among a plugin's options held, by option.
#[derive(Debug, Default)]
pub struct Secrets(pub BTreeMap<String, SecretBytes>);

impl Secrets {
    /// The secret of an option.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(SecretBytes::expose)
    }

    /// The secret of an option as text, without the line break at its end; `None` where it is no UTF-8.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let text = std::str::from_utf8(self.bytes(name)?).ok()?;
        Some(text.trim_end_matches(['\r', '\n']))
    }
}
