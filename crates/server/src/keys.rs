//! `salus keys`: the keys that sign tokens, seen and changed where nobody can log in to ask the server: the use cases of
//! `/api/v1/admin/keys`, over databases of a server that runs or not. A server that runs hears of it within seconds.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use cluster::operations;
use domain::Context;
use domain::store::StoredSigningKey;
use kernel::{RequestId, SystemClock};
use seal::Keyring;
use services::session::nobody;
use services::signing::{
    ListSigningKeys, RemoveSigningKey, RotateSigningKey, Rotated, new_signing_key, open_signing_key, states,
};
use store::Store;

use crate::config::Config;
use crate::start::StartError;
use crate::{ask, databases, master_key, say};

/// What `salus keys` does.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Show the keys that sign tokens, or whose tokens are still believed
    List,
    /// Publish the next key, which signs two minutes later; tokens of the one before stay good until they end
    Rotate,
    /// End the belief in a key at once, for one that somebody else may have; another signs in its place
    Remove {
        /// Its identifier, as `salus keys list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
enum KeysError {
    #[error(
        "there is no master key here, so there are no keys that it seals: was a server ever started with these settings?"
    )]
    NoMasterKey,
    #[error("the next key is published already: it signs from the time in the table on")]
    UnderWay,
    #[error("there is no key {0}: `salus keys list` shows those that there are")]
    Missing(String),
    #[error("nothing was changed")]
    Refused,
}

/// Opens the databases, does what is asked, prints the keys that there are then, stops what it started.
///
/// # Errors
/// Whatever prevents it; what was started is stopped.
pub async fn keys(config: Config, command: KeysCommand) -> Result<(), Box<dyn Error>> {
    // A key that is made now could open nothing.
    if master_key::existing_id(&config, &config.data_dir)?.is_none() {
        return Err(KeysError::NoMasterKey.into());
    }
    if let KeysCommand::Remove { kid, yes: false } = &command {
        let question = format!(
            "This ends the belief in the key {kid}: whoever has an access token that it signed must renew it."
        );
        if !ask::confirm(&question)? {
            return Err(KeysError::Refused.into());
        }
    }
    let external = config.databases.external.is_some();
    let keyring = Arc::new(Keyring::new(master_key::obtain(&config, &config.data_dir, external)?));
    let work = async |options| {
        let store = Store::open(options).await?;
        let done = perform(&store, command).await;
        store.close().await;
        done
    };
    databases::reach(&config, keyring, work).await
}

async fn perform(store: &Store, command: KeysCommand) -> Result<(), Box<dyn Error>> {
    let context = Context {
        caller: nobody(),
        request: RequestId::generate(),
        network: None,
        clock: Arc::new(SystemClock),
    };
    let found = store.execute(ListSigningKeys, context.clone()).await?.output;
    // Under another master key, what this one seals no server could open: it would not start again.
    for key in &found {
        open_signing_key(store.keyring(), key).map_err(StartError::from)?;
    }
    let operator = Some(format!("command line: {}", operations::who()));
    let refused = match command {
        KeysCommand::List => None,
        KeysCommand::Rotate => {
            let candidate = new_signing_key(store.keyring(), context.now())?;
            let rotate = RotateSigningKey { candidate, older_than: None, operator };
            match store.execute(rotate, context.clone()).await?.output {
                Rotated::Published => None,
                Rotated::AlreadyUnderWay | Rotated::NotDue => Some(KeysError::UnderWay),
            }
        }
        KeysCommand::Remove { kid, .. } => {
            let candidate = new_signing_key(store.keyring(), context.now())?;
            let remove = RemoveSigningKey { kid: kid.clone(), candidate, operator };
            let removed = store.execute(remove, context.clone()).await?.output;
            (!removed).then_some(KeysError::Missing(kid))
        }
    };
    let now = context.now();
    let keys = store.execute(ListSigningKeys, context).await?.output;
    say::text(Table { keys: &keys, now });
    refused.map_or(Ok(()), |error| Err(error.into()))
}

/// The keys, for a person.
struct Table<'a> {
    keys: &'a [StoredSigningKey],
    now: DateTime<Utc>,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
        writeln!(out, "{:43}  {:7}  {:20}  {:20}  believed until", "key", "state", "made", "signs from")?;
        for (key, state) in self.keys.iter().zip(states(self.keys, self.now)) {
            let until = key.retire_after.map_or_else(|| "-".to_owned(), time);
            writeln!(
                out,
                "{:43}  {:7}  {:20}  {:20}  {until}",
                key.kid,
                state.name(),
                time(key.created_at),
                time(key.not_before)
            )?;
        }
        Ok(())
    }
}
