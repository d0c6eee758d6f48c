//! The commands of the README and of the documents, run as they stand there.
//!
//! A block that is marked `<!-- tour -->` or `<!-- run -->` is run; `<!-- run, shows: one | other -->` also says what is
//! to be seen. The blocks of one document are run in one shell, one after another.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::salus::Salus;

/// What ends the output of a block.
const END: &str = "---end of block---";

/// What the README's tour shows.
const TOUR_SHOWS: &str = r#""type":"transaction-response" | "resourceType":"Patient" | "type":"searchset""#;

struct Block {
    script: String,
    shows: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The marked blocks.
fn blocks(text: &str) -> Vec<Block> {
    let marks = text.split("\n<!-- ").skip(1);
    marks
        .filter_map(|part| {
            let (mark, rest) = part.split_once(" -->\n")?;
            let shows = match mark {
                "tour" => TOUR_SHOWS,
                "run" => "",
                mark => mark.strip_prefix("run, shows: ")?,
            };
            let (script, _) =
                rest.strip_prefix("```sh\n").expect("a block of shell").split_once("\n```").unwrap();
            let shows = shows.split(" | ").filter(|shown| !shown.is_empty()).map(str::to_owned).collect();
            Some(Block { script: script.to_owned(), shows })
        })
        .collect()
}

/// Runs the blocks in one shell; gives what each of them said.
fn run(salus: &Salus, document: &Path, blocks: &[Block]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(salus.data_dir(), folder.path().join(".salus")).unwrap();
    std::os::unix::fs::symlink(root().join("samples"), folder.path().join("samples")).unwrap();
    let script: String = blocks.iter().map(|block| format!("{}\necho '{END}'\n", block.script)).collect();
    // `salus` is the program under test, and asks the server that runs.
    let program = Path::new(env!("CARGO_BIN_EXE_salus")).parent().unwrap().to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(program).chain(std::env::split_paths(&path))).unwrap();
    let address = salus.client().address.to_string();
    let output = Command::new("sh")
        .args(["-euc", &script])
        .env("PATH", path)
        .env("BASE", format!("http://{address}"))
        .env("SALUS_HTTP_ADDR", address)
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}\n{complained}", document.display());
    let parts: Vec<_> = said.split(END).map(str::to_owned).collect();
    assert_eq!(parts.len(), blocks.len() + 1);
    parts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_of_the_documents_work_as_they_are_printed() {
    let mut salus = Salus::new();
    salus.start();
    let mut documents: Vec<_> =
        std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path()).collect();
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    documents.push(root().join("README.md"));
    let mut tried = 0;
    for document in documents {
        let blocks = blocks(&std::fs::read_to_string(&document).unwrap());
        if blocks.is_empty() {
            continue;
        }
        for (block, said) in blocks.iter().zip(run(&salus, &document, &blocks)) {
            for shown in &block.shows {
                let name = document.display();
                assert!(
                    said.contains(shown.as_str()),
                    "{name}: {shown} is not shown:\n{}\n{said}",
                    block.script
                );
            }
            tried += 1;
        }
    }
    assert!(tried > 5, "only {tried} blocks are marked");
}

#[test]
fn the_tour_of_the_readme_is_short() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = blocks(&readme);
    let tour = &blocks.first().expect("the README marks its tour").script;
    let commands = tour.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).count();
    assert!((8..=14).contains(&commands), "a tour of about ten lines has {commands}");
}
