//! Writes `docs/permissions.md` to the standard output: `cargo run -p domain --example permissions > docs/permissions.md`.

fn main() {
    print!("{}", domain::permission::markdown());
}
