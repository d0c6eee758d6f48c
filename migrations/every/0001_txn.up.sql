-- What the paired commit needs in every database: who this database is, the write-once decisions of the
-- transactions that it decided, the marks of those that it took part in, and the keys that make a request safe to
-- repeat. Whichever database is the decider, the others must be able to prove what became of their halves, so the
-- same schema stands in all three.

create schema txn;
revoke all on schema txn from public;
grant usage on schema txn to salus_app, salus_gc;

-- A database that answers with another pair's identity, or with another epoch after a restore, must never be paired
-- with the other two: the store compares this row at start and stamps pair and epoch into every gid.
create table txn.identity (
    pair_id uuid not null,
    db_code char(1) not null,
    system_identifier text not null,
    epoch bigint not null,
    constraint identity_code_is_known check (db_code in ('m', 'p', 'c')),
    constraint identity_epoch_is_positive check (epoch > 0)
);
create unique index identity_is_one_row on txn.identity ((true));
comment on table txn.identity is 'One row: which of the three databases this is, of which installation, in which epoch.';
comment on column txn.identity.pair_id is 'The same in all three databases of one installation; rewritten in a clone.';
comment on column txn.identity.db_code is 'm auth, p phi, c clinical.';
comment on column txn.identity.epoch is 'Raised after a restore, so that prepared transactions of the past are refused.';
grant select on txn.identity to salus_app, salus_gc;

-- The primary key is a write-once register. A commit row is written inside the decider's own transaction, so the data
-- and the decision are one commit; recovery writes an abort row (a tombstone), after which a late coordinator fails
-- on the key. No row level security: recovery settles every tenant's transactions, and the row holds ids only.
create table txn.decision (
    gtx uuid not null,
    verdict text not null,
    participants text[] not null,
    op text not null,
    tenant integer,
    actor uuid,
    instance uuid not null,
    decided_by text not null,
    decided_at timestamptz not null default clock_timestamp(),
    done_at timestamptz,
    constraint decision_is_written_once primary key (gtx),
    constraint decision_verdict_is_known check (verdict in ('commit', 'abort')),
    constraint decision_author_is_known check (decided_by in ('coordinator', 'recovery')),
    constraint decision_recovery_only_aborts check (decided_by = 'coordinator' or verdict = 'abort'),
    constraint decision_names_participants
        check (cardinality(participants) between 1 and 2 and participants <@ array['m', 'p', 'c'])
);
create index decision_not_done on txn.decision (decided_at) where done_at is null;
comment on table txn.decision is 'What became of the transactions over several databases that this one decided.';
comment on column txn.decision.gtx is 'UUIDv7 of the transaction, the last part of its gids.';
comment on column txn.decision.participants is 'Codes of the databases that prepared; a tombstone names all others.';
comment on column txn.decision.op is 'Name of the operation; recovery for a tombstone.';
comment on column txn.decision.actor is 'auth.account, or null where nobody was logged in and in tombstones.';
comment on column txn.decision.done_at is 'When every participant was seen to have followed; null until then.';
grant select, insert on txn.decision to salus_app;
grant update (done_at) on txn.decision to salus_app;
grant select, delete on txn.decision to salus_gc;

-- Grants stop the server's login; this stops everybody else who may update. A verdict that changes after a participant
-- followed it is half a transaction.
create function txn.refuse_second_verdict() returns trigger language plpgsql as $$
begin
    if (new.gtx, new.verdict, new.participants, new.op, new.tenant, new.actor, new.instance, new.decided_by, new.decided_at)
        is distinct from
       (old.gtx, old.verdict, old.participants, old.op, old.tenant, old.actor, old.instance, old.decided_by, old.decided_at)
    then
        raise exception 'a decision is written once'
            using errcode = 'integrity_constraint_violation', constraint = 'decision_never_changes';
    end if;
    return new;
end
$$;
create trigger decision_never_changes before update on txn.decision
    for each row execute function txn.refuse_second_verdict();

-- Written in the participant's half, so it becomes visible exactly when that half does: the proof that a prepared
-- transaction which is no longer there was committed and not rolled back by hand.
create table txn.applied (
    gtx uuid not null,
    decider char(1) not null,
    applied_at timestamptz not null default clock_timestamp(),
    constraint applied_is_written_once primary key (gtx),
    constraint applied_decider_is_known check (decider in ('m', 'p', 'c'))
);
comment on table txn.applied is 'The transactions whose half in this database is committed and that another decided.';
grant select, insert on txn.applied to salus_app;
grant select, delete on txn.applied to salus_gc;

-- A request repeated with its key must find its first answer, whichever way the first attempt ended for the client.
create table txn.idempotency (
    tenant integer not null,
    actor uuid not null,
    op text not null,
    key text not null,
    request_hash bytea not null,
    gtx uuid not null,
    status integer,
    result_ref jsonb,
    created_at timestamptz not null default clock_timestamp(),
    constraint idempotency_key_is_used_once primary key (tenant, actor, op, key),
    constraint idempotency_key_is_short check (length(key) between 1 and 255)
);
comment on table txn.idempotency is 'Idempotency-Keys of the operations whose home this database is.';
comment on column txn.idempotency.tenant is 'auth.organization.';
comment on column txn.idempotency.actor is 'auth.account; the nil UUID for anonymous.';
comment on column txn.idempotency.result_ref is 'Ids from which the answer is made again; never a body.';
alter table txn.idempotency enable row level security;
alter table txn.idempotency force row level security;
create policy idempotency_of_tenant on txn.idempotency to salus_app
    using (tenant = nullif(current_setting('app.tenant', true), '')::integer)
    with check (tenant = nullif(current_setting('app.tenant', true), '')::integer);
create policy idempotency_collected on txn.idempotency to salus_gc using (true);
grant select, insert on txn.idempotency to salus_app;
grant update (status, result_ref) on txn.idempotency to salus_app;
grant select, delete on txn.idempotency to salus_gc;

-- Below this transaction decisions may have been deleted, so "no row" proves nothing: recovery refuses older gids.
create table txn.gc_watermark (
    db_code char(1) not null,
    before_gtx uuid not null,
    constraint gc_watermark_is_one_per_database primary key (db_code),
    constraint gc_watermark_code_is_known check (db_code in ('m', 'p', 'c'))
);
comment on table txn.gc_watermark is 'Decisions of this decider older than before_gtx may be gone.';
grant select on txn.gc_watermark to salus_app;
grant select, insert, update on txn.gc_watermark to salus_gc;

-- What a person must look at: nothing settles these prepared transactions by itself.
create table txn.quarantine (
    gid text not null,
    reason text not null,
    seen_at timestamptz not null default clock_timestamp(),
    constraint quarantine_names_a_gid_once primary key (gid)
);
comment on table txn.quarantine is 'Prepared transactions that recovery refuses to settle, and why.';
grant select, insert on txn.quarantine to salus_app;
grant select, delete on txn.quarantine to salus_gc;
