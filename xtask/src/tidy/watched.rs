//! Tables of documents that say by which test each line is watched.

use super::{Findings, Repository};

/// The head of the column.
const COLUMN: &str = "Watched by";
/// Where the end-to-end tests are: `module::test` is a function in the module's file.
const TESTS: &str = "tests/e2e/";

pub(super) fn lines_name_tests_that_exist(repository: &Repository) -> Findings {
    let mut findings = Vec::new();
    for file in repository.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (at, cell) in watched(&file.text) {
            let tests: Vec<&str> = cell.split('`').filter(|part| part.contains("::")).collect();
            if tests.is_empty() {
                findings.push(format!("{}:{at}: this line names no test", file.path));
            }
            let missing = tests.into_iter().filter(|test| !exists(repository, test));
            findings.extend(missing.map(|test| format!("{}:{at}: there is no test {test}", file.path)));
        }
    }
    findings
}

/// The last cell of each line of such tables, with the number of its line.
fn watched(text: &str) -> Vec<(usize, &str)> {
    let mut cells = Vec::new();
    let mut inside = false;
    for (at, line) in text.lines().enumerate() {
        let Some(row) = line.strip_prefix('|') else {
            inside = false;
            continue;
        };
        let last = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default().trim();
        match inside {
            false => inside = last == COLUMN,
            true if last.starts_with("---") => {}
            true => cells.push((at + 1, last)),
        }
    }
    cells
}

fn exists(repository: &Repository, test: &str) -> bool {
    let Some((module, name)) = test.split_once("::") else { return false };
    let path = format!("{TESTS}{module}.rs");
    let mut files = repository.files.iter().filter(|file| file.path == path);
    files.any(|file| file.text.contains(&format!("fn {name}(")))
}

#[cfg(test)]
mod tests {
    use super::watched;

    #[test]
    fn only_tables_with_the_column_are_looked_at() {
        let text = "| What | Watched by |\n| --- | --- |\n| a | `m::t` |\n| b | |\n\n| What | By |\n| --- | --- |\n| c | d |\n";
        assert_eq!(watched(text), [(3, "`m::t`"), (4, "b")]);
    }
}
