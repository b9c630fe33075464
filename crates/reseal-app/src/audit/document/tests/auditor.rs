//! What an auditor looks for: one line for one outage, times instead of milliseconds, what is protected how, who it was, and
//! what the report cannot say. And a page that can be read on a telephone and on paper.

use reseal_core::audit::{Event, EventKind};
use serde_json::{Value, json};

use super::super::{DAY_MS, page};
use super::{Standard, day, described, ended, event, of, of_kind, report_of, started};

const HOUR_MS: i64 = DAY_MS / 24;

/// Watches the grouping: each slot, letter and request has a number of its own, and one outage is one line all the same.
#[test]
fn an_outage_is_one_line() {
    let missed = |at: i64, job: &str| {
        event(EventKind::ScheduleMissed, at).with("job", job).with("slot_ms", at).with("does", "run")
    };
    let refused = |at: i64, request: i64| {
        let said = format!("request r-{request}: 0 of 2 required approvals");
        event(EventKind::ApprovalRefused, at)
            .with("command", "run")
            .with("code", "approval-needed")
            .with("message", said)
    };
    let mut events: Vec<Event> = (0..118).map(|n| missed(day(10) + n * HOUR_MS, "rotate")).collect();
    events.push(missed(day(10) + HOUR_MS, "remind"));
    events.extend((0..5).map(|n| refused(day(20) + n * HOUR_MS, n)));
    // A day's job that was missed on Friday, on Saturday, and again a month later.
    events.extend([day(40), day(41), day(70)].map(|at| missed(at, "backup")));
    let found = report_of(events);
    let lines: Vec<Value> = of_kind(&found, "schedule-missed")
        .into_iter()
        .chain(of_kind(&found, "approval-refused"))
        .map(|line| {
            json!([line["count"], line["time_ms"], line["last_ms"], line["sequence"], line["last_sequence"]])
        })
        .collect();
    assert_eq!(
        lines,
        [
            json!([118, day(10), day(10) + 117 * HOUR_MS, 1, 118]),
            json!([1, day(10) + HOUR_MS, day(10) + HOUR_MS, 119, 119]),
            json!([2, day(40), day(41), 125, 126]),
            json!([1, day(70), day(70), 127, 127]),
            json!([5, day(20), day(20) + 4 * HOUR_MS, 120, 124]),
        ]
    );
    let page = page(&found).unwrap();
    assert!(
        page.contains("2026-01-11 00:00<br>2026-01-15 21:00<br>") && page.contains(">4 days 21 h<"),
        "{page}"
    );
    assert_eq!(page.matches("job rotate").count(), 1, "{page}");
}

/// Watches that people get times and durations: no milliseconds, no seconds to count.
#[test]
fn times_are_times_and_durations_are_durations() {
    let dated = event(EventKind::KeyDated, day(5)).of_key("phi", "v1", "sha256:00ff:c1");
    let found = report_of(vec![
        dated.with("before_ms", "unknown").with("after_ms", day(1)),
        started(day(6), "run-1", "v1", true),
        ended(EventKind::RunFinished, day(6) + 95 * 60_000, "run-1", "v1", [9, 0, 0, 0], "complete"),
        event(EventKind::ScheduleMissed, day(7)).with("job", "rotate").with("slot_ms", day(7) - HOUR_MS),
        event(EventKind::AlertRaised, day(8)).with("alert", "slow").with("after_seconds", 5400u64),
    ]);
    let page = page(&found).unwrap();
    for shown in [
        "slot 2026-01-07 23:00",
        "after 2026-01-02 00:00",
        "before unknown",
        "after 90 min 0 s",
        "95 min 0 s",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let digits = page.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 9);
    let raw: Vec<&str> = digits.filter(|word| word.chars().all(|c| c.is_ascii_digit())).collect();
    assert!(raw.is_empty() && !page.contains("_ms") && !page.contains("_seconds"), "{raw:?}");
}

/// Watches what is protected how, where, and by whom.
#[test]
fn algorithms_fields_databases_and_people_are_named() {
    let found = of(Standard::PciDss);
    let page = page(&found).unwrap();
    let fields = found["fields"].as_array().unwrap();
    let told: Vec<Value> = fields
        .iter()
        .map(|field| json!([field["field"], field["algorithm"], field["key_bits"], field["runs"]]))
        .collect();
    assert_eq!(
        told,
        [json!(["people.ssn", "AES-256-GCM", 256, 2]), json!(["people.note", "OpenPGP", null, 2])],
        "{fields:?}"
    );
    let keys = found["keys"].as_array().unwrap();
    let algorithms: Vec<&Value> = keys.iter().map(|key| &key["algorithms"]).collect();
    assert_eq!(
        algorithms,
        [&json!([]), &json!(["AES-256-GCM, 256 bits"]), &json!(["AES-256-GCM, 256 bits"])]
    );
    let approvers = found["approvers"].as_array().unwrap();
    let told: Vec<Value> =
        approvers.iter().map(|one| json!([one["name"], one["public_key"], one["runs"]])).collect();
    let key = |at: i64| format!("r-1-{at}=");
    // The run does not say by which key the second agreed to it.
    let expected = [json!(["grace", key(day(94)), 1]), json!(["<b>alan</b>", key(day(94) + 1000), 0])];
    assert_eq!(told, expected, "{approvers:?}");
    assert_eq!(found["custodians"][0]["operator"], "ada");
    let deeds = json!([
        { "kind": "key-generated", "count": 2 },
        { "kind": "key-state-changed", "count": 1 },
        { "kind": "restore-tested", "count": 1 },
    ]);
    assert_eq!(found["custodians"][0]["deeds"], deeds);
    for shown in
        ["app at db1:5432", "server 7412", "ledger l-1", "AES-256-GCM, 256 bits", "passphrase", &key(day(94))]
    {
        assert!(page.contains(&shown.replace('=', "&#x3d;")) || page.contains(shown), "{shown}");
    }
}

