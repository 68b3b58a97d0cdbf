//! Halden Freight: twelve people, six agents, their roles, and the first policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use privyseal_core::command::{Command, Directory};
use privyseal_core::digest::Digest;
use privyseal_core::event::directory::{AgentProfile, Principal};
use privyseal_core::event::policy::CatalogPublished;
use privyseal_core::event::watch::ClockSampled;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Body, Channel, KINDS};
use privyseal_core::id::{PrincipalId, SessionId};
use privyseal_core::time::Timestamp;
use privyseal_core::webauthn::software::SoftwarePasskey;
use privyseal_engine::{Engine, SimulatedClock};

use crate::content::default_policy;

/// Account, name, roles.
const PEOPLE: &[(&str, &str, &[&str])] = &[
    ("ana", "Ana Kovač", &["requester", "approver", "group:sre", "group:engineering", "break-glass"]),
    ("ben", "Ben Okafor", &["requester", "approver", "group:dba", "group:sre", "group:engineering"]),
    ("chloe", "Chloé Martin", &["requester", "approver", "group:security"]),
    ("dmitri", "Дмитрий Волков", &["requester", "approver", "group:sre", "group:engineering"]),
    ("elif", "Elif Yıldız", &["requester", "approver", "group:dba", "group:engineering"]),
    ("farid", "Farid Haddad", &["requester", "approver", "group:data-owner"]),
    ("grace", "Grace Lim", &["requester", "approver", "group:engineering"]),
    ("hugo", "Hugo Sørensen", &["requester", "group:engineering"]),
    ("ines", "Inês Duarte", &["requester", "admin"]),
    ("jonas", "Jonas Berg", &["approver", "group:security"]),
    ("kate", "Kate Byrne", &["auditor"]),
    ("luis", "Luis Romero", &["requester", "approver", "group:sre", "group:data-owner", "break-glass"]),
];

