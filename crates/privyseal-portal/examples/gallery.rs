//! Writes every page in every state to a folder, with the style sheet and scripts beside them, for eyes and screenshots:
//! `cargo run -p privyseal-portal --example gallery -- OUTDIR`.

use std::io::Write as _;
use std::path::Path;

use privyseal_portal::asset;
use privyseal_portal::view::sample::{Rendered, render_all};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let Some(folder) = std::env::args_os().nth(1) else {
        return Err("say where: cargo run -p privyseal-portal --example gallery -- OUTDIR".into());
    };
    let folder = Path::new(&folder);
    let samples = render_all()?;
    std::fs::create_dir_all(folder.join("assets"))?;
    for name in asset::names() {
        if let Some(asset) = asset::get(&name) {
            std::fs::write(folder.join("assets").join(&name), asset.bytes)?;
        }
    }
    for sample in &samples {
        // Assets stand beside the pages, so that the folder can be opened without a server.
        std::fs::write(folder.join(format!("{}.html", sample.name)), sample.html.replace("\"/assets/", "\"assets/"))?;
    }
    std::fs::write(folder.join("index.html"), index(&samples))?;
    writeln!(std::io::stderr(), "{} pages in {}", samples.len(), folder.display())?;
    Ok(())
}

fn index(samples: &[Rendered]) -> String {
    let lines: String = samples.iter().map(|sample| format!("<li><a href=\"{0}.html\">{0}</a></li>\n", sample.name)).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Gallery</title><h1>Gallery</h1>\n<ul>\n{lines}</ul></html>\n"
    )
}
