//! Notices in Reseal's own log.

use async_trait::async_trait;
use reseal_core::{Delivery, Message, Notifier, NotifierPlugin, Severity};

/// The plugin.
pub const PLUGIN: NotifierPlugin = NotifierPlugin {
    name: "log",
    summary: "The log of Reseal.",
    options: &[],
    needs_address: false,
    check: |_| Ok(()),
    address: |_| Err("the log has no addresses: write `[]`".into()),
    build: |_, _| Ok(Box::new(Log)),
};

struct Log;

#[async_trait]
impl Notifier for Log {
    async fn send(&self, message: &Message, _now: i64) -> Delivery {
        let (title, plan) = (message.title.as_str(), message.notice.plan.as_str());
        let (kind, about) = (message.notice.kind.name(), message.notice.subject.as_str());
        let fields: Vec<String> =
            message.notice.fields.iter().map(|(name, text)| format!("{name}={text:?}")).collect();
        let fields = fields.join(" ");
        match message.notice.kind.severity() {
            _ if message.notice.resolved => {
                tracing::info!(plan, kind, about, resolved = true, "{title} {fields}")
            }
            Severity::Info => tracing::info!(plan, kind, about, "{title} {fields}"),
            Severity::Warning => tracing::warn!(plan, kind, about, "{title} {fields}"),
            Severity::Critical => tracing::error!(plan, kind, about, "{title} {fields}"),
        }
        Delivery::Sent
    }
}
