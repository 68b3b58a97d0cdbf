//! Fuzzes `privyseal_core::invariant::grant_token`: what must hold of any bytes whatsoever.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(broken) = privyseal_core::invariant::grant_token(bytes) {
        panic!("{broken}");
    }
});
