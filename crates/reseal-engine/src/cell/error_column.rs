//! The column that shows why a cell is in quarantine, where the plan names one.

use reseal_core::Value;

use crate::cell::field::FieldTarget;
use crate::reason::Reason;

/// What becomes of the error column of a cell.
#[derive(Clone, Copy)]
pub(crate) enum ErrorColumnUpdate {
    /// The cell goes to quarantine: its reason is shown.
    Show(Reason),
    /// The cell moves to the primary: the column is emptied.
    Clear,
    /// The cell is where it should be: a reason is taken away, and what the application wrote there stays.
    ClearReason,
}

impl FieldTarget {
    /// Updates the error column of a row. Nothing but a reason's code is ever written.
    pub(crate) fn update_error_column(
        &self,
        old: &[Value],
        new: &mut [Option<Value>],
        update: ErrorColumnUpdate,
    ) {
        let Some(place) = self.error_column else { return };
        let before = old[place].text();
        let now = match update {
            ErrorColumnUpdate::Show(reason) => Some(reason.name()),
            ErrorColumnUpdate::Clear => None,
            ErrorColumnUpdate::ClearReason => before.as_deref().filter(|text| !is_reason(text)),
        };
        if now != before.as_deref() {
            new[place] = Some(now.map_or(Value::Null, |reason| Value::Text(reason.to_owned())));
        }
    }
}

/// Whether a text is a reason as quarantine writes it: words joined by hyphens. Formats give codes of their own, so a list
/// would not know them all.
pub(crate) fn is_reason(text: &str) -> bool {
    text.contains('-') && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}
