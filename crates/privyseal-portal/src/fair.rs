//! The order of what waits: everybody's most urgent request first, then everybody's second, and so on. However much one requester asks,
//! what others ask stands before all but the first of it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use privyseal_core::id::{PrincipalId, RequestId};
use privyseal_core::request::Request;
use privyseal_core::state::State;
use privyseal_core::time::Timestamp;

/// Where a request stands in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// How many requests of the same requester end before it.
    rank: u64,
    /// When it expires.
    end: Timestamp,
    id: RequestId,
}

/// As a cursor of the API: opaque to callers.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.rank, self.end.micros(), self.id)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '.');
        let mut part = || parts.next().ok_or(());
        let rank = part()?.parse().map_err(|_| ())?;
        let end = Timestamp::from_micros(part()?.parse().map_err(|_| ())?);
        Ok(Self { rank, end, id: part()?.parse().map_err(|_| ())? })
    }
}

/// What waits at `now` and `wanted` accepts, in order.
pub(crate) fn waiting(state: &State, now: Timestamp, mut wanted: impl FnMut(&Request) -> bool) -> Vec<(Place, &Arc<Request>)> {
    let mut asked: HashMap<&PrincipalId, u64> = HashMap::new();
    let open = state.request_deadlines.iter().filter(|(end, _)| now < *end);
    let open = open.filter_map(|(end, id)| Some((*end, state.requests.get(id)?))).filter(|(_, request)| wanted(request));
    let mut ordered: Vec<_> = open
        .map(|(end, request)| {
            let rank = asked.entry(&request.submitted.requester.principal).or_default();
            let place = Place { rank: *rank, end, id: request.id };
            *rank += 1;
            (place, request)
        })
        .collect();
    ordered.sort_by_key(|(place, _)| *place);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_back_and_nothing_else_is_one() {
        let place = Place {
            rank: 7,
            end: "2026-07-01T09:00:00.000001Z".parse().unwrap(),
            id: RequestId::new("2026-07-01T08:00:00Z".parse().unwrap(), [3; 10]),
        };
        assert_eq!(place.to_string().parse(), Ok(place));
        for bad in ["", "1", "1.2", "1.2.x", "x.2.3", &place.id.to_string(), &format!("-1.2.{}", place.id), &format!("1.x.{}", place.id)] {
            assert_eq!(bad.parse::<Place>(), Err(()), "{bad}");
        }
    }
}
