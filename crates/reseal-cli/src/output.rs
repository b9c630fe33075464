//! What is printed, and where.
#![allow(clippy::print_stdout)]

use std::io::{IsTerminal, Write};
use std::time::Duration;

use reseal_core::RunState;
use reseal_core::quantity::readable;
use serde_json::Value;

use crate::wrap::fitted;

/// Prints a result: one JSON document, or text.
pub(crate) fn result(json: bool, document: &Value, text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away has read all it wanted.
    let _ = match (json, text.is_empty()) {
        (true, _) => writeln!(out, "{}", harmless_json(&document.to_string())),
        (false, true) => Ok(()),
        (false, false) => {
            let text = harmless(text.trim_end());
            match out.is_terminal() {
                true => write!(out, "{}", fitted(&text, terminal_width())),
                false => writeln!(out, "{text}"),
            }
        }
    };
}

/// A name on one line, with its control characters escaped: names come from the environment of whoever acts.
pub(crate) fn plain(name: &str) -> String {
    escaped(name, acts_on_terminal)
}

/// A text that does nothing to a terminal: lines and tabs alone are left as they are.
pub(crate) fn harmless(text: &str) -> String {
    escaped(text, |c| acts_on_terminal(c) && !matches!(c, '\n' | '\t'))
}

/// Whether a character does something instead of being shown: controls, marks that turn the direction of writing, and
/// what has no width, by which two names look alike. Joiners, which scripts need, are left.
fn acts_on_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// A JSON text in which such characters are escaped as JSON does it: they stand in its strings alone.
pub(crate) fn harmless_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match acts_on_terminal(c) && c != '\n' {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out += &format!("\\u{unit:04x}")),
            false => out.push(c),
        }
    }
    out
}

fn escaped(text: &str, bad: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match bad(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// Prints lines of JSON byte for byte, since others prove them; escaped where a terminal would act on them.
pub(crate) fn json_lines(lines: &str) {
    let mut out = std::io::stdout().lock();
    let _ = match out.is_terminal() {
        true => out.write_all(harmless_json(lines).as_bytes()),
        false => out.write_all(lines.as_bytes()),
    };
}

/// Stderr, for logs whose words come from databases and files.
pub(crate) struct HarmlessStderr {
    /// Whether each event is a JSON document.
    pub(crate) json: bool,
}

impl Write for HarmlessStderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        let text = if self.json { harmless_json(&text) } else { harmless(&text) };
        std::io::stderr().lock().write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().flush()
    }
}

/// Whether stderr is for programs: every line of it a JSON document, whatever comes and however early.
pub(crate) fn logs_json() -> bool {
    std::env::args_os().any(|arg| arg == "--log-json")
}

/// A line of stderr that is no event of the log: as it is, or as such an event looks like in JSON.
pub(crate) fn note(text: &str) {
    match logs_json() {
        true => log_line("INFO", text, None),
        // Whoever should read it may have gone.
        false => drop(writeln!(std::io::stderr(), "{}", harmless(text))),
    }
}

/// A line of a log in JSON, where no subscriber writes it.
pub(crate) fn log_line(level: &str, message: &str, help: Option<&str>) {
    let mut fields = serde_json::json!({ "message": message });
    if let Some(help) = help {
        fields["help"] = help.into();
    }
    let line = serde_json::json!({
        "timestamp": jiff::Timestamp::now().to_string(), "level": level, "fields": fields, "target": "reseal",
    });
    let _ = writeln!(std::io::stderr(), "{}", harmless_json(&line.to_string()));
}

/// Prints an error with its code, and what to do next.
pub(crate) fn error(code: &str, message: &str, help: Option<&str>) {
    if logs_json() {
        return log_line("ERROR", message, help);
    }
    let (message, help) = (harmless(message), help.map(harmless));
    let mut lines = message.lines();
    eprintln!("error[{}]: {}", plain(code), lines.next().unwrap_or_default());
    lines.for_each(|line| eprintln!("       {line}"));
    let mut first = true;
    for line in help.as_deref().unwrap_or_default().lines() {
        eprintln!("{} {line}", if first { " help:" } else { "      " });
        first = false;
    }
}

pub(crate) use reseal_core::quantity::count as number;

/// The width of the terminal behind stdout.
fn terminal_width() -> usize {
    comfy_table::Table::new().width().map_or(80, usize::from)
}

/// A run's state as people read it.
pub(crate) fn state(state: RunState) -> String {
    state.name().replace('_', " ")
}

/// A number of cells.
pub(crate) fn cells(n: u64) -> String {
    if n == 1 { "1 cell".to_owned() } else { format!("{} cells", number(n)) }
}

/// A moment to the second, from milliseconds since 1970.
pub(crate) fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| format!("{time:.0}")).unwrap_or_default()
}

/// A duration in the units that people read.
pub(crate) fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        0..=9 => format!("{seconds:.1} s"),
        whole => readable(Duration::from_secs(whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1000, 1234567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn what_is_printed_does_nothing_to_a_terminal() {
        let name = "ops\u{1b}[2K\rops\n  main/v9\u{9b}";
        assert_eq!(plain(name), r"ops\u{1b}[2K\rops\n  main/v9\u{9b}");
        assert_eq!(harmless(name), "ops\\u{1b}[2K\\rops\n  main/v9\\u{9b}");
        assert_eq!(harmless("é\tü\n"), "é\tü\n");
        // A name that reads `exe.gpj` and is `\u{202e}jpg.exe`; an emoji whose parts are joined.
        assert_eq!(harmless("\u{202e}jpg.exe\u{2069}"), "\\u{202e}jpg.exe\\u{2069}");
        assert_eq!(harmless("👩\u{200d}🔬"), "👩\u{200d}🔬");
    }

    #[test]
    fn json_stays_json_and_means_the_same() {
        let name = "a\u{7f}\u{9b}2K\u{202e}\u{e0041}\"\n";
        let text = harmless_json(&serde_json::json!({ name: name }).to_string());
        assert!(text.chars().all(|c| !acts_on_terminal(c)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()[name], name);
    }

    #[test]
    fn durations_read_well() {
        assert_eq!([0.25, 75.4, 300.0, 7260.0].map(duration), ["0.2 s", "75 s", "5 min 0 s", "2 h 1 min"]);
    }
}
