//! A trail is made, damaged in one place, and the damage is named.

mod cut;

use super::*;
use crate::SecretBytes;

const KEY: &[u8] = b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";

fn signer() -> Signer {
    Signer::parse(&SecretBytes::new(KEY.to_vec())).unwrap()
}

fn event(at: u64) -> Event {
    Event::new(EventKind::RunFinished, 1_790_000_000_000 + at as i64, "ada", "db1")
        .of_plan("clinic", "sha256:00")
        .of_run(&format!("run-{at}"))
        .with("cells_rotated", at)
        .with("reason", "none \"at all\" é\u{1}")
        .of_key("phi", "v2", "sha256:aa:bb")
}

fn trail(events: u64) -> Vec<Entry> {
    let mut at = TrailHead::START;
    (1..=events)
        .map(|n| {
            at = at.after(&event(n));
            Entry { sequence: at.sequence, event: event(n), head: at.head }
        })
        .collect()
}

fn tail(entries: &[Entry]) -> TrailHead {
    entries.last().map_or(TrailHead::START, |last| TrailHead { sequence: last.sequence, head: last.head })
}

/// What a trail is checked against besides itself.
#[derive(Default)]
struct Against {
    checkpoints: Vec<Checkpoint>,
    trusted: Vec<PublicKey>,
    known: Vec<(Option<u64>, Head)>,
    tail: Option<TrailHead>,
}

fn verdict(entries: &[Entry], against: &Against) -> Verdict {
    let mut trail = Trail::new(&against.checkpoints, &against.trusted, &against.known);
    for entry in entries {
        trail.take(entry.sequence as i64, Ok(entry.clone()));
    }
    trail.end(against.tail)
}

/// The first bad event; `None` where the trail is found intact.
fn check(entries: &[Entry], against: &Against, first_bad: Option<u64>) {
    let verdict = verdict(entries, against);
    assert_eq!(verdict.fault.as_ref().map(|fault| fault.sequence), first_bad, "{:?}", verdict.fault);
}

/// Edits everything after the first `kept` events as someone who owns the database can: with heads that fit.
fn rewritten(kept: usize, events: u64) -> Vec<Entry> {
    let mut out = trail(kept as u64);
    let mut at = tail(&out);
    for n in kept as u64 + 1..=events {
        let event = event(n).with("more", "a lie");
        at = at.after(&event);
        out.push(Entry { sequence: n, event, head: at.head });
    }
    out
}

/// Watches the head that each event carries: without the comparison in `Trail::take`, all of these pass.
#[test]
fn an_edit_a_deletion_an_insertion_and_a_move_are_named() {
    let good = trail(20);
    let against = Against { tail: Some(tail(&good)), ..Against::default() };
    check(&good, &against, None);
    let damaged = |damage: fn(&mut Vec<Entry>)| {
        let mut entries = good.clone();
        damage(&mut entries);
        entries
    };
    check(&damaged(|e| e[6].event.operator = "eve".into()), &against, Some(7));
    check(&damaged(|e| e[6].event.time_ms += 1), &against, Some(7));
    check(&damaged(|e| e[6].event.fields[0].1 = Detail::Integer(0)), &against, Some(7));
    check(&damaged(|e| drop(e.remove(6))), &against, Some(7));
    check(&damaged(|e| e.insert(6, e[6].clone())), &against, Some(8));
    check(&damaged(|e| e.swap(6, 7)), &against, Some(7));
    check(
        &damaged(|e| {
            (e[6].event, e[7].event) = (e[7].event.clone(), e[6].event.clone());
        }),
        &against,
        Some(7),
    );
    check(&damaged(|e| e.truncate(19)), &against, Some(20));
    check(&damaged(|e| e.truncate(0)), &against, Some(1));
}

/// Watches checkpoints and heads of notices: a chain alone can be rebuilt by anybody who owns the database.
#[test]
fn a_rewritten_trail_is_held_against_checkpoints_and_notices() {
    let (good, bad) = (trail(20), rewritten(9, 20));
    let at = |n: usize| TrailHead { sequence: n as u64, head: good[n - 1].head };
    let own = Some(tail(&bad));
    check(&bad, &Against { tail: own, ..Against::default() }, None);
    let checkpoints = vec![signer().sign(at(5), 7), signer().sign(at(15), 8)];
    check(&bad, &Against { checkpoints: checkpoints.clone(), tail: own, ..Against::default() }, Some(6));
    check(&good, &Against { checkpoints: checkpoints.clone(), ..Against::default() }, None);
    check(&good[..10], &Against { checkpoints: checkpoints.clone(), ..Against::default() }, Some(11));
    let mut edited = checkpoints.clone();
    edited[1].time_ms += 1;
    check(&good, &Against { checkpoints: edited, ..Against::default() }, Some(15));
    let trusted = vec![signer().public()];
    check(&good, &Against { trusted: trusted.clone(), ..Against::default() }, Some(1));
    check(&good, &Against { trusted, checkpoints: checkpoints.clone(), ..Against::default() }, None);
    let other = vec![PublicKey::parse(&"0".repeat(64)).unwrap()];
    check(&good, &Against { trusted: other, checkpoints, ..Against::default() }, Some(5));
    let notice = |sequence: Option<u64>, n: usize| Against {
        known: vec![(sequence, at(n).head)],
        ..Against::default()
    };
    check(&good, &notice(Some(12), 12), None);
    check(&good, &notice(None, 12), None);
    check(&bad, &notice(Some(12), 12), Some(12));
    check(&bad, &notice(None, 12), Some(1));
    check(&bad, &notice(Some(9), 9), None);
    check(&good, &Against { known: vec![(None, Head::START)], ..Against::default() }, Some(1));
    check(&good[..11], &notice(Some(12), 12), Some(12));
}

