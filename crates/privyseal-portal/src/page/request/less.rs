//! "Approve less": a reviewer puts a narrower request in the place of a pending one.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::Response;
use privyseal_core::action::Limits;
use privyseal_core::decide::Narrower;
use privyseal_core::event::request::Submitted;
use privyseal_core::request::Request;
use privyseal_engine::Less as Narrow;
use serde_json::{Map, Value};

use super::act::answer;
use super::path;
use crate::api::{parse_request, put_narrower};
use crate::app::App;
use crate::body::{Fields, Posted};
use crate::local;
use crate::page::frame::Visitor;
use crate::page::said::Said;
use crate::past;
use crate::problem::Problem;
use crate::view::request::{Less, NarrowForm, NarrowParameter};
use crate::view::text::Untrusted;

/// `POST /requests/{id}/narrow`
pub(crate) async fn narrow(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let request = past::visible(&app, &visitor.caller, parse_request(&id)?).await?;
    let done = async {
        let change = change(&request.submitted, &fields)?;
        let less = Narrow { request: request.id, change, comment: fields.one("comment").trim().to_owned() };
        put_narrower(&app, &visitor.caller, less).await
    };
    match done.await {
        Ok(successor) => {
            let mut response = local::see_other(&format!("/requests/{successor}"));
            response.headers_mut().append(header::SET_COOKIE, Said::Narrowed.cookie());
            Ok(response)
        }
        Err(problem) => answer(&app, &visitor, request.id, Err(problem)).await,
    }
}

/// The form; none when there is nothing of which there could be less.
pub(super) fn form(request: &Request, narrowable: &[String]) -> Option<NarrowForm> {
    let submitted = &request.submitted;
    let (seconds, uses) = bounds(submitted);
    let parameters: Vec<NarrowParameter> = sorted(submitted)
        .enumerate()
        .filter(|(_, (name, _))| narrowable.contains(name))
        .filter_map(|(place, (name, value))| {
            let less = match value {
                Value::Number(number) => Less::Number(number.as_i64().filter(|number| *number > 0)?),
                Value::Array(items) if items.len() > 1 => Less::Part(items.iter().map(|item| Untrusted::from(in_words(item))).collect()),
                _ => return None,
            };
            Some(NarrowParameter { place, name: name.as_str().into(), less })
        })
        .collect();
    let form = NarrowForm {
        action: path(request.id, "narrow"),
        minutes: Some(seconds / 60).filter(|minutes| *minutes > 1),
        uses: Some(uses).filter(|uses| *uses > 1),
        parameters,
    };
    (form.minutes.is_some() || form.uses.is_some() || !form.parameters.is_empty()).then_some(form)
}

/// All parameters in the order of their names; a field is named after its place there.
fn sorted(submitted: &Submitted) -> impl Iterator<Item = (&String, &Value)> {
    let sorted: BTreeMap<&String, &Value> = submitted.action.parameters.iter().collect();
    sorted.into_iter()
}

/// How long and how often the grant could be used as things stand.
pub(super) fn bounds(submitted: &Submitted) -> (i64, u64) {
    let (limits, assessment) = (submitted.action.limits.unwrap_or_default(), &submitted.assessment);
    let seconds = limits.seconds.map_or(assessment.grant_seconds, |seconds| seconds.min(assessment.grant_seconds));
    (seconds, limits.uses.map_or(assessment.uses, |uses| uses.min(assessment.uses)))
}

fn in_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What the fields change. A field that is empty, or as the page wrote it, changes nothing; whether the rest is narrower, core says.
fn change(submitted: &Submitted, fields: &Fields) -> Result<Narrower, Problem> {
    let number = |name: &str, what: &str| -> Result<Option<i64>, Problem> {
        let unread = |_| Problem::bad(format!("{what} is not a whole number"));
        fields.given(name).map(|text| text.trim().parse().map_err(unread)).transpose()
    };
    let seconds = number("minutes", "the number of minutes")?.map(|minutes| minutes.saturating_mul(60));
    let uses = number("uses", "the number of uses")?;
    let uses = uses.map(|uses| u64::try_from(uses).map_err(|_| Problem::bad("the number of uses is below 0"))).transpose()?;
    let (whole_seconds, whole_uses) = bounds(submitted);
    let limits = Limits {
        seconds: seconds.filter(|seconds| *seconds != whole_seconds - whole_seconds % 60),
        uses: uses.filter(|uses| *uses != whole_uses),
    };
    let mut parameters = Map::new();
    for (place, (name, value)) in sorted(submitted).enumerate() {
        let less = match value {
            Value::Number(_) => number(&format!("less.{place}"), &format!("`{name}`"))?.map(Value::from),
            Value::Array(items) if fields.given(&format!("listed.{place}")).is_some() => {
                let kept = fields.all(&format!("keep.{place}"));
                let is_kept = |index: &usize| kept.iter().any(|text| text.parse() == Ok(*index));
                Some(items.iter().enumerate().filter(|(index, _)| is_kept(index)).map(|(_, item)| item.clone()).collect())
            }
            _ => None,
        };
        if let Some(less) = less.filter(|less| less != value) {
            parameters.insert(name.clone(), less);
        }
    }
    Ok(Narrower { limits, parameters })
}
