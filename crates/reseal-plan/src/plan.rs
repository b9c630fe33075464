//! The typed plan: what the rest of Reseal works from. Nothing here is raw, nothing needs a second check.

mod envelopes;
mod hooks;
mod keys;
mod notify;
mod pace;
mod path;
mod policy;
mod schedule;

use reseal_core::{Kdf, Options, Part, Template};

pub use hooks::{Hooks, StepActionSpec, StepEnvSpec, StepPlace, StepSpec, VarSpec, When};
pub use keys::{
    Encoding, JsonPick, KeyIdSpec, KeyOfRow, KeySpec, KeysFromSpec, KeysPlace, KeysetSpec, PrimarySpec,
    SourceSpec,
};

pub use envelopes::{EnvelopeSpec, Move};
pub use notify::{EventSpec, NotifySpec, Recipient, ViaSpec, WordingSpec};
pub use pace::{Batch, Emergency, Pace, Throttle};
pub use path::{NamedFile, PlanFile, PlanPath};
pub use policy::{Approvals, BackupProof, DiskProof, Keep, Policy, Proof};
pub use schedule::{
    Action, JobSpec, Misfire, Overlap, Period, Recipients, RunWindow, SLOT, ScheduleSpec, Standard, Switch,
    Timing,
};

use crate::{Problem, Validator};

/// A plan that was checked: every name resolves, every template and quantity is parsed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The plan's name, which `rollback --confirm` asks for.
    pub name: String,
    /// What the plan is for, in the words of its author.
    pub description: Option<String>,
    /// Person or team that is responsible for the plan.
    pub owner: Option<String>,
    /// Where the database is.
    pub database: Database,
    /// Whether a connection to another machine may do without TLS.
    pub allows_plaintext: bool,
    /// What the application does while a run is under way.
    pub application: Application,
    /// The keysets, in the order of the file.
    pub keysets: Vec<KeysetSpec>,
    /// The seals, in the order of the file; behind them those that every plan has, if a field names one.
    pub seals: Vec<SealSpec>,
    /// The tables, in the order of the file.
    pub tables: Vec<TableSpec>,
    /// Columns that discovery must not ask about.
    pub ignore: Vec<ColumnName>,
    /// How fast and when a run works.
    pub pace: Pace,
    /// What `--emergency` puts in the place of [`Plan::pace`].
    pub emergency: Option<Emergency>,
    /// Whether old cells are kept for an exact rollback.
    pub undo: Undo,
    /// Triggers and generated columns that may change with a row.
    pub side_effects: Vec<String>,
    /// What makes the database itself refuse cells under an old key after the run.
    pub guard: Guard,
    /// Rules that hold for every rotation of this plan.
    pub policy: Policy,
    /// What happens when.
    pub schedule: Option<ScheduleSpec>,
    /// Steps before, during and after a run.
    pub hooks: Hooks,
    /// What differs from rotation to rotation and is no secret.
    pub vars: Vec<VarSpec>,
    /// Who hears of what, and how.
    pub notify: Option<NotifySpec>,
    /// SHA-256 (hex) of what the plan says, without pace, windows, emergency, schedule and notices: a run is resumed
    /// only under the same digest. Comments, layout and the order of names do not count.
    pub digest: String,
    /// SHA-256 (hex) of all that the plan says.
    pub full_digest: String,
    /// The plan's folder: programs are started in it. Empty where the plan came by a pipe.
    pub folder: String,
    /// Files that the plan names by a relative path, and that have to be there already.
    pub files: Vec<NamedFile>,
    /// Whether a source, a step or the policy names a program.
    pub(crate) programs: bool,
    pub(crate) unsupported: Vec<Problem>,
    pub(crate) missing: Vec<Problem>,
}

impl Plan {
    /// What the plan asks for and this version does not do yet: `check` reports it, `run` refuses.
    #[must_use]
    pub fn unsupported(&self) -> &[Problem] {
        &self.unsupported
    }

    /// What the plan asks for and this build was made without: the plan is right, but `run` refuses it.
    #[must_use]
    pub fn missing(&self) -> &[Problem] {
        &self.missing
    }

    /// Whether the plan starts programs: whoever can write it then acts as the user of Reseal.
    #[must_use]
    pub fn starts_programs(&self) -> bool {
        self.programs
    }

    /// The keyset of a seal; `None` for a format without keys.
    #[must_use]
    pub fn keyset_of(&self, seal: &SealSpec) -> Option<&KeysetSpec> {
        seal.keyset.and_then(|at| self.keysets.get(at))
    }

    /// The seals that a field's cells may have: `to` first, then `from`.
    pub fn seals_of<'p>(&'p self, field: &'p FieldSpec) -> impl Iterator<Item = &'p SealSpec> {
        field.seals().filter_map(|at| self.seals.get(at))
    }

