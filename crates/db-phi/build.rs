//! A changed migration must rebuild the crate, because `query!` checks against the schema.

fn main() {
    println!("cargo:rerun-if-changed=../../migrations/every");
    println!("cargo:rerun-if-changed=../../migrations/phi");
    println!("cargo:rerun-if-changed=.sqlx");
}
