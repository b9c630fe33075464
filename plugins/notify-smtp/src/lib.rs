//! Notices by mail: over TLS, with a password from where keys are kept.
//!
//! Each mail has a connection of its own, and an end: a server that does not answer costs no more than
//! [`TIME_LIMIT`]. What fails says at which step. Its Message-ID is the same at every attempt, so that a receiver can drop a second copy.

mod delivery;
mod mail;
mod server;

use std::time::Duration;

use async_trait::async_trait;
use lettre::message::Mailbox;
use reseal_core::{
    Delivery, Message, Notifier, NotifierPlugin, OptionError, OptionKind, OptionSpec, Options, Secrets,
};

/// From connecting to the server's last word.
const TIME_LIMIT: Duration = Duration::from_secs(45);

/// The plugin.
pub const PLUGIN: NotifierPlugin = NotifierPlugin {
    name: "smtp",
    summary: "Email over TLS.",
    options: &[
        OptionSpec {
            name: "url",
            kind: OptionKind::Source,
            doc: "Source of the server's URL: smtps://user:password@host (TLS from the start) or smtp://… (STARTTLS).",
            required: true,
        },
        OptionSpec { name: "from", kind: OptionKind::Text, doc: "Sender address.", required: true },
        OptionSpec {
            name: "user",
            kind: OptionKind::Text,
            doc: "Login name, if the URL contains none.",
            required: false,
        },
        OptionSpec {
            name: "password",
            kind: OptionKind::Source,
            doc: "Source of the password, if the URL contains none.",
            required: false,
        },
        OptionSpec {
            name: "tls",
            kind: OptionKind::OneOf(&["required", "none"]),
            doc: "`none` sends without TLS and is allowed only for this machine.",
            required: false,
        },
    ],
    needs_address: true,
    check,
    address: |address| mailbox(address).map(drop),
    build,
};

fn check(options: &Options) -> Result<(), OptionError> {
    let from = options.text("from").unwrap_or_default();
    mailbox(from).map(drop).map_err(|help| OptionError {
        option: Some("from"),
        message: "the sender is not a valid email address".into(),
        help: Some(help),
    })
}

fn mailbox(address: &str) -> Result<Mailbox, String> {
    let example =
        || "use an address such as security@example.com or Security <security@example.com>".to_owned();
    // Control characters would end the header that an address stands in.
    match address.chars().any(char::is_control) {
        true => Err(example()),
        false => address.parse().map_err(|_| example()),
    }
}

fn build(options: &Options, secrets: &Secrets) -> Result<Box<dyn Notifier>, OptionError> {
    let from = mailbox(options.text("from").unwrap_or_default()).map_err(|help| OptionError {
        option: Some("from"),
        message: "the sender is not a valid email address".into(),
        help: Some(help),
    })?;
    let server = server::server(options, secrets)?;
    Ok(Box::new(Smtp { server, from }))
}

struct Smtp {
    server: server::Server,
    from: Mailbox,
}

#[async_trait]
impl Notifier for Smtp {
    async fn send(&self, message: &Message, _now: i64) -> Delivery {
        let to = message.to.as_deref().unwrap_or_default();
        match mail::mail(message, &self.from, to) {
            Ok(mail) => delivery::deliver(&self.server, &mail, TIME_LIMIT).await,
            Err(why) => Delivery::Refused(why),
        }
    }
}

#[cfg(test)]
mod tests;
