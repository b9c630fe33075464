//! How the lengths of functions are spread: a limit alone lets all of them grow up to it.

use std::collections::BTreeSet;
use std::fmt;

use syn::Signature;
use syn::visit::{self, Visit};

use super::super::sources::Sources;
use super::super::{Findings, Repository, TextFile};
use super::functions;

const MEDIAN_LINES: usize = 9;

/// Half of the functions outside tests are shorter still.
pub(in crate::tidy) fn are_short_in_the_middle(repository: &Repository) -> Findings {
    Spread::of(&repository.files, &repository.sources).finding().into_iter().collect()
}

/// One line on how long functions are.
pub(in crate::tidy) fn summary(repository: &Repository) -> String {
    Spread::of(&repository.files, &repository.sources).to_string()
}

/// The lengths of all functions outside tests, the shortest first.
struct Spread {
    lengths: Vec<usize>,
}

impl Spread {
    fn of(files: &[TextFile], sources: &Sources) -> Self {
        let untested = Untested::of(sources);
        let mut lengths = Vec::new();
        for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
            let all = functions(&file.text).into_iter();
            let counted = all.filter(|function| untested.begins_at(&file.path, function.line));
            lengths.extend(counted.map(|function| function.lines));
        }
        lengths.sort_unstable();
        Spread { lengths }
    }

    fn finding(&self) -> Option<String> {
        let is_long = self.median() > MEDIAN_LINES;
        is_long.then(|| format!("{self}; the limit of the median is {MEDIAN_LINES}: split the longer ones"))
    }

    fn median(&self) -> usize {
        self.lengths.get(self.lengths.len() / 2).copied().unwrap_or_default()
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (many, median) = (self.lengths.len(), self.median());
        let longest = self.lengths.last().copied().unwrap_or_default();
        write!(f, "{many} functions outside tests, median {median} lines, longest {longest}")
    }
}

/// Where the functions outside tests begin.
struct Untested<'s> {
    path: &'s str,
    starts: BTreeSet<(&'s str, usize)>,
}

impl<'s> Untested<'s> {
    fn of(sources: &'s Sources) -> Self {
        let mut untested = Untested { path: "", starts: BTreeSet::new() };
        for (_, module) in sources.modules() {
            untested.path = &module.path;
            module.items.iter().for_each(|item| untested.visit_item(item));
        }
        untested
    }

    fn begins_at(&self, path: &str, line: usize) -> bool {
        self.starts.contains(&(path, line))
    }
}

impl<'ast> Visit<'ast> for Untested<'_> {
    fn visit_signature(&mut self, signature: &'ast Signature) {
        self.starts.insert((self.path, signature.fn_token.span.start().line));
        visit::visit_signature(self, signature);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sources::sources_of;
    use super::*;

    #[test]
    fn functions_outside_tests_are_counted() {
        let source = "\
fn one() {}

impl A {
    pub(crate) async fn three() {
        1
    }
}

trait B {
    fn none();
}

fn four() {
    fn two() {
    }
}

#[test]
fn test() {
    1;
    2
}

#[cfg(test)]
mod tests {
    fn helper() {}
}
";
        let file = TextFile { path: "a/src/lib.rs".into(), text: source.into() };
        let outside = TextFile { path: "a/tests/all.rs".into(), text: "fn helper() {}".into() };
        let spread = Spread::of(&[file, outside], &sources_of(&[("lib.rs", source)]));
        assert_eq!(spread.lengths, [1, 2, 3, 4]);
        assert_eq!(spread.to_string(), "4 functions outside tests, median 3 lines, longest 4");
    }
    #[test]
    fn half_of_them_may_be_longer() {
        let finding = |lengths: &[usize]| Spread { lengths: lengths.to_vec() }.finding();
        assert_eq!(finding(&[]), None);
        assert_eq!(finding(&[1, 9, 60]), None);
        assert!(finding(&[1, 10, 10]).is_some_and(|finding| finding.contains("median 10 lines")));
    }
}
