-- The record store: FHIR resources as sealed bodies, beside them only what SQL must find and join. All three databases
-- carry it, because the type of a resource decides in which one it lives.

create schema record;

-- The tenant of the transaction. Unset, and after a SET LOCAL has ended (the setting is then '', not NULL), it is
-- NULL, so that no row is visible.
create function record.tenant() returns int language sql stable parallel safe
    as $$ select nullif(current_setting('app.tenant', true), '')::int $$;

create table record.resource (
    rid bigint not null,
    tenant int not null,
    type smallint not null,
    version int not null,
    -- The patient whom the record is about, by rid; a Patient's own rid. Owned by phi, anchored in clinical.
    patient bigint,
    -- Keyed hash of system|code of the first coding of the type's `code` parameter.
    code bigint,
    -- The range of the type's `date` (or `birthdate`) parameter; -infinity where the resource has none.
    date_low timestamptz not null default '-infinity',
    date_high timestamptz not null default '-infinity',
    last_updated timestamptz not null,
    deleted boolean not null default false,
    fhir_id text collate "C" not null,
    -- Keyed hashes, salted with tenant, type and parameter, of everything else that is searched by equality.
    tokens bigint[] not null,
    -- The final wire JSON, compressed and sealed; empty for a deletion (sealed all the same).
    body bytea not null,
    constraint resource_pkey primary key (rid),
    constraint resource_version_is_positive check (version > 0),
    constraint resource_id_is_a_fhir_id check (fhir_id ~ '^[A-Za-z0-9.-]{1,64}$')
);
-- Bodies are sealed, so they do not compress again.
alter table record.resource alter column body set storage external;
-- An update rewrites the row in its page where there is room.
alter table record.resource set (fillfactor = 90);

-- Pattern operators are leakproof, the collating ones are not: under row-level security only the former can be index
-- conditions of a range on the id.
create unique index resource_id on record.resource (tenant, type, fhir_id text_pattern_ops);
create index resource_newest on record.resource (tenant, type, rid desc) where not deleted;
create index resource_changed on record.resource (tenant, type, last_updated desc, rid desc) where not deleted;
create index resource_dated on record.resource (tenant, type, date_low desc, rid desc) where not deleted;
create index resource_patient_date on record.resource (patient, date_low desc, rid desc) where not deleted;
create index resource_patient_code on record.resource (patient, code, date_low desc, rid desc)
    where not deleted and code is not null;
-- The included columns keep a count index-only under the policy.
create index resource_code on record.resource (code, date_low desc, rid desc) include (tenant, patient)
    where not deleted and code is not null;
-- No pending list: it would stall some unlucky writer for hundreds of milliseconds.
create index resource_tokens on record.resource using gin (tokens) with (fastupdate = off) where not deleted;

-- Superseded versions only: an update moves the sealed bytes unchanged.
create table record.history (
    rid bigint not null,
    version int not null,
    tenant int not null,
    type smallint not null,
    patient bigint,
    last_updated timestamptz not null,
    deleted boolean not null,
    fhir_id text collate "C" not null,
    body bytea not null,
    constraint history_pkey primary key (rid, version)
);
alter table record.history alter column body set storage external;

-- A patient as the other databases know one: an opaque id that resolves by one probe, and the row whose lock guards
-- every rule between a patient and what refers to it.
create table record.patient_anchor (
    tenant int not null,
    fhir_id text collate "C" not null,
    rid bigint not null,
    deleted boolean not null default false,
    constraint patient_anchor_pkey primary key (tenant, fhir_id),
    constraint patient_anchor_rid_is_unique unique (rid)
);

alter table record.resource enable row level security;
alter table record.resource force row level security;
alter table record.history enable row level security;
alter table record.history force row level security;
alter table record.patient_anchor enable row level security;
alter table record.patient_anchor force row level security;

create policy tenant on record.resource
    using (tenant = (select record.tenant())) with check (tenant = (select record.tenant()));
create policy tenant on record.history
    using (tenant = (select record.tenant())) with check (tenant = (select record.tenant()));
create policy tenant on record.patient_anchor
    using (tenant = (select record.tenant())) with check (tenant = (select record.tenant()));

-- A read by id in one round trip: the setting is made and used in one statement. plpgsql, because the body of a
-- `language sql` function would be planned at every call.
create function record.read(for_tenant int, for_type smallint, for_id text)
    returns table (rid bigint, version int, patient bigint, last_updated timestamptz, deleted boolean, body bytea)
    language plpgsql as $$
begin
    perform set_config('app.tenant', for_tenant::text, true);
    return query
        select r.rid, r.version, r.patient, r.last_updated, r.deleted, r.body
        from record.resource r
        where r.tenant = for_tenant and r.type = for_type and r.fhir_id = for_id;
end $$;

-- One version of a record, current or superseded.
create function record.read_version(for_tenant int, for_type smallint, for_id text, for_version int)
    returns table (rid bigint, version int, patient bigint, last_updated timestamptz, deleted boolean, body bytea)
    language plpgsql as $$
begin
    perform set_config('app.tenant', for_tenant::text, true);
    return query
        select r.rid, r.version, r.patient, r.last_updated, r.deleted, r.body
        from record.resource r
        where r.tenant = for_tenant and r.type = for_type and r.fhir_id = for_id and r.version = for_version
        union all
        select h.rid, h.version, h.patient, h.last_updated, h.deleted, h.body
        from record.resource r join record.history h on h.rid = r.rid and h.version = for_version
        where r.tenant = for_tenant and r.type = for_type and r.fhir_id = for_id;
end $$;

-- The versions of a record below a given one, newest first.
create function record.read_history(for_tenant int, for_type smallint, for_id text, below int, most int)
    returns table (rid bigint, version int, patient bigint, last_updated timestamptz, deleted boolean, body bytea)
    language plpgsql as $$
begin
    perform set_config('app.tenant', for_tenant::text, true);
    return query
        select all_versions.* from (
            select r.rid, r.version, r.patient, r.last_updated, r.deleted, r.body
            from record.resource r
            where r.tenant = for_tenant and r.type = for_type and r.fhir_id = for_id and r.version < below
            union all
            (select h.rid, h.version, h.patient, h.last_updated, h.deleted, h.body
            from record.resource r join record.history h on h.rid = r.rid and h.version < below
            where r.tenant = for_tenant and r.type = for_type and r.fhir_id = for_id
            order by h.version desc limit most)
        ) all_versions
        order by all_versions.version desc limit most;
end $$;

grant usage on schema record to salus_app;
grant select, insert, update on record.resource to salus_app;
grant select, insert on record.history to salus_app;
grant select, insert, update on record.patient_anchor to salus_app;
grant execute on all functions in schema record to salus_app;
