//! Transactions whose participants have all followed, until their decisions are marked (F12), off the
//! request's path.

use std::sync::{Mutex, MutexGuard, PoisonError};

use kernel::{Database, TransactionId};

/// Marks kept for one database. Beyond it they are dropped: recovery finds such decisions and marks them
/// itself.
const KEPT: usize = 10_000;

/// The queue of one store.
#[derive(Debug, Default)]
pub(crate) struct Done([Mutex<Vec<TransactionId>>; 3]);

impl Done {
    /// The decision about `transaction` in `decider` needs no more attention.
    pub(crate) fn push(&self, decider: Database, transaction: TransactionId) {
        let mut queue = self.queue(decider);
        if queue.len() < KEPT {
            queue.push(transaction);
        }
    }

    /// All that is queued for `decider`.
    pub(crate) fn take(&self, decider: Database) -> Vec<TransactionId> {
        std::mem::take(&mut *self.queue(decider))
    }

    fn queue(&self, decider: Database) -> MutexGuard<'_, Vec<TransactionId>> {
        // A panic elsewhere cannot leave the queue half-written.
        self.0[decider.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
