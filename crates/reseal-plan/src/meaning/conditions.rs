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
            Err(problem) => self.find("condition", &path, format!("`where` is no condition: {problem}")),
            Ok(None) => {}
            Ok(Some(column)) => {
                let message = format!("`where` reads column {}, which the same run rewrites", quoted(column));
                let help = "rows would leave the plan by being rotated, and no sweep would see them: name another \
                            column (of a cell itself it may ask whether it is NULL or empty, and how cells begin \
                            under any key)";
                self.find_help("reads-rotated", &path, message, Some(help.into()));
            }
        }
    }
}
