//! `privyseal init`: a new instance with two people, because nobody seals their own request, and the first policy.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use privyseal_core::command::{Command, Directory};
use privyseal_core::event::ActorKind;
use privyseal_core::event::directory::{CredentialKey, Principal};
use privyseal_core::id::PrincipalId;
use privyseal_engine::{Anchors, Engine, Options};
use privyseal_policy::{Policy, PolicyFile};

use crate::cli;
use crate::client::key_file;
use crate::content::default_policy;
use crate::context::Context;
use crate::{local, output};

/// What the first administrator holds, so that one person can begin: everything that people decide with.
const ADMIN_ROLES: &[&str] =
    &["admin", "approver", "auditor", "group:engineering", "group:sre", "group:dba", "group:security", "group:data-owner"];
/// What the person at this machine holds: the right to ask.
const OPERATOR_ROLES: &[&str] = &["requester"];

/// Runs `init`.
///
/// # Errors
/// When there is an instance already, the folder cannot be written, or the policy is broken.
pub(crate) fn run(context: &Context, options: &cli::Init) -> anyhow::Result<ExitCode> {
    if options.admin == options.operator {
        bail!("--admin and --operator must be two people: nobody seals their own request");
    }
    let files = match &options.policy {
        Some(folder) => read_policy(folder)?,
        None => default_policy(),
    };
    // A broken policy must be found before anything is made.
    Policy::load(files.clone()).map_err(|problems| anyhow::anyhow!("the policy cannot be used:\n{problems}"))?;
    let (admin, operator): (PrincipalId, PrincipalId) =
        (options.admin.parse().context("--admin")?, options.operator.parse().context("--operator")?);
    local::runtime()?.block_on(async {
        // No witness can know the key of a log that is being made: its first heads are published without.
        let engine_options = Options { anchors: Anchors::default(), ..local::engine_options(context)? };
        let engine = privyseal_engine::create(&engine_options, &options.origin)?;
        let made = populate(&engine, &admin, &operator, files, &context.data).await;
        engine.close().await;
        made
    })?;
    output::note(&format!("made an instance in {}", context.data.display()));
    output::note(&format!("  {admin} administers and seals, in the portal"));
    output::note(&format!("  {operator} asks, from this machine's command line (key in {})", key_file(&context.data).display()));
    output::note("next: privyseal serve");
    Ok(ExitCode::SUCCESS)
}

async fn populate(engine: &Engine, admin: &PrincipalId, operator: &PrincipalId, files: Vec<PolicyFile>, data: &Path) -> anyhow::Result<()> {
    for (principal, roles) in [(admin, ADMIN_ROLES), (operator, OPERATOR_ROLES)] {
        register_person(engine, principal, principal.as_str(), roles).await?;
    }
    let secret = engine.new_secret()?;
    let credential = format!("key-{}", secret.digest().short().replace(['-', '_'], "x")).parse()?;
    let key = CredentialKey::ApiKey { secret_sha256: secret.digest() };
    let enroll = Directory::Enroll {
        credential,
        principal: operator.clone(),
        label: "this machine's command line".to_owned(),
        key,
        expires_at: None,
    };
    engine.as_operator(Command::Directory(enroll)).await?;
    let path = key_file(data);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    writeln!(file, "pv_{}", secret.expose()).with_context(|| format!("cannot write {}", path.display()))?;
    engine.found_policy(files).await?;
    Ok(())
}

/// Registers a person with one account of the same name, and gives it roles.
///
/// # Errors
/// When the engine refuses.
pub(crate) async fn register_person(engine: &Engine, principal: &PrincipalId, name: &str, roles: &[&str]) -> anyhow::Result<()> {
    let record = Principal {
        principal: principal.clone(),
        kind: ActorKind::Human,
        name: name.into(),
        email: None,
        person: Some(principal.as_str().parse()?),
        owner: None,
        parent: None,
        agent: None,
    };
    engine.as_operator(Command::Directory(Directory::Register(record))).await?;
    for role in roles {
        let assign = Directory::Assign {
            principal: principal.clone(),
            role: role.parse()?,
            valid_to: None,
            scope: Vec::new(),
            reason: "first start".to_owned(),
        };
        engine.as_operator(Command::Directory(assign)).await?;
    }
    Ok(())
}

/// Reads `*.cedar` and `catalogue.toml` of a folder.
///
/// # Errors
/// When the folder or a file cannot be read.
pub(crate) fn read_policy(folder: &Path) -> anyhow::Result<Vec<PolicyFile>> {
    let listed = std::fs::read_dir(folder).with_context(|| format!("cannot read the policy folder {}", folder.display()))?;
    let mut files = Vec::new();
    for entry in listed {
        let path = entry.with_context(|| format!("cannot read the policy folder {}", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name == "catalogue.toml" || Path::new(&name).extension().is_some_and(|end| end == "cedar") {
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            files.push(PolicyFile { name, text });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}
