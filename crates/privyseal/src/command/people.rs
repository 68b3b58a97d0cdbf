//! `privyseal people`: first steps for people, taken by the operator at the machine. What people do after that they do in the portal.
//!
//! Through the server when one runs on the folder, by itself otherwise; both ways the engine decides and the log has it.

use std::process::ExitCode;

use anyhow::Context as _;
use privyseal_core::id::{CredentialId, PrincipalId, Role};
use serde_json::{Value, json};

use crate::cli::{Format, People, PeopleAdd, PeopleKey, PeopleLink, PeopleRevoke};
use crate::client::Client;
use crate::context::Context;
use crate::{local, output};

/// Runs `people`.
///
/// # Errors
/// When the folder has no instance, the account is refused, or the server cannot be reached.
pub(crate) fn run(context: &Context, verb: &People) -> anyhow::Result<ExitCode> {
    match verb {
        People::Add(options) => add(context, options),
        People::Link(options) => link(context, options),
        People::Key(options) => key(context, options),
        People::Revoke(options) => revoke(context, options),
    }
}

fn add(context: &Context, options: &PeopleAdd) -> anyhow::Result<ExitCode> {
    let id: PrincipalId = options.id.parse()?;
    let roles: Vec<Role> = options.roles.iter().map(|role| role.parse()).collect::<Result<_, _>>()?;
    let added = json!({"id": id, "name": options.name, "roles": roles});
    match local::engine(context)? {
        Some((runtime, engine)) => runtime.block_on(async {
            let registered = engine.register_person(&id, &options.name, &roles, "registered by the operator").await;
            engine.close().await;
            registered
        })?,
        None => {
            Client::operator(&context.data)?.post("/v1/control/people", &added, None)?;
        }
    }
    if context.global.format == Some(Format::Json) {
        output::data(&serde_json::to_string_pretty(&added)?);
    }
    output::note(&format!("{id} is registered; `privyseal people link {id}` makes the link with which they sign in"));
    Ok(ExitCode::SUCCESS)
}

fn link(context: &Context, options: &PeopleLink) -> anyhow::Result<ExitCode> {
    let id: PrincipalId = options.id.parse()?;
    let url = match local::engine(context)? {
        Some((runtime, engine)) => {
            let secret = runtime.block_on(async {
                let secret = engine.sign_in_link(&id, options.minutes).await;
                engine.close().await;
                secret
            })?;
            output::note("no server runs on this folder now: the link works once one does");
            sign_in_url(&base(context), secret.expose())
        }
        None => {
            let answer =
                Client::operator(&context.data)?.post("/v1/control/link", &json!({"principal": id, "minutes": options.minutes}), None)?;
            let url = answer.get("url").and_then(Value::as_str);
            url.ok_or_else(|| anyhow::anyhow!("the server made no link: restart it, it may be another version"))?.to_owned()
        }
    };
    // Nothing but the link goes to standard output, so that it can be piped; whoever opens it first is that person.
    output::note(&format!("signs in as {id}, once, within {} minutes; hand it to nobody else:", options.minutes));
    output::data(&url);
    Ok(ExitCode::SUCCESS)
}

fn key(context: &Context, options: &PeopleKey) -> anyhow::Result<ExitCode> {
    let id: PrincipalId = options.id.parse()?;
    let (key, credential) = match local::engine(context)? {
        Some((runtime, engine)) => {
            let made = runtime.block_on(async {
                let made = engine.personal_key(&id, &options.label, options.days).await;
                engine.close().await;
                made
            })?;
            (format!("pv_{}", made.secret.expose()), made.credential.to_string())
        }
        None => {
            let asked = json!({"do": "make", "principal": id, "label": options.label, "days": options.days});
            let answer = Client::operator(&context.data)?.post("/v1/control/api-keys", &asked, None)?;
            let member = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
            member("key").zip(member("credential")).context("the server made no key: restart it, it may be another version")?
        }
    };
    // Nothing but the key goes to standard output, so that it can be piped; it is shown this once.
    output::note(&format!("asks as {id} for {} days; `privyseal people revoke {credential}` ends it before:", options.days));
    output::data(&key);
    Ok(ExitCode::SUCCESS)
}

fn revoke(context: &Context, options: &PeopleRevoke) -> anyhow::Result<ExitCode> {
    let credential: CredentialId = options.credential.parse()?;
    match local::engine(context)? {
        Some((runtime, engine)) => runtime.block_on(async {
            let revoked = engine.revoke_credential(credential, &options.reason).await;
            engine.close().await;
            revoked
        })?,
        None => {
            let asked = json!({"do": "revoke", "credential": credential, "reason": options.reason});
            Client::operator(&context.data)?.post("/v1/control/api-keys", &asked, None)?;
        }
    }
    output::note(&format!("{} is good for nothing any more", options.credential));
    Ok(ExitCode::SUCCESS)
}

/// Address of the page that a one-time secret opens.
#[must_use]
pub(crate) fn sign_in_url(base: &str, secret: &str) -> String {
    format!("{base}/sign-in/link?token={secret}")
}

/// Where a server on this folder is reached, as far as the configuration says.
fn base(context: &Context) -> String {
    let server = &context.config.server;
    if !server.url.is_empty() {
        return server.url.clone();
    }
    let port = server.listen.rsplit_once(':').map_or("8420", |(_, port)| port);
    format!("http://localhost:{port}")
}
