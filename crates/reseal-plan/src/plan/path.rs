//! Paths in a plan: relative to the plan's folder, never to the working directory.

use std::fmt;
use std::path::Path;

use reseal_core::path_in;

/// A path that a plan names, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanPath(String);

impl PlanPath {
    /// The path that a plan in this folder means.
    #[must_use]
    pub fn new(folder: &str, written: &str) -> Self {
        PlanPath(path_in(folder, written))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for PlanPath {
    /// A path that is given in full.
    fn from(full: &str) -> Self {
        PlanPath::new("", full)
    }
}

impl AsRef<Path> for PlanPath {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for PlanPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A place where a plan names a file that has to be there already, by a relative path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// The path as the plan writes it.
    pub written: String,
    /// The path that is meant.
    pub path: PlanPath,
    /// Line in the plan, from 1.
    pub line: usize,
}

/// A plan's file: what messages call it, and the folder that its relative paths are in.
#[derive(Clone, Copy, Debug)]
pub struct PlanFile<'a> {
    /// What messages call the file.
    pub name: &'a str,
    /// The folder, as a full path; the working directory where it is empty.
    pub folder: &'a str,
}

impl<'a> PlanFile<'a> {
    /// A plan that lies in no folder of its own: what a pipe brings, or a test.
    #[must_use]
    pub fn named(name: &'a str) -> Self {
        PlanFile { name, folder: "" }
    }
}
