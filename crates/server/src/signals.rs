//! Ctrl-C and SIGTERM.

use std::error::Error;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Somebody asked the program to stop before it had done its work.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// The signals that ask the server to stop, listened to from the moment this value exists.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// Where the operating system refuses.
    pub fn listen() -> std::io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Does the work, unless one comes first: then the work is dropped where it is.
    ///
    /// # Errors
    /// The work's own; [`Interrupted`].
    pub async fn unless_one_comes<T>(
        &mut self,
        work: impl Future<Output = Result<T, Box<dyn Error>>>,
    ) -> Result<T, Box<dyn Error>> {
        tokio::select! {
            done = work => done,
            () = self.next() => Err(Interrupted.into()),
        }
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
