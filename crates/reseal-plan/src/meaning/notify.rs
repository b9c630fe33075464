//! Ways, groups, events and wordings: that every name leads somewhere, and every template can be read.

use std::time::Duration;

use reseal_core::{NoticeKind, NotifierPlugin};
use serde_json::Value;

use super::{Entries, Meaning, index_of, names_of, quoted};
use crate::document::Finding;
use crate::names::listed;
use crate::options::options_of;
use crate::plan::{EventSpec, NotifySpec, Recipient, ViaSpec, WordingSpec};
use crate::raw;

/// Recipients by group; `None` for a group with a mistake in it.
type Groups = Entries<Vec<Recipient>>;

impl Meaning<'_> {
    pub(super) fn notify(&mut self, raw: raw::Notify) -> Option<NotifySpec> {
        let before = self.findings.len();
        let ways = raw.via.0.into_iter();
        let via: Entries<ViaSpec> = ways
            .map(|(name, raw)| {
                let way = raw.and_then(|raw| self.via(&name, raw));
                (name, way)
            })
            .collect();
        let groups = raw.to.0.into_iter();
        let groups: Groups = groups
            .map(|(name, raw)| {
                let group = raw.map(|raw| self.group(&name, raw, &via));
                (name, group)
            })
            .collect();
        let on = raw.on.0.into_iter();
        let on: Vec<EventSpec> =
            on.filter_map(|(event, raw)| self.event(event, raw?, &via, &groups)).collect();
        let wordings = raw.templates.0.into_iter();
        let wordings: Vec<WordingSpec> =
            wordings.filter_map(|(name, raw)| Some(self.wording(name, raw?))).collect();
        let via = super::all(via)?;
        Some(NotifySpec { via, on, wordings }).filter(|_| self.findings.len() == before)
    }

    fn via(&mut self, name: &str, raw: raw::Via) -> Option<ViaSpec> {
        let (kind, options) = raw.0.into_iter().next()?;
        let path = ["notify", "via", name, kind.as_str()];
        let plugin = self.vocabulary.notifier(&kind)?;
        let secrets = self.option_sources(plugin.options, &options, &path)?;
        let options = options_of(&options);
        if let Err(error) = (plugin.check)(&options) {
            let option = error.option.unwrap_or_default();
            let at = [&path[..], &[option]].concat();
            self.find_help("notifier", &at, error.message, error.help);
            return None;
        }
        let line = self.line(&path[..3]);
        Some(ViaSpec { name: name.into(), plugin: kind.clone(), options, secrets, line })
    }

    fn group(&mut self, name: &str, raw: raw::Named<Vec<String>>, via: &Entries<ViaSpec>) -> Vec<Recipient> {
        let mut recipients = Vec::new();
        for (way, addresses) in raw.0 {
            let path = ["notify", "to", name, way.as_str()];
            let Some(at) = index_of(via, &way) else {
                let message = format!("`via` has no entry {}", quoted(&way));
                self.unknown_name("unknown-via", &path, message, &way, &names_of(via));
                continue;
            };
            let addresses = addresses.unwrap_or_default();
            let Some(plugin) = self.plugin_of(via, at) else { continue };
            if addresses.is_empty() {
                if plugin.needs_address {
                    let message = format!("{} requires addresses", quoted(&way));
                    self.find("no-address", &path, message);
                }
                recipients.push(Recipient { via: at, address: None });
            }
            for (number, address) in addresses.into_iter().enumerate() {
                if let Err(help) = (plugin.address)(&address) {
                    let message = format!("{} does not accept this address", quoted(&way));
                    self.find_help(
                        "address",
                        &[&path[..], &[&number.to_string()]].concat(),
                        message,
                        Some(help),
                    );
                }
                recipients.push(Recipient { via: at, address: Some(address) });
            }
        }
        recipients
    }

    fn plugin_of(&self, via: &Entries<ViaSpec>, at: usize) -> Option<&'static NotifierPlugin> {
        let (_, way) = via.get(at)?;
        self.vocabulary.notifier(&way.as_ref()?.plugin)
    }

    fn event(
        &mut self,
        event: String,
        raw: raw::Audience,
        via: &Entries<ViaSpec>,
        groups: &Groups,
    ) -> Option<EventSpec> {
        let path = ["notify", "on", event.as_str()];
        let events: Vec<&str> = events();
        if !events.contains(&event.as_str()) {
            let message = format!("unknown event {}", quoted(&event));
            self.unknown_name("unknown-event", &path, message, &event, &events);
            return None;
        }
        let (names, timed) = match raw {
            raw::Audience::Groups(names) => (names, None),
            raw::Audience::Timed(mut timed) => (std::mem::take(&mut timed.to), Some(timed)),
        };
        let under_to = [path[0], path[1], path[2], "to"];
        let list = if timed.is_some() { &under_to[..] } else { &path[..] };
        let (time, percent) = self.when(&event, timed.unwrap_or_default());
        let mut to: Vec<Recipient> = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let found = self.audience(name, via, groups, &[list, &[&number.to_string()]].concat());
            found.into_iter().for_each(|recipient| {
                if !to.contains(&recipient) {
                    to.push(recipient);
                }
            });
        }
        Some(EventSpec { event: event.clone(), to, time, percent })
    }

    /// The recipients that a name in an event's list stands for.
    fn audience(
        &mut self,
        name: &str,
        via: &Entries<ViaSpec>,
        groups: &Groups,
        path: &[&str],
    ) -> Vec<Recipient> {
        if let Some(at) = index_of(groups, name) {
            return groups[at].1.clone().unwrap_or_default();
        }
        if let Some(at) = index_of(via, name) {
            if self.plugin_of(via, at).is_some_and(|plugin| plugin.needs_address) {
                let message = format!("{} requires addresses; define a group under `to:`", quoted(name));
                self.find("no-address", path, message);
            }
            return vec![Recipient { via: at, address: None }];
        }
        let known = [names_of(groups), names_of(via)].concat();
        self.unknown("unknown-group", "group", name, &known, path);
        Vec::new()
    }

    /// When an event is told, and from which share on.
    fn when(&mut self, event: &str, raw: raw::Timed) -> (Option<Duration>, Option<u32>) {
        let path = |name| ["notify", "on", event, name];
        let timing = Timing::of(event);
        let given = [("before", raw.before), ("after", raw.after)];
        let mut time = match timing {
            Timing::Before(default) | Timing::After(Some(default)) => Some(default),
            Timing::After(None) | Timing::Percent(_) | Timing::None => None,
        };
        for (word, text) in given.into_iter().filter_map(|(word, text)| Some((word, text?))) {
            if timing.word() == Some(word) {
                time = self.duration(&text, &path(word)).or(time);
            } else {
                let message = format!("event {} does not support `{word}`", quoted(event));
                let help = timing.word().map(|word| format!("it supports `{word}`"));
                self.find_help("timing", &path(word), message, help);
            }
        }
        if matches!(timing, Timing::After(None)) && time.is_none() {
            let message = format!("event {} requires `after`", quoted(event));
            let help = format!("for example {event}: {{ after: 30m, to: [group] }}");
            let finding = Finding::new("timing", self.named(&["notify", "on", event]), message).help(help);
            self.findings.push(finding);
        }
        let percent = match timing {
            Timing::Percent(default) => Some(raw.percent.unwrap_or(default)),
            _ if raw.percent.is_some() => {
                let message = format!("event {} does not support `percent`", quoted(event));
                self.find("timing", &path("percent"), message);
                None
            }
            _ => None,
        };
        (time, percent)
    }

    fn wording(&mut self, name: String, raw: raw::Wording) -> WordingSpec {
        let path = ["notify", "templates", name.as_str()];
        let known = self.wording_names();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        if !known.contains(&name.as_str()) {
            let message = format!("unknown notice {}", quoted(&name));
            self.unknown_name("unknown-template", &path, message, &name, &known);
        }
        for (part, text) in [("subject", &raw.subject), ("text", &raw.text), ("html", &raw.html)] {
            if let Some(error) = text.as_ref().and_then(|text| syntax_error(text)) {
                self.find("bad-template", &[&path[..], &[part]].concat(), error);
            }
        }
        WordingSpec { name: name.clone(), subject: raw.subject, text: raw.text, html: raw.html }
    }

    /// What a wording may be for: the kinds of notice, and what the schedule reminds of.
    fn wording_names(&self) -> Vec<String> {
        let kinds = NoticeKind::ALL.into_iter().map(|kind| kind.name().to_owned());
        let plan = self.root.to_json();
        let jobs = plan.get("schedule").and_then(Value::as_object).into_iter().flatten();
        let reminders = jobs.filter_map(|(_, job)| Some(job.get("do")?.get("remind")?.as_str()?.to_owned()));
        kinds.chain(reminders).collect()
    }

    /// Reports a name that leads nowhere where it stands as the name of an entry.
    fn unknown_name(
        &mut self,
        code: &'static str,
        path: &[&str],
        message: String,
        name: &str,
        known: &[&str],
    ) {
        let help = crate::names::did_you_mean(name, known)
            .or_else(|| (!known.is_empty()).then(|| format!("valid names: {}", listed(known, "and"))));
        self.findings.push(Finding::new(code, self.named(path), message).maybe_help(help));
    }
}

