//! Files and functions stay short enough to be read at once. What is longer is listed in the ratchet with its length,
//! and may only shrink.

mod spread;

use std::collections::BTreeMap;

use miette::{IntoDiagnostic, WrapErr, miette};

use super::{Findings, Repository, TextFile};
pub(super) use spread::{are_short_in_the_middle, summary};

const FILE_LINES: usize = 400;
const FUNCTION_LINES: usize = 60;
const RATCHET: &str = "xtask/tidy-ratchet.json";

/// Lines by what they are the length of: a path, or `path: fn name`.
type Lengths = BTreeMap<String, usize>;

pub(super) fn stay_below_the_ratchet(repository: &Repository) -> Findings {
    let exceptions = match ratchet(repository) {
        Ok(exceptions) => exceptions,
        Err(error) => return vec![format!("{RATCHET}: {error}")],
    };
    compare(&too_long(repository), &exceptions)
}

fn compare(long: &Lengths, exceptions: &Lengths) -> Findings {
    let mut findings = Vec::new();
    for (what, lines) in long {
        match exceptions.get(what) {
            None => findings.push(format!("{what}: {lines} lines; the limit is {}", limit(what))),
            Some(allowed) if lines > allowed => {
                findings.push(format!("{what}: grew from {allowed} to {lines} lines"))
            }
            Some(_) => {}
        }
    }
    for (what, allowed) in exceptions {
        if long.get(what).is_none_or(|lines| lines < allowed) {
            findings.push(format!(
                "{what}: shrank below {allowed} lines; record it with `cargo xtask tidy --update`"
            ));
        }
    }
    findings
}

/// Writes the present lengths of the listed exceptions where they have shrunk; adds none and lets none grow.
pub(super) fn lower_the_ratchet(repository: &Repository<'_>) -> miette::Result<()> {
    let long = too_long(repository);
    let mut exceptions = ratchet(repository)?;
    exceptions.retain(|what, allowed| {
        let lines = long.get(what);
        *allowed = lines.copied().unwrap_or_default().min(*allowed);
        lines.is_some()
    });
    let text = serde_json::to_string_pretty(&serde_json::json!(exceptions)).into_diagnostic()?;
    std::fs::write(repository.workspace.root.join(RATCHET), text + "\n").into_diagnostic()
}

fn ratchet(repository: &Repository<'_>) -> miette::Result<Lengths> {
    let value: serde_json::Value = serde_json::from_str(repository.text(RATCHET).unwrap_or("{}"))
        .into_diagnostic()
        .wrap_err("cannot read the ratchet")?;
    let entries = value.as_object().into_iter().flatten();
    entries
        .map(|(what, lines)| {
            let lines = lines.as_u64().and_then(|lines| usize::try_from(lines).ok());
            lines
                .map(|lines| (what.clone(), lines))
                .ok_or_else(|| miette!("{what}: the number of lines is missing"))
        })
        .collect()
}

fn too_long(repository: &Repository<'_>) -> Lengths {
    let sources = repository.files.iter().filter(|file| file.path.ends_with(".rs"));
    sources.map(lengths).flat_map(longer).collect()
}

/// What is longer than it may be.
fn longer(mut lengths: Lengths) -> Lengths {
    lengths.retain(|what, lines| *lines > limit(what));
    lengths
}

fn limit(what: &str) -> usize {
    if what.contains(": fn ") { FUNCTION_LINES } else { FILE_LINES }
}

fn lengths(file: &TextFile) -> Lengths {
    let mut lengths = Lengths::from([(file.path.clone(), file.text.lines().count())]);
    for Function { name, lines, .. } in functions(&file.text) {
        // Functions of one name in one file share an entry: the longest counts.
        let longest = lengths.entry(format!("{}: fn {name}", file.path)).or_default();
        *longest = lines.max(*longest);
    }
    lengths
}

/// A function with a body.
struct Function<'s> {
    name: &'s str,
    /// The line that it begins in.
    line: usize,
    /// How many lines it takes.
    lines: usize,
}

/// The functions of a source that rustfmt has laid out: a body ends at the first brace that stands as far to the left
/// as its `fn` line does.
fn functions(source: &str) -> Vec<Function<'_>> {
    let all: Vec<&str> = source.lines().collect();
    let starts = all.iter().enumerate().filter_map(|(at, line)| Some((at, function_name(line)?)));
    let function = |(at, name)| Some(Function { name, line: at + 1, lines: function_lines(&all[at..])? });
    starts.filter_map(function).collect()
}

fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if rest.starts_with("pub(") {
        rest = rest.split_once(") ")?.1;
    }
    for qualifier in ["pub ", "default ", "const ", "async ", "extern \"C\" "] {
        rest = rest.strip_prefix(qualifier).unwrap_or(rest);
    }
    rest.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// How many lines the function that begins here takes; `None` where it has no body.
fn function_lines(lines: &[&str]) -> Option<usize> {
    let indent = lines[0].len() - lines[0].trim_start().len();
    let head = lines.iter().position(|line| line.ends_with(['{', ';', '}']))?;
    match lines[head].chars().last() {
        Some('{') => {}
        Some('}') => return Some(head + 1),
        _ => return None,
    }
    let body =
        lines.iter().skip(head + 1).position(|line| line.len() == indent + 1 && line.ends_with('}'))?;
    Some(head + 1 + body + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_measured() {
        let source = "\
pub(crate) async fn one(a: u8) {
    fn inner() {
    }
}

impl X {
    const fn two<T>(
        a: T,
    ) -> u8
    where
        T: Copy,
    {
        1
    }
    fn three(&self);
    fn four() {}
}
";
        let found: Vec<(&str, usize)> =
            functions(source).iter().map(|function| (function.name, function.lines)).collect();
        assert_eq!(found, [("one", 4), ("inner", 2), ("two", 8), ("four", 1)]);
    }

    #[test]
    fn files_and_functions_have_limits() {
        let text = format!(
            "fn long() {{\n{}}}\nfn short() {{\n{}}}\n",
            "    1;\n".repeat(59),
            "    1;\n".repeat(58)
        );
        let file = TextFile { path: "a.rs".into(), text };
        assert_eq!(
            compare(&longer(lengths(&file)), &Lengths::new()),
            ["a.rs: fn long: 61 lines; the limit is 60"]
        );
        let file = TextFile { path: "a.rs".into(), text: "//\n".repeat(401) };
        assert_eq!(longer(lengths(&file)).len(), 1);
    }

    #[test]
    fn the_ratchet_only_turns_one_way() {
        let lengths = |lines: usize| Lengths::from([("a.rs".to_owned(), lines)]);
        assert_eq!(compare(&lengths(500), &Lengths::new()), ["a.rs: 500 lines; the limit is 400"]);
        assert_eq!(compare(&lengths(500), &lengths(500)), [""; 0]);
        assert_eq!(compare(&lengths(501), &lengths(500)), ["a.rs: grew from 500 to 501 lines"]);
        assert_eq!(compare(&lengths(499), &lengths(500)).len(), 1);
        assert_eq!(compare(&Lengths::new(), &lengths(500)).len(), 1);
    }
}
