revoke update on txn.decision from salus_backup;
drop schema operations cascade;
