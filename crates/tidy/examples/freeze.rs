//! Lists the migrations that are not listed yet as merged: `just migrate-freeze`.

use std::fs;

use tidy::migrations::{FROZEN, freeze};
use tidy::workspace::Workspace;

const HEAD: &str =
    "# Merged migrations, which never change again: SHA-256 and path. `just migrate-freeze` adds to it.\n";

fn main() -> std::io::Result<()> {
    let workspace = Workspace::read()?;
    let path = workspace.root.join(FROZEN);
    let before = if path.exists() { fs::read_to_string(&path)? } else { HEAD.to_owned() };
    let after = freeze(&workspace.files()?, &before);
    let added = after.lines().count() - before.lines().count();
    fs::write(&path, after)?;
    println!("{added} migrations added to {FROZEN}");
    Ok(())
}
