//! The workspace as it stands: its crates, what they depend on, and its files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A crate of the workspace.
#[derive(Clone, Debug, Default)]
pub struct Crate {
    /// Its name.
    pub name: String,
    /// Its folder, relative to the root.
    pub folder: String,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
    /// Whether it has a program.
    pub has_program: bool,
    /// The program that `cargo run` prefers.
    pub default_run: Option<String>,
}

/// An entry of a crate's dependencies.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// The crate that is depended on.
    pub name: String,
    /// When it is linked.
    pub kind: Kind,
    /// Whether it comes only with a feature.
    pub optional: bool,
    /// Whether it is in this workspace.
    pub internal: bool,
}

/// When a dependency is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Into the crate itself.
    Normal,
    /// Into its build script.
    Build,
    /// Into its tests.
    Test,
}

/// The workspace.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// Its folder.
    pub root: PathBuf,
    /// Its crates, by name.
    pub crates: Vec<Crate>,
    /// Whether a plain `cargo test` tests every crate.
    pub tests_everything: bool,
}

/// A text file of the project.
#[derive(Clone, Debug)]
pub struct TextFile {
    /// Its path from the root, with `/` between the parts.
    pub path: String,
    /// What it holds.
    pub text: String,
}

/// Folders that hold nothing of the project's own text.
const SKIPPED_FOLDERS: [&str; 4] = ["target", ".git", ".salus", ".sqlx"];
/// What counts as text of the project: these endings, and these names.
const TEXT_ENDINGS: [&str; 9] = ["rs", "sql", "md", "toml", "sh", "yml", "yaml", "py", "example"];
const TEXT_NAMES: [&str; 3] = ["justfile", "run", ".gitignore"];

impl Workspace {
    /// Asks cargo, without network.
    ///
    /// # Errors
    /// When cargo cannot be run, or gives an answer that is not understood.
    pub fn read() -> io::Result<Workspace> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
            // From the root: inside of a crate's folder, cargo takes that crate alone for the default.
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .output()?;
        if !output.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)?;
        Workspace::from_metadata(&metadata)
            .ok_or_else(|| io::Error::other("cargo metadata is not understood"))
    }

    fn from_metadata(metadata: &Value) -> Option<Workspace> {
        let root = PathBuf::from(metadata["workspace_root"].as_str()?);
        let mut crates = metadata["packages"]
            .as_array()?
            .iter()
            .map(|package| Crate::from_metadata(package, &root))
            .collect::<Option<Vec<Crate>>>()?;
        crates.sort_by(|a, b| a.name.cmp(&b.name));
        let count = |member: &str| metadata[member].as_array().map(Vec::len);
        let tests_everything = count("workspace_default_members")? == count("workspace_members")?;
        Some(Workspace { root, crates, tests_everything })
    }

    /// Every text file of the project, by path.
    ///
    /// # Errors
    /// When a folder or file cannot be read, or a text file is not UTF-8.
    pub fn files(&self) -> io::Result<Vec<TextFile>> {
        let mut files = Vec::new();
        walk(&self.root, "", &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}

impl Crate {
    fn from_metadata(package: &Value, root: &Path) -> Option<Crate> {
        let manifest = Path::new(package["manifest_path"].as_str()?);
        let folder = manifest.parent()?.strip_prefix(root).ok()?.to_str()?.replace('\\', "/");
        let is_program =
            |target: &Value| target["kind"].as_array().is_some_and(|kinds| kinds.contains(&"bin".into()));
        Some(Crate {
            name: package["name"].as_str()?.to_owned(),
            folder,
            dependencies: package["dependencies"]
                .as_array()?
                .iter()
                .map(Dependency::from_metadata)
                .collect::<Option<Vec<Dependency>>>()?,
            has_program: package["targets"].as_array()?.iter().any(is_program),
            default_run: package["default_run"].as_str().map(str::to_owned),
        })
    }

    /// Whether the crate names this one among its dependencies of any kind.
    pub fn names(&self, other: &str) -> bool {
        self.dependencies.iter().any(|dependency| dependency.name == other)
    }
}

impl Dependency {
    fn from_metadata(dependency: &Value) -> Option<Dependency> {
        Some(Dependency {
            name: dependency["name"].as_str()?.to_owned(),
            kind: match dependency["kind"].as_str() {
                None => Kind::Normal,
                Some("build") => Kind::Build,
                Some("dev") => Kind::Test,
                Some(_) => return None,
            },
            optional: dependency["optional"].as_bool()?,
            internal: dependency["path"].is_string(),
        })
    }
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<TextFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() && !SKIPPED_FOLDERS.contains(&name.as_str()) {
            walk(&entry.path(), &format!("{path}/"), files)?;
        } else if kind.is_file() && is_text(&name) {
            files.push(TextFile { text: fs::read_to_string(entry.path())?, path });
        }
    }
    Ok(())
}

fn is_text(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    TEXT_ENDINGS.contains(&ending) || TEXT_NAMES.contains(&name)
}
