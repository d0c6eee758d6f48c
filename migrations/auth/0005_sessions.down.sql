-- Takes sessions, failed logins and the states of organizations, accounts and keys away.

revoke delete on identity.signing_key from salus_app;
revoke delete on identity.membership from salus_app;
drop function identity.changed_sessions(double precision);
alter table identity.signing_key drop column not_before, drop column retire_after, drop column removed_at;
drop table identity.login_attempt;
drop table identity.refresh_token;
drop table identity.session;
alter table identity.membership drop column status, drop column version, drop column updated_at;
alter table identity.account
    drop column home, drop column status, drop column display_name, drop column email,
    drop column must_change_password, drop column password_changed_at, drop column version, drop column updated_at;
drop policy own on identity.organization;
create policy own on identity.organization
    using (tenant = (select record.tenant())
        or exists (select 1 from identity.membership m where m.tenant = organization.tenant and m.account = (select identity.account())))
    with check (tenant = (select record.tenant()));
alter table identity.organization
    drop column kind, drop column status, drop column parent, drop column version, drop column updated_at;
drop function identity.session();
drop function identity.installation();
