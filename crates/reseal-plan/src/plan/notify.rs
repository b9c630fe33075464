//! Who hears of what, and how.

use std::time::Duration;

use reseal_core::{NoticeKind, Options};

use super::SourceSpec;

/// The section `notify:`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotifySpec {
    /// Ways to notify, in the order of the file.
    pub via: Vec<ViaSpec>,
    /// Who hears of which event.
    pub on: Vec<EventSpec>,
    /// The plan's own wordings.
    pub wordings: Vec<WordingSpec>,
}

/// A way to notify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViaSpec {
    /// Its name in the plan.
    pub name: String,
    /// The plugin's name.
    pub plugin: String,
    /// What the plan says openly.
    pub options: Options,
    /// Where the rest is kept, by option.
    pub secrets: Vec<(String, SourceSpec)>,
    /// Line in the file, from 1.
    pub line: usize,
}

/// Who hears of an event, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSpec {
    /// The event: [`NoticeKind::event`].
    pub event: String,
    /// Who hears of it, each once.
    pub to: Vec<Recipient>,
    /// How long before or after, for events that have a time.
    pub time: Option<Duration>,
    /// From which share of the cells on, in percent.
    pub percent: Option<u32>,
}

/// One address, reached one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The way, by its place in [`NotifySpec::via`].
    pub via: usize,
    /// The address; `None` where the way leads to one place.
    pub address: Option<String>,
}

/// A wording of the plan's own. What it leaves out stays as Reseal brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordingSpec {
    /// A kind of notice, or the name that a reminder of the schedule gives.
    pub name: String,
    /// The subject's template.
    pub subject: Option<String>,
    /// The text's template.
    pub text: Option<String>,
    /// The HTML's template.
    pub html: Option<String>,
}

impl NotifySpec {
    /// What the plan says of an event.
    #[must_use]
    pub fn event(&self, event: &str) -> Option<&EventSpec> {
        self.on.iter().find(|on| on.event == event)
    }

    /// Who hears of a kind of notice.
    #[must_use]
    pub fn recipients(&self, kind: NoticeKind) -> &[Recipient] {
        let on = self.event(kind.event()).or_else(|| self.event(kind.fallback()?));
        on.map_or(&[], |on| &on.to)
    }

    /// The plan's own wording under a name.
    #[must_use]
    pub fn wording(&self, name: &str) -> Option<&WordingSpec> {
        self.wordings.iter().find(|wording| wording.name == name)
    }
}
