# What a developer does here. Each recipe is one plain command: `just` itself is a convenience.

# Lists the recipes.
default:
    @just --list

# Starts the server with its own databases under .salus/.
dev *arguments:
    cargo run -- {{arguments}}

# Every test; nothing needs to be set up.
test *arguments:
    cargo test --workspace --no-fail-fast {{arguments}}

# What CI runs: format, lints, dependencies, tests, freshness of .sqlx.
check:
    .ci/run

# Reads, writes and searches per second beside the same SQL without the server, on a release build.
bench *arguments:
    cargo run --release -- bench {{arguments}}

# Refreshes the checked queries in crates/db-*/.sqlx against freshly migrated databases.
prepare *arguments:
    cargo run --quiet -p cluster --example prepare -- {{arguments}}

# Applies what is pending to all three databases and keeps the message: just migrate "why", just migrate "why" --backup.
migrate why="" *arguments:
    cargo run --quiet -- migrate up {{ if why == "" { "" } else { "--why " + quote(why) } }} {{arguments}}

# Makes the pair of files of a new migration of auth, phi, clinical or every: just migrate-new phi "add consent".
migrate-new database what:
    cargo run --quiet -p tidy --example new_migration -- {{database}} {{quote(what)}}

# Lists new migrations as merged: from then on a test fails when one of them changes.
migrate-freeze:
    cargo run --quiet -p tidy --example freeze

# Fills the databases of .salus/ with a hospital that does not exist; the server must be stopped: just seed --patients 50.
seed *arguments:
    cargo run --quiet -- seed {{arguments}}

# Deletes the databases of .salus/, the keys and the password file, after asking.
reset *arguments:
    cargo run --quiet -- reset {{arguments}}

# Dumps the three databases at one point, while the server runs or not: just backup --to /mnt/backups --keep 7.
backup *arguments:
    cargo run --quiet -- backup {{arguments}}

# Puts a backup in the place of the databases; the server must be stopped: just restore FOLDER --force.
restore *arguments:
    cargo run --quiet -- restore {{arguments}}

# Builds the images and starts the three databases and the server in containers; waits until they are healthy.
up *arguments:
    deploy/compose-env.sh
    docker compose --file compose.dev.yml --env-file .salus/compose.env up --build --detach --wait {{arguments}}

# Stops the containers; the data stays, unless --volumes is given.
down *arguments:
    docker compose --file compose.dev.yml --env-file .salus/compose.env --profile tools down {{arguments}}

# Formats the sources.
fmt:
    cargo fmt --all

# Holds a server to its own OpenAPI document with schemathesis: requests per operation, as administrator and as nobody.
contract *arguments:
    tools/contract/run {{arguments}}
