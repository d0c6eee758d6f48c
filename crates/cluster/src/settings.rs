//! The settings of every cluster: two generated files, written anew at each start.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::account::Account;
use crate::error::ClusterError;
use crate::place::PORT;

/// The settings that differ between installations.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub max_connections: u32,
    pub max_prepared_transactions: u32,
    pub shared_buffers_mib: u32,
}

/// Only password logins through the socket: no TCP, no trust. Base backups (`pg_basebackup`) are the superuser's, who
/// could read every file anyway.
const HBA: &str = "# Written at every start; changes are lost.\nlocal all all scram-sha-256\n\
    local replication salus_superuser scram-sha-256\n";

/// Writes `postgresql.conf` and `pg_hba.conf`. Answers whether anything in them changed.
pub(crate) fn write(
    settings: &Settings,
    account: &Account,
    cluster: &Path,
    socket_folder: &Path,
) -> Result<bool, ClusterError> {
    let conf = replace(account, &cluster.join("postgresql.conf"), &conf(settings, socket_folder))?;
    let hba = replace(account, &cluster.join("pg_hba.conf"), HBA)?;
    Ok(conf || hba)
}

/// The text of `postgresql.conf`. The time-outs of the app role stand at the role (see the bootstrap), so
/// that migrations and maintenance are not cut off.
fn conf(settings: &Settings, socket_folder: &Path) -> String {
    let Settings { max_connections, max_prepared_transactions, shared_buffers_mib } = settings;
    let sockets = socket_folder.display();
    format!(
        "# Written at every start; changes are lost.\n\
         # Only the socket: no TCP unless somebody forwards it.\n\
         listen_addresses = ''\n\
         port = {PORT}\n\
         unix_socket_directories = '{sockets}'\n\
         unix_socket_permissions = 0700\n\
         max_connections = {max_connections}\n\
         password_encryption = 'scram-sha-256'\n\
         # A cross-database commit rests on these four.\n\
         fsync = on\n\
         full_page_writes = on\n\
         synchronous_commit = on\n\
         max_prepared_transactions = {max_prepared_transactions}\n\
         # A dead client's backend must give back its locks soon.\n\
         client_connection_check_interval = '500ms'\n\
         tcp_user_timeout = '10s'\n\
         tcp_keepalives_idle = 5\n\
         tcp_keepalives_interval = 2\n\
         tcp_keepalives_count = 3\n\
         # The log holds no values: DETAIL lines print keys, parameters are values.\n\
         log_error_verbosity = terse\n\
         log_parameter_max_length = 0\n\
         log_parameter_max_length_on_error = 0\n\
         log_statement = 'none'\n\
         log_min_duration_statement = -1\n\
         log_min_error_statement = panic\n\
         # One file per day of the week, overwritten a week later.\n\
         logging_collector = on\n\
         log_directory = 'log'\n\
         log_filename = 'postgresql-%a.log'\n\
         log_rotation_age = '1d'\n\
         log_rotation_size = 0\n\
         log_truncate_on_rotation = on\n\
         log_file_mode = 0600\n\
         log_line_prefix = '%m [%p] %q%u@%d '\n\
         log_timezone = 'UTC'\n\
         timezone = 'UTC'\n\
         shared_buffers = '{shared_buffers_mib}MB'\n\
         max_wal_size = '1GB'\n\
         checkpoint_timeout = '5min'\n\
         random_page_cost = 1.1\n\
         autovacuum = on\n\
         # Our statements are short: compiling them costs more than it gains.\n\
         jit = off\n\
         lc_messages = 'C'\n"
    )
}

/// Replaces a file of the cluster, whole or not at all, if its content differs.
fn replace(account: &Account, path: &Path, content: &str) -> Result<bool, ClusterError> {
    if fs::read_to_string(path).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    let partial = path.with_extension("partial");
    let write = || {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(content.as_bytes())?;
        fs::set_permissions(&partial, fs::Permissions::from_mode(0o600))?;
        file.sync_all()
    };
    write().map_err(ClusterError::file("write", &partial))?;
    account.give(&partial)?;
    fs::rename(&partial, path).map_err(ClusterError::file("write", path))?;
    Ok(true)
}
