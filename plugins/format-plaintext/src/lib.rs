//! Cells that were never sealed: what a first encryption starts from.
//!
//! No ciphertext and no key. A plan may open such cells and never end with them.

use std::sync::Arc;

use reseal_core::{
    BuiltFormat, Cell, Format, FormatPlugin, Identified, Key, KeyLength, OpenError, OptionError, Options,
    Part, Plaintext, SealError, Value,
};

/// The plugin.
pub const PLUGIN: FormatPlugin = FormatPlugin {
    name: "plaintext",
    summary: "Plaintext cells, for a first encryption.",
    options: &[],
    build,
};

fn build(_: &Options, parts: &[Part]) -> Result<BuiltFormat, OptionError> {
    if let Some(part) = parts.iter().find(|part| matches!(part, Part::Nonce | Part::Tag)) {
        return Err(OptionError {
            option: None,
            message: format!("a plaintext cell has no {}", part.name()),
            help: Some("name only the column that contains the plaintext".into()),
        });
    }
    Ok(BuiltFormat {
        format: Arc::new(Unsealed),
        authenticated: true,
        marked: false,
        key_length: KeyLength::None,
        binary: false,
        plaintext: true,
        max_seals: None,
    })
}

struct Unsealed;

impl Format for Unsealed {
    fn binds_aad(&self) -> bool {
        false
    }

    /// Every value may be a plaintext; the engine asks only after all other formats declined.
    fn identify<'c>(&self, cell: &'c Cell) -> Identified<'c> {
        match cell.get(Part::Ciphertext) {
            None | Some(Value::Null) => Identified::NotMine,
            Some(_) => Identified::Unmarked,
        }
    }

    fn open(&self, cell: &Cell, _: &Key, _: &[u8]) -> Result<Plaintext, OpenError> {
        let bytes = cell.bytes(Part::Ciphertext).ok_or(OpenError::NotThisKey)?;
        Ok(Plaintext::new(bytes.into_owned()))
    }

    fn seal(
        &self,
        text: &Plaintext,
        _: &Key,
        _: &[u8],
        _: Option<&Cell>,
    ) -> Result<Cell<'static>, SealError> {
        let bytes = text.expose().to_vec();
        let value =
            String::from_utf8(bytes).map_or_else(|error| Value::Bytes(error.into_bytes()), Value::Text);
        Ok(Cell::whole(value))
    }
}
