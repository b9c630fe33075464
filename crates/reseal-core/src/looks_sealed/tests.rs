use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::{is_of_known_producer, looks_sealed};

const LARAVEL: &str =
    r#"{"iv":"MTIzNDU2Nzg5MDEyMzQ1Ng==","value":"UVdFUlRZVUlPUEFTREZHSA==","mac":"00","tag":""}"#;

#[test]
fn ciphertexts_of_known_producers_are_recognised() {
    for text in [
        r#"{"p":"UVdFUlRZVUlPUEFTREZHSA==","h":{"iv":"MTIzNDU2Nzg5MDEy","at":"MTIzNDU2Nzg5MDEyMzQ1Ng=="}}"#,
        r#"{"p":"UQ==","h":{"iv":"MTIzNDU2Nzg5MDEy","at":"MTIzNDU2Nzg5MDEyMzQ1Ng==","c":true}}"#,
        LARAVEL,
        &STANDARD.encode_to_string(LARAVEL),
        r#"{"ct":"q83vASNFZ4mrze8BI0VniQ==","iv":"0123456789abcdef0123456789abcdef","s":"0123456789abcdef"}"#,
        "U2FsdGVkX1+vupppZksvRf5pq5g5XjFRlipRkwB0K1Y=",
        "vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==",
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..MTIzNDU2Nzg5MDEy.UVdFUlRZ.MTIzNDU2Nzg5MDEyMzQ1Ng",
        "-----BEGIN PGP MESSAGE-----\n\nww0EBwMCx6Vn\n-----END PGP MESSAGE-----",
        "$ANSIBLE_VAULT;1.1;AES256\n62313365396662343061393464336163\n",
    ] {
        assert!(is_of_known_producer(text.as_bytes()) && looks_sealed(text.as_bytes()), "{text}");
    }
    assert!(looks_sealed(b"Salted__12345678and what follows"));
}

#[test]
fn what_people_and_programs_write_is_of_no_producer() {
    for text in [
        r#"{"p":"a street","h":"a house"}"#,
        r#"{"value":"a word of some length","n":"a name"}"#,
        r#"{"data":[1,2],"iv":"3"}"#,
        r#"{"n":"Maximilian12","data":"abcdefghijklmnop"}"#,
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "nacl:",
        "fips: the standard of 140 modules",
        "a vault:v1",
        "",
    ] {
        assert!(!is_of_known_producer(text.as_bytes()), "{text}");
    }
}

#[test]
fn ciphertexts_of_nobody_in_particular_are_recognised() {
    for text in [
        // Fernet.
        "gAAAAABlk5X8pU3KGCUwux1tEyze1iN7LtkeP3IfyxlxF0SU1kk8nVw0YL4xIB5p_tqg7ui5mX9cfCmZ_a_lkyU81lSvTfrXFA==",
        // Nonce, ciphertext and tag in one, in each kind of base64 and in lines.
        "zMk19s0fYSJq4VM4rho0AE0zug0kasBMgbG68g==",
        "Pjv57vX3nytJNK+H9VILablLDZguhbtVtnKocmN6zXRm/LYODg==",
        "j_GEY7DksropcDR08GSsaPcA9bArPcZm9FveqizK7c0rUVdBDk3uSvKzT0M",
        "J6Cus/7pIy+K8iEfnuSRxbEL7LVWO/web5NCfsvI/ilV5c2ORtyO1LfCdk0qWk12\ndwb4XYaQAkrWvaNAG+nIyw==\n",
        // `iv:ct`, and with a tag.
        "0a073447de636c0e806c957ba684d643:1fb5ead7424d09e15d024c5848f23d1fa6f7361d7f618d1532e70e20e2a6668d",
        "E7F47E8467E546D53EC8E2A1:257bdb256c9b3e4fbb498146ef7030cb:f95372",
        "UtzOrddktqMvuwmt6uEJxA==:qZcgOXU1K4eLFFyKQtiEz0z9py2OHV3ZJYkILYUqcSI=",
        "hz7oBa3ViUIWejhShhlcZ5+caZQ=--5FuKsQmAEgcJYfN9--5Dbd/cmdbnWvZUfPsRtCBw==",
        "JILcUxwrw5B8lhfr.XlCJ5AGGuqilfRGeb7ZdAKvDKvOOZn8CLoctScwVyQuZm3crT8em_Q",
        // Behind a label.
        "v9:TJFKFttHCHUrDxVEuDXA5xkJffqHAekjLyHygSaHeGl26/zDJ/WTF2UnS6mC",
        "enc:v1:m0QG9h/4iTJv+pSS:7e7uPGafK/IIlOon5onGa2smLkiGuEOPObp2/vjJ",
    ] {
        assert!(looks_sealed(text.as_bytes()), "{text}");
    }
}

/// What is to be sealed for the first time must pass.
#[test]
fn plain_values_are_not_taken_for_ciphertexts() {
    for text in PLAIN {
        assert!(!looks_sealed(text.as_bytes()), "{text}");
    }
    for text in PLAIN {
        let packed = STANDARD.encode_to_string(text);
        assert!(!looks_sealed(packed.as_bytes()), "base64 of {text}");
    }
    let picture: Vec<u8> = [&b"\x89PNG\r\n\x1a\n"[..], &random(600)].concat();
    assert!(!looks_sealed(STANDARD.encode_to_string(&picture).as_bytes()));
    assert!(!looks_sealed(&picture), "bytes that are no text are anybody's");
}

