//! Plans without a mistake.

#![allow(unreachable_pub, missing_docs)]

mod common;

use common::VOCABULARY;
use reseal_plan::{parse, schema};

#[test]
fn every_right_plan_is_taken() {
    let refused: Vec<String> = common::plans("right")
        .into_iter()
        .filter_map(|(path, text)| parse(&path.file_name()?.to_string_lossy(), &text, &VOCABULARY).err())
        .map(|problems| problems.to_string())
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn schema_prints() {
    assert!(schema(&VOCABULARY).is_object());
}
