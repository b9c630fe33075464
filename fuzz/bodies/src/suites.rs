//! Conformance suites that inputs choose from.

use std::collections::BTreeMap;

use reseal_core::conformance::Suite;
use reseal_core::{BuiltFormat, Cell, FormatPlugin, Key, OptionValue, Options, Part, SecretBytes, Value};
use serde_json::Value as Json;

/// Several shapes of one format's cells.
pub(crate) struct Suites {
    suites: Vec<Suite>,
    /// Cells of other producers, under the first key of the suite.
    foreign: Vec<Vec<Cell<'static>>>,
}

impl Suites {
    pub(crate) fn new(suites: Vec<Suite>) -> Self {
        let foreign = suites.iter().map(|_| Vec::new()).collect();
        Suites { suites, foreign }
    }

    /// The same, with cells of another producer that the first suite opens to one of its samples.
    pub(crate) fn with_foreign(mut self, cells: Vec<Cell<'static>>) -> Self {
        if let Some(first) = self.foreign.first_mut() {
            *first = cells;
        }
        self
    }

    /// The first byte chooses the suite, and the rest is its input.
    pub(crate) fn body(&self, data: &[u8]) {
        let Some((choice, rest)) = data.split_first() else { return };
        self.suites[usize::from(*choice) % self.suites.len()].body(rest);
    }

    pub(crate) fn seeds(&self) -> Vec<Vec<u8>> {
        let of_suite = |(choice, (suite, foreign)): (usize, (&Suite, &Vec<Cell<'static>>))| {
            let seeds = suite.seeds(foreign).into_iter();
            seeds.map(move |seed| [&[choice as u8], &seed[..]].concat()).collect::<Vec<_>>()
        };
        self.suites.iter().zip(&self.foreign).enumerate().flat_map(of_suite).collect()
    }
}

/// The body of a format, and its seeds: those of the suites that `make` gives.
macro_rules! body_of {
    ($make:ident) => {
        static SUITES: std::sync::LazyLock<$crate::suites::Suites> = std::sync::LazyLock::new($make);

        /// Checks one input.
        pub fn body(data: &[u8]) {
            SUITES.body(data);
        }

        /// Inputs to begin with.
        #[must_use]
        pub fn seeds() -> Vec<Vec<u8>> {
            SUITES.seeds()
        }
    };
}
pub(crate) use body_of;

/// Plaintexts that no format refuses for their length, and none so long that it slows a fuzzer down.
pub(crate) fn samples() -> Vec<Vec<u8>> {
    let long = (0..600_usize).map(|at| (at % 251) as u8).collect();
    vec![
        vec![],
        b"x".to_vec(),
        b"\0\0a\0".to_vec(),
        "Grüße, 世界\r\n".as_bytes().to_vec(),
        vec![0xff, 0xfe],
        long,
    ]
}

/// A plugin's format with these texts as options.
pub(crate) fn built(plugin: &FormatPlugin, options: &[(&str, OptionValue)], parts: &[Part]) -> BuiltFormat {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let options = Options(options.collect::<BTreeMap<_, _>>());
    (plugin.build)(&options, parts).unwrap_or_else(|error| panic!("{}: {}", plugin.name, error.message))
}

/// An option that is a text.
pub(crate) fn text(value: &str) -> OptionValue {
    OptionValue::Text(value.to_owned())
}

/// Two keys of that many bytes, of which the second has a tag of its own.
pub(crate) fn keys(length: u8) -> [Key; 2] {
    let key = |id, bytes: Vec<u8>| Key::new(id, SecretBytes::new(bytes));
    [key("v1", (0..length).collect()), key("v2", vec![0xa5; length.into()]).tagged("k_2")]
}

/// Vectors of a foreign producer, as the folder `vectors` of each plugin has them.
pub(crate) fn vectors(file: &str) -> Json {
    serde_json::from_str(file).expect("the vectors are JSON, and the plugin's own tests read them")
}

/// A cell that lies in one text column.
pub(crate) fn text_cell(text: &str) -> Cell<'static> {
    Cell::whole(Value::Text(text.to_owned()))
}
