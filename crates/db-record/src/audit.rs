//! Appending to the audit trail outside a write's own statement.

use domain::audit::Event;
use domain::{StoreError, Stored};
use kernel::{Database, Tenant};
use seal::{Keyring, TenantKeys};
use sqlx::PgConnection;

use crate::classify;
use crate::write::array_literal;

const QUERY_PURPOSE: &str = "audit.event.query";

/// The event's query, sealed; a query may hold a name.
pub(crate) fn sealed_query(keys: &TenantKeys, database: Database, event: &Event) -> Stored<Option<Vec<u8>>> {
    event
        .query
        .as_ref()
        .map(|query| keys.seal_text(QUERY_PURPOSE, query.expose().as_bytes()))
        .transpose()
        .map_err(|_| StoreError::Unavailable { database })
}

/// Appends the events in one statement that commits by itself. They may belong to several organizations.
pub async fn append(
    connection: &mut PgConnection,
    database: Database,
    keyring: &Keyring,
    events: &[Event],
) -> Stored<()> {
    let mut queries = Vec::with_capacity(events.len());
    for event in events {
        let tenant = event.tenant.unwrap_or(Tenant::from_number(0));
        queries.push(match event.query {
            Some(_) => sealed_query(&keyring.tenant(database, tenant), database, event)?,
            None => None,
        });
    }
    let literals =
        |rids: &[kernel::Rid]| array_literal(&rids.iter().map(|rid| rid.number()).collect::<Vec<_>>());
    sqlx::query!(
        "insert into audit.event
            (at, tenant, account, request, network, action, operation, outcome, type, fhir_id, patients, resources,
             query)
         select u.at, u.tenant, u.account, u.request, u.network::inet, u.action, u.operation, u.outcome, u.type,
             u.fhir_id, u.patients::bigint[], u.resources::bigint[], u.query
         from unnest($1::timestamptz[], $2::int[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                 $8::text[], $9::smallint[], $10::text[], $11::text[], $12::text[], $13::bytea[])
             as u (at, tenant, account, request, network, action, operation, outcome, type, fhir_id, patients,
                 resources, query)",
        &events.iter().map(|event| event.at).collect::<Vec<_>>(),
        &events.iter().map(|event| event.tenant.map(|tenant| tenant.number())).collect::<Vec<_>>()
            as &[Option<i32>],
        &events.iter().map(|event| event.account.map(|account| account.uuid())).collect::<Vec<_>>()
            as &[Option<uuid::Uuid>],
        &events.iter().map(|event| event.request.uuid()).collect::<Vec<_>>(),
        &events.iter().map(|event| event.network.map(|address| address.to_string())).collect::<Vec<_>>()
            as &[Option<String>],
        &events.iter().map(|event| event.action.code().to_owned()).collect::<Vec<_>>(),
        &events.iter().map(|event| event.operation.to_owned()).collect::<Vec<_>>(),
        &events.iter().map(|event| event.outcome.name().to_owned()).collect::<Vec<_>>(),
        &events.iter().map(|event| event.resource_type.map(|kind| kind.number())).collect::<Vec<_>>()
            as &[Option<i16>],
        &events.iter().map(|event| event.resource_id.clone()).collect::<Vec<_>>() as &[Option<String>],
        &events.iter().map(|event| literals(&event.patients)).collect::<Vec<_>>(),
        &events.iter().map(|event| literals(&event.resources)).collect::<Vec<_>>(),
        &queries as &[Option<Vec<u8>>],
    )
    .execute(connection)
    .await
    .map_err(|error| classify(database, error))?;
    Ok(())
}
