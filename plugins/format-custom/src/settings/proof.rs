//! What must hold of a format, so that it can seal, and that opening proves something.

use reseal_core::{OptionError, Options};

use super::{MacSettings, Settings};
use crate::cipher::TAG;
use crate::expr::Variable;
use crate::layout::Layout;
use crate::mistake::Mistake;

/// Parts that the format itself fills; all others are kept from cell to cell.
pub(crate) const FILLED: [&str; 8] = ["key", "mark", "nonce", "tag", "mac", "salt", "wrapped", "ciphertext"];

/// A MAC may be cut to so many bytes (NIST SP 800-107 §5.3.3 takes fewer; no producer does).
const LEAST_MAC: usize = 10;

impl Settings {
    /// Whether the layout has what the cipher needs, and nothing that nobody fills.
    pub(super) fn holes_fit(&self) -> Result<(), OptionError> {
        let layout = |message: String| Err(Mistake::new(message).of("layout"));
        if !self.columns.has("ciphertext") {
            return layout("the layout must contain {ciphertext}".into());
        }
        let nonces = self.algorithm.nonces;
        if !nonces.is_empty() && !nonces.contains(&self.nonce_bytes) {
            let lengths: Vec<String> = nonces.iter().map(usize::to_string).collect();
            return layout(format!("a nonce of {} has {} bytes", self.algorithm.name, lengths.join(" or ")));
        }
        if self.columns.has("nonce") && nonces.is_empty() {
            return layout(format!("`{}` uses no nonce", self.algorithm.name));
        }
        if !self.columns.has("nonce") && self.nonce.is_none() && !nonces.is_empty() {
            return layout(
                "the layout does not contain {nonce}, no column contains it, and `nonce` does not say \
                           what it is"
                    .into(),
            );
        }
        if self.columns.width("tag").is_some_and(|width| width != TAG) {
            return layout(format!("a tag has {TAG} bytes"));
        }
        if self.columns.has("salt") && self.columns.width("salt").is_none() {
            return layout("the salt needs a width, for example {salt|16}".into());
        }
        self.pairs_fit()
    }

    /// Parts and options that go together.
    fn pairs_fit(&self) -> Result<(), OptionError> {
        let pairs = [
            ("tag", self.algorithm.authenticates() || !self.columns.has("tag"), "the cipher has no tag"),
            (
                "mac",
                self.columns.has("mac") == self.mac.is_some(),
                "`mac` and {mac} in the layout go together",
            ),
            (
                "mark",
                self.columns.has("mark") == self.mark.is_some(),
                "`mark` and {mark} in the layout go together",
            ),
            (
                "wrap",
                self.columns.has("wrapped") == self.wraps,
                "`wrap` and {wrapped} in the layout go together",
            ),
        ];
        match pairs.into_iter().find(|(_, fits, _)| !fits) {
            Some((_, _, message)) => Err(Mistake::new(message).of("layout")),
            None => Ok(()),
        }
    }

    /// Whether opening a cell proves its key, or the plan says in so many words that it does not.
    pub(super) fn proves(&self, options: &Options) -> Result<(), OptionError> {
        let said = options.text("unauthenticated").is_some();
        if self.is_authenticated() && said {
            let message = "these cells are authenticated; remove `unauthenticated`";
            return Err(Mistake::new(message).of("unauthenticated"));
        }
        if !self.is_authenticated() && !said {
            let message = format!(
                "`{}` without `mac` does not authenticate: a damaged cell can open",
                self.algorithm.name
            );
            return Err(Mistake::new(message)
                .help("add `unauthenticated: yes` if the application has nothing better")
                .of("cipher"));
        }
        if !self.is_authenticated() && !self.names_key && self.validator.is_none() {
            let message = "nothing tells a wrong key from the right one";
            let help =
                "add `validator: utf8` (or json, or `pattern:`), or name the key in the cell with {key}";
            return Err(Mistake::new(message).help(help).of("unauthenticated"));
        }
        if let Some(mac) = &self.mac {
            self.mac_proves(mac)?;
        }
        self.kept_parts_are_authenticated()
    }

    fn mac_proves(&self, mac: &MacSettings) -> Result<(), OptionError> {
        let covered = |name: &str| !self.columns.has(name) || self.covers(name);
        if let Some(name) = ["nonce", "ciphertext"].into_iter().find(|name| !covered(name)) {
            return Err(Mistake::new(format!("`mac_over` must contain the {name}")).of("mac_over"));
        }
        match (LEAST_MAC..=mac.mac.bytes()).contains(&mac.bytes) {
            true => Ok(()),
            false => {
                Err(Mistake::new(format!("a MAC has {LEAST_MAC} to {} bytes", mac.mac.bytes())).of("layout"))
            }
        }
    }

    /// A part that is carried over must not be one that anybody can change.
    fn kept_parts_are_authenticated(&self) -> Result<(), OptionError> {
        if !self.is_authenticated() {
            return Ok(());
        }
        let holes = self.columns.main.holes();
        let kept = holes.iter().map(|hole| &*hole.name).filter(|name| !FILLED.contains(name));
        match kept.into_iter().find(|name| !self.covers(name)) {
            Some(name) => Err(Mistake::new(format!("the part {{{name}}} is not authenticated"))
                .help("name it in `aad` or `mac_over`, or write what it contains into the layout")
                .of("layout")),
            None => Ok(()),
        }
    }

    /// Whether a part is authenticated by name, or within a named group.
    fn covers(&self, name: &str) -> bool {
        let uses = |name: &str| {
            let part = Variable::Part(name.into());
            self.aad.iter().chain(self.mac.iter().map(|mac| &mac.over)).any(|expr| expr.uses(&part))
        };
        uses(name) || groups_with(&self.columns.main, name).iter().any(|group| uses(group))
    }
}

/// The named groups that a part is in.
fn groups_with(layout: &Layout, name: &str) -> Vec<String> {
    layout.groups().into_iter().filter(|group| group.holds(name)).filter_map(|group| group.label()).collect()
}