/// Watches that a field of which anything changes is another line.
#[test]
fn a_field_that_moves_to_another_algorithm_is_another_line() {
    let weaker = r#"{"seal":"main","keyset":"phi","algorithm":"AES-128-GCM","key_bits":128,"from":[]}"#;
    let first = event(EventKind::RunStarted, day(1)).of_run("run-1").with("field.people.ssn", weaker);
    let found = report_of(vec![first, described(event(EventKind::RunStarted, day(2)).of_run("run-2"))]);
    let told: Vec<&Value> =
        found["fields"].as_array().unwrap().iter().map(|field| &field["algorithm"]).collect();
    assert_eq!(told, ["AES-128-GCM", "AES-256-GCM", "OpenPGP"]);
    assert_eq!(found["fields"][0]["database"], Value::Null);
}

/// Watches that a run which one person began alone is asked about, and one to which others agreed is not.
#[test]
fn a_run_without_approval_is_an_exception() {
    let found = of(Standard::Soc2);
    let told: Vec<&str> =
        of_kind(&found, "run-without-approval").iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        ["run run-1, started by ada, was not approved", "run run-3, started by ada, was not approved"]
    );
    assert!(page(&found).unwrap().contains("no approval recorded"));
}

/// Watches that what the trail cannot show is said clause by clause.
#[test]
fn what_cannot_be_shown_is_listed_by_clause() {
    for (standard, clause) in [
        (Standard::PciDss, "3.7.6"),
        (Standard::Hipaa, "164.312(a)(1)"),
        (Standard::Soc2, "CC7.3, CC7.4"),
        (Standard::Gdpr, "Art. 33(1)"),
    ] {
        let found = of(standard);
        let listed = found["standard"]["not_shown"].as_array().unwrap();
        assert!(listed.len() >= 4 && listed.iter().any(|beyond| beyond["clause"] == clause), "{listed:?}");
        let page = page(&found).unwrap();
        for beyond in listed {
            let line = format!(
                "<li><strong>{}</strong> {}</li>",
                beyond["clause"].as_str().unwrap(),
                beyond["what"].as_str().unwrap()
            );
            assert!(page.contains(&line), "{line}");
        }
    }
}

/// Watches the narrow page, where rows are blocks and each cell bears the title of its column, and the printed one. Nothing
/// on it has a width of its own that is more than 500 pixels hold.
#[test]
fn a_page_can_be_read_on_a_narrow_screen_and_on_paper() {
    let page = page(&of(Standard::PciDss)).unwrap();
    let mut cells = 0;
    for table in page.split("<table>").skip(1).map(|rest| rest.split_once("</table>").unwrap().0) {
        let titles: Vec<&str> = texts_of(table, "<th").collect();
        for row in table.split("<tr>").skip(2) {
            let labels: Vec<&str> = row
                .split("<td")
                .skip(1)
                .map(|cell| cell.split_once("data-l=\"").unwrap().1.split_once('"').unwrap().0)
                .collect();
            assert_eq!(labels, titles);
            cells += labels.len();
        }
    }
    assert!(cells > 100, "{cells}");
    let narrow = "@media screen and (max-width: 640px) {";
    let rules = page.split_once(narrow).unwrap().1.split_once("\n}").unwrap().0;
    for rule in [
        "table, tbody, tr, td { display: block;",
        "content: attr(data-l)",
        "white-space: normal",
        "overflow-wrap: anywhere",
    ] {
        assert!(rules.contains(rule), "{rule}");
    }
    let print = page.split_once("@media print {").unwrap().1.split_once("\n}").unwrap().0;
    for rule in [
        "h2, caption, .head { break-after: avoid; }",
        "td.t { white-space: normal; }",
        "print-color-adjust: exact",
    ] {
        assert!(print.contains(rule), "{rule}");
    }
    for rule in ["@page { size: A4;", "tr { break-inside: avoid; }", "thead { display: table-header-group; }"]
    {
        assert!(page.contains(rule), "{rule}");
    }
}

/// The texts of elements that hold nothing else.
fn texts_of<'p>(page: &'p str, element: &'p str) -> impl Iterator<Item = &'p str> {
    page.split(element)
        .skip(1)
        .filter(|rest| rest.starts_with(['>', ' ']))
        .map(|rest| rest.split_once('>').unwrap().1.split_once('<').unwrap().0)
}
