//! Holding a trail against its own chain, its checkpoints, and heads that left the house.

use std::collections::BTreeSet;

use super::{Checkpoint, Entry, Head, Line, PublicKey, TrailHead, Unreadable, read_export};

/// The first thing that is wrong with a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The first event that is bad, or missing.
    pub sequence: u64,
    /// What is wrong, for people.
    pub message: String,
}

/// What a trail was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Where the trail is intact up to.
    pub intact: TrailHead,
    /// The first fault; `None` for a trail that is intact.
    pub fault: Option<Fault>,
    /// The last event that a checkpoint covers; 0 where nothing is signed.
    pub signed_through: u64,
    /// The keys that signed checkpoints of it.
    pub signers: Vec<PublicKey>,
}

impl Verdict {
    /// Verifies an export. `trusted` and `known` are those of [`Trail::new`].
    #[must_use]
    pub fn of_export(bytes: &[u8], trusted: &[PublicKey], known: &[(Option<u64>, Head)]) -> Verdict {
        let lines: Vec<_> = read_export(bytes).collect();
        let checkpoints: Vec<Checkpoint> = lines
            .iter()
            .filter_map(|line| match line {
                Ok(Line::Checkpoint(checkpoint)) => Some(checkpoint.clone()),
                _ => None,
            })
            .collect();
        let (mut trail, mut end) = (Trail::new(&checkpoints, trusted, known), None);
        for line in lines {
            match line {
                _ if end.is_some() => trail.behind_the_end(),
                Ok(Line::Event(entry)) => {
                    trail.take_entry(entry);
                }
                Ok(Line::Checkpoint(checkpoint)) => trail.checkpoint_stands_here(checkpoint.sequence),
                Ok(Line::End(head)) => end = Some(head),
                Err(why) => trail.unreadable(&why),
            }
        }
        if end.is_none() {
            trail.endless();
        }
        trail.end(end)
    }

    /// The verdict with a fault that was found elsewhere, unless an earlier one is known.
    #[must_use]
    pub fn or(mut self, sequence: u64, message: &str) -> Verdict {
        if self.fault.as_ref().is_none_or(|fault| fault.sequence > sequence) {
            self.fault = Some(Fault { sequence, message: message.to_owned() });
        }
        self
    }
}

/// A trail that is read event by event, from the first to the last.
#[derive(Clone, Debug)]
pub struct Trail<'a> {
    at: TrailHead,
    /// By sequence; those before `next` are checked.
    checkpoints: Vec<&'a Checkpoint>,
    next: usize,
    /// Heads that notices brought, with the number of the event where they gave it.
    known: Vec<(Option<u64>, Head)>,
    trusted: &'a [PublicKey],
    fault: Option<Fault>,
    signed_through: u64,
    signers: Vec<PublicKey>,
}

impl<'a> Trail<'a> {
    /// A trail about which nothing is known yet. With `trusted`, checkpoints by other keys are faults, and so is a
    /// trail without one; `known` are heads of notices, with the number of their event where it is known.
    #[must_use]
    pub fn new(
        checkpoints: &'a [Checkpoint],
        trusted: &'a [PublicKey],
        known: &[(Option<u64>, Head)],
    ) -> Self {
        let mut checkpoints: Vec<&Checkpoint> = checkpoints.iter().collect();
        checkpoints.sort_by_key(|checkpoint| checkpoint.sequence);
        let (known, at) = (known.to_vec(), TrailHead::START);
        let (signed_through, signers) = (0, Vec::new());
        let mut trail =
            Trail { at, checkpoints, next: 0, known, trusted, fault: None, signed_through, signers };
        trail.hold();
        trail
    }

    /// Takes the next event, as it was found. Gives false when there is nothing more to learn.
    pub fn take(&mut self, sequence: i64, found: Result<Entry, Unreadable>) -> bool {
        if self.fault.is_some() {
            return false;
        }
        let expected = self.at.sequence + 1;
        if sequence != i64::try_from(expected).unwrap_or(i64::MAX) {
            let message = match i128::from(sequence) > i128::from(expected) {
                true => format!("event {expected} is missing: event {sequence} follows {}", self.at.sequence),
                false => format!("event {sequence} stands where event {expected} should"),
            };
            return self.fail(expected, message);
        }
        let entry = match found {
            Ok(entry) => entry,
            Err(why) => return self.fail(expected, format!("event {expected} was changed: {why}")),
        };
        let at = self.at.after(&entry.event);
        if at.head != entry.head {
            let message = format!(
                "event {expected} does not follow from the one before it: it was changed, or put in another's place"
            );
            return self.fail(expected, message);
        }
        self.at = at;
        self.hold();
        self.fault.is_none()
    }

