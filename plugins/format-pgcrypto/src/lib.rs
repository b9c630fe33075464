//! OpenPGP messages of PostgreSQL's pgcrypto.
