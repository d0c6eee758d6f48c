# syntax=docker/dockerfile:1
# The server as an image: built in one stage, and only the program, its libraries and PostgreSQL's client programs (for
# backups) in the other. It expects external databases; see compose.dev.yml.

FROM rust:1.95.0-slim-trixie AS build
# The toolchain that is in the image: rust-toolchain.toml would have formatter and linter fetched too.
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
# Registry and target live in caches, so that a changed source rebuilds what it changes and no dependency.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --release --package server \
    && install -D --mode=0755 target/release/salus /out/salus

FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 salus \
    && useradd --uid 10001 --gid salus --no-create-home --home-dir /var/lib/salus --shell /usr/sbin/nologin salus \
    && install -d --owner=salus --group=salus --mode=0700 /var/lib/salus /backups
COPY --from=build /out/salus /usr/local/bin/salus
USER 10001:10001
WORKDIR /var/lib/salus
ENV SALUS_HTTP_ADDR=0.0.0.0:8080 \
    SALUS_DATA_DIR=/var/lib/salus \
    SALUS_BACKUP_DIR=/backups \
    SALUS_LOG_FORMAT=json
EXPOSE 8080
# SIGTERM lets requests in flight end, ten seconds at the most.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["salus", "health"]
ENTRYPOINT ["salus"]
CMD ["serve"]
