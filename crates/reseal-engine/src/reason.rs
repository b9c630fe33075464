//! Why a cell is in quarantine.

use reseal_core::{Broken, SealError, ValuePart};

/// Defines the reasons, each with its code, what it means and what to do, so that no list of them can miss one.
macro_rules! reasons {
    ($($variant:ident $name:literal $means:literal $remedy:literal)*) => {
        /// Why a cell is in quarantine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $means] $variant,)*
            /// The cell's format recognises it and finds it damaged.
            Format(Broken),
        }

        impl Reason {
            /// The reasons that do not come from a format.
            const OWN: &[Reason] = &[$(Reason::$variant),*];

            /// The code that ledger, reports and error columns show: kebab-case, and stable.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Reason::$variant => $name,)*
                    Reason::Format(broken) => broken.0,
                }
            }

            /// Two sentences for people: what the reason means, and what to do.
            #[must_use]
            pub const fn explain(self) -> &'static str {
                match self {
                    $(Reason::$variant => concat!($means, " ", $remedy),)*
                    Reason::Format(_) => OF_A_FORMAT,
                }
            }
        }
    };
}

/// What is said of every code that a format gives.
const OF_A_FORMAT: &str = "The cell has the right format but is damaged. Restore it from a backup, or have \
                           the application write it again.";

reasons! {
    AadMissing "aad-missing"
        "A column that the additional data uses is NULL."
        "Fill the column, or correct `aad:` in the plan."
    BadEncoding "bad-encoding"
        "A part of the cell cannot be decoded as the plan says."
        "If many cells fail so, correct the encoding in the plan; otherwise restore the cell from a backup."
    ColumnType "column-type"
        "The new cell does not fit the type of its column."
        "Change the column's type, or use a layout that fits it."
    Constraint "constraint"
        "A constraint or trigger of the database rejects the new cell."
        "Find out which constraint or trigger rejects it, then run again."
    ContextMissing "context-missing"
        "A column that the encryption context uses is NULL."
        "Fill the column, or correct `context:` in the plan."
    ContextNoText "context-no-text"
        "A value of the encryption context is not text."
        "Use columns with text, numbers or UUIDs in `context:`."
    DekNotAsked "dek-not-asked"
        "The cell's DEK was not requested, so the cell could not be opened."
        "Run again; if the cell is listed again, report it as a bug."
    DerivationMissing "derivation-missing"
        "A column that the key derivation uses is NULL."
        "Fill the column, or correct the key derivation in the plan."
    DoesNotFitTheFormat "does-not-fit-the-format"
        "The new format cannot store the cell's value."
        "Use a format that can, or change the value in the application."
    DoesNotOpenUnderItsDek "does-not-open-under-its-dek"
        "The cell does not open under its unwrapped DEK."
        "Restore the cell and its wrapped DEK together from a backup."
    DoesNotOpenUnderItsKey "does-not-open-under-its-key"
        "The cell does not open under the key that it names."
        "Check format and additional data in the plan, or restore the cell from a backup."
    DoesNotReopen "does-not-reopen"
        "The new cell did not open to the same value again, so it was not written."
        "Check the field's format and column types; if they are right, report it as a bug."
    DropsFileName "drops-file-name"
        "The cell contains a file name in addition to its value, but the new format cannot store it."
        "Store the file name in a separate column, or use a format that stores both."
    DropsType "drops-type"
        "The value has a different type (text or bytes) than the others, but the new format cannot store the \
         type."
        "Correct the type option of the old format, or have the application write the value with the same \
         type as the others."
    KeyDoesNotFit "key-does-not-fit"
        "The new key does not fit the format."
        "Use a primary with the length that the format requires."
    LooksSealed "looks-sealed"
        "The value looks like a ciphertext that no seal of the field opens, so it is not sealed again."
        "Add its seal to `from:`; if it is plaintext, add a `validator:` that accepts it to the plaintext \
         seal."
    MirrorDiffers "mirror-differs"
        "A mirror of the field has a different value than the field."
        "Find out which of the two is correct, fix the other one, then run again."
    NamesAKeyAndIsNoCell "names-a-key-and-is-no-cell"
        "The value starts like a cell under a known key, but it is not a complete cell."
        "Restore the cell from a backup; it may have been truncated."
    NoKeyToRollBackTo "no-key-to-roll-back-to"
        "The keyset has no old key under which the cell could be sealed."
        "Leave the cell under its key, or add the old key to the keyset and roll back again."
    NoPrimary "no-primary"
        "The keyset has no primary to seal the cell under."
        "Name a `primary:` for the keyset in the plan."
    NoRandomBytes "no-random-bytes"
        "The operating system provided no random bytes to seal the cell."
        "Run again once its random source works."
    NotOpened "not-opened"
        "The cell was counted but not opened."
        "Run `reseal verify`; if the cell is listed again, report it as a bug."
    NotRecognised "not-recognised"
        "No seal of the field recognises the value."
        "Add its seal to `from:` in the plan, or correct the value."
    NotStored "not-stored"
        "A trigger prevents the update of the row."
        "Find out which trigger skips the update, then run again."
    OpensUnderNoKey "opens-under-no-key"
        "The cell does not open under any key of its seal."
        "Add the key under which it was sealed to the keyset, or restore the cell from a backup."
    OpensUnderTwoKeys "opens-under-two-keys"
        "The cell opens under two keys, and its format cannot prove which one is correct."
        "Add a `validator:` to the seal that accepts only correct values."
    PartMissing "part-missing"
        "The new format has no value for one of the field's columns."
        "Compare the field's columns in the plan with the parts that the format writes."
    SealedByAStranger "sealed-by-a-stranger"
        "The value is a damaged ciphertext of a known format that no seal of the field recognises."
        "Restore the cell from a backup, and add its seal to `from:` in the plan."
    SharedPartDiffers "shared-part-differs"
        "Cells of the row that share a column would write different values into it."
        "Use the same seals for the fields that share the column."
    StillUnderTheNewKey "still-under-the-new-key"
        "The cell is still under the new key after the rollback."
        "Roll back again; the application may still write under the new key."
    UnknownKey "unknown-key"
        "The cell names a key that its keyset does not have."
        "Add that key to the keyset, or set `tag:` on the key that cells name otherwise; then run again."
    WrappedDekInvalid "wrapped-dek-invalid"
        "No KEK of the keyset can unwrap the cell's DEK."
        "Add the KEK that wrapped it, or restore the wrapped DEK from a backup."
    WrappedDekMissing "wrapped-dek-missing"
        "The cell has no wrapped DEK, but its seal requires one."
        "Restore the wrapped DEK from a backup, or add the cell's seal to `from:`."
}

