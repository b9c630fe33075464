//! A container image in the OCI layout (OCI Image Format Specification 1.1), which docker, podman, skopeo and crane load.
//!
//! It holds the program, the libraries that it is linked with, and the authorities of TLS: no shell, no package manager. It
//! runs as a user without privileges.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{IntoDiagnostic, WrapErr, miette};
use serde_json::{Value, json};

use super::{Release, output};
use crate::process::{self, Interrupt};

/// The user and group that the program runs as: `nobody` elsewhere, and nobody's files.
const USER: &str = "65532:65532";
/// Where the authorities are, on Debian and in the image.
const AUTHORITIES: &str = "etc/ssl/certs/ca-certificates.crt";

/// Builds the image, and says where it is.
pub(super) fn build(release: &Release, interrupt: &Interrupt) -> miette::Result<PathBuf> {
    let folder = tempfile::tempdir().into_diagnostic()?;
    let (root, layout) = (folder.path().join("root"), folder.path().join("layout"));
    fill(&root, release)?;
    let blobs = Blobs::new(&layout)?;
    let layer = folder.path().join("layer.tar");
    archive(&root, &layer, interrupt)?;
    let layer = blobs.add_file(&layer, "application/vnd.oci.image.layer.v1.tar")?;
    let config = blobs.add_json(&config(release, &layer), "application/vnd.oci.image.config.v1+json")?;
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({
        "schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [layer],
    });
    let mut manifest = blobs.add_json(&manifest, manifest_type)?;
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": release.version });
    write(&layout.join("index.json"), &json!({ "schemaVersion": 2, "manifests": [manifest] }).to_string())?;
    write(&layout.join("oci-layout"), &json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;
    let file = release.out.join(format!("reseal_{}_{}.oci.tar", release.version, release.architecture));
    archive(&layout, &file, interrupt)?;
    Ok(file)
}

/// The files of the image.
fn fill(root: &Path, release: &Release) -> miette::Result<()> {
    copy(&release.program, &root.join("usr/bin/reseal"))?;
    for library in libraries(&output(Command::new("ldd").arg(&release.program))?) {
        copy(&library, &root.join(library.strip_prefix("/").unwrap_or(&library)))?;
    }
    copy(&Path::new("/").join(AUTHORITIES), &root.join(AUTHORITIES))?;
    write(&root.join("etc/passwd"), "reseal:x:65532:65532::/var/lib/reseal:/sbin/nologin\n")?;
    write(&root.join("etc/group"), "reseal:x:65532:\n")?;
    // Where temporary files and a mounted state folder go.
    for folder in ["tmp", "var/lib/reseal"] {
        fs::create_dir_all(root.join(folder)).into_diagnostic()?;
    }
    Ok(())
}

/// The files that `ldd` names.
fn libraries(listed: &str) -> Vec<PathBuf> {
    let words = listed.lines().filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')));
    words.map(PathBuf::from).collect()
}

fn config(release: &Release, layer: &Value) -> Value {
    json!({
        "architecture": release.architecture,
        "os": "linux",
        "config": {
            "User": USER,
            "Entrypoint": ["/usr/bin/reseal"],
            "Env": ["PATH=/usr/bin", "HOME=/var/lib/reseal", format!("SSL_CERT_FILE=/{AUTHORITIES}")],
            "WorkingDir": "/var/lib/reseal",
        },
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    })
}

/// A tar archive that is the same whenever it is made of the same files.
fn archive(folder: &Path, file: &Path, interrupt: &Interrupt) -> miette::Result<()> {
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"]);
    process::run_quietly(tar.arg("--file").arg(file).arg("--directory").arg(folder).arg("."), interrupt)
}

/// Content under its own digest.
struct Blobs(PathBuf);

impl Blobs {
    fn new(layout: &Path) -> miette::Result<Blobs> {
        let folder = layout.join("blobs/sha256");
        fs::create_dir_all(&folder).into_diagnostic()?;
        Ok(Blobs(folder))
    }

    /// Adds a document, and gives its descriptor.
    fn add_json(&self, document: &Value, media_type: &str) -> miette::Result<Value> {
        let file = self.0.join("new");
        write(&file, &document.to_string())?;
        self.add_file(&file, media_type)
    }

    /// Moves a file in, and gives its descriptor.
    fn add_file(&self, file: &Path, media_type: &str) -> miette::Result<Value> {
        let size = fs::metadata(file).into_diagnostic()?.len();
        let sum = output(Command::new("sha256sum").arg(file))?;
        let digest = sum.split_whitespace().next().ok_or_else(|| miette!("sha256sum printed nothing"))?;
        fs::rename(file, self.0.join(digest)).into_diagnostic()?;
        Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": size }))
    }
}

fn write(path: &Path, text: &str) -> miette::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path)).into_diagnostic()?;
    fs::write(path, text).into_diagnostic()
}

fn copy(from: &Path, to: &Path) -> miette::Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to)).into_diagnostic()?;
    // What is copied is what a link leads to.
    fs::copy(from, to).map(drop).into_diagnostic().wrap_err_with(|| from.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_the_paths_that_ldd_prints() {
        let listed =
            "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x2)\n\t/lib64/ld.so.2 (0x3)\n";
        assert_eq!(libraries(listed), [Path::new("/lib/x/libc.so.6"), Path::new("/lib64/ld.so.2")]);
    }
}
