-- Takes back that the server's login reads the list of migrations.

revoke select on public._sqlx_migrations from salus_app;
