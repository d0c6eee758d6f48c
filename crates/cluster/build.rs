//! Rebuilds the crate when a migration is added or changed: `sqlx::migrate!` alone notices neither a new file
//! nor a new folder.

fn main() {
    for folder in ["every", "auth", "phi", "clinical"] {
        println!("cargo:rerun-if-changed=../../migrations/{folder}");
    }
}
