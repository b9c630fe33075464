//! One mail, from the server's name to its last word, and which step of that failed.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use lettre::Message;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::DEFAULT_MECHANISMS;
use lettre::transport::smtp::client::{AsyncSmtpConnection, Tls};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use reseal_core::Delivery;
use tokio::net::{TcpStream, lookup_host};

use crate::server::Server;

/// The steps of a delivery, by the names that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Resolving,
    Connecting,
    Tls,
    Certificate,
    Greeting,
    Login,
    Sender,
    Recipient,
    Content,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Step::Resolving => "name resolution",
            Step::Connecting => "TCP connection",
            Step::Tls => "TLS",
            Step::Certificate => "certificate",
            Step::Greeting => "greeting",
            Step::Login => "login",
            Step::Sender => "sender",
            Step::Recipient => "recipient",
            Step::Content => "content",
        }
    }

    fn later(self, what: &str) -> Delivery {
        Delivery::Later(format!("{}: {what}", self.name()))
    }
}

/// Delivers a mail within a time.
pub(crate) async fn deliver(server: &Server, mail: &Message, within: Duration) -> Delivery {
    let mut attempt = Attempt { server, step: Step::Resolving };
    match tokio::time::timeout(within, attempt.carry_out(mail)).await {
        Ok(Ok(())) => Delivery::Sent,
        Ok(Err(failed)) => failed,
        Err(_) => attempt.step.later(&format!("no response within {} s", within.as_secs())),
    }
}

struct Attempt<'s> {
    server: &'s Server,
    step: Step,
}