impl Reason {
    /// Length in bytes of the longest code. A column that shows codes must hold as many characters.
    pub const LONGEST: usize = {
        let (mut longest, mut at) = (Broken::LONGEST, 0);
        while at < Reason::OWN.len() {
            let length = Reason::OWN[at].name().len();
            longest = if length > longest { length } else { longest };
            at += 1;
        }
        longest
    };

    /// The reason of a code. `None` for a format's code and for what another version wrote: those stay text.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Reason> {
        Reason::OWN.iter().copied().find(|reason| reason.name() == name)
    }

    /// Whether the cell opened and could not be written under the new key. A sweep, which writes nothing, cannot find
    /// that out again.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(
            self,
            Reason::ColumnType
                | Reason::Constraint
                | Reason::DoesNotFitTheFormat
                | Reason::DoesNotReopen
                | Reason::DropsFileName
                | Reason::DropsType
                | Reason::KeyDoesNotFit
                | Reason::NotStored
                | Reason::PartMissing
                | Reason::SharedPartDiffers
        )
    }
}

impl From<Broken> for Reason {
    fn from(broken: Broken) -> Self {
        // Formats and engine say some things by the same code.
        Reason::from_name(broken.0).unwrap_or(Reason::Format(broken))
    }
}

/// What a new cell has no place for.
impl From<ValuePart> for Reason {
    fn from(part: ValuePart) -> Self {
        match part {
            ValuePart::FileName => Reason::DropsFileName,
            ValuePart::Type => Reason::DropsType,
        }
    }
}

impl From<SealError> for Reason {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Unfit(_) => Reason::DoesNotFitTheFormat,
            SealError::Key { .. } => Reason::KeyDoesNotFit,
            SealError::Random => Reason::NoRandomBytes,
        }
    }
}

/// What a code of the quarantine means and what to do about it, in two sentences. A code that is none of the engine's
/// own is a format's.
#[must_use]
pub fn explain_reason(code: &str) -> &'static str {
    Reason::from_name(code).map_or(OF_A_FORMAT, Reason::explain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_back_and_is_kebab_case() {
        for reason in Reason::OWN {
            assert_eq!(Reason::from_name(reason.name()), Some(*reason));
            assert!(reason.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
            assert!(reason.name().len() <= Reason::LONGEST);
        }
        assert_eq!(Reason::from_name("armor-checksum"), None);
    }

    #[test]
    fn every_explanation_is_two_sentences() {
        let formats = Reason::Format(Broken("truncated"));
        for reason in Reason::OWN.iter().chain([&formats]) {
            let text = reason.explain();
            assert!(text.ends_with('.') && text.matches(". ").count() == 1, "{}: {text}", reason.name());
        }
        assert_eq!(explain_reason("armor-checksum"), formats.explain());
        assert_eq!(explain_reason("constraint"), Reason::Constraint.explain());
    }
}
