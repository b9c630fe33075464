//! Steps around a run, and what they are filled with.

use std::time::Duration;

use reseal_core::{StepHole, StepPiece};

use super::{Entries, Meaning, names_of, quoted};
use crate::document::Finding;
use crate::names::{did_you_mean, listed};
use crate::plan::{Hooks, JsonPick, StepActionSpec, StepEnvSpec, StepSpec, VarSpec, When};
use crate::step_text::{HoleError, sql, word};
use crate::{digest, raw};

/// How long a step may take, where the plan does not say.
const STEP_LIMIT: Duration = Duration::from_secs(300);

impl Meaning<'_> {
    pub(super) fn vars(&mut self, raw: raw::Named<raw::Source>) -> Entries<VarSpec> {
        let vars = raw.0.into_iter();
        vars.map(|(name, raw)| {
            let var = raw.and_then(|raw| self.var(&name, raw));
            (name, var)
        })
        .collect()
    }

    fn var(&mut self, name: &str, raw: raw::Source) -> Option<VarSpec> {
        let path = ["vars", name];
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
        if name.is_empty() || !name.chars().all(fits) {
            let message = "a variable's name is letters, digits, hyphens and underscores";
            self.findings.push(Finding::new("bad-name", self.named(&path), message));
        }
        let source = self.source(raw, &path)?;
        if source.json == Some(JsonPick::All) {
            self.find("json-entry", &["vars", name, "json"], "a variable is one entry, not all");
        }
        Some(VarSpec { name: name.into(), source })
    }

    pub(super) fn hooks(&mut self, raw: raw::Hooks, vars: &Entries<VarSpec>) -> Hooks {
        Hooks {
            before: self.steps(raw.before, "before", vars),
            canary: self.steps(raw.canary, "canary", vars),
            after: self.steps(raw.after, "after", vars),
            on_stop: self.steps(raw.on_stop, "on_stop", vars),
            on_failure: self.steps(raw.on_failure, "on_failure", vars),
        }
    }

    fn steps(&mut self, raw: Vec<raw::Step>, phase: &str, vars: &Entries<VarSpec>) -> Vec<StepSpec> {
        let steps = raw.into_iter().enumerate();
        steps.filter_map(|(at, raw)| self.step(raw, &["hooks", phase, &at.to_string()], vars)).collect()
    }

    fn step(&mut self, raw: raw::Step, path: &[&str; 3], vars: &Entries<VarSpec>) -> Option<StepSpec> {
        let (action, timeout, when, scoped) = match raw {
            raw::Step::Sql(step) => {
                (self.sql_step(&step.sql, path, vars), step.timeout, step.when, step.scoped)
            }
            raw::Step::Command(step) => {
                (self.command_step(step.command, step.env, path, vars), step.timeout, step.when, step.scoped)
            }
        };
        let timeout = timeout.and_then(|text| self.duration(&text, &[&path[..], &["timeout"]].concat()));
        let phase = path[1];
        if when.is_some() && phase != "on_failure" {
            let message = format!("`when:` tells steps of `on_failure` apart; `{phase}` has one case only");
            self.find("misplaced", &[&path[..], &["when"]].concat(), message);
        }
        if scoped && phase != "after" {
            let message = format!("`scoped:` is for steps of `after`; those of `{phase}` always run");
            self.find("misplaced", &[&path[..], &["scoped"]].concat(), message);
        }
        let node = self.root.get("hooks").and_then(|hooks| hooks.get(phase));
        let node = node.and_then(|steps| steps.items().get(path[2].parse::<usize>().ok()?));
        Some(StepSpec {
            action: action?,
            when: when.map(|when| match when {
                raw::When::Failed => When::Failed,
                raw::When::RolledBack => When::RolledBack,
            }),
            scoped,
            timeout: timeout.unwrap_or(STEP_LIMIT),
            digest: node.map(digest::whole).unwrap_or_default(),
            line: self.line(path),
        })
    }

    fn sql_step(&mut self, text: &str, path: &[&str; 3], vars: &Entries<VarSpec>) -> Option<StepActionSpec> {
        let at = [&path[..], &["sql"]].concat();
        if text.trim().is_empty() {
            self.find("empty", &at, "a step without a statement");
            return None;
        }
        self.pieces(sql(text), &at, vars).map(StepActionSpec::Sql)
    }

    fn command_step(
        &mut self,
        command: Vec<String>,
        env: Option<raw::StepEnv>,
        path: &[&str; 3],
        vars: &Entries<VarSpec>,
    ) -> Option<StepActionSpec> {
        let at = [&path[..], &["command"]].concat();
        let mut words = Vec::new();
        for text in &command {
            words.push(self.pieces(word(text), &at, vars)?);
        }
        let program = words.first().is_some_and(
            |word| matches!(word.as_slice(), [StepPiece::Text(program)] if !program.trim().is_empty()),
        );
        if !program {
            let message = "a command begins with the program's name, which has no holes";
            self.find("no-program", &at, message);
            return None;
        }
        let env = match env {
            None => Vec::new(),
            Some(raw::StepEnv::Pass(names)) => names.into_iter().map(StepEnvSpec::Pass).collect(),
            Some(raw::StepEnv::Set(set)) => {
                let mut env = Vec::new();
                for (name, source) in set.0 {
                    let at = [&path[..], &["env", &name]].concat();
                    env.push(StepEnvSpec::Set(name.clone(), self.source(source?, &at)?));
                }
                env
            }
        };
        for name in env.iter().map(|env| match env {
            StepEnvSpec::Pass(name) | StepEnvSpec::Set(name, _) => name,
        }) {
            if name.is_empty() || name.contains(['=', '\0']) {
                let message = "this is no name of an environment variable";
                self.find("bad-name", &[&path[..], &["env"]].concat(), message);
            }
        }
        Some(StepActionSpec::Command { words, env })
    }

    /// The pieces of a step's text, with mistakes in its holes reported.
    fn pieces(
        &mut self,
        found: Result<Vec<StepPiece>, HoleError>,
        at: &[&str],
        vars: &Entries<VarSpec>,
    ) -> Option<Vec<StepPiece>> {
        let names = names_of(vars);
        let known = StepHole::OF_RUN.map(|hole| hole.to_string());
        match found {
            Ok(pieces) => {
                // Of variables whose form is broken nobody knows whether they name what seems to be missing.
                let all_known = !vars.is_empty() || self.root.get("vars").is_none();
                let missing = pieces.iter().find_map(|piece| match piece {
                    StepPiece::Hole(StepHole::Var(name)) => {
                        (all_known && !names.contains(&name.as_str())).then_some(name)
                    }
                    _ => None,
                });
                let Some(name) = missing else { return Some(pieces) };
                let help = did_you_mean(name, &names).unwrap_or_else(|| match names.as_slice() {
                    [] => "name it under `vars:`".to_owned(),
                    names => format!("`vars:` has {}", listed(names, "and")),
                });
                self.find_help(
                    "unknown-var",
                    at,
                    format!("there is no variable {}", quoted(name)),
                    Some(help),
                );
            }
            Err(HoleError::Unknown(name)) => {
                let of_run: Vec<&str> = known.iter().map(String::as_str).collect();
                let all = [&of_run[..], &["vars.NAME"]].concat();
                let help = did_you_mean(&name, &of_run)
                    .unwrap_or_else(|| format!("holes are {}", listed(&all, "and")));
                let message = format!("no run fills a hole {}", quoted(&format!("{{{name}}}")));
                self.find_help("unknown-hole", at, message, Some(help));
            }
            Err(HoleError::Quoted(name)) => {
                let hole = quoted(&format!("{{{name}}}"));
                let message = format!("{hole} stands in a quoted text, where it cannot be bound");
                let help = "write it without quotes; it becomes a parameter, never a part of the text";
                self.find_help("quoted-hole", at, message, Some(help.into()));
            }
        }
        None
    }
}
