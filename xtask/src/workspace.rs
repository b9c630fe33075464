//! The workspace as cargo sees it.

use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{IntoDiagnostic, WrapErr, miette};
use serde_json::Value;

/// The workspace: where it lies and what its members depend on.
pub(crate) struct Workspace {
    /// The folder of the root Cargo.toml.
    pub(crate) root: PathBuf,
    /// Where cargo builds to.
    pub(crate) target: PathBuf,
    /// All members, by name.
    pub(crate) members: Vec<Member>,
}

/// One crate of the workspace.
pub(crate) struct Member {
    /// The crate's name.
    pub(crate) name: String,
    /// The crate's folder, from the root.
    pub(crate) folder: String,
    /// What it depends on, tests and build scripts included.
    pub(crate) dependencies: Vec<Dependency>,
}

/// One dependency of a member.
pub(crate) struct Dependency {
    /// The name that Cargo.toml gives it.
    pub(crate) name: String,
    /// Whether only tests see it.
    pub(crate) dev: bool,
}

impl Workspace {
    /// Asks cargo, for the checkout that it was called in: two of them may share a target folder, and with it this binary.
    pub(crate) fn find() -> miette::Result<Self> {
        Self::from_metadata(&ask(Path::new("."), &["--no-deps"])?)
            .ok_or_else(|| miette!("cargo metadata has another shape than expected"))
    }

    fn from_metadata(metadata: &Value) -> Option<Self> {
        let root = PathBuf::from(metadata["workspace_root"].as_str()?);
        let target = PathBuf::from(metadata["target_directory"].as_str()?);
        let packages = metadata["packages"].as_array()?;
        let mut members = packages
            .iter()
            .map(|package| Member::from_metadata(package, &root))
            .collect::<Option<Vec<_>>>()?;
        members.sort_by(|a, b| a.name.cmp(&b.name));
        Some(Workspace { root, target, members })
    }

    /// Builds the program as it is shipped, and says where it is: what is measured is what people get.
    pub(crate) fn dist(&self) -> miette::Result<PathBuf> {
        let build = Command::new(cargo())
            .args(["build", "--profile", "dist", "--package", "reseal-cli", "--features", "jemalloc"])
            .current_dir(&self.root)
            .status()
            .into_diagnostic()?;
        match build.success() {
            true => Ok(self.target.join("dist/reseal")),
            false => Err(miette!("the build failed")),
        }
    }
}

impl Member {
    fn from_metadata(package: &Value, root: &Path) -> Option<Self> {
        let folder = Path::new(package["manifest_path"].as_str()?).parent()?.strip_prefix(root).ok()?;
        let dependency = |dependency: &Value| {
            let name = dependency["rename"].as_str().or(dependency["name"].as_str())?;
            Some(Dependency { name: name.to_owned(), dev: dependency["kind"] == "dev" })
        };
        Some(Member {
            name: package["name"].as_str()?.to_owned(),
            folder: folder.to_str()?.to_owned(),
            dependencies: package["dependencies"]
                .as_array()?
                .iter()
                .map(dependency)
                .collect::<Option<_>>()?,
        })
    }
}

/// What `cargo metadata` says of a workspace with these arguments.
pub(crate) fn metadata(workspace: &Workspace, args: &[&str]) -> miette::Result<Value> {
    ask(&workspace.root, args)
}

fn ask(folder: &Path, args: &[&str]) -> miette::Result<Value> {
    let mut command = Command::new(cargo());
    command.current_dir(folder).args(["metadata", "--format-version=1"]).args(args);
    let output = command.output().into_diagnostic().wrap_err("cargo metadata")?;
    if !output.status.success() {
        return Err(miette!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).into_diagnostic()
}

/// The cargo that runs us, so that its version is the one that the caller chose.
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
