//! The page of codes lists each code that the sources give, and no other, with the exit code that it comes to.

mod found;
mod page;
mod values;

use std::collections::BTreeSet;

use syn::{Expr, Item, Lit};

use super::sources::Sources;
use super::{Findings, Repository};
use found::{End, Ends, Found};
use page::{Line, Page, Table};

/// The page, from the repository's root.
const PAGE: &str = "docs/running/codes.md";
/// Where the exit codes are constants.
const EXIT: &str = "crates/reseal-cli/src/exit.rs";
/// The plan is right here; every command but `check` refuses it, so these exit as refusals do.
const REFUSED_PLANS: [&str; 2] = ["not-in-this-build", "unsupported"];
/// Where preflight finds these, it refuses the run.
const REFUSED_BY_PREFLIGHT: [&str; 1] = ["kek-refused"];

pub(super) fn have_their_lines(repository: &Repository) -> Findings {
    match repository.text(PAGE) {
        Some(page) => findings(&repository.sources, &Page::read(page)),
        None => vec![format!("{PAGE} is missing")],
    }
}

fn findings(sources: &Sources, page: &Page) -> Findings {
    let found = Found::read(sources);
    let exits = exit_codes(sources);
    let mut findings = found.faults.clone();
    findings.extend(page.twice());
    findings.extend(errors(&found, &exits, page));
    findings.extend(reasons(&found, page));
    findings.extend(formats(&found, page));
    findings.extend(exit_lines(&exits, page));
    findings
}

/// A constant of exit.rs: `USAGE` is 2.
struct ExitCode {
    name: String,
    code: String,
}

fn exit_codes(sources: &Sources) -> Vec<ExitCode> {
    let modules = sources.modules().filter(|(_, module)| module.path == EXIT);
    let items = modules.flat_map(|(_, module)| &module.items);
    let exit = |item: &Item| match item {
        Item::Const(item) => match &*item.expr {
            Expr::Lit(value) => match &value.lit {
                Lit::Int(code) => {
                    Some(ExitCode { name: item.ident.to_string(), code: code.base10_digits().to_owned() })
                }
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    items.filter_map(exit).collect()
}

/// What the exit column says of an end: a number, or `warning`.
fn word(end: End, exits: &[ExitCode]) -> String {
    let Some(name) = end.constant() else { return "warning".to_owned() };
    let exit = exits.iter().find(|exit| exit.name == name);
    exit.map_or_else(|| format!("the value of {name}"), |exit| exit.code.clone())
}

fn errors(found: &Found, exits: &[ExitCode], page: &Page) -> Findings {
    let codes = found.errors.keys().map(String::as_str).collect();
    let mut findings = compared(&codes, page, Table::Errors);
    for line in page.lines_of(Table::Errors) {
        let Some(ends) = found.errors.get(&line.code) else { continue };
        let known: BTreeSet<String> =
            handed_on(&line.code, ends).filter(|end| *end != End::Any).map(|end| word(end, exits)).collect();
        let stated: BTreeSet<String> = line.second.iter().cloned().collect();
        let fits = match ends.contains(&End::Any) {
            true => known.is_subset(&stated) && !stated.is_empty(),
            false => known == stated,
        };
        if !fits {
            let known: Vec<String> = known.into_iter().collect();
            findings.push(differs(line, "exit", &known));
        }
    }
    findings
}

/// What a code comes to, with what it is handed on as.
fn handed_on(code: &str, ends: &Ends) -> impl Iterator<Item = End> {
    let is_of = |codes: &[&str]| codes.contains(&code);
    let ends = match is_of(&REFUSED_PLANS) {
        true => Ends::from([End::Refused]),
        false => ends.clone(),
    };
    ends.into_iter().chain(is_of(&REFUSED_BY_PREFLIGHT).then_some(End::Refused))
}

fn reasons(found: &Found, page: &Page) -> Findings {
    compared(&found.reasons.values().map(String::as_str).collect(), page, Table::Reasons)
}

/// The codes of formats. One that is a reason of the engine's too has its line there.
fn formats(found: &Found, page: &Page) -> Findings {
    let own: BTreeSet<&str> = found.reasons.values().map(String::as_str).collect();
    let codes = found.formats.keys().map(String::as_str).filter(|code| !own.contains(code)).collect();
    let mut findings = compared(&codes, page, Table::Formats);
    for line in page.lines_of(Table::Formats) {
        let Some(crates) = found.formats.get(&line.code) else { continue };
        // What the layouts of reseal-core give comes by the formats that have a layout.
        let known: BTreeSet<&str> = crates.iter().filter_map(|name| name.strip_prefix("format-")).collect();
        let stated: BTreeSet<&str> = line.second.iter().map(String::as_str).collect();
        if !known.is_subset(&stated) || (!known.is_empty() && known != stated) {
            let known: Vec<String> = known.into_iter().map(str::to_owned).collect();
            findings.push(differs(line, "formats", &known));
        }
    }
    findings
}

fn exit_lines(exits: &[ExitCode], page: &Page) -> Findings {
    compared(&exits.iter().map(|exit| exit.code.as_str()).collect(), page, Table::Exits)
}

/// Codes without a line, and lines without a code.
fn compared(codes: &BTreeSet<&str>, page: &Page, table: Table) -> Findings {
    let lines: BTreeSet<&str> = page.lines_of(table).map(|line| line.code.as_str()).collect();
    let missing = codes.difference(&lines);
    let missing = missing.map(|code| format!("{PAGE}: `{code}` has no line ({})", table.name()));
    let unknown = page.lines_of(table).filter(|line| !codes.contains(line.code.as_str()));
    let unknown = unknown.map(|line| {
        format!("{PAGE}:{}: no source gives the code `{}` ({})", line.at, line.code, table.name())
    });
    missing.chain(unknown).collect()
}

fn differs(line: &Line, what: &str, known: &[String]) -> String {
    let known = match known {
        [] => "something else".to_owned(),
        known => known.join(" or "),
    };
    format!("{PAGE}:{}: `{}`: the sources say of its {what}: {known}", line.at, line.code)
}

#[cfg(test)]
mod tests;
