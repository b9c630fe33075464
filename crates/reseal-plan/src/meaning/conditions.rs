//! `where:`: rows must not leave it by being rotated, and it must end where the plan says so.

use super::{Meaning, quoted};
use crate::condition::reads;
use crate::plan::TableSpec;

impl Meaning<'_> {
    pub(super) fn condition(&mut self, table: &TableSpec) {
        let Some(condition) = &table.r#where else { return };
        let path = ["tables", &table.label, "where"];
        if condition.trim().is_empty() {
            return self.find("empty", &path, "`where` must not be empty");
        }
        let of_fields = table.fields.iter().flat_map(|field| {
            field.columns.iter().chain(&field.mirrors).map(|(_, name)| name).chain(&field.last_error)
        });
        let rotated = of_fields.chain(&table.key_column).map(String::as_str);
        match reads(condition, rotated) {
            Err(problem) => self.find("condition", &path, format!("`where` is no condition: {problem}")),
            Ok(read) => {
                let Some(column) = read.first() else { return };
                let message = format!("`where` reads column {}, which the same run rewrites", quoted(column));
                let help = "rows would leave the plan by being rotated, and no sweep would see them: name another \
                            column (IS NULL and IS NOT NULL may be asked of any)";
                self.find_help("reads-rotated", &path, message, Some(help.into()));
            }
        }
    }
}
