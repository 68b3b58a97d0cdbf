//! Fuzzes `privyseal_evidence::invariant::pack`: what must hold of any bytes whatsoever.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(broken) = privyseal_evidence::invariant::pack(bytes) {
        panic!("{broken}");
    }
});
