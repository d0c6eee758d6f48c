//! What is seen of a request from outside: its span, its line in the access log, its place in the metrics. Never more
//! than the method, the template of the route, the status and the time: a path may hold what no log should.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{Counter, Gauge, Histogram, Unit, counter, gauge, histogram};
use metrics::{describe_counter, describe_gauge, describe_histogram};

use crate::policy::Rule;

/// The route of a request that met none.
const NO_ROUTE: &str = "none";

/// The method's name; one that no route has goes by `other`, because a client may make one up.
pub(super) fn name(method: &Method) -> &'static str {
    const KNOWN: [(Method, &str); 9] = [
        (Method::GET, "GET"),
        (Method::HEAD, "HEAD"),
        (Method::POST, "POST"),
        (Method::PUT, "PUT"),
        (Method::PATCH, "PATCH"),
        (Method::DELETE, "DELETE"),
        (Method::OPTIONS, "OPTIONS"),
        (Method::TRACE, "TRACE"),
        (Method::CONNECT, "CONNECT"),
    ];
    KNOWN.iter().find(|(known, _)| known == method).map_or("other", |(_, name)| *name)
}

/// The template of the route.
pub(super) fn route(rule: Option<&'static Rule>) -> &'static str {
    rule.map_or(NO_ROUTE, |rule| rule.path)
}

/// The handles of one kind of answer.
struct Answered {
    requests: Counter,
    seconds: Histogram,
}

type Answers = HashMap<(&'static str, &'static str, u16), Arc<Answered>>;

/// The handles, looked up once for each route, method and status: there are only so many.
pub(super) struct Requests {
    answers: RwLock<Answers>,
    in_flight: Gauge,
}

impl Default for Requests {
    fn default() -> Requests {
        Requests { answers: RwLock::default(), in_flight: gauge!("http_requests_in_flight") }
    }
}

impl Requests {
    /// Counts the request for as long as the result lives.
    pub(super) fn arrive(&self) -> InFlight<'_> {
        self.in_flight.increment(1);
        InFlight(&self.in_flight)
    }

    /// Counts the answer.
    pub(super) fn end(&self, method: &'static str, route: &'static str, status: StatusCode, took: Duration) {
        let key = (route, method, status.as_u16());
        // A panic elsewhere cannot leave the map half-written.
        let known = self.answers.read().unwrap_or_else(PoisonError::into_inner).get(&key).map(Arc::clone);
        let answered = known.unwrap_or_else(|| {
            let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(answers.entry(key).or_insert_with(|| {
                let status = status.as_str().to_owned();
                Arc::new(Answered {
                    requests: counter!("http_requests_total", "method" => method, "route" => route, "status" => status),
                    seconds: histogram!("http_request_seconds", "method" => method, "route" => route),
                })
            }))
        });
        answered.requests.increment(1);
        answered.seconds.record(took);
    }
}

/// A request that is being answered. One whose client went away ends here too.
pub(super) struct InFlight<'g>(&'g Gauge);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// Tells the recorder of metrics what those of the edge mean. Once, before the first router is made.
pub fn describe() {
    describe_counter!(
        "http_requests_total",
        "Requests answered, by template of the route, method and status"
    );
    describe_histogram!(
        "http_request_seconds",
        Unit::Seconds,
        "From a request's head to the head of its answer"
    );
    describe_gauge!("http_requests_in_flight", "Requests that are being answered");
    describe_counter!("http_rate_limited_total", "Requests turned away with 429, by the limit that they met");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_that_a_client_made_up_does_not_become_a_label() {
        assert_eq!(name(&Method::PATCH), "PATCH");
        assert_eq!(name(&Method::from_bytes(b"X-EVIL").unwrap()), "other");
    }
}
