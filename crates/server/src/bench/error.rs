//! Why a measurement ended early.

use std::path::PathBuf;

use axum::http::StatusCode;
use domain::StoreError;

use crate::master_key::MasterKeyError;

/// Why there are no figures. Names ids and paths, never what is in a record.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The operating system refused.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A file of the test data cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The data holds nothing that a phase needs.
    #[error("the data holds no {0}")]
    NoSuchData(&'static str),
    /// The server ended instead of starting.
    #[error("the server did not start; it says why above")]
    NotStarted,
    /// The server did not end by itself.
    #[error("the server had to be killed")]
    NotStopped,
    /// A connection failed.
    #[error("a request failed")]
    Http(#[from] hyper::Error),
    /// An answer took too long.
    #[error("{what} was not answered within a minute")]
    NoAnswer {
        /// Method and path.
        what: String,
    },
    /// An answer was not the one that was expected.
    #[error("{what} was answered with {status}: {said}")]
    Status {
        /// Method and path.
        what: String,
        /// The answer.
        status: StatusCode,
        /// What the server says about it.
        said: String,
    },
    /// An answer's body is not what it should be.
    #[error("the answer to {what} cannot be understood")]
    Answer {
        /// Method and path.
        what: String,
    },
    /// The statements of the baseline failed.
    #[error("the same statements without the server failed")]
    Baseline(#[from] StoreError),
    /// The statements of the baseline found something else than the server.
    #[error("the same statements without the server did not find {0}")]
    BaselineMissed(String),
    /// The child's clusters cannot be looked at.
    #[error(transparent)]
    Cluster(#[from] cluster::ClusterError),
    /// The child's master key cannot be read.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// A worker panicked.
    #[error("a worker panicked")]
    Panicked,
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl BenchError {
    /// Says what was tried when the operating system refused.
    pub fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> BenchError {
        move |source| BenchError::Io { what, source }
    }
}
