-- Takes organizations, accounts and signing keys away.

drop schema identity cascade;
