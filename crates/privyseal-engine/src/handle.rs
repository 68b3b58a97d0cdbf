//! The handle: what surfaces hold. Cheap to clone; every method either answers after the commit or says why not.

use std::collections::BTreeMap;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, RwLock};

use privyseal_core::action::Action;
use privyseal_core::assessment::{Advice, PolicyRef};
use privyseal_core::cause::chain;
use privyseal_core::command::{Command, KeyCommand, PublishPolicy, Reply};
use privyseal_core::digest::Digest;
use privyseal_core::event::policy::{FileRef, PolicyPublished};
use privyseal_core::event::{Actor, ActorKind, AuthMethod, Channel};
use privyseal_core::grant_token::Claims;
use privyseal_core::id::{PersonId, PrincipalId, RequestId};
use privyseal_core::note::VerifierKey;
use privyseal_core::refusal::{Refusal, RefusalCode};
use privyseal_core::request::Request;
use privyseal_core::requirement::Candidate;
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;
use privyseal_ledger::blob;
use privyseal_ledger::keys;
use privyseal_ledger::layout::Layout;
use privyseal_policy::{Policy, PolicyFile};
use tokio::sync::{oneshot, watch};

use crate::error::{EngineError, OpenError};
use crate::identity::{self, Identity, Secret};
use crate::narrow::Less;
use crate::open::{Options, system};
use crate::publish::{Asking, Standing, Witnessed};
use crate::view::{Disclosures, View};
use crate::writer::{Committed, Intent, Message, Seen, Signer, Start, Writer};

const QUEUE: usize = 65_536;
/// Most places of the queue that one agent fills: however fast it asks, seven eighths are for others.
const MOST_OF_ONE: usize = QUEUE / 8;
/// Compiled policies of the past that are kept for those who look.
const MAX_LOOKED_AT: usize = 16;

/// A request for a privileged action, as it comes from a surface.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What.
    pub action: Action,
    /// Why.
    pub justification: String,
    /// Ticket reference.
    pub ticket: Option<String>,
    /// For whom, when not for oneself.
    pub on_behalf_of: Option<PrincipalId>,
    /// Who will run it, when not the requester.
    pub executor: Option<PrincipalId>,
    /// The system that the grant is for.
    pub audience: Option<String>,
    /// Names the batch that it came in.
    pub batch: Option<String>,
    /// Sent again with the same key, the same request is answered.
    pub idempotency_key: Option<String>,
    /// The request that this one repeats.
    pub previous_request: Option<RequestId>,
    /// The requester's answer to "is this a significant change?".
    pub significant_change: Option<bool>,
    /// Persons who wrote the inputs.
    pub authors: Vec<PersonId>,
    /// Whether this is an emergency.
    pub breakglass: bool,
    /// Contents of inputs, so that approvers see them.
    pub attachments: Vec<Attachment>,
}

/// The content of an input.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Name of the input it belongs to.
    pub name: String,
    /// Its bytes; their digest must be the input's.
    pub bytes: Vec<u8>,
}

/// An ask that only has to be queued; see [`Engine::prepare`].
#[derive(Debug)]
pub struct Prepared {
    ask: Box<Ask>,
    advice: Option<Advice>,
    actor: Actor,
}

pub(crate) struct Inner {
    queue: SyncSender<Message>,
    committed: Committed,
    pub(crate) options: Options,
    head: watch::Receiver<u64>,
    /// Versions of the policy that somebody looked at, compiled.
    looked_at: Mutex<BTreeMap<Digest, Arc<Policy>>>,
    witnessed: Option<Standing>,
    pub(crate) sealing: tokio::sync::Mutex<()>,
    rotating: tokio::sync::Mutex<()>,
    signer: Signer,
    in_flight: InFlight,
    pub(crate) disclosures: Arc<Disclosures>,
}

/// A running engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

