//! The memory of this process, which holds keys and plaintext: closed to others of its user, and kept out of swap.

/// Keeps other processes of this user from reading keys out of this one, by ptrace or /proc, and a core dump from being
/// handed to a program of the system's, which no limit does. Children are as others: exec sets it back.
#[cfg(target_os = "linux")]
pub(crate) fn keep_private() {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_private() {}

/// Keeps keys and plaintext out of swap, where that is allowed: all pages that are touched stay in memory. Below a limit on
/// locked memory, allocations behind it would fail, so nothing is locked where one binds this process.
#[cfg(target_os = "linux")]
pub(crate) fn keep_from_swap() {
    use rustix::mm::{MlockAllFlags, mlockall};
    if Locking::of_this_process().is_free() {
        let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_from_swap() {}

/// What decides how much memory a process may lock.
#[cfg(target_os = "linux")]
struct Locking {
    /// The limit, in bytes.
    limit: u64,
    /// Whether it holds `CAP_IPC_LOCK`.
    capable: bool,
    /// What its user ids are outside of its user namespace, as /proc has it.
    uid_map: String,
}

#[cfg(target_os = "linux")]
impl Locking {
    fn of_this_process() -> Locking {
        use rustix::thread::{CapabilitySet, capabilities};
        Locking {
            limit: rlimit::Resource::MEMLOCK.get_soft().unwrap_or_default(),
            capable: capabilities(None).is_ok_and(|held| held.effective.contains(CapabilitySet::IPC_LOCK)),
            uid_map: std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default(),
        }
    }

    /// Whether no limit applies. In a user namespace of its own, as a rootless container has one, a process may hold every
    /// capability, and the kernel applies the limit all the same; in the initial one every id stands for itself.
    fn is_free(&self) -> bool {
        let is_initial = self.uid_map.split_whitespace().eq(["0", "0", "4294967295"]);
        self.limit == rlimit::INFINITY || (self.capable && is_initial)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Watches that nothing is locked below a limit: a run would fail once it needs more memory than may be locked.
    #[test]
    fn nothing_is_locked_below_a_limit() {
        let system = "         0          0 4294967295\n";
        let rootless = "         0       1000          1\n         1     100000      65536\n";
        for (limit, capable, uid_map, expected) in [
            (rlimit::INFINITY, false, system, true),
            (rlimit::INFINITY, true, rootless, true),
            (8 << 20, true, system, true),
            (0, true, system, true),
            (8 << 20, false, system, false),
            (1 << 40, false, system, false),
            (1 << 40, true, rootless, false),
            (1 << 40, true, "         0     100000 4294867295\n", false),
            (1 << 40, true, "", false),
        ] {
            let locking = Locking { limit, capable, uid_map: uid_map.to_owned() };
            assert_eq!(locking.is_free(), expected, "{limit} {capable} {uid_map}");
        }
    }
}
