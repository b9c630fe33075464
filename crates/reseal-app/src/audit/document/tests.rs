//! A trail of half a year with everything that a report can show, at fixed times; its report is a golden file.

use reseal_core::SecretBytes;
use reseal_core::audit::{Entry, Event, EventKind, Signer, Trail, TrailHead, Verdict};
use serde_json::Value;

mod auditor;

use super::standard::title;
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
    // Version 1 described nothing.
    let event = if primary == "v1" { event } else { described(event) };
    let keys = ["v1", "v2", "v3"].into_iter().take_while(|key| *key <= primary);
    keys.fold(event, |event, key| event.of_key("phi", key, &format!("sha256:00ff:{}", key.repeat(16))))
}

fn described(event: Event) -> Event {
    let sealed = r#"{"seal":"main","keyset":"phi","algorithm":"AES-256-GCM","key_bits":256,"from":["main"]}"#;
    let typed = r#"{"seal":"old","keyset":"notes","algorithm":"OpenPGP","key_bits":null,"from":[]}"#;
    let database = r#"{"ledger":"l-1","name":"app","place":"db1:5432","server":"7412"}"#;
    let event = event.with("database", database);
    event.with("field.people.ssn", sealed).with("field.people.note", typed)
}

fn ended(kind: EventKind, at: i64, run: &str, primary: &str, counts: [u64; 4], state: &str) -> Event {
    let event = event(kind, at).of_run(run).with("state", state).with("reason", "");
    let names = ["cells_rotated", "cells_current", "cells_quarantined", "cells_old"];
    let event = names.into_iter().zip(counts).fold(event, |event, (name, n)| event.with(name, n));
    event.with("primary.phi", primary).with("scope", "{}")
}

fn events() -> Vec<Event> {
    let approval = |who: &str, at: i64, request: &str| {
        let event = Event::new(EventKind::ApprovalGiven, at, who, "db1").of_plan("clinic", "5b0c");
        let event = event.with("approver", who).with("approver_key", format!("{request}-{at}="));
        event.with("to", "run").with("request", request)
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
        approval("grace", day(94), "r-1"),
        approval("<b>alan</b>", day(94) + 1000, "r-1"),
        event(EventKind::PlanChanged, day(95))
            .with("changed", "pace or schedule")
            .with("before", "66")
            .with("after", "77aa"),
        started(day(95), "run-2", "v2", false)
            .with("approval", "r-1")
            .with("approved_by", "grace")
            .with("approver_key", format!("r-1-{}=", day(94)))
            .with("approved_by", "<b>alan</b>"),
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
        archived_before: None,
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
        for word in ["&lt;b&gt;alan", "The trail is intact", "<svg", "run-3", &title(standard)[..4]] {
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
            archived_before: None,
        };
        let found = report(&entries, &verdict, &subject);
        let rotated = found["rotations"][1]["replaced"][0]["verdict"].as_str().unwrap().to_owned();
        assert_eq!(found["keys"][0]["verdict"], rotated.as_str(), "{found:#}");
        (rotated, of_kind(&found, "key-over-limit").len())
    };
    assert_eq!(limited(Some(365)), ("within".to_owned(), 0));
    assert_eq!(limited(Some(90)), ("over".to_owned(), 1));
    assert_eq!(limited(Some(0)), ("no limit".to_owned(), 0));
    assert_eq!(limited(None), ("over".to_owned(), 1));
}

/// The exceptions of a kind.
fn of_kind<'f>(found: &'f Value, kind: &str) -> Vec<&'f Value> {
    found["exceptions"].as_array().unwrap().iter().filter(|other| other["kind"] == kind).collect()
}

fn report_of(events: Vec<Event>) -> Value {
    let mut at = TrailHead::START;
    let mut entries = Vec::new();
    for event in events {
        at = at.after(&event);
        entries.push(Entry { sequence: at.sequence, event, head: at.head });
    }
    let subject = Subject {
        plans: vec![("clinic".into(), Some(90))],
        ledgers: vec![],
        standard: Standard::Soc2,
        range: (day(0), day(300)),
        now: day(300),
        archived_before: None,
    };
    report(&entries, &trail().1, &subject)
}

