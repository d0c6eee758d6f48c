-- What belongs to patients beside their records: the counter behind patient numbers, which identifiers are taken, and
-- who was merged into whom. A record's body is sealed and its hashes are shared by whoever says the same, so that
-- neither can promise that a number is given once; a primary key can.

create schema patient;

-- A row per organization and year, changed in a short transaction of its own and never inside one over several
-- databases: one such in doubt would stop every registration. Numbers that a failed registration took are gaps.
create table patient.number_counter (
    tenant int not null,
    year int not null,
    last bigint not null,
    constraint number_counter_pkey primary key (tenant, year),
    constraint number_counter_has_counted check (last > 0)
);
comment on table patient.number_counter is 'The last patient number that an organization gave in a year.';
comment on column patient.number_counter.tenant is 'auth.organization.';

-- A claim is never given up: a number that once meant one person must not come to mean another.
create table patient.identifier_claim (
    tenant int not null,
    -- Keyed hash of kind and value; the value itself is in the sealed record only.
    hash bigint not null,
    kind text not null,
    patient bigint not null,
    constraint identifier_belongs_to_one_patient primary key (tenant, hash),
    constraint identifier_claim_kind_is_known check (kind in ('patient_number', 'mrn'))
);
comment on table patient.identifier_claim is 'Patient numbers and medical record numbers, and whose they are.';
comment on column patient.identifier_claim.patient is 'The rid of the Patient; after a merge, of the one that stays.';
create index identifier_claim_patient on patient.identifier_claim (patient);

create table patient.merge (
    gtx uuid not null,
    tenant int not null,
    loser bigint not null,
    loser_id text collate "C" not null,
    winner bigint not null,
    winner_id text collate "C" not null,
    account uuid not null,
    at timestamptz not null,
    -- Sealed: a reason may name somebody.
    reason bytea not null,
    moved_phi int not null,
    moved_clinical int not null,
    constraint merge_pkey primary key (gtx),
    constraint merge_happens_once unique (tenant, loser),
    constraint merge_joins_two check (loser <> winner)
);
comment on table patient.merge is 'The trail of merged patients. Never changed.';
comment on column patient.merge.gtx is 'The transaction that moved the records in both databases.';
comment on column patient.merge.loser is 'The rid of the Patient that was merged into the winner.';
comment on column patient.merge.account is 'auth.account.';
create index merge_winner on patient.merge (winner);

alter table patient.number_counter enable row level security;
alter table patient.number_counter force row level security;
alter table patient.identifier_claim enable row level security;
alter table patient.identifier_claim force row level security;
alter table patient.merge enable row level security;
alter table patient.merge force row level security;
create policy tenant on patient.number_counter
    using (tenant = (select record.tenant())) with check (tenant = (select record.tenant()));
create policy tenant on patient.identifier_claim
    using (tenant = (select record.tenant())) with check (tenant = (select record.tenant()));
create policy tenant on patient.merge
    using (tenant = (select record.tenant())) with check (tenant = (select record.tenant()));

grant usage on schema patient to salus_app;
grant select, insert, update on patient.number_counter to salus_app;
grant select, insert on patient.identifier_claim to salus_app;
grant update (patient) on patient.identifier_claim to salus_app;
grant select, insert on patient.merge to salus_app;
