//! What can happen, by name.

use std::fmt;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $name:literal),* $(,)?) => {
        /// What happened. The names are part of the trail for ever: one may be added, none may change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventKind {
            $($(#[doc = $doc])+ $kind),*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[EventKind] = &[$(EventKind::$kind),*];

            /// The kind's name in the trail.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(EventKind::$kind => $name),*
                }
            }
        }
    };
}

kinds! {
    /// A run begins: its row and its columns are held, nothing is swapped yet.
    RunStarted = "run-started",
    /// A run that stopped, or whose engine died, goes on.
    RunResumed = "run-resumed",
    /// A run ended as complete or scope_done.
    RunFinished = "run-finished",
    /// A run stopped with a reason and can go on; also one that went through and left cells.
    RunPaused = "run-paused",
    /// A run stopped by an error.
    RunFailed = "run-failed",
    /// A run was cancelled.
    RunCancelled = "run-cancelled",
    /// An operator asked a working engine to pause or to cancel.
    RunSteered = "run-steered",
    /// A rollback begins, or goes on.
    RollbackStarted = "rollback-started",
    /// A run was rolled back.
    RunRolledBack = "run-rolled-back",
    /// Kept old cells were dropped: no exact rollback any more.
    UndoDropped = "undo-dropped",
    /// A step of a hook ended.
    HookStep = "hook-step",
    /// A command was refused, with its code.
    Refused = "refused",
    /// What a plan says is not what it said when it was last run.
    PlanChanged = "plan-changed",
    /// The file of a plan that is served says something else than the plan in force, or was read again.
    PlanFileChanged = "plan-file-changed",
    /// Cells were counted.
    Census = "census",
    /// Every cell in scope was opened in one snapshot.
    Sweep = "sweep",
    /// Tables of a ledger or of the control database were made or brought up to date.
    Migrated = "migrated",
    /// The tables of a ledger were dropped.
    LedgerRemoved = "ledger-removed",
    /// Events before a time were moved to a file, and taken out of the trail.
    TrailArchived = "trail-archived",
    /// A certificate of a run was signed: its digest, and by which key.
    CertificateIssued = "certificate-issued",
    /// A key came to be.
    KeyGenerated = "key-generated",
    /// A key went from one state to another.
    KeyStateChanged = "key-state-changed",
    /// Somebody entered since when a key seals.
    KeyDated = "key-dated",
    /// A key is destroyed: what was deleted, and what still holds it.
    KeyDestroyed = "key-destroyed",
    /// The pin of a key was forgotten: its id may stand for other bytes.
    PinForgotten = "pin-forgotten",
    /// A key was backed up.
    KeyBackedUp = "key-backed-up",
    /// A backup was restored and compared with the original.
    RestoreTested = "restore-tested",
    /// Somebody approved.
    ApprovalGiven = "approval-given",
    /// An approval was taken back.
    ApprovalWithdrawn = "approval-withdrawn",
    /// Something was tried without the approval that it needs, or approved by somebody who may not.
    ApprovalRefused = "approval-refused",
    /// Who may agree to what a plan does: its first set of approvers, or another that those before agreed to.
    ApproversAccepted = "approvers-accepted",
    /// A slot of a schedule fired.
    ScheduleFired = "schedule-fired",
    /// A slot of a schedule went by without firing.
    ScheduleMissed = "schedule-missed",
    /// The work behind a slot that fired is over: done, or abandoned.
    ScheduleEnded = "schedule-ended",
    /// A schedule was paused, resumed, enabled or disabled.
    ScheduleChanged = "schedule-changed",
    /// A notice left the house.
    NoticeSent = "notice-sent",
    /// A notice was abandoned.
    NoticeFailed = "notice-failed",
    /// An alert was raised.
    AlertRaised = "alert-raised",
    /// An alert is over.
    AlertResolved = "alert-resolved",
    /// An old key is known to others, and somebody acts on it.
    EmergencyDeclared = "emergency-declared",
    /// The service that fires schedules and sends notices started.
    ServiceStarted = "service-started",
    /// It ended.
    ServiceStopped = "service-stopped",
}

impl EventKind {
    /// What a run or a rollback goes through, from its beginning to its end.
    pub const OF_RUNS: [EventKind; 8] = [
        EventKind::RunStarted,
        EventKind::RunResumed,
        EventKind::RunFinished,
        EventKind::RunPaused,
        EventKind::RunFailed,
        EventKind::RunCancelled,
        EventKind::RollbackStarted,
        EventKind::RunRolledBack,
    ];

    /// The kind with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<EventKind> {
        EventKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
