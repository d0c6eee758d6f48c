-- Takes away the schema of the paired commit. Refuses while a prepared transaction of this database exists: without
-- the decisions nobody could ever settle it.

do $$
begin
    if exists (select from pg_prepared_xacts where database = current_database()) then
        raise exception 'prepared transactions exist: settle them before the decisions are dropped';
    end if;
end
$$;

drop table txn.quarantine;
drop table txn.gc_watermark;
drop table txn.idempotency;
drop table txn.applied;
drop table txn.decision;
drop function txn.refuse_second_verdict();
drop table txn.identity;
drop schema txn;
