//! A trail of half a year with everything that a report can show, at fixed times; its report is a golden file.

use reseal_core::SecretBytes;
use reseal_core::audit::{Entry, Event, EventKind, Signer, Trail, TrailHead, Verdict};
use serde_json::Value;

use super::{DAY_MS, Standard, Subject, page, report};

/// 1 January 2026.
const NEW_YEAR: i64 = 1_767_225_600_000;
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/audit-report.json");

fn day(n: i64) -> i64 {
    NEW_YEAR + n * DAY_MS
}

fn event(kind: EventKind, at: i64) -> Event {
    Event::new(kind, at, "ada", "db1").of_plan("clinic", "5b0c")
}

fn started(at: i64, run: &str, primary: &str, emergency: bool) -> Event {
    let event = event(EventKind::RunStarted, at).of_run(run).with("full_digest", "77aa").with("scope", "{}");
    let event = event.with("primary.phi", primary).with("emergency", i64::from(emergency));
    let keys = ["v1", "v2", "v3"].into_iter().take_while(|key| *key <= primary);
    keys.fold(event, |event, key| event.of_key("phi", key, &format!("sha256:00ff:{}", key.repeat(16))))
}

fn ended(kind: EventKind, at: i64, run: &str, primary: &str, counts: [u64; 4], state: &str) -> Event {
    let event = event(kind, at).of_run(run).with("state", state).with("reason", "");
    let names = ["cells_rotated", "cells_current", "cells_quarantined", "cells_old"];
    let event = names.into_iter().zip(counts).fold(event, |event, (name, n)| event.with(name, n));
    event.with("primary.phi", primary).with("scope", "{}")
}

fn events() -> Vec<Event> {
    let approval = |who: &str, at: i64| {
        Event::new(EventKind::ApprovalGiven, at, who, "db1").of_plan("clinic", "5b0c").with("to", "run")
    };
    vec![
        event(EventKind::KeyGenerated, day(2)).of_key("phi", "v1", ""),
        started(day(3), "run-1", "v1", false),
        ended(EventKind::RunFinished, day(3) + 60_000, "run-1", "v1", [900_000, 0, 0, 0], "complete"),
        event(EventKind::KeyGenerated, day(92)).of_key("phi", "v2", ""),
        event(EventKind::Refused, day(93))
            .with("command", "run")
            .with("code", "approval-missing")
            .with("message", "2 of 2"),
        approval("grace", day(94)),
        approval("<b>alan</b>", day(94) + 1000),
        event(EventKind::PlanChanged, day(95))
            .with("changed", "pace or schedule")
            .with("before", "66")
            .with("after", "77aa"),
        started(day(95), "run-2", "v2", false),
        ended(EventKind::RunPaused, day(95) + 600_000, "run-2", "v2", [899_995, 12, 3, 5], "paused"),
        event(EventKind::RunResumed, day(96)).of_run("run-2").with("primary.phi", "v2").with("was", "paused"),
        ended(EventKind::RunFinished, day(96) + 600_000, "run-2", "v2", [900_003, 12, 0, 0], "complete"),
        event(EventKind::Sweep, day(120))
            .with("clean", "no")
            .with("cells_current", 900_020u64)
            .with("cells_old", 2u64),
        started(day(150), "run-3", "v3", true),
        ended(EventKind::RunFinished, day(150) + 7_200_000, "run-3", "v3", [900_030, 0, 0, 0], "complete"),
        event(EventKind::KeyStateChanged, day(151))
            .of_key("phi", "v2", "")
            .with("from", "active")
            .with("to", "retired"),
        event(EventKind::RestoreTested, day(160)).of_key("phi", "v3", "").with("result", "passed"),
        started(day(400), "run-4", "v3", false),
    ]
}

