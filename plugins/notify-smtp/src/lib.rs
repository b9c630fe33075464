//! Notices by mail: over TLS, with a password from where keys are kept.
//!
//! Each mail has a connection of its own, and an end: a server that does not answer costs no more than
//! [`TIME_LIMIT`]. Its Message-ID is the same at every attempt, so that a receiver can drop a second copy.

mod mail;
mod server;

use std::time::Duration;

use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::transport::smtp::Error;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use reseal_core::{
    Delivery, Message, Notifier, NotifierPlugin, OptionError, OptionKind, OptionSpec, Options, Secrets,
};

/// From connecting to the server's last word.
const TIME_LIMIT: Duration = Duration::from_secs(45);

/// The plugin.
pub const PLUGIN: NotifierPlugin = NotifierPlugin {
    name: "smtp",
    summary: "Mail, over TLS.",
    options: &[
        OptionSpec {
            name: "url",
            kind: OptionKind::Source,
            doc: "A source of the server's URL: smtps://user:password@host (TLS from the start) or smtp://… (STARTTLS).",
            required: true,
        },
        OptionSpec { name: "from", kind: OptionKind::Text, doc: "The sender.", required: true },
        OptionSpec {
            name: "user",
            kind: OptionKind::Text,
            doc: "The name to log in with, where the URL holds none.",
            required: false,
        },
        OptionSpec {
            name: "password",
            kind: OptionKind::Source,
            doc: "A source of the password, where the URL holds none.",
            required: false,
        },
        OptionSpec {
            name: "tls",
            kind: OptionKind::OneOf(&["required", "none"]),
            doc: "`none` sends in the clear, and only to this very machine.",
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
        message: "this is no address of a sender".into(),
        help: Some(help),
    })
}

fn mailbox(address: &str) -> Result<Mailbox, String> {
    let example = || "such as security@example.com, or Security <security@example.com>".to_owned();
    // Control characters would end the header that an address stands in.
    match address.chars().any(char::is_control) {
        true => Err(example()),
        false => address.parse().map_err(|_| example()),
    }
}

fn build(options: &Options, secrets: &Secrets) -> Result<Box<dyn Notifier>, OptionError> {
    let from = mailbox(options.text("from").unwrap_or_default()).map_err(|help| OptionError {
        option: Some("from"),
        message: "no address".into(),
        help: Some(help),
    })?;
    let transport = server::transport(options, secrets)?;
    Ok(Box::new(Smtp { transport, from, time_limit: TIME_LIMIT }))
}

struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    time_limit: Duration,
}

#[async_trait]
impl Notifier for Smtp {
    async fn send(&self, message: &Message, _now: i64) -> Delivery {
        let to = message.to.as_deref().unwrap_or_default();
        let mail = match mail::mail(message, &self.from, to) {
            Ok(mail) => mail,
            Err(why) => return Delivery::Refused(why),
        };
        match tokio::time::timeout(self.time_limit, self.transport.send(mail)).await {
            Ok(Ok(_)) => Delivery::Sent,
            Ok(Err(error)) => delivery(&error),
            Err(_) => Delivery::Later(format!("no answer within {} s", self.time_limit.as_secs())),
        }
    }
}

/// Replies that speak of the login, not of the mail (RFC 4954 §6): the next attempt may find it mended.
const LOGIN: [u16; 4] = [530, 534, 535, 538];

fn delivery(error: &Error) -> Delivery {
    let Some(status) = error.status() else {
        let what = if error.is_tls() {
            "TLS with the server failed: its certificate must be valid for its name"
        } else if error.is_timeout() {
            "the server did not answer in time"
        } else if error.is_client() {
            "the server offers no STARTTLS, or no way to log in that Reseal knows"
        } else if error.is_response() {
            "the server's answer is no SMTP"
        } else {
            "the connection to the server failed"
        };
        return Delivery::Later(what.to_owned());
    };
    let number: u16 = status.to_string().parse().unwrap_or_default();
    // What a server says of a login might repeat it.
    if LOGIN.contains(&number) {
        return Delivery::Later(format!("the server refused the login ({number})"));
    }
    let reply = reply_text(error);
    match error.is_permanent() {
        true => Delivery::Refused(format!("the server refused the mail ({number}){reply}")),
        false => Delivery::Later(format!("the server wants to be asked again ({number}){reply}")),
    }
}

/// The server's own words, cut to a line.
fn reply_text(error: &Error) -> String {
    const MOST: usize = 160;
    let words = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    if line.trim().is_empty() { String::new() } else { format!(": {}", line.trim()) }
}

#[cfg(test)]
mod tests;
