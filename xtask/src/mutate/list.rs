//! The mutations: one edit each, and what must notice it.

/// One edit that takes a guard away.
pub(super) struct Mutation {
    pub(super) name: &'static str,
    /// What is taken away, as tests/README.md says it.
    pub(super) guard: &'static str,
    pub(super) file: &'static str,
    /// Stands once in the file.
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    /// All of them must fail.
    pub(super) watched_by: &'static [Watch],
}

/// What must fail.
pub(super) enum Watch {
    /// A test, by its whole name; the target as cargo is told it.
    Test { package: &'static str, target: &'static [&'static str], test: &'static str },
    /// Writers and faults: such a violation, by the word that the suite has for it.
    Chaos { store: &'static str, violation: &'static str },
}

/// Ten thousand schedules of the engine on SQLite in memory.
const SCHEDULES: Watch = Watch::Test {
    package: "reseal-engine",
    target: &["--test", "engine"],
    test: "schedules::no_schedule_of_faults_loses_a_cell_or_claims_too_much",
};

const fn end_to_end(test: &'static str) -> Watch {
    in_target("reseal-tests", &["--test", "e2e"], test)
}

const fn in_target(package: &'static str, target: &'static [&'static str], test: &'static str) -> Watch {
    Watch::Test { package, target, test }
}

const fn unit(package: &'static str, test: &'static str) -> Watch {
    in_target(package, &["--lib"], test)
}

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "guarded-epoch",
        guard: "A guarded transaction checks that the run's epoch is its own",
        file: "crates/reseal-store/src/ledger/guarded.rs",
        from: "if self.epoch_in_transaction(lease.run_id()).await? != Some(lease.epoch()) {",
        to: "if self.epoch_in_transaction(lease.run_id()).await?.is_none() {",
        watched_by: &[SCHEDULES],
    },
    Mutation {
        name: "shard-epoch",
        guard: "A shard moves on only under the epoch that it carries",
        file: "crates/reseal-store/src/ledger/shard.rs",
        from: ".and_where(Expr::col(\"number\").eq(advance.number))
            .and_where(Expr::col(\"epoch\").eq(lease.epoch()));",
        to: ".and_where(Expr::col(\"number\").eq(advance.number));",
        watched_by: &[SCHEDULES],
    },
    Mutation {
        name: "sweep-skipped",
        guard: "A round ends with a sweep of all tables",
        file: "crates/reseal-engine/src/run/mod.rs",
        from: "let swept = sweep_all(shared, session, targets).await?;",
        to: "let swept = match std::env::var_os(\"PATH\") {
            Some(_) => Swept::default(),
            None => sweep_all(shared, session, targets).await?,
        };",
        watched_by: &[SCHEDULES, end_to_end("promises::an_old_cell_behind_the_cursor_is_found")],
    },
    Mutation {
        name: "checkpoint-ahead",
        guard: "The checkpoint commits with the swaps, and not before them",
        file: "crates/reseal-engine/src/commit/writer.rs",
        from: "let Batch { chunk, counts, broken, stood, .. } = batch;",
        to: "let mut ahead = self.session.guarded_by_shard(self.lease).await.map_err(halt)?;
        ahead.advance(&closing.advance(self.shard, Counts::default())).await.map_err(halt)?;
        ahead.commit().await.map_err(halt)?;
        self.batches += 1;
        let Batch { chunk, counts, broken, stood, .. } = batch;",
        watched_by: &[SCHEDULES],
    },
    Mutation {
        name: "compare-and-set-sqlite",
        guard: "SQLite swaps a cell only where the old one still stands",
        file: "crates/reseal-store/src/sqlite/swap.rs",
        from: "for column in shape.cells.iter().chain(&shape.context) {",
        to: "for column in shape.cells.iter().chain(&shape.context).take(0) {",
        watched_by: &[SCHEDULES, Watch::Chaos { store: "sqlite", violation: "changed" }],
    },
    Mutation {
        name: "compare-and-set-postgres",
        guard: "PostgreSQL swaps a row only in the version that was read",
        file: "crates/reseal-store/src/postgres/swap.rs",
        from: "format!(\"{}.xmin {EQUALS} {NEW}.{name}\", quote(&shape.table.name))",
        to: "format!(\"({}.xmin {EQUALS} {NEW}.{name} OR TRUE)\", quote(&shape.table.name))",
        watched_by: &[Watch::Chaos { store: "postgres", violation: "changed" }],
    },
    Mutation {
        name: "compare-and-set-mariadb",
        guard: "MariaDB swaps a cell only where the old one still stands",
        file: "crates/reseal-store/src/mysql/swap.rs",
        from: "format!(\"{} <=> reseal_swap.reseal_o{at}\", bytes_of(&table, column))",
        to: "format!(\"({} <=> reseal_swap.reseal_o{at} OR TRUE)\", bytes_of(&table, column))",
        watched_by: &[Watch::Chaos { store: "mysql", violation: "changed" }],
    },
    Mutation {
        name: "compare-here-mariadb",
        guard: "Where a row may hold plaintext, MariaDB's is locked and compared before it is written",
        file: "crates/reseal-store/src/read_back.rs",
        from: "is_some_and(|image| stood(swap, &image.row))",
        to: "is_some_and(|image| stood(swap, &image.row) || !swap.new.is_empty())",
        watched_by: &[end_to_end("promises::live_writers_lose_nothing_of_a_first_encryption")],
    },
    Mutation {
        name: "reopen-dropped",
        guard: "A new cell is opened again before it is written",
        file: "crates/reseal-engine/src/batch/plan.rs",
        from: "reopens.then_some(new)",
        to: "(reopens || primary.id() == key.id()).then_some(new)",
        watched_by: &[unit(
            "reseal-engine",
            "batch::tests::a_cell_that_does_not_reopen_is_not_written_with_its_row",
        )],
    },
    Mutation {
        name: "undo-not-kept",
        guard: "Old cells are kept with the swap that replaces them",
        file: "crates/reseal-engine/src/commit/rows.rs",
        from: "self.keep(guarded, &held).await?;",
        to: "self.keep(guarded, &vec![false; held.len()]).await?;",
        watched_by: &[end_to_end("promises::rows_that_others_touch_meanwhile_go_back_exactly")],
    },
    Mutation {
        name: "broken-is-complete",
        guard: "What cannot be opened keeps a run from being complete",
        file: "crates/reseal-engine/src/run/mod.rs",
        from: "if swept.old == 0 && swept.broken == 0 {",
        to: "if swept.old == 0 {",
        watched_by: &[end_to_end("promises::a_broken_cell_stays_as_it_is_and_is_listed")],
    },
    Mutation {
        name: "row-security-on",
        guard: "PostgreSQL errs where a policy would hide rows",
        file: "crates/reseal-store/src/postgres/line.rs",
        from: "SET row_security = off; ",
        to: "",
        watched_by: &[
            end_to_end("promises::rows_that_a_policy_hides_are_not_left_behind"),
            end_to_end("bad_input::privileges_that_are_missing_are_named"),
        ],
    },
    Mutation {
        name: "pins-ignored",
        guard: "Other bytes under a known key id are refused",
        file: "crates/reseal-engine/src/job/pins.rs",
        from: "if pin.key_id == key.id() && !same {",
        to: "if pin.key_id == key.id() && !same && pin.key_id.is_empty() {",
        watched_by: &[end_to_end("brought::labels_that_are_roles_move_from_key_to_key")],
    },
    Mutation {
        name: "guard-left-out",
        guard: "With `guard:`, the database refuses old cells once the run is complete",
        file: "crates/reseal-engine/src/run/mod.rs",
        from: "if !run.whole || guarded || guard::put_up(",
        to: "if !run.whole || guarded || swept.old == 0 || guard::put_up(",
        watched_by: &[end_to_end("promises::a_guard_refuses_old_keys_until_rolled_back")],
    },
    Mutation {
        name: "lease-ignored",
        guard: "A run whose holder lives and has its lease is left to it",
        file: "crates/reseal-engine/src/run/lease.rs",
        from: "run.lease_left_ms > 0 && !is_dead(&run.holder)",
        to: "run.lease_left_ms > LEASE_MS && !is_dead(&run.holder)",
        watched_by: &[end_to_end("promises::a_second_run_names_the_holder")],
    },
    Mutation {
        name: "breaker-open",
        guard: "Cell after cell that opens under no key stops the run",
        file: "crates/reseal-engine/src/rotate/breaker.rs",
        from: ">= BREAKER {",
        to: ">= BREAKER + (1 << 40) {",
        watched_by: &[end_to_end("bad_input::cell_after_cell_that_does_not_open_stops_the_run")],
    },
    Mutation {
        name: "files-of-others",
        guard: "A file that others can write is not trusted",
        file: "crates/reseal-files/src/lib.rs",
        from: "const WRITABLE_BY_OTHERS: u32 = 0o022;",
        to: "const WRITABLE_BY_OTHERS: u32 = 0;",
        watched_by: &[
            unit("reseal-files", "tests::what_others_can_write_or_replace_is_refused"),
            end_to_end("trusted_files::a_plan_that_starts_programs_is_nobody_elses_to_write"),
            end_to_end("trusted_files::an_audit_key_is_nobody_elses_to_write"),
        ],
    },
    Mutation {
        name: "folders-of-others",
        guard: "Nor is one in a folder that others can write",
        file: "crates/reseal-files/src/way.rs",
        from: "if metadata.is_dir() && mode & WRITABLE_BY_OTHERS != 0 &&",
        to: "if metadata.is_file() && mode & WRITABLE_BY_OTHERS != 0 &&",
        watched_by: &[
            unit("reseal-files", "tests::what_others_can_write_or_replace_is_refused"),
            end_to_end("trusted_files::a_control_database_is_nobody_elses_to_write"),
        ],
    },
    Mutation {
        name: "read-to-the-end",
        guard: "Of a file that is too large no more is read than is allowed",
        file: "crates/reseal-files/src/lib.rs",
        from: ".take(most + 1)",
        to: ".take(u64::MAX)",
        watched_by: &[unit("reseal-files", "tests::no_more_is_read_than_is_allowed")],
    },
    Mutation {
        name: "paths-of-the-caller",
        guard: "A path in a plan is relative to the plan's folder",
        file: "crates/reseal-plan/src/meaning/paths.rs",
        from: "let path = PlanPath::new(self.folder, written);",
        to: "let path = PlanPath::new(\"\", written);",
        watched_by: &[
            in_target("reseal-registry", &["--test", "paths"], "every_path_lies_beside_the_plan"),
            end_to_end("paths::a_plan_is_the_same_from_every_folder"),
        ],
    },
    Mutation {
        name: "programs-unseen",
        guard: "A plan that starts programs is one that others must not write",
        file: "crates/reseal-plan/src/meaning/paths.rs",
        from: "self.programs |= paths == PathWords::Program;",
        to: "self.programs |= paths == PathWords::Program && self.programs;",
        watched_by: &[
            in_target("reseal-registry", &["--test", "paths"], "whoever_starts_programs_is_told"),
            end_to_end("trusted_files::a_plan_that_starts_programs_is_nobody_elses_to_write"),
        ],
    },
    Mutation {
        name: "secret-as-an-argument",
        guard: "A secret among the arguments of a program is refused",
        file: "crates/reseal-plan/src/secret.rs",
        from: "if (named && is_given) || assigned || has_bearer(word) || looks_secret_argument(word) {",
        to: "if has_bearer(word) {",
        watched_by: &[
            unit("reseal-plan", "secret::tests::arguments_that_are_secrets_are_found"),
            end_to_end("written_out::a_secret_in_a_plan_is_refused_and_never_repeated"),
        ],
    },
    Mutation {
        name: "identity-repeated",
        guard: "An identity on the command line is not repeated",
        file: "crates/reseal-cli/src/exit.rs",
        from: "true => format!(\"***{}\", &piece[word.len()..]),",
        to: "true => piece.to_owned(),",
        watched_by: &[end_to_end("written_out::a_secret_on_the_command_line_is_not_repeated")],
    },
    Mutation {
        name: "typed-key-hashed-fast",
        guard: "A key that may have been typed has a slow fingerprint",
        file: "crates/reseal-core/src/key.rs",
        from: "None => is_guessable(self.source_bytes()),",
        to: "None => is_guessable(self.source_bytes()) && self.source_bytes().len() < 8,",
        watched_by: &[
            unit("reseal-engine", "job::fingerprint::tests::what_may_have_been_typed_is_hashed_slowly"),
            end_to_end("typed_keys::no_fast_hash_is_kept_of_what_may_have_been_typed"),
        ],
    },
    Mutation {
        name: "derivations-at-once",
        guard: "Slow fingerprints are made one at a time",
        file: "crates/reseal-engine/src/job/fingerprint.rs",
        from: "let _held = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);",
        to: "let _held = ONE_AT_A_TIME.try_lock();",
        watched_by: &[unit("reseal-engine", "job::fingerprint::tests::one_derivation_is_made_at_a_time")],
    },
    Mutation {
        name: "weak-primary",
        guard: "A weak new primary is refused",
        file: "crates/reseal-engine/src/preflight/weak_keys.rs",
        from: "false => Finding::refusal(\"weak-key\", why, help),",
        to: "false => Finding::warning(\"weak-key\", why, help),",
        watched_by: &[
            end_to_end("typed_keys::a_weak_new_primary_is_refused_until_it_is_accepted"),
            end_to_end("typed_keys::too_few_rounds_of_a_seal_are_refused_until_they_are_accepted"),
        ],
    },
    Mutation {
        name: "mdc-not-gained",
        guard: "A seal that wants an MDC gives cells one",
        file: "plugins/format-pgcrypto/src/format.rs",
        from: "recipe.mdc = self.mdc.unwrap_or(recipe.mdc);",
        to: "recipe.mdc = recipe.mdc && self.mdc != Some(false);",
        watched_by: &[end_to_end("formats::messages_without_mdc_are_named_and_gain_one")],
    },
    Mutation {
        name: "memory-open",
        guard: "Other processes of the user cannot read keys in memory",
        file: "crates/reseal-cli/src/memory.rs",
        from: "DumpableBehavior::NotDumpable",
        to: "DumpableBehavior::Dumpable",
        watched_by: &[end_to_end("written_out::a_process_with_keys_is_closed_to_others_of_its_user")],
    },
    Mutation {
        name: "locked-below-a-limit",
        guard: "Memory is locked only where no limit applies",
        file: "crates/reseal-cli/src/memory.rs",
        from: "(self.capable && is_initial)",
        to: "self.capable",
        watched_by: &[in_target("reseal-cli", &["--bins"], "memory::tests::nothing_is_locked_below_a_limit")],
    },
    Mutation {
        name: "terminal-acts",
        guard: "Names do nothing to a terminal",
        file: "crates/reseal-cli/src/output.rs",
        from: "    c.is_control()\n        || matches!",
        to: "    c.is_control() && c == '\\n'\n        || matches!",
        watched_by: &[
            end_to_end("written_out::names_do_nothing_to_a_terminal_and_leave_json_as_it_is"),
            end_to_end("written_out::nothing_that_is_printed_does_anything_to_a_terminal"),
        ],
    },
];