    /// Takes the next event, as an export has it. Gives false when there is nothing more to learn.
    pub fn take_entry(&mut self, entry: Entry) -> bool {
        self.take(i64::try_from(entry.sequence).unwrap_or(i64::MAX), Ok(entry))
    }

    /// Takes what stands where an event should and is none.
    pub fn unreadable(&mut self, why: &Unreadable) {
        let expected = self.at.sequence + 1;
        self.fail(expected, format!("what stands where event {expected} should was changed: {why}"));
    }

    /// An export has a checkpoint of this event here.
    fn checkpoint_stands_here(&mut self, sequence: u64) {
        let at = self.at.sequence;
        if sequence != at {
            let message = format!("the checkpoint at event {sequence} stands behind event {at}");
            self.fail(sequence.min(at + 1), message);
        }
    }

    /// An export goes on behind its last line.
    fn behind_the_end(&mut self) {
        self.fail(self.at.sequence + 1, "something stands behind the last line of the export".into());
    }

    /// An export has no last line.
    fn endless(&mut self) {
        let message =
            "the export does not say where it ends: its end was cut, or an earlier version wrote it";
        self.fail(self.at.sequence + 1, message.into());
    }

    /// Up to where the trail is intact.
    #[must_use]
    pub fn at(&self) -> TrailHead {
        self.at
    }

    /// Whether a fault was found.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.fault.is_some()
    }

    fn fail(&mut self, sequence: u64, message: String) -> bool {
        self.fault.get_or_insert(Fault { sequence, message });
        false
    }

    /// Holds what is known of this point against what was found.
    fn hold(&mut self) {
        let TrailHead { sequence, head } = self.at;
        while let Some(checkpoint) = self.checkpoints.get(self.next)
            && checkpoint.sequence == sequence
            && self.fault.is_none()
        {
            self.hold_checkpoint(checkpoint);
            self.next += 1;
        }
        let differs = self.known.iter().any(|(at, known)| *at == Some(sequence) && *known != head);
        if differs {
            let message = format!(
                "event {sequence} has another head than the one that was given: an event up to {sequence} was rewritten"
            );
            self.fail(sequence, message);
        }
        // The head of a trail without events is every trail's, and proves nothing.
        self.known
            .retain(|(at, known)| sequence == 0 || at.is_some_and(|at| at != sequence) || *known != head);
    }

    fn hold_checkpoint(&mut self, checkpoint: &Checkpoint) {
        let sequence = checkpoint.sequence;
        if !checkpoint.is_signed() {
            self.fail(sequence, format!("the checkpoint at event {sequence} was changed"));
        } else if !self.trusted.is_empty() && !self.trusted.contains(&checkpoint.key) {
            let message = format!("the checkpoint at event {sequence} is signed by {}", checkpoint.key);
            self.fail(sequence, message);
        } else if checkpoint.head != self.at.head {
            let (first, last) = (self.signed_through + 1, sequence);
            let message = format!(
                "the signed checkpoint at event {sequence} has another head: an event from {first} to {last} was rewritten"
            );
            self.fail(first, message);
        } else {
            self.signed_through = sequence;
            if !self.signers.contains(&checkpoint.key) {
                self.signers.push(checkpoint.key);
            }
        }
    }

    /// Ends the trail; `tail` is where it says itself that it ends, where it does.
    #[must_use]
    pub fn end(mut self, tail: Option<TrailHead>) -> Verdict {
        let at = self.at;
        let next = at.sequence + 1;
        let missing: BTreeSet<u64> = self.checkpoints[self.next..]
            .iter()
            .map(|checkpoint| checkpoint.sequence)
            .chain(self.known.iter().filter_map(|(sequence, _)| *sequence))
            .chain(tail.map(|tail| tail.sequence))
            .filter(|sequence| *sequence > at.sequence)
            .collect();
        if let Some(last) = missing.last() {
            self.fail(next, format!("the trail was cut: event {next} is missing, and there were {last}"));
        }
        if tail.is_some_and(|tail| tail != at) {
            self.fail(at.sequence, "the trail's own head is not that of its last event".into());
        }
        if !self.known.is_empty() {
            let message =
                "no event has the head that was given: an event was rewritten, or the trail is another";
            self.fail(1, message.into());
        }
        if !self.trusted.is_empty() && self.signers.is_empty() && at.sequence > 0 {
            self.fail(1, "no checkpoint is signed by the key that was given".into());
        }
        Verdict { intact: at, fault: self.fault, signed_through: self.signed_through, signers: self.signers }
    }
}
