//! AES-GCM cells in a declared layout.
