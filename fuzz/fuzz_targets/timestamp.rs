//! Fuzzes `privyseal_ledger::invariant::timestamp`: what must hold of any bytes whatsoever.
#![no_main]

use std::sync::LazyLock;

use privyseal_ledger::timestamp::Authority;

static AUTHORITY: LazyLock<Authority> =
    LazyLock::new(|| Authority::from_pem(include_str!("../../tests/vectors/timestamp/ca.pem")).expect("the golden certificate is one"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = include_bytes!("../../tests/vectors/timestamp/checkpoint");
    if let Err(broken) = privyseal_ledger::invariant::timestamp(bytes, text, &AUTHORITY) {
        panic!("{broken}");
    }
});
