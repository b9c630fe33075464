//! What is refused before anything is sent, and what a mail looks like. That mails arrive is tested end to end,
//! against a server of another make.

use std::collections::BTreeMap;

use reseal_core::{Notice, NoticeKind, OptionValue, SecretBytes};

use super::*;

fn options(entries: &[(&str, &str)]) -> Options {
    let entry = |(name, text): &(&str, &str)| ((*name).to_owned(), OptionValue::Text((*text).to_owned()));
    Options(entries.iter().map(entry).collect())
}

fn secrets(entries: &[(&str, &str)]) -> Secrets {
    let entry =
        |(name, text): &(&str, &str)| ((*name).to_owned(), SecretBytes::new(text.as_bytes().to_vec()));
    Secrets(entries.iter().map(entry).collect::<BTreeMap<_, _>>())
}

/// Watches that nothing leaves the machine in the clear.
#[test]
fn tls_is_left_out_on_this_machine_only() {
    let check = |url: &str, tls: &str, fits: bool| {
        let built = build(&options(&[("from", "a@example.com"), ("tls", tls)]), &secrets(&[("url", url)]));
        assert_eq!(built.is_ok(), fits, "{url} {tls}: {:?}", built.err());
    };
    check("smtp://127.0.0.1:2525", "none", true);
    check("smtp://[::1]:2525", "none", true);
    check("smtp://localhost:2525", "none", true);
    check("smtp://mail.example.com", "none", false);
    check("smtp://127.0.0.1.example.com", "none", false);
    check("smtp://10.0.0.7", "none", false);
    check("smtps://localhost", "none", false);
    check("http://localhost", "none", false);
    check("mail.example.com", "required", false);
}

#[test]
fn a_refused_url_is_not_shown() {
    for url in ["smpt://reseal:hunter2@mail.example.com", "smtp://reseal:hunter2@", "hunter2"] {
        let error = build(&options(&[("from", "a@example.com")]), &secrets(&[("url", url)])).err().unwrap();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn user_and_password_go_together() {
    let with = |user: &[(&str, &str)], password: &[(&str, &str)]| {
        let options = options(&[&[("from", "a@example.com"), ("tls", "none")], user].concat());
        build(&options, &secrets(&[&[("url", "smtp://localhost")], password].concat())).is_ok()
    };
    assert!(with(&[], &[]) && with(&[("user", "reseal")], &[("password", "hunter2")]));
    assert!(!with(&[("user", "reseal")], &[]) && !with(&[], &[("password", "hunter2")]));
}

#[test]
fn an_address_cannot_bring_headers_along() {
    for address in ["", "nobody", "a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com"] {
        assert!((PLUGIN.address)(address).is_err(), "{address}");
    }
    assert!((PLUGIN.address)("Security <security@example.com>").is_ok());
    assert!(check(&options(&[("from", "reseal")])).is_err());
}

fn message() -> Message {
    Message {
        id: "0123456789abcdef0123456789abcdef".into(),
        notice: Notice::new(NoticeKind::Finished, "clinic", "run", "complete"),
        to: None,
        title: "clinic: finished\r\nBcc: x@example.com".into(),
        text: "Grüße".into(),
        html: Some("<p>Gr&uuml;&szlig;e</p>".into()),
        posted_at: 1_767_225_600_000,
    }
}

/// Watches the Message-ID: it is what lets a receiver drop the second copy.
#[test]
fn a_mail_is_the_same_at_every_attempt() {
    let from = mailbox("Reseal <reseal@example.com>").unwrap();
    let written =
        || String::from_utf8(mail::mail(&message(), &from, "b@example.com").unwrap().formatted()).unwrap();
    let mail = written();
    for header in [
        "Message-ID: <0123456789abcdef0123456789abcdef.reseal@example.com>\r\n",
        "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n",
        "From: Reseal <reseal@example.com>\r\n",
        "To: b@example.com\r\n",
        "Subject: clinic: finished  Bcc: x@example.com\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "X-Reseal-Notice: finished\r\n",
    ] {
        assert!(mail.contains(header), "{header}{mail}");
    }
    assert!(!mail.contains("\nBcc:"), "{mail}");
    let headers = |mail: &str| mail.split("Content-Type").next().map(str::to_owned);
    assert_eq!(headers(&mail), headers(&written()));
}
