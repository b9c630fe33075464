//! Secrets in age files (age-encryption.org/v1). Without the feature `age`, plans that name one are refused by name.

#[cfg(feature = "age")]
mod file;

use reseal_core::{KeySource, KeySourcePlugin, OptionError, PathWords, SourceArgs};

/// The plugin.
pub const PLUGIN: KeySourcePlugin = KeySourcePlugin {
    name: "age",
    summary: "An age file and the file with the identity that decrypts it.",
    paths: PathWords::All,
    build,
};

fn build(args: &SourceArgs) -> Result<Box<dyn KeySource>, OptionError> {
    let is_path = |word: &String| !word.is_empty() && !word.contains('\0');
    match args.words.as_slice() {
        [file, identity] if is_path(file) && is_path(identity) => source(file, identity),
        _ => Err(OptionError {
            option: None,
            message: "`age` requires an encrypted file and an identity file".into(),
            help: Some("for example { age: [keys/v2.age, /run/secrets/identity] }".into()),
        }),
    }
}

#[cfg(feature = "age")]
fn source(file: &str, identity: &str) -> Result<Box<dyn KeySource>, OptionError> {
    Ok(Box::new(file::AgeFile { file: file.into(), identity: identity.into() }))
}

#[cfg(not(feature = "age"))]
fn source(_: &str, _: &str) -> Result<Box<dyn KeySource>, OptionError> {
    Err(OptionError {
        option: None,
        message: "this build of Reseal does not support age files".into(),
        help: Some("build Reseal with age: `cargo build --release --features age`".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_files_are_named() {
        for words in [vec![], vec!["a".to_owned()], vec!["a".to_owned(), String::new()]] {
            assert!((PLUGIN.build)(&SourceArgs { words, ..SourceArgs::default() }).is_err());
        }
    }
}
