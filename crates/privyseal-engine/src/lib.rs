//! The engine: one writer that decides, records, and only then answers; and the doors to it.
//!
//! Rules live in `privyseal-core`, bytes in `privyseal-ledger`, policy in `privyseal-policy`. Here is what joins them to a clock,
//! to randomness and to concurrency.

mod advise;
mod assess;
mod attempts;
mod clock;
mod desk;
mod entropy;
mod erase;
mod error;
mod handle;
mod identity;
mod narrow;
mod open;
mod past;
mod people;
mod publish;
mod recall;
mod seal;
mod turn;
mod view;
mod writer;

pub use attempts::Attempts;
pub use clock::{SimulatedClock, SystemClock};
pub use desk::{ASKERS, Desk, DeskError, MAX_STATEMENT_BYTES, Recorded};
pub use entropy::{Entropy, OsEntropy, SeededEntropy};
pub use error::{EngineError, OpenError};
pub use handle::{Ask, Attachment, Engine, Prepared};
pub use identity::{Identity, Secret, new_secret};
pub use narrow::Less;
pub use open::{Options, create, open};
pub use past::{Asking, Past, PastError, Spent};
pub use people::{MAX_KEY_DAYS, MAX_LINK_MINUTES, PersonalKey};
pub use privyseal_ledger::private::Target;
pub use privyseal_policy::PolicyFile;
pub use publish::{Anchors, WitnessOptions, Witnessed};
pub use recall::Cursor;
pub use view::{View, Words};
