//! An ask in Cedar's terms: principal, action, resource, their entities, and the context.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression};
use privyseal_core::event::ActorKind;
use serde_json::Value;

use crate::ask::Ask;
use crate::catalogue::{Catalogue, ClaimType, groups};
use crate::facts::{FactValue, Facts};
use crate::schema::{ACTION, AGENT, RESOURCE, ROLE, USER};

/// Why Cedar could not be asked.
#[derive(Debug)]
pub(crate) struct Unaskable(pub(crate) String);

/// Who asks for what on what, and everything known about them.
pub(crate) struct Question {
    principal: EntityUid,
    action: EntityUid,
    resource: EntityUid,
    pub(crate) entities: Entities,
}

impl Question {
    pub(crate) fn new(ask: &Ask<'_>, facts: &Facts, catalogue: &Catalogue) -> Result<Self, Unaskable> {
        let principal = principal(ask)?;
        let action = action(ask)?;
        let resource = resource(ask, facts, catalogue)?;
        let (who, what, on) = (principal.uid(), action.uid(), resource.uid());
        let entities = Entities::from_entities([principal, action, resource], None).map_err(|error| Unaskable(error.to_string()))?;
        Ok(Self { principal: who, action: what, resource: on, entities })
    }

    /// The request with these facts as its context.
    pub(crate) fn request(&self, facts: &BTreeMap<&'static str, FactValue>) -> Result<Request, Unaskable> {
        let context = Context::from_pairs(facts.iter().map(|(name, value)| ((*name).to_owned(), expression(value))));
        let context = context.map_err(|error| Unaskable(error.to_string()))?;
        // No schema here: it would refuse a request whose facts are incomplete, and those are ours to judge.
        Request::new(self.principal.clone(), self.action.clone(), self.resource.clone(), context, None)
            .map_err(|error| Unaskable(error.to_string()))
    }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, Unaskable> {
    let kind: EntityTypeName = kind.parse().map_err(|error| Unaskable(format!("{error}")))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn entity(uid: EntityUid, attributes: HashMap<String, RestrictedExpression>, parents: HashSet<EntityUid>) -> Result<Entity, Unaskable> {
    Entity::new(uid, attributes, parents).map_err(|error| Unaskable(error.to_string()))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn expression(value: &FactValue) -> RestrictedExpression {
    match value {
        FactValue::Bool(flag) => RestrictedExpression::new_bool(*flag),
        FactValue::Long(number) => RestrictedExpression::new_long(*number),
        FactValue::Text(value) => text(value),
    }
}

fn principal(ask: &Ask<'_>) -> Result<Entity, Unaskable> {
    let requester = ask.requester;
    let kind = match requester.kind {
        ActorKind::Human => USER,
        ActorKind::Agent => AGENT,
        ActorKind::System => return Err(Unaskable("Privyseal itself does not ask".to_owned())),
    };
    let roles = requester.roles.iter().map(|role| text(role.as_str()));
    let mut attributes = HashMap::from([("roles".to_owned(), RestrictedExpression::new_set(roles))]);
    if let (ActorKind::Agent, Some(owner)) = (requester.kind, &requester.owner) {
        attributes.insert("owner".to_owned(), text(owner.as_str()));
    }
    let parents = requester.roles.iter().map(|role| uid(ROLE, role.as_str())).collect::<Result<_, _>>()?;
    entity(uid(kind, requester.principal.as_str())?, attributes, parents)
}

fn action(ask: &Ask<'_>) -> Result<Entity, Unaskable> {
    let id = ask.action.verb.as_str();
    let parents = groups(id).map(|group| uid(ACTION, group)).collect::<Result<_, _>>()?;
    entity(uid(ACTION, id)?, HashMap::new(), parents)
}

fn resource(ask: &Ask<'_>, facts: &Facts, catalogue: &Catalogue) -> Result<Entity, Unaskable> {
    let resource = &ask.action.resource;
    let claimed = catalogue.claims.iter().filter_map(|(name, kind)| Some((name.clone(), claim(*kind, resource.attributes.get(name)?)?)));
    let claimed = RestrictedExpression::new_record(claimed).map_err(|error| Unaskable(error.to_string()))?;
    let mut attributes = HashMap::from([
        ("type".to_owned(), text(resource.name.kind())),
        ("id".to_owned(), text(resource.name.id())),
        ("claimed".to_owned(), claimed),
    ]);
    attributes.extend(facts.environment.as_deref().map(|name| ("environment".to_owned(), text(name))));
    attributes.extend(facts.data_class.as_deref().map(|name| ("data_class".to_owned(), text(name))));
    entity(uid(RESOURCE, &resource.name.to_string())?, attributes, HashSet::new())
}

/// A claim of the declared type. One of another type is left out: a rule that uses it then errs, which raises or refuses.
fn claim(kind: ClaimType, value: &Value) -> Option<RestrictedExpression> {
    Some(match kind {
        ClaimType::Text => text(value.as_str()?),
        ClaimType::Integer => RestrictedExpression::new_long(value.as_i64()?),
        ClaimType::Boolean => RestrictedExpression::new_bool(value.as_bool()?),
        ClaimType::TextSet => {
            let items = value.as_array()?.iter().map(|item| item.as_str().map(text)).collect::<Option<Vec<_>>>()?;
            RestrictedExpression::new_set(items)
        }
    })
}
