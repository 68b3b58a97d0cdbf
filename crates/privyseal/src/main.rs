//! The binary: reads the command line, calls the verb, turns its result into an exit code. It holds no logic of its own.

mod advisor;
mod cli;
mod client;
mod command;
mod config;
mod content;
mod context;
mod local;
mod output;
mod packs;
mod post;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::{Cli, Evidence, Verb};
use crate::context::Context;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(&cli.verb);
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let context = Context::new(cli.global)?;
    match cli.verb {
        Verb::Demo(options) => command::demo::run(&context, &options),
        Verb::Init(options) => command::init::run(&context, &options),
        Verb::Serve(options) => command::serve::run(&context, &options),
        Verb::Exec(options) => command::exec::run(&context, &options),
        Verb::Request(options) => command::ask::request(&context, &options),
        Verb::Status(options) => command::ask::status(&context, &options),
        Verb::Approve(options) | Verb::Deny(options) => command::ask::point_to_portal(&context, &options),
        Verb::Sql(options) => command::sql::run(&context, &options),
        Verb::Verify(options) => command::verify::run(&context, &options),
        Verb::Evidence(Evidence::Build(options)) => command::evidence::build(&context, &options),
        Verb::Catalog(verb) => command::catalog::run(&context, &verb),
        Verb::Policy(verb) => command::policy::run(&context, &verb),
        Verb::People(verb) => command::people::run(&context, &verb),
        Verb::Halt(options) => command::halt::halt(&context, &options),
        Verb::Resume(options) => command::halt::resume(&context, &options),
        Verb::Grant(cli::Grant::Verify(options)) => command::grant::verify(&options),
        Verb::Redact(options) => command::redact::run(&context, &options),
        Verb::Disclose(options) => command::disclose::run(&context, &options),
        Verb::Replay => command::replay::run(&context),
        Verb::Seal(options) => command::seal::run(&context, &options),
        Verb::Checkpoint(options) => command::checkpoint::run(&context, &options),
        Verb::Proof(options) => command::proof::run(&context, &options),
        Verb::Witness(cli::Witness::Serve(options)) => command::witness::serve(&options),
        Verb::Keys(verb) => command::keys::run(&context, &verb),
        Verb::Bench(verb) => command::bench::run(&context, &verb),
    }
}

/// Servers log what happens; everything else only what went wrong. `PRIVYSEAL_LOG` says otherwise.
fn start_logging(verb: &Verb) {
    use tracing_subscriber::EnvFilter;
    let default = match verb {
        Verb::Serve(_) | Verb::Witness(_) => "info,datafusion=warn",
        _ => "warn",
    };
    let filter = EnvFilter::try_from_env("PRIVYSEAL_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
