//! What the operator at the machine may ask of a running server.

use axum::Json;
use axum::extract::State;
use privyseal_core::event::ledger::SegmentSealed;

use crate::app::App;
use crate::auth::Operator;
use crate::problem::Problem;

/// `POST /v1/control/seal`
pub(crate) async fn seal(State(app): State<App>, _operator: Operator) -> Result<Json<Vec<SegmentSealed>>, Problem> {
    Ok(Json(app.engine().seal().await?))
}
