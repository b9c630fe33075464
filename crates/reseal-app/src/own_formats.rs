//! Formats that a plan brings along: files of presets, relative to the plan's directory.

use std::borrow::Cow;
use std::path::Path;

use reseal_plan::{Draft, Preset, Problems};

use crate::Failure;
use crate::text_file::read_file;

/// The presets that a plan may name: those of the program, and those of the files under its `formats:`. The inner error is all
/// mistakes of a file.
///
/// # Errors
/// When a file cannot be read, or has the name of a format that there is already.
pub(crate) fn presets(
    folder: &str,
    plan: &Draft<'_>,
) -> Result<Result<Cow<'static, [Preset]>, Problems>, Failure> {
    let mut presets = Cow::Borrowed(reseal_registry::presets());
    for written in plan.formats() {
        let path = Path::new(folder).join(&written);
        let (_, text) = read_file(&path)?;
        let preset = match Preset::read(&path.display().to_string(), &text, &reseal_registry::vocabulary()) {
            Ok(preset) => preset,
            Err(problems) => return Ok(Err(problems)),
        };
        if is_taken(&presets, &preset.name) {
            return Err(taken(&path, &preset.name));
        }
        presets.to_mut().push(preset);
    }
    Ok(Ok(presets))
}

fn is_taken(presets: &[Preset], name: &str) -> bool {
    reseal_registry::FORMATS.iter().any(|format| format.name == name)
        || presets.iter().any(|preset| preset.name == name)
}

fn taken(path: &Path, name: &str) -> Failure {
    let message = format!("{}: there already is a format `{name}`", path.display());
    Failure::usage("format-exists", message, "give the format of this file another name")
}
