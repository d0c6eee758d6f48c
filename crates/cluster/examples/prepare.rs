//! Writes the checked queries of every db crate to its `.sqlx`, so that a clone builds without a database.
//!
//! ```text
//! cargo run -p cluster --example prepare             writes
//! cargo run -p cluster --example prepare -- --check  fails where what is committed is not what would be written
//! ```
//!
//! Three throw-away clusters are migrated; then each crate is checked against them. Its queries are collected in a
//! folder of their own and compared, or copied, when all crates have been checked: a change below a crate's `.sqlx`
//! would otherwise have the next check rebuild it, and put its queries with another crate's.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;
use std::{env, fs};

use cluster::{Clusters, Migrations, Options, Role};
use kernel::Database;
use sqlx::ConnectOptions;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Crates with checked queries, those that others depend on first.
const CRATES: &[&str] = &["db-record", "db-auth", "db-phi"];

#[tokio::main]
async fn main() -> ExitCode {
    let check = match env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => {
            eprintln!("prepare: unknown argument {other}; the only one is --check");
            return ExitCode::from(2);
        }
    };
    match run(check).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("prepare: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(check: bool) -> Outcome<bool> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let folder = tempfile::tempdir()?;
    let mut options = Options::new(folder.path().join("data"));
    options.binaries = env::var_os("SALUS_PG_BIN").map(PathBuf::from);
    // An ordinary run as root puts them below /tmp too: the folder must let the clusters' user through.
    allow_through(folder.path())?;
    let clusters = Clusters::start(options, |_| {}).await?;
    let collected = folder.path().join("sqlx");
    let result = collect(&workspace, &clusters, &collected).await;
    clusters.stop().await?;
    result?;
    let mut fresh = true;
    for name in CRATES {
        let committed = workspace.join("crates").join(name).join(".sqlx");
        let (made, had) = (read(&collected.join(name))?, read(&committed)?);
        if made == had {
            println!("{name}: {} queries, as committed", made.len());
        } else if check {
            println!("{name}: .sqlx is stale; run: cargo run -p cluster --example prepare");
            fresh = false;
        } else {
            write(&committed, &made, &had)?;
            println!("{name}: {} queries written", made.len());
        }
    }
    Ok(fresh)
}

async fn collect(workspace: &Path, clusters: &Clusters, collected: &Path) -> Outcome<()> {
    let migrations = Migrations::embedded()?;
    let mut urls = Vec::new();
    for database in Database::ALL {
        let owner = clusters.options(database, Role::Owner);
        migrations.up(database, &owner).await?;
        let variable = format!("{}_DATABASE_URL", database.name().to_uppercase());
        urls.push((variable, owner.to_url_lossy().to_string()));
    }
    for name in CRATES {
        let folder = collected.join(name);
        fs::create_dir_all(&folder)?;
        let library = workspace.join("crates").join(name).join("src/lib.rs");
        fs::File::options().append(true).open(library)?.set_modified(SystemTime::now())?;
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let status = Command::new(cargo)
            .current_dir(workspace)
            .args(["check", "--quiet", "--lib", "-p", name])
            .envs(urls.iter().cloned())
            .env("SQLX_OFFLINE", "false")
            .env("SQLX_OFFLINE_DIR", &folder)
            .status()?;
        if !status.success() {
            return Err(format!("{name} does not pass cargo check against the migrated databases").into());
        }
    }
    Ok(())
}

/// The query files of a folder, by name; none where the folder does not exist.
fn read(folder: &Path) -> Outcome<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("query-") && name.ends_with(".json") {
            files.insert(name, fs::read(entry.path())?);
        }
    }
    Ok(files)
}

fn write(folder: &Path, made: &BTreeMap<String, Vec<u8>>, had: &BTreeMap<String, Vec<u8>>) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    for (name, content) in made.iter().filter(|(name, content)| had.get(*name) != Some(content)) {
        fs::write(folder.join(name), content)?;
    }
    for name in had.keys().filter(|name| !made.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    Ok(())
}

#[cfg(unix)]
fn allow_through(folder: &Path) -> Outcome<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(folder, fs::Permissions::from_mode(0o711))?)
}

#[cfg(not(unix))]
fn allow_through(_: &Path) -> Outcome<()> {
    Ok(())
}
