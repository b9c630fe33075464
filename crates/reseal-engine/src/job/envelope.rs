//! How cells carry their own key.

use reseal_core::{Context, KekContext, Key, Template};

use crate::reason::Reason;

/// How the cells of a seal carry their own key. The keys of the seal's keyset are KEKs.
#[derive(Clone)]
pub struct Envelope {
    /// What a rotation does.
    pub r#move: Move,
    /// Length of a DEK in bytes.
    pub dek_bytes: usize,
    /// What is bound to a wrapped DEK, by name.
    pub context: Vec<(String, Template)>,
}

/// What a rotation does to an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// New KEK around the same DEK; the payload stays as it is.
    Rewrap,
    /// Opened, and sealed under a new DEK.
    ReEncrypt,
}

impl Envelope {
    /// The encryption context of a cell's DEK under a KEK.
    pub(crate) fn context(&self, key: &Key, context: &Context<'_>) -> Result<KekContext, Reason> {
        let context = Context { key: key.tag(), ..*context };
        let entries = self.context.iter().map(|(name, template)| {
            let text = template.fill(&context).map_err(|_| Reason::ContextMissing)?;
            Ok((name.clone(), String::from_utf8(text).map_err(|_| Reason::ContextNoText)?))
        });
        entries.collect::<Result<_, _>>().map(KekContext)
    }
}
