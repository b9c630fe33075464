//! Formats that are stated as data: JSON, groups, MACs, and cells without authentication.

use format_custom::PLUGIN;
use reseal_core::conformance::Suite;

use crate::suites::{self, Suites};

type Stated = &'static [(&'static str, &'static str)];

const FORMATS: [Stated; 4] = [
    &[
        ("layout", "{base64:{json:iv={nonce|base64},value={ciphertext|base64},mac={mac|hex},tag?=\"\"}}"),
        ("cipher", "aes-256-cbc"),
        ("mac", "hmac-sha256"),
        ("mac_over", "concat(spelled(nonce), spelled(ciphertext))"),
    ],
    &[
        ("layout", "{json:p={ciphertext|base64},h={json:iv={nonce|base64},at={tag|base64},c?=true}}"),
        ("cipher", "aes-256-gcm"),
        ("compression", "zlib if c"),
    ],
    &[
        ("layout", "{=01}{length8:{key}}{nonce|16}{tag}{ciphertext}"),
        ("cipher", "aes-256-gcm"),
        ("aad", "'a'"),
    ],
    &[("layout", "nacl:{base64url:{nonce}{ciphertext}}"), ("cipher", "xchacha20-poly1305")],
];

suites::body_of!(make);

fn make() -> Suites {
    let suite = |stated: &Stated| {
        let options: Vec<_> = stated.iter().map(|(name, value)| (*name, suites::text(value))).collect();
        // White space and order of an object say nothing of its value.
        Suite::new(suites::built(&PLUGIN, &options, &[]), suites::keys(32)).with_idle_bytes()
    };
    Suites::new(FORMATS.iter().map(|stated| suite(stated).samples(suites::samples())).collect())
}
