//! The server: where it is, and that what goes there is sealed on its way.

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use reseal_core::{OptionError, Options, Secrets};
use url::{Host, Url};

/// Where mail goes. There is no pool: a connection that was kept for days is a connection that is gone.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    /// What Reseal calls itself.
    pub(crate) hello: ClientId,
    pub(crate) credentials: Option<Credentials>,
}

/// The server that options and secrets name.
pub(crate) fn server(options: &Options, secrets: &Secrets) -> Result<Server, OptionError> {
    let text = secrets.text("url").unwrap_or_default().trim();
    let url = Url::parse(text).ok().filter(|url| ["smtp", "smtps"].contains(&url.scheme()));
    let (url, host) =
        url.and_then(|url| url.host_str().map(str::to_owned).map(|host| (url, host))).ok_or_else(|| {
            bad(
                "url",
                "the value is not the URL of a mail server",
                "use a URL such as smtps://user:password@mail.example.com",
            )
        })?;
    let host = host.trim_matches(['[', ']']).to_owned();
    let in_url = credentials(&url).ok_or_else(|| {
        bad(
            "url",
            "the URL of the mail server is not valid",
            "percent-encode special characters in user and password",
        )
    })?;
    let tls = tls(options, &url, &host)?;
    let usual = match url.scheme() {
        "smtps" => SUBMISSIONS_PORT,
        _ if url.query_pairs().any(|(name, _)| name == "tls") => SUBMISSION_PORT,
        _ => SMTP_PORT,
    };
    let (port, name) = (url.port().unwrap_or(usual), url.path().trim_matches('/'));
    let hello = if name.is_empty() { ClientId::default() } else { ClientId::Domain(name.to_owned()) };
    let credentials = match (options.text("user"), secrets.text("password")) {
        (Some(user), Some(password)) => Some(Credentials::new(user.to_owned(), password.to_owned())),
        (None, None) => in_url,
        _ => {
            return Err(bad(
                "user",
                "`user` and `password` must be used together",
                "set both, or put both in the URL",
            ));
        }
    };
    Ok(Server { host, port, tls, hello, credentials })
}

const SMTP_PORT: u16 = 25;
const SUBMISSION_PORT: u16 = 587;
const SUBMISSIONS_PORT: u16 = 465;

/// User and password of a URL, if it holds a password; `None` where they are no text.
fn credentials(url: &Url) -> Option<Option<Credentials>> {
    let Some(password) = url.password() else { return Some(None) };
    Some(Some(Credentials::new(unescaped(url.username())?, unescaped(password)?)))
}

/// A text without the escapes of a URL (RFC 3986 §2.1).
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digit = |at: usize| after.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (first, digit(0).zip(digit(1))) {
            (b'%', Some((high, low))) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

fn tls(options: &Options, url: &Url, host: &str) -> Result<Tls, OptionError> {
    if options.text("tls") == Some("none") {
        return match is_loopback(url, host) {
            true if url.scheme() == "smtp" => Ok(Tls::None),
            true => Err(bad(
                "tls",
                "`tls: none` does not work with smtps://, which always uses TLS",
                "use smtp://",
            )),
            false => Err(bad(
                "tls",
                "`tls: none` is allowed only for a server on this machine",
                "omit `tls`: mail shows which keys you have and how old they are",
            )),
        };
    }
    let parameters = TlsParameters::new(host.to_owned()).map_err(|_| {
        bad("tls", "no trusted certificates were found", "install ca-certificates or set SSL_CERT_FILE")
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
