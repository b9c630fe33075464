//! Who acts.

/// Who runs it, for the ledger.
#[must_use]
pub fn operator() -> String {
    // What people read to decide by must not be able to draw on their terminal.
    let plain = |value: String| value.chars().filter(|c| !c.is_control()).take(100).collect::<String>();
    let variable = |name: &str| std::env::var(name).ok().map(plain).filter(|value| !value.is_empty());
    variable("SUDO_USER")
        .or_else(|| variable("USER"))
        .or_else(|| variable("LOGNAME"))
        .unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}
