//! Cells that were never sealed.

use format_plaintext::PLUGIN;
use reseal_core::conformance::Suite;

use crate::suites::{self, Suites};

suites::body_of!(make);

fn make() -> Suites {
    let suite = Suite::new(suites::built(&PLUGIN, &[], &[]), suites::keys(0));
    Suites::new(vec![suite.samples(suites::samples())])
}
