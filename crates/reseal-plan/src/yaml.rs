//! YAML text to a tree of nodes that know where they stand.
//!
//! All knowledge of the YAML library is in this file. What it reads is bounded: a plan is a page or two, and
//! whatever is far beyond that is a mistake or an attack.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::budget::BudgetBreach;
use serde_yaml::localizer::ExternalMessageSource;
use serde_yaml::options::DuplicateKeyPolicy;
use serde_yaml::{Location, Spanned};

/// Texts beyond this size are refused unread.
pub(crate) const MAX_BYTES: usize = 1024 * 1024;

/// Where something stands: byte offsets into the text, `start..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A value of the document.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) span: Span,
    pub(crate) content: Content,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<MapEntry>),
}

/// One entry of a map. Names may repeat: the form check reports them all.
#[derive(Clone, Debug)]
pub(crate) struct MapEntry {
    pub(crate) name: String,
    pub(crate) name_span: Span,
    pub(crate) node: Node,
}

/// Why a text is no tree.
#[derive(Debug)]
pub(crate) struct YamlError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Line and column, from 1: an error of the scanner has no byte offset.
    pub(crate) place: Option<(u64, u64)>,
}

/// Reads a text.
pub(crate) fn read(text: &str) -> Result<Node, YamlError> {
    if text.len() > MAX_BYTES {
        let message = format!("the plan has {} bytes; the limit is {MAX_BYTES} bytes", text.len());
        return Err(YamlError { code: "too-large", message, place: None });
    }
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_events: 50_000,
            max_nodes: 20_000,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_recorded_anchor_events: 50_000,
            max_recorded_anchor_bytes: 4 * MAX_BYTES,
            max_total_scalar_bytes: 4 * MAX_BYTES,
            max_documents: 1,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 10_000, max_replay_stack_depth: 16 },
        // Repeated names reach the visitor, so that all of them are reported, not the first alone.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // What looks like a number and would not read back the same stays a text: 007 is a version, not seven.
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        strict_booleans: true,
        reject_unsupported_tags: true,
        // Its own snippets show neighbouring lines.
        with_snippet: false,
    };
    match serde_yaml::from_str_with_options::<Spanned<Content>>(text, options) {
        Ok(tree) => Ok(Node { span: span_of(&tree.defined), content: tree.value }),
        Err(error) => Err(explain(&error)),
    }
}

fn span_of(location: &Location) -> Span {
    let span = location.span();
    let at = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok());
    let start = at(span.byte_offset()).unwrap_or_default();
    Span { start, end: start + at(span.byte_len()).unwrap_or_default() }
}

/// The library's error in our words. None of the texts passed on holds any content of the file.
fn explain(error: &serde_yaml::Error) -> YamlError {
    use serde_yaml::Error as E;
    let (code, message) = match error.without_snippet() {
        // What went wrong inside an alias is told as such, at the place where the alias is used.
        E::AliasError { error, .. } => {
            let YamlError { code, message, .. } = explain(error);
            (code, message)
        }
        E::ExternalMessage { source, .. } => match source.as_ref() {
            ExternalMessageSource::Parser(scan) => ("yaml", in_our_words(&scan.info())),
            _ => ("yaml", "this is not valid YAML".to_owned()),
        },
        E::Budget { breach, .. } => ("too-complex", explain_breach(breach).to_owned()),
        E::AliasReplayCounterOverflow { .. }
        | E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. } => {
            ("too-complex", "the aliases expand beyond the limit for a plan".to_owned())
        }
        E::Eof { .. } => ("yaml", "unexpected end of file".to_owned()),
        E::MultipleDocuments { .. } => ("yaml", "a plan file must contain one YAML document".to_owned()),
        E::MergeValueNotMapOrSeqOfMaps { .. } => ("yaml", "`<<` can merge only maps".to_owned()),
        E::UnknownAnchor { .. } => ("yaml", "this alias has no anchor (`&name`) above it".to_owned()),
        E::UnsupportedTag { .. } | E::TaggedScalarCannotDeserializeIntoString { .. } => {
            ("yaml", "YAML tags (`!tag`) are not supported".to_owned())
        }
        E::RecursiveReferencesRequireWeakTypes { .. } => ("yaml", "this alias refers to itself".to_owned()),
        E::NonFiniteFloat { .. } => ("yaml", "infinity and NaN are not allowed".to_owned()),
        E::NullIntoString { .. } | E::Unexpected { .. } => ("yaml", "a name must be a string".to_owned()),
        // The messages of our own visitor below.
        E::Message { msg, .. } if msg == TOO_LARGE_NUMBER => ("yaml", msg.clone()),
        _ => ("yaml", "cannot parse this as YAML".to_owned()),
    };
    let place = error.location().map(|location| (location.line(), location.column()));
    YamlError { code, message, place }
}

