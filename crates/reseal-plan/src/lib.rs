//! YAML to a typed Plan, diagnostics, JSON Schema.
