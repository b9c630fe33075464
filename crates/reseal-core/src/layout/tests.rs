use proptest::prelude::*;

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
    refuse("{key", "a brace without its partner");
    refuse("key}", "a brace without its partner");
    refuse("{nonse|base64}", "unknown hole {nonse}, did you mean nonce?");
    refuse("{iv|base64}", "unknown hole {iv}; holes are");
    refuse("{nonce|base46}", "unknown encoding base46, did you mean base64?");
    refuse("{nonce}", "write {nonce|base64}");
    refuse("{nonce|text}", "a nonce is bytes, not text");
    refuse("{token|hex}", "a token is text already");
    refuse("{key|raw}", "a key is text");
    refuse("{nonce|0}", "a width");
    refuse("{nonce|12x}", "a width");
    refuse("{nonce|12|hex}", "a width");
    refuse("{nonce|99999999999999999999}", "a width");
    refuse("{=0}{ciphertext|raw}", "pairs of hexadecimal digits");
    refuse("{=}{ciphertext|raw}", "pairs of hexadecimal digits");
    refuse("{nonce|hex}:{nonce|hex}", "{nonce} occurs twice");
    refuse("{key}:{nonce|hex}", "no {ciphertext} and no {token}");
    refuse("", "no {ciphertext} and no {token}");
    refuse("{token}:{nonce|hex}", "only {key} may stand beside it");
}

#[test]
fn layouts_that_could_be_read_in_two_ways_are_refused() {
    refuse("{nonce|raw}{ciphertext|raw}", "nothing tells where {nonce} ends and {ciphertext} begins");
    refuse("{nonce|base64}{ciphertext|base64}", "nothing tells where {nonce} ends");
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

#[test]
fn debug_shows_no_content() {
    let pieces = Pieces::default().with(Hole::Ciphertext, &b"secret"[..]);
    assert_eq!(format!("{pieces:?}"), r#"{"ciphertext"}"#);
}

const LAYOUTS: [&str; 9] = [
    PAZPAZ,
    "enc:{nonce|hex}.{tag|hex}.{ciphertext|hex}",
    "{nonce|base64url-nopad|12}{ciphertext|base64url-nopad}@{key}",
    "{nonce|base64}$v{key}${ciphertext|base64-nopad}.",
    "{nonce|12}{ciphertext|raw}{tag|16}",
    "{=0180ff}{key|base64}{=00}{nonce|hex}{=ff}{ciphertext|raw}",
    "{tag|base64url}.{ciphertext|base64url}",
    "{ciphertext|hex}",
    "x{key|3}{ciphertext|raw}",
];

proptest! {
    #[test]
    fn what_is_built_splits_into_what_it_was_built_from(
        layout in prop::sample::select(&LAYOUTS[..]),
        key in "[a-z]{3}",
        nonce in any::<[u8; 12]>(),
        tag in any::<[u8; 16]>(),
        ciphertext in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let layout = Layout::parse(layout).unwrap();
        let all = [(Hole::Key, key.as_bytes()), (Hole::Nonce, &nonce), (Hole::Tag, &tag), (Hole::Ciphertext, &ciphertext)];
        let pieces = all.iter().fold(Pieces::default(), |pieces, (hole, piece)| pieces.with(*hole, *piece));
        let cell = layout.build(&pieces).unwrap();
        prop_assert_eq!(matches!(cell, Value::Bytes(_)), layout.is_binary());
        let bytes = cell.bytes().unwrap();
        let split = layout.split(&bytes).unwrap();
        for (hole, piece) in all {
            prop_assert_eq!(split.get(hole), layout.has(hole).then_some(piece));
        }
    }

    #[test]
    fn what_splits_builds_again_byte_for_byte(
        layout in prop::sample::select(&LAYOUTS[..]),
        cell in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "[a-c0-2:.$@=]{0,30}".prop_map(String::into_bytes),
            "enc:[0-9a-f]{2}.[0-9a-f]{2}.[0-9a-f]{0,8}".prop_map(String::into_bytes),
        ],
    ) {
        let layout = Layout::parse(layout).unwrap();
        if let Ok(pieces) = layout.split(&cell) {
            let built = layout.build(&pieces).unwrap();
            prop_assert_eq!(&built.bytes().unwrap()[..], &cell[..]);
        }
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[{}|=a-f0-9noncekyciphrtext:]{0,40}") {
        let _ = Layout::parse(&text);
    }
}
