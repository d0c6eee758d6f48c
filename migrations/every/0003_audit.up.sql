-- The audit trail: one durable row for every access to a patient's data, in the database that was accessed; denied
-- accesses in auth. Append-only: the server may insert and nothing else.

create schema audit;

create table audit.event (
    id bigint generated always as identity,
    at timestamptz not null,
    -- NULL where the caller is unknown.
    tenant int,
    account uuid,
    request uuid not null,
    network inet,
    -- FHIR AuditEvent.action: C, R, U, D, E.
    action text not null,
    operation text not null,
    outcome text not null,
    type smallint,
    -- The logical id that was asked for, where nothing was found under it.
    fhir_id text,
    -- Internal identifiers: owned by phi (patients) and by this database (resources).
    patients bigint[] not null,
    resources bigint[] not null,
    -- What was searched for, sealed.
    query bytea,
    -- The transaction that wrote; NULL for a read.
    gtx uuid,
    constraint event_pkey primary key (id),
    constraint event_action_is_known check (action in ('C', 'R', 'U', 'D', 'E')),
    constraint event_outcome_is_known check (outcome in ('success', 'missing', 'denied'))
);

alter table audit.event enable row level security;
alter table audit.event force row level security;
-- Rows of several tenants are written in one statement by the group writer, and nobody reads through this role.
create policy append on audit.event for insert with check (true);

grant usage on schema audit to salus_app;
grant insert on audit.event to salus_app;
