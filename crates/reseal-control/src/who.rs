//! Who acts: what the system says of a process, beside what its environment claims.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use nix::unistd::{Uid, User};
use reseal_core::audit::Event;

/// What `/proc/self/loginuid` says of a process that no login began (proc_pid_loginuid in the manual of Linux).
const NO_LOGIN: u32 = u32::MAX;
/// Characters of a name that are kept.
const LONGEST: usize = 100;

/// This host's name, as events carry it.
#[must_use]
pub fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// Who acts.
///
/// Written out, it is `NAME (uid N on HOST)`, with what else there is to say before the bracket closes. It is read back
/// from there by [`FromStr`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The name that the system has for the user id; where that names nobody, what the environment claims.
    pub name: String,
    /// The user id of the login, which `sudo` and `su` leave as it is; where no login began the process, its own.
    pub uid: u32,
    /// The host.
    pub host: String,
    /// Whether the system names somebody. Root of a container is whoever came in, and so is an id without a name.
    pub is_named: bool,
    /// What `SUDO_USER`, `USER` or `LOGNAME` claims, where that is another name than the system's.
    pub claims: Option<String>,
}

impl Who {
    /// Who runs this process. The system may ask a directory elsewhere for the name, so it is asked once.
    #[must_use]
    pub fn is_here() -> Who {
        static HERE: OnceLock<Who> = OnceLock::new();
        HERE.get_or_init(Who::look).clone()
    }

    fn look() -> Who {
        let claimed = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| {
            std::env::var(name).ok().map(|value| plain(&value)).filter(|value| !value.is_empty())
        });
        let login = std::fs::read_to_string("/proc/self/loginuid").ok();
        let login = login.and_then(|uid| uid.trim().parse().ok()).filter(|uid| *uid != NO_LOGIN);
        let own = Uid::current().as_raw();
        let uid = login.unwrap_or(own);
        let known = User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| plain(&user.name));
        let known = known.filter(|_| login.is_some() || own != 0);
        Who::of(uid, known, login.is_some(), claimed)
    }

    fn of(uid: u32, known: Option<String>, logged_in: bool, claimed: Option<String>) -> Who {
        let is_named = logged_in || known.is_some();
        let number = || format!("uid {uid}");
        let name = match is_named {
            true => known.unwrap_or_else(number),
            false => claimed.clone().unwrap_or_else(number),
        };
        let claims = claimed.filter(|claimed| *claimed != name);
        Who { name, uid, host: plain(&host()), is_named, claims }
    }

    /// Whether both are certainly the same person: a user id that names nobody says nothing of who used it.
    #[must_use]
    pub fn is_same_person(&self, other: &Who) -> bool {
        self.is_named && other.is_named && (self.uid, &self.host) == (other.uid, &other.host)
    }

    /// The event, saying whom the system names.
    pub(crate) fn stamp(&self, event: &Event) -> Event {
        let event = event.clone().with("uid", u64::from(self.uid));
        let event = match self.is_named {
            true => event.with("login", self.name.as_str()),
            false => event,
        };
        match &self.claims {
            Some(claims) => event.with("claims", claims.as_str()),
            None => event,
        }
    }
}

/// Marks an id that names nobody.
const NOBODY: &str = "no named user";
/// Comes before a name that the environment claims.
const CLAIMS: &str = "claims to be ";

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (uid {} on {}", self.name, self.uid, self.host)?;
        if !self.is_named {
            write!(f, ", {NOBODY}")?;
        }
        if let Some(claims) = &self.claims {
            write!(f, ", {CLAIMS}{claims}")?;
        }
        write!(f, ")")
    }
}

/// A text that is no [`Who`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotWho;

impl FromStr for Who {
    type Err = NotWho;

    fn from_str(text: &str) -> Result<Who, NotWho> {
        let (name, rest) = text.rsplit_once(" (uid ").ok_or(NotWho)?;
        let mut parts = rest.strip_suffix(')').ok_or(NotWho)?.split(", ");
        let (uid, host) = parts.next().and_then(|part| part.split_once(" on ")).ok_or(NotWho)?;
        let rest: Vec<&str> = parts.collect();
        Ok(Who {
            name: name.to_owned(),
            uid: uid.parse().map_err(|_| NotWho)?,
            host: host.to_owned(),
            is_named: !rest.contains(&NOBODY),
            claims: rest.iter().find_map(|part| part.strip_prefix(CLAIMS)).map(str::to_owned),
        })
    }
}

/// A name as it may be shown: what people read to decide by must neither draw on their terminal nor look like more than
/// one name.
fn plain(value: &str) -> String {
    value.trim().chars().filter(|c| !c.is_control() && !"(),".contains(*c)).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(uid: u32, known: Option<&str>, logged_in: bool, claimed: Option<&str>) -> Who {
        let who = Who::of(uid, known.map(str::to_owned), logged_in, claimed.map(str::to_owned));
        Who { host: "db-1".to_owned(), ..who }
    }

    #[test]
    fn the_system_has_the_last_word_on_a_name() {
        for (who, text) in [
            (who(1000, Some("alice"), true, Some("alice")), "alice (uid 1000 on db-1)"),
            (who(1000, Some("alice"), false, Some("bob")), "alice (uid 1000 on db-1, claims to be bob)"),
            (who(1000, None, true, Some("bob")), "uid 1000 (uid 1000 on db-1, claims to be bob)"),
            (who(65532, None, false, None), "uid 65532 (uid 65532 on db-1, no named user)"),
            (who(0, None, false, Some("bob")), "bob (uid 0 on db-1, no named user)"),
        ] {
            assert_eq!(who.to_string(), text);
            assert_eq!(text.parse(), Ok(who), "{text}");
        }
        assert_eq!("alice".parse::<Who>(), Err(NotWho));
    }

    #[test]
    fn a_claim_cannot_be_taken_for_what_the_system_says() {
        let claim = plain("mallory (uid 7 on db-1)");
        let forged = who(1000, Some("alice"), false, Some(&claim));
        assert_eq!(forged.to_string().parse(), Ok(forged.clone()));
        let forged = who(0, None, false, Some(&claim));
        let read: Who = forged.to_string().parse().unwrap();
        assert_eq!((read.uid, read.is_named), (0, false));
    }

    #[test]
    fn one_person_is_one_id_on_one_host_that_names_somebody() {
        let alice = who(1000, Some("alice"), true, None);
        assert!(alice.is_same_person(&who(1000, Some("alice"), false, Some("bob"))));
        assert!(!alice.is_same_person(&Who { host: "db-2".to_owned(), ..alice.clone() }));
        assert!(!alice.is_same_person(&who(1001, Some("bob"), true, None)));
        let root = who(0, None, false, Some("alice"));
        assert!(!root.is_same_person(&root.clone()));
    }
}
