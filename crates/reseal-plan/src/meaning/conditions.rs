//! `where:`: rows must not leave it by being rotated, and it must end where the plan says so.

use reseal_core::Part;

use super::{Meaning, quoted};
use crate::condition::{Rewritten, reads};
use crate::plan::TableSpec;

impl Meaning<'_> {
    /// `begins`: what new cells of each field begin with, where that is known.
    pub(super) fn condition(&mut self, table: &TableSpec, begins: &[Option<Vec<u8>>]) {
        let Some(condition) = &table.r#where else { return };
        let path = ["tables", &table.label, "where"];
        let mut rewritten = Vec::new();
        for (field, begins) in table.fields.iter().zip(begins) {
            for (part, name) in &field.columns {
                let is_cell = *part == Part::Ciphertext;
                rewritten.push(Rewritten { name, is_cell, begins: begins.clone().filter(|_| is_cell) });
            }
            let others = field.mirrors.iter().map(|(_, name)| name).chain(&field.last_error);
            rewritten.extend(others.map(|name| Rewritten { name, is_cell: false, begins: None }));
        }
        let key = table.key_column.iter();
        rewritten.extend(key.map(|name| Rewritten { name, is_cell: false, begins: None }));
        match reads(condition, &table.name, &rewritten) {
            Err(problem) => {
                self.find("condition", &path, format!("`where` is not a valid condition: {problem}"))
            }
            Ok(None) => {}
            Ok(Some(column)) => {
                let message = format!("`where` reads column {}, which the run rewrites", quoted(column));
                let help = "a rotated row might no longer match, and the sweep would miss it. Use a column \
                            that the run does not change; on a cell column, test only for NULL, for an empty \
                            value or for a prefix that cells have under every key";
                self.find_help("reads-rotated", &path, message, Some(help.into()));
            }
        }
    }
}
