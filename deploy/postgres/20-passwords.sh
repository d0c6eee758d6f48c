#!/bin/sh
# Gives the roles of 10-salus.sql their passwords, from the container's environment, so that they stand in no file of
# the image or the repository. Runs once, when the data folder is made.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="${POSTGRES_USER:-postgres}" --dbname="$POSTGRES_DB" <<'SQL'
\getenv owner OWNER_PASSWORD
\getenv app APP_PASSWORD
\getenv backup BACKUP_PASSWORD
alter role salus_owner login password :'owner';
alter role salus_app login password :'app';
alter role salus_backup login password :'backup';
SQL
