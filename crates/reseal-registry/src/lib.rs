//! The only crate that names the plugins; turns a Plan into what the engine runs.
