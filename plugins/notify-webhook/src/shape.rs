//! What the JSON looks like: one template for each kind of receiver.

use std::collections::BTreeMap;

use minijinja::{AutoEscape, Environment, Value};
use reseal_core::{Message, Severity};

/// What the receiver expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Everything there is, for programs.
    Plain,
    /// A Slack incoming webhook: blocks.
    Slack,
    /// A Teams workflow: an adaptive card.
    Teams,
    /// PagerDuty's Events API v2.
    PagerDuty,
}

impl Shape {
    pub(crate) const NAMES: [&'static str; 4] = ["plain", "slack", "teams", "pagerduty"];

    pub(crate) fn named(name: &str) -> Shape {
        match name {
            "slack" => Shape::Slack,
            "teams" => Shape::Teams,
            "pagerduty" => Shape::PagerDuty,
            _ => Shape::Plain,
        }
    }

    fn template(self) -> &'static str {
        match self {
            Shape::Plain => include_str!("../shapes/plain.json"),
            Shape::Slack => include_str!("../shapes/slack.json"),
            Shape::Teams => include_str!("../shapes/teams.json"),
            Shape::PagerDuty => include_str!("../shapes/pagerduty.json"),
        }
    }

    /// The body of a request.
    pub(crate) fn fill(self, message: &Message, routing_key: Option<&str>) -> Result<String, String> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Json);
        environment.add_filter("mrkdwn", mrkdwn);
        environment.add_filter("cut", cut);
        let template = environment.template_from_named_str("shape.json", self.template());
        let filled = template.and_then(|template| template.render(values(message, routing_key)));
        filled.map_err(|_| "the message could not be built".to_owned())
    }
}

fn values(message: &Message, routing_key: Option<&str>) -> Value {
    let notice = &message.notice;
    let severity = match notice.kind.severity() {
        _ if notice.resolved => "info",
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let field = |(name, text): &(String, String)| {
        let label = name.replace('_', " ");
        let pairs = [("name", name.as_str()), ("label", &label), ("text", text)];
        Value::from(
            pairs.into_iter().map(|(name, text)| (name, Value::from(text))).collect::<BTreeMap<_, _>>(),
        )
    };
    let texts = [
        ("id", message.id.as_str()),
        ("kind", notice.kind.name()),
        ("plan", &notice.plan),
        ("subject", &notice.subject),
        ("slot", &notice.slot),
        ("severity", severity),
        ("title", &message.title),
        ("text", &message.text),
    ];
    let mut values: BTreeMap<&str, Value> =
        texts.into_iter().map(|(name, text)| (name, Value::from(text))).collect();
    values.insert("to", message.to.as_deref().map_or(Value::from(()), Value::from));
    values.insert("resolved", Value::from(notice.resolved));
    values.insert("posted_at", Value::from(message.posted_at));
    values.insert("fields", Value::from(notice.fields.iter().map(field).collect::<Vec<_>>()));
    values.insert("routing_key", Value::from(routing_key.unwrap_or_default()));
    Value::from(values)
}

/// Slack reads these three characters as markup.
fn mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The receivers refuse longer texts.
fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        false => text.to_owned(),
    }
}
