#!/bin/sh
# Makes the passwords of compose.dev.yml, once: 256 random bits each, in a file that only its owner may read.
# Whoever deletes the file and keeps the volumes has locked himself out, and ENCRYPTION_KEY opens every record.
set -eu
file="$(dirname "$0")/../.salus/compose.env"
[ -e "$file" ] && exit 0
umask 077
mkdir -p "$(dirname "$file")"
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }
{
    for database in AUTH PHI CLINICAL; do
        for role in SUPERUSER OWNER APP BACKUP; do
            echo "${database}_${role}_PASSWORD=$(random)"
        done
    done
    echo "SALUS_ADMIN_PASSWORD=$(random)"
    echo "ENCRYPTION_KEY=$(random)"
} >"$file.new"
mv "$file.new" "$file"
echo "Passwords made in .salus/compose.env; the administrator's is SALUS_ADMIN_PASSWORD there."
