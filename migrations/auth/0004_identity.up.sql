-- Organizations, the accounts that belong to them, the keys that sign their tokens, and the slots of running servers.

create schema identity;

create table identity.organization (
    -- The number that stands in every key of every database as `tenant`.
    tenant int generated always as identity,
    id uuid not null,
    name text not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint organization_pkey primary key (tenant),
    constraint organization_id_is_unique unique (id),
    constraint organization_name_is_not_blank check (btrim(name) <> '')
);

create table identity.account (
    id uuid not null,
    username text not null,
    -- Argon2id, PHC string format.
    password_hash text not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint account_pkey primary key (id),
    constraint account_username_is_unique unique (username),
    constraint account_username_is_lower_case check (username = lower(username) and btrim(username) <> '')
);

create table identity.membership (
    tenant int not null references identity.organization,
    account uuid not null references identity.account,
    roles text[] not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint membership_pkey primary key (tenant, account)
);
create index membership_account on identity.membership (account);

create table identity.signing_key (
    kid text not null,
    -- The PKCS #8 document, sealed under the master key.
    sealed bytea not null,
    created_at timestamptz not null default clock_timestamp(),
    constraint signing_key_pkey primary key (kid)
);

-- The eight bits of a rid that tell servers apart. A slot is free when its holder has been silent for 15 seconds;
-- last_rid_ms is later than every rid that the holder may have made, so that the next holder does not repeat one.
create table identity.instance_slot (
    slot smallint not null,
    instance uuid not null,
    seen_at timestamptz not null,
    last_rid_ms bigint not null,
    constraint instance_slot_pkey primary key (slot),
    constraint instance_slot_is_eight_bits check (slot between 0 and 255)
);

-- The account of the transaction: what a login sets once the name is known, so that it sees its own memberships.
create function identity.account() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.account', true), '')::uuid $$;

alter table identity.organization enable row level security;
alter table identity.organization force row level security;
alter table identity.membership enable row level security;
alter table identity.membership force row level security;

create policy own on identity.organization
    using (tenant = (select record.tenant())
        or exists (select 1 from identity.membership m where m.tenant = organization.tenant and m.account = (select identity.account())))
    with check (true);
create policy own on identity.membership
    using (tenant = (select record.tenant()) or account = (select identity.account()))
    with check (tenant = (select record.tenant()));

grant usage on schema identity to salus_app;
grant select, insert on identity.organization to salus_app;
grant select, insert on identity.account to salus_app;
grant update (password_hash) on identity.account to salus_app;
grant select, insert, update on identity.membership to salus_app;
grant select, insert on identity.signing_key to salus_app;
grant select, insert, update on identity.instance_slot to salus_app;
grant execute on all functions in schema identity to salus_app;
