//! Shapes and signatures. That a receiver of another make verifies the signature is tested end to end.

use std::collections::BTreeMap;

use reseal_core::{Notice, NoticeKind, OptionValue, SecretBytes};
use serde_json::{Value, json};

use super::*;

fn message(kind: NoticeKind) -> Message {
    let notice = Notice::new(kind, "clinic", "0190-run", "failed 2")
        .with("old_key", "v1")
        .with("error", "a \"quoted\" <b>&</b> line\n{{ not_a_template }}");
    Message {
        id: "0123456789abcdef0123456789abcdef".into(),
        notice,
        to: Some("#security".into()),
        title: "clinic: <rotation> failed".into(),
        text: "A rotation failed.".into(),
        html: None,
        posted_at: 1_767_225_600_000,
    }
}

fn filled(shape: &str, message: &Message) -> Value {
    let text = Shape::named(shape).fill(message, Some("routing")).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{shape}: {error}: {text}"))
}

#[test]
fn every_shape_is_json_that_says_what_it_should() {
    let message = message(NoticeKind::Failed);
    let error = "a \"quoted\" <b>&</b> line\n{{ not_a_template }}";
    let plain = filled("plain", &message);
    assert_eq!(plain["fields"], json!({ "old_key": "v1", "error": error }));
    assert_eq!(
        (&plain["kind"], &plain["severity"], &plain["resolved"]),
        (&json!("failed"), &json!("critical"), &json!(false))
    );
    let slack = filled("slack", &message);
    assert_eq!(
        (&slack["channel"], &slack["text"]),
        (&json!("#security"), &json!("clinic: &lt;rotation&gt; failed"))
    );
    assert_eq!(slack["blocks"][1]["fields"][0]["text"], json!("*old key*\nv1"));
    let teams = filled("teams", &message);
    let body = &teams["attachments"][0]["content"]["body"];
    assert_eq!(body[0]["color"], json!("Attention"));
    assert_eq!(body[1]["facts"][1], json!({ "title": "error", "value": error }));
    let pagerduty = filled("pagerduty", &message);
    assert_eq!(
        (&pagerduty["event_action"], &pagerduty["dedup_key"], &pagerduty["payload"]["severity"]),
        (&json!("trigger"), &json!("clinic/failed/0190-run"), &json!("critical"))
    );
}

/// Slack takes ten fields in a section.
#[test]
fn many_fields_make_more_sections_and_none_makes_none() {
    let mut message = message(NoticeKind::Finished);
    message.notice.fields = (0..23).map(|n| (format!("field_{n}"), n.to_string())).collect();
    let blocks = filled("slack", &message)["blocks"].as_array().unwrap().clone();
    let sizes: Vec<usize> =
        blocks.iter().filter_map(|block| block["fields"].as_array()).map(Vec::len).collect();
    assert_eq!(sizes, [10, 10, 3]);
    message.notice.fields.clear();
    message.to = None;
    let slack = filled("slack", &message);
    assert_eq!((slack["blocks"].as_array().unwrap().len(), slack.get("channel")), (2, None));
}

#[test]
fn what_is_over_closes_its_incident() {
    let mut message = message(NoticeKind::Disk);
    let opened = filled("pagerduty", &message);
    message.notice.resolved = true;
    let closed = filled("pagerduty", &message);
    assert_eq!(closed["event_action"], json!("resolve"));
    assert_eq!(opened["dedup_key"], closed["dedup_key"]);
}

/// The expected value is OpenSSL's: `printf '1767225600.{}' | openssl dgst -sha256 -hmac secret`.
#[test]
fn the_signature_is_that_of_others() {
    let secret = Hmac::<Sha256>::new_from_slice(b"secret").unwrap();
    let expected = "t=1767225600,v1=fa7eaa06bf97d7815f3f456e97cde70c9e50cb005f01660c8d10b10c21964887";
    assert_eq!(signature(&secret, 1_767_225_600, "{}"), expected);
}

#[test]
fn answers_are_told_apart() {
    let sort = |number: u16| match delivery(StatusCode::from_u16(number).unwrap()) {
        Delivery::Sent => "sent",
        Delivery::Refused(_) => "refused",
        Delivery::Later(_) => "later",
    };
    for (numbers, expected) in [
        (&[200, 202, 204][..], "sent"),
        (&[301, 400, 404, 410], "refused"),
        (&[401, 403, 408, 429, 500, 503], "later"),
    ] {
        numbers.iter().for_each(|number| assert_eq!(sort(*number), expected, "{number}"));
    }
}

/// Watches that nothing leaves the machine in the clear, and that no error shows where it would have gone.
#[test]
fn http_is_for_this_machine_only() {
    let check = |url: &str, tls: Option<&str>, fits: bool| {
        let tls = tls.map(|tls| ("tls".to_owned(), OptionValue::Text(tls.into())));
        let secrets = Secrets(BTreeMap::from([("url".into(), SecretBytes::new(url.as_bytes().to_vec()))]));
        let built = build(&Options(tls.into_iter().collect()), &secrets);
        assert_eq!(built.is_ok(), fits, "{url}");
        assert!(!built.err().is_some_and(|error| format!("{error:?}").contains("hunter2")), "{url}");
    };
    check("https://hooks.example.com/hunter2", None, true);
    check("http://127.0.0.1:8080/hunter2", Some("none"), true);
    check("http://localhost/hunter2", Some("none"), true);
    check("http://127.0.0.1:8080/hunter2", None, false);
    check("http://hooks.example.com/hunter2", Some("none"), false);
    check("http://10.0.0.7/hunter2", Some("none"), false);
    check("hunter2", None, false);
    check("ftp://hunter2", None, false);
}
