//! How the service works: what `/readyz` and `/metrics` say, and how it was set.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::refused::Refused;
use super::session::SignedIn;
use super::{DashboardSettings, Shared};

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/health", get(health))
}

#[derive(Debug, Serialize)]
struct Health {
    /// Why no calls can be placed at the moment, as a word; null when they can.
    unready: Option<&'static str>,
    version: &'static str,
    limits: DashboardSettings,
    /// The page that Prometheus reads.
    metrics: String,
}

async fn health(State(dashboard): State<Shared>, _who: SignedIn) -> Result<Json<Health>, Refused> {
    let (unready, metrics) = (dashboard.operator.unready().await, dashboard.operator.page().await);
    Ok(Json(Health { unready, version: env!("CARGO_PKG_VERSION"), limits: dashboard.settings.clone(), metrics }))
}
