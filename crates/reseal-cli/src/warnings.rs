//! What is logged, as people read it: in the program's own form; at a terminal above the bar of progress, and no wider
//! than the terminal.

use std::fmt::{self, Write as _};

use crate::output::{harmless, plain};
use crate::wrap::{Layout, wrapped};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The target of notices that a plan sends to the log.
pub(crate) const NOTICES: &str = "notify_log";

/// Narrower than this nothing reads well.
const NARROWEST: usize = 40;

/// Events for people.
pub(crate) struct ForPeople {
    /// The width of their terminal; `None` in a pipe, where nothing is wrapped and no bar is cleared.
    pub(crate) width: Option<fn() -> usize>,
}

/// The width of the terminal behind stderr.
pub(crate) fn width() -> usize {
    comfy_table::Table::new().use_stderr().width().map_or(80, usize::from)
}

impl<S, N> FormatEvent<S, N> for ForPeople
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if self.width.is_some() {
            // The bar may stand on this line; it is drawn anew on the next one.
            out.write_str("\r\u{1b}[2K")?;
        }
        let word = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let layout = Layout {
            indent: word.len() + 2,
            width: self.width.map_or(usize::MAX, |width| width().max(NARROWEST)),
        };
        let code = fields.code.map(|code| format!("[{}]", plain(&code))).unwrap_or_default();
        // A notice says in its text what it is about, and names it in fields for programs.
        let others = if event.metadata().target() == NOTICES { "" } else { fields.others.as_str() };
        let message = harmless(&format!("{}{others}", fields.message));
        wrapped(&mut out, &format!("{word}{code}: "), &message, layout)?;
        match fields.help {
            Some(help) => {
                let first = format!("{:>indent$}", "help: ", indent = layout.indent);
                wrapped(&mut out, &first, &harmless(&help), layout)
            }
            None => Ok(()),
        }
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    code: Option<String>,
    message: String,
    help: Option<String>,
    others: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            "help" => self.help = Some(value.to_owned()),
            "code" => self.code = Some(value.to_owned()),
            name => {
                let _ = write!(self.others, " ({name}: {value})");
            }
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What two warnings look like.
    fn logged(width: Option<fn() -> usize>) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .event_format(ForPeople { width })
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let (code, help) = ("indexed-cells", "if nobody searches by it, drop it before the run");
            tracing::warn!(
                code,
                help,
                "{}",
                "people.a has the index people_a: every swap writes it too, at about twice the cost"
            );
            tracing::warn!(plan = "people", "alerts are delayed");
        });
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_warning_is_wrapped_and_clears_the_bar() {
        assert_eq!(
            logged(Some(|| 50)),
            "\r\u{1b}[2Kwarning[indexed-cells]: people.a has the index\n\
             \x20        people_a: every swap writes it too, at\n\
             \x20        about twice the cost\n\
             \x20  help: if nobody searches by it, drop it before\n\
             \x20        the run\n\
             \r\u{1b}[2Kwarning: alerts are delayed (plan: people)\n"
        );
    }

    #[test]
    fn a_pipe_has_no_width_and_no_bar() {
        assert_eq!(
            logged(None),
            "warning[indexed-cells]: people.a has the index people_a: every swap writes it too, at about twice the cost\n\
             \x20  help: if nobody searches by it, drop it before the run\n\
             warning: alerts are delayed (plan: people)\n"
        );
    }
}
