//! The audit trail on every database: one chain, whoever appends, and every edit of a stored column found.
//!
//! Wants `RESEAL_TEST_POSTGRES_URL` and `RESEAL_TEST_MYSQL_URL`, as `cargo xtask test` sets them.

#![allow(clippy::unwrap_used)]

mod common;

use reseal_control::ControlSession;
use reseal_core::SecretBytes;
use reseal_core::audit::{Entry, Event, EventKind, Line, Signer, Trail, Verdict, read_export};
use reseal_store::Dialect;

use common::Control;

fn event(writer: usize, at: usize) -> Event {
    Event::new(EventKind::RunFinished, 1_790_000_000_000, "ada", "db1")
        .of_plan("clinic", "sha256:00")
        .of_run(&format!("{writer}-{at}"))
        .with("cells_rotated", at as u64)
        .with("reason", "none \"at all\" é")
        .of_key("phi", "v2", "sha256:aa:bb")
}

async fn verdict(session: &mut ControlSession) -> Verdict {
    let found: Vec<_> = session.checkpoints().await.unwrap();
    let checkpoints: Vec<_> = found.into_iter().map(Result::unwrap).collect();
    let mut trail = Trail::new(&checkpoints, &[], &[]);
    let mut last = i64::MIN;
    loop {
        let page = session.trail_after(last, 100).await.unwrap();
        let Some(end) = page.last() else { break };
        last = end.sequence;
        for recorded in page {
            trail.take(recorded.sequence, recorded.entry);
        }
    }
    let tail = session.trail_head().await.unwrap();
    trail.end(Some(tail))
}