fn trail() -> (Vec<Entry>, Verdict) {
    let mut at = TrailHead::START;
    let mut entries = Vec::new();
    for event in events() {
        at = at.after(&event);
        entries.push(Entry { sequence: at.sequence, event, head: at.head });
    }
    let signer = Signer::parse(&SecretBytes::new([b'7'; 64].to_vec())).unwrap();
    let checkpoints = [signer.sign(at, day(400))];
    let mut trail = Trail::new(&checkpoints, &[], &[]);
    for entry in entries.clone() {
        trail.take_entry(entry);
    }
    let verdict = trail.end(None);
    (entries, verdict)
}

fn of(standard: Standard) -> Value {
    let (entries, verdict) = trail();
    let subject = Subject {
        plans: vec![("clinic".into(), Some(90))],
        standard,
        ledgers: vec![],
        range: (day(0), day(181)),
        now: day(200),
    };
    report(&entries, &verdict, &subject)
}

/// `UPDATE_GOLDEN=1` writes the file anew.
#[test]
fn the_document_is_the_golden_one() {
    let found = format!("{:#}\n", of(Standard::PciDss));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(GOLDEN).unwrap());
}

/// Watches the escaping of what people wrote, and that a page brings all that it needs.
#[test]
fn a_page_stands_alone_and_shows_what_people_wrote_as_text() {
    for standard in [Standard::PciDss, Standard::Hipaa, Standard::Soc2, Standard::Gdpr] {
        let document = of(standard);
        let page = page(&document).unwrap();
        if let Some(folder) = std::env::var_os("KEEP_PAGES") {
            let file = std::path::Path::new(&folder).join(format!("{}.html", standard.name()));
            std::fs::write(file, &page).unwrap();
        }
        for word in ["<script", "<link", "<img", "url(", "<b>alan", "@import", "src="] {
            assert!(!page.contains(word), "{word}");
        }
        let links = page.matches("http").count();
        let namespaces = page.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(links, namespaces, "nothing is fetched");
        for word in ["&lt;b&gt;alan", "The trail is intact", "<svg", "run-3", &standard.title()[..4]] {
            assert!(page.contains(word), "{word}");
        }
    }
}

/// Watches that a rotation is judged by the limit of its own day, and not by today's; and that what was not noted is
/// judged by today's.
#[test]
fn a_rotation_is_judged_by_the_limit_then_in_force() {
    let limited = |limit: Option<u64>| {
        let mut at = TrailHead::START;
        let mut entries = Vec::new();
        let mut second = started(day(100), "run-2", "v2", false);
        second = match limit {
            Some(0) => second.with("max_key_age_seconds", "none"),
            Some(days) => second.with("max_key_age_seconds", days * 86_400),
            None => second,
        };
        for event in [
            started(day(0), "run-1", "v1", false),
            ended(EventKind::RunFinished, day(0) + 1, "run-1", "v1", [9, 0, 0, 0], "complete"),
            second,
            ended(EventKind::RunFinished, day(100) + 1, "run-2", "v2", [9, 0, 0, 0], "complete"),
        ] {
            at = at.after(&event);
            entries.push(Entry { sequence: at.sequence, event, head: at.head });
        }
        let (_, verdict) = trail();
        let subject = Subject {
            plans: vec![("clinic".into(), Some(90))],
            ledgers: vec![],
            standard: Standard::PciDss,
            range: (day(0), day(120)),
            now: day(120),
        };
        let found = report(&entries, &verdict, &subject);
        let rotated = found["rotations"][1]["replaced"][0]["verdict"].as_str().unwrap().to_owned();
        assert_eq!(found["keys"][0]["verdict"], rotated.as_str(), "{found:#}");
        (rotated, found["exceptions"].as_array().unwrap().len())
    };
    assert_eq!(limited(Some(365)), ("within".to_owned(), 0));
    assert_eq!(limited(Some(90)), ("over".to_owned(), 1));
    assert_eq!(limited(Some(0)), ("no limit".to_owned(), 0));
    assert_eq!(limited(None), ("over".to_owned(), 1));
}

/// What is settled in other times shows in neither.
#[test]
fn a_report_ends_where_its_time_ends() {
    let document = of(Standard::Soc2).to_string();
    assert!(!document.contains("run-4") && document.contains("run-3"));
}
