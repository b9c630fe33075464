//! Events as JSON: one line of an export each, and the two columns that hold lists.

use serde_json::{Value as Json, json};
use thiserror::Error;

use super::{
    Checkpoint, Cut, CutPoint, Detail, Entry, Event, EventKind, Fingerprint, Head, PublicKey, TrailHead,
};

/// Why what should be an event is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// One line of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// An event.
    Event(Entry),
    /// A checkpoint, behind the event that it stands at.
    Checkpoint(Checkpoint),
    /// The last line: up to where the export reaches.
    End(TrailHead),
    /// A cut: where the trail begins, or where an archive ends.
    Cut(Cut),
}

/// The lines of an export.
pub fn read_export(bytes: &[u8]) -> impl Iterator<Item = Result<Line, Unreadable>> + '_ {
    let lines = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    lines.split(|byte| *byte == b'\n').filter(|_| !bytes.is_empty()).map(Line::read)
}

impl Line {
    fn read(line: &[u8]) -> Result<Line, Unreadable> {
        let text = std::str::from_utf8(line).map_err(|_| Unreadable("the line is not text".into()))?;
        if text.starts_with("{\"checkpoint\"") {
            return Checkpoint::read_line(text).map(Line::Checkpoint);
        }
        if text.starts_with("{\"cut\"") {
            return Cut::read_line(text).map(Line::Cut);
        }
        if text.starts_with("{\"end\"") {
            return TrailHead::read_end(text).map(Line::End);
        }
        Entry::read_line(text).map(Line::Event)
    }

    /// The line as it is written, without its end.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Line::Event(entry) => entry.line(),
            Line::Checkpoint(checkpoint) => checkpoint.line(),
            Line::Cut(cut) => cut.line(),
            Line::End(end) => end.end_line(),
        }
    }
}

impl TrailHead {
    /// The last line of an export that reaches up to here, without the line's end.
    #[must_use]
    pub fn end_line(&self) -> String {
        json!({ "end": { "sequence": self.sequence, "head": self.head.to_string() } }).to_string()
    }

    fn read_end(line: &str) -> Result<TrailHead, Unreadable> {
        read_as(line, "end of an export", |json| read_end(json.get("end")?), TrailHead::end_line)
    }
}

fn read_end(json: &Json) -> Option<TrailHead> {
    let head = Head::parse(json.get("head")?.as_str()?)?;
    Some(TrailHead { sequence: json.get("sequence")?.as_u64()?, head })
}

impl Checkpoint {
    /// The checkpoint as one line of JSON, without the line's end.
    #[must_use]
    pub fn line(&self) -> String {
        json!({ "checkpoint": {
            "sequence": self.sequence,
            "head": self.head.to_string(),
            "time_ms": self.time_ms,
            "key": self.key.to_string(),
            "signature": self.signature,
        } })
        .to_string()
    }

    fn read_line(line: &str) -> Result<Checkpoint, Unreadable> {
        read_as(line, "checkpoint", |json| read_checkpoint(json.get("checkpoint")?), Checkpoint::line)
    }
}

fn read_checkpoint(json: &Json) -> Option<Checkpoint> {
    let text = |name: &str| json.get(name)?.as_str();
    Some(Checkpoint {
        sequence: json.get("sequence")?.as_u64()?,
        head: Head::parse(text("head")?)?,
        time_ms: json.get("time_ms")?.as_i64()?,
        key: PublicKey::parse(text("key")?)?,
        signature: text("signature")?.to_owned(),
    })
}

impl Cut {
    /// The cut as one line of JSON, without the line's end.
    #[must_use]
    pub fn line(&self) -> String {
        let CutPoint { at, before_ms, time_ms, kept, kept_digest } = &self.point;
        json!({ "cut": {
            "sequence": at.sequence,
            "head": at.head.to_string(),
            "before_ms": before_ms,
            "time_ms": time_ms,
            "kept": kept,
            "kept_digest": kept_digest,
            "key": self.key.to_string(),
            "signature": self.signature,
        } })
        .to_string()
    }

    fn read_line(line: &str) -> Result<Cut, Unreadable> {
        read_as(line, "cut", |json| read_cut(json.get("cut")?), Cut::line)
    }
}

fn read_cut(json: &Json) -> Option<Cut> {
    let text = |name: &str| json.get(name)?.as_str();
    let point = CutPoint {
        at: TrailHead { sequence: json.get("sequence")?.as_u64()?, head: Head::parse(text("head")?)? },
        before_ms: json.get("before_ms")?.as_i64()?,
        time_ms: json.get("time_ms")?.as_i64()?,
        kept: json.get("kept")?.as_u64()?,
        kept_digest: text("kept_digest")?.to_owned(),
    };
    Some(Cut { point, key: PublicKey::parse(text("key")?)?, signature: text("signature")?.to_owned() })
}

