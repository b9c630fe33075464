//! `reseal explain`: what the book's page of codes says of one code.

use reseal_app::Failure;
use reseal_core::nearest;
use serde_json::{Value, json};

use crate::exit::{CLEAN, Done, Outcome};

/// The page, as it was when this program was built.
const PAGE: &str = include_str!("../../../../docs/running/codes.md");

/// Prints the entries of a code: an error and a quarantine reason may have the same one.
pub(crate) fn explain(code: &str) -> Outcome {
    let entries = entries(PAGE);
    let found: Vec<&Entry> = entries.iter().filter(|entry| entry.code == code).collect();
    if found.is_empty() {
        return Err(unknown(code, &entries));
    }
    let text: Vec<String> = found.iter().map(|entry| entry.text()).collect();
    let documents: Vec<Value> = found.iter().map(|entry| entry.document()).collect();
    Ok(Done::new(CLEAN, json!({ "code": code, "entries": documents }), text.join("\n\n")))
}

fn unknown(code: &str, entries: &[Entry]) -> Failure {
    let known: Vec<&str> = entries.iter().map(|entry| entry.code).collect();
    let help = match nearest(code, &known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => "codes are the words in brackets: `error[CODE]`".to_owned(),
    };
    Failure::usage("unknown-code", format!("`{code}` is not a code of Reseal"), help)
}

/// A line of the page.
struct Entry {
    code: &'static str,
    kind: Kind,
    meaning: &'static str,
    remedy: &'static str,
}

/// What has the code.
#[derive(Clone, Copy)]
enum Kind {
    /// An exit code.
    Exit,
    /// An error, with the exit codes that it has.
    Error(&'static str),
    /// A cell in quarantine, with the formats that give the reason; none where it does not come from a format.
    Reason(Option<&'static str>),
}

impl Entry {
    fn text(&self) -> String {
        let Entry { code, meaning, remedy, .. } = self;
        let kind = match self.kind {
            Kind::Exit => "exit code".to_owned(),
            Kind::Error("warning") => "warning".to_owned(),
            Kind::Error(exit) => format!("exit code {exit}"),
            Kind::Reason(None) => "quarantine reason".to_owned(),
            Kind::Reason(Some(formats)) => format!("quarantine reason ({formats})"),
        };
        format!("{code}: {kind}\n  {meaning}\n  {remedy}")
    }

    fn document(&self) -> Value {
        let (kind, exit, formats) = match self.kind {
            Kind::Exit => ("exit", None, None),
            Kind::Error(exit) => ("error", Some(exit), None),
            Kind::Reason(formats) => ("quarantine", None, formats),
        };
        json!({
            "kind": kind, "exit": exit, "formats": formats,
            "meaning": self.meaning, "help": self.remedy,
        })
    }
}

/// The lines of all tables of the page.
fn entries(page: &'static str) -> Vec<Entry> {
    let mut head: Option<Vec<&str>> = None;
    let mut entries = Vec::new();
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|') else {
            head = None;
            continue;
        };
        let cells: Vec<&'static str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        match &head {
            None => head = Some(cells),
            Some(head) => entries.extend(entry(head, &cells)),
        }
    }
    entries
}

fn entry(head: &[&str], cells: &[&'static str]) -> Option<Entry> {
    let (kind, meaning, remedy) = match (head, cells) {
        (["Exit code", ..], [_, meaning, remedy]) => (Kind::Exit, *meaning, *remedy),
        (["Code", "Exit", ..], [_, exit, meaning, remedy]) => (Kind::Error(exit), *meaning, *remedy),
        (["Code", "Format", ..], [_, formats, meaning, remedy]) => {
            (Kind::Reason(Some(formats)), *meaning, *remedy)
        }
        (["Code", ..], [_, meaning, remedy]) => (Kind::Reason(None), *meaning, *remedy),
        _ => return None,
    };
    // The line below the head has no code.
    let code = cells[0].strip_prefix('`')?.strip_suffix('`')?;
    Some(Entry { code, kind, meaning, remedy })
}

#[cfg(test)]
mod tests {
    use reseal_engine::explain_reason;

    use super::*;

    #[test]
    fn a_code_is_explained_with_what_to_do() {
        let done = explain("no-run").ok().unwrap();
        assert_eq!(
            done.text,
            "no-run: exit code 2\n  The plan has no run, or none with this id, or none that is left to roll back.\n  Run `reseal runs PLAN` for a list."
        );
        assert_eq!(done.json["entries"][0]["exit"], "2");
        let done = explain("constraint").ok().unwrap();
        assert!(done.text.contains("constraint: exit code 5\n"), "{}", done.text);
        assert!(done.text.contains("\n\nconstraint: quarantine reason\n"), "{}", done.text);
        assert!(explain("armor").ok().unwrap().text.starts_with("armor: quarantine reason (pgcrypto)\n"));
        assert!(explain("indexed-cells").ok().unwrap().text.starts_with("indexed-cells: warning\n"));
        assert!(explain("4").ok().unwrap().text.starts_with("4: exit code\n"));
    }

    #[test]
    fn an_unknown_code_gets_the_nearest() {
        let failure = explain("no-runs").err().unwrap();
        assert_eq!(
            (failure.code.as_str(), failure.help.as_deref()),
            ("unknown-code", Some("did you mean `no-run`?"))
        );
        let failure = explain("bananas").err().unwrap();
        assert!(failure.help.unwrap().starts_with("codes are"));
    }

    #[test]
    fn the_page_says_of_reasons_what_the_quarantine_says() {
        let entries = entries(PAGE);
        let own = entries.iter().filter(|entry| matches!(entry.kind, Kind::Reason(None)));
        let mut count = 0;
        for entry in own {
            assert_eq!(
                format!("{} {}", entry.meaning, entry.remedy),
                explain_reason(entry.code),
                "{}",
                entry.code
            );
            count += 1;
        }
        assert!(count > 30, "{count}");
    }

    #[test]
    fn each_line_is_two_sentences_on_one_line() {
        for Entry { code, meaning, remedy, .. } in entries(PAGE) {
            for text in [meaning, remedy] {
                assert!(text.ends_with('.') && !text.contains("]("), "{code}: {text}");
            }
        }
    }
}
