//! Who works on something under a lease: written by an engine, read by people and by other engines.

/// A process under a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The name of its machine; where a text is none that this version writes, that text.
    pub host: String,
    /// The process there.
    pub process: Option<Process>,
}

/// A process of a machine, and what tells it from a later one of the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The machine's boot and the process's namespace: within them number and start time name one process.
    pub boot: String,
    /// When it started, in clock ticks since boot.
    pub started: String,
}

const BETWEEN: &str = " · ";
const PROCESS: &str = "process ";

impl Holder {
    /// The text in the ledger.
    #[must_use]
    pub fn encode(&self) -> String {
        match &self.process {
            None => self.host.clone(),
            Some(Process { pid, boot, started }) => {
                [&self.host, &format!("{PROCESS}{pid}"), boot, started].map(String::as_str).join(BETWEEN)
            }
        }
    }

    /// Reads what [`Holder::encode`] gave. Any other text is kept as it is, and names no process.
    #[must_use]
    pub fn decode(text: &str) -> Holder {
        let parts: Vec<&str> = text.split(BETWEEN).collect();
        if let [host, process, boot, started] = parts[..]
            && let Some(Ok(pid)) = process.strip_prefix(PROCESS).map(str::parse)
        {
            let process = Process { pid, boot: boot.to_owned(), started: started.to_owned() };
            return Holder { host: host.to_owned(), process: Some(process) };
        }
        Holder { host: text.to_owned(), process: None }
    }

    /// What people can use of it.
    #[must_use]
    pub fn for_people(&self) -> String {
        match &self.process {
            None => self.host.clone(),
            Some(process) => format!("{}, {PROCESS}{}", self.host, process.pid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let cases = [
            ("db1 · process 17 · 9e0c pid:[4026531836] · 4711", "db1, process 17", true),
            (" · process 17 ·   · ", ", process 17", true),
            ("db1 · process x · 9e0c · 4711", "db1 · process x · 9e0c · 4711", false),
            ("db1", "db1", false),
            ("", "", false),
        ];
        for (text, people, names_one) in cases {
            let holder = Holder::decode(text);
            assert_eq!(holder.encode(), text);
            assert_eq!((holder.for_people().as_str(), holder.process.is_some()), (people, names_one));
        }
    }
}
