//! Fuzzes `privyseal_ledger::invariant::tile`: what must hold of any bytes whatsoever.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Err(broken) = privyseal_ledger::invariant::tile(bytes) {
        panic!("{broken}");
    }
});
