//! End to end: real servers, real producers, crash and conformance suites. The tests are in `e2e/`.
