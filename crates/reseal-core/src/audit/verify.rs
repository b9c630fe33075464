//! Holding a trail against its own chain, its checkpoints, and heads that left the house.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Checkpoint, Cut, CutPoint, Entry, Head, KeptEvents, Line, PublicKey, TrailHead, Unreadable, read_export,
};

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
    /// The keys that signed checkpoints and cuts of it.
    pub signers: Vec<PublicKey>,
    /// The last event before those that were read; 0 where the first one was read.
    pub archived_through: u64,
}

impl Verdict {
    /// Verifies an export. `trusted` and `known` are those of [`Trail::new`].
    #[must_use]
    pub fn of_export(bytes: &[u8], trusted: &[PublicKey], known: &[(Option<u64>, Head)]) -> Verdict {
        let lines: Vec<_> = read_export(bytes).collect();
        let checkpoints = checkpoints_of(&lines);
        let mut trail = Trail::new(&checkpoints, trusted, known);
        let end = trail.take_lines(lines);
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

/// The checkpoints among the lines of an export.
#[must_use]
pub fn checkpoints_of(lines: &[Result<Line, Unreadable>]) -> Vec<Checkpoint> {
    let checkpoints = lines.iter().filter_map(|line| match line {
        Ok(Line::Checkpoint(checkpoint)) => Some(checkpoint.clone()),
        _ => None,
    });
    checkpoints.collect()
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
    /// Where it begins.
    start: TrailHead,
    /// Heads of events that were read from archives.
    archived: BTreeMap<u64, Head>,
    /// The cut whose kept events are being read.
    cut: Option<CutPoint>,
    kept: KeptEvents,
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
        let mut trail = Trail {
            at: TrailHead::START,
            checkpoints,
            next: 0,
            known: known.to_vec(),
            trusted,
            fault: None,
            signed_through: 0,
            signers: Vec::new(),
            start: TrailHead::START,
            archived: BTreeMap::new(),
            cut: None,
            kept: KeptEvents::default(),
        };
        trail.hold();
        trail
    }

    /// Takes the lines of an export, or of an archive: the one ends with a line that says so, the other with a cut. Gives up to
    /// where that line says that they reach.
    pub fn take_lines(
        &mut self,
        lines: impl IntoIterator<Item = Result<Line, Unreadable>>,
    ) -> Option<TrailHead> {
        let mut end = None;
        for (at, line) in lines.into_iter().enumerate() {
            match line {
                _ if end.is_some() => self.behind_the_end(),
                Ok(Line::Event(entry)) => {
                    self.take_entry(entry);
                }
                Ok(Line::Checkpoint(checkpoint)) => self.checkpoint_stands_here(checkpoint.sequence),
                Ok(Line::Cut(cut)) => {
                    self.take_cut(&cut);
                    end = Some(cut.point.at).filter(|_| at > 0);
                }
                Ok(Line::End(head)) => end = Some(head),
                Err(why) => self.unreadable(&why),
            }
        }
        if end.is_none() {
            self.endless();
        }
        end
    }

    /// Takes the lines of an archive, and keeps in mind what it says of events that stayed behind the cut.
    pub fn take_archive(&mut self, lines: Vec<Result<Line, Unreadable>>) {
        let entries = lines.iter().filter_map(|line| match line {
            Ok(Line::Event(entry)) => Some((entry.sequence, entry.head)),
            _ => None,
        });
        self.archived.extend(entries);
        let ends_with_cut = matches!(lines.last(), Some(Ok(Line::Cut(_))));
        self.take_lines(lines);
        if !ends_with_cut {
            let next = self.at.sequence + 1;
            self.fail(next, "the archive does not end with a cut".into());
        }
    }

    /// Takes a cut: before any event it is where the trail begins, and elsewhere where it must stand. Gives false when there
    /// is nothing more to learn.
    pub fn take_cut(&mut self, cut: &Cut) -> bool {
        let (at, sequence) = (cut.point.at, cut.point.at.sequence);
        if self.fault.is_some() {
            return false;
        }
        if !cut.is_signed() {
            return self.fail(sequence, format!("the cut at event {sequence} was changed"));
        }
        if !self.trusted.is_empty() && !self.trusted.contains(&cut.key) {
            return self.fail(sequence, format!("the cut at event {sequence} is signed by {}", cut.key));
        }
        if self.at == TrailHead::START {
            (self.at, self.start) = (at, at);
            self.next = self.checkpoints.iter().take_while(|found| found.sequence < sequence).count();
            self.hold();
        } else if self.at != at {
            let stands = self.at.sequence;
            let message = format!(
                "the trail is cut at event {sequence}, but the events before it end at event {stands} or \
                 have a different head"
            );
            return self.fail(sequence.min(stands + 1), message);
        }
        self.is_signed_by(sequence, cut.key);
        self.fault.is_none()
    }

    /// Expects the events that a cut has kept before all others.
    pub fn expect_kept(&mut self, cut: &Cut) {
        self.cut = Some(cut.point.clone());
    }

    fn take_kept(&mut self, sequence: i64, found: Result<Entry, Unreadable>) -> bool {
        let number = u64::try_from(sequence).unwrap_or_default();
        let entry = match found {
            Ok(entry) => entry,
            Err(why) => return self.fail(number, format!("event {number} was changed: {why}")),
        };
        if let Some(head) = self.archived.get(&number) {
            let before = match number - 1 {
                before if before == self.start.sequence => Some(&self.start.head),
                before => self.archived.get(&before),
            };
            if entry.head != *head || before.is_some_and(|before| before.after(number, &entry.event) != *head)
            {
                return self.fail(number, format!("event {number} differs from the archive"));
            }
        }
        self.known.retain(|(at, known)| *known != entry.head || at.is_some_and(|at| at != number));
        self.kept = std::mem::take(&mut self.kept).with(&entry);
        true
    }

    /// Compares the events that were kept with those that the cut names, once all of them were taken.
    fn close_kept(&mut self) {
        let Some(point) = self.cut.take() else { return };
        if !self.kept.are_of(&point) {
            let sequence = point.at.sequence;
            let message =
                format!("an event that the cut at event {sequence} kept was changed, removed or added");
            self.fail(sequence, message);
        }
    }

    /// Takes the next event, as it was found. Gives false when there is nothing more to learn.
    pub fn take(&mut self, sequence: i64, found: Result<Entry, Unreadable>) -> bool {
        if self.fault.is_some() {
            return false;
        }
        if self.cut.as_ref().is_some_and(|cut| i128::from(sequence) <= i128::from(cut.at.sequence)) {
            return self.take_kept(sequence, found);
        }
        self.close_kept();
        if self.fault.is_some() {
            return false;
        }
        let expected = self.at.sequence + 1;
        if sequence != i64::try_from(expected).unwrap_or(i64::MAX) {
            let message = match i128::from(sequence) > i128::from(expected) {
                true => format!("event {expected} is missing: event {sequence} follows {}", self.at.sequence),
                false => format!("event {sequence} is at the position of event {expected}"),
            };
            return self.fail(expected, message);
        }
        let entry = match found {
            Ok(entry) => entry,
            Err(why) => return self.fail(expected, format!("event {expected} was changed: {why}")),
        };
        let at = self.at.after(&entry.event);
        if at.head != entry.head {
            let message =
                format!("event {expected} does not follow from the previous event: it was changed or moved");
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
        self.fail(expected, format!("the entry at the position of event {expected} was changed: {why}"));
    }

    /// An export has a checkpoint of this event here.
    fn checkpoint_stands_here(&mut self, sequence: u64) {
        let at = self.at.sequence;
        if sequence != at {
            let message = format!("the checkpoint of event {sequence} is after event {at}");
            self.fail(sequence.min(at + 1), message);
        }
    }

    /// An export goes on behind its last line.
    fn behind_the_end(&mut self) {
        self.fail(self.at.sequence + 1, "there is data after the last line of the export".into());
    }

    /// An export has no last line.
    fn endless(&mut self) {
        let message = "the export has no end line: it was truncated, or an earlier version wrote it";
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
                "event {sequence} has a different head than the given one: an event up to {sequence} was \
                 rewritten"
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
                "the signed checkpoint at event {sequence} has a different head: an event from {first} to \
                 {last} was rewritten"
            );
            self.fail(first, message);
        } else {
            self.is_signed_by(sequence, checkpoint.key);
        }
    }

