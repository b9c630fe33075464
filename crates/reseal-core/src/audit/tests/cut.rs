//! A trail that is cut: the archive, what is kept, and what comes after.

use super::*;

const LAST: u64 = 10;

/// A trail of twenty events, cut behind the tenth with two events kept.
struct CutTrail {
    archive: Vec<Entry>,
    kept: Vec<Entry>,
    rest: Vec<Entry>,
    cut: Cut,
}

fn cut_of(kept: &[Entry], at: TrailHead) -> Cut {
    let digest = kept.iter().fold(KeptEvents::default(), KeptEvents::with);
    let (count, kept_digest) = (digest.count(), digest.digest());
    signer().sign_cut(CutPoint { at, before_ms: 5, time_ms: 6, kept: count, kept_digest })
}

impl CutTrail {
    fn new() -> CutTrail {
        let mut archive = trail(20);
        let rest = archive.split_off(LAST as usize);
        let kept = vec![archive[2].clone(), archive[6].clone()];
        let cut = cut_of(&kept, tail(&archive));
        CutTrail { archive, kept, rest, cut }
    }

    fn lines(&self) -> Vec<Result<Line, Unreadable>> {
        let events = self.archive.iter().cloned().map(Line::Event);
        events.chain([Line::Cut(self.cut.clone())]).map(Ok).collect()
    }

    /// What is found where the archive is read first, or not.
    fn verdict(&self, with_archive: bool, against: &Against) -> Verdict {
        let mut trail = Trail::new(&against.checkpoints, &against.trusted, &against.known);
        if with_archive {
            trail.take_archive(self.lines());
        }
        trail.take_cut(&self.cut);
        trail.expect_kept(&self.cut);
        for entry in self.kept.iter().chain(&self.rest) {
            trail.take(entry.sequence as i64, Ok(entry.clone()));
        }
        trail.end(against.tail)
    }
}

/// The first bad event without the archive, and with it.
fn check(found: &CutTrail, against: &Against, expect: [Option<u64>; 2]) {
    let first_bad = [false, true].map(|with| found.verdict(with, against).fault);
    let numbers = first_bad.clone().map(|fault| fault.map(|fault| fault.sequence));
    assert_eq!(numbers, expect, "{first_bad:?}");
}

fn damaged(damage: impl Fn(&mut CutTrail)) -> CutTrail {
    let mut found = CutTrail::new();
    damage(&mut found);
    found
}

#[test]
fn a_cut_trail_is_sound_by_itself_and_with_its_archive() {
    let sound = CutTrail::new();
    let tail = Some(tail(&sound.rest));
    let trusted = vec![signer().public()];
    for known in [vec![], vec![(Some(3), sound.kept[0].head)], vec![(None, sound.kept[1].head)]] {
        let against = Against { tail, trusted: trusted.clone(), known, ..Against::default() };
        check(&sound, &against, [None, None]);
    }
    let verdicts = [false, true].map(|with| sound.verdict(with, &Against::default()));
    assert_eq!(
        verdicts.map(|verdict| (verdict.archived_through, verdict.signed_through)),
        [(10, 10), (0, 10)]
    );
    // What is in the archive alone is not taken on trust.
    let known = vec![(Some(5), sound.archive[4].head)];
    check(&sound, &Against { known, ..Against::default() }, [Some(5), None]);
    let known = vec![(Some(5), sound.archive[5].head)];
    check(&sound, &Against { known, ..Against::default() }, [Some(5), Some(5)]);
}

type Damage = fn(&mut CutTrail);

/// Watches the signature of a cut, whose it is, and the digest of kept events.
#[test]
fn a_cut_and_what_it_keeps_are_as_they_were_signed() {
    let cases: [(&str, Damage, Option<u64>); 7] = [
        ("time", |found| found.cut.point.before_ms += 1, Some(10)),
        ("number", |found| found.cut.point.at.sequence = 9, Some(9)),
        ("head", |found| found.cut.point.at.head = found.archive[3].head, Some(10)),
        ("kept less", |found| found.cut.point.kept = 1, Some(10)),
        ("kept edited", |found| found.kept[0].event.operator = "eve".into(), Some(10)),
        ("kept gone", |found| drop(found.kept.pop()), Some(10)),
        ("kept more", |found| found.kept.push(found.archive[8].clone()), Some(10)),
    ];
    for (name, damage, expect) in cases {
        let found = damaged(damage);
        let fault = found.verdict(false, &Against::default()).fault;
        assert_eq!(fault.as_ref().map(|fault| fault.sequence), expect, "{name}: {fault:?}");
        assert!(found.verdict(true, &Against::default()).fault.is_some(), "{name}");
    }
    let other = Against { trusted: vec![PublicKey::from_bytes(&[7; 32]).unwrap()], ..Against::default() };
    check(&CutTrail::new(), &other, [Some(10), Some(10)]);
}

/// Watches the archive: whoever signed a cut over events that never were is found by it.
#[test]
fn what_is_kept_is_what_the_archive_has() {
    let lie = damaged(|found| {
        found.kept[1].event.operator = "eve".into();
        found.cut = cut_of(&found.kept, found.cut.point.at);
    });
    check(&lie, &Against::default(), [None, Some(7)]);
    let moved = damaged(|found| {
        found.kept[1] = Entry { sequence: 8, ..found.kept[1].clone() };
        found.cut = cut_of(&found.kept, found.cut.point.at);
    });
    check(&moved, &Against::default(), [None, Some(8)]);
}

/// Watches that an archive ends where the trail begins, and says so itself.
#[test]
fn an_archive_of_another_length_is_none_of_this_trail() {
    let against = Against::default();
    check(&damaged(|found| drop(found.archive.pop())), &against, [None, Some(10)]);
    let without_rest = damaged(|found| {
        found.archive.pop();
        found.rest.clear();
    });
    check(&without_rest, &against, [None, Some(10)]);
    check(&damaged(|found| drop(found.archive.remove(4))), &against, [None, Some(5)]);
    check(&damaged(|found| drop(found.rest.remove(0))), &against, [Some(11), Some(11)]);
    let sound = CutTrail::new();
    let mut trail = Trail::new(&[], &[], &[]);
    trail.take_archive(sound.archive.iter().cloned().map(Line::Event).map(Ok).collect());
    assert_eq!(trail.end(None).fault.map(|fault| fault.sequence), Some(11));
}

/// Watches the line of a cut: it reads back, and no edit of it does.
#[test]
fn the_line_of_a_cut_reads_back() {
    let line = CutTrail::new().cut.line();
    let read = |text: &str| read_export(text.as_bytes()).next().unwrap();
    assert_eq!(read(&line), Ok(Line::Cut(CutTrail::new().cut)));
    for edit in [
        line.replace("\"kept\":2", "\"kept\":02"),
        line.replace(":10,", ": 10,"),
        line.replace("key", "keys"),
    ] {
        assert!(edit != line && read(&edit).is_err(), "{edit}");
    }
}

/// The bytes of a cut, which other verifiers count on.
#[test]
fn what_is_signed_of_a_cut_is_what_it_always_was() {
    let message = CutTrail::new().cut.point.message();
    let (domain, parts) = message.split_at(19);
    assert_eq!(domain, b"reseal-audit-cut-1\n");
    assert_eq!(&parts[..10], [&[0, 0, 0, 2][..], b"10", &[0, 0, 0, 64]].concat());
    // By Python's hashlib.
    assert_eq!(
        KeptEvents::default().digest(),
        "4a5e8c81165e810e1d739008b698eed910efe31b9a2049a6dc52b6f0861fd4e1"
    );
}
