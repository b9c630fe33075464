//! The modules of a crate name each other in one direction: no circle, neither among files nor among the modules of one
//! level, each with all that it holds. Nothing between a module and those it stands in counts.

mod graph;
mod ties;

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{ModuleId, Sources};
use super::{Findings, Repository};
use graph::{Circle, Graph};
use ties::{Tie, ties};

const WHAT_TO_DO: &str =
    "move the items on lines marked `<` into the module that uses them, or into one below both";

pub(super) fn are_absent(repository: &Repository) -> Findings {
    findings(&repository.sources)
}

/// Who names whom, and by which ties.
type Arrows<'t> = BTreeMap<(ModuleId, ModuleId), Vec<&'t Tie>>;

fn findings(sources: &Sources) -> Findings {
    let ties = ties(sources);
    let mut files = Arrows::new();
    let mut levels: BTreeMap<ModuleId, Arrows> = BTreeMap::new();
    for tie in &ties {
        let Some(fork) = fork(sources, tie) else { continue };
        files.entry((tie.from, tie.to)).or_default().push(tie);
        levels.entry(fork.level).or_default().entry(fork.arrow).or_default().push(tie);
    }
    let mut found = circles(sources, "files", &files);
    let by_level = levels.values().flat_map(|arrows| circles(sources, "modules", arrows));
    // Where the modules of a level are single files, their circle has been found already.
    let by_level: Vec<Found> =
        by_level.filter(|circle| found.iter().all(|found| found.ties != circle.ties)).collect();
    found.extend(by_level);
    found.iter().map(|circle| format!("{}; {WHAT_TO_DO}\n{}", circle.title, circle.ties)).collect()
}

/// A circle in words.
struct Found {
    /// Which modules it is of.
    title: String,
    /// Who names what of whom, and where.
    ties: String,
}

/// Where the ways from a crate's root to the two ends of a tie part.
struct Fork {
    level: ModuleId,
    /// The two modules of that level that hold the ends.
    arrow: (ModuleId, ModuleId),
}

/// `None` where one end stands in the other.
fn fork(sources: &Sources, tie: &Tie) -> Option<Fork> {
    let (from, to) = (sources.files_down_to(tie.from), sources.files_down_to(tie.to));
    let at = from.iter().zip(&to).position(|(from, to)| from != to)?;
    Some(Fork { level: *from.get(at.checked_sub(1)?)?, arrow: (from[at], to[at]) })
}

fn circles(sources: &Sources, kind: &str, arrows: &Arrows) -> Vec<Found> {
    let weights = arrows.iter().map(|(arrow, ties)| (*arrow, names(ties).len())).collect();
    Graph::new(weights).circles().iter().map(|circle| found(sources, kind, arrows, circle)).collect()
}

fn names<'t>(ties: &[&'t Tie]) -> BTreeSet<&'t str> {
    ties.iter().map(|tie| tie.name.as_str()).collect()
}

fn found(sources: &Sources, kind: &str, arrows: &Arrows, circle: &Circle<ModuleId>) -> Found {
    let folder = folder(&sources.module(circle.row[0]).path);
    let row: Vec<String> = circle.row.iter().map(|module| sources.name(*module)).collect();
    let title =
        format!("{folder}: {} {kind} depend on each other in a circle: {}", row.len(), row.join(", "));
    let is_inside = |(from, to): &&(ModuleId, ModuleId)| circle.row.contains(from) && circle.row.contains(to);
    let lines = arrows.keys().filter(is_inside).map(|arrow| {
        let mark = if circle.backward.contains(arrow) { '<' } else { ' ' };
        let (from, to) = (sources.name(arrow.0), sources.name(arrow.1));
        format!("  {mark} {from} -> {to}: {}", places(sources, &arrows[arrow]))
    });
    Found { title, ties: lines.collect::<Vec<_>>().join("\n") }
}

/// The crate's folder of sources, which a file of its stands in.
fn folder(path: &str) -> &str {
    path.find("/src/").map_or(path, |at| &path[..at + "/src".len()])
}

