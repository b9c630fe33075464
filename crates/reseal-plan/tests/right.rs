//! Plans without a mistake, and what becomes of them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use common::VOCABULARY;
use reseal_core::{Digest, Kdf, NoticeKind, OptionValue, Part, StepHole, StepPiece, Template};
use reseal_plan::{
    Action, Application, Approvals, BackupProof, Batch, Database, DiskProof, Encoding, EnvelopeSpec, Guard,
    JsonPick, Keep, KeyIdSpec, KeyOfRow, KeysPlace, Misfire, Move, Overlap, Period, Plan, PlanFile, Policy,
    PrimarySpec, Proof, Recipients, RunWindow, StepActionSpec, StepEnvSpec, StepPlace, Throttle, Undo,
    Validator, When, parse, schema,
};

const FIRST: &str = include_str!("right/first.yaml");

fn plan(text: &str) -> Plan {
    parse(PlanFile::named("plan.yaml"), text, &VOCABULARY).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn every_right_plan_is_taken() {
    let refused: Vec<String> = common::plans("right")
        .into_iter()
        .filter_map(|(path, text)| {
            parse(PlanFile::named(&path.file_name()?.to_string_lossy()), &text, &VOCABULARY).err()
        })
        .map(|problems| problems.to_string())
        .collect();
    assert!(refused.is_empty(), "{}", refused.join("\n"));
}

#[test]
fn plaintext_is_allowed_where_the_plan_says_so() {
    let with =
        |more: &str| FIRST.replacen("{ env: DATABASE_URL }", &format!("{{ env: DATABASE_URL{more} }}"), 1);
    assert!(!plan(&with("")).allows_plaintext);
    assert!(plan(&with(", tls: off")).allows_plaintext);
    for wrong in [", tls: on", ", tls: false", ", tsl: off"] {
        let problems =
            parse(PlanFile::named("plan.yaml"), &with(wrong), &VOCABULARY).unwrap_err().to_string();
        assert!(problems.contains("tls") || problems.contains("tsl"), "{problems}");
    }
}

#[test]
fn keys_become_types() {
    let plan = plan(include_str!("right/everything.yaml"));
    assert_eq!(plan.database, Database::Url("postgres://reseal@db.internal:5432/clinic".into()));
    let [phi, legacy] = plan.keysets.as_slice() else { panic!("two keysets") };
    assert!(matches!(&phi.primary, PrimarySpec::Source(source) if source.kind == "file"));
    let [primary, old] = phi.keys.as_slice() else { panic!("two keys") };
    assert_eq!((&primary.id, primary.tag.as_deref()), (&KeyIdSpec::Primary, Some("now")));
    assert_eq!(primary.source.args_for("v7").words, ["/run/secrets/v7.key"]);
    assert_eq!(old.source.json, Some(JsonPick::Entry("old".into())));
    assert_eq!(old.source.encoding, Encoding::Base64Url);
    let template = |text| Template::parse(text).unwrap();
    let hkdf =
        Kdf::Hkdf { digest: Digest::Sha384, salt: template(""), info: template("for {key}"), length: 32 };
    assert_eq!(old.kdf, Some(hkdf));
    let KeysPlace::Map(map) = &phi.keys_from[0].place else { panic!("a map of keys") };
    assert_eq!(map.args.words, ["vault", "kv", "get", "phi"]);
    assert_eq!(map.args.pass_env, ["VAULT_ADDR", "VAULT_TOKEN"]);
    let directory = KeysPlace::Directory { path: "/run/secrets/phi".into(), encoding: Encoding::Raw };
    assert_eq!(phi.keys_from[1].place, directory);
    let KeysPlace::Query { key, .. } = &phi.keys_from[2].place else { panic!("a query") };
    assert_eq!(key, &KeyOfRow::Column { name: "secret".into(), encoding: Encoding::Base64 });
    let KeysPlace::Query { key: KeyOfRow::Source(source), .. } = &phi.keys_from[3].place else {
        panic!("a query with a source")
    };
    assert_eq!((source.kind.as_str(), source.args.words[0].as_str()), ("file", "/run/secrets/{arn}"));
    assert_eq!((&legacy.primary, legacy.roles), (&PrimarySpec::None, true));
    assert_eq!(legacy.keys[1].source.args.words, ["LEGACY_B"], "a merge key fills in the rest");
    assert_eq!(legacy.keys[1].kdf, legacy.keys[0].kdf);
}

#[test]
fn seals_and_tables_become_types() {
    let plan = plan(include_str!("right/everything.yaml"));
    let names: Vec<&str> = plan.seals.iter().map(|seal| seal.name.as_str()).collect();
    assert_eq!(
        names,
        ["phi", "parts", "cbc", "token", "plaintext"],
        "the plain seal joins where it is named"
    );
    assert_eq!(plan.seals[0].options.0.get("key_bits"), Some(&OptionValue::Integer(256)));
    assert!(plan.seals[2].validator.as_ref().is_some_and(|v| v.accepts(b"12-3") && !v.accepts(b"x")));
    let [clients, notes, odd] = plan.tables.as_slice() else { panic!("three tables") };
    assert_eq!(clients.row_key, ["tenant_id", "id"]);
    let from: Vec<&str> = plan.seals_of(&clients.fields[0]).map(|seal| seal.name.as_str()).collect();
    assert_eq!(from, ["phi", "token", "plaintext"]);
    assert_eq!(clients.fields[0].columns, [(Part::Ciphertext, "name".to_owned())]);
    assert_eq!(clients.fields[0].parts(clients), []);
    assert_eq!((notes.schema.as_deref(), notes.name.as_str()), (Some("archive"), "notes"));
    assert_eq!(notes.fields[0].parts(notes), [Part::Ciphertext, Part::Nonce, Part::Tag, Part::Key]);
    assert_eq!((odd.schema.as_deref(), odd.name.as_str(), odd.label.as_str()), (Some("a.b"), "c.d", "odd"));
    assert_eq!(plan.ignore[1].schema.as_deref(), Some("archive"));
    assert_eq!(plan.keyset_of(&plan.seals[2]).map(|keyset| keyset.name.as_str()), Some("legacy"));
    assert_eq!((clients.line, clients.fields[1].line), (38, 45));
    assert!(plan.unsupported().is_empty());
}

#[test]
fn hooks_and_vars_become_types() {
    let plan = plan(include_str!("right/everything.yaml"));
    let text = |text: &str| StepPiece::Text(text.to_owned());
    let hooks = &plan.hooks;
    assert!(matches!(&hooks.before[0].action, StepActionSpec::Sql(pieces) if pieces.len() == 1));
    assert_eq!(hooks.before[0].timeout, Duration::from_secs(300));
    let StepActionSpec::Command { words, env } = &hooks.before[1].action else { panic!("a command") };
    let var = StepPiece::Hole(StepHole::Var("key_id".into()));
    assert_eq!(words[1], [StepPiece::Hole(StepHole::RunId), text("/"), var]);
    assert_eq!((&words[2], env), (&vec![text("{print $1}")], &vec![StepEnvSpec::Pass("PAGER_URL".into())]));
    assert_eq!(hooks.before[1].timeout, Duration::from_secs(60));
    let StepActionSpec::Command { env, .. } = &hooks.canary[0].action else { panic!("a command") };
    assert!(matches!(&env[0], StepEnvSpec::Set(name, source) if name == "KEY" && source.kind == "env"));
    assert_eq!((hooks.after[0].scoped, hooks.after[0].when), (true, None));
    assert_eq!((hooks.on_failure[0].scoped, hooks.on_failure[0].when), (false, Some(When::RolledBack)));
    assert_eq!(hooks.on_failure[0].undoes, [StepPlace { phase: "before", at: 0 }]);
    assert_ne!(hooks.before[0].digest, hooks.before[1].digest);
    assert_eq!((plan.vars[0].name.as_str(), plan.vars[0].source.kind.as_str()), ("key_id", "env"));
}

#[test]
fn pace_becomes_types_and_emergency_lies_over_it() {
    let plan = plan(include_str!("right/everything.yaml"));
    let batch = Batch { rows: Some(250), target: Duration::from_secs(2), bytes: 64 * 1024 };
    assert_eq!((plan.pace(false).batch, plan.pace(false).workers), (batch, Some(4)));
    assert_eq!((plan.application, plan.undo, plan.guard), (Application::Paused, Undo::None, Guard::Trigger));
    assert_eq!(plan.pace(false).windows.len(), 2);
    let hurried = plan.pace(true);
    assert_eq!(hurried.batch, Batch { rows: None, ..batch });
    assert_eq!(
        (hurried.workers, &hurried.throttle, hurried.windows.len()),
        (Some(8), &Throttle::default(), 0)
    );
    assert_eq!(plan.emergency.and_then(|over| over.deadline), Some(Duration::from_secs(86_400)));
}

#[test]
fn schedules_become_types() {
    let schedule = plan(include_str!("right/pazpaz.yaml")).schedule.unwrap();
    let jobs: Vec<(&str, String, &str)> = schedule
        .jobs
        .iter()
        .map(|job| (job.name.as_str(), job.timing.to_string(), job.action.name()))
        .collect();
    let expect = [
        ("review", "0 9 2 1 *", "remind"),
        ("generate", "0 9 1 4 *", "remind"),
        ("rotate", "0 9 1 7 *", "run"),
        ("audit", "0 9 1 10 *", "report"),
        ("restore-test", "0 6 1 */3 *", "restore-test"),
        ("key-backup", "0 3 * * *", "keys-backup"),
    ];
    assert_eq!(jobs, expect.map(|(job, when, does)| (job, when.to_owned(), does)));
    assert_eq!(schedule.zone_name, "Asia/Jerusalem");
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let run = Action::Run { window: Some(RunWindow::Within(days(7))), approvals: Some(2) };
    assert_eq!(schedule.jobs[2].action, run);
    let cycle = plan(include_str!("right/intelliwiz.yaml")).schedule.unwrap();
    let rotate = &cycle.jobs[1];
    assert_eq!(rotate.timing.to_string(), "every 90d of the key's age");
    let Action::Run { window: Some(RunWindow::Hours(window)), .. } = &rotate.action else { panic!("hours") };
    // A Saturday; the hours are those of the schedule's zone.
    assert!(window.is_open("2026-11-21T22:00:00Z".parse().unwrap()));
    let besahubs = plan(include_str!("right/besahubs.yaml")).schedule.unwrap();
    let named = |value: &'static str| move |_: &str| Some(value.to_owned());
    assert!(besahubs.is_on(named("enabled")) && !besahubs.is_on(named("off")) && !besahubs.is_on(|_| None));
    assert_eq!((besahubs.jobs[0].misfire, besahubs.jobs[0].overlap), (Misfire::Once, Overlap::Forbid));
    assert_eq!(besahubs.jobs[0].action, Action::Remind(None));
}

#[test]
fn upkeep_becomes_types() {
    let jobs = |text: &str| plan(text).schedule.unwrap().jobs;
    let pazpaz = jobs(include_str!("right/pazpaz.yaml"));
    let Action::Report { standard, period, out } = &pazpaz[3].action else { panic!("a report") };
    let told = (standard.name(), *period, out.as_str());
    assert_eq!(told, ("hipaa", Period::Year, "reports/hipaa-{slot}.html"));
    let Action::RestoreTest { file, identity } = &pazpaz[4].action else { panic!("a restore test") };
    assert_eq!(
        (file.as_str(), identity.args.words[0].as_str()),
        ("backups/keys-{slot}.age", "/run/secrets/restore")
    );
    let Action::KeysBackup { to: Recipients::Listed(to), .. } = &pazpaz[5].action else { panic!("a backup") };
    assert_eq!(to.len(), 1);
    let elsewhere = "{ keys-backup: { to: { env: RECIPIENTS }, file: \"k-{slot}.age\" } }";
    let elsewhere =
        jobs(&format!("{FIRST}\nschedule: {{ zone: UTC, job: {{ every: 1d, do: {elsewhere} }} }}\n"));
    let Action::KeysBackup { to: Recipients::Source(to), .. } = &elsewhere[0].action else {
        panic!("a backup")
    };
    assert_eq!(to.args.words, ["RECIPIENTS"]);
    // What a bare word leaves open, the policy's backup says.
    let bare = jobs(&format!(
        "{FIRST}\nschedule: {{ zone: UTC, test: {{ every: 90d, do: restore-test }} }}\n\
         policy: {{ backup: {{ file: keys.age, max_age: 24h, identity: {{ env: AGE_IDENTITY }} }} }}\n"
    ));
    let Action::RestoreTest { file, identity } = &bare[0].action else { panic!("a restore test") };
    assert_eq!((file.as_str(), identity.args.words[0].as_str()), ("keys.age", "AGE_IDENTITY"));
    assert!(pazpaz[4].action.needs_age() && pazpaz[5].action.needs_age() && !pazpaz[3].action.needs_age());
}

#[test]
fn notices_become_types() {
    let plan = plan(include_str!("right/besahubs.yaml"));
    let notify = plan.notify.as_ref().unwrap();
    let [mail, log] = notify.via.as_slice() else { panic!("two ways") };
    assert_eq!((mail.plugin.as_str(), log.plugin.as_str()), ("smtp", "log"));
    assert_eq!(mail.options.text("from"), Some("reseal@besahubs.com"));
    assert_eq!(mail.secrets[0].1.args.words, ["SMTP_URL"]);
    let told = |kind| {
        let recipients = notify.recipients(kind).iter();
        recipients.map(|to| (to.via, to.address.as_deref().unwrap_or("-"))).collect::<Vec<_>>()
    };
    let (security, dba) = ((0, "security@besahubs.com"), (0, "dba@besahubs.com"));
    assert_eq!(told(NoticeKind::Failed), [security, dba, (1, "-")]);
    assert_eq!(told(NoticeKind::KeyExpired), [security], "both notices of a key's age are one event");
    assert_eq!(told(NoticeKind::DeadMan), [security], "who waits for reminders hears when one is missing");
    assert_eq!(told(NoticeKind::Started), []);
    assert_eq!(notify.event("slow").and_then(|on| on.time), Some(Duration::from_secs(1800)));
    assert!(!plan.unsupported().iter().any(|problem| problem.message.contains("notify")));
}

#[test]
fn notices_have_times_and_words_of_their_own() {
    let more = r##"
schedule: { zone: UTC, review: { every: 90d, do: { remind: review } } }
notify:
  via: { log: { log: {} }, chat: { webhook: { url: { env: CHAT }, shape: slack } } }
  to: { all: { chat: ["#a", "#b"], log: [] }, chat: { chat: [] } }
  on:
    announced: [all, log]
    deadline: { before: 4h, to: [chat] }
    failed-opens: [log]
    no-progress: { after: 5m, to: [log] }
  templates: { review: { text: "{{ plan }}" }, failed: { subject: "{% if x %}{% endif %}" } }
"##;
    let notify = plan(&format!("{FIRST}{more}")).notify.unwrap();
    let of = |event: &str| {
        let on = notify.event(event).unwrap();
        (on.to.len(), on.time.map(|time| time.as_secs()), on.percent)
    };
    assert_eq!(of("announced"), (3, Some(86_400), None), "who is named twice hears it once");
    assert_eq!(of("deadline"), (1, Some(14_400), None));
    assert_eq!(of("failed-opens"), (1, None, Some(1)));
    assert_eq!(of("no-progress"), (1, Some(300), None));
    assert_eq!(notify.wording("review").and_then(|own| own.text.as_deref()), Some("{{ plan }}"));
}

#[test]
fn every_sketch_is_supported() {
    let codes = |text: &str| {
        let plan = plan(text);
        plan.unsupported().iter().map(|problem| problem.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(codes(FIRST), Vec::<String>::new());
    assert_eq!(codes(include_str!("right/connections.yaml")), Vec::<String>::new());
    assert_eq!(codes(include_str!("right/pazpaz.yaml")), Vec::<String>::new());
}

#[test]
fn a_policy_becomes_types() {
    let days = |n: u64| Duration::from_secs(n * 86_400);
    let with = |policy: &str| plan(&format!("{FIRST}\npolicy: {policy}\n")).policy;
    assert_eq!(plan(FIRST).policy, Policy::default());
    let whole = with(
        "{ max_key_age: 90d, min_key_age: 76d, or_expires_within: 14d, warn: [3d, 14d], keep_retired: 365d, keep_undo: 30d, \
         max_active_keys: 5, approvals: { run: 2, destroy: 1 }, approvers: { file: /etc/approvers }, \
         backup: { command: [newest, --all], max_age: 1h }, disk: { command: free, min_free: 20 } }",
    );
    let expected = Policy {
        folder: String::new(),
        max_key_age: Some(days(90)),
        min_key_age: Some(days(76)),
        or_expires_within: Some(days(14)),
        warn: vec![days(14), days(3)],
        keep_retired: Some(Keep::For(days(365))),
        keep_undo: Some(days(30)),
        max_active_keys: Some(5),
        approvals: Approvals { run: 2, rollback: 0, destroy: 1, emergency: 2 },
        approvers: Some("/etc/approvers".into()),
        backup: Some(BackupProof {
            proof: Proof::Command(vec!["newest".into(), "--all".into()]),
            max_age: Duration::from_secs(3600),
            identity: None,
        }),
        disk: Some(DiskProof { command: vec!["free".into()], min_free: 20 }),
    };
    assert_eq!(whole, expected);
    let all = with("{ keep_retired: forever, approvals: 2, approvers: { file: a } }");
    assert_eq!(all.keep_retired, Some(Keep::Forever));
    assert_eq!(all.approvals, Approvals { run: 2, rollback: 2, destroy: 2, emergency: 2 });
}

#[test]
fn envelopes_become_types() {
    let plan = plan(include_str!("right/envelopes.yaml"));
    let [kms, local] = plan.keysets.as_slice() else { panic!("two keysets") };
    assert_eq!(kms.keys[1].source.kind, "aws-kms");
    assert_eq!(kms.keys[1].source.args.words, ["key=arn:aws:kms:eu-west-1:1:key/2"]);
    let secret = local.keys[0].source.secret.as_deref();
    assert!(secret.is_some_and(|secret| secret.kind == "env" && secret.encoding == Encoding::Base64));
    let context = vec![("tenant".to_owned(), Template::parse("{tenant}").unwrap())];
    let envelope = EnvelopeSpec { r#move: Move::Rewrap, dek_bytes: 32, context };
    assert_eq!(plan.seals[0].envelope, Some(envelope));
    let field = &plan.tables[0].fields[0];
    assert_eq!(field.columns.last(), Some(&(Part::Key, "key_id".to_owned())));
    assert_eq!(field.mirrors, [(Part::Ciphertext, "old_payload".into()), (Part::Nonce, "old_iv".into())]);
    assert_eq!(field.last_error.as_deref(), Some("last_error"));
    let missing: Vec<(usize, Option<&str>)> =
        plan.missing().iter().map(|problem| (problem.line, problem.help.as_deref())).collect();
    let help = Some("build Reseal with `--features aws-kms`");
    assert_eq!(missing, [(9, help), (10, help)], "this build has no aws-kms");
    assert!(plan.unsupported().is_empty());
}

#[test]
fn pace_schedule_and_notices_leave_the_digest_alone() {
    let plain = plan(FIRST);
    let paced = plan(&format!(
        "{FIRST}\nworkers: 3\nbatch: {{ rows: 5 }}\nschedule: {{ zone: UTC }} # now\nnotify: {{ via: {{ log: {{ log: {{}} }} }} }}\n"
    ));
    assert_eq!(plain.digest, paced.digest);
    assert_ne!(plain.full_digest, paced.full_digest);
    let reordered =
        plan(&FIRST.replace("first_name: phi, last_name: phi", "last_name: phi, first_name: phi"));
    assert_eq!(plain.full_digest, reordered.full_digest);
    let changed = plan(&FIRST.replace("row_key: id", "row_key: uuid"));
    assert_ne!(plain.digest, changed.digest);
}

#[test]
fn the_schema_knows_the_plugins_and_every_example_of_the_language() {
    let schema = schema(&VOCABULARY);
    let formats = schema.pointer("/$defs/Format/oneOf").and_then(|forms| forms.as_array()).map(Vec::len);
    assert_eq!(formats, Some(VOCABULARY.formats.len()));
    let text = schema.to_string();
    for word in
        ["hkdf-sha384", "last_error", "misfire", "accept-outage", "layout", "keys_from", "max_active_keys"]
    {
        assert!(text.contains(word), "{word}");
    }
    assert!(!text.contains("\"null\""), "an entry without a value is a mistake");
}

#[test]
fn validators_are_told_apart() {
    let with = |validator: &str| {
        let format = "format: { aes-gcm: { layout: \"{key}:{nonce|base64}:{ciphertext|base64}\" } }";
        let plan =
            plan(&FIRST.replace(format, &format!("format: {{ cbc: {{}} }}\n    validator: {validator}")));
        plan.seals[0].validator.clone()
    };
    assert!(matches!(with("utf8"), Some(Validator::Utf8)));
    assert!(matches!(with("json"), Some(Validator::Json)));
    assert!(matches!(with("{ pattern: \"a+\" }"), Some(Validator::Pattern(_))));
}
