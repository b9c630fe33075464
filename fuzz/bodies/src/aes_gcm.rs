//! AES-GCM in several layouts, and with its parts in columns of their own.

use format_aes_gcm::PLUGIN;
use reseal_core::Part;
use reseal_core::conformance::Suite;

use crate::suites::{self, Suites};

const LAYOUTS: [&str; 6] = [
    "{key}:{nonce|base64}:{ciphertext|base64}",
    "{nonce|base64url}.{tag|base64url}.{ciphertext|base64url}",
    "enc:v1:{nonce|hex|16}{tag|hex|16}{ciphertext|hex}",
    "{nonce|12}{ciphertext|raw}",
    "{=0180}{key}{=00}{nonce|12}{ciphertext|raw}{tag|raw|16}",
    "{nonce|base64-nopad}@{ciphertext|base64url-nopad}@{key}",
];

suites::body_of!(make);

fn make() -> Suites {
    let in_one_column = LAYOUTS.iter().enumerate().map(|(at, layout)| {
        let built = suites::built(&PLUGIN, &[("layout", suites::text(layout))], &[]);
        let suite = Suite::new(built, suites::keys(if at % 2 == 0 { 32 } else { 16 }));
        if at % 3 == 0 { suite } else { suite.aad(b"clients.notes") }
    });
    let in_columns =
        [&[Part::Ciphertext, Part::Nonce][..], &[Part::Ciphertext, Part::Nonce, Part::Tag]].map(|parts| {
            let built = suites::built(&PLUGIN, &[("encoding", suites::text("raw"))], parts);
            Suite::new(built, suites::keys(32)).parts(parts).aad(b"clients.notes")
        });
    Suites::new(in_one_column.chain(in_columns).map(|suite| suite.samples(suites::samples())).collect())
}
