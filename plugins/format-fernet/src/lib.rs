//! Fernet tokens, bare or inside a layout.
