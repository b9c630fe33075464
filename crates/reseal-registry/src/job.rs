//! A checked plan and its keys become a job.

use std::path::PathBuf;
use std::sync::Arc;

use reseal_core::{BuiltFormat, Format, Keyset, OptionValue, Options, Part};
use reseal_engine::{
    Application, CellEncoding, Envelope, FieldJob, Job, KeysetJob, Move, NamedFormat, Pace, Seal,
    SourceFacts, TableJob, Validator,
};
use reseal_plan::{Encoding, FieldSpec, Guard, Plan, SealSpec, TableSpec, Undo};
use reseal_store::{GuardKind, TableName};

use crate::keys::KeyFacts;
use crate::plugins::FORMATS;
use crate::{BuildError, Keys};

/// Ranges that are worked on at once, where the plan does not say.
const WORKERS: usize = 2;

/// What the command line lays over the plan.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Another primary for every keyset that has one.
    pub primary: Option<String>,
    /// Rows of a batch.
    pub batch_rows: Option<usize>,
    /// Ranges that are worked on at once.
    pub workers: Option<usize>,
    /// Whether the plan's `emergency` lies over its pace.
    pub emergency: bool,
}

/// Builds the job.
///
/// # Errors
/// When a format refuses what the check of the plan let pass.
pub fn job(plan: &Plan, keys: &Keys, overrides: &Overrides) -> Result<Job, BuildError> {
    let mut tables = Vec::new();
    for table in &plan.tables {
        let mut fields = Vec::new();
        for field in &table.fields {
            fields.push(build_field(plan, keys, table, field)?);
        }
        tables.push(TableJob {
            name: TableName { schema: table.schema.clone(), name: table.name.clone() },
            row_key: table.row_key.clone(),
            tenant: table.tenant.clone(),
            domain: table.domain.clone(),
            filter: table.r#where.clone(),
            key_column: table.key_column.clone(),
            shared_nonce: table.shared_nonce,
            fields,
        });
    }
    let ignore = plan.ignore.iter().map(|name| match &name.schema {
        Some(schema) => format!("{schema}.{}.{}", name.table, name.column),
        None => format!("{}.{}", name.table, name.column),
    });
    Ok(Job {
        plan: plan.name.clone(),
        digest: plan.digest.clone(),
        application: match plan.application {
            reseal_plan::Application::BothKeys => Application::BothKeys,
            reseal_plan::Application::Paused => Application::Paused,
            reseal_plan::Application::OneKey => Application::OneKey,
        },
        keysets: keysets(plan, keys),
        tables,
        recognisers: recognisers(),
        key_facts: keys.facts.iter().map(source_facts).collect(),
        ignore: ignore.collect(),
        side_effects: plan.side_effects.clone(),
        undo: plan.undo == Undo::Keep,
        guard: match plan.guard {
            Guard::Constraint => Some(GuardKind::Constraint),
            Guard::Trigger => Some(GuardKind::Trigger),
            Guard::None => None,
        },
        pace: pace(plan, overrides),
        reread: None,
        deks: Arc::default(),
        hooks: Arc::default(),
        keys_missing: None,
    })
}

/// What a query that lists keys says of one.
fn source_facts(facts: &KeyFacts) -> SourceFacts {
    SourceFacts {
        keyset: facts.keyset.clone(),
        key: facts.id.clone(),
        state: facts.state.clone(),
        created_at: facts.created_at.map(|at| at.as_millisecond()),
        expires_at: facts.expires_at.map(|at| at.as_millisecond()),
    }
}

fn keysets(plan: &Plan, keys: &Keys) -> Vec<KeysetJob> {
    let sets = plan.keysets.iter().zip(&keys.keysets);
    sets.map(|(spec, keyset)| KeysetJob { keyset: keyset.clone(), roles: spec.roles }).collect()
}

/// Formats that recognise a cell without being told how it is laid out.
fn recognisers() -> Vec<Arc<dyn Format>> {
    let built = FORMATS.iter().filter_map(|plugin| (plugin.build)(&Options::default(), &[]).ok());
    built.filter(|built| !built.plaintext).map(|built| built.format).collect()
}

