//! Secrets in environment variables.
