//! Makes the two files of a new migration: `just migrate-new phi "add consent"`.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::ExitCode;

use tidy::migrations::new_pair;
use tidy::workspace::Workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, what] = arguments.as_slice() else {
        eprintln!("usage: new_migration <auth|phi|clinical|every> \"what it does\"");
        return ExitCode::from(2);
    };
    match make(folder, what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("new_migration: {error}");
            ExitCode::FAILURE
        }
    }
}

fn make(folder: &str, what: &str) -> Result<(), Box<dyn std::error::Error>> {
    let workspace = Workspace::read()?;
    for file in new_pair(&workspace.files()?, folder, what)? {
        let mut new =
            OpenOptions::new().write(true).create_new(true).open(workspace.root.join(&file.path))?;
        new.write_all(file.text.as_bytes())?;
        println!("{}", file.path);
    }
    Ok(())
}