    fn is_signed_by(&mut self, sequence: u64, key: PublicKey) {
        self.signed_through = sequence;
        if !self.signers.contains(&key) {
            self.signers.push(key);
        }
    }

    /// Ends the trail; `tail` is where it says itself that it ends, where it does.
    #[must_use]
    pub fn end(mut self, tail: Option<TrailHead>) -> Verdict {
        self.close_kept();
        let (at, start) = (self.at, self.start.sequence);
        let next = at.sequence + 1;
        let missing: BTreeSet<u64> = self.checkpoints[self.next..]
            .iter()
            .map(|checkpoint| checkpoint.sequence)
            .chain(self.known.iter().filter_map(|(sequence, _)| *sequence))
            .chain(tail.map(|tail| tail.sequence))
            .filter(|sequence| *sequence > at.sequence)
            .collect();
        if let Some(last) = missing.last() {
            self.fail(
                next,
                format!("the trail was truncated: event {next} is missing, but there were {last} events"),
            );
        }
        if tail.is_some_and(|tail| tail != at) {
            self.fail(at.sequence, "the head of the trail does not match its last event".into());
        }
        let archived = self.known.iter().filter_map(|(at, _)| *at).find(|at| *at < start);
        if let Some(archived) = archived {
            let message = format!("event {archived} is archived: pass the archive to check its head");
            self.fail(archived, message);
        }
        if !self.known.is_empty() {
            let message = "no event has the given head: an event was rewritten, or this is a different trail";
            self.fail(1, message.into());
        }
        if !self.trusted.is_empty() && self.signers.is_empty() && at.sequence > 0 {
            self.fail(1, "no checkpoint is signed with the given key".into());
        }
        Verdict {
            intact: at,
            fault: self.fault,
            signed_through: self.signed_through,
            signers: self.signers,
            archived_through: start,
        }
    }
}
