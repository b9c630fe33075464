//! Layouts by example. What must hold for any layout and cell is in `fuzz/bodies`.

use super::*;

/// The pieces of a cell as `hole=hex`, or the mismatch.
fn check(layout: &str, cell: &[u8], expect: &str) {
    let shown = match Layout::parse(layout).unwrap().split(cell) {
        Err(Mismatch::NotMine) => "not mine".to_owned(),
        Err(Mismatch::Broken(reason)) => format!("broken: {reason}"),
        Ok(pieces) => {
            let show = |name, piece: &[u8]| match std::str::from_utf8(piece) {
                Ok(text) if matches!(name, "key" | "token") => format!("{name}={text}"),
                _ => format!("{name}={}", hex::encode(piece)),
            };
            let pieces = Hole::NAMES.iter().zip(&pieces.0);
            let shown: Vec<_> =
                pieces.filter_map(|(name, piece)| Some(show(*name, piece.as_deref()?))).collect();
            shown.join(" ")
        }
    };
    assert_eq!(shown, expect, "{layout} on {}", String::from_utf8_lossy(cell));
}

fn refuse(layout: &str, expect: &str) {
    match Layout::parse(layout) {
        Ok(_) => panic!("{layout} was taken"),
        Err(error) => assert!(error.to_string().contains(expect), "{layout}: {error}"),
    }
}

const PAZPAZ: &str = "{key}:{nonce|base64}:{ciphertext|base64}";

#[test]
fn text_cells_come_apart() {
    let nonce = "nonce=000102030405060708090a0b";
    check(PAZPAZ, b"v1:AAECAwQFBgcICQoL:c2VhbGVk", &format!("key=v1 {nonce} ciphertext=7365616c6564"));
    check("{nonce|hex}.{tag|hex}.{ciphertext|hex}", b"00.01.", "nonce=00 tag=01 ciphertext=");
    check("FERNET_V2:{key}:{token}", b"FERNET_V2:key_1:gAAA-_=", "key=key_1 token=gAAA-_=");
    check("{{{key}}}{ciphertext|base64url-nopad}", b"{k}-_8", "key=k ciphertext=fbff");
    check("{ciphertext|base64}@{key}", b"AA==@a@b", "key=a@b ciphertext=00");
    check("{nonce|hex|2}{ciphertext|hex}", b"0001ff", "nonce=0001 ciphertext=ff");
    check("{key|2}{ciphertext|hex}", b"k1ff", "key=k1 ciphertext=ff");
}

#[test]
fn binary_cells_come_apart() {
    check("{nonce|2}{ciphertext|raw}{tag|1}", &[1, 2, 3, 4, 5], "nonce=0102 tag=05 ciphertext=0304");
    check("{=0180}{key}{=00}{ciphertext|raw}", b"\x01\x80k\0\0", "key=k ciphertext=00");
    check("{=0180}{key}{=00}{ciphertext|raw}", b"\x01\x81k\0\0", "not mine");
    check("v{ciphertext|raw}!", b"v!!", "ciphertext=21");
}

#[test]
fn what_does_not_begin_as_a_cell_is_not_mine() {
    for cell in
        ["", "v1", "12:30:45", "Allergy: nuts: severe", ":AAECAwQFBgcICQoL:", "v1:AAECAwQF*gcICQoL:AA=="]
    {
        check(PAZPAZ, cell.as_bytes(), "not mine");
    }
    check("FERNET_V2:{key}:{token}", b"gAAAAA", "not mine");
    check("FERNET_V2:{key}:{token}", b"FERNET_V", "not mine");
}

#[test]
fn what_begins_as_a_cell_and_does_not_go_on_so_is_broken() {
    check(PAZPAZ, b"v1:AAECAwQFBgcICQoL:c2VhbGV", "broken: bad-encoding");
    check(PAZPAZ, b"v1:AAECAwQFBgcICQoL:c2VhbGVk:", "broken: bad-encoding");
    check("FERNET_V2:{key}:{token}", b"FERNET_V2:", "broken: wrong-length");
    check("FERNET_V2:{key}:{token}", b"FERNET_V2::gAAA", "broken: bad-encoding");
    check("FERNET_V2:{key}:{token}", b"FERNET_V2:k:g A", "broken: bad-encoding");
    check("v1.{ciphertext|hex}.", b"v1.000", "broken: no-separator");
    check("{nonce|12}{ciphertext|raw}", b"short", "broken: wrong-length");
    check("x{ciphertext|hex|1}", b"x000", "broken: wrong-length");
}

#[test]
fn each_value_has_one_spelling() {
    // Trailing bits, missing or needless padding, upper-case digits.
    for (encoding, cell) in [
        ("base64", "AB=="),
        ("base64", "AA"),
        ("base64-nopad", "AA=="),
        ("base64url", "AA"),
        ("base64url-nopad", "AB"),
        ("hex", "FF"),
        ("hex", "f"),
    ] {
        check(&format!("x{{ciphertext|{encoding}}}"), format!("x{cell}").as_bytes(), "broken: bad-encoding");
    }
}

