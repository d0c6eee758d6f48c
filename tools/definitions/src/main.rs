//! Writes the FHIR definition tables of `crates/fhir`. See README.md.

mod compile;
mod fhirpath;
mod source;
mod write;

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: definitions <folder with the definitions> <folder to write to>".into());
    };
    let source = source::Source::read(Path::new(&from))?;
    let to = Path::new(&to);
    let tables = compile::tables(&source, &write::numbers(&to.join("types.rs"))?)?;
    write::all(&tables, to)?;
    eprintln!("{} types, {} search parameters", tables.types.len(), tables.parameter_count());
    Ok(())
}
