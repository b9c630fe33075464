//! Notices as JSON over HTTPS, signed where the plan names a secret.
//!
//! The shapes are templates under `shapes/`, filled in with every value written as JSON.

mod shape;

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use reseal_core::{
    Delivery, Message, Notifier, NotifierPlugin, OptionError, OptionKind, OptionSpec, Options, Secrets,
};
use sha2::Sha256;
use url::{Host, Url};

use shape::Shape;

/// From connecting to the answer.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The plugin.
pub const PLUGIN: NotifierPlugin = NotifierPlugin {
    name: "webhook",
    summary: "An HTTP POST of JSON.",
    options: &[
        OptionSpec {
            name: "url",
            kind: OptionKind::Source,
            doc: "Source of the URL: https://…",
            required: true,
        },
        OptionSpec {
            name: "shape",
            kind: OptionKind::OneOf(&Shape::NAMES),
            doc: "Shape of the JSON (default: `plain`).",
            required: false,
        },
        OptionSpec {
            name: "secret",
            kind: OptionKind::Source,
            doc: "Source of the secret that signs time and body (HMAC-SHA256, header Reseal-Signature).",
            required: false,
        },
        OptionSpec {
            name: "routing_key",
            kind: OptionKind::Source,
            doc: "Source of PagerDuty's integration key.",
            required: false,
        },
        OptionSpec {
            name: "tls",
            kind: OptionKind::OneOf(&["required", "none"]),
            doc: "`none` allows http://, but only to this machine.",
            required: false,
        },
    ],
    needs_address: false,
    check,
    address: |address| match address.is_empty() || address.chars().any(char::is_control) {
        true => Err("use the name of a channel, or nothing".into()),
        false => Ok(()),
    },
    build,
};

fn check(options: &Options) -> Result<(), OptionError> {
    let _ = options;
    Ok(())
}

fn build(options: &Options, secrets: &Secrets) -> Result<Box<dyn Notifier>, OptionError> {
    let shape = Shape::named(options.text("shape").unwrap_or("plain"));
    let routing_key = secrets.text("routing_key").map(str::to_owned);
    if shape == Shape::PagerDuty && routing_key.is_none() {
        return Err(bad(
            "shape",
            "PagerDuty requires an integration key",
            "add it, for example `routing_key: { env: PAGERDUTY_ROUTING_KEY }`",
        ));
    }
    let url = url(options, secrets.text("url").unwrap_or_default().trim())?;
    let client = Client::builder()
        .timeout(TIME_LIMIT)
        // Whoever answers with another address would learn what is posted there.
        .redirect(Policy::none())
        .user_agent(concat!("reseal/", env!("CARGO_PKG_VERSION")))
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|_| bad("url", "no trusted certificates were found", "install ca-certificates"))?;
    let secret = secrets.bytes("secret").map(<[u8]>::trim_ascii_end).map(|secret| {
        // HMAC takes keys of every length (RFC 2104 §3).
        Hmac::<Sha256>::new_from_slice(secret).expect("every length fits")
    });
    Ok(Box::new(Webhook { client, url, shape, secret, routing_key }))
}

fn url(options: &Options, text: &str) -> Result<Url, OptionError> {
    let url = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    let url = url.ok_or_else(|| {
        bad("url", "the value is not the URL of a webhook", "use a URL that starts with https://")
    })?;
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url),
        _ if is_loopback && options.text("tls") == Some("none") => Ok(url),
        _ => Err(bad(
            "url",
            "the URL of a webhook must start with https://",
            "use https://; `tls: none` allows http:// only to this machine",
        )),
    }
}

fn bad(option: &'static str, message: &str, help: &str) -> OptionError {
    OptionError { option: Some(option), message: message.into(), help: Some(help.into()) }
}

struct Webhook {
    client: Client,
    url: Url,
    shape: Shape,
    secret: Option<Hmac<Sha256>>,
    routing_key: Option<String>,
}

#[async_trait]
impl Notifier for Webhook {
    async fn send(&self, message: &Message, now: i64) -> Delivery {
        let body = match self.shape.fill(message, self.routing_key.as_deref()) {
            Ok(body) => body,
            Err(why) => return Delivery::Refused(why),
        };
        let mut request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("Reseal-Message-Id", &message.id);
        if let Some(secret) = &self.secret {
            request = request.header("Reseal-Signature", signature(secret, now / 1000, &body));
        }
        match request.body(body).send().await {
            Ok(answer) => delivery(answer.status()),
            // The error would show the URL, which for most services is the secret.
            Err(error) if error.is_timeout() => {
                Delivery::Later(format!("no response within {} s", TIME_LIMIT.as_secs()))
            }
            Err(error) if error.is_connect() => {
                Delivery::Later("cannot connect to the server, or TLS failed".into())
            }
            Err(_) => Delivery::Later("the connection to the server failed".into()),
        }
    }
}

/// `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`. With the time signed too, a receiver can refuse what is old.
fn signature(secret: &Hmac<Sha256>, seconds: i64, body: &str) -> String {
    let mut mac = secret.clone();
    mac.update(format!("{seconds}.").as_bytes());
    mac.update(body.as_bytes());
    format!("t={seconds},v1={}", hex::encode(mac.finalize().into_bytes()))
}

fn delivery(status: StatusCode) -> Delivery {
    let number = status.as_u16();
    match number {
        200..=299 => Delivery::Sent,
        300..=399 => Delivery::Refused(format!("the server returned {number}: redirects are not followed")),
        // Of these the receiver's owner can mend the cause: login, load, time.
        401 | 403 | 407 | 408 | 425 | 429 | 500.. => Delivery::Later(format!("the server returned {number}")),
        _ => Delivery::Refused(format!("the server returned {number}")),
    }
}

#[cfg(test)]
mod tests;