/// What can be said of when an event is told.
#[derive(Clone, Copy)]
enum Timing {
    /// Nothing.
    None,
    /// How long before; this long where the plan does not say.
    Before(Duration),
    /// How long after; this long where the plan does not say, or it must say.
    After(Option<Duration>),
    /// From which share of the cells on, in percent; this where the plan does not say.
    Percent(u32),
}

impl Timing {
    fn of(event: &str) -> Timing {
        const MINUTE: u64 = 60;
        let minutes = |n: u64| Duration::from_secs(n * MINUTE);
        match NoticeKind::ALL.into_iter().find(|kind| kind.event() == event) {
            Some(NoticeKind::Announced) => Timing::Before(minutes(24 * 60)),
            Some(NoticeKind::Deadline) => Timing::Before(minutes(60)),
            Some(NoticeKind::Slow) => Timing::After(None),
            Some(NoticeKind::NoProgress) => Timing::After(Some(minutes(15))),
            Some(NoticeKind::Throttled) => Timing::After(Some(minutes(60))),
            Some(NoticeKind::ConnectionErrors) => Timing::After(Some(minutes(5))),
            Some(NoticeKind::FailedOpens) => Timing::Percent(1),
            _ => Timing::None,
        }
    }

    fn word(self) -> Option<&'static str> {
        match self {
            Timing::Before(_) => Some("before"),
            Timing::After(_) => Some("after"),
            Timing::Percent(_) | Timing::None => None,
        }
    }
}

/// All events, each once.
fn events() -> Vec<&'static str> {
    let mut events: Vec<&str> = NoticeKind::ALL.into_iter().map(NoticeKind::event).collect();
    events.dedup();
    events
}

/// What is wrong with a template, with the line in it.
fn syntax_error(text: &str) -> Option<String> {
    let error = minijinja::Environment::new().template_from_str(text).err()?;
    let detail = error.detail().map(str::to_owned).unwrap_or_else(|| error.kind().to_string());
    Some(match error.line() {
        Some(line) if text.lines().count() > 1 => format!("line {line} of the template: {detail}"),
        _ => format!("cannot parse this template: {detail}"),
    })
}
