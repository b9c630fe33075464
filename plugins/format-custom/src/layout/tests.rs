use super::*;

fn layout(text: &str) -> Layout {
    Layout::parse(text)
        .and_then(Layout::checked)
        .unwrap_or_else(|mistake| panic!("{text}: {}", mistake.message))
}

fn taken(layout: &Layout, cell: &[u8]) -> Option<Taken> {
    let mut taken = Taken::default();
    layout.split(cell, &mut taken).ok().map(|()| taken)
}

/// Takes a cell apart and puts it together again: what comes out is the same cell.
fn comes_back(text: &str, cell: &str) -> Taken {
    let layout = layout(text);
    let taken = taken(&layout, cell.as_bytes()).unwrap_or_else(|| panic!("{text} does not read {cell}"));
    let again = layout.build(&mut like(&taken.parts, &taken.shapes)).unwrap();
    assert_eq!(String::from_utf8_lossy(&again), cell, "{text}");
    taken
}

#[test]
fn groups_nest() {
    let taken = comes_back("{base64:{nonce|2}{ciphertext}{tag|2}}", "QUJDREVG");
    assert_eq!(taken.parts.get("nonce"), Some(&b"AB"[..]));
    assert_eq!(taken.parts.get("ciphertext"), Some(&b"CD"[..]));
    assert_eq!(taken.parts.get("tag"), Some(&b"EF"[..]));
    comes_back("v1:{hex:{length16:{key}}{ciphertext}}", "v1:0002616263");
    comes_back("{base64:{?*longer than 8*}{ciphertext}}", "QUJD");
    comes_back("{base64:{?ABCDEFGH}{ciphertext}}", "QUJDREVGR0hJSkts");
}

#[test]
fn objects_keep_order_white_space_and_what_is_missing() {
    let text = "{json:p={ciphertext|base64},h={json:iv={nonce|hex},c?=true,t?=\"\"}}";
    for cell in [
        r#"{"p":"QUJD","h":{"iv":"00"}}"#,
        r#"{"h":{"c":true,"iv":"00"},"p":"QUJD"}"#,
        "{ \"p\" :\t\"QUJD\",\n\"h\": {\"t\":\"\", \"iv\":\"00\" , \"c\" : true } }",
        r#"{"p":"\/\/\/\/","h":{"iv":"00"}}"#,
        r#"{"p":"////","h":{"iv":"00"}}"#,
    ] {
        let taken = comes_back(text, cell);
        assert_eq!(taken.parts.has_flag("c"), cell.contains("true"), "{cell}");
    }
    let layout = layout(text);
    for cell in [
        r#"{"p":"QUJD"}"#,
        r#"{"p":"QUJD","p":"QUJD","h":{"iv":"00"}}"#,
        r#"{"p":"QUJD","h":{"iv":"00"},"x":1}"#,
        r#"{"p":"QUJD","h":{"iv":"00","c":false}}"#,
        r#"{"p":"\u0041UJD","h":{"iv":"00"}}"#,
        r#"{"p":"\//\/\/","h":{"iv":"00"}}"#,
        r#"{"p":"QUJD","h":{"iv":"00"}} "#,
        "{\"p\":\"QUJD\",\r\"h\":{\"iv\":\"00\"}}",
        r#"{"p":"QUJD","h":{"iv":"00",}}"#,
    ] {
        assert!(taken(&layout, cell.as_bytes()).is_none(), "{cell}");
    }
}

#[test]
fn new_objects_have_no_more_than_they_must() {
    let layout = layout("{json:iv={nonce|hex},c?=true,p={ciphertext|hex},i?={mark|hex}}");
    let mut parts = Parts::default();
    for name in ["nonce", "ciphertext", "mark"] {
        parts.set(&name.into(), vec![1]);
    }
    assert_eq!(layout.build(&mut fresh(&parts)).unwrap(), br#"{"iv":"01","p":"01"}"#);
    parts.set_flag("c");
    assert_eq!(layout.build(&mut fresh(&parts)).unwrap(), br#"{"iv":"01","c":true,"p":"01"}"#);
}

#[test]
fn how_parts_are_written_can_be_asked_for() {
    let taken =
        comes_back("{head=base64url-nopad:{json:alg=\"dir\"}}.{nonce|base64}.", "eyJhbGciOiJkaXIifQ.QUI=.");
    assert_eq!(taken.parts.spelled("head"), Some(&b"eyJhbGciOiJkaXIifQ"[..]));
    assert_eq!(taken.parts.spelled("nonce"), Some(&b"QUI="[..]));
}

#[test]
fn mistakes_are_named() {
    for (text, expect) in [
        ("{nonce|12", "expected `}` at character 10"),
        ("a}b", "unmatched `}` at character 2"),
        ("{base46:{nonce}}", "unknown encoding `base46`, did you mean base64?"),
        ("{nonce|base46}", "did you mean base64?"),
        ("{nonce|9999}", "from 1 to 4096"),
        ("{Nonce}", "not a name of a part"),
        ("{=0}", "invalid hexadecimal digits"),
        ("{json:a}", "expected `=`"),
        ("{json:a={ciphertext|hex},a={nonce|hex}}", "`a` cannot be a member"),
        ("{json:a=yes}", "the value of a member"),
        ("{nonce|2}{nonce|2}", "{nonce} occurs twice"),
        ("{nonce|hex}{ciphertext|hex}", "unclear where {nonce} ends and {ciphertext} begins"),
        ("{nonce|hex}ab{ciphertext|hex}", "can occur inside it"),
        ("{json:a={ciphertext}}", "can contain quotes"),
        ("{base64:}", "group of the layout is empty"),
        ("{?ab}{ciphertext}", "unclear whether a cell begins with the optional text"),
        (&"{hex:".repeat(20), "more than 8 groups"),
    ] {
        let mistake = Layout::parse(text).and_then(Layout::checked).expect_err(text);
        assert!(mistake.message.contains(expect), "{text}: {}", mistake.message);
    }
}
