//! The suite fails a format that breaks a promise: each of these breaks one.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::*;
use crate::{Broken, Format, KeyLength, SecretBytes};

/// `serial ‖ plaintext ‖ HMAC`: no secrecy, but all that the suite asks for, unless a fault is built in.
struct Toy {
    fault: Fault,
    serial: AtomicU64,
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    IgnoresTheMac,
    IgnoresTheKey,
    IgnoresTheAad,
    IgnoresWhatFollows,
    NeverDiffers,
    LosesTheLastByte,
    PanicsOnShortCells,
    NamesAKey,
    DeclinesItsOwn,
    IgnoresTheSerial,
}

const HEAD: usize = 8;
const MAC: usize = 32;

impl Toy {
    fn mac(&self, body: &[u8], key: &Key, aad: &[u8]) -> Vec<u8> {
        let key = if self.fault == Fault::IgnoresTheKey { b"k" } else { key.expose() };
        let aad = if self.fault == Fault::IgnoresTheAad { b"" } else { aad };
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap();
        mac.update(&(aad.len() as u64).to_be_bytes());
        mac.update(aad);
        mac.update(if self.fault == Fault::IgnoresTheSerial { &body[HEAD.min(body.len())..] } else { body });
        mac.finalize().into_bytes().to_vec()
    }
}

impl Format for Toy {
    fn identify<'c>(&self, _: &'c Cell) -> Identified<'c> {
        match self.fault {
            Fault::NamesAKey => Identified::Marked(Cow::Borrowed("a")),
            Fault::DeclinesItsOwn => Identified::NotMine,
            _ => Identified::Unmarked,
        }
    }

    fn open(&self, cell: &Cell, key: &Key, aad: &[u8]) -> Result<Plaintext, OpenError> {
        let short = OpenError::Broken(Broken("short"));
        let cell = cell.bytes(Part::Ciphertext).ok_or(short)?;
        if self.fault == Fault::PanicsOnShortCells {
            assert!(cell.len() >= HEAD + MAC);
        }
        if self.fault == Fault::IgnoresWhatFollows {
            let mut ends = (HEAD..=cell.len().saturating_sub(MAC)).rev();
            let fits = |end: &usize| self.mac(&cell[..*end], key, aad) == cell[*end..*end + MAC];
            let end = ends.find(fits).ok_or(OpenError::NotThisKey)?;
            let noise = cell.len() - end - MAC;
            return Ok(Plaintext::new([&cell[HEAD..end], &vec![0; noise]].concat()));
        }
        let (body, mac) = cell.split_at_checked(cell.len().saturating_sub(MAC)).ok_or(short)?;
        let text = body.get(HEAD..).ok_or(short)?;
        match self.fault {
            Fault::IgnoresTheMac => Ok(Plaintext::new(text.to_vec())),
            _ if self.mac(body, key, aad) != mac => Err(OpenError::NotThisKey),
            Fault::LosesTheLastByte => Ok(Plaintext::new(text[..text.len().saturating_sub(1)].to_vec())),
            _ => Ok(Plaintext::new(text.to_vec())),
        }
    }

    fn seal(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        _: Option<&Cell>,
    ) -> Result<Cell<'static>, SealError> {
        let step = if self.fault == Fault::NeverDiffers { 0 } else { 1 };
        let serial = self.serial.fetch_add(step, Ordering::Relaxed);
        let body = [&serial.to_be_bytes()[..], text.expose()].concat();
        let mac = self.mac(&body, key, aad);
        Ok(Cell::whole(Value::Bytes([body, mac].concat())))
    }
}

fn suite(fault: Fault) -> Suite {
    let built = BuiltFormat {
        format: Arc::new(Toy { fault, serial: AtomicU64::new(0) }),
        authenticated: true,
        marked: false,
        key_length: KeyLength::OneOf(&[4]),
        binary: true,
        plaintext: false,
        max_seals: None,
    };
    let keys = ["a", "b"].map(|id| Key::new(id, SecretBytes::new(id.repeat(4).into_bytes())));
    Suite::new(built, keys).aad(b"aad").samples(vec![b"a sample".to_vec(), b"x".to_vec()])
}

/// What the suite says of a format.
fn verdict(fault: Fault) -> String {
    said(|| suite(fault).run())
}

/// What a body says of a format, given a few inputs.
fn verdict_of_body(fault: Fault) -> String {
    said(|| {
        let suite = suite(fault);
        let others =
            [&b"\0\0\x0bxa value"[..], b"\0\0\x30\x01a value", b"\x01\0\0\x01no cell"].map(<[u8]>::to_vec);
        suite.seeds(&[]).iter().chain(&others).for_each(|input| suite.body(input));
    })
}

fn said(check: impl Fn()) -> String {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)) {
        Ok(()) => "passes".to_owned(),
        Err(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => text.clone(),
            (None, Some(text)) => (*text).to_owned(),
            (None, None) => String::new(),
        },
    }
}

#[test]
fn a_format_without_fault_passes() {
    assert_eq!(verdict(Fault::None), "passes");
}

#[test]
fn every_fault_is_found() {
    let expect = [
        (Fault::IgnoresTheMac, "under another key"),
        (Fault::IgnoresTheKey, "under another key"),
        (Fault::IgnoresTheAad, "under other additional data"),
        (Fault::IgnoresWhatFollows, "opened to something else"),
        (Fault::NeverDiffers, "sealing twice gave one cell"),
        (Fault::LosesTheLastByte, "opened to something else"),
        (Fault::PanicsOnShortCells, "assertion failed"),
        (Fault::NamesAKey, "said to be unmarked"),
        (Fault::DeclinesItsOwn, "a sealed cell is NotMine"),
    ];
    for (fault, expect) in expect {
        let verdict = verdict(fault);
        assert!(verdict.contains(expect), "expected {expect}, got {verdict}");
    }
}

#[test]
fn every_fault_is_found_by_a_body() {
    let expect = [
        (Fault::IgnoresTheMac, "under another key"),
        (Fault::IgnoresTheKey, "under another key"),
        (Fault::IgnoresTheAad, "under other additional data"),
        (Fault::NeverDiffers, "sealing twice gave one cell"),
        (Fault::LosesTheLastByte, "opened to something else"),
        (Fault::PanicsOnShortCells, "assertion failed"),
        (Fault::NamesAKey, "said to be unmarked"),
        (Fault::DeclinesItsOwn, "a sealed cell is NotMine"),
        (Fault::IgnoresTheSerial, "the cell opens"),
    ];
    assert_eq!(verdict_of_body(Fault::None), "passes");
    for (fault, expect) in expect {
        let verdict = verdict_of_body(fault);
        assert!(verdict.contains(expect), "expected {expect}, got {verdict}");
    }
}

#[test]
#[should_panic(expected = "lost what belongs to it")]
fn a_trait_that_is_lost_is_found() {
    let suite = suite(Fault::None);
    let old = suite.sealed(&Plaintext::new(b"old".to_vec()), 0, None);
    suite.keeps(&[old], |cell| cell.bytes(Part::Ciphertext).unwrap()[..HEAD].to_vec());
}
