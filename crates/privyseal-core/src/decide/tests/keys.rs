//! Who may change which keys, and what is refused.

use super::world::{World, actor, key};
use crate::command::{Command, KeyCommand};
use crate::event::ledger::KeyPurpose;
use crate::event::{Body, Kind};
use crate::note::{KeyId, NodeKey};

fn enroll(text: String, purposes: &[KeyPurpose]) -> KeyCommand {
    KeyCommand::Enroll { key: text, purposes: purposes.to_vec(), protection: "test".into() }
}

fn rotate(next: &NodeKey, old: KeyId, since_seq: Option<u64>) -> KeyCommand {
    KeyCommand::Rotate { key: next.verifier().to_string(), old, protection: "test".into(), since_seq, reason: "why not".into() }
}

fn retire(key: KeyId) -> KeyCommand {
    KeyCommand::Retire { key, reason: "no longer needed".into() }
}

fn revoke(key: KeyId, since_seq: Option<u64>) -> KeyCommand {
    KeyCommand::Revoke { key, since_seq, reason: "stolen".into() }
}

#[test]
fn the_log_always_has_a_key_that_signs() {
    let (first, second, third) = (key(1), key(2), key(3));
    let mut world = World::new();
    let text = |key: &NodeKey| key.verifier().to_string();
    let foreign = NodeKey::from_seed("elsewhere", &[9; 32]).unwrap();
    let both = [KeyPurpose::Log, KeyPurpose::Node];
    type Expected<'a> = Result<&'a [Kind], &'a str>;
    let steps: Vec<(&str, &str, KeyCommand, Expected<'_>)> = vec![
        ("dan", "an administrator may", enroll(text(&second), &[KeyPurpose::Node]), Ok(&[Kind::KeyEnrolled])),
        ("ben", "others may not", enroll(text(&third), &both), Err("role")),
        ("dan", "one life", enroll(text(&second), &both), Err("one life")),
        ("dan", "no purpose", enroll(text(&third), &[]), Err("heads, events")),
        ("dan", "no key", enroll("rubbish".into(), &both), Err("not a verifier key")),
        ("dan", "another log's", enroll(text(&foreign), &both), Err("named")),
        ("dan", "the last for heads", retire(first.id()), Err("the last that signs")),
        ("dan", "unknown", retire(third.id()), Err("has no key")),
        ("dan", "one of two for events", retire(second.id()), Ok(&[Kind::KeyRetired])),
        ("dan", "twice", retire(second.id()), Err("does not count any more")),
        ("dan", "from the future", rotate(&third, first.id(), Some(1_000_000)), Err("no entry 1000000 yet")),
        ("dan", "a new one in its place", rotate(&third, first.id(), None), Ok(&[Kind::KeyEnrolled, Kind::KeyEnrolled, Kind::KeyRetired])),
        ("dan", "of the retired one", rotate(&key(4), first.id(), None), Err("does not count any more")),
        ("dan", "a compromised one", rotate(&key(4), third.id(), Some(2)), Ok(&[Kind::KeyEnrolled, Kind::KeyEnrolled, Kind::KeyRevoked])),
        ("dan", "the last", revoke(key(4).id(), None), Err("the last that signs")),
        ("dan", "a second for both", enroll(text(&key(5)), &both), Ok(&[Kind::KeyEnrolled, Kind::KeyEnrolled])),
        ("dan", "now it can go", revoke(key(4).id(), Some(3)), Ok(&[Kind::KeyRevoked])),
    ];
    for (who, what, command, expected) in steps {
        let before = world.events.len();
        let answer = world.run(&actor(who), Command::Keys(command));
        let kinds: Vec<Kind> = world.events.iter().skip(before).map(crate::event::Event::kind).collect();
        match (answer, expected) {
            (Ok(_), Ok(expected)) => assert_eq!(kinds, expected, "{what}"),
            (Err(refusal), Err(words)) => assert!(refusal.to_string().contains(words) && kinds.is_empty(), "{what}: {refusal}"),
            (answer, _) => panic!("{what}: {answer:?}"),
        }
        let keys = &world.state.keys;
        assert!(keys.iter().any(|(_, key)| key.signs_heads()) && keys.iter().any(|(_, key)| key.signs_events()), "{what}");
    }
    let third = world.state.keys.get(&third.id()).unwrap();
    let enrolled =
        world.events.iter().position(|event| matches!(&event.body, Body::KeyEnrolled(enrolled) if enrolled.key == third.key.to_string()));
    let enrolled = u64::try_from(enrolled.unwrap()).unwrap();
    assert_eq!((third.heads_from, third.events_from, third.ended), (Some(enrolled + 1), Some(enrolled + 2), Some(2)));
}
