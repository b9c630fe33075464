//! Every message as it goes out, beside the templates. `UPDATE_GOLDEN=1 cargo test -p reseal-notify` rewrites them:
//! read each that changed as whoever gets it at three in the morning.

use std::path::Path;

use reseal_plan::WordingSpec;

use super::*;
use crate::sample;

fn worded(notice: &Notice) -> Rendered {
    render(notice, &NotifySpec::default(), Some("4711 3b5d2e9f"))
}

#[test]
fn every_message_is_as_it_was_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut notices: Vec<(String, Notice)> =
        NoticeKind::ALL.into_iter().map(|kind| (kind.name().to_owned(), sample(kind, "clinic"))).collect();
    let mut over = sample(NoticeKind::Slow, "clinic");
    over.resolved = true;
    notices.push(("resolved".into(), over));
    let job = |verb: &str| {
        let notice = Notice::new(NoticeKind::DeadMan, "clinic", "rotate", "sample");
        let notice = notice.with("what", "the job rotate").with("verb", verb).with("due", "1 July 2026");
        notice
            .with("does", "run")
            .with("reason", "backup-old: the latest backup was made at 2026-01-01T00:00:00Z")
    };
    notices.push(("dead-man-job".into(), job("succeed")));
    notices.push(("dead-man-held".into(), job("start").with("tried_again", "until its window closes")));
    let mut differing = Vec::new();
    for (name, notice) in notices {
        let Rendered { title, text, html } = worded(&notice);
        for (file, found) in
            [(format!("{name}.txt"), format!("{title}\n\n{text}")), (format!("{name}.html"), html)]
        {
            let path = folder.join(&file);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, &found).unwrap();
            }
            if std::fs::read_to_string(&path).unwrap_or_default() != found {
                differing.push(format!("--- {file}\n{found}"));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Watches the escaping: fields hold what servers and people wrote.
#[test]
fn what_is_filled_in_is_escaped_and_starts_no_header() {
    let bad = "<script>alert(1)</script>\r\nBcc: x@example.com {{ plan }}";
    let notice = Notice::new(NoticeKind::Failed, "clinic", bad, "1").with("reason", bad).with("<b>", bad);
    let Rendered { title, text, html } = worded(&notice);
    assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
    assert!(html.contains("&lt;script&gt;"), "{html}");
    assert!(!title.contains(['\r', '\n']), "{title}");
    assert!(text.contains("{{ plan }}"), "a field is no template: {text}");
}

fn own(name: &str, subject: Option<&str>, text: Option<&str>, html: Option<&str>) -> NotifySpec {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let wording =
        WordingSpec { name: name.into(), subject: owned(subject), text: owned(text), html: owned(html) };
    NotifySpec { wordings: vec![wording], ..NotifySpec::default() }
}

#[test]
fn a_plan_can_put_it_in_its_own_words() {
    let remind = sample(NoticeKind::Remind, "clinic");
    let ours = worded(&remind);
    let notify = own("quarterly-reminder", Some("Keys of {{ plan }}"), Some("Due {{ fields.due }}"), None);
    let theirs = render(&remind, &notify, Some("4711 3b5d2e9f"));
    assert_eq!(theirs.title, "[clinic] Keys of clinic");
    assert_eq!(theirs.text, "Due 2026-04-01T04:00-04:00\n");
    assert!(theirs.html.contains("Keys of clinic"), "what is left out stays");
    let html = "{% extends 'layout.html' %}{% block lead %}Dear {{ fields.template }}{% endblock %}";
    let html = render(&remind, &own("remind", None, None, Some(html)), None).html;
    assert!(html.contains("Dear quarterly-reminder") && html.contains("<table"), "{html}");
    let other = render(&remind, &own("audit-review", Some("x"), None, None), Some("4711 3b5d2e9f"));
    assert_eq!(other, ours);
}

/// Watches the fallback: a notice that cannot be worded must still go out.
#[test]
fn a_template_that_fails_gives_way_to_ours() {
    let remind = sample(NoticeKind::Remind, "clinic");
    let broken =
        own("remind", Some("{{ fields.no.such.thing }}"), Some("{% for x in 3 %}{% endfor %}"), None);
    assert_eq!(render(&remind, &broken, Some("4711 3b5d2e9f")), worded(&remind));
}
