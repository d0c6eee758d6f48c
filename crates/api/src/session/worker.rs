//! What a server does for sessions by itself: loads keys that another has made or removed, rotates them when they are
//! old, and deletes what nobody will ask for.

use std::time::Duration;

use chrono::TimeDelta;
use services::session::Sweep;
use services::signing::{RotateSigningKey, Rotated, SigningKeyError, new_signing_key};

use super::Keys;

/// How often keys are loaded: a removed key is believed for no longer than this and the verifier's memory together.
const LOAD: Duration = Duration::from_secs(5);
/// Loads between two looks at whether the key is old and something is to be swept: five minutes.
const LOADS: u32 = 60;

/// Maintains until it is dropped. `older_than` is the age at which a key is followed by the next.
pub async fn maintain(keys: Keys, older_than: TimeDelta) {
    for round in 1_u32.. {
        tokio::time::sleep(LOAD).await;
        if let Err(error) = keys.load().await {
            tracing::warn!(%error, "the signing keys could not be loaded: those known go on");
        }
        if round % LOADS == 0 {
            if let Err(error) = rotate(&keys, older_than).await {
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
    let rotate = RotateSigningKey { candidate, older_than: Some(older_than) };
    if keys.store().execute(rotate, keys.context()).await?.output == Rotated::Published {
        tracing::info!("the next signing key is published");
        keys.load().await?;
    }
    Ok(())
}
