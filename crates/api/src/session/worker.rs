//! What a server does for sessions by itself: loads keys that another has made or removed, rotates them when they are
//! old, and deletes what nobody will ask for.

use std::time::Duration;

use chrono::TimeDelta;
use services::session::Sweep;
use services::signing::{RotateSigningKey, Rotated, SigningKeyError, new_signing_key};

use super::Keys;

/// What is maintained, and how often it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// The age at which a signing key is followed by the next.
    pub signing_key_age: TimeDelta,
    /// How often keys are loaded: a removed key is believed for no longer than this and the verifier's memory together.
    pub load: Duration,
    /// Loads between two looks at whether the key is old and something is to be swept.
    pub loads: u64,
}

impl Maintenance {
    /// Of a server: keys are loaded every five seconds, what is old is looked for every five minutes.
    pub const fn of_keys_younger_than(signing_key_age: TimeDelta) -> Maintenance {
        Maintenance { signing_key_age, load: Duration::from_secs(5), loads: 60 }
    }
}

/// Maintains until it is dropped.
pub async fn maintain(keys: Keys, maintenance: Maintenance) {
    for round in 1_u64.. {
        tokio::time::sleep(maintenance.load).await;
        if let Err(error) = keys.load().await {
            tracing::warn!(%error, "the signing keys could not be loaded: those known go on");
        }
        if round.is_multiple_of(maintenance.loads) {
            if let Err(error) = rotate(&keys, maintenance.signing_key_age).await {
                tracing::warn!(%error, "whether the signing key is old could not be seen to");
            }
            if let Err(error) = keys.store().execute(Sweep, keys.context()).await {
                tracing::warn!(%error, "ended sessions could not be deleted");
            }
        }
    }
}

async fn rotate(keys: &Keys, older_than: TimeDelta) -> Result<(), SigningKeyError> {
    let candidate = new_signing_key(keys.store().keyring(), keys.clock().now())?;
    let rotate = RotateSigningKey { candidate, older_than: Some(older_than), operator: None };
    if keys.store().execute(rotate, keys.context()).await?.output == Rotated::Published {
        tracing::info!("the next signing key is published");
        keys.load().await?;
    }
    Ok(())
}