impl Engine {
    pub(crate) fn start(options: Options, start: Start) -> Result<Self, OpenError> {
        let policy = match &start.folded.state.policy {
            Some(published) => Some(Arc::new(load_policy(&options.layout, &published.files)?)),
            None => None,
        };
        let committed = Arc::new(RwLock::new(start.folded.state.clone()));
        let (queue, commands) = sync_channel(QUEUE);
        let (head, watching) = watch::channel(start.folded.tip.edge.size());
        let disclosures = Arc::new(Disclosures::open(&options.layout)?);
        let no_thread = |source| OpenError::Io { path: options.layout.root().to_owned(), source };
        let witnesses = options.anchors.witnesses.as_ref();
        let asking = witnesses.map(|witnesses| Asking::new(witnesses, &start.folded.tip.origin, &options.layout)).transpose()?;
        let witnessed = asking.as_ref().map(Asking::standing);
        let shown = Arc::clone(&disclosures);
        let signer: Signer = Arc::new(RwLock::new(Arc::clone(&start.key)));
        options.clock.not_before(start.folded.state.last_time);
        let seen = Seen { committed: Arc::clone(&committed), head, disclosures: shown, signer: Arc::clone(&signer) };
        let writer = Writer::new(options.clone(), start, seen, policy, asking).map_err(no_thread)?;
        std::thread::Builder::new().name("privyseal-writer".to_owned()).spawn(move || writer.run(&commands)).map_err(no_thread)?;
        let (looked_at, sealing, rotating) = (Mutex::default(), tokio::sync::Mutex::new(()), tokio::sync::Mutex::new(()));
        let in_flight = InFlight::default();
        let inner =
            Inner { queue, committed, options, head: watching, looked_at, witnessed, sealing, rotating, signer, in_flight, disclosures };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Where things stand on disk.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.inner.options.layout
    }