/// The parser's text, but for the two mistakes that everyone makes once.
fn in_our_words(said: &str) -> String {
    if said.contains("tabs disallowed") {
        return "a tab cannot indent YAML: use spaces".to_owned();
    }
    if said.contains("flow mapping") || said.contains("flow sequence") {
        let hint = "put a value that begins with `{` or `[` in quotes, for example `layout: \"{nonce}{ciphertext}\"`";
        return format!("{said}; {hint}");
    }
    said.to_owned()
}

fn explain_breach(breach: &BudgetBreach) -> &'static str {
    match breach {
        BudgetBreach::Depth { .. } => "nested too deeply",
        BudgetBreach::Documents { .. } => "a plan file must contain one YAML document",
        BudgetBreach::Aliases { .. }
        | BudgetBreach::Anchors { .. }
        | BudgetBreach::AliasAnchorRatio { .. }
        | BudgetBreach::RecordedAnchorEvents { .. }
        | BudgetBreach::RecordedAnchorBytes { .. } => "the aliases expand beyond the limit for a plan",
        _ => "too many entries for a plan",
    }
}

const TOO_LARGE_NUMBER: &str = "the number does not fit into 64 bits; quote it to make it a string";

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Content, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Content, E> {
        i64::try_from(value).map(Content::Integer).map_err(|_| E::custom(TOO_LARGE_NUMBER))
    }

    fn visit_i128<E: serde::de::Error>(self, _: i128) -> Result<Content, E> {
        Err(E::custom(TOO_LARGE_NUMBER))
    }

    fn visit_u128<E: serde::de::Error>(self, _: u128) -> Result<Content, E> {
        Err(E::custom(TOO_LARGE_NUMBER))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Content, E> {
        Ok(Content::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::Text(value))
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Content, E> {
        Err(E::custom("binary"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element::<Spanned<Content>>()? {
            list.push(Node { span: span_of(&item.defined), content: item.value });
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<Spanned<String>>()? {
            let value = map.next_value::<Spanned<Content>>()?;
            let node = Node { span: span_of(&value.defined), content: value.value };
            entries.push(MapEntry { name: name.value, name_span: span_of(&name.defined), node });
        }
        Ok(Content::Map(entries))
    }
}

impl Node {
    /// The entry's value, for a map that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        self.entry(name).map(|entry| &entry.node)
    }

    /// The entry, for a map that has it.
    pub(crate) fn entry(&self, name: &str) -> Option<&MapEntry> {
        self.entries().iter().find(|entry| entry.name == name)
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[MapEntry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// Whether the node is neither list nor map.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self.content, Content::List(_) | Content::Map(_))
    }

    /// What the node is, as a message names it.
    pub(crate) fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "an empty value",
            Content::Bool(_) => "true or false",
            Content::Integer(_) | Content::Float(_) => "a number",
            Content::Text(_) => "a string",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// The node as JSON, where the first of repeated names counts.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Integer(value) => Value::from(*value),
            Content::Float(value) => Value::from(*value),
            Content::Text(value) => Value::from(value.as_str()),
            Content::List(items) => items.iter().map(Node::to_json).collect(),
            Content::Map(entries) => {
                let mut map = serde_json::Map::new();
                for entry in entries {
                    map.entry(entry.name.as_str()).or_insert_with(|| entry.node.to_json());
                }
                Value::Object(map)
            }
        }
    }
}