/// Watches the lengths before every part: texts moved between parts are other bytes.
#[test]
fn events_that_differ_have_different_bytes() {
    let plain = Event::new(EventKind::Census, 1, "ab", "c");
    let others = [
        Event::new(EventKind::Census, 1, "a", "bc"),
        Event::new(EventKind::Census, 1, "ab", "c").with("x", "1"),
        Event::new(EventKind::Census, 1, "ab", "c").with("x", 1i64),
        Event::new(EventKind::Census, 1, "ab", "c").with("x", "").with("1", ""),
        Event::new(EventKind::Census, 1, "ab", "c").of_key("x", "", "1"),
        Event::new(EventKind::Census, 1, "ab", "c").of_run("c"),
        Event::new(EventKind::Census, 1, "ab", "c").of_plan("c", ""),
    ];
    let mut all: Vec<_> = others.iter().chain([&plain]).map(|event| event.canonical(1)).collect();
    all.push(plain.canonical(2));
    let distinct: std::collections::HashSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len());
}

/// The bytes are a promise to verifiers in other languages.
#[test]
fn the_canonical_bytes_are_these() {
    let event = Event::new(EventKind::Sweep, -1, "é", "h").with("n", 7i64).of_key("k", "v1", "d");
    let part = |text: &str| [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat();
    let parts = ["3", "-1", "é", "h", "sweep", "", "", "", "1", "n", "i", "7", "1", "k", "v1", "d"].map(part);
    assert_eq!(event.canonical(3), parts.concat());
    let head = TrailHead::START.after(&Event::new(EventKind::Sweep, 0, "", "")).head;
    // By Python's hashlib.
    assert_eq!(head.to_string(), "133d58b8eb3317f26399f33afa24f0a1eb23c86131ba075615cab8c7497007b3");
}

#[test]
fn lines_read_back_and_nothing_else_does() {
    let entry = trail(3).pop().unwrap();
    let line = entry.line();
    assert_eq!(Entry::read_line(&line), Ok(entry));
    assert!(Entry::read_line(&line.replace(':', ": ")).is_err());
    assert!(Entry::read_line(&line.replace("\\u0001", "\\u0002")).is_ok(), "an edit, for the head to find");
    assert!(Entry::read_line(&line.replace("run-finished", "run-finishec")).is_err());
}

/// Watches the last line of an export, and where its checkpoints stand: a file that was cut is not a shorter trail.
#[test]
fn an_export_says_where_it_ends() {
    let good = trail(6);
    let at = |n: usize| tail(&good[..n]);
    let mut lines: Vec<String> = good.iter().map(Entry::line).collect();
    lines.insert(4, signer().sign(at(4), 7).line());
    lines.push(at(6).end_line());
    let check = |lines: &[String], first_bad: Option<u64>| {
        let verdict = Verdict::of_export(lines.join("\n").as_bytes(), &[], &[]);
        assert_eq!(verdict.fault.as_ref().map(|fault| fault.sequence), first_bad, "{:?}", verdict.fault);
    };
    let damaged = |damage: fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        damage(&mut lines);
        lines
    };
    check(&lines, None);
    check(&[TrailHead::START.end_line()], None);
    check(&[], Some(1));
    check(&damaged(|lines| drop(lines.pop())), Some(7));
    check(&damaged(|lines| drop(lines.remove(6))), Some(6));
    check(&damaged(|lines| lines.push(lines[0].clone())), Some(7));
    check(&damaged(|lines| lines.push(lines[7].clone())), Some(7));
    check(&damaged(|lines| lines.swap(4, 5)), Some(4));
    check(&damaged(|lines| lines[7] = lines[7].replace(':', ": ")), Some(7));
    check(&damaged(|lines| lines[7] = at_another_event(&lines[7])), Some(6));
}

fn at_another_event(end: &str) -> String {
    end.replace("\"sequence\":6", "\"sequence\":5")
}

#[test]
fn names_of_kinds_read_back_and_are_kebab() {
    for kind in EventKind::ALL {
        assert_eq!(EventKind::parse(kind.name()), Some(*kind));
        assert!(kind.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{kind}");
    }
}

/// RFC 8032 §7.1, test 1: the seed gives this public key.
#[test]
fn the_seed_is_that_of_the_rfc() {
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(signer().public().to_string(), public);
    assert!(Signer::parse(&SecretBytes::new(b"00".to_vec())).is_err());
}
