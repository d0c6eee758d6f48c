//! `salus reset`: back to a folder in which nothing was ever started.

use std::error::Error;
use std::fs;

use crate::config::Config;
use crate::say;
use crate::{administrator, ask, master_key, secret_file};

/// Deletes the databases, and the master key and password file that were made for them. A master key that
/// `SALUS_MASTER_KEY_FILE` names is not ours to delete.
///
/// # Errors
/// Where a server runs on the folder, the folder is not ours, or something cannot be deleted.
pub async fn reset(config: Config, yes: bool) -> Result<(), Box<dyn Error>> {
    let folder = &config.data_dir;
    let question = format!(
        "This deletes the three databases in {} with all records, the master key and the password file.",
        folder.display()
    );
    if !yes && !ask::confirm(&question)? {
        return Err("nothing was deleted".into());
    }
    let removed = cluster::reset(folder).await?;
    if !removed.data_dir_too {
        secret_file::remove(&master_key::path_in(folder))?;
        secret_file::remove(&administrator::path_in(folder))?;
        // A folder with other things in it stays.
        let _ = fs::remove_dir(folder);
    }
    say::result(format_args!("{} is reset", folder.display()));
    Ok(())
}