    /// The pace of a run.
    #[must_use]
    pub fn pace(&self, emergency: bool) -> &Pace {
        match &self.emergency {
            Some(over) if emergency => &over.pace,
            _ => &self.pace,
        }
    }
}

/// Where the database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// A URL in the plan. It holds no password.
    Url(String),
    /// A source that gives the URL.
    Source(SourceSpec),
}

/// What the application does while a run is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// It opens with the old key and the new one.
    BothKeys,
    /// It does not write the tables of the plan.
    Paused,
    /// It knows one key only, so rotated rows are unreadable to it until it is restarted.
    OneKey,
}

/// Whether old cells are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// Kept until `undo drop`.
    Keep,
    /// Not kept: no rollback.
    None,
}

/// What refuses late writes under an old key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// A CHECK constraint.
    Constraint,
    /// A trigger.
    Trigger,
    /// Nothing.
    None,
}

/// A named way to seal.
#[derive(Clone, Debug)]
pub struct SealSpec {
    /// The seal's name.
    pub name: String,
    /// Index into [`Plan::keysets`]; `None` for a format without keys.
    pub keyset: Option<usize>,
    /// The format plugin's name.
    pub format: String,
    /// The format's options; its plugin took them for every field of the plan. Those of `sources` are empty.
    pub options: Options,
    /// Options whose values are stored elsewhere, by name, with the place.
    pub sources: Vec<(String, SourceSpec)>,
    /// Additional authenticated data.
    pub aad: Option<Template>,
    /// How a key becomes the key of one cell.
    pub kdf: Option<Kdf>,
    /// What a plaintext looks like, for formats whose opening proves nothing.
    pub validator: Option<Validator>,
    /// How cells carry their own key; the keys of the keyset are then KEKs.
    pub envelope: Option<EnvelopeSpec>,
    /// Line in the file, from 1; 0 for a seal that every plan has.
    pub line: usize,
}

/// One table.
#[derive(Clone, Debug)]
pub struct TableSpec {
    /// The table as the plan calls it: what `{table}` is filled with, and `--table` takes.
    pub label: String,
    /// The schema, where the plan names one.
    pub schema: Option<String>,
    /// The table's name in the database.
    pub name: String,
    /// The columns that identify a row.
    pub row_key: Vec<String>,
    /// The column that holds the row's tenant.
    pub tenant: Option<String>,
    /// A name to narrow runs by.
    pub domain: Option<String>,
    /// An SQL condition: rows that do not meet it are none of the plan's business.
    pub r#where: Option<String>,
    /// The column that holds the key's mark for all fields of a row: then the row moves whole or not at all.
    pub key_column: Option<String>,
    /// Whether several cells of a row may share one nonce under a fresh key.
    pub shared_nonce: bool,
    /// The fields.
    pub fields: Vec<FieldSpec>,
    /// Line in the file, from 1.
    pub line: usize,
}

/// Where cells of one seal live.
#[derive(Clone, Debug)]
pub struct FieldSpec {
    /// The field's name: the column, or a name of its own where the cell lies in several.
    pub name: String,
    /// The seal that cells must end with: index into [`Plan::seals`].
    pub to: usize,
    /// Seals that cells may still have.
    pub from: Vec<usize>,
    /// The columns of the cell; a cell in one column is `[(Ciphertext, column)]`. A key column of the table is not
    /// among them.
    pub columns: Vec<(Part, String)>,
    /// Columns that hold a copy of a part.
    pub mirrors: Vec<(Part, String)>,
    /// The column that shows why the cell is in quarantine.
    pub last_error: Option<String>,
    /// How binary parts are written in text columns.
    pub encoding: Option<Encoding>,
    /// Line in the file, from 1.
    pub line: usize,
}

impl FieldSpec {
    /// The seals of the field, `to` first: indexes into [`Plan::seals`].
    pub fn seals(&self) -> impl Iterator<Item = usize> + '_ {
        std::iter::once(self.to).chain(self.from.iter().copied())
    }

    /// The parts that a format of this field is built with: none where the cell lies in one column. A key column of
    /// the table counts as a part; what belongs to an envelope does not, for no format sees it.
    #[must_use]
    pub fn parts(&self, table: &TableSpec) -> Vec<Part> {
        let mut parts: Vec<Part> = self.columns.iter().map(|(part, _)| *part).collect();
        parts.retain(|part| !matches!(part, Part::WrappedDek | Part::DekNonce));
        if table.key_column.is_some() && !parts.contains(&Part::Key) {
            parts.push(Part::Key);
        }
        if parts == [Part::Ciphertext] { Vec::new() } else { parts }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnName {
    /// The schema, where the plan names one.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
}
