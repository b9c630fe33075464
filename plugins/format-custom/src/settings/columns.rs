//! The columns of a cell, each with its layout.

use reseal_core::{Cell, Mismatch, OptionError, Options, Part, Value};

use crate::cipher::{Algorithm, TAG};
use crate::layout::{Fill, Layout, Name, Taken, Unfit};
use crate::mac::Mac;
use crate::mistake::Mistake;

/// Parts that may have a column of their own: the option with its layout, and the part's name there.
const OWN: [(Part, &str, &str); 2] =
    [(Part::Nonce, "nonce_column", "nonce"), (Part::Tag, "tag_column", "tag")];

/// Where the parts of a cell are.
pub(crate) struct Columns {
    /// The layout of the ciphertext's column.
    pub(crate) main: Layout,
    /// Layouts of columns beside it.
    own: Vec<(Part, Layout)>,
}

impl Columns {
    pub(super) fn read(
        options: &Options,
        parts: &[Part],
        algorithm: &Algorithm,
        mac: Option<Mac>,
    ) -> Result<Self, OptionError> {
        let sized = |option: &'static str, text: &str| {
            let layout = Layout::parse(text).map_err(|mistake| mistake.of(option))?;
            let layout = with_widths(layout, algorithm, mac);
            layout.checked().map_err(|mistake| mistake.of(option))
        };
        let text = options.text("layout").ok_or_else(|| super::missing("layout", EXAMPLE))?;
        let main = sized("layout", text)?;
        let mut own = Vec::new();
        for (part, option, name) in OWN {
            match (parts.contains(&part), options.text(option)) {
                (true, text) => {
                    let layout = sized(option, text.unwrap_or(&format!("{{{name}}}")))?;
                    only_holds(&layout, name).map_err(|mistake| mistake.of(option))?;
                    own.push((part, layout));
                }
                (false, None) => {}
                (false, Some(_)) => {
                    let message = format!("the field has no column for the {name}");
                    let help = format!("name it: columns: {{ {name}: COLUMN }}");
                    return Err(Mistake::new(message).help(help).of(option));
                }
            }
        }
        let columns = Columns { main, own };
        columns.once()?;
        Ok(columns)
    }

    /// No part is in two columns.
    fn once(&self) -> Result<(), OptionError> {
        let twice = self.own.iter().find(|(part, _)| self.main.hole(&part.name().into()).is_some());
        match twice {
            Some((part, _)) => {
                let name = part.name();
                Err(Mistake::new(format!("the {name} is in the layout and also has its own column"))
                    .of("layout"))
            }
            None => Ok(()),
        }
    }

    fn layouts(&self) -> impl Iterator<Item = &Layout> {
        [&self.main].into_iter().chain(self.own.iter().map(|(_, layout)| layout))
    }

    /// The names of all parts and named groups.
    pub(crate) fn names(&self) -> Vec<Name> {
        self.layouts().flat_map(Layout::names).cloned().collect()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.layouts().any(|layout| layout.hole(&name.into()).is_some())
    }

    /// The width in bytes of a part.
    pub(crate) fn width(&self, name: &str) -> Option<usize> {
        self.layouts().find_map(|layout| layout.hole(&name.into())).and_then(|hole| hole.width)
    }

    /// Length of the nonce: as the layout says, else as the cipher has it.
    pub(super) fn nonce_bytes(&self, algorithm: &Algorithm) -> usize {
        self.width("nonce").or(algorithm.nonces.first().copied()).unwrap_or(0)
    }

    pub(crate) fn is_binary(&self) -> bool {
        self.layouts().any(Layout::is_binary)
    }

    /// Takes a cell apart.
    ///
    /// # Errors
    /// As [`Layout::split`] says of the ciphertext's column; a column beside it without a value makes half a cell.
    pub(crate) fn split(&self, cell: &Cell) -> Result<Taken, Mismatch> {
        let column = |part| cell.get(part).and_then(Value::as_slice);
        let mut taken = Taken::default();
        let main = column(Part::Ciphertext).ok_or(Mismatch::NotMine)?;
        if !self.own.is_empty() && self.own.iter().all(|(part, _)| column(*part).is_none()) {
            return Err(Mismatch::NotMine);
        }
        self.main.split(main, &mut taken)?;
        for (part, layout) in &self.own {
            let half = || Mismatch::Broken(reseal_core::Broken("wrong-length"));
            layout.split(column(*part).ok_or_else(half)?, &mut taken)?;
        }
        Ok(taken)
    }

    /// The nonce that a cell has in a column of its own.
    pub(crate) fn nonce_of(&self, cell: &Cell) -> Option<Vec<u8>> {
        let (_, layout) = self.own.iter().find(|(part, _)| *part == Part::Nonce)?;
        let mut taken = Taken::default();
        layout.split(cell.get(Part::Nonce).and_then(Value::as_slice)?, &mut taken).ok()?;
        taken.parts.take("nonce")
    }

    /// Puts a cell together.
    ///
    /// # Errors
    /// As [`Layout::build`].
    pub(crate) fn build(&self, fill: &mut Fill<'_>) -> Result<Cell<'static>, Unfit> {
        let mut cell = Cell::whole(value(&self.main, self.main.build(fill)?));
        for (part, layout) in &self.own {
            cell = cell.with(*part, value(layout, layout.build(fill)?));
        }
        Ok(cell)
    }
}

const EXAMPLE: &str = "for example layout: \"{key}:{nonce|base64}:{ciphertext|base64}\"";

/// Text where the layout is text, else bytes.
fn value(layout: &Layout, bytes: Vec<u8>) -> Value {
    match layout.is_binary() {
        true => Value::Bytes(bytes),
        false => match String::from_utf8(bytes) {
            Ok(text) => Value::Text(text),
            Err(error) => Value::Bytes(error.into_bytes()),
        },
    }
}

/// The layout with the widths that follow from cipher and MAC.
fn with_widths(layout: Layout, algorithm: &Algorithm, mac: Option<Mac>) -> Layout {
    let nonce = algorithm.nonces.first().copied();
    let wrapped = Some(algorithm.key + 8);
    let widths = [
        ("nonce", nonce),
        ("tag", Some(TAG)),
        ("mac", mac.map(Mac::bytes)),
        ("time", Some(8)),
        ("wrapped", wrapped),
    ];
    widths.into_iter().fold(layout, |layout, (name, width)| match width {
        Some(width) => layout.with_width(&name.into(), width),
        None => layout,
    })
}

fn only_holds(layout: &Layout, name: &str) -> Result<(), Mistake> {
    let names = layout.names();
    match names.as_slice() {
        [only] if ***only == *name => Ok(()),
        _ => Err(Mistake::new(format!("a column for the {name} must contain {{{name}}} and no other part"))),
    }
}