    /// The engine's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.options.clock.now()
    }

    /// Reads the state as of the last commit. Keep it short: the writer waits for readers before it answers.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        // A reader that panicked cannot have damaged the state: it is only ever written by `apply`, which does not fail.
        let state = self.inner.committed.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        look(&state)
    }

    /// Reads the state with the hidden values in it, for people who may see them. Keep it short, as [`Engine::read`].
    pub fn view<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        self.read(|state| look(&View::new(state, &self.inner.disclosures)))
    }

    /// Number of entries committed; changes wake whoever waits on it.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<u64> {
        self.inner.head.clone()
    }

    /// How the witnesses stand; none when no witness is configured.
    #[must_use]
    pub fn witnessed(&self) -> Option<Witnessed> {
        let standing = self.inner.witnessed.as_ref()?;
        Some(standing.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
    }

    /// A new secret from the engine's source of randomness.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn new_secret(&self) -> Result<Secret, EngineError> {
        identity::new_secret(self.inner.options.entropy.as_ref()).map_err(EngineError::Stopped)
    }

    /// Random bytes for a new id.
    ///
    /// # Errors
    /// When the operating system gives none.
    pub fn random(&self) -> Result<[u8; 10], EngineError> {
        let mut random = [0; 10];
        for (to, from) in random.iter_mut().zip(self.new_secret()?.digest().as_bytes()) {
            *to = *from;
        }
        Ok(random)
    }

    /// Whoever holds this session token.
    #[must_use]
    pub fn by_session(&self, token: &Secret, channel: Channel) -> Option<Identity> {
        let now = self.now();
        self.read(|state| identity::by_session(state, token, channel, now))
    }

    /// Whoever holds this API key.
    #[must_use]
    pub fn by_api_key(&self, key: &Secret, channel: Channel) -> Option<Identity> {
        let now = self.now();
        self.read(|state| identity::by_api_key(state, key, channel, now))
    }

    /// Runs a command. Cancel safe in the sense that dropping the future never undoes what was queued.
    ///
    /// # Errors
    /// When it is refused, cannot be queued, or cannot be recorded.
    pub async fn execute(&self, command: Command, actor: Actor) -> Result<Reply, EngineError> {
        self.send(Intent::Command(command), actor)?.await
    }

    /// Queues a command now and answers later; commands of one caller keep their order.
    ///
    /// # Errors
    /// When it cannot be queued.
    pub fn queue(&self, command: Command, actor: Actor) -> Result<impl Future<Output = Result<Reply, EngineError>> + use<>, EngineError> {
        self.send(Intent::Command(command), actor)
    }

    /// Asks for a privileged action.
    ///
    /// # Errors
    /// When it is refused, an attachment is not what its input says, or it cannot be recorded.
    pub async fn ask(&self, ask: Ask, actor: Actor) -> Result<Reply, EngineError> {
        let prepared = self.prepare(ask, actor).await?;
        self.queue_prepared(prepared)?.await
    }

    /// Does everything about an ask that waits for disks and networks, so that it only has to be queued: asks that are prepared first
    /// and queued together share a commit.
    ///
    /// Attachments are kept on disk before the request can refer to them; if the request is then refused they stay, unreferenced.
    ///
    /// # Errors
    /// When an attachment is not what its input says, or cannot be kept.
    pub async fn prepare(&self, ask: Ask, actor: Actor) -> Result<Prepared, EngineError> {
        check_attachments(&ask)?;
        let (layout, attachments) = (self.layout().clone(), ask.attachments.clone());
        if !attachments.is_empty() {
            let kept =
                tokio::task::spawn_blocking(move || attachments.iter().try_for_each(|file| blob::put(&layout, &file.bytes).map(|_| ())))
                    .await;
            kept.map_err(|error| EngineError::NotRecorded(error.to_string()))?
                .map_err(|error| EngineError::NotRecorded(error.to_string()))?;
        }
        let advice = self.advise(&ask, &actor).await;
        Ok(Prepared { ask: Box::new(ask), advice, actor })
    }

    /// Queues a prepared ask now and answers later; see [`Engine::queue`].
    ///
    /// # Errors
    /// When it cannot be queued.
    pub fn queue_prepared(&self, prepared: Prepared) -> Result<impl Future<Output = Result<Reply, EngineError>> + use<>, EngineError> {
        let Prepared { ask, advice, actor } = prepared;
        self.send(Intent::Ask(ask, advice), actor)
    }

    /// Puts a narrower request in the place of a pending one.
    ///
    /// # Errors
    /// When it is not narrower, refused, or cannot be recorded.
    pub async fn narrow(&self, less: Less, actor: Actor) -> Result<Reply, EngineError> {
        self.send(Intent::Narrow(Box::new(less)), actor)?.await
    }

    /// The signed token of a grant, with which an executor checks offline what was approved; none when the request has no grant.
    /// The same grant always has the same token, as long as the signing key stays.
    #[must_use]
    pub fn grant_token(&self, request: &Request) -> Option<String> {
        let issued = &request.granted()?.issued;
        let claims = Claims::of(&self.read(|state| state.log.clone()), request.id, request.submitted.assessment.policy.digest, issued);
        let key = Arc::clone(&self.inner.signer.read().unwrap_or_else(std::sync::PoisonError::into_inner));
        claims.sign(&key).ok()
    }

    /// Queues an ask whose attachments are kept already (or absent); see [`Engine::queue`].
    ///
    /// # Errors
    /// When it cannot be queued.
    pub fn queue_ask(
        &self,
        ask: Ask,
        actor: Actor,
        seed: [u8; 32],
    ) -> Result<impl Future<Output = Result<Reply, EngineError>> + use<>, EngineError> {
        check_attachments(&ask)?;
        self.send_seeded(Intent::Ask(Box::new(ask), None), actor, seed)
    }

    /// Runs a command as Privyseal itself.
    ///
    /// # Errors
    /// As [`Engine::execute`].
    pub async fn as_system(&self, command: Command) -> Result<Reply, EngineError> {
        self.execute(command, self.system_actor(Channel::Engine, AuthMethod::Engine)?).await
    }

    /// Runs a command as whoever has the data folder in hand.
    ///
    /// # Errors
    /// As [`Engine::execute`].
    pub async fn as_operator(&self, command: Command) -> Result<Reply, EngineError> {
        self.execute(command, self.system_actor(Channel::Cli, AuthMethod::Local)?).await
    }

    pub(crate) fn system_actor(&self, channel: Channel, method: AuthMethod) -> Result<Actor, EngineError> {
        system(channel, method).ok_or_else(|| EngineError::Stopped("no system principal".to_owned()))
    }

    /// Puts a new key in the place of this node's; the old private key is destroyed. With `since_seq`, the old key was compromised: what it
    /// signed from that entry on proves nothing. Returns the new public key.
    ///
    /// 1. The new key is written to disk. A crash leaves a file that the next start removes.
    /// 2. Its enrolment and the end of the old key are one commit, whose head both keys sign. A crash leaves the staged file, and the next
    ///    start goes on with step 3.
    /// 3. Its file takes the old one's place.
    ///
    /// # Errors
    /// When it is refused, another rotation is under way, or the disk refuses; the old key then goes on signing.
    pub async fn rotate_key(&self, reason: &str, since_seq: Option<u64>) -> Result<VerifierKey, EngineError> {
        let _turn = self.inner.rotating.lock().await;
        let not_recorded = |error: keys::KeyError| EngineError::NotRecorded(chain(&error));
        let old = keys::load(&self.layout().key()).map_err(not_recorded)?.id();
        let seed = self.inner.options.entropy.seed().map_err(EngineError::Stopped)?;
        let next = keys::create(&self.layout().next_key(), &self.read(|state| state.log.clone()), &seed).map_err(not_recorded)?;
        let key = next.verifier();
        let command = Command::Keys(KeyCommand::Rotate {
            key: key.to_string(),
            old,
            protection: "file-0600".to_owned(),
            since_seq,
            reason: reason.to_owned(),
        });
        let sent = self.send(Intent::Rotate(command, Arc::new(next)), self.system_actor(Channel::Cli, AuthMethod::Local)?);
        let done = match sent {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        if let Err(EngineError::Refused(_) | EngineError::BadInput(_) | EngineError::Overloaded) = &done {
            keys::discard(self.layout()).map_err(not_recorded)?;
        }
        done.map(|_| key)
    }

    /// Ends the writer: commits what was queued before, publishes the head, lets go of the folder. Later commands are answered `Stopped`.
    pub async fn close(&self) {
        if let Ok(actor) = self.system_actor(Channel::Engine, AuthMethod::Engine)
            && let Ok(closed) = self.send(Intent::Close, actor)
        {
            // Already stopped is closed enough.
            let _ = closed.await;
        }
    }

    /// Puts the first policy in force, as part of setting up. Whoever holds the data folder does that before anybody can sign in, so
    /// nobody is named as its author.
    ///
    /// # Errors
    /// When the policy is broken (every problem is named), or a policy is in force.
    pub async fn found_policy(&self, files: Vec<PolicyFile>) -> Result<Reply, EngineError> {
        self.publish_policy(files, None, "the first policy", self.system_actor(Channel::Cli, AuthMethod::Local)?).await
    }

    /// Puts a policy in force: compiles it, keeps its files, records it.
    ///
    /// # Errors
    /// When the policy is broken (every problem is named), or publishing it is refused.
    pub async fn publish_policy(
        &self,
        files: Vec<PolicyFile>,
        change_request: Option<RequestId>,
        note: &str,
        actor: Actor,
    ) -> Result<Reply, EngineError> {
        let policy = Policy::load(files).map_err(|problems| EngineError::BadInput(problems.to_string()))?;
        let version = self.read(|state| state.policy.as_ref().map_or(0, |policy| policy.policy.version)) + 1;
        let mut files = Vec::new();
        for file in policy.files() {
            let bytes = file.text.as_bytes();
            let sha256 = blob::put(self.layout(), bytes).map_err(|error| EngineError::NotRecorded(error.to_string()))?;
            files.push(FileRef { name: file.name.clone(), sha256, bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX) });
        }
        let policy_ref = PolicyRef { version, digest: policy.digest() };
        let command = Command::PublishPolicy(PublishPolicy {
            policy: policy_ref,
            files,
            parameters: policy.catalogue().parameters().clone(),
            change_request,
            note: note.to_owned(),
            unsatisfiable: self.unsatisfiable(&policy),
        });
        self.send(Intent::Publish(command, Arc::new(policy)), actor)?.await
    }

    /// Rules of a policy that nobody could satisfy as groups are filled now, by `@id`: every request that they route would expire.
    #[must_use]
    pub fn unsatisfiable(&self, policy: &Policy) -> Vec<String> {
        let now = self.now();
        let people: Vec<Candidate> =
            self.read(|state| state.principals.keys().filter_map(|principal| state.candidate(principal, now)).collect());
        policy.unsatisfiable(&people).into_iter().map(|rule| rule.id.clone()).collect()
    }

    /// The files of the policy in force.
    ///
    /// # Errors
    /// When they cannot be read back, or no policy is in force.
    pub fn policy_files(&self) -> Result<Vec<PolicyFile>, EngineError> {
        let published = self.read(|state| state.policy.clone());
        let published = published.ok_or_else(|| Refusal::new(RefusalCode::NoPolicy, "no policy is in force"))?;
        read_files(self.layout(), &published.files).map_err(|error| EngineError::Stopped(error.to_string()))
    }

    /// A version of the policy, compiled, to be shown. Reads files: not for the runtime's own threads.
    ///
    /// # Errors
    /// When its files cannot be read back, or this build no longer understands them.
    pub fn policy(&self, published: &PolicyPublished) -> Result<Arc<Policy>, EngineError> {
        let looked_at = || self.inner.looked_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(policy) = looked_at().get(&published.policy.digest) {
            return Ok(Arc::clone(policy));
        }
        let policy = load_policy(self.layout(), &published.files).map_err(|error| EngineError::BadInput(error.to_string()))?;
        let policy = Arc::new(policy);
        let mut looked_at = looked_at();
        if looked_at.len() >= MAX_LOOKED_AT {
            looked_at.pop_first();
        }
        looked_at.insert(published.policy.digest, Arc::clone(&policy));
        Ok(policy)
    }

    pub(crate) fn send(
        &self,
        intent: Intent,
        actor: Actor,
    ) -> Result<impl Future<Output = Result<Reply, EngineError>> + use<>, EngineError> {
        let seed = self.inner.options.entropy.seed().map_err(EngineError::Stopped)?;
        self.send_seeded(intent, actor, seed)
    }

    fn send_seeded(
        &self,
        intent: Intent,
        actor: Actor,
        seed: [u8; 32],
    ) -> Result<impl Future<Output = Result<Reply, EngineError>> + use<>, EngineError> {
        let (reply, answer) = oneshot::channel();
        let turn = Turn::take(&self.inner.in_flight, &actor)?;
        let message = Message { intent, actor, received_at: self.now(), seed, reply, _turn: turn };
        self.inner.queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => EngineError::Overloaded,
            TrySendError::Disconnected(_) => EngineError::Stopped("the writer has ended".to_owned()),
        })?;
        Ok(async move { answer.await.unwrap_or_else(|_| Err(EngineError::Stopped("the writer ended before it answered".to_owned()))) })
    }
}

