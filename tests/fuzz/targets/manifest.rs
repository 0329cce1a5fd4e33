//! `goshawk_fuzz::manifest` over what the fuzzer makes up.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| goshawk_fuzz::manifest(bytes));
