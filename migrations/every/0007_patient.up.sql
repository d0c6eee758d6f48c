-- Who wrote a version, which a history must be able to say without reading the audit trail; and which Patient was
-- merged into which, so that no record is written for one who is no longer there. Both stand beside the bodies, because
-- a rule in SQL cannot look into them.

alter table record.resource add column author uuid;
alter table record.history add column author uuid;
comment on column record.resource.author is 'auth.account that wrote this version; null for what is older than this column.';

-- In `phi` the Patient's own row says it, in `clinical` the anchor: in each the row that writers lock.
alter table record.resource add column merged_into text collate "C";
alter table record.patient_anchor add column merged_into text collate "C";
comment on column record.resource.merged_into is 'The logical id of the Patient that this one was merged into.';
comment on column record.patient_anchor.merged_into is 'The logical id of the Patient that this one was merged into.';

drop function record.read_history(int, smallint, text, int, int);

-- The versions of a record below a given one, newest first.
create function record.read_history(for_tenant int, for_type smallint, for_id text, below int, most int)
    returns table (rid bigint, version int, patient bigint, last_updated timestamptz, deleted boolean, author uuid,
        body bytea)
    language plpgsql as $$
begin
    perform set_config('app.tenant', for_tenant::text, true);
    return query
        select all_versions.* from (
            select r.rid, r.version, r.patient, r.last_updated, r.deleted, r.author, r.body
            from record.resource r
            where r.tenant = for_tenant and r.type = for_type and r.fhir_id = for_id and r.version < below
            union all
            (select h.rid, h.version, h.patient, h.last_updated, h.deleted, h.author, h.body
            from record.resource r join record.history h on h.rid = r.rid and h.version < below
            where r.tenant = for_tenant and r.type = for_type and r.fhir_id = for_id
            order by h.version desc limit most)
        ) all_versions
        order by all_versions.version desc limit most;
end $$;
grant execute on function record.read_history(int, smallint, text, int, int) to salus_app;
