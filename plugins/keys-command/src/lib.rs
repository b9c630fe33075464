//! Secrets that a program prints: any secrets manager's own client.

mod program;

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use reseal_core::{
    KeySource, KeySourceError, KeySourcePlugin, Material, OptionError, PathWords, SecretBytes, SourceArgs,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::time::timeout;
use zeroize::Zeroizing;

pub use program::{ALWAYS_PASSED, CommandLine, Started, not_started, start};

/// The plugin.
pub const PLUGIN: KeySourcePlugin = KeySourcePlugin {
    name: "command",
    summary: "The output of a program, such as the client of a secrets manager.",
    paths: PathWords::Program,
    build,
};

/// Room for a map of many keys.
const MAX_BYTES: usize = 1024 * 1024;

const TIME_LIMIT: Duration = Duration::from_secs(30);

fn build(args: &SourceArgs) -> Result<Box<dyn KeySource>, OptionError> {
    let help = || Some("for example { command: [vault, kv, get, -field=key, secret/phi] }".to_owned());
    match args.words.as_slice() {
        // No shell takes it apart, and what stands behind the program's name may be a secret.
        [line] if line.contains(char::is_whitespace) => Err(OptionError {
            option: None,
            message: "a command must be a list with one item per argument, not one text with spaces".into(),
            help: help(),
        }),
        [program, ..] if !program.is_empty() && !args.words.iter().any(|word| word.contains('\0')) => {
            Ok(Box::new(Program { args: args.clone(), time_limit: TIME_LIMIT }))
        }
        _ => Err(OptionError {
            option: None,
            message: "`command` requires a program and its arguments".into(),
            help: help(),
        }),
    }
}

struct Program {
    args: SourceArgs,
    time_limit: Duration,
}

#[async_trait]
impl KeySource for Program {
    async fn read(&self) -> Result<Material, KeySourceError> {
        let mut started = self.start()?;
        // Dropping it kills it, so that no way out of here leaves one behind.
        let (status, bytes) = match timeout(self.time_limit, output_of(&mut started.child)).await {
            Ok(output) => output.map_err(|_| self.wrong("could not be read", "run the command again"))?,
            Err(_) => {
                let seconds = self.time_limit.as_secs();
                let what = format!("did not finish within {seconds} s and was killed");
                return Err(self.wrong(&what, "run it yourself to see what it waits for; it gets no input"));
            }
        };
        if bytes.expose().len() > MAX_BYTES {
            return Err(self.wrong("printed more than 1 MiB", "make it print only the key"));
        }
        started.is_over();
        if !status.success() {
            // What it wrote to stderr might hold the secret.
            return Err(self.wrong(&format!("failed ({status})"), "run it yourself to see its error"));
        }
        if bytes.expose().is_empty() {
            return Err(self.wrong("printed nothing", "make it print the key on stdout"));
        }
        Ok(Material { bytes, warnings: vec![] })
    }
}

impl Program {
    fn start(&self) -> Result<Started, KeySourceError> {
        let passed = self.args.pass_env.iter();
        let words = CommandLine { words: &self.args.words, folder: &self.args.folder };
        let env = passed.filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect();
        start(words, env, Stdio::null()).map_err(|error| {
            let (what, help) = not_started(&error);
            self.wrong(what, help)
        })
    }

    /// Names the program alone: an argument may be more than an operator wants in a log.
    fn wrong(&self, what: &str, help: &str) -> KeySourceError {
        let program = self.args.words[0].split_whitespace().next().unwrap_or_default();
        KeySourceError { message: format!("the command `{program}` {what}"), help: help.into() }
    }
}

/// What the child printed, one byte more than allowed at most, and how it ended.
async fn output_of(child: &mut Child) -> io::Result<(ExitStatus, SecretBytes)> {
    let bytes = match child.stdout.take() {
        Some(stdout) => read(stdout).await?,
        None => SecretBytes::new(vec![]),
    };
    if bytes.expose().len() > MAX_BYTES {
        child.start_kill()?;
    }
    Ok((child.wait().await?, bytes))
}

async fn read(from: impl AsyncRead + Unpin) -> io::Result<SecretBytes> {
    // Room for all that may be read: a buffer that grows would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    from.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).await?;
    Ok(SecretBytes::from(bytes))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    async fn run(words: &[&str], pass_env: &[&str]) -> Result<Material, KeySourceError> {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        (PLUGIN.build)(&SourceArgs {
            words: owned(words),
            pass_env: owned(pass_env),
            ..SourceArgs::default()
        })
        .unwrap()
        .read()
        .await
    }

    fn shown(read: Result<Material, KeySourceError>) -> String {
        match read {
            Ok(material) => String::from_utf8(material.bytes.expose().to_vec()).unwrap(),
            Err(error) => error.message,
        }
    }

    #[tokio::test]
    async fn what_it_prints_is_read_as_it_is() {
        assert_eq!(shown(run(&["printf", " a\\n"], &[]).await), " a\n");
    }

    #[tokio::test]
    async fn no_shell_reads_the_arguments() {
        assert_eq!(shown(run(&["echo", "$HOME; *"], &[]).await), "$HOME; *\n");
    }

    #[tokio::test]
    async fn it_sees_what_the_plan_names_and_nothing_else() {
        // Cargo sets CARGO_PKG_NAME and CARGO_MANIFEST_DIR for the tests that it runs.
        let seen = shown(run(&["env"], &["CARGO_PKG_NAME", "RESEAL_NO_SUCH_VARIABLE"]).await);
        let names: Vec<_> = seen.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        assert!(names.contains(&"PATH") && names.contains(&"CARGO_PKG_NAME"), "{names:?}");
        assert!(
            names.iter().all(|name| ["PATH", "HOME", "LANG", "CARGO_PKG_NAME"].contains(name)),
            "{names:?}"
        );
    }

    #[tokio::test]
    async fn failures_name_the_program_and_show_no_output() {
        let fail = ["sh", "-c", "echo SECRET; echo SECRET >&2; exit 3"];
        let error = run(&fail, &[]).await.unwrap_err();
        assert_eq!(error.message, "the command `sh` failed (exit status: 3)");
        assert!(!error.help.contains("SECRET"));
        assert_eq!(shown(run(&["true"], &[]).await), "the command `true` printed nothing");
        assert_eq!(shown(run(&["/no/such"], &[]).await), "the command `/no/such` was not found");
        assert_eq!(
            shown(run(&["/etc/passwd"], &[]).await),
            "the command `/etc/passwd` cannot be executed by this user"
        );
        assert!(shown(run(&["sh", "-c", "kill -9 $$"], &[]).await).contains("signal: 9"));
    }

    #[tokio::test]
    async fn endless_output_is_cut_off() {
        assert_eq!(shown(run(&["yes"], &[]).await), "the command `yes` printed more than 1 MiB");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let survived = folder.path().join("survived");
        let script = format!("(sleep 0.5; touch '{}') & wait", survived.display());
        let args = SourceArgs { words: vec!["sh".into(), "-c".into(), script], ..SourceArgs::default() };
        let program = Program { args, time_limit: Duration::from_millis(100) };
        assert!(shown(program.read().await).contains("was killed"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!survived.exists());
    }

    #[test]
    fn a_line_for_a_shell_is_refused_and_not_shown() {
        let build = |words: &[&str]| {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            (PLUGIN.build)(&SourceArgs { words, ..SourceArgs::default() })
        };
        for line in ["vault get -token=hunter2", "vault\thunter2", " vault"] {
            let error = build(&[line]).err().unwrap();
            assert!(
                error.message.contains("list") && !error.message.contains("hunter2"),
                "{}",
                error.message
            );
        }
        assert!(build(&["vault", "a b"]).is_ok());
    }

    #[test]
    fn a_program_must_be_named() {
        for words in [vec![], vec![String::new()], vec!["a".to_owned(), "\0".to_owned()]] {
            assert!((PLUGIN.build)(&SourceArgs { words, ..SourceArgs::default() }).is_err());
        }
    }
}
