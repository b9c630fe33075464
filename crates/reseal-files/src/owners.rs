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
        Owners::of(rule, me, std::env::var("SUDO_UID").ok().as_deref())
    }

    /// Those of a user, with the user id that sudo left in the environment: anybody may write there what he likes, and it
    /// counts for root alone.
    fn of(rule: Owner, me: u32, sudo: Option<&str>) -> Self {
        let sudo = sudo.filter(|_| me == 0).and_then(|uid| uid.parse().ok());
        Owners { rule, me, sudo }
    }

    /// Whether this user may own what is trusted.
    pub(crate) fn may_own(&self, uid: u32) -> bool {
        self.rule == Owner::Anyone || uid == 0 || uid == self.me || self.sudo == Some(uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Watches that what `SUDO_UID` says counts for root, and for nobody else.
    #[test]
    fn only_who_became_root_by_sudo_is_trusted_like_root() {
        let trusted = |me, sudo| {
            let owners = Owners::of(Owner::Own, me, sudo);
            [0, 1000, 1001].map(|uid| owners.may_own(uid))
        };
        assert_eq!(trusted(0, None), [true, false, false]);
        assert_eq!(trusted(0, Some("1001")), [true, false, true]);
        assert_eq!(trusted(1000, Some("1001")), [true, true, false]);
        assert_eq!(trusted(0, Some("root")), [true, false, false]);
        assert!(Owners::of(Owner::Anyone, 1000, None).may_own(1001));
    }
}
