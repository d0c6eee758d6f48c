//! The server from outside: the real binary over HTTP, and its router in this process where a test needs
//! tokens that no login gives.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test says what it expects by failing.

mod backup;
mod bad_input;
mod chart;
mod client;
mod contract;
mod crash;
mod documents;
mod dump;
mod edge;
mod edge_callers;
mod edge_encoding;
mod endings;
mod external;
mod fhir;
mod in_process;
mod interrupted;
mod keys;
mod lifecycle;
mod links;
mod logs;
mod metrics;
mod organizations;
mod outage;
mod patients;
mod people;
mod point_in_time;
mod policy;
mod salus;
mod seed;
mod session;
mod sessions;
mod throttle;
mod tour;
mod traces;
mod users;