/// How many commands of each agent are on their way.
type InFlight = Arc<Mutex<BTreeMap<PrincipalId, usize>>>;

/// A place in the queue, given back when the command is answered.
pub(crate) struct Turn {
    of: InFlight,
    agent: PrincipalId,
}

impl Turn {
    /// A place for an agent; people and Privyseal itself need none.
    fn take(of: &InFlight, actor: &Actor) -> Result<Option<Self>, EngineError> {
        if actor.kind != ActorKind::Agent {
            return Ok(None);
        }
        let mut counts = of.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = counts.entry(actor.id.clone()).or_default();
        if *count >= MOST_OF_ONE {
            return Err(EngineError::Overloaded);
        }
        *count += 1;
        Ok(Some(Self { of: Arc::clone(of), agent: actor.id.clone() }))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut counts = self.of.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.agent) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.agent);
            }
        }
    }
}

fn check_attachments(ask: &Ask) -> Result<(), EngineError> {
    for attachment in &ask.attachments {
        let name: String = attachment.name.chars().take(120).flat_map(char::escape_debug).collect();
        if attachment.bytes.len() > blob::MAX_BLOB_BYTES {
            return Err(EngineError::BadInput(format!("the content of input `{name}` is over {} bytes", blob::MAX_BLOB_BYTES)));
        }
        let digest = Digest::of(&attachment.bytes);
        if !ask.action.inputs.iter().any(|input| input.name == attachment.name && input.sha256 == digest) {
            return Err(EngineError::BadInput(format!(
                "the content sent for `{name}` has digest {digest}, which no input of that name has"
            )));
        }
    }
    Ok(())
}