/// Watches the lock on the trail's last row, and the compare-and-set behind it: without both, writers fork the chain or
/// collide.
async fn many_append_at_once(store: &str) {
    const WRITERS: usize = 8;
    const EVENTS: usize = 25;
    let control = Control::new(store).await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let database = control.database.clone();
            tokio::spawn(async move {
                let mut session = database.connect().await.unwrap();
                for at in 0..EVENTS {
                    session.record(&event(writer, at)).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut session = control.session().await;
    let verdict = verdict(&mut session).await;
    assert_eq!(verdict.fault, None, "{store}");
    assert_eq!(verdict.intact.sequence, (WRITERS * EVENTS) as u64, "{store}");
}

/// Watches that an event shares the fate of the transaction that it was recorded in.
async fn an_event_goes_with_its_cause(store: &str) {
    let control = Control::new(store).await;
    let mut session = control.session().await;
    session.record(&event(0, 0)).await.unwrap();
    session.begin().await.unwrap();
    let lost = session.record_inside(&event(0, 1)).await.unwrap();
    session.rollback().await.unwrap();
    session.begin().await.unwrap();
    let kept = session.record_inside(&event(0, 2)).await.unwrap();
    session.commit().await.unwrap();
    assert_eq!((lost.sequence, kept.sequence), (2, 2), "{store}");
    assert_ne!(lost.head, kept.head, "{store}");
    assert_eq!(session.trail_head().await.unwrap(), kept, "{store}");
    let latest = session.latest_event("clinic", &[EventKind::RunFinished]).await.unwrap().unwrap();
    // Behind what it was given, it says who acted.
    let given = event(0, 2).fields;
    assert_eq!((latest.sequence, latest.event.fields.get(..given.len())), (2, Some(&given[..])), "{store}");
    assert_eq!(session.latest_event("clinic", &[EventKind::Census]).await.unwrap(), None, "{store}");
}

/// Watches strict reading and the chain: each column of an event, of the trail's end and of a checkpoint is edited in
/// turn, and the edit is named or, for the trail's own end, refused to be read.
async fn every_column_is_watched(store: &str) {
    let control = Control::new(store).await;
    let mut session = control.session().await;
    for at in 0..9 {
        session.record(&event(0, at)).await.unwrap();
    }
    let signer = Signer::parse(&SecretBytes::new([b'7'; 64].to_vec())).unwrap();
    let tail = session.trail_head().await.unwrap();
    session.add_checkpoint(&signer.sign(tail, 5)).await.unwrap();
    session.add_checkpoint(&signer.sign(tail, 6)).await.unwrap();
    let sound = verdict(&mut session).await;
    assert_eq!((sound.fault, sound.signed_through), (None, 9), "{store}");
    let prefix = if session.dialect() == Dialect::Postgres { "reseal." } else { "reseal_" };
    let events = [
        ("sequence", "100"),
        ("time_ms", "time_ms + 1"),
        ("operator", "'eve'"),
        ("host", "'db2'"),
        ("kind", "'run-failed'"),
        ("kind", "'run-finishee'"),
        ("plan", "'clinid'"),
        ("plan_digest", "''"),
        ("run_id", "'0-5'"),
        ("fields", "'[]'"),
        ("fields", "'[[\"cells_rotated\", 4], [\"reason\", \"none\"]]'"),
        ("fingerprints", "'[]'"),
        ("head", "'00'"),
    ];
    for (column, value) in events {
        let set = format!("UPDATE {prefix}audit_event SET {column} = {value} WHERE sequence = 5");
        let edited = edited(&mut session, set).await;
        assert_eq!(edited.fault.map(|fault| fault.sequence), Some(5), "{store}: {column} = {value}");
    }
    for column in ["time_ms = 7", "signature = '00'", "head = 'x'", "public_key = 'x'", "sequence = 8"] {
        let set = format!("UPDATE {prefix}audit_checkpoint SET {column}");
        session.script(&["BEGIN".into(), set]).await.unwrap();
        let bad = match session.checkpoints().await.unwrap().remove(0) {
            Ok(checkpoint) => {
                let checkpoints = [checkpoint];
                let mut trail = Trail::new(&checkpoints, &[], &[]);
                for recorded in session.trail_after(0, 100).await.unwrap() {
                    trail.take(recorded.sequence, recorded.entry);
                }
                trail.end(None).fault.is_some()
            }
            Err(_) => true,
        };
        session.script(&["ROLLBACK".into()]).await.unwrap();
        assert!(bad, "{store}: {column}");
    }
}

/// The verdict on the trail with one statement more, which is taken back afterwards.
async fn edited(session: &mut ControlSession, statement: String) -> Verdict {
    session.script(&["BEGIN".into(), statement]).await.unwrap();
    let verdict = verdict(session).await;
    session.script(&["ROLLBACK".into()]).await.unwrap();
    verdict
}

const MANY: u64 = 10_000;
const EDITS: usize = 1_000;
/// Where a verification begins that looks at one edit: what lies before was verified once, and is not edited.
const STEP: usize = 100;

/// A trail of ten thousand events, and where its verification stands after each hundred.
async fn ten_thousand(session: &mut ControlSession) -> (Vec<Entry>, Vec<Trail<'static>>) {
    session.begin().await.unwrap();
    for at in 0..MANY {
        session.record_inside(&event(7, at as usize)).await.unwrap();
    }
    session.commit().await.unwrap();
    let (mut entries, mut stands, mut trail) = (Vec::new(), Vec::new(), Trail::new(&[], &[], &[]));
    for recorded in session.trail_after(0, MANY).await.unwrap() {
        if entries.len() % STEP == 0 {
            stands.push(trail.clone());
        }
        entries.push(recorded.entry.clone().unwrap());
        assert!(trail.take(recorded.sequence, recorded.entry));
    }
    assert_eq!(trail.end(Some(session.trail_head().await.unwrap())).intact.sequence, MANY);
    (entries, stands)
}

/// Numbers that look random and are the same each time (Knuth's MMIX generator).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// The same bytes with another byte in one place.
    fn edit(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (mut out, at) = (bytes.to_vec(), self.below(bytes.len()));
        out[at] ^= 1 + self.below(255) as u8;
        out
    }
}

/// Watches strict reading and the chain: of each sampled column, one byte is changed to any other.
#[tokio::test]
async fn a_thousand_single_byte_edits_of_ten_thousand_events_are_found() {
    let control = Control::new("sqlite").await;
    let mut session = control.session().await;
    let (entries, stands) = ten_thousand(&mut session).await;
    let mut dice = Dice(20_260_101);
    for edit in 0..EDITS {
        let entry = &entries[dice.below(entries.len())];
        let sequence = entry.sequence;
        let e = &entry.event;
        let columns: [(&str, String); 11] = [
            ("time_ms", e.time_ms.to_string()),
            ("operator", e.operator.clone()),
            ("host", e.host.clone()),
            ("kind", e.kind.name().to_owned()),
            ("plan", e.plan.clone()),
            ("plan_digest", e.plan_digest.clone()),
            ("run_id", e.run_id.clone()),
            ("fields", e.fields_json()),
            ("fingerprints", e.keys_json()),
            ("head", entry.head.to_string()),
            // A number that is taken cannot be given twice; these are free.
            ("sequence", (sequence + 90_000).to_string()),
        ];
        let (column, value) = &columns[edit % columns.len()];
        let set = match *column {
            "sequence" => value.clone(),
            _ => format!("CAST(X'{}' AS TEXT)", hex::encode(dice.edit(value.as_bytes()))),
        };
        let update = format!("UPDATE reseal_audit_event SET {column} = {set} WHERE sequence = {sequence}");
        session.script(&["BEGIN".into(), update.clone()]).await.unwrap();
        let tail = session.trail_head().await.unwrap();
        let at = (sequence as usize - 1) / STEP;
        let mut trail = stands[at].clone();
        for recorded in session.trail_after((at * STEP) as i64, 2 * STEP as u64).await.unwrap() {
            trail.take(recorded.sequence, recorded.entry);
        }
        session.script(&["ROLLBACK".into()]).await.unwrap();
        let fault = trail.end(Some(tail)).fault.map(|fault| fault.sequence);
        assert_eq!(fault, Some(sequence), "{update}");
    }
}

/// The same of the export, each of whose lines must be what Reseal writes and nothing that means the same.
#[tokio::test]
async fn a_thousand_single_byte_edits_of_an_export_are_found() {
    let control = Control::new("sqlite").await;
    let mut session = control.session().await;
    let (entries, stands) = ten_thousand(&mut session).await;
    let lines: Vec<String> = entries.iter().map(|entry| entry.line() + "\n").collect();
    let mut dice = Dice(7);
    for _ in 0..EDITS {
        let bad = dice.below(lines.len());
        let at = bad / STEP;
        let mut bytes = lines[at * STEP..bad].concat().into_bytes();
        bytes.extend(dice.edit(lines[bad].as_bytes()));
        bytes.extend(lines.get(bad + 1).map(|line| line.as_bytes()).unwrap_or_default());
        let mut trail = stands[at].clone();
        for line in read_export(&bytes) {
            match line {
                Ok(Line::Event(entry)) => {
                    trail.take_entry(entry);
                }
                Ok(Line::Checkpoint(_) | Line::Cut(_) | Line::End(_)) => {}
                Err(why) => trail.unreadable(&why),
            }
        }
        assert_eq!(trail.end(None).fault.map(|fault| fault.sequence), Some(bad as u64 + 1));
    }
}

macro_rules! on_every_database {
    ($($test:ident),*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() { super::$test("sqlite").await })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() { super::$test("postgres").await })*
        }
        mod mariadb {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() { super::$test("mysql").await })*
        }
    };
}

on_every_database!(many_append_at_once, an_event_goes_with_its_cause, every_column_is_watched);
