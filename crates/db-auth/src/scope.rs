//! For whom a transaction acts, as far as row-level security can see it.

use domain::Stored;
use sqlx::PgConnection;

use crate::classify;

/// The organization: set from the start.
pub(crate) const TENANT: &str = "app.tenant";
/// The account: sees its own places and sessions in every organization.
pub(crate) const ACCOUNT: &str = "app.account";
/// The session that a refresh token names.
pub(crate) const SESSION: &str = "app.session";
/// The installation as a whole, where this is [`INSTALLATION`].
pub(crate) const SCOPE: &str = "app.scope";
pub(crate) const INSTALLATION: &str = "installation";

/// Sets `setting` until the end of the transaction; gives what it was, to be put back.
pub(crate) async fn enter(connection: &mut PgConnection, setting: &str, value: &str) -> Stored<String> {
    let row = sqlx::query!(
        r#"with before as materialized (select coalesce(current_setting($1, true), '') as value)
           select before.value as "before!", set_config($1, $2, true) as "after!" from before"#,
        setting,
        value,
    )
    .fetch_one(connection)
    .await
    .map_err(classify)?;
    Ok(row.before)
}
