-- Takes back 0007: who wrote which version, and which Patients were merged, is lost.
drop function record.read_history(int, smallint, text, int, int);
alter table record.patient_anchor drop column merged_into;
alter table record.resource drop column merged_into;
alter table record.history drop column author;
alter table record.resource drop column author;

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
grant execute on function record.read_history(int, smallint, text, int, int) to salus_app;
