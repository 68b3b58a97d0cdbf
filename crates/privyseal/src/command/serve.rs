//! `privyseal serve`: the engine, SQL, packs and the portal joined into one process.

use std::io::Write as _;
use std::net::TcpListener as StdListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use privyseal_analytics::Engine as SqlEngine;
use privyseal_core::cause::chain;
use privyseal_core::id::Role;
use privyseal_doors::{Flight, Postgres};
use privyseal_engine::{Desk, Engine, Entropy as _, OsEntropy, Secret, SystemClock};
use privyseal_ledger::stamp::Stamper;
use privyseal_portal::{Options as PortalOptions, Services};

use tokio::task::JoinSet;

use super::demo::sign_in_link;
use crate::cli;
use crate::client::{ServerFile, server_file};
use crate::context::Context;
use crate::packs::PackBuilder;
use crate::{local, output};

/// How long open answers (long polls, live pages) may take to end.
const GRACE: Duration = Duration::from_secs(2);
const FIRST_LINK_MINUTES: u32 = 60;

/// Where a server listens and how it is reached.
pub(crate) struct Served {
    /// The socket, taken already.
    pub(crate) listener: StdListener,
    /// Its public address.
    pub(crate) url: String,
}

/// Runs `serve`.
///
/// # Errors
/// When there is no instance, the folder is in use, or the port is taken.
pub(crate) fn run(context: &Context, options: &cli::Serve) -> anyhow::Result<ExitCode> {
    let listen = options.listen.clone().unwrap_or_else(|| context.config.server.listen.clone());
    let engine_options = local::engine_options(context)?;
    local::runtime()?.block_on(async {
        let engine = privyseal_engine::open(&engine_options)?;
        let listener = bind(&listen)?;
        let port = listener.local_addr().context("the port cannot be told")?.port();
        let url = if context.config.server.url.is_empty() { format!("http://localhost:{port}") } else { context.config.server.url.clone() };
        output::note(&format!("Privyseal serves {} on {url}", context.data.display()));
        output::note(&witness_notice(context));
        greet_first_administrator(&engine, &url).await?;
        serve(context, engine, Served { listener, url }).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What people should know about witnesses, said once at the start.
fn witness_notice(context: &Context) -> String {
    let witness = &context.config.witness;
    if witness.policy.is_empty() {
        return "no witness is configured: whoever holds database and key can rewrite history unseen; keep copies of signed heads elsewhere"
            .to_owned();
    }
    let without = if witness.required { "is not published" } else { "is published all the same" };
    format!("heads are cosigned by the witnesses of {}; a head without their quorum {without}", witness.policy)
}

/// Takes a port, or says who may have it.
///
/// # Errors
/// When it is taken or not allowed.
pub(crate) fn bind(listen: &str) -> anyhow::Result<StdListener> {
    let listener = match StdListener::bind(listen) {
        Ok(listener) => listener,
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            bail!("the port of {listen} is in use: stop whatever listens there, or choose another (`serve --listen`, `demo --port`)")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot listen on {listen}")),
    };
    listener.set_nonblocking(true).context("the socket cannot be prepared")?;
    Ok(listener)
}

/// While no administrator has a passkey, the way in is a one-time link, printed where only the operator sees it.
async fn greet_first_administrator(engine: &Engine, url: &str) -> anyhow::Result<()> {
    let now = engine.now();
    let without_passkey: Vec<String> = engine.read(|state| {
        let administrators: Vec<_> = state.principals.keys().filter(|principal| state.has_role(principal, Role::ADMIN, now)).collect();
        if administrators.iter().any(|principal| state.passkeys(principal, now).next().is_some()) {
            return Vec::new();
        }
        administrators.into_iter().map(ToString::to_string).collect()
    });
    for principal in without_passkey {
        let link = sign_in_link(engine, &principal, url, FIRST_LINK_MINUTES).await?;
        output::note(&format!("sign in as {principal} (once, within {FIRST_LINK_MINUTES} minutes): {link}"));
    }
    Ok(())
}

/// Serves until the process is told to stop. The engine is closed on the way out, whatever happened.
///
/// # Errors
/// When SQL cannot be set up or the listener fails.
pub(crate) async fn serve(context: &Context, engine: Engine, served: Served) -> anyhow::Result<()> {
    let result = serve_open(context, &engine, served).await;
    engine.close().await;
    result
}

async fn serve_open(context: &Context, engine: &Engine, served: Served) -> anyhow::Result<()> {
    let told_to_stop = told_to_stop()?;
    let analytics = Arc::new(local::sql_engine(context)?);
    let doors = open_doors(context, engine, &analytics)?;
    let packs = Arc::new(PackBuilder::new(context.layout(), analytics.clone(), Arc::<SystemClock>::default()));
    let catalogs = Arc::new(super::catalog::load()?);
    let token = engine.new_secret()?;
    let _file = ServerFileGuard::write(&context.data, &served.url, &token)?;
    let options = PortalOptions {
        public_url: served.url,
        session_minutes: context.config.server.session_minutes,
        operator_token: token,
        limits: local::query_limits(&context.config),
        public_entries: context.config.ledger.public_entries,
    };
    let services = Services { engine: engine.clone(), analytics, packs, catalogs };
    let router = privyseal_portal::router(services, options);
    let listener = tokio::net::TcpListener::from_std(served.listener).context("the socket cannot be used")?;
    let sealing = tokio::spawn(seal_by_itself(engine.clone(), context.config.seal.entries));
    let stamping = local::stamper(context)?.map(|stamper| tokio::spawn(stamp_by_itself(engine.clone(), Arc::new(stamper))));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = privyseal_portal::serve(listener, router, async move {
        // A sender that is gone means the same: stop.
        let _ = stopped.await;
    });
    tokio::pin!(serving);
    let result = tokio::select! {
        result = &mut serving => result.context("the server failed"),
        () = told_to_stop => {
            output::note("stopping");
            let _ = stop.send(());
            // Live pages never end by themselves; they come back to the next server.
            tokio::time::timeout(GRACE, serving).await.unwrap_or(Ok(())).context("the server failed")
        }
    };
    sealing.abort();
    drop(doors);
    if let Some(stamping) = stamping {
        stamping.abort();
    }
    result
}

/// Opens the doors for SQL tools that are configured, and says where. They shut when what is given back is dropped.
fn open_doors(context: &Context, engine: &Engine, analytics: &Arc<SqlEngine>) -> anyhow::Result<JoinSet<()>> {
    let mut doors = JoinSet::new();
    let desk = || Desk::new(engine.clone(), analytics.clone(), local::query_limits(&context.config));
    let told = |what: &str, address: std::io::Result<std::net::SocketAddr>| -> anyhow::Result<()> {
        output::note(&format!("{what}: {}", address.context("the port cannot be told")?));
        Ok(())
    };
    if let Some(place) = context.config.postgres.place() {
        let door = Postgres::open(&place, desk()).context("postgres.listen")?;
        told("SQL for psql and others (PostgreSQL)", door.address())?;
        doors.spawn(door.serve(std::future::pending()));
    }
    if let Some(place) = context.config.flight.place() {
        let door = Flight::open(&place, desk()).context("flight.listen")?;
        told("SQL for data frames (Flight SQL)", door.address())?;
        doors.spawn(door.serve(std::future::pending()));
    }
    Ok(doors)
}

/// Listens from now on for whoever stops this process: the keyboard or a service manager. Call it before other programs
/// can find the process: a signal that comes earlier ends it at once.
///
/// # Errors
/// When the system lets nobody listen.
pub(super) fn told_to_stop() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).context("signals cannot be listened for");
    let (mut terminated, mut interrupted) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}

/// Asks for a timestamp whenever one is due; looked at once a minute.
async fn stamp_by_itself(engine: Engine, stamper: Arc<Stamper>) {
    let mut minute = tokio::time::interval(Duration::from_secs(60));
    loop {
        minute.tick().await;
        let Ok(seed) = OsEntropy.seed() else { continue };
        let nonce = seed.first_chunk().copied().map_or(0, u64::from_be_bytes);
        let (stamper, now) = (Arc::clone(&stamper), engine.now());
        match tokio::task::spawn_blocking(move || stamper.round(now, nonce)).await {
            Ok(Ok(Some((size, stamped)))) => tracing::info!(timestamp.size = size, timestamp.time = %stamped.time, "a head was stamped"),
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::warn!(timestamp.error = %chain(&error), "no timestamp; it will be tried again in a minute"),
            Err(error) => tracing::error!(timestamp.error = %error, "the timestamping task failed"),
        }
    }
}

/// Seals whenever enough has come together, then merges what has become many.
async fn seal_by_itself(engine: Engine, entries: u64) {
    let mut head = engine.head();
    let mut sealed_at = 0;
    loop {
        let size = *head.borrow_and_update();
        if size.saturating_sub(sealed_at) >= entries {
            match engine.seal().await {
                Ok(segments) => sealed_at = segments.last().map_or(size, |segment| segment.last + 1),
                Err(error) => tracing::error!(seal.error = %error, "sealing failed; it will be tried again"),
            }
            merge_by_itself(&engine).await;
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        if head.changed().await.is_err() {
            return;
        }
    }
}

/// Merges small segments, one new segment at a time, until there is nothing to merge.
async fn merge_by_itself(engine: &Engine) {
    loop {
        match engine.merge().await {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(error) => {
                return tracing::error!(merge.error = %error, "merging segments failed; it will be tried again after the next sealing");
            }
        }
    }
}

/// The server's file in the data folder; gone when the server is.
struct ServerFileGuard(PathBuf);

impl ServerFileGuard {
    fn write(data: &Path, url: &str, token: &Secret) -> anyhow::Result<Self> {
        let path = server_file(data);
        let content = serde_json::to_string(&ServerFile { url: url.to_owned(), token: token.expose().to_owned() })?;
        let mut part = path.clone();
        part.set_extension("part");
        let write = || -> std::io::Result<()> {
            let _ = std::fs::remove_file(&part);
            let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
            file.write_all(content.as_bytes())?;
            std::fs::rename(&part, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for ServerFileGuard {
    fn drop(&mut self) {
        // A file that stays behind only makes the next client say that nobody answers.
        let _ = std::fs::remove_file(&self.0);
    }
}