fn build_field(
    plan: &Plan,
    keys: &Keys,
    table: &TableSpec,
    field: &FieldSpec,
) -> Result<FieldJob, BuildError> {
    let parts = field.parts(table);
    let build = |at: usize| build_seal(&plan.seals[at], keys, &parts).map(Arc::new);
    Ok(FieldJob {
        name: field.name.clone(),
        to: build(field.to)?,
        from: field.from.iter().map(|at| build(*at)).collect::<Result<_, _>>()?,
        columns: field.columns.clone(),
        mirrors: field.mirrors.clone(),
        last_error: field.last_error.clone(),
        encoding: match field.encoding {
            None | Some(Encoding::Raw | Encoding::Utf8) => CellEncoding::Raw,
            Some(Encoding::Hex) => CellEncoding::Hex,
            Some(Encoding::Base64 | Encoding::Base64Url) => CellEncoding::Base64,
        },
    })
}

fn build_seal(spec: &SealSpec, keys: &Keys, parts: &[Part]) -> Result<Seal, BuildError> {
    let (name, built) = build_format(spec, keys, parts)?;
    let keyset = match spec.keyset {
        Some(at) => keys.keysets[at].clone(),
        None => Arc::new(no_keys()),
    };
    let validator = spec
        .validator
        .clone()
        .map(|validator| -> Validator { Arc::new(move |text: &[u8]| validator.accepts(text)) });
    let envelope = spec.envelope.as_ref().map(|envelope| Envelope {
        r#move: match envelope.r#move {
            reseal_plan::Move::Rewrap => Move::Rewrap,
            reseal_plan::Move::ReEncrypt => Move::ReEncrypt,
        },
        dek_bytes: envelope.dek_bytes,
        context: envelope.context.clone(),
    });
    let seal = Seal::new(
        &spec.name,
        NamedFormat { name, built },
        keyset,
        spec.aad.clone(),
        spec.kdf.clone(),
        validator,
    );
    Ok(seal.enveloped(envelope))
}

fn build_format(
    spec: &SealSpec,
    keys: &Keys,
    parts: &[Part],
) -> Result<(&'static str, BuiltFormat), BuildError> {
    let failed = |message: String| BuildError::Format { seal: spec.name.clone(), message };
    let plugin = FORMATS
        .iter()
        .find(|plugin| plugin.name == spec.format)
        .ok_or_else(|| failed(format!("this build of Reseal does not support format `{}`", spec.format)))?;
    let mut options = spec.options.clone();
    for option in keys.options.iter().filter(|option| option.seal == spec.name) {
        options.0.insert(option.name.clone(), OptionValue::Text(option.value.to_string()));
    }
    let fitted = plugin.fit(&options, parts).map_err(|error| failed(error.to_string()))?;
    Ok((plugin.name, fitted.built))
}

/// The keyset of a format without keys.
fn no_keys() -> Keyset {
    Keyset::new("", Vec::new(), None).unwrap_or_else(|_| unreachable!("no keys cannot clash"))
}

fn pace(plan: &Plan, overrides: &Overrides) -> Pace {
    let pace = plan.pace(overrides.emergency);
    let windows = pace.windows.clone();
    let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
    Pace {
        rows: overrides.batch_rows.or(pace.batch.rows.map(count)),
        target: pace.batch.target,
        bytes: usize::try_from(pace.batch.bytes).unwrap_or(usize::MAX),
        workers: overrides.workers.or(pace.workers.map(count)).unwrap_or(WORKERS),
        rows_per_second: pace.throttle.rows_per_second,
        max_lag: pace.throttle.max_lag,
        pause_file: pace.throttle.pause_file.as_ref().map(|file| PathBuf::from(file.as_str())),
        is_open: (!windows.is_empty()).then(|| -> Arc<dyn Fn(jiff::Timestamp) -> bool + Send + Sync> {
            Arc::new(move |now| windows.iter().any(|window| window.is_open(now)))
        }),
    }
}
