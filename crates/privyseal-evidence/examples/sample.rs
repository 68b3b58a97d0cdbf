//! Writes the sample report as `sample.html` and `sample.pdf` into a folder, for people to look at.

use std::path::PathBuf;

use privyseal_evidence::pdf::{Attachment, PdfOptions};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: cargo run -p privyseal-evidence --example sample -- OUTDIR")?);
    std::fs::create_dir_all(&folder)?;
    let report = privyseal_evidence::sample::document();
    std::fs::write(folder.join("sample.html"), privyseal_evidence::html::render(&report)?)?;
    let queries = b"-- every query of this pack\n";
    let attachments =
        [Attachment { name: "queries.sql", media_type: "application/sql", bytes: queries, description: "The queries behind the results" }];
    let options = PdfOptions { created: "2026-10-05T06:00:00Z".parse()?, attachments: &attachments };
    std::fs::write(folder.join("sample.pdf"), privyseal_evidence::pdf::render(&report, &options)?)?;
    Ok(())
}
