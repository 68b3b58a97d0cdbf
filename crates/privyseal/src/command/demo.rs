//! `privyseal demo`: a small freight company, its last quarter replayed through the real engine, the portal open, an agent still asking.
//!
//! Nothing here writes an event by itself: people and agents act through the same commands as everybody else, at simulated times and with
//! passkeys in software, because the company's people have no hands.

mod company;
mod live;
mod quarter;
mod random;
mod script;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use privyseal_core::hidden::HidePolicy;
use privyseal_core::port::Clock as _;
use privyseal_core::time::Timestamp;
use privyseal_engine::{Anchors, Engine, Options, OsEntropy, SeededEntropy, SimulatedClock, SystemClock};
use privyseal_ledger::layout::Layout;

use super::people;
use super::serve::{self, Served};
use crate::cli;
use crate::config::{Config, DatabaseSection, Segments};
use crate::context::Context;
use crate::{local, output};

/// The folder used when nothing says otherwise; another than a real instance's, because the demo replaces it.
const DEFAULT_DATA: &str = "./privyseal-demo";
/// Marks a folder that the demo made and may replace.
const MARKER: &str = "this-is-a-demo";
const ORIGIN: &str = "demo.halden-freight.example/privyseal/main";
const HOUR: u64 = 3_600;

/// Runs `demo`.
///
/// # Errors
/// When the folder cannot be used, the port is taken, or the quarter cannot be replayed.
pub(crate) fn run(context: &Context, options: &cli::Demo) -> anyhow::Result<ExitCode> {
    let data = context.global.data.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_DATA));
    // The demo replaces what it made before, so its log is in its folder, whatever database is configured.
    let config = Config { database: DatabaseSection::default(), segments: Segments::default(), ..context.config.clone() };
    let context = Context { data: data.clone(), config, global: context.global.clone() };
    let listen = format!("127.0.0.1:{}", options.port);
    // The port is taken before the minutes of work, not found taken after them.
    let listener = if options.no_serve { None } else { Some(serve::bind(&listen)?) };
    make_room(&data)?;
    let runtime = local::runtime()?;
    runtime.block_on(async {
        let (start, end) = last_quarter(SystemClock::default().now())?;
        replay(&data, options, start, end).await?;
        if options.no_serve {
            output::note(&format!("the data is in {}; nothing is running", data.display()));
            return Ok(ExitCode::SUCCESS);
        }
        let engine = privyseal_engine::open(&Options {
            layout: Layout::new(&data),
            anchors: Anchors::default(),
            ..local::engine_options(&context)?
        })?;
        let links = persona_links(&engine, options.port).await?;
        let agent = tokio::spawn(live::keep_asking(engine.clone(), options.seed));
        greet(&data, options.port, &links, start, end);
        let url = format!("http://localhost:{}", options.port);
        let listener = listener.context("no listener")?;
        let served = serve::serve(&context, engine, Served { listener, url }).await;
        agent.abort();
        served.map(|()| ExitCode::SUCCESS)
    })
}

/// The last calendar quarter that has ended.
fn last_quarter(now: Timestamp) -> anyhow::Result<(Timestamp, Timestamp)> {
    let date = now.date();
    let mut parts = date.split('-').map(str::parse::<u32>);
    let (Some(Ok(year)), Some(Ok(month))) = (parts.next(), parts.next()) else { bail!("the clock shows no date") };
    let first = (month - 1) / 3 * 3 + 1;
    let (start_year, start_month) = if first == 1 { (year - 1, 10) } else { (year, first - 3) };
    let moment = |year: u32, month: u32| Timestamp::parse_lenient(&format!("{year:04}-{month:02}-01"));
    Ok((moment(start_year, start_month)?, moment(year, first)?))
}

