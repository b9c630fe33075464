//! The server: where it is, and that what goes there is sealed on its way.

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, Tokio1Executor};
use reseal_core::{OptionError, Options, Secrets};
use url::{Host, Url};

use super::TIME_LIMIT;

/// A transport without a pool: a connection that was kept for days is a connection that is gone.
pub(crate) fn transport(
    options: &Options,
    secrets: &Secrets,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, OptionError> {
    let text = secrets.text("url").unwrap_or_default().trim();
    let url = Url::parse(text).ok().filter(|url| ["smtp", "smtps"].contains(&url.scheme()));
    let (url, host) =
        url.and_then(|url| url.host_str().map(str::to_owned).map(|host| (url, host))).ok_or_else(|| {
            bad("url", "this is no URL of a mail server", "smtps://user:password@mail.example.com")
        })?;
    let host = host.trim_matches(['[', ']']).to_owned();
    // The parser of the transport unescapes user and password; how TLS is used is decided here alone.
    let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(text).map_err(|_| {
        bad(
            "url",
            "this URL of a mail server is not understood",
            "escape what is special in user and password",
        )
    })?;
    let builder = builder.tls(tls(options, &url, &host)?).timeout(Some(TIME_LIMIT));
    Ok(match (options.text("user"), secrets.text("password")) {
        (Some(user), Some(password)) => {
            builder.credentials(Credentials::new(user.to_owned(), password.to_owned()))
        }
        (None, None) => builder,
        _ => {
            return Err(bad(
                "user",
                "`user` and `password` go together",
                "give both, or put both into the URL",
            ));
        }
    }
    .build())
}

fn tls(options: &Options, url: &Url, host: &str) -> Result<Tls, OptionError> {
    if options.text("tls") == Some("none") {
        return match is_loopback(url, host) {
            true if url.scheme() == "smtp" => Ok(Tls::None),
            true => Err(bad("tls", "smtps:// is TLS, and `tls: none` is not", "write smtp://")),
            false => Err(bad(
                "tls",
                "`tls: none` is for a server on this very machine",
                "leave `tls` out: mail says which keys you have and how old they are",
            )),
        };
    }
    let parameters = TlsParameters::new(host.to_owned()).map_err(|_| {
        bad("tls", "no certificates to trust were found", "install ca-certificates, or set SSL_CERT_FILE")
    })?;
    Ok(match url.scheme() {
        "smtps" => Tls::Wrapper(parameters),
        _ => Tls::Required(parameters),
    })
}

/// Whether the host can only be this machine. A name may lead anywhere, but for `localhost` (RFC 6761 §6.3).
fn is_loopback(url: &Url, host: &str) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        // Of schemes that are none of the web's, the parser leaves numbers as they stand.
        _ => {
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

fn bad(option: &'static str, message: &str, help: &str) -> OptionError {
    OptionError { option: Some(option), message: message.into(), help: Some(help.into()) }
}
