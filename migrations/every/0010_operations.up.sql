-- What people did to this database from outside of the program's everyday work: who migrated it and why, when it was
-- last backed up, what it was restored from. Whoever finds a database in an odd state asks this first, and a backup
-- that is too old is noticed here.

create schema operations;
revoke all on schema operations from public;
grant usage on schema operations to salus_app;

create table operations.event (
    id bigint generated always as identity,
    at timestamptz not null default clock_timestamp(),
    kind text not null,
    -- The operating system's user that ran the program.
    who text not null,
    program text not null,
    why text,
    detail jsonb not null default '{}',
    constraint event_pkey primary key (id),
    constraint event_kind_is_known check (kind in ('migrate', 'revert', 'backup', 'restore', 'epoch')),
    constraint event_why_is_not_blank check (btrim(why) <> '')
);
comment on table operations.event is 'Migrations, backups and restores of this database. Nothing about patients.';
comment on column operations.event.program is 'The release that did it.';
comment on column operations.event.why is 'In the words of whoever did it; null where nobody said.';
comment on column operations.event.detail is 'Versions of migrations, names and sizes of backups, epochs.';
create index event_by_kind on operations.event (kind, at);
grant select on operations.event to salus_app;

-- Whoever takes a backup without being a superuser: it reads everything already. Holding decisions up needs a right to
-- write (whose use the trigger refuses), and what was backed up is written down.
grant update on txn.decision to salus_backup;
grant insert on operations.event to salus_backup;
