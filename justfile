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

# Lists new migrations as merged: from then on a test fails when one of them changes.
migrate-freeze:
    cargo run --quiet -p tidy --example freeze

# Formats the sources.
fmt:
    cargo fmt --all