impl Event {
    /// The fields as JSON: `[["rows", 12], ["state", "complete"]]`.
    #[must_use]
    pub fn fields_json(&self) -> String {
        fields(self).to_string()
    }

    /// The keys as JSON: `[["keyset", "key", "digest"]]`.
    #[must_use]
    pub fn keys_json(&self) -> String {
        keys(self).to_string()
    }

    /// Reads what [`Event::fields_json`] wrote, and nothing else: other JSON of the same meaning is an edit.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn read_fields(&mut self, text: &str) -> Result<(), Unreadable> {
        self.fields = parse(text).and_then(|json| read_fields(&json)).unwrap_or_default();
        exact(&self.fields_json(), text, "fields")
    }

    /// Reads what [`Event::keys_json`] wrote, and nothing else.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn read_keys(&mut self, text: &str) -> Result<(), Unreadable> {
        self.keys = parse(text).and_then(|json| read_keys(&json)).unwrap_or_default();
        exact(&self.keys_json(), text, "keys")
    }
}

impl Entry {
    /// The entry as one line of JSON, without the line's end.
    #[must_use]
    pub fn line(&self) -> String {
        let event = &self.event;
        json!({
            "sequence": self.sequence,
            "time_ms": event.time_ms,
            "operator": event.operator,
            "host": event.host,
            "kind": event.kind.name(),
            "plan": event.plan,
            "plan_digest": event.plan_digest,
            "run_id": event.run_id,
            "fields": fields(event),
            "keys": keys(event),
            "head": self.head.to_string(),
        })
        .to_string()
    }

    /// Reads what [`Entry::line`] wrote, and nothing else.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn read_line(line: &str) -> Result<Entry, Unreadable> {
        read_as(line, "event of a trail", read_entry, Entry::line)
    }
}

fn fields(event: &Event) -> Json {
    let pairs = event.fields.iter().map(|(name, value)| match value {
        Detail::Text(text) => json!([name, text]),
        Detail::Integer(n) => json!([name, n]),
    });
    Json::Array(pairs.collect())
}

fn keys(event: &Event) -> Json {
    Json::Array(event.keys.iter().map(|key| json!([key.keyset, key.key, key.digest])).collect())
}

fn parse(text: &str) -> Option<Json> {
    serde_json::from_str(text).ok()
}

/// What a line holds, where it is written in the one way in which it may be.
fn read_as<T>(
    line: &str,
    what: &str,
    read: impl Fn(&Json) -> Option<T>,
    write: impl Fn(&T) -> String,
) -> Result<T, Unreadable> {
    let found = parse(line).and_then(|json| read(&json));
    let found = found.ok_or_else(|| Unreadable(format!("the line is not a valid {what}")))?;
    exact(&write(&found), line, "the line")?;
    Ok(found)
}

fn exact(written: &str, found: &str, what: &str) -> Result<(), Unreadable> {
    match written == found {
        true => Ok(()),
        false => Err(Unreadable(format!("{what} is not in the form that Reseal writes"))),
    }
}

fn read_fields(json: &Json) -> Option<Vec<(String, Detail)>> {
    let pairs = json.as_array()?.iter().map(|pair| match &pair.as_array()?[..] {
        [Json::String(name), Json::String(text)] => Some((name.clone(), Detail::Text(text.clone()))),
        [Json::String(name), Json::Number(n)] => Some((name.clone(), Detail::Integer(n.as_i64()?))),
        _ => None,
    });
    pairs.collect()
}

fn read_keys(json: &Json) -> Option<Vec<Fingerprint>> {
    let keys = json.as_array()?.iter().map(|key| match &key.as_array()?[..] {
        [Json::String(keyset), Json::String(key), Json::String(digest)] => {
            Some(Fingerprint { keyset: keyset.clone(), key: key.clone(), digest: digest.clone() })
        }
        _ => None,
    });
    keys.collect()
}

fn read_entry(json: &Json) -> Option<Entry> {
    let text = |name: &str| json.get(name)?.as_str().map(str::to_owned);
    let event = Event {
        kind: EventKind::parse(json.get("kind")?.as_str()?)?,
        time_ms: json.get("time_ms")?.as_i64()?,
        operator: text("operator")?,
        host: text("host")?,
        plan: text("plan")?,
        plan_digest: text("plan_digest")?,
        run_id: text("run_id")?,
        fields: read_fields(json.get("fields")?)?,
        keys: read_keys(json.get("keys")?)?,
    };
    let (sequence, head) = (json.get("sequence")?.as_u64()?, Head::parse(json.get("head")?.as_str()?)?);
    Some(Entry { sequence, event, head })
}
