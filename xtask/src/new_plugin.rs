//! `cargo xtask new-plugin NAME`: a plugin that compiles, is registered, and has its tests red until it is written.

use std::path::Path;

use miette::{IntoDiagnostic, WrapErr, miette};

use crate::process::{self, Interrupt};
use crate::workspace::{self, Workspace};

/// Arguments of `cargo xtask new-plugin`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Name of the crate: format-NAME, keys-NAME or notify-NAME
    name: String,

    /// Create a kind of KEK instead of a key source
    #[arg(long)]
    kek: bool,
}

/// A kind of plugin: what its name begins with, where it is registered, and what its folder starts out with.
struct Kind {
    prefix: &'static str,
    list: &'static str,
    files: &'static [(&'static str, &'static str)],
}

const KINDS: [Kind; 3] = [
    Kind {
        prefix: "format-",
        list: "FORMATS",
        files: &[
            ("Cargo.toml", include_str!("../templates/format/Cargo.toml.in")),
            ("README.md", include_str!("../templates/format/README.md.in")),
            ("src/lib.rs", include_str!("../templates/format/lib.rs.in")),
            ("tests/conformance.rs", include_str!("../templates/format/conformance.rs.in")),
        ],
    },
    Kind {
        prefix: "keys-",
        list: "KEY_SOURCES",
        files: &[
            ("Cargo.toml", include_str!("../templates/keys/Cargo.toml.in")),
            ("README.md", include_str!("../templates/keys/README.md.in")),
            ("src/lib.rs", include_str!("../templates/keys/lib.rs.in")),
        ],
    },
    Kind {
        prefix: "notify-",
        list: "NOTIFIERS",
        files: &[
            ("Cargo.toml", include_str!("../templates/notify/Cargo.toml.in")),
            ("README.md", include_str!("../templates/notify/README.md.in")),
            ("src/lib.rs", include_str!("../templates/notify/lib.rs.in")),
        ],
    },
];

/// Kinds of KEK bear the same names as sources of keys, as a plan names both in the same place.
const KEK: Kind = Kind {
    prefix: "keys-",
    list: "KEKS",
    files: &[
        ("Cargo.toml", include_str!("../templates/kek/Cargo.toml.in")),
        ("README.md", include_str!("../templates/kek/README.md.in")),
        ("src/lib.rs", include_str!("../templates/kek/lib.rs.in")),
    ],
};

/// Writes the plugin's folder and its lines in the workspace and the registry.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let name = args.name.as_str();
    let (kind, short) = if args.kek { kek(name) } else { kind_of(name) }?;
    let folder = workspace.root.join("plugins").join(name);
    if folder.exists() {
        return Err(miette!("plugins/{name} already exists"));
    }
    // The edits first: where one of them does not fit, nothing has been written yet.
    let ident = name.replace('-', "_");
    let edits = [
        edit(workspace, "Cargo.toml", |text| {
            with_sibling(text, &format!("{name} = {{ path = \"plugins/{name}\" }}"), kind.prefix)
        })?,
        edit(workspace, "crates/reseal-registry/Cargo.toml", |text| {
            with_sibling(text, &format!("{name}.workspace = true"), kind.prefix)
        })?,
        edit(workspace, "crates/reseal-registry/src/plugins.rs", |text| registered(text, kind.list, &ident))?,
    ];
    for (file, template) in kind.files {
        let text =
            template.replace("__NAME__", name).replace("__IDENT__", &ident).replace("__SHORT__", short);
        write(&folder.join(file), &text)?;
    }
    for (file, text) in &edits {
        write(&workspace.root.join(file), text)?;
    }
    let mut format = std::process::Command::new(workspace::cargo());
    format.current_dir(&workspace.root).args(["fmt", "--package", "reseal-registry", "--package", name]);
    process::run(&mut format, &Interrupt::listen()?)?;
    eprintln!("xtask: created plugins/{name}; see CONTRIBUTING.md for the next steps");
    Ok(())
}

