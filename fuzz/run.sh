#!/bin/sh
# Runs fuzz targets one after the other, each for some seconds, from corpora that `corpus.py` makes of the golden vectors.
#
#     fuzz/run.sh 180            every target, three minutes each
#     fuzz/run.sh 180 note tile  these
#
# Needs `cargo install cargo-fuzz` and Python 3. A stable compiler is enough: RUSTC_BOOTSTRAP lets it take the flags that instrument code.
# What libFuzzer says at the end of each goes to standard output; what crashes stays in `fuzz/artifacts`.
set -eu
cd "$(dirname "$0")"
export RUSTC_BOOTSTRAP=1
seconds=${1:?seconds for each target}
shift
[ $# -gt 0 ] || set -- $(sed -n '/^\[\[bin\]\]/,$s/^name = "\(.*\)"$/\1/p' Cargo.toml)
python3 corpus.py "$@"
for target in "$@"; do
    echo "== $target"
    nice -n 19 cargo fuzz run "$target" -- -max_total_time="$seconds" -max_len=131072 -rss_limit_mb=4096 -timeout=25 -print_final_stats=1 2>&1 |
        grep -E '^#[0-9]+.*(DONE|INITED)|^stat::|^Done|SUMMARY|panicked|ERROR' | tail -n 12
done
