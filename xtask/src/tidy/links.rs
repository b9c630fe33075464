//! Links of documents: each leads to a file of the repository, and to a heading that it has.

use std::path::{Component, Path, PathBuf};

use super::{Findings, Repository, TextFile};

/// The book, and the page that lists its pages.
const BOOK: &str = "docs/";
const SUMMARY: &str = "docs/SUMMARY.md";

pub(super) fn lead_somewhere(repository: &Repository) -> Findings {
    let documents = repository.files.iter().filter(|file| file.path.ends_with(".md"));
    documents.flat_map(|file| broken_links(repository, file)).collect()
}

/// A page that is not in the summary is in no book.
pub(super) fn reach_every_page(repository: &Repository) -> Findings {
    let Some(summary) = repository.text(SUMMARY) else { return Vec::new() };
    let listed: Vec<String> = links(summary).into_iter().map(|(_, link)| format!("{BOOK}{link}")).collect();
    let pages = repository.under("docs").filter(|file| file.path.ends_with(".md") && file.path != SUMMARY);
    pages
        .filter(|page| !listed.contains(&page.path))
        .map(|page| format!("{}: is not in {SUMMARY}", page.path))
        .collect()
}

fn broken_links(repository: &Repository, file: &TextFile) -> Findings {
    let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    for (line, link) in links(&file.text) {
        let (target, heading) = link.split_once('#').unwrap_or((&link, ""));
        let path = match target {
            "" => file.path.clone(),
            target => resolved(&folder.join(target)).display().to_string(),
        };
        let found = repository.text(&path);
        if found.is_none() && repository.under(&path).next().is_none() {
            findings.push(format!("{}:{line}: {link}: there is no {path}", file.path));
        } else if let Some(text) = found.filter(|_| !heading.is_empty() && path.ends_with(".md"))
            && !headings(text).any(|known| known == heading)
        {
            findings.push(format!("{}:{line}: {link}: {path} has no such heading", file.path));
        }
    }
    findings
}

/// The targets of links to files, each with its line; what is code has none.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (at, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // What lies between backticks is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
        for part in prose.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            let leaves = target.contains("://") || target.starts_with("mailto:");
            if !leaves && !target.is_empty() {
                found.push((at + 1, target.to_owned()));
            }
        }
    }
    found
}

/// The anchors of a document's headings, as GitHub and mdBook make them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let titles = text.lines().filter(|line| line.starts_with('#'));
    titles.map(|line| slug(line.trim_start_matches('#').trim()))
}

fn slug(title: &str) -> String {
    let kept = title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// A path without `.` and `..`.
fn resolved(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found_outside_of_code() {
        let text =
            "[a](b.md) and [c](d.md#e), [web](https://x.example)\n```\n[no](code.md)\n```\n`[no](code.md)`\n";
        assert_eq!(links(text), [(1, "b.md".to_owned()), (1, "d.md#e".to_owned())]);
    }

    #[test]
    fn headings_become_anchors() {
        let text = "# The `plan` language\ntext\n## What's kept, and why\n";
        assert_eq!(headings(text).collect::<Vec<_>>(), ["the-plan-language", "whats-kept-and-why"]);
    }
}
