//! The body `aes_gcm`, called by libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_bodies::aes_gcm::body(data));
