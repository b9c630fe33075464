//! Steps around a run, and what they are filled with.

use std::time::Duration;

use reseal_core::{PathWords, StepHole, StepPiece};

use super::{Entries, Meaning, names_of, quoted};
use crate::document::Finding;
use crate::names::{did_you_mean, listed};
use crate::plan::{Hooks, JsonPick, StepActionSpec, StepEnvSpec, StepPlace, StepSpec, VarSpec, When};
use crate::step_text::{HoleError, sql, word};
use crate::{digest, raw};

/// How long a step may take, where the plan does not say.
const STEP_LIMIT: Duration = Duration::from_secs(300);

/// A step that others can name.
struct NamedStep {
    name: String,
    place: StepPlace,
}

/// What steps of both kinds have in common.
struct StepParts {
    timeout: Option<String>,
    when: Option<raw::When>,
    scoped: bool,
    name: Option<String>,
    undoes: Vec<String>,
}

impl StepParts {
    fn of(step: &mut raw::Step) -> StepParts {
        let (timeout, when, scoped, name, undoes) = match step {
            raw::Step::Sql(step) => {
                (&mut step.timeout, step.when, step.scoped, &mut step.name, &mut step.undoes)
            }
            raw::Step::Command(step) => {
                (&mut step.timeout, step.when, step.scoped, &mut step.name, &mut step.undoes)
            }
        };
        StepParts { timeout: timeout.take(), when, scoped, name: name.take(), undoes: std::mem::take(undoes) }
    }
}

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
            let message = "a variable name must consist of letters, digits, hyphens and underscores";
            self.findings.push(Finding::new("bad-name", self.named(&path), message));
        }
        let source = self.source(raw, &path)?;
        if source.json == Some(JsonPick::All) {
            self.find("json-entry", &["vars", name, "json"], "a variable needs a single entry, not `*`");
        }
        Some(VarSpec { name: name.into(), source })
    }

    pub(super) fn hooks(&mut self, raw: raw::Hooks, vars: &Entries<VarSpec>) -> Hooks {
        let mut named = Vec::new();
        Hooks {
            before: self.steps(raw.before, "before", vars, &mut named),
            canary: self.steps(raw.canary, "canary", vars, &mut named),
            after: self.steps(raw.after, "after", vars, &mut named),
            on_resume: self.steps(raw.on_resume, "on_resume", vars, &mut named),
            on_stop: self.steps(raw.on_stop, "on_stop", vars, &mut named),
            // Last, so that all others have their names.
            on_failure: self.steps(raw.on_failure, "on_failure", vars, &mut named),
        }
    }

    fn steps(
        &mut self,
        raw: Vec<raw::Step>,
        phase: &'static str,
        vars: &Entries<VarSpec>,
        named: &mut Vec<NamedStep>,
    ) -> Vec<StepSpec> {
        let mut steps = Vec::new();
        for (at, raw) in raw.into_iter().enumerate() {
            let path = ["hooks", phase, &at.to_string()];
            steps.extend(self.step(raw, &path, vars, StepPlace { phase, at }, named));
        }
        steps
    }

    fn step(
        &mut self,
        mut raw: raw::Step,
        path: &[&str; 3],
        vars: &Entries<VarSpec>,
        place: StepPlace,
        named: &mut Vec<NamedStep>,
    ) -> Option<StepSpec> {
        let StepParts { timeout, when, scoped, name, undoes } = StepParts::of(&mut raw);
        let action = match raw {
            raw::Step::Sql(step) => self.sql_step(&step.sql, path, vars),
            raw::Step::Command(step) => self.command_step(step.command, step.env, path, vars),
        };
        let timeout = timeout.and_then(|text| self.duration(&text, &[&path[..], &["timeout"]].concat()));
        let phase = path[1];
        let undoes = self.undone(undoes, path, named);
        if let Some(name) = name {
            self.name_step(name, path, place, named);
        }
        if when.is_some() && phase != "on_failure" {
            let message = format!("`when:` is allowed only in steps of `on_failure`, not of `{phase}`");
            self.find("misplaced", &[&path[..], &["when"]].concat(), message);
        }
        if scoped && phase != "after" {
            let message =
                format!("`scoped:` is allowed only in steps of `after`; steps of `{phase}` always run");
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
            undoes,
            timeout: timeout.unwrap_or(STEP_LIMIT),
            digest: node.map(digest::whole).unwrap_or_default(),
            line: self.line(path),
        })
    }

    /// Notes the name of a step that can be undone.
    fn name_step(&mut self, name: String, path: &[&str; 3], place: StepPlace, named: &mut Vec<NamedStep>) {
        let at = [&path[..], &["name"]].concat();
        if !matches!(place.phase, "before" | "canary" | "after") {
            let message = format!(
                "`name:` is allowed only in steps of `before`, `canary` and `after`, not of `{}`",
                path[1]
            );
            return self.find("misplaced", &at, message);
        }
        if name.trim().is_empty() {
            return self.find("bad-name", &at, "a step name must not be blank");
        }
        if named.iter().any(|other| other.name == name) {
            return self.find("same-name", &at, format!("step name {} is used twice", quoted(&name)));
        }
        named.push(NamedStep { name, place });
    }

    /// The steps that a step of `on_failure` undoes.
    fn undone(&mut self, names: Vec<String>, path: &[&str; 3], named: &[NamedStep]) -> Vec<StepPlace> {
        let at = [&path[..], &["undoes"]].concat();
        if !names.is_empty() && path[1] != "on_failure" {
            let message = format!("`undoes:` is allowed only in steps of `on_failure`, not of `{}`", path[1]);
            self.find("misplaced", &at, message);
            return Vec::new();
        }
        let mut places = Vec::new();
        for (number, name) in names.iter().enumerate() {
            match named.iter().find(|step| step.name == *name) {
                Some(step) => places.push(step.place.clone()),
                None => {
                    let known: Vec<&str> = named.iter().map(|step| step.name.as_str()).collect();
                    let help = did_you_mean(name, &known).unwrap_or_else(|| {
                        "add `name:` to the step of `before`, `canary` or `after`".to_owned()
                    });
                    let number = number.to_string();
                    let at = [&at[..], &[number.as_str()]].concat();
                    self.find_help(
                        "unknown-step",
                        &at,
                        format!("no step is named {}", quoted(name)),
                        Some(help),
                    );
                }
            }
        }
        places
    }

    fn sql_step(&mut self, text: &str, path: &[&str; 3], vars: &Entries<VarSpec>) -> Option<StepActionSpec> {
        let at = [&path[..], &["sql"]].concat();
        if text.trim().is_empty() {
            self.find("empty", &at, "`sql` must not be empty");
            return None;
        }
        let pieces = self.pieces(sql(text), &at, vars)?;
        if self.statement_is_secret(&pieces, &at) {
            return None;
        }
        Some(StepActionSpec::Sql(pieces))
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
        if self.arguments_are_secret(command.iter().map(String::as_str), &at) {
            return None;
        }
        let program = words.first().is_some_and(
            |word| matches!(word.as_slice(), [StepPiece::Text(program)] if !program.trim().is_empty()),
        );
        if !program {
            let message = "a command must start with the name of a program, without holes";
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
            self.variable_is_secret(name, &[&path[..], &["env"]].concat());
        }
        self.programs = true;
        if let Some([StepPiece::Text(program)]) = words.first_mut().map(Vec::as_mut_slice)
            && PathWords::Program.is_path(0, program)
        {
            *program = self.input_path(program, &at).as_str().to_owned();
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
                    [] => "add it to `vars:`".to_owned(),
                    names => format!("`vars:` defines {}", listed(names, "and")),
                });
                self.find_help(
                    "unknown-var",
                    at,
                    format!("variable {} is not defined", quoted(name)),
                    Some(help),
                );
            }
            Err(HoleError::Unknown(name)) => {
                let of_run: Vec<&str> = known.iter().map(String::as_str).collect();
                let all = [&of_run[..], &["vars.NAME"]].concat();
                let help = did_you_mean(&name, &of_run)
                    .unwrap_or_else(|| format!("valid holes are {}", listed(&all, "and")));
                let message = format!("unknown hole {}", quoted(&format!("{{{name}}}")));
                self.find_help("unknown-hole", at, message, Some(help));
            }
            Err(HoleError::Quoted(name)) => {
                let hole = quoted(&format!("{{{name}}}"));
                let message = format!("{hole} is inside quotes, where a parameter cannot be bound");
                let help = "remove the quotes; the hole becomes a bound parameter";
                self.find_help("quoted-hole", at, message, Some(help.into()));
            }
        }
        None
    }
}
