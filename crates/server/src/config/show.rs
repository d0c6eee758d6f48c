//! The settings as people read them: `--help`, `docs/configuration.md` and `.env.example` all come from the one table.

use super::{DEPRECATED, SECTIONS};

/// What `--help` says about the variables: those that an ordinary start may need. `salus config` says all.
pub fn help() -> String {
    let mut help = String::from("Settings are environment variables (`salus config` explains each):\n");
    for variable in super::variables().filter(|variable| variable.name.starts_with("SALUS_")) {
        let default =
            if variable.default.is_empty() { String::new() } else { format!(" [{}]", variable.default) };
        help.push_str(&format!("  {:<24} {}{default}\n", variable.name, variable.help));
    }
    help
}

/// The text of `docs/configuration.md`.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Configuration\n\n\
         Salus reads environment variables, once, when it starts; no file. None needs to be set: without any, it brings \
         its own databases along. An empty value counts as none. A variable whose name begins with `SALUS_` and is not \
         listed here stops the start, and so does a value that means nothing: the message names the variable and never \
         shows the value.\n\n\
         This page is written by `salus config --markdown`, [.env.example](../.env.example) by `salus config --env`; a \
         test compares both with the program.\n",
    );
    for section in SECTIONS {
        text.push_str(&format!("\n## {}\n\n", section.title));
        if !section.about.is_empty() {
            text.push_str(&format!("{}\n\n", section.about));
        }
        text.push_str("| variable | default | meaning |\n|---|---|---|\n");
        for variable in section.variables {
            let default =
                if variable.default.is_empty() { String::new() } else { format!("`{}`", variable.default) };
            let aliases: Vec<_> = variable.aliases.iter().map(|alias| format!("`{alias}`")).collect();
            let also = match aliases.is_empty() {
                true => String::new(),
                false => format!("; also accepted: {}", aliases.join(", ")),
            };
            let help = variable.help.replace('|', "\\|");
            text.push_str(&format!("| `{}` | {default} | {help}{also} |\n", variable.name));
        }
    }
    text.push_str(
        "\n## Not used any more\n\n\
         These are never read. Where one is set, the start warns once and names what to use instead.\n\n\
         | variable | use |\n|---|---|\n",
    );
    for (name, instead) in DEPRECATED {
        text.push_str(&format!("| `{name}` | {instead} |\n"));
    }
    text
}

/// The text of `.env.example`.
pub fn env_example() -> String {
    let mut text = String::from(
        "# The settings of the server, each with its default. Nothing needs to be set. The server reads the environment, \
         not this\n# file: copy what you change to .env and load it, for example with `set -a; . ./.env; set +a`.\n\
         # docs/configuration.md says more.\n",
    );
    for section in SECTIONS {
        text.push_str(&format!("\n## {}\n", section.title));
        for variable in section.variables {
            text.push_str(&format!(
                "\n{}\n# {}={}\n",
                comment(variable.help),
                variable.name,
                variable.default
            ));
        }
    }
    text
}

/// A sentence as a comment, folded before 120 columns.
fn comment(help: &str) -> String {
    let mut first = help.chars();
    let sentence = first.next().map(|letter| letter.to_uppercase().chain(first).collect::<String>());
    let mut lines = vec![String::from("#")];
    for word in format!("{}.", sentence.unwrap_or_default()).split_whitespace() {
        if lines.last().is_some_and(|line| line.len() + word.len() > 116) {
            lines.push(String::from("#"));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}
