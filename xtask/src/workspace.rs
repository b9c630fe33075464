//! The workspace as cargo sees it.

use std::path::PathBuf;
use std::process::Command;

use miette::{IntoDiagnostic, WrapErr, miette};
use serde_json::Value;

/// The workspace: where it lies.
pub(crate) struct Workspace {
    /// The folder of the root Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where cargo builds to.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> miette::Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--no-deps", "--format-version=1"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .into_diagnostic()
            .wrap_err("cargo metadata")?;
        if !output.status.success() {
            return Err(miette!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let metadata = serde_json::from_slice(&output.stdout).into_diagnostic()?;
        Self::from_metadata(&metadata)
            .ok_or_else(|| miette!("cargo metadata has another shape than expected"))
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let root = PathBuf::from(metadata["workspace_root"].as_str()?);
        let target = PathBuf::from(metadata["target_directory"].as_str()?);
        Some(Workspace { root, target })
    }
}
