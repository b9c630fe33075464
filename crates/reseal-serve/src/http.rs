//! `/metrics`, `/healthz` and the status page.
//!
//! Whoever reaches the address may ask, and no one else: a page in a browser that reaches it under a name of its own (DNS
//! rebinding) names that name in `Host`, and is refused. Connections are few and short, so that those who only hold them open
//! cannot take the descriptors that the daemon works with.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::{Listen, ServeError, State, health, metrics, page};

/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may last: one request, its answer, and nothing after.
const CONNECTION: Duration = Duration::from_secs(60);
/// The most connections at a time; fewer where the limit on descriptors is low.
const MOST: u64 = 64;
/// The share of the descriptors that connections may take.
const SHARE: u64 = 8;
/// How long to wait where the system gives no connection.
const PAUSE: Duration = Duration::from_secs(1);

/// What every answer says to a browser.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Answers until dropped.
pub(crate) struct Listening {
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Listens on an address.
pub(crate) async fn listen(listen: Listen, state: Arc<State>) -> Result<Listening, ServeError> {
    let address = listen.address;
    let refused = |error: std::io::Error| ServeError::Listen { address, reason: error.kind().to_string() };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    tracing::info!("listening on {}", listener.local_addr().unwrap_or(address));
    let health = tokio::spawn(health::keep_checking(state.clone()));
    let router = Router::new()
        .route("/", get(status_page))
        .route("/style.css", get(style))
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(answer_health))
        .layer(from_fn_with_state(Arc::new(listen.names), guarded))
        .with_state(state);
    Ok(Listening { tasks: [health, tokio::spawn(accept(listener, router))] })
}

/// Serves connections, so many at a time; the others wait in the system's queue.
async fn accept(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(places()));
    let mut connections = JoinSet::new();
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => drop(connections.spawn(serve(stream, router.clone(), place))),
            Err(error) => {
                tracing::warn!("cannot accept a connection: {}", error.kind());
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

/// How many connections there may be at a time.
fn places() -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from((descriptors / SHARE).clamp(1, MOST)).unwrap_or(1)
}

async fn serve(stream: TcpStream, router: Router, _place: OwnedSemaphorePermit) {
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // Whoever asks and goes away is no trouble of ours.
    let _ = timeout(CONNECTION, connection).await;
}

/// Refuses a request under a name that is not ours, and says to browsers what they must not do with an answer.
async fn guarded(names: axum::extract::State<Arc<Vec<String>>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let mut response = match host.is_some_and(|host| is_ours(host, &names)) {
        true => next.run(request).await,
        false => {
            let why =
                "unknown host name: use the IP address, or start `reseal serve` with `--listen-name NAME`\n";
            (StatusCode::MISDIRECTED_REQUEST, why).into_response()
        }
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether a `Host` names this daemon. No name of somebody else's can be an address, or `localhost`.
fn is_ours(host: &str, names: &[String]) -> bool {
    if host.parse::<SocketAddr>().is_ok() {
        return true;
    }
    let is_port = |port: &str| port.chars().all(|c| c.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let is_address = address.parse::<std::net::IpAddr>().is_ok();
    is_address
        || std::iter::once("localhost")
            .chain(names.iter().map(String::as_str))
            .any(|own| name.eq_ignore_ascii_case(own))
}

type Shared = axum::extract::State<Arc<State>>;

async fn status_page(state: Shared) -> impl IntoResponse {
    Html(page::html(&state).await)
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("page.css"))
}

async fn metrics_text(state: Shared) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics::text(&state).await)
}

async fn answer_health(state: Shared) -> impl IntoResponse {
    match state.health_problem() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_an_address_or_a_name_of_ours() {
        let names = ["keys.example.com".to_owned()];
        let hosts = |ours: bool, hosts: &[&str]| {
            for host in hosts {
                assert_eq!(is_ours(host, &names), ours, "{host}");
            }
        };
        hosts(true, &["127.0.0.1", "127.0.0.1:9187", "[::1]:9187", "[::1]", "localhost", "LocalHost:80"]);
        hosts(true, &["keys.example.com", "KEYS.example.com:9187"]);
        hosts(
            false,
            &["", "evil.example", "evil.example:9187", "127.0.0.1.evil.example", "localhost.evil.example"],
        );
        hosts(false, &["keys.example.com.evil.example", "keys.example.com:80:9187", "::1x", "example.com"]);
    }
}