fn read_files(layout: &Layout, files: &[FileRef]) -> Result<Vec<PolicyFile>, OpenError> {
    let missing = |name: &str, why: &str| OpenError::Policy(format!("file `{name}` {why}"));
    files
        .iter()
        .map(|file| {
            let bytes = blob::get(layout, &file.sha256).map_err(|error| missing(&file.name, &error.to_string()))?;
            let bytes = bytes.ok_or_else(|| missing(&file.name, "is missing from the blobs"))?;
            let text = String::from_utf8(bytes).map_err(|_| missing(&file.name, "is not UTF-8"))?;
            Ok(PolicyFile { name: file.name.clone(), text })
        })
        .collect()
}

pub(crate) fn load_policy(layout: &Layout, files: &[FileRef]) -> Result<Policy, OpenError> {
    Policy::load(read_files(layout, files)?).map_err(|problems| OpenError::Policy(problems.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use privyseal_core::event::Auth;

    fn actor(id: &str, kind: ActorKind) -> Actor {
        let auth = Auth { method: AuthMethod::ApiKey, amr: Vec::new(), auth_time: None, session: None, credential: None };
        Actor { id: id.parse().unwrap(), kind, channel: Channel::Api, auth }
    }

    #[test]
    fn one_agent_fills_an_eighth_of_the_queue_and_no_more() {
        let of = InFlight::default();
        let (bot, other, person) = (actor("bot", ActorKind::Agent), actor("other", ActorKind::Agent), actor("ana", ActorKind::Human));
        let mut turns: Vec<_> = (0..MOST_OF_ONE).map(|_| Turn::take(&of, &bot).unwrap()).collect();
        assert!(matches!(Turn::take(&of, &bot), Err(EngineError::Overloaded)));
        assert!(Turn::take(&of, &other).is_ok_and(|turn| turn.is_some()));
        assert!(Turn::take(&of, &person).is_ok_and(|turn| turn.is_none()));
        turns.pop();
        assert!(Turn::take(&of, &bot).is_ok(), "what was answered makes room");
        drop(turns);
        assert!(of.lock().unwrap().is_empty(), "nobody is remembered for nothing");
    }
}
