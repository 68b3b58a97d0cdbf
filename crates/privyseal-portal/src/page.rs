//! The pages of the portal: handlers by place. They fill the structs of `view` and nothing else; what a page shows and what it offers
//! are asked of the core, and asked again by the engine when somebody does it.

mod controls;
mod evidence;
mod file;
mod frame;
mod halt;
mod history;
mod ledger;
mod live;
mod name;
mod people;
mod policies;
mod present;
mod queue;
mod request;
mod said;
mod seal;
mod settings;
mod sign_in;
mod sql;

use axum::Router;
use axum::routing::{get, post};

use crate::app::App;

pub(crate) use present::present;
pub(crate) use said::Said;

/// Every address of a page, with what stands behind its forms.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(queue::show))
        .route("/live/queue", get(queue::fragment))
        .route("/live/events", get(live::events))
        .route("/requests/{id}", get(request::show))
        .route("/live/requests/{id}", get(request::fragment))
        .route("/requests/{id}/review", post(request::review))
        .route("/requests/{id}/narrow", post(request::narrow))
        .route("/requests/{id}/withdraw", post(request::withdraw))
        .route("/requests/{id}/judge", post(request::judge))
        .route("/grants/{id}/revoke", post(request::revoke))
        .route("/history", get(history::show))
        .route("/controls", get(controls::frameworks))
        .route("/controls/{framework}", get(controls::framework))
        .route("/controls/{framework}/{control}", get(controls::control))
        .route("/evidence", get(evidence::show).post(evidence::build))
        .route("/evidence/{id}/cancel", post(evidence::cancel))
        .route("/evidence/{id}/pack.zip", get(evidence::download))
        .route("/live/evidence", get(evidence::fragment))
        .route("/sql", get(sql::show).post(sql::run))
        .route("/sql/download", post(sql::download))
        .route("/sql/history", get(sql::history))
        .route("/ledger", get(ledger::show))
        .route("/policies", get(policies::show))
        .route("/people", get(people::show))
        .route("/people/review", post(people::review))
        .route("/halt", post(halt::engage))
        .route("/halt/release", post(halt::release))
        .route("/settings", get(settings::show_all))
        .route("/settings/delegations", post(settings::lend))
        .route("/settings/delegations/{id}/end", post(settings::end))
        .route("/settings/passkey", get(settings::show).post(settings::without_script))
        .route("/sign-in", get(sign_in::show))
        .route("/sign-in/passkey", post(sign_in::without_script))
        .route("/sign-in/link", get(sign_in::show_link).post(sign_in::use_link))
        .route("/sign-out", post(sign_in::leave))
        .route("/assets/{name}", get(file::show))
        .route("/favicon.ico", get(file::mark))
}
