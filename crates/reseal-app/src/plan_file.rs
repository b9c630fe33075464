//! The file of a plan: read within bounds, its paths relative to its folder, and trusted where it starts programs.

use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use reseal_files::{OpenFile, Owner, Readers, Rule};
use reseal_plan::{Draft, Language, NamedFile, Plan, PlanFile, Problems, Vocabulary};

use crate::text_file::{PLAN_BYTES, read_file};
use crate::{Failure, own_formats};

/// Whoever can change a plan that starts programs can start programs as this user.
const RULE: Rule = Rule { most: PLAN_BYTES, readers: Readers::Anyone, owner: Owner::Own };

/// The text of a plan, and where it lies.
pub(crate) struct PlanText {
    /// The path, as it was named.
    path: PathBuf,
    /// Its folder; empty for a pipe.
    folder: String,
    pub(crate) text: String,
    /// The file that was opened; none where a daemon handed the text on, which has checked the file.
    file: Option<OpenFile>,
}

impl PlanText {
    /// Whether it lies in a file that can be read again.
    pub(crate) fn is_file(&self) -> bool {
        self.file.as_ref().is_some_and(|file| !file.is_pipe())
    }

    /// Where it lies, with its folder as it is now: a link to a folder may lead elsewhere later.
    pub(crate) fn resolved(&self) -> PathBuf {
        match self.path.file_name().filter(|_| self.is_file()) {
            Some(name) => Path::new(&self.folder).join(name),
            None => self.path.clone(),
        }
    }

    /// The plan.
    ///
    /// # Errors
    /// When a file that it names lies in the working directory instead, or others could change which programs it starts.
    pub(crate) fn parse(&self) -> Result<Result<Plan, Problems>, Failure> {
        let name = self.path.display().to_string();
        let draft = match Draft::read(PlanFile { name: &name, folder: &self.folder }, &self.text) {
            Ok(draft) => draft,
            Err(problems) => return Ok(Err(problems)),
        };
        let presets = match own_formats::presets(&self.folder, &draft)? {
            Ok(presets) => presets,
            Err(problems) => return Ok(Err(problems)),
        };
        let vocabulary = Vocabulary { presets: &presets, ..reseal_registry::vocabulary() };
        let plan = match Language::of(&vocabulary).plan(&draft) {
            Ok(plan) => plan,
            Err(problems) => return Ok(Err(problems)),
        };
        if let Some(file) = self.file.as_ref().filter(|_| plan.starts_programs()) {
            file.check(&RULE).map_err(|error| {
                let message = format!("{error}; this matters because the plan starts programs");
                Failure::refused("plan-not-trusted", message, error.help())
            })?;
        }
        match plan.files.iter().find_map(moved) {
            Some(moved) => Err(moved.refused(&name)),
            None => Ok(Ok(plan)),
        }
    }
}

/// Reads a plan.
///
/// # Errors
/// When there is no such text; and as for [`PlanText::parse`].
pub(crate) fn parse(path: &Path) -> Result<Result<Plan, Problems>, Failure> {
    read(path)?.parse()
}

/// Reads the text of a plan.
///
/// # Errors
/// When there is no such text.
pub(crate) fn read(path: &Path) -> Result<PlanText, Failure> {
    if let Some(text) = handed_on(path)? {
        let folder = path.parent().and_then(Path::to_str).unwrap_or_default().to_owned();
        return Ok(PlanText { path: path.to_owned(), folder, text, file: None });
    }
    let (file, text) = read_file(path)?;
    let folder = if file.is_pipe() { String::new() } else { folder(path)? };
    Ok(PlanText { path: path.to_owned(), folder, text, file: Some(file) })
}

/// The text of the plan that a daemon serves: its commands get what it read, on stdin, and not what the file says by now.
fn handed_on(path: &Path) -> Result<Option<String>, Failure> {
    if std::env::var_os(reseal_serve::PLAN_ON_STDIN).is_none_or(|plan| Path::new(&plan) != path) {
        return Ok(None);
    }
    // Stdin gives it once, and a command may ask for its plan twice.
    static TEXT: OnceLock<Result<String, ErrorKind>> = OnceLock::new();
    let text = TEXT.get_or_init(|| {
        let mut text = String::new();
        let read = std::io::stdin().lock().take(PLAN_BYTES).read_to_string(&mut text);
        read.map(|_| text).map_err(|error| error.kind())
    });
    text.clone().map(Some).map_err(|kind| {
        let message = format!("{}: cannot read the plan from stdin: {kind}", path.display());
        Failure::failed("plan-unreadable", message)
    })
}

/// The folder of the plan, as it was named: a link to a plan stands for a plan beside it.
fn folder(path: &Path) -> Result<String, Failure> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = parent.canonicalize().ok().and_then(|folder| folder.to_str().map(str::to_owned));
    folder.ok_or_else(|| {
        let message = format!("{}: the name of its directory is not valid UTF-8", path.display());
        Failure::usage("plan-unreadable", message, "move the plan to another directory")
    })
}

/// A file that lies where earlier versions looked for it: in the working directory alone.
struct Moved<'p> {
    file: &'p NamedFile,
    /// Where it lies.
    old: PathBuf,
    /// Where it belongs.
    new: PathBuf,
}

fn moved(file: &NamedFile) -> Option<Moved<'_>> {
    let old = std::path::absolute(&file.written).ok()?;
    let new = PathBuf::from(file.path.as_str());
    let here = lies_at(&old).filter(|_| old != new)?;
    match lies_at(&new) {
        Some(_) => None,
        None => Some(Moved { file, old: here, new }),
    }
}

/// What lies at a path; where the path has a hole, the first file that could fill it.
fn lies_at(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let Some((before, rest)) = name.split_once('{') else {
        return path.exists().then(|| path.to_owned());
    };
    let after = rest.rsplit_once('}').map_or("", |(_, after)| after);
    let entries = std::fs::read_dir(path.parent()?).ok()?;
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let fits = |name: &String| {
        name.len() > before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
    };
    names.find(fits).map(|name| path.with_file_name(name))
}

impl Moved<'_> {
    fn refused(&self, plan: &str) -> Failure {
        let message = format!(
            "{plan}:{}: {} does not exist, but {} does: paths in a plan are relative to the directory of the plan, not \
             to the working directory",
            self.file.line,
            self.new.display(),
            self.old.display()
        );
        let help = "move the file, or use an absolute path or one relative to the directory of the plan";
        Failure::refused("path-moved", message, help)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_hole_is_filled_by_any_file_that_fits() {
        let folder = std::env::temp_dir().join(format!("reseal-plan-file-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("keys-2026.age"), "").unwrap();
        let found = |name: &str| lies_at(&folder.join(name)).is_some();
        let tried = ["keys-{slot}.age", "{id}", "keys-2026.age", "keys-{slot}.old", "keys-2026.age{id}"];
        assert_eq!(tried.map(found), [true, true, true, false, false]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