#[test]
fn a_width_from_the_format_binds_as_one_in_the_layout() {
    let layout =
        Layout::parse("{key}:{nonce|base64}:{ciphertext|base64}").unwrap().with_width(Hole::Nonce, 12);
    assert!(layout.split(b"v1:AAECAwQFBgcICQoL:c2VhbGVk").is_ok());
    assert!(matches!(layout.split(b"v1:AAECAwQFBgcICQoLAAAA:c2VhbGVk"), Err(Mismatch::Broken(_))));
    assert!(matches!(layout.split(b"v1:AAAA:c2VhbGVk"), Err(Mismatch::NotMine)));
    assert_eq!(layout.width(Hole::Nonce), Some(12));
}

#[test]
fn mistakes_are_named() {
    refuse("{key", "unmatched brace");
    refuse("key}", "unmatched brace");
    refuse("{nonse|base64}", "unknown hole {nonse}, did you mean nonce?");
    refuse("{iv|base64}", "unknown hole {iv}; valid holes are");
    refuse("{nonce|base46}", "unknown encoding `base46`, did you mean base64?");
    refuse("{nonce}", "{nonce} needs an encoding, for example {nonce|base64}");
    refuse("{nonce|text}", "a nonce is bytes, not text");
    refuse("{token|hex}", "a token is already text");
    refuse("{key|raw}", "a key is text or encoded text");
    refuse("{nonce|0}", "the width must be a number of bytes from 1 to 1024");
    refuse("{nonce|12x}", "the width must be a number of bytes from 1 to 1024");
    refuse("{nonce|12|hex}", "the width must be a number of bytes from 1 to 1024");
    refuse("{nonce|99999999999999999999}", "the width must be a number of bytes from 1 to 1024");
    refuse("{=0}{ciphertext|raw}", "pairs of hexadecimal digits");
    refuse("{=}{ciphertext|raw}", "pairs of hexadecimal digits");
    refuse("{nonce|hex}:{nonce|hex}", "{nonce} occurs twice");
    refuse("{key}:{nonce|hex}", "the layout needs {ciphertext} or {token}");
    refuse("", "the layout needs {ciphertext} or {token}");
    refuse("{token}:{nonce|hex}", "only {key} is allowed with it");
}

#[test]
fn layouts_that_could_be_read_in_two_ways_are_refused() {
    refuse("{nonce|raw}{ciphertext|raw}", "it is unclear where {nonce} ends and {ciphertext} begins");
    refuse("{nonce|base64}{ciphertext|base64}", "it is unclear where {nonce} ends");
    refuse("{nonce|raw}:{ciphertext|raw}", "the separator after {nonce} can occur inside it");
    refuse("{nonce|base64}/{ciphertext|base64}", "the separator after {nonce}");
    refuse("{nonce|base64url}_{ciphertext|base64url}", "the separator after {nonce}");
    refuse("{nonce|hex}a{ciphertext|hex}", "the separator after {nonce}");
    refuse("{key}_{token}", "the separator after {key}");
    refuse("{token}-{key}", "the separator after {token}");
}

#[test]
fn what_cannot_be_read_back_is_not_built() {
    let layout = Layout::parse("{key}::{nonce|hex|2}{ciphertext|hex}").unwrap();
    let build = |tag: &str, nonce: &[u8]| {
        let pieces = Pieces::default().with(Hole::Key, tag.as_bytes()).with(Hole::Nonce, nonce);
        layout.build(&pieces.with(Hole::Ciphertext, &b"x"[..]))
    };
    assert_eq!(build("v1", &[0, 0]), Ok(Value::Text("v1::000078".into())));
    for (tag, nonce) in [("", &[0, 0][..]), ("a b", &[0, 0]), ("a::b", &[0, 0]), ("a:", &[0, 0]), ("a", &[0])]
    {
        assert!(build(tag, nonce).is_err(), "{tag:?}");
    }
    assert!(layout.build(&Pieces::default()).is_err());
}

/// Found by libFuzzer: such a tag was read, and no cell was built with it.
#[test]
fn a_tag_whose_end_is_counted_may_hold_what_follows_it() {
    for (layout, cell, tag) in
        [("{ciphertext|hex}@{key}A", "ff@vA1A", "vA1"), ("{key}:{ciphertext|hex|1}", "a:b:ff", "a:b")]
    {
        check(layout, cell.as_bytes(), &format!("key={tag} ciphertext=ff"));
        let layout = Layout::parse(layout).unwrap();
        let pieces = layout.split(cell.as_bytes()).unwrap();
        assert_eq!(layout.build(&pieces), Ok(Value::Text(cell.to_owned())));
        assert_eq!((layout.tag_hint(cell.as_bytes()), layout.prefix(tag)), (None, None));
    }
}

#[test]
fn debug_shows_no_content() {
    let pieces = Pieces::default().with(Hole::Ciphertext, &b"secret"[..]);
    assert_eq!(format!("{pieces:?}"), r#"{"ciphertext"}"#);
}
