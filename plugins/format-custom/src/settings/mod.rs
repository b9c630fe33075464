//! The options of a plan, read and checked.

mod columns;
mod proof;

use reseal_core::{OptionError, Options, Part};

use crate::cipher::{Algorithm, Family, Padding};
use crate::expr::{Expr, Names, Stage, Variable};
use crate::layout::Name;
use crate::mac::Mac;
use crate::mistake::Mistake;
use crate::value::{Compression, TextValidator};

pub(crate) use columns::Columns;
pub(crate) use proof::FILLED;

/// All that a plan says of a format.
pub(crate) struct Settings {
    pub(crate) columns: Columns,
    pub(crate) algorithm: &'static Algorithm,
    /// Length of the nonce in bytes; 0 for a cipher without.
    pub(crate) nonce_bytes: usize,
    pub(crate) padding: Option<BlockPadding>,
    /// The key of the cipher; the key of the keyset where there is none.
    pub(crate) key: Option<Expr>,
    pub(crate) mac: Option<MacSettings>,
    pub(crate) aad: Option<Expr>,
    pub(crate) nonce: Option<Expr>,
    pub(crate) mark: Option<Expr>,
    pub(crate) compression: Option<Compression>,
    pub(crate) validator: Option<TextValidator>,
    /// Whether the key of the keyset wraps a key of the cell's own.
    pub(crate) wraps: bool,
    /// The salt of the plan.
    pub(crate) salt: Vec<u8>,
    /// Whether a cell or a column beside it names its key.
    pub(crate) names_key: bool,
}

/// A padding to blocks of so many bytes.
#[derive(Clone, Copy)]
pub(crate) struct BlockPadding {
    pub(crate) padding: Padding,
    pub(crate) block: usize,
}

/// What authenticates a cell beside its cipher.
pub(crate) struct MacSettings {
    pub(crate) mac: Mac,
    /// Its key; the key of the cipher where there is none.
    pub(crate) key: Option<Expr>,
    pub(crate) over: Expr,
    /// Length of the tag in bytes, which may be cut.
    pub(crate) bytes: usize,
}

impl Settings {
    /// Reads the options of a plan. `parts` are the columns of a cell that lies in several.
    pub(crate) fn read(options: &Options, parts: &[Part]) -> Result<Self, OptionError> {
        let algorithm = options
            .text("cipher")
            .and_then(Algorithm::find)
            .ok_or_else(|| missing("cipher", "for example cipher: aes-256-gcm"))?;
        let mac = mac_of(options)?;
        let columns = Columns::read(options, parts, algorithm, mac)?;
        let reader = Reader { options, names: columns.names() };
        let nonce_bytes = columns.nonce_bytes(algorithm);
        let settings = Settings {
            padding: padding(options, algorithm)?,
            key: reader.expr("key", Stage::Key)?,
            mac: reader.mac(mac, &columns)?,
            aad: reader.expr("aad", Stage::Authenticated)?,
            nonce: reader.expr("nonce", Stage::Nonce)?,
            mark: reader.expr("mark", Stage::Mark)?,
            compression: compression(options, &columns)?,
            validator: TextValidator::parse(options.text("validator"), options.text("pattern"))
                .map_err(|mistake| mistake.of("pattern"))?,
            wraps: options.text("wrap").is_some(),
            salt: options.text("salt").unwrap_or_default().as_bytes().to_vec(),
            names_key: columns.has("key") || parts.contains(&Part::Key),
            columns,
            algorithm,
            nonce_bytes,
        };
        settings.holes_fit()?;
        settings.proves(options)?;
        if !options.0.contains_key("salt") && settings.uses_salt() {
            return Err(missing("salt", "for example salt: { env: SALT }"));
        }
        Ok(settings)
    }

