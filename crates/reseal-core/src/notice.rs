//! What people are told: the kinds of notice, and what one notice says.

use std::fmt;

/// What a notice is about. Its name is what a plan's `notify: on:` and the outbox call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NoticeKind {
    /// Something is to be done by people: the quarterly reminder and its like.
    Remind,
    /// A primary nears the most that the policy lets it age.
    KeyExpiring,
    /// A primary is older than the policy allows.
    KeyExpired,
    /// A rotation will start.
    Announced,
    /// A rotation has started.
    Started,
    /// A rotation is over, and every cell in its scope opens under the primary.
    Finished,
    /// A run has failed; it can be resumed.
    Failed,
    /// Cells could not be opened and were left as they are.
    Quarantined,
    /// A check found cells that are not under the primary; no run is under way.
    NotClean,
    /// The deadline of an emergency is near.
    Deadline,
    /// A restore test of a key's backup is due.
    RestoreTestDue,
    /// A restore test of a key's backup has failed.
    RestoreTestFailed,
    /// Something that was due did not happen: "the reminder of 1 April did not go out".
    DeadMan,
    /// More keys are active than the policy allows.
    TooManyKeys,
    /// A run takes longer than the plan expects.
    Slow,
    /// The audit trail does not hold together.
    AuditBroken,
    /// Somebody tried what needs an approval that is missing or wrong.
    Unauthorised,
    /// A scheduled rotation is due and waits for people to agree to it.
    ApprovalNeeded,
    /// Too large a share of the cells does not open.
    FailedOpens,
    /// A run goes on without getting anywhere.
    NoProgress,
    /// A throttle has held a run back for too long.
    Throttled,
    /// The database cannot be reached, again and again.
    ConnectionErrors,
    /// The disk has less room than the policy asks for.
    Disk,
    /// The file of a plan that is served was changed, or was read again.
    PlanChanged,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it.
    Warning,
    /// Somebody has to act now.
    Critical,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [NoticeKind; 24] = [
        NoticeKind::Remind,
        NoticeKind::KeyExpiring,
        NoticeKind::KeyExpired,
        NoticeKind::Announced,
        NoticeKind::Started,
        NoticeKind::Finished,
        NoticeKind::Failed,
        NoticeKind::Quarantined,
        NoticeKind::NotClean,
        NoticeKind::Deadline,
        NoticeKind::RestoreTestDue,
        NoticeKind::RestoreTestFailed,
        NoticeKind::DeadMan,
        NoticeKind::TooManyKeys,
        NoticeKind::Slow,
        NoticeKind::AuditBroken,
        NoticeKind::Unauthorised,
        NoticeKind::ApprovalNeeded,
        NoticeKind::FailedOpens,
        NoticeKind::NoProgress,
        NoticeKind::Throttled,
        NoticeKind::ConnectionErrors,
        NoticeKind::Disk,
        NoticeKind::PlanChanged,
    ];

    /// The kind's name: of its template, and in the outbox.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            NoticeKind::Remind => "remind",
            NoticeKind::KeyExpiring => "key-expiring",
            NoticeKind::KeyExpired => "key-expired",
            NoticeKind::Announced => "announced",
            NoticeKind::Started => "started",
            NoticeKind::Finished => "finished",
            NoticeKind::Failed => "failed",
            NoticeKind::Quarantined => "quarantined",
            NoticeKind::NotClean => "not-clean",
            NoticeKind::Deadline => "deadline",
            NoticeKind::RestoreTestDue => "restore-test-due",
            NoticeKind::RestoreTestFailed => "restore-test-failed",
            NoticeKind::DeadMan => "dead-man",
            NoticeKind::TooManyKeys => "too-many-keys",
            NoticeKind::Slow => "slow",
            NoticeKind::AuditBroken => "audit-broken",
            NoticeKind::Unauthorised => "unauthorised",
            NoticeKind::ApprovalNeeded => "approval-needed",
            NoticeKind::FailedOpens => "failed-opens",
            NoticeKind::NoProgress => "no-progress",
            NoticeKind::Throttled => "throttled",
            NoticeKind::ConnectionErrors => "connection-errors",
            NoticeKind::Disk => "disk",
            NoticeKind::PlanChanged => "plan-changed",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<NoticeKind> {
        NoticeKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The event that a plan's `on:` names for this kind. Both notices of a key's age are one event.
    #[must_use]
    pub fn event(self) -> &'static str {
        match self {
            NoticeKind::KeyExpiring | NoticeKind::KeyExpired => "key-age",
            kind => kind.name(),
        }
    }

    /// The event whose groups hear of this kind where a plan says nothing of its own event: who waits for a
    /// reminder must hear that it did not go out, who looks after approvals must hear that one is waited for and that a plan
    /// was changed, and who mends cells must hear of those that a check found.
    #[must_use]
    pub fn fallback(self) -> Option<&'static str> {
        match self {
            NoticeKind::DeadMan | NoticeKind::RestoreTestDue => Some("remind"),
            NoticeKind::ApprovalNeeded | NoticeKind::PlanChanged => Some("unauthorised"),
            NoticeKind::NotClean => Some("quarantined"),
            _ => None,
        }
    }

    /// How much a notice of this kind matters.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            NoticeKind::Remind
            | NoticeKind::Announced
            | NoticeKind::Started
            | NoticeKind::Finished
            | NoticeKind::RestoreTestDue => Severity::Info,
            NoticeKind::KeyExpiring
            | NoticeKind::Quarantined
            | NoticeKind::NotClean
            | NoticeKind::DeadMan
            | NoticeKind::ApprovalNeeded
            | NoticeKind::PlanChanged
            | NoticeKind::TooManyKeys
            | NoticeKind::Slow
            | NoticeKind::NoProgress
            | NoticeKind::Throttled
            | NoticeKind::ConnectionErrors => Severity::Warning,
            NoticeKind::KeyExpired
            | NoticeKind::Failed
            | NoticeKind::Deadline
            | NoticeKind::RestoreTestFailed
            | NoticeKind::AuditBroken
            | NoticeKind::Unauthorised
            | NoticeKind::FailedOpens
            | NoticeKind::Disk => Severity::Critical,
        }
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Severity {
    /// The severity's name in messages and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// One thing to tell people. Nothing in it is secret: names, ids, counts and times only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// The plan's name.
    pub plan: String,
    /// Which one: a job of the schedule, a run's id, a key's id.
    pub subject: String,
    /// Which time: the UTC time of a slot (RFC 3339), a run's state. Kind, plan, subject and slot together are told
    /// once, however often they are posted.
    pub slot: String,
    /// What there is to say, in the order in which a table shows it: name and text.
    pub fields: Vec<(String, String)>,
    /// True where this tells that the cause of an earlier notice is over.
    pub resolved: bool,
}

impl Notice {
    /// A notice without fields.
    #[must_use]
    pub fn new(kind: NoticeKind, plan: &str, subject: &str, slot: &str) -> Notice {
        let (plan, subject, slot) = (plan.to_owned(), subject.to_owned(), slot.to_owned());
        Notice { kind, plan, subject, slot, fields: Vec::new(), resolved: false }
    }

    /// Adds a field at the end.
    #[must_use]
    pub fn with(mut self, name: &str, text: impl Into<String>) -> Notice {
        self.fields.push((name.to_owned(), text.into()));
        self
    }

    /// The text of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, text)| text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_are_kebab_case() {
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::parse(kind.name()), Some(kind));
            assert!(kind.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{kind}");
        }
    }

    #[test]
    fn every_fallback_is_an_event() {
        let events: Vec<&str> = NoticeKind::ALL.into_iter().map(NoticeKind::event).collect();
        assert!(NoticeKind::ALL.into_iter().filter_map(NoticeKind::fallback).all(|to| events.contains(&to)));
    }
}