/// Watches that a key is as old as anybody ever said: a younger date that is entered later hides nothing.
#[test]
fn a_key_over_its_limit_stays_an_exception_whatever_is_entered() {
    let dated = |at: i64, before: i64, after: i64| {
        let event = event(EventKind::KeyDated, at).of_key("phi", "v1", "sha256:00ff:c1");
        event.with("before_ms", before).with("after_ms", after)
    };
    let ages = |dates: &[Event]| {
        let begun = [
            started(day(250), "run-1", "v1", false),
            ended(EventKind::RunFinished, day(250) + 1, "run-1", "v1", [9, 0, 0, 0], "complete"),
        ];
        let found = report_of([&begun[..], dates].concat());
        (found["keys"][0]["age_days"].as_i64().unwrap(), of_kind(&found, "key-over-limit").len())
    };
    assert_eq!(ages(&[]), (50, 0));
    let older = dated(day(260), day(250), day(100));
    assert_eq!(ages(std::slice::from_ref(&older)), (200, 1));
    assert_eq!(ages(&[older, dated(day(261), day(100), day(255))]), (200, 1));
}

/// Watches that a run names those alone who agreed to what it made use of: not who agreed to something else meanwhile, not
/// who agreed to his own where it takes two, and nobody where nobody had to.
#[test]
fn a_run_names_who_agreed_to_it() {
    let agreed = |who: &str, request: &str| {
        Event::new(EventKind::ApprovalGiven, day(1), who, "db1")
            .of_plan("clinic", "5b0c")
            .with("approver", who)
            .with("request", request)
    };
    let found = report_of(vec![
        agreed("alice", "r-1"),
        agreed("eve", "r-1"),
        agreed("bob", "r-1"),
        started(day(2), "run-1", "v1", false)
            .with("approval", "r-1")
            .with("approved_by", "alice")
            .with("approved_by", "bob"),
        agreed("carol", "r-3"),
        started(day(3), "run-2", "v1", true),
    ]);
    let names: Vec<String> =
        found["rotations"].as_array().unwrap().iter().map(|run| run["approvals"].to_string()).collect();
    assert_eq!(names, [r#"["alice","bob"]"#, "[]"], "eve signed, and does not count");
}

/// Watches the fingerprint: an id that moves from key to key (`roles`) is a row for each, and each has an age of its own
/// when it is replaced.
#[test]
fn keys_that_share_an_id_are_told_apart() {
    let moved = |at: i64, id: &str, print: &str, to: &str| {
        let event = event(EventKind::KeyStateChanged, at).with("from", "x").with("to", to);
        event.of_key("phi", id, &format!("sha256:00:{print}"))
    };
    let run = |at: i64, id: &str| {
        let begun = event(EventKind::RunStarted, at).of_run(id).with("primary.phi", "next");
        [begun, ended(EventKind::RunFinished, at + 1, id, "next", [9, 0, 0, 0], "complete")]
    };
    let mut events = vec![
        moved(day(1), "current", "aa", "active"),
        moved(day(1), "current", "aa", "rotating"),
        moved(day(1), "next", "bb", "active"),
    ];
    events.extend(run(day(1), "run-1"));
    events.extend([moved(day(61), "next", "bb", "rotating"), moved(day(61), "next", "cc", "active")]);
    events.extend(run(day(61), "run-2"));
    let found = report_of(events);
    let keys: Vec<_> = found["keys"].as_array().unwrap().iter().collect();
    let told: Vec<_> = keys
        .iter()
        .map(|key| (key["fingerprint"].as_str().unwrap(), key["replaced"].as_i64(), key["age_days"].as_i64()))
        .collect();
    assert_eq!(
        told,
        [
            ("sha256:00:aa", Some(day(1) + 1), None),
            ("sha256:00:bb", Some(day(61) + 1), Some(60)),
            ("sha256:00:cc", None, Some(239)),
        ]
    );
    assert_eq!(found["rotations"][1]["replaced"][0]["age_days"], 60, "{found:#}");
}

/// What is settled in other times shows in neither.
#[test]
fn a_report_ends_where_its_time_ends() {
    let document = of(Standard::Soc2).to_string();
    assert!(!document.contains("run-4") && document.contains("run-3"));
}