    /// All expressions.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expr> {
        let of_mac = self.mac.iter().flat_map(|mac| mac.key.iter().chain([&mac.over]));
        self.key.iter().chain(&self.aad).chain(&self.nonce).chain(&self.mark).chain(of_mac)
    }

    fn uses_salt(&self) -> bool {
        self.expressions().any(|expr| expr.uses(&Variable::Salt))
    }

    /// Whether keys differ from cell to cell.
    pub(crate) fn key_reads_cell(&self) -> bool {
        self.wraps || self.key.iter().chain(self.mac.iter().flat_map(|mac| &mac.key)).any(Expr::reads_cell)
    }

    /// Whether a wrong key cannot open a cell.
    pub(crate) fn is_authenticated(&self) -> bool {
        self.algorithm.authenticates() || self.mac.is_some()
    }

    /// Whether the seal's additional data is authenticated.
    pub(crate) fn binds_aad(&self) -> bool {
        match (&self.mac, &self.aad) {
            (Some(mac), _) => mac.over.uses(&Variable::Aad),
            (None, Some(aad)) => aad.uses(&Variable::Aad),
            (None, None) => self.algorithm.authenticates() && self.algorithm.name != "xsalsa20-poly1305",
        }
    }
}

/// Reads expressions.
struct Reader<'o> {
    options: &'o Options,
    names: Vec<Name>,
}

impl Reader<'_> {
    fn expr(&self, option: &'static str, stage: Stage) -> Result<Option<Expr>, OptionError> {
        let text = self.options.text(option);
        let names = Names { parts: &self.names, stage };
        text.map(|text| Expr::parse(text, names).map_err(|mistake| mistake.of(option))).transpose()
    }

    fn mac(&self, mac: Option<Mac>, columns: &Columns) -> Result<Option<MacSettings>, OptionError> {
        let Some(mac) = mac else { return Ok(None) };
        let key = self.expr("mac_key", Stage::Key)?;
        let over = self.expr("mac_over", Stage::Authenticated)?;
        let over =
            over.ok_or_else(|| missing("mac_over", "for example mac_over: concat(nonce, ciphertext)"))?;
        let bytes = columns.width("mac").unwrap_or(mac.bytes());
        Ok(Some(MacSettings { mac, key, over, bytes }))
    }
}

fn mac_of(options: &Options) -> Result<Option<Mac>, OptionError> {
    let mac = options.text("mac").and_then(Mac::find);
    let lone =
        ["mac_key", "mac_over"].into_iter().find(|option| mac.is_none() && options.text(option).is_some());
    match lone {
        Some(option) => Err(Mistake::new(format!("`{option}` has no effect without `mac`")).of(option)),
        None => Ok(mac),
    }
}

fn padding(options: &Options, algorithm: &Algorithm) -> Result<Option<BlockPadding>, OptionError> {
    let named = options.text("padding").and_then(Padding::find);
    match (algorithm.family, named) {
        (Family::Block(block), padding) => {
            Ok(Some(BlockPadding { padding: padding.unwrap_or(Padding::Pkcs7), block }))
        }
        (_, None) => Ok(None),
        (_, Some(_)) => Err(Mistake::new(format!("`{}` does not pad", algorithm.name)).of("padding")),
    }
}

fn compression(options: &Options, columns: &Columns) -> Result<Option<Compression>, OptionError> {
    let Some(text) = options.text("compression") else { return Ok(None) };
    let compression = Compression::parse(text).map_err(|mistake| mistake.of("compression"))?;
    match &compression.flag {
        Some(flag) if !columns.main.has_flag(flag) => {
            let message = format!("the layout has no optional member `{flag}` with a constant value");
            Err(Mistake::new(message).help(format!("for example {{json:…,{flag}?=true}}")).of("compression"))
        }
        _ => Ok(Some(compression)),
    }
}

fn missing(option: &'static str, help: &str) -> OptionError {
    let message = format!("`{option}` is missing");
    OptionError { option: None, message, help: Some(help.to_owned()) }
}
