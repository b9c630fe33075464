//! Parts that several cells of a row have in common: one nonce, or one DEK, for all of them.

use std::collections::BTreeSet;

use reseal_core::Part;

use super::tables::SHARED;
use super::{Meaning, quoted};
use crate::names::listed;
use crate::plan::{FieldSpec, Move, SealSpec, TableSpec};

/// A field, and what new cells of it fill.
pub(super) struct Written<'p> {
    pub(super) field: &'p FieldSpec,
    pub(super) to: &'p SealSpec,
    /// The columns that its new cells fill.
    pub(super) parts: Vec<Part>,
}

impl Written<'_> {
    fn column(&self, part: Part) -> Option<&str> {
        let mut columns = self.field.columns.iter();
        columns.find(|(other, _)| *other == part).map(|(_, column)| column.as_str())
    }

    /// Whether a run seals anything for this field: a rewrap leaves payloads as they are.
    fn seals_anew(&self) -> bool {
        let rewraps = self.to.envelope.as_ref().is_some_and(|envelope| envelope.r#move == Move::Rewrap);
        !rewraps || !self.field.from.is_empty()
    }
}

impl Meaning<'_> {
    /// What several fields of a table have in common must be written once, and be the same for all of them.
    pub(super) fn shared_parts(&mut self, table: &TableSpec, fields: &[Written<'_>]) {
        let mut nonce_is_shared = false;
        for part in SHARED {
            for (at, field) in fields.iter().enumerate() {
                let Some(column) = field.column(part) else { continue };
                let mut earlier = fields[..at].iter().filter(|other| other.column(part) == Some(column));
                let Some(first) = earlier.next() else { continue };
                nonce_is_shared |= part == Part::Nonce;
                self.written_alike(table, part, first, field);
                match part {
                    Part::Nonce => self.nonce_is_accepted(table, column, first, field),
                    _ => self.dek_is_one(table, part, first, field),
                }
            }
        }
        if table.shared_nonce && !nonce_is_shared {
            let message = format!("no fields of table {} share a nonce", quoted(&table.label));
            let help = Some("remove `shared_nonce`".to_owned());
            self.find_help("shared-nonce", &["tables", &table.label, "shared_nonce"], message, help);
        }
    }

    /// One column is written in one way.
    fn written_alike(&mut self, table: &TableSpec, part: Part, first: &Written<'_>, other: &Written<'_>) {
        if first.field.encoding == other.field.encoding {
            return;
        }
        let message = format!(
            "field {} writes its {} in a different encoding than field {}, which uses the same column",
            quoted(&other.field.name),
            part.name(),
            quoted(&first.field.name)
        );
        self.at_part(
            "shared-part",
            table,
            other.field,
            part,
            Said { message, help: "use the same `encoding:` for both" },
        );
    }

    /// Under a fresh key, one nonce for several cells is a nonce that repeats.
    fn nonce_is_accepted(
        &mut self,
        table: &TableSpec,
        column: &str,
        first: &Written<'_>,
        other: &Written<'_>,
    ) {
        let writes = |field: &Written<'_>| field.parts.contains(&Part::Nonce) && field.seals_anew();
        if table.shared_nonce || !writes(first) || !writes(other) {
            return;
        }
        let message = format!(
            "a run would seal {} and {} with the same nonce ({}) and the same new key, which breaks the \
             encryption of both",
            quoted(&first.field.name),
            quoted(&other.field.name),
            quoted(column)
        );
        // What a field encodes as a whole is bytes before that.
        let layout = match other.field.encoding {
            Some(_) => "{nonce|12}{ciphertext|raw}",
            None => "{nonce|base64}:{ciphertext|base64}",
        };
        let help = format!(
            "use a `to` seal whose layout contains its own nonce, such as {layout}, and add this seal to \
             `from`; or set `shared_nonce: accepted` on the table"
        );
        self.at_part("shared-nonce", table, other.field, Part::Nonce, Said { message, help: &help });
    }

    /// One DEK for several cells moves once, so all of them must ask for the same.
    fn dek_is_one(&mut self, table: &TableSpec, part: Part, first: &Written<'_>, other: &Written<'_>) {
        let same = |part| first.column(part) == other.column(part);
        let seals = |field: &FieldSpec| field.from.iter().copied().collect::<BTreeSet<usize>>();
        let names =
            |column: fn(&FieldSpec) -> &str| listed(&[column(first.field), column(other.field)], "and");
        let both = names(|field| &field.name);
        let reads_field = other
            .to
            .envelope
            .iter()
            .flat_map(|envelope| &envelope.context)
            .any(|(_, text)| text.reads_field());
        let (message, help) = if first.field.to != other.field.to {
            (
                format!("{both} share a wrapped DEK, but have different `to` seals"),
                "use the same `to` for both",
            )
        } else if seals(first.field) != seals(other.field) {
            (
                format!("{both} share a wrapped DEK, but have different `from` seals"),
                "use the same `from` for both",
            )
        } else if ![Part::WrappedDek, Part::DekNonce, Part::Key].into_iter().all(same) {
            let help = "use the same `wrapped_dek`, `dek_nonce` and `key` for both";
            (format!("{both} share only some of the columns of their DEK"), help)
        } else if reads_field {
            let message = format!("{both} share a wrapped DEK, but its context contains the field name");
            (message, "remove {field} from the context")
        } else {
            return;
        };
        self.at_part("shared-dek", table, other.field, part, Said { message, help });
    }

    fn at_part(
        &mut self,
        code: &'static str,
        table: &TableSpec,
        field: &FieldSpec,
        part: Part,
        said: Said<'_>,
    ) {
        let path = ["tables", &table.label, "fields", &field.name, "columns", part.name()];
        self.find_help(code, &path, said.message, Some(said.help.to_owned()));
    }
}

/// What is wrong, and what to do.
struct Said<'s> {
    message: String,
    help: &'s str,
}
