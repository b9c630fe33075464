//! What a run is narrowed to.

/// What a run is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// One tenant.
    pub tenant: Option<String>,
    /// One domain.
    pub domain: Option<String>,
    /// Some tables.
    pub tables: Vec<String>,
}

impl Scope {
    /// Whether it is the whole plan.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self == &Scope::default()
    }

    /// The scope as JSON, for the ledger and for reports.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let mut out = serde_json::Map::new();
        if let Some(tenant) = &self.tenant {
            out.insert("tenant".into(), tenant.as_str().into());
        }
        if let Some(domain) = &self.domain {
            out.insert("domain".into(), domain.as_str().into());
        }
        if !self.tables.is_empty() {
            out.insert("tables".into(), self.tables.clone().into());
        }
        serde_json::Value::Object(out)
    }

    /// Reads back what [`Scope::json`] wrote.
    #[must_use]
    pub fn from_json(text: &str) -> Scope {
        let json: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let text = |name: &str| json.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let tables = json.get("tables").and_then(|value| value.as_array()).cloned().unwrap_or_default();
        let tables = tables.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect();
        Scope { tenant: text("tenant"), domain: text("domain"), tables }
    }
}
