//! Fernet: bare tokens, and tokens inside of layouts.

use format_fernet::PLUGIN;
use reseal_core::conformance::Suite;

use crate::suites::{self, Suites};

/// What a foreign producer sealed under the first key.
const VECTORS: &str = include_str!("../../../plugins/format-fernet/vectors/pyca-cryptography.json");
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

suites::body_of!(make);

fn make() -> Suites {
    let json = suites::vectors(VECTORS);
    let vectors = json["vectors"].as_array().into_iter().flatten();
    let (mut samples, mut foreign) = (suites::samples(), Vec::new());
    for vector in vectors.filter(|vector| vector["key"] == KEY) {
        let (Some(cell), Some(sample)) = (vector["cell"].as_str(), vector["plaintext"].as_str()) else {
            continue;
        };
        let Ok(sample) = hex::decode(sample) else { continue };
        if sample.len() < 1000 {
            foreign.push(suites::text_cell(cell));
            samples.push(sample);
        }
    }
    let suite = |layout: Option<&str>| {
        let options: Vec<_> = layout.map(|layout| ("layout", suites::text(layout))).into_iter().collect();
        Suite::new(suites::built(&PLUGIN, &options, &[]), suites::keys(32)).samples(samples.clone())
    };
    Suites::new(vec![suite(None), suite(Some("FERNET_V2:{key}:{token}")), suite(Some("{key}.{token}"))])
        .with_foreign(foreign)
}
