//! Whose files are trusted.

use crate::Owner;

/// The users whose files are trusted.
pub(crate) struct Owners {
    rule: Owner,
    me: u32,
    /// Who became root by sudo: he could run anything as root.
    sudo: Option<u32>,
}

impl Owners {
    /// Those of the user who runs this process.
    pub(crate) fn of_this_process(rule: Owner) -> Self {
        let me = rustix::process::geteuid().as_raw();
        let sudo = std::env::var("SUDO_UID").ok().filter(|_| me == 0).and_then(|uid| uid.parse().ok());
        Owners { rule, me, sudo }
    }

    /// Whether this user may own what is trusted.
    pub(crate) fn may_own(&self, uid: u32) -> bool {
        self.rule == Owner::Anyone || uid == 0 || uid == self.me || self.sudo == Some(uid)
    }
}