/// `cell.rs: Cell 3, open 14; …`
fn places(sources: &Sources, ties: &[&Tie]) -> String {
    let mut files: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for tie in ties {
        let path = sources.module(tie.from).path.as_str();
        let path = path[folder(path).len()..].trim_start_matches('/');
        files.entry(path).or_default().push(format!("{} {}", tie.name, tie.line));
    }
    let files: Vec<String> =
        files.iter().map(|(path, names)| format!("{path}: {}", names.join(", "))).collect();
    files.join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::sources::sources_of;
    use super::*;

    /// The modules of each circle, in the order of their names, behind the kind of the circle.
    #[track_caller]
    fn check(files: &[(&str, &str)], expect: &[&str]) {
        let sources = sources_of(files);
        assert_eq!(sources.faults, [""; 0]);
        let found = findings(&sources);
        let circles: Vec<String> = found
            .iter()
            .map(|finding| {
                let (kind, rest) = finding.split_once(" depend on each other in a circle: ").unwrap();
                let mut row: Vec<&str> = rest.split(';').next().unwrap().split(", ").collect();
                row.sort_unstable();
                format!("{}: {}", kind.rsplit(' ').next().unwrap(), row.join(" "))
            })
            .collect();
        assert_eq!(circles, expect, "{found:#?}");
    }

    #[test]
    fn a_circle_of_two_and_one_of_three_are_found() {
        let two = [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "use super::a::A;")];
        check(&two, &["files: a b"]);
        let three = [
            ("lib.rs", "mod a; mod b; mod c; mod d;"),
            ("a.rs", "use crate::{b, d::D};"),
            ("b.rs", "fn f() { crate::c::f() }"),
            ("c.rs", "fn f() { println!(\"{}\", super::a::g()) }"),
            ("d.rs", "use crate::b::f;"),
        ];
        check(&three, &["files: a b c d"]);
        let d = ("d.rs", "use crate::e::f;");
        check(&[three[0], three[1], three[2], three[3], d], &["files: a b c"]);
    }

    #[test]
    fn one_direction_is_no_circle() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
            ("a.rs", "use crate::b::B; use serde::b;"),
            ("b.rs", "use crate::c::*; use std::a::A; use ::a::A as Other;"),
            ("c.rs", "fn a() { let b = 1; b.a::<u8>() }"),
        ];
        check(&files, &[]);
    }

    #[test]
    fn a_variable_is_no_module() {
        let b = "use super::*; fn f(a: u8) -> u8 { a }";
        check(&[("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", b)], &[]);
    }

    #[test]
    fn crates_do_not_tie_each_other() {
        let a = [("lib.rs", "mod a; pub use a::A;"), ("a.rs", "use b::B;")];
        check(&[a[0], a[1], ("b/src/lib.rs", "mod b; pub use b::B;"), ("b/src/b.rs", "use a::A;")], &[]);
    }

    #[test]
    fn what_stands_inside_and_around_does_not_count() {
        let files = [
            ("lib.rs", "mod a; use a::{below, A}; pub fn f() {}"),
            ("a.rs", "mod below; pub use below::A; fn g() { super::f() }"),
            ("a/below.rs", "use super::g; use crate::{a, f};"),
        ];
        check(&files, &[]);
    }

    #[test]
    fn what_is_exported_again_counts_where_it_is_defined() {
        let face = ("lib.rs", "mod a; mod b; mod c; pub use a::A; pub use b::B;");
        let (a, b) = (("a.rs", "use crate::B;"), ("b.rs", "use crate::A as Other;"));
        check(&[face, a, b, ("c.rs", "")], &["files: a b"]);
        let (a, c) = (("a.rs", "pub use crate::c::C;"), ("c.rs", "use crate::b::B;"));
        // `a` only hands on what `c` defines, so `b` does not depend on `a`.
        check(&[face, a, ("b.rs", "use crate::a::C;"), c], &["files: b c"]);
    }

    #[test]
    fn folders_count_with_all_that_they_hold() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod one; mod two;"),
            ("a/one.rs", "use crate::b::one::B; use super::two::T;"),
            ("a/two.rs", ""),
            ("b/mod.rs", "mod one; mod two;"),
            ("b/one.rs", ""),
            ("b/two.rs", "use crate::a::two::T;"),
        ];
        check(&files, &["modules: a b"]);
    }

    #[test]
    fn tests_do_not_count() {
        let face = ("lib.rs", "mod a; mod b;");
        let a = ("a.rs", "use crate::b::B;");
        check(&[face, a, ("b.rs", "#[cfg(test)] use crate::a::A;")], &[]);
        check(&[face, a, ("b.rs", "#[cfg(test)] mod tests { use crate::a::A; }")], &[]);
        check(&[face, a, ("b.rs", "#[test] fn a() { crate::a::f() }")], &[]);
    }

    #[test]
    fn an_inline_module_belongs_to_its_file() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "mod inner { use super::f; use crate::b::B; } fn f() { inner::g() }"),
            ("b.rs", "mod inner { fn h() -> super::super::a::inner::I {} }"),
        ];
        check(&files, &["files: a b"]);
        check(&[files[0], files[1], ("b.rs", "mod inner { use super::inner as a; }")], &[]);
    }

    #[test]
    fn names_in_attributes_and_macros_and_behind_a_star_count() {
        let check = |b: &str| {
            let a = ("a.rs", "use crate::b::B;");
            check(&[("lib.rs", "mod a; mod b;"), a, ("b.rs", b)], &["files: a b"]);
        };
        check("struct B { #[serde(default = \"crate::a::f\")] b: u8 }");
        check("struct B { #[arg(value_parser = crate::a::f)] b: u8 }");
        check("fn f() { vec![1, [crate::a::f()]] }");
        check("use super::*; impl a::Trait for B {}");
        check("pub use crate::a::*;");
        check("fn f() { use crate::a; a::g() }");
    }

    #[test]
    fn a_circle_says_what_ties_it() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::{B,\n C};\nfn f(_: crate::b::C) {}"),
            ("b.rs", "use crate::a;\nfn f() { a::g() }"),
        ];
        let found = findings(&sources_of(&files));
        let mut lines = found[0].lines();
        assert!(
            lines.next().unwrap().starts_with("a/src: 2 files depend on each other in a circle: a, b; move")
        );
        assert_eq!(lines.collect::<Vec<_>>(), ["    a -> b: a.rs: B 1, C 2", "  < b -> a: b.rs: a 1, g 2"]);
    }
}
