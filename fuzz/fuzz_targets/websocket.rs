#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| lastunit_fuzz::websocket::check(input));
