-- Roles and marks of each database, as the server makes them in clusters of its own: the same statements, which
-- a test compares. Run once by the image, as its superuser, in the database POSTGRES_DB.
do $$
declare
    wanted text;
begin
    foreach wanted in array array['salus_owner', 'salus_app', 'salus_keys', 'salus_gc', 'salus_backup'] loop
        if not exists (select from pg_catalog.pg_roles where rolname = wanted) then
            execute pg_catalog.format('create role %I', wanted);
        end if;
    end loop;
end
$$;
alter role salus_owner login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role salus_app login nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role salus_keys nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role salus_gc nologin nosuperuser nocreatedb nocreaterole noreplication nobypassrls;
alter role salus_backup nosuperuser nocreatedb nocreaterole noreplication bypassrls;
grant pg_read_all_data to salus_backup;
alter role salus_app set statement_timeout = '5s';
alter role salus_app set lock_timeout = '2s';
alter role salus_app set idle_in_transaction_session_timeout = '10s';
alter role salus_app set client_connection_check_interval = '500ms';
revoke all on database postgres from public;
revoke all on database template1 from public;
alter function pg_catalog.arraycontains(anyarray, anyarray) leakproof;
alter function pg_catalog.arrayoverlap(anyarray, anyarray) leakproof;
do $$
begin
    execute pg_catalog.format('alter database %I owner to salus_owner', current_database());
    execute pg_catalog.format('revoke all on database %I from public', current_database());
    execute pg_catalog.format('grant connect on database %I to salus_app, salus_backup', current_database());
end
$$;
revoke all on schema public from public;
grant usage on schema public to salus_app;
revoke execute on function pg_catalog.lo_creat(integer) from public;
revoke execute on function pg_catalog.lo_create(oid) from public;
revoke execute on function pg_catalog.lo_from_bytea(oid, bytea) from public;
grant execute on function pg_catalog.pg_create_restore_point(text) to salus_backup;
grant execute on function pg_catalog.pg_switch_wal() to salus_backup;