/// A fresh folder: a demo of earlier is replaced, anything else is left alone.
fn make_room(data: &Path) -> anyhow::Result<()> {
    if data.join(MARKER).is_file() {
        std::fs::remove_dir_all(data).with_context(|| format!("cannot remove the demo of earlier in {}", data.display()))?;
    } else if data.exists() && std::fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty and was not made by a demo: name another folder with --data", data.display());
    }
    std::fs::create_dir_all(data).with_context(|| format!("cannot make the folder {}", data.display()))?;
    let marker = data.join(MARKER);
    std::fs::write(&marker, "made by `privyseal demo`, which replaces this folder when it runs again\n")
        .with_context(|| format!("cannot write {}", marker.display()))
}

async fn replay(data: &Path, options: &cli::Demo, start: Timestamp, end: Timestamp) -> anyhow::Result<()> {
    let clock = Arc::new(SimulatedClock::new(start));
    let engine_options = Options {
        layout: Layout::new(data),
        clock: clock.clone(),
        // Identifiers follow from the seed; the signing key and everything that opens a door does not.
        entropy: Arc::new(OsEntropy),
        node: "node-1".to_owned(),
        heartbeat_seconds: HOUR,
        anchors: Anchors::default(),
        // Its people are invented: names and reasons stay readable in SQL and in packs, where newcomers look for them.
        hide: HidePolicy::secrets_only(),
        advisor: None,
    };
    let engine = privyseal_engine::create(&engine_options, ORIGIN)?;
    let people = company::found(&engine, &clock, options.port).await?;
    let bar = ProgressBar::new(u64::from(options.requests));
    if let Ok(style) = ProgressStyle::with_template("replaying {msg} {bar:32} {pos}/{len} requests") {
        bar.set_style(style);
    }
    let ids = Arc::new(SeededEntropy::new(options.seed));
    let replayed =
        quarter::replay(&engine, &clock, ids, &people, quarter::Span { start, end, requests: options.requests, seed: options.seed }, &bar)
            .await;
    bar.finish_and_clear();
    let counts = replayed?;
    engine.seal().await?;
    engine.close().await;
    output::note(&format!("replayed {} to {} of Halden Freight: {counts}", start.date(), end.date()));
    Ok(())
}

async fn persona_links(engine: &Engine, port: u16) -> anyhow::Result<Vec<(String, String)>> {
    let mut links = Vec::new();
    for (principal, what) in company::PERSONAS {
        let link = sign_in_link(engine, principal, &format!("http://localhost:{port}"), 24 * 60).await?;
        links.push(((*what).to_owned(), link));
    }
    Ok(links)
}

/// A one-time sign-in link for a principal, good for some minutes.
///
/// # Errors
/// When the engine refuses.
pub(crate) async fn sign_in_link(engine: &Engine, principal: &str, url: &str, minutes: u32) -> anyhow::Result<String> {
    let secret = engine.sign_in_link(&principal.parse()?, minutes).await?;
    Ok(people::sign_in_url(url, secret.expose()))
}

fn greet(data: &Path, port: u16, links: &[(String, String)], start: Timestamp, end: Timestamp) {
    output::note(&format!("\nThe portal is open on http://localhost:{port}. Sign in as one of three people (each link works once):"));
    for (what, link) in links {
        output::note(&format!("  {what:<14} {link}"));
    }
    let data = data.display();
    let (from, to) = (start.date(), end.date());
    output::note(&format!(
        "\nTry next:\n\
         1. as the approver, open the queue and seal or deny what the live agent asks for\n\
         2. as the auditor, open Controls, then Evidence, and build a pack for {from} to {to}\n\
         3. privyseal sql --data {data} \"select action, state, count(*) from requests group by 1, 2 order by 3 desc\"\n\
         4. privyseal evidence build --data {data} --framework soc2 --from {from} --to {to} --out pack.zip && privyseal verify pack.zip\n\
         5. privyseal verify {data}   then flip a byte of a file in {data}/ledger and verify again\n\n\
         Ctrl-C ends it.",
    ));
}
