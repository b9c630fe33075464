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
    Watch::Test { package: "reseal-tests", target: &["--test", "e2e"], test }
}

const fn unit(package: &'static str, test: &'static str) -> Watch {
    Watch::Test { package, target: &["--lib"], test }
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
];