/// The plugin's kind, and its name in a plan.
fn kind_of(name: &str) -> miette::Result<(&'static Kind, &str)> {
    let found = KINDS.iter().find_map(|kind| Some((kind, name.strip_prefix(kind.prefix)?)));
    let is_word = |short: &str| {
        short.starts_with(|c: char| c.is_ascii_lowercase())
            && short.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    found.filter(|(_, short)| is_word(short)).ok_or_else(|| {
        miette!(
            help = "use format-NAME, keys-NAME or notify-NAME in lower case; for a KEK, use keys-NAME with `--kek`",
            "{name:?} is not a valid plugin name"
        )
    })
}

/// The same for a kind of KEK.
fn kek(name: &str) -> miette::Result<(&'static Kind, &str)> {
    let (kind, short) = kind_of(name)?;
    match kind.prefix == KEK.prefix {
        true => Ok((&KEK, short)),
        false => Err(miette!(help = "use keys-NAME", "{name:?} is not a valid name for a kind of KEK")),
    }
}

fn edit(
    workspace: &Workspace,
    file: &'static str,
    change: impl FnOnce(&str) -> Option<String>,
) -> miette::Result<(&'static str, String)> {
    let text = std::fs::read_to_string(workspace.root.join(file)).into_diagnostic().wrap_err(file)?;
    let changed = change(&text).ok_or_else(|| miette!("{file}: unexpected content"))?;
    Ok((file, changed))
}

/// Adds a line among its siblings, which begin alike, in alphabetical order.
fn with_sibling(text: &str, line: &str, sibling: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let siblings = || lines.iter().enumerate().filter(|(_, other)| other.starts_with(sibling));
    let at = siblings()
        .find(|(_, other)| **other > line)
        .or(siblings().next_back().map(|(at, last)| (at + 1, last)))?
        .0;
    let (before, after) = lines.split_at(at);
    Some([before, &[line], after, &[""]].concat().join("\n"))
}

/// Adds a plugin to the front of its list; the order of those that are there may mean something.
fn registered(text: &str, list: &str, ident: &str) -> Option<String> {
    let list = text.find(&format!("pub const {list}: "))?;
    let value = list + text[list..].find('=')?;
    let at = value + text[value..].find("&[")? + "&[".len();
    Some(format!("{}{ident}::PLUGIN, {}", &text[..at], &text[at..]))
}

fn write(file: &Path, text: &str) -> miette::Result<()> {
    let written =
        file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(file, text));
    written.into_diagnostic().wrap_err_with(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_their_kind() {
        assert_eq!(kind_of("format-jwe").unwrap().1, "jwe");
        assert_eq!(kind_of("keys-aws-kms").unwrap().0.list, "KEY_SOURCES");
        assert_eq!(kind_of("notify-matrix").unwrap().0.list, "NOTIFIERS");
        for name in ["jwe", "format-", "format-JWE", "format-../x", "plugin-jwe"] {
            assert!(kind_of(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_kek_has_the_name_of_a_key_source_and_a_list_of_its_own() {
        let (kind, short) = kek("keys-vault").unwrap();
        assert_eq!((kind.list, short), ("KEKS", "vault"));
        for name in ["format-vault", "notify-vault", "keys-", "kek-vault"] {
            assert!(kek(name).is_err(), "{name}");
        }
    }

    #[test]
    fn lines_go_among_their_siblings() {
        let check = |line, expect: &str| {
            let text = "a = 1\nkeys-b = 1\nkeys-d = 1\nz = 1\n";
            assert_eq!(with_sibling(text, line, "keys-").as_deref(), Some(expect));
        };
        check("keys-a", "a = 1\nkeys-a\nkeys-b = 1\nkeys-d = 1\nz = 1\n");
        check("keys-c", "a = 1\nkeys-b = 1\nkeys-c\nkeys-d = 1\nz = 1\n");
        check("keys-e", "a = 1\nkeys-b = 1\nkeys-d = 1\nkeys-e\nz = 1\n");
        for text in ["a = 1\n", "a = [\"keys-b/a\"]\n"] {
            assert_eq!(with_sibling(text, "keys-b", "keys-"), None);
        }
    }

    /// Every kind that tidy takes has a template, and every template stands in the registry as it is.
    #[test]
    fn every_kind_has_a_template_and_a_list() {
        let registry = include_str!("../../crates/reseal-registry/src/plugins.rs");
        let names = crate::tidy::PLUGIN_KINDS.map(|kind| format!("{kind}made-up"));
        let kinds = names.iter().map(|name| kind_of(name).unwrap());
        for (found, short) in kinds.chain([kek("keys-made-up").unwrap()]) {
            let kind = found.list;
            assert!(registered(registry, found.list, "made_up").is_some(), "{kind}");
            let lib = found.files.iter().find(|(file, _)| *file == "src/lib.rs").unwrap().1;
            let plugin = lib.replace("__SHORT__", short);
            assert!(plugin.contains("pub const PLUGIN: ") && plugin.contains("\"made-up\""), "{kind}");
        }
    }

    #[test]
    fn a_plugin_is_registered_in_its_list() {
        let text = "pub const A: &[P] = &[\n    a::PLUGIN,\n];\npub const B: &[P] =\n    &[b::PLUGIN];\n";
        assert_eq!(registered(text, "A", "x").unwrap(), text.replace("&[\n", "&[x::PLUGIN, \n"));
        assert_eq!(registered(text, "B", "x").unwrap(), text.replace("[b", "[x::PLUGIN, b"));
        assert_eq!(registered(text, "C", "x"), None);
    }
}
