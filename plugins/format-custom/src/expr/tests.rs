use super::*;
use crate::layout::Parts;

fn names() -> Vec<Name> {
    ["nonce", "salt", "mark"].map(Into::into).to_vec()
}

fn value(text: &str) -> Option<String> {
    let names = names();
    let expr = Expr::parse(text, Names { parts: &names, stage: Stage::Key });
    let expr = expr.unwrap_or_else(|mistake| panic!("{text}: {}", mistake.message));
    let mut parts = Parts::default();
    parts.set(&"salt".into(), b"salt".to_vec());
    parts.set(&"nonce".into(), vec![1, 2, 3]);
    parts.set_spelled(&"nonce".into(), b"AQID");
    let scope = Scope {
        key: b"password",
        cipher_key: &[],
        plaintext: &[],
        aad: &[],
        salt: b"of the plan",
        parts: &parts,
    };
    expr.value(&scope).map(|value| hex::encode(&value[..]))
}

#[test]
fn functions_give_what_others_publish() {
    for (text, expect) in [
        // RFC 1321 §A.5, FIPS 180-4, RFC 2202 §3, RFC 4231 §4.3.
        ("md5('abc')", "900150983cd24fb0d6963f7d28e17f72"),
        ("sha1('abc')", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("cut(sha256('abc'), 8)", "ba7816bf8f01cfea"),
        ("hmac-sha1('Jefe', 'what do ya want for nothing?')", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        ("cut(hmac-sha256('Jefe', 'what do ya want for nothing?'), 8)", "5bdcc146bf60754e"),
        ("cut(hmac-sha512('Jefe', 'what do ya want for nothing?'), 8)", "164b7a7bfcf819e2"),
        // RFC 6070, test vector 2; RFC 7914 §11 has no PBKDF2 with other hashes, so Python's hashlib is the source.
        ("pbkdf2-sha1(key, salt, 2, 20)", "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
        ("pbkdf2-sha256(key, salt, 2, 8)", "ae4d0c95af6b46d3"),
        ("pbkdf2-sha512(key, salt, 2, 8)", "e1d9c16aa681708a"),
        ("to-hex(0x01ff)", "30316666"),
        ("from-base64('_-8')", "ffef"),
        ("from-base64('/+8=')", "ffef"),
        ("after('pass', key)", "776f7264"),
        ("concat(0x00, 'a', nonce)", "0061010203"),
        ("slice('abcdef', 2, 3)", "636465"),
        ("spelled(nonce)", "41514944"),
        ("pad('ab', 4, 8, 16)", "61620000"),
        ("pad('abcdef', 4, 8, 16)", "6162636465660000"),
        ("fold('abcde', 4)", "04626364"),
        ("bits64('abc')", "0000000000000018"),
        ("decimal('abc')", "33"),
        ("counted64('abc')", "0300000000000000616263"),
        ("repeat(0xb4, 3)", "b4b4b4"),
    ] {
        assert_eq!(value(text).as_deref(), Some(expect), "{text}");
    }
}

#[test]
fn a_key_that_does_not_fit_has_no_value() {
    for text in ["after('base64:', key)", "from-hex(key)", "slice(key, 4, 8)", "blake2b(key, key, 7)"] {
        assert_eq!(value(text), None, "{text}");
    }
}

#[test]
fn mistakes_are_named() {
    let names = names();
    for (text, stage, expect) in [
        ("sha256(key", Stage::Key, "expected `,` or `)`"),
        ("sha256(key))", Stage::Key, "unexpected `)` at character 12"),
        ("sah256(key)", Stage::Key, "did you mean sha256?"),
        ("sha256(kye)", Stage::Key, "unknown name `kye`, did you mean key?"),
        ("sha256(key, key)", Stage::Key, "takes (bytes)"),
        ("sha256(5)", Stage::Key, "takes (bytes)"),
        ("pbkdf2-sha1(key, salt, 99999999, 32)", Stage::Key, "is more than 10000000"),
        ("32", Stage::Key, "a number is not bytes"),
        ("0x1", Stage::Key, "invalid hexadecimal digits"),
        ("'abc", Stage::Key, "unmatched quote"),
        ("plaintext", Stage::Key, "unknown name"),
        ("mark", Stage::Key, "unknown name"),
        ("nonce", Stage::Mark, "unknown name"),
        ("spelled('a')", Stage::Key, "takes the name of one part"),
        ("", Stage::Key, "expected a name"),
    ] {
        let mistake = Expr::parse(text, Names { parts: &names, stage }).expect_err(text);
        assert!(mistake.message.contains(expect), "{text}: {}", mistake.message);
    }
    let deep = format!("{}key{}", "sha1(".repeat(40), ")".repeat(40));
    assert!(Expr::parse(&deep, Names { parts: &names, stage: Stage::Key }).is_err());
}