const PLAIN: &[&str] = &[
    "",
    "-",
    "n/a",
    "Anna",
    "Maximilian von und zu Liechtenstein-Hohenzollern",
    "MaximilianMustermannHauptstrasse17BerlinMitte2024",
    "O'Brien, Seán",
    "Hauptstraße 17, 10115 Berlin",
    "1600 Pennsylvania Avenue NW, Washington, DC 20500",
    "550e8400-e29b-41d4-a716-446655440000",
    "550E8400E29B41D4A716446655440000",
    "urn:uuid:550e8400-e29b-41d4-a716-446655440000",
    "#1a2b3c",
    "d41d8cd98f00b204e9800998ecf8427e",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDzxKJ2bT4mVgqLnVk",
    "3aK9dQ2",
    "dQw4w9WgXcQ",
    "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "507f1f77bcf86cd799439011",
    "cus_NffrFeUfNV2Hib",
    "4111 1111 1111 1111",
    "4111111111111111:4012888888881881",
    "12345678901234567890123456789012345678901234567890",
    "+49 30 901820",
    "078-05-1120",
    "1989-11-09",
    "2024-02-29T12:34:56.789Z",
    "12:34:56",
    "DE89 3704 0044 0532 0130 00",
    "GB29NWBK60161331926819",
    "00:1b:44:11:3a:b7",
    "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    "192.168.0.1",
    "anna.schmidt+newsletter2024@mail.example.com",
    "https://www.example.com/Path/To/Page2024?utm_source=News&id=aB3dE5fG7hJ9",
    "https://localhost/Download/aB3dE5fG7hJ9kL2mN4pQ6rS8tU0vW1xY3zA5",
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
    "$2b$12$KIXQmZ0y8pVfP3uC1eJ7Ou5hLr2sT9wXaBdEgFiHjKlMnOpQrStUv",
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b2dWRJJPpMtaA8f",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl anna@host",
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ0==\n-----END CERTIFICATE-----",
    "C:\\Users\\Anna\\Documents\\Report2024.docx",
    "/var/lib/postgresql/data/base/16384/2619",
    "com.example.application.module.ClassName",
    "IMG20240101AAAA1.jpeg",
    "5f4dcc3b5aa765d61d8327deb882cf99.jpeg",
    "SELECT * FROM people WHERE id = 1",
    "The patient was seen on Monday. Blood pressure 120:80, pulse 72; no complaints -- return in two weeks.",
    "Note 3: v1: first version; v2: second version",
    "camelCaseIdentifierThatIsQuiteLongAndHas2Numbers4You",
    "SCREAMING_SNAKE_CASE_CONSTANT_NUMBER_42_OF_THE_MODULE",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "Пациент жалуется на головную боль; назначено обследование.",
    "Иван Петрович Сидоров",
    "患者は頭痛を訴えています。",
    "北京市朝阳区建国路88号",
    "서울특별시 강남구 테헤란로 152",
    "مرحبا بالعالم",
    "👩‍⚕️ notes",
    r#"{"diagnosis":"J45","allergies":["penicillin"],"weight":72.5,"smoker":false}"#,
    r#"{"id":"550e8400-e29b-41d4-a716-446655440000","value":"Ja","data":{"iv":"3 times","nonce":"none"}}"#,
    r#"{"n":12,"value":"c29tZSB0ZXh0IG9mIGEgdXNlcg=="}"#,
    r#"[{"name":"Anna","payload":"some free text that somebody typed"}]"#,
    r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst","e":"AQAB"}"#,
    "<name kind=\"first\">Anna</name>",
    "a:3:{s:4:\"name\";s:4:\"Anna\";s:3:\"age\";i:42;s:4:\"city\";s:6:\"Berlin\";}",
    "key=value;other=thing;third=1234567890",
    "true",
    "-12.50",
    "1e10",
    "POINT(13.404954 52.520008)",
];

fn random(length: usize) -> Vec<u8> {
    // A generator with a fixed seed: each run sees the same bytes.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// How many of many random cells are missed.
#[test]
fn random_cells_are_missed_in_less_than_one_of_a_thousand() {
    let bytes = random(28 * 20_000);
    let missed = |write: &dyn Fn(&[u8]) -> String| {
        bytes.chunks(28).filter(|cell| !looks_sealed(write(cell).as_bytes())).count()
    };
    assert!(missed(&|cell| STANDARD.encode_to_string(cell)) < 20);
    assert!(missed(&|cell| URL_SAFE_NO_PAD.encode_to_string(cell)) < 20);
    assert!(missed(&|cell| format!("{}:{}", hex::encode(&cell[..12]), hex::encode(&cell[12..]))) < 20);
}

proptest! {
    #[test]
    fn no_value_makes_it_panic(bytes: Vec<u8>) {
        let _ = looks_sealed(&bytes);
    }

    #[test]
    fn words_are_no_ciphertexts(text in "([a-z]{1,12}[ -]?){1,20}", name in "([A-Z][a-z]{5,9}){1,12}[0-9]{0,4}") {
        prop_assert!(!looks_sealed(text.as_bytes()));
        prop_assert!(!looks_sealed(name.as_bytes()));
    }
}
