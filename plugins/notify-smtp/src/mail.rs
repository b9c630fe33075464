//! One mail, as it goes over the wire.

use std::time::{Duration, SystemTime};

use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use reseal_core::Message;

/// Writes a mail. Everything in it but the boundary between its parts is the same at every attempt.
pub(crate) fn mail(message: &Message, from: &Mailbox, to: &str) -> Result<lettre::Message, String> {
    let to = super::mailbox(to).map_err(|_| "the recipient is not a valid email address".to_owned())?;
    let posted = Duration::from_millis(u64::try_from(message.posted_at).unwrap_or_default());
    let builder = lettre::Message::builder()
        .message_id(Some(format!("<{}.reseal@{}>", message.id, from.email.domain())))
        .date(SystemTime::UNIX_EPOCH + posted)
        .from(from.clone())
        .to(to)
        .subject(one_line(&message.title))
        .header(AutoSubmitted)
        .header(Kind(message.notice.kind.name().to_owned()));
    let mail = match &message.html {
        Some(html) => {
            builder.multipart(MultiPart::alternative_plain_html(message.text.clone(), html.clone()))
        }
        None => builder.singlepart(SinglePart::plain(message.text.clone())),
    };
    mail.map_err(|_| "the mail could not be built".to_owned())
}

/// A subject ends where its line ends.
fn one_line(title: &str) -> String {
    title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Tells programs that answer mail to leave this one alone (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// What the mail is about, for filters.
#[derive(Clone)]
struct Kind(String);

impl Header for Kind {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("X-Reseal-Notice")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Kind(text.to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), self.0.clone())
    }
}
