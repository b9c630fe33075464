//! The verifier of audit trails: it takes a trail as Reseal wrote it, and nothing else.

use std::sync::OnceLock;

use reseal_core::SecretBytes;
use reseal_core::audit::{Entry, Event, EventKind, Signer, TrailHead, Verdict, read_export};

/// What exports are made of.
pub const WORDS: &[&str] = &[
    "{\"checkpoint\":{",
    "{\"end\":{",
    "\"sequence\":",
    "\"head\":",
    "\"time_ms\":",
    "\n",
    "\"fields\":[[",
    "]]",
    "[]",
    "\\u0001",
    "0",
    "-1",
    "18446744073709551615",
    "9223372036854775808",
    "\"operator\":",
    "run-finished",
    "1e3",
    "\"keys\":",
    ",",
    "\"",
];

/// The seed of RFC 8032 §7.1, test 1.
const SEED: &[u8] = b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
/// What precedes the bytes of an input: its kind, a place (two bytes) and a change.
const HEAD: usize = 4;
/// How many bytes of an export are changed, one at a time. Few: each change is a trail to verify, and the next input
/// changes others.
const PLACES: usize = 2;

/// Checks one input: an export that may be anything, or what an export is made of.
pub fn body(data: &[u8]) {
    let Some((&[kind, high, low, change], rest)) = data.split_first_chunk::<HEAD>() else { return };
    match kind % 2 {
        0 => only_what_reseal_writes_is_intact(rest),
        _ => no_edit_is_intact(rest, usize::from(u16::from_be_bytes([high, low])), change.max(1)),
    }
}

/// Inputs to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    let material = b"ada\0clinic\0a reason \"at all\"\0\xc3\xa9\x01\x1f\x1b\x0b\x0c and more of it\0db1";
    let export = Export::of(material).bytes();
    vec![[b"\0\0\0\x01", &export[..]].concat(), [b"\x01\0\x25\x01", &material[..]].concat()]
}

/// Whatever the verifier finds intact, Reseal writes byte for byte.
fn only_what_reseal_writes_is_intact(export: &[u8]) {
    let verdict = Verdict::of_export(export, &[], &[]);
    assert_eq!(verdict, Verdict::of_export(export, &[], &[]), "two verdicts on one trail");
    if let Some(fault) = &verdict.fault {
        assert!(fault.message.len() < 300, "a long message");
        return;
    }
    let lines = read_export(export).map(|line| line.expect("the verifier read it").text() + "\n");
    let written: String = lines.collect();
    let end = if export.ends_with(b"\n") { "" } else { "\n" };
    assert!(written.as_bytes() == [export, end.as_bytes()].concat(), "an edit was not seen");
    if verdict.intact.sequence > 0 {
        let known = [(Some(verdict.intact.sequence), verdict.intact.head)];
        assert_eq!(Verdict::of_export(export, &[], &known).fault, None, "its own head is not known again");
    }
}

/// A signed trail is intact, and is not with one byte changed, added or taken away, nor with a line less.
fn no_edit_is_intact(material: &[u8], place: usize, change: u8) {
    let made = Export::of(material);
    let export = made.bytes();
    let verdict = made.verdict(&export);
    assert_eq!(
        (verdict.fault, verdict.signed_through),
        (None, made.tail.sequence),
        "a sound trail is not intact"
    );

    // The bit of upper case makes other digits of the same number, as in \u001F.
    for change in [change, 0x20] {
        for at in (0..PLACES).map(|nth| (place + nth * export.len() / PLACES) % export.len()) {
            let mut changed = export.clone();
            changed[at] ^= change;
            made.is_refused(&changed, "a changed byte");
        }
    }
    let at = place % export.len();
    let mut longer = export.clone();
    longer.insert(at, change);
    made.is_refused(&longer, "one more byte");
    // Without its last line end, an export is the same.
    let at = place % (export.len() - 1);
    let mut shorter = export.clone();
    shorter.remove(at);
    made.is_refused(&shorter, "one byte less");
    let cut = place % made.lines.len();
    let kept = made.lines.iter().enumerate().filter(|(at, _)| *at != cut).map(|(_, line)| line.as_str());
    made.is_refused(kept.collect::<String>().as_bytes(), "a line less");
    made.is_refused(&export[..at], "a trail that was cut");
}

/// A trail with a checkpoint at its end.
struct Export {
    /// Each with its line end.
    lines: Vec<String>,
    tail: TrailHead,
}

impl Export {
    /// A trail whose events say what is between the NUL bytes.
    fn of(material: &[u8]) -> Export {
        let mut tail = TrailHead::START;
        let mut lines = Vec::new();
        for (at, words) in material.split(|byte| *byte == 0).take(6).enumerate() {
            let event = event(at, words);
            tail = tail.after(&event);
            lines.push(Entry { sequence: tail.sequence, event, head: tail.head }.line() + "\n");
        }
        lines.push(signer().sign(tail, 1_790_000_000_000).line() + "\n");
        lines.push(tail.end_line() + "\n");
        Export { lines, tail }
    }

    fn bytes(&self) -> Vec<u8> {
        self.lines.concat().into_bytes()
    }

    fn verdict(&self, export: &[u8]) -> Verdict {
        Verdict::of_export(export, &[signer().public()], &[(Some(self.tail.sequence), self.tail.head)])
    }

    fn is_refused(&self, export: &[u8], what: &str) {
        assert!(self.verdict(export).fault.is_some(), "{what} was not seen");
    }
}

fn event(at: usize, words: &[u8]) -> Event {
    let kind = EventKind::ALL[words.len() % EventKind::ALL.len()];
    let text = String::from_utf8_lossy(words);
    let time = words.iter().fold(at as i64, |time, byte| time.wrapping_mul(257) ^ i64::from(*byte));
    let event =
        Event::new(kind, time, &text, "db1").of_plan("clinic", "sha256:00").with("reason", text.as_ref());
    if words.len().is_multiple_of(2) { event } else { event.with("cells", time).of_key("phi", &text, "") }
}

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| Signer::parse(&SecretBytes::new(SEED.to_vec())).expect("RFC 8032 gives this seed"))
}