impl Attempt<'_> {
    async fn carry_out(&mut self, mail: &Message) -> Result<(), Delivery> {
        let mut connection = self.connect().await?;
        let sent = self.send(&mut connection, mail).await;
        // What became of the mail is known by now; one that is taken is sent, whatever is said at parting.
        connection.abort().await;
        sent
    }

    async fn connect(&mut self) -> Result<AsyncSmtpConnection, Delivery> {
        let Server { host, port, tls, hello, .. } = self.server;
        let found = lookup_host((host.as_str(), *port)).await;
        let addresses: Vec<_> = found.map(Iterator::collect).unwrap_or_default();
        if addresses.is_empty() {
            return Err(self.step.later("the server name has no address"));
        }
        self.step = Step::Connecting;
        if let Tls::Wrapper(parameters) = tls {
            let connected = AsyncSmtpConnection::connect_tokio1(
                &addresses[..],
                None,
                hello,
                Some(parameters.clone()),
                None,
            );
            return connected.await.map_err(|error| self.not_connected(&error));
        }
        let stream = TcpStream::connect(&addresses[..]).await.map_err(|error| self.not_reached(&error))?;
        self.step = Step::Greeting;
        let connected = AsyncSmtpConnection::connect_with_transport(Box::new(stream), hello).await;
        let mut connection = connected.map_err(|error| self.failed(&error))?;
        if let Tls::Required(parameters) = tls {
            self.step = Step::Tls;
            let sealed = connection.starttls(parameters.clone(), hello).await;
            sealed.map_err(|error| self.not_sealed(&error))?;
        }
        Ok(connection)
    }

    async fn send(&mut self, connection: &mut AsyncSmtpConnection, mail: &Message) -> Result<(), Delivery> {
        if let Some(credentials) = &self.server.credentials {
            self.step = Step::Login;
            let agreed = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            agreed.map_err(|error| self.failed(&error))?;
        }
        let (envelope, content) = (mail.envelope(), mail.formatted());
        self.step = Step::Sender;
        let mut addresses = envelope.from().into_iter().chain(envelope.to());
        let is_wide = addresses.any(|address| !AsRef::<str>::as_ref(address).is_ascii());
        let mut asked = Vec::new();
        for (needed, extension, parameter) in [
            (is_wide, Extension::SmtpUtfEight, MailParameter::SmtpUtfEight),
            (
                !content.is_ascii(),
                Extension::EightBitMime,
                MailParameter::Body(MailBodyParameter::EightBitMime),
            ),
        ] {
            if needed && !connection.server_info().supports_feature(extension) {
                let why =
                    "the server accepts only ASCII, and the addresses or the text contain other characters";
                return Err(Delivery::Refused(format!("{}: {why}", self.step.name())));
            }
            asked.extend(needed.then_some(parameter));
        }
        let taken = connection.command(Mail::new(envelope.from().cloned(), asked)).await;
        taken.map_err(|error| self.failed(&error))?;
        self.step = Step::Recipient;
        for to in envelope.to() {
            let taken = connection.command(Rcpt::new(to.clone(), Vec::new())).await;
            taken.map_err(|error| self.failed(&error))?;
        }
        self.step = Step::Content;
        connection.command(Data).await.map_err(|error| self.failed(&error))?;
        connection.message(&content).await.map(drop).map_err(|error| self.failed(&error))
    }

    fn not_reached(&self, error: &io::Error) -> Delivery {
        self.step.later(&format!("the server is unreachable ({})", error.kind()))
    }

    /// Connecting with TLS from the start is one step of the library's: an error within an error is that of the handshake.
    fn not_connected(&mut self, error: &Error) -> Delivery {
        if error.status().is_some() || error.is_response() {
            self.step = Step::Greeting;
            return self.failed(error);
        }
        match error.source().is_some_and(|source| source.is::<Error>()) {
            true => self.not_sealed(error),
            false => match in_chain::<io::Error>(error) {
                Some(error) => self.not_reached(error),
                None => self.failed(error),
            },
        }
    }

    fn not_sealed(&mut self, error: &Error) -> Delivery {
        self.step = Step::Tls;
        if error.status().is_some() {
            return self.failed(error);
        }
        let by_tls = in_chain::<io::Error>(error).and_then(io::Error::get_ref);
        match by_tls.and_then(|error| error.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(why)) => {
                self.step = Step::Certificate;
                self.step.later(certificate_fault(why))
            }
            Some(_) => self.step.later("the server supports no TLS version that Reseal supports"),
            None if error.is_client() => self.step.later("the server does not support STARTTLS"),
            None => self.step.later("the connection was lost during the handshake"),
        }
    }

    fn failed(&self, error: &Error) -> Delivery {
        let Some(status) = error.status() else {
            return self.step.later(match () {
                () if error.is_timeout() => "the server did not respond in time",
                () if error.is_client() && self.step == Step::Login => {
                    "the server supports no login method that Reseal supports"
                }
                () if error.is_response() => "the server's response is not SMTP",
                () => "the connection was lost",
            });
        };
        let number: u16 = status.to_string().parse().unwrap_or_default();
        // What a server says of a login might repeat it.
        if self.step == Step::Login || LOGIN.contains(&number) {
            return Step::Login.later(&format!("the server rejected the login ({number})"));
        }
        let (step, reply) = (self.step.name(), reply_text(error));
        // Before the sender is named, a server speaks of itself, and not of this mail.
        let is_of_mail = matches!(self.step, Step::Sender | Step::Recipient | Step::Content);
        match is_of_mail && error.is_permanent() {
            true => Delivery::Refused(format!("{step}: the server rejected the mail ({number}){reply}")),
            false => {
                Delivery::Later(format!("{step}: the server asked to try again later ({number}){reply}"))
            }
        }
    }
}

/// Replies that speak of the login, not of the mail (RFC 4954 §6): the next attempt may find it mended.
const LOGIN: [u16; 4] = [530, 534, 535, 538];

fn certificate_fault(why: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as Fault;
    match why {
        Fault::Expired | Fault::ExpiredContext { .. } => "the server's certificate has expired",
        Fault::NotValidYet | Fault::NotValidYetContext { .. } => "the server's certificate is not valid yet",
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            "the server's certificate is not valid for the host in the URL"
        }
        // One that bears the name of an authority, and was signed by another key, is no better.
        Fault::UnknownIssuer
        | Fault::BadSignature
        | Fault::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the server's certificate is not signed by a CA that this machine trusts"
        }
        Fault::Revoked => "the server's certificate was revoked",
        _ => "the server's certificate is not valid",
    }
}

/// The first error of a type among an error's sources.
fn in_chain<E: std::error::Error + 'static>(error: &Error) -> Option<&E> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        source = error.source();
    }
    None
}

/// The server's own words, cut to a line.
fn reply_text(error: &Error) -> String {
    const MOST: usize = 160;
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    let line: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    if line.trim().is_empty() { String::new() } else { format!(": {}", line.trim()) }
}
