-- The server's own login may not migrate, but it must know whether everything is migrated before it serves: outside of
-- the embedded mode nobody else sees to it. The list holds versions, names and checksums, nothing of a patient.

grant select on public._sqlx_migrations to salus_app;
