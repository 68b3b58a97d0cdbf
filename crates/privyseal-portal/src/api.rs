//! The `/v1` API: handlers by noun. Contract: names and shapes are what people script against.

mod access_reviews;
mod control;
mod controls;
mod delegations;
mod evidence;
mod grants;
mod killswitch;
mod ledger;
mod openapi;
mod passkeys;
mod policies;
mod redactions;
mod requests;
mod sql;

pub(crate) use passkeys::end_former;
pub(crate) use requests::{decide, parse as parse_request, put as put_narrower};
pub(crate) use sql::entry as sql_entry;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v1/requests", get(requests::list).post(requests::submit))
        .route("/v1/requests/batch", post(requests::submit_all))
        .route("/v1/requests/{id}", get(requests::show))
        .route("/v1/requests/{id}/events", get(requests::events))
        .route("/v1/requests/{id}/statement", post(passkeys::statement))
        .route("/v1/requests/{id}/reviews", post(requests::review))
        .route("/v1/requests/{id}/cancel", post(requests::cancel))
        .route("/v1/requests/{id}/narrow", post(requests::narrow))
        .route("/v1/grants/redeem", post(grants::redeem))
        .route("/v1/grants/{id}/revoke", post(grants::revoke))
        .route("/v1/grants/{id}/judge", post(grants::judge))
        .route("/v1/executions/{id}/finish", post(grants::finish))
        .route("/v1/policies", post(policies::publish))
        .route("/v1/killswitch", get(killswitch::show).post(killswitch::engage))
        .route("/v1/killswitch/release", post(killswitch::release))
        .route("/v1/control/killswitch", post(killswitch::engage_as_operator))
        .route("/v1/control/killswitch/release", post(killswitch::release_as_operator))
        .route("/v1/delegations", get(delegations::list).post(delegations::make))
        .route("/v1/delegations/{id}/end", post(delegations::end))
        .route("/v1/access-reviews", post(access_reviews::record))
        .route("/v1/sql", post(sql::query))
        .route("/v1/sql/tables", get(sql::tables))
        .route("/v1/sql/library", get(sql::library))
        .route("/v1/controls/{framework}", get(controls::framework))
        .route("/v1/evidence", get(evidence::list).post(evidence::build))
        .route("/v1/evidence/{id}", get(evidence::show))
        .route("/v1/evidence/{id}/download", get(evidence::download))
        .route("/v1/ledger/head", get(ledger::head))
        .route("/v1/ledger/entries/{seq}", get(ledger::entry))
        .route("/v1/ledger/entries/{seq}/proof", get(ledger::proof))
        .route("/v1/redactions", post(redactions::make))
        .route("/v1/control/redactions", post(redactions::make_as_operator))
        .route("/v1/control/seal", post(control::seal))
        .route("/v1/control/keys", post(control::keys))
        .route("/v1/control/api-keys", post(control::api_keys))
        .route("/v1/control/people", post(control::people))
        .route("/v1/control/link", post(control::link))
        .route("/v1/passkeys/sign-in/options", post(passkeys::begin_sign_in))
        .route("/v1/passkeys/sign-in", post(passkeys::sign_in))
        .route("/v1/passkeys/enrol/options", post(passkeys::begin_enrol))
        .route("/v1/passkeys/enrol", post(passkeys::enrol))
        .route("/openapi.json", get(openapi::show))
        .route("/checkpoint", get(ledger::checkpoint))
        .route("/tile/{*path}", get(ledger::tile))
}
