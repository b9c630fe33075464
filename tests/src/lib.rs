//! End to end: real servers, real producers, crash and conformance suites.
