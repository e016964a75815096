#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| targets::dns_short_cut::run(octets));