/// Account, owner, parent, model, version, what it is for.
type Agent = (&'static str, &'static str, Option<&'static str>, &'static str, &'static str, &'static [&'static str]);

const AGENTS: &[Agent] = &[
    ("agent:deploy-bot", "ana", None, "release-runner", "4.2", &["db.schema", "infra", "config"]),
    ("agent:migrator", "ben", None, "claude-migrate", "2026-05", &["db.schema", "db.data"]),
    ("agent:etl", "farid", None, "flow-runner", "1.9", &["data.export"]),
    ("agent:iam-sync", "ines", None, "directory-sync", "3.0", &["iam.role"]),
    ("agent:oncall-copilot", "luis", None, "claude-ops", "2026-06", &["infra", "config", "db.data"]),
    ("agent:report-writer", "grace", Some("agent:etl"), "claude-reports", "2026-04", &["data.export"]),
];

/// Who the sign-in links are for.
pub(super) const PERSONAS: &[(&str, &str)] = &[("ben", "approver"), ("kate", "auditor"), ("ines", "administrator")];

/// The company's people and agents, ready to act.
pub(super) struct Company {
    passkeys: BTreeMap<String, SoftwarePasskey>,
    sessions: BTreeMap<String, SessionId>,
}

impl Company {
    /// An account as it comes through its usual door: people through the portal with a fresh passkey sign-in, agents through the API.
    pub(super) fn actor(&self, who: &str, now: Timestamp) -> anyhow::Result<Actor> {
        let id: PrincipalId = who.parse()?;
        if who.starts_with("agent:") {
            let credential = Some(format!("key-{}", who.trim_start_matches("agent:")).parse()?);
            let auth = Auth { method: AuthMethod::ApiKey, amr: Vec::new(), auth_time: None, session: None, credential };
            return Ok(Actor { id, kind: ActorKind::Agent, channel: Channel::Api, auth });
        }
        let passkey = self.passkey(who)?;
        let auth = Auth {
            method: AuthMethod::Passkey,
            amr: vec!["hwk".to_owned(), "user".to_owned()],
            auth_time: Some(now.plus_seconds(-240)),
            session: self.sessions.get(who).copied(),
            credential: Some(passkey.credential().parse()?),
        };
        Ok(Actor { id, kind: ActorKind::Human, channel: Channel::Portal, auth })
    }

    pub(super) fn passkey(&self, who: &str) -> anyhow::Result<&SoftwarePasskey> {
        self.passkeys.get(who).with_context(|| format!("{who} has no passkey"))
    }

    /// Accounts of people, in order.
    pub(super) fn people() -> impl Iterator<Item = &'static str> {
        PEOPLE.iter().map(|(account, ..)| *account)
    }
}

/// Registers everybody and puts the first policy in force.
pub(super) async fn found(engine: &Engine, clock: &Arc<SimulatedClock>, port: u16) -> anyhow::Result<Company> {
    let mut company = Company { passkeys: BTreeMap::new(), sessions: BTreeMap::new() };
    note(
        engine,
        Body::ClockSampled(ClockSampled {
            node: "node-1".to_owned(),
            reference: "simulated".to_owned(),
            offset_us: Some(0),
            synchronised: true,
        }),
    )
    .await?;
    for (account, name, roles) in PEOPLE {
        let record = person(account, name)?;
        direct(engine, Directory::Register(record)).await?;
        give(engine, account, roles).await?;
        let seed = engine.new_secret()?.digest();
        let passkey = SoftwarePasskey::from_seed(seed.as_bytes(), "localhost", &format!("http://localhost:{port}"))
            .context("a passkey could not be made")?;
        direct(
            engine,
            Directory::Enroll {
                credential: passkey.credential().parse()?,
                principal: account.parse()?,
                label: "software passkey".to_owned(),
                key: passkey.public(),
                expires_at: None,
            },
        )
        .await?;
        company.passkeys.insert((*account).to_owned(), passkey);
    }
    for (account, owner, parent, model, version, uses) in AGENTS {
        let profile = AgentProfile {
            model: (*model).to_owned(),
            version: (*version).to_owned(),
            tools: vec!["privyseal-api".to_owned()],
            intended_use: uses.iter().map(|action| (*action).to_owned()).collect(),
            impact_assessed_at: Some(clock_start(clock).plus_seconds(-40 * 86_400)),
        };
        let record = Principal {
            principal: account.parse()?,
            kind: ActorKind::Agent,
            name: account.trim_start_matches("agent:").into(),
            email: None,
            person: None,
            owner: Some(owner.parse()?),
            parent: parent.map(str::parse).transpose()?,
            agent: Some(profile),
        };
        direct(engine, Directory::Register(record)).await?;
        give(engine, account, &["requester"]).await?;
        let secret = engine.new_secret()?;
        let credential = format!("key-{}", account.trim_start_matches("agent:")).parse()?;
        let key = privyseal_core::event::directory::CredentialKey::ApiKey { secret_sha256: secret.digest() };
        direct(engine, Directory::Enroll { credential, principal: account.parse()?, label: "API key".to_owned(), key, expires_at: None })
            .await?;
    }
    let items = KINDS.iter().map(|kind| kind.name().to_owned()).collect();
    let catalog = CatalogPublished {
        catalog: "events".to_owned(),
        version: "1".to_owned(),
        digest: Digest::of(b"events-v1"),
        files: Vec::new(),
        items,
        change_request: None,
    };
    engine.as_operator(Command::PublishCatalog(catalog)).await?;
    sign_in_everybody(engine, &mut company).await?;
    let publisher = company.actor("ines", engine.now())?;
    engine.publish_policy(default_policy(), None, "the first policy", publisher).await?;
    Ok(company)
}

fn clock_start(clock: &Arc<SimulatedClock>) -> Timestamp {
    use privyseal_core::port::Clock as _;
    clock.now()
}

fn person(account: &str, name: &str) -> anyhow::Result<Principal> {
    Ok(Principal {
        principal: account.parse()?,
        kind: ActorKind::Human,
        name: name.into(),
        email: None,
        person: Some(account.parse()?),
        owner: None,
        parent: None,
        agent: None,
    })
}

/// Everybody's first session, each opened with the person's own passkey over a real challenge.
async fn sign_in_everybody(engine: &Engine, company: &mut Company) -> anyhow::Result<()> {
    use privyseal_core::command::{Reply, SessionCommand};
    for account in Company::people() {
        let challenge = engine.new_secret()?.digest();
        let assertion = company.passkey(account)?.sign(challenge.as_bytes());
        let start = SessionCommand::StartByPasskey {
            challenge,
            assertion,
            token_sha256: engine.new_secret()?.digest(),
            lifetime_seconds: 100 * 86_400,
        };
        if let Reply::Session { session, .. } = engine.as_system(Command::Session(start)).await? {
            company.sessions.insert(account.to_owned(), session);
        }
    }
    Ok(())
}

async fn give(engine: &Engine, account: &str, roles: &[&str]) -> anyhow::Result<()> {
    for role in roles {
        let reason = "role of the position".to_owned();
        direct(engine, Directory::Assign { principal: account.parse()?, role: role.parse()?, valid_to: None, scope: Vec::new(), reason })
            .await?;
    }
    Ok(())
}

pub(super) async fn direct(engine: &Engine, change: Directory) -> anyhow::Result<()> {
    engine.as_operator(Command::Directory(change)).await?;
    Ok(())
}

pub(super) async fn note(engine: &Engine, body: Body) -> anyhow::Result<()> {
    engine.as_system(Command::Record(Box::new(body))).await?;
    Ok(())
}
