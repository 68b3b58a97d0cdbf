//! `privyseal policy`: is it sound, does it do what its table of tests says, and what would it have done?

mod people;
mod simulate;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use privyseal_core::port::ContentSource as _;
use privyseal_policy::{Policy as Compiled, PolicyFile};

use super::init::read_policy;
use crate::cli::Policy;
use crate::content::{Embedded, default_policy};
use crate::context::Context;
use crate::output;

/// Runs `policy`. Exit 1 when something is wrong with the policy.
///
/// # Errors
/// When the folder of the policy, or for a simulation the log, cannot be read.
pub(crate) fn run(context: &Context, verb: &Policy) -> anyhow::Result<ExitCode> {
    match verb {
        Policy::Check { folder } => {
            let Some(policy) = load(folder.as_deref())? else { return Ok(ExitCode::FAILURE) };
            output::note(&format!(
                "sound: {} rules, {} actions, digest {}",
                policy.rules().len(),
                policy.catalogue().actions().count(),
                policy.digest().hex()
            ));
            tell_what_nobody_can_satisfy(context, &policy)?;
            Ok(ExitCode::SUCCESS)
        }
        Policy::Publish(options) => super::publish::run(context, options),
        Policy::Test { folder } => {
            let Some(policy) = load(folder.as_deref())? else { return Ok(ExitCode::FAILURE) };
            test(&policy, folder.as_deref())
        }
        Policy::Simulate(options) => {
            let Some(policy) = load(Some(&options.candidate))? else { return Ok(ExitCode::FAILURE) };
            simulate::run(context, options, &policy)
        }
    }
}

/// A policy that nobody can satisfy is sound all the same: groups can be filled before it is needed.
fn tell_what_nobody_can_satisfy(context: &Context, policy: &Compiled) -> anyhow::Result<()> {
    let Some(people) = people::of_instance(context)? else { return Ok(()) };
    for rule in policy.unsatisfiable(&people) {
        output::note(&format!("nobody can satisfy the rule `{}` as groups are filled now: what it routes expires", rule.id));
    }
    Ok(())
}

fn files(folder: Option<&Path>) -> anyhow::Result<Vec<PolicyFile>> {
    folder.map_or_else(|| Ok(default_policy()), read_policy)
}

fn load(folder: Option<&Path>) -> anyhow::Result<Option<Compiled>> {
    match Compiled::load(files(folder)?) {
        Ok(policy) => Ok(Some(policy)),
        Err(problems) => {
            output::data(&problems.to_string());
            Ok(None)
        }
    }
}

fn test(policy: &Compiled, folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    let text = match folder {
        Some(folder) => std::fs::read_to_string(folder.join("tests.toml"))
            .with_context(|| format!("cannot read {}", folder.join("tests.toml").display()))?,
        None => Embedded.read("controls/policy/tests.toml").context("the built-in policy has no tests")?.into_owned(),
    };
    let results = match privyseal_policy::test::run(policy, &text) {
        Ok(results) => results,
        Err(problems) => {
            output::data(&problems.to_string());
            return Ok(ExitCode::FAILURE);
        }
    };
    let failed = results.iter().filter(|result| !result.passed()).count();
    for result in &results {
        output::data(&format!("{} {}", if result.passed() { "ok  " } else { "FAIL" }, result.name));
        for mismatch in &result.mismatches {
            output::data(&format!("     {}: expected {}, got {}", mismatch.what, mismatch.expected, mismatch.got));
        }
    }
    for rule in privyseal_policy::test::untested(policy, &results) {
        output::note(&format!("no case hits the rule `{rule}`"));
    }
    output::note(&format!("{} cases, {failed} failed", results.len()));
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
