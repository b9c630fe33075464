//! Secrets that a program prints.
