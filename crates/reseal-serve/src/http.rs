//! `/metrics`, `/healthz` and the status page.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::{ServeError, State, metrics, page};

/// Answers until dropped.
pub(crate) struct Listening {
    task: JoinHandle<()>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens on an address.
pub(crate) async fn listen(address: SocketAddr, state: Arc<State>) -> Result<Listening, ServeError> {
    let refused = |error: std::io::Error| ServeError::Listen { address, reason: error.kind().to_string() };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    tracing::info!("listening on {}", listener.local_addr().unwrap_or(address));
    let router = Router::new()
        .route("/", get(status_page))
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(health))
        .with_state(state);
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!("metrics and status page are gone: {}", error.kind());
        }
    });
    Ok(Listening { task })
}

type Shared = axum::extract::State<Arc<State>>;

async fn status_page(state: Shared) -> impl IntoResponse {
    Html(page::html(&state).await)
}

async fn metrics_text(state: Shared) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::text(&state).await)
}

async fn health(state: Shared) -> impl IntoResponse {
    match state.health_problem() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}
