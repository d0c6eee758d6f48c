-- Accounts and organizations get a state of their own, and logins become sessions that can be renewed, listed and
-- ended. Until now an account could only exist, and a token could only run out.

-- Whether the transaction works for the installation as a whole and not for one organization: creating, listing and
-- suspending organizations, and telling every server which sessions have ended.
create function identity.installation() returns boolean language sql stable parallel safe
    as $$ select coalesce(current_setting('app.scope', true), '') = 'installation' $$;
-- The session that a refresh token names: whoever presents one is not known before it is looked at.
create function identity.session() returns uuid language sql stable parallel safe
    as $$ select nullif(current_setting('app.session', true), '')::uuid $$;

alter table identity.organization
    add column kind text not null default 'hospital',
    add column status text not null default 'active',
    -- The organization that this one is a part of.
    add column parent uuid,
    add column version int not null default 1,
    add column updated_at timestamptz not null default clock_timestamp(),
    add constraint organization_parent_exists foreign key (parent) references identity.organization (id),
    add constraint organization_is_not_its_own_parent check (parent <> id),
    add constraint organization_kind_is_known
        check (kind in ('hospital', 'clinic', 'practice', 'laboratory', 'pharmacy', 'other')),
    add constraint organization_status_is_known check (status in ('active', 'suspended'));

drop policy own on identity.organization;
create policy own on identity.organization
    using (tenant = (select record.tenant()) or (select identity.installation())
        or exists (select 1 from identity.membership m where m.tenant = organization.tenant and m.account = (select identity.account())))
    with check (tenant = (select record.tenant()) or (select identity.installation()));

alter table identity.account
    -- The organization that made the account: it alone names its holder, disables it and resets its password.
    add column home int,
    add column status text not null default 'active',
    add column display_name text not null default '',
    add column email text,
    -- After a reset: the account can do nothing but choose a password.
    add column must_change_password boolean not null default false,
    add column password_changed_at timestamptz not null default clock_timestamp(),
    add column version int not null default 1,
    add column updated_at timestamptz not null default clock_timestamp(),
    add constraint account_status_is_known check (status in ('active', 'disabled'));

alter table identity.membership
    add column status text not null default 'active',
    add column version int not null default 1,
    add column updated_at timestamptz not null default clock_timestamp(),
    add constraint membership_status_is_known check (status in ('active', 'disabled'));

-- The owner stands under the policies too, and what follows concerns every organization. That the foreign key holds for
-- the rows that are there is looked at with the owner's eyes as well.
alter table identity.organization no force row level security;
alter table identity.membership no force row level security;
update identity.account a set home = (
    select m.tenant from identity.membership m where m.account = a.id order by m.created_at, m.tenant limit 1
);
-- Who administered the only organization that there was also looks after the installation.
update identity.membership m set roles = m.roles || '{system_administrator}'
    from identity.account a
    where a.id = m.account and a.username = 'admin' and 'administrator' = any (m.roles)
        and not 'system_administrator' = any (m.roles);
alter table identity.account
    alter column home set not null,
    add constraint account_home_exists foreign key (home) references identity.organization (tenant);
alter table identity.membership force row level security;
alter table identity.organization force row level security;

-- One login, and all the tokens that were given because of it: the family of its refresh tokens.
create table identity.session (
    id uuid not null,
    account uuid not null,
    tenant int not null,
    created_at timestamptz not null,
    last_used_at timestamptz not null,
    -- The latest end, however often it is renewed.
    expires_at timestamptz not null,
    user_agent text,
    address inet,
    -- Access tokens of an earlier epoch are refused; it rises when what they say is no longer true.
    epoch int not null default 1,
    revoked_at timestamptz,
    revoked_because text,
    -- The database's own time of the last change that a running server must hear of.
    changed_at timestamptz,
    constraint session_pkey primary key (id),
    constraint session_account_exists foreign key (account) references identity.account,
    constraint session_tenant_exists foreign key (tenant) references identity.organization,
    constraint session_is_revoked_for_a_reason check ((revoked_at is null) = (revoked_because is null)),
    constraint session_reason_is_known check (revoked_because in
        ('logout', 'revoked', 'password', 'disabled', 'suspended', 'reuse', 'removed', 'switched'))
);
create index session_account on identity.session (account, tenant) where revoked_at is null;
create index session_tenant on identity.session (tenant) where revoked_at is null;
create index session_changed on identity.session (changed_at) where changed_at is not null;
create index session_expires on identity.session (expires_at);
alter table identity.session enable row level security;
alter table identity.session force row level security;
create policy own on identity.session
    using (tenant = (select record.tenant()) or account = (select identity.account())
        or id = (select identity.session()) or (select identity.installation()));

-- Refresh tokens by their SHA-256. A token's successor is computed from it under the master key, so that a client which
-- lost the answer can be given the same one again without its being stored anywhere.
create table identity.refresh_token (
    hash bytea not null,
    session uuid not null,
    issued_at timestamptz not null,
    used_at timestamptz,
    successor bytea,
    constraint refresh_token_pkey primary key (hash),
    constraint refresh_token_session_exists foreign key (session) references identity.session on delete cascade,
    constraint refresh_token_is_a_hash check (octet_length(hash) = 32),
    constraint refresh_token_is_used_once check ((used_at is null) = (successor is null))
);
create index refresh_token_session on identity.refresh_token (session);

-- Failed logins, by keyed hashes of account names, addresses and devices: names that no account has are counted too.
create table identity.login_attempt (
    subject bytea not null,
    failures int not null,
    last_at timestamptz not null,
    blocked_until timestamptz not null,
    constraint login_attempt_pkey primary key (subject),
    constraint login_attempt_is_a_hash check (octet_length(subject) = 32)
);
create index login_attempt_last on identity.login_attempt (last_at);

alter table identity.signing_key
    -- It is published at once and signs from here on, until a newer key does.
    add column not_before timestamptz,
    -- Its tokens are believed until here; NULL while no newer key has taken its place.
    add column retire_after timestamptz,
    add column removed_at timestamptz;
update identity.signing_key set not_before = created_at;
alter table identity.signing_key alter column not_before set not null;

-- The sessions that changed in the last seconds, of all organizations: what each server asks every second.
create function identity.changed_sessions(within_seconds double precision)
    returns table (session uuid, epoch int, revoked boolean) language plpgsql as $$
begin
    perform set_config('app.scope', 'installation', true);
    return query select s.id, s.epoch, s.revoked_at is not null from identity.session s
        where s.changed_at > clock_timestamp() - make_interval(secs => within_seconds);
end
$$;

grant update (name, kind, status, parent, version, updated_at) on identity.organization to salus_app;
grant update (status, display_name, email, must_change_password, password_changed_at, version, updated_at)
    on identity.account to salus_app;
grant delete on identity.membership to salus_app;
grant select, insert, update, delete on identity.session to salus_app;
grant select, insert, update, delete on identity.refresh_token to salus_app;
grant select, insert, update, delete on identity.login_attempt to salus_app;
grant update (retire_after, removed_at) on identity.signing_key to salus_app;
grant delete on identity.signing_key to salus_app;
grant execute on function identity.installation() to salus_app;
grant execute on function identity.session() to salus_app;
grant execute on function identity.changed_sessions(double precision) to salus_app;
