//! What preflight finds.

/// Whether a finding keeps a run from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The run is refused.
    Refusal,
    /// The run goes on; somebody should know.
    Warning,
}

/// Something that preflight found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Whether it keeps a run from starting.
    pub severity: Severity,
    /// A short stable code in kebab-case.
    pub code: &'static str,
    /// What was found and where.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Finding {
    pub(crate) fn refusal(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Finding { severity: Severity::Refusal, code, message: message.into(), help: help.into() }
    }

    pub(crate) fn warning(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Finding { severity: Severity::Warning, code, message: message.into(), help: help.into() }
    }
}

/// What is said of several columns in the same words is said once.
pub(crate) fn lines(findings: &[Finding], part: impl Fn(&Finding) -> &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in findings.iter().map(part) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    lines.join("\n")
}
