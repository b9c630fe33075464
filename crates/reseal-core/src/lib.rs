//! The words and joints of Reseal.
//!
//! Everything that moves through a rotation is named here: a [`Cell`] is opened under a [`Key`] to a [`Plaintext`]
//! and sealed again by a [`Format`]. Plugins know this crate and nothing else of Reseal.
//!
//! **Invariant:** no I/O, no YAML, no SQL. What this crate does is a function of its arguments (and, for nonces, of
//! the operating system's random source).

pub mod audit;
mod backoff;
mod cell;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod digest;
mod format;
mod kdf;
mod kek;
mod key;
mod key_state;
mod layout;
mod looks_sealed;
mod nearest;
mod nonce;
mod notice;
mod notifier;
mod options;
mod plaintext;
mod plugin;
pub mod quantity;
mod run_state;
mod scrub;
mod secret;
mod source;
mod states;
mod step;
mod strength;
mod template;
mod validator;
mod value;

pub use backoff::backoff;
pub use cell::{Cell, Part};
pub use format::{Broken, Format, Identified, OpenError, OptionalAuthentication, SealError, ValuePart};
pub use kdf::{Digest, Kdf};
pub use kek::{Kek, KekContext, KekError, KekFault, KekPlugin, KekSource, WrappedDek};
pub use key::{Derivation, Key, Keyset, KeysetError};
pub use key_state::KeyState;
pub use layout::{Hole, Layout, LayoutError, Mismatch, Pieces, TagPlace, UnfitPiece, find_bytes};
pub use looks_sealed::{is_of_known_producer, looks_sealed, may_be_sealed};
pub use nearest::nearest;
pub use nonce::fill_nonce;
pub use notice::{Notice, NoticeKind, Severity};
pub use notifier::{BuildNotifier, Delivery, Message, Notifier, NotifierPlugin, Secrets};
pub use options::{OptionError, OptionKind, OptionSpec, OptionValue, Options};
pub use plaintext::Plaintext;
pub use plugin::{BuiltFormat, FittedFormat, FormatPlugin, KeyLength};
pub use run_state::RunState;
pub use scrub::{Scrub, looks_like_key};
pub use secret::SecretBytes;
pub use source::{
    KeySource, KeySourceError, KeySourcePlugin, Material, PathWords, SourceArgs, is_variable_name, path_in,
};
pub use step::{StepHole, StepPiece};
pub use strength::{ENOUGH_BYTES, Pattern, is_guessable};
pub use template::{Context, Template, TemplateError};
pub use validator::Validator;
pub use value::Value;
