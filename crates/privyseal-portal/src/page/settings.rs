//! `/settings/passkey`: a person's own passkeys.

use axum::extract::State;
use axum::response::Response;
use privyseal_core::event::directory::CredentialKey;
use privyseal_core::time::Timestamp;

use super::frame::{Visitor, page};
use crate::app::App;
use crate::body::{Asked, Posted};
use crate::local;
use crate::problem::Problem;
use crate::view::moment::Moment;
use crate::view::shell::{Notice, Place};
use crate::view::sign_in::{EnrolPage, Passkey};

/// `GET /settings`: all there is to set are the passkeys.
pub(crate) async fn to_passkeys(_visitor: Visitor) -> Response {
    local::see_other("/settings/passkey")
}

/// `GET /settings/passkey?next=`
pub(crate) async fn show(State(app): State<App>, visitor: Visitor, Asked(asked): Asked) -> Result<Response, Problem> {
    page(&enrol_page(&app, &visitor, asked.one("next"))?)
}

/// `POST /settings/passkey`: where the form goes when no script took it.
pub(crate) async fn without_script(State(app): State<App>, visitor: Visitor, Posted(fields): Posted) -> Result<Response, Problem> {
    visitor.sent(&fields)?;
    let mut shown = enrol_page(&app, &visitor, fields.one("next"))?;
    let text = "A passkey needs JavaScript, and this browser ran none of ours. Nothing was enrolled.".into();
    shown.shell.notice = Some(Notice { failed: true, text, next: None });
    page(&shown)
}

fn enrol_page(app: &App, visitor: &Visitor, next: &str) -> Result<EnrolPage, Problem> {
    let now = app.engine().now();
    let me = &visitor.caller.identity.principal;
    let passkeys: Vec<(Timestamp, Passkey)> = app.engine().view(|state| {
        let mine = state.passkeys(me, now).map(|(id, credential)| {
            let synced = matches!(credential.key, CredentialKey::Passkey { backed_up: true, .. });
            let passkey = Passkey {
                label: credential.label.as_str().into(),
                enrolled: Moment::day(credential.enrolled_at),
                used: credential.used_at.map(|used| Moment::relative(used, now)),
                synced,
                short: id.to_string().chars().take(8).collect(),
            };
            (credential.enrolled_at, passkey)
        });
        mine.collect()
    });
    let mut passkeys = passkeys;
    passkeys.sort_by_key(|(enrolled, _)| std::cmp::Reverse(*enrolled));
    let proposal = format!("Passkey {}", passkeys.len() + 1);
    let passkeys = passkeys.into_iter().map(|(_, passkey)| passkey).collect();
    Ok(EnrolPage { shell: visitor.shell(app, Place::Elsewhere)?, passkeys, proposal, next: local::path(next).to_owned() })
}
