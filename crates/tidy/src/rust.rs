//! Enough of Rust's grammar to ask what a source file names: comments and literals told from code, tests cut
//! out, `use` trees spread into paths.

/// A source file taken apart. Line numbers count from one.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Words and punctuation outside of comments, literals and `#[cfg(test)]` items.
    pub tokens: Vec<Token>,
    /// The contents of string literals outside of `#[cfg(test)]` items.
    pub literals: Vec<Token>,
    /// Modules declared as `#[cfg(test)] mod name;`: their files are tests.
    pub test_modules: Vec<String>,
}

/// A word, a punctuation character or a literal, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The line it begins on.
    pub line: usize,
    /// Its text.
    pub text: String,
}

/// A token together with what it is.
enum Piece {
    Code(Token),
    Literal(Token),
}

/// Takes a source file apart. Text that is not Rust gives nonsense, but never a panic.
pub fn parse(source: &str) -> Parsed {
    let pieces = pieces(source);
    let mut parsed = Parsed::default();
    let code = |at: usize| match pieces.get(at) {
        Some(Piece::Code(token)) => token.text.as_str(),
        _ => "",
    };
    let mut at = 0;
    while at < pieces.len() {
        if (0..7).map(|offset| code(at + offset)).eq(["#", "[", "cfg", "(", "test", ")", "]"]) {
            let end = item_end(&pieces, at + 7);
            let module = (at + 7..end).find(|&word| code(word) == "mod" && code(word + 2) == ";");
            parsed.test_modules.extend(module.map(|word| code(word + 1).to_owned()));
            at = end;
            continue;
        }
        match &pieces[at] {
            Piece::Code(token) => parsed.tokens.push(token.clone()),
            Piece::Literal(token) => parsed.literals.push(token.clone()),
        }
        at += 1;
    }
    parsed
}

/// Just past the item that begins at `at`: past its `;`, or past the brace that closes its body.
fn item_end(pieces: &[Piece], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(piece) = pieces.get(at) {
        at += 1;
        let Piece::Code(token) = piece else { continue };
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            ";" if depth == 0 => return at,
            _ => {}
        }
    }
    at
}

/// Every path that the code names, as `a::b::c`, with its line: those written out, and those that a `use`
/// tree spreads to. A path stands here once for each place where it is named.
pub fn paths(tokens: &[Token]) -> Vec<Token> {
    let mut paths = Vec::new();
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut at = 0;
    while at < tokens.len() {
        if text(at) == "use" {
            at = spread(tokens, at + 1, "", &mut paths);
        } else if is_word(text(at)) {
            let line = tokens[at].line;
            let mut path = text(at).to_owned();
            while text(at + 1) == ":" && text(at + 2) == ":" && is_word(text(at + 3)) {
                path = format!("{path}::{}", text(at + 3));
                at += 3;
            }
            paths.push(Token { line, text: path });
            at += 1;
        } else {
            at += 1;
        }
    }
    paths
}

/// Spreads one `use` tree that begins at `at` under `prefix`; gives the place just past it.
fn spread(tokens: &[Token], mut at: usize, prefix: &str, paths: &mut Vec<Token>) -> usize {
    let mut path = prefix.to_owned();
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "{" => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token.text != "}") {
                    let next = spread(tokens, at, &path, paths);
                    let comma = tokens.get(next).is_some_and(|token| token.text == ",");
                    // Only text that is not Rust stands still without a comma.
                    at = next + usize::from(comma || next == at);
                }
                return at + 1;
            }
            ":" => {}
            "as" => at += 1,
            word if is_word(word) || word == "*" => {
                let separator = if path.is_empty() { "" } else { "::" };
                path = format!("{path}{separator}{word}");
                let ends = tokens.get(at + 1).is_none_or(|next| next.text != ":");
                if ends {
                    paths.push(Token { line: token.line, text: path.clone() });
                }
            }
            _ => return at,
        }
        at += 1;
    }
    at
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// The source as pieces, comments left out.
fn pieces(source: &str) -> Vec<Piece> {
    let characters: Vec<char> = source.chars().collect();
    let mut scan = Scan { characters: &characters, at: 0, line: 1 };
    let mut pieces = Vec::new();
    while let Some(first) = scan.peek(0) {
        let line = scan.line;
        match first {
            '/' if scan.peek(1) == Some('/') => scan.skip_while(|character| character != '\n'),
            '/' if scan.peek(1) == Some('*') => scan.skip_block_comment(),
            '"' => pieces.push(Piece::Literal(Token { line, text: scan.string() })),
            '\'' => scan.skip_character_or_lifetime(),
            _ if first.is_alphabetic() || first == '_' => {
                let word = scan.word();
                let prefix = matches!(word.as_str(), "b" | "c" | "r" | "br" | "cr");
                match scan.peek(0) {
                    Some('"') if prefix && word.ends_with('r') => {
                        pieces.push(Piece::Literal(Token { line, text: scan.raw_string() }));
                    }
                    Some('"') if prefix => pieces.push(Piece::Literal(Token { line, text: scan.string() })),
                    Some('#') if prefix && word.ends_with('r') && matches!(scan.peek(1), Some('"' | '#')) => {
                        pieces.push(Piece::Literal(Token { line, text: scan.raw_string() }));
                    }
                    _ => pieces.push(Piece::Code(Token { line, text: word })),
                }
            }
            _ if first.is_whitespace() => scan.advance(),
            _ => {
                pieces.push(Piece::Code(Token { line, text: first.to_string() }));
                scan.advance();
            }
        }
    }
    pieces
}

struct Scan<'a> {
    characters: &'a [char],
    at: usize,
    line: usize,
}

impl Scan<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.characters.get(self.at + ahead).copied()
    }

    fn advance(&mut self) {
        if self.peek(0) == Some('\n') {
            self.line += 1;
        }
        self.at += 1;
    }

    fn skip_while(&mut self, goes_on: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&goes_on) {
            self.advance();
        }
    }

    fn word(&mut self) -> String {
        let start = self.at;
        self.skip_while(|character| character.is_alphanumeric() || character == '_');
        self.characters[start..self.at].iter().collect()
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.characters.len() {
            let (opens, closes) = match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => (true, false),
                (Some('*'), Some('/')) => (false, true),
                _ => (false, false),
            };
            self.advance();
            if opens || closes {
                self.advance();
                depth = if opens { depth + 1 } else { depth.saturating_sub(1) };
                if depth == 0 {
                    return;
                }
            }
        }
    }

    /// A string literal from its opening quote, with escapes left as they are written.
    fn string(&mut self) -> String {
        self.advance();
        let mut text = String::new();
        while let Some(character) = self.peek(0) {
            self.advance();
            match character {
                '"' => break,
                '\\' => {
                    text.push(character);
                    text.extend(self.peek(0));
                    self.advance();
                }
                _ => text.push(character),
            }
        }
        text
    }

    /// A raw string literal from its first `#` or quote.
    fn raw_string(&mut self) -> String {
        let start = self.at;
        self.skip_while(|character| character == '#');
        let hashes = self.at - start;
        self.advance();
        let body = self.at;
        while self.at < self.characters.len() {
            let closes = self.peek(0) == Some('"') && (1..=hashes).all(|ahead| self.peek(ahead) == Some('#'));
            if closes {
                let text = self.characters[body..self.at].iter().collect();
                self.at += 1 + hashes;
                return text;
            }
            self.advance();
        }
        self.characters[body.min(self.characters.len())..].iter().collect()
    }

    /// `'a'` and `'\''` are characters, `'a` is a lifetime.
    fn skip_character_or_lifetime(&mut self) {
        self.advance();
        if self.peek(0) == Some('\\') {
            self.advance();
            self.advance();
            self.skip_while(|character| character != '\'' && character != '\n');
            self.advance();
        } else if self.peek(1) == Some('\'') {
            self.advance();
            self.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(source: &str) -> Vec<String> {
        paths(&parse(source).tokens).into_iter().map(|path| path.text).collect()
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        let source = r###"
            // std::fs
            /* std::fs /* nested */ still std::fs */
            let text = "std::fs \" std::fs"; let raw = r#"std::fs " "#; let bytes = b"std::fs";
            let quote = '"'; let escaped = '\''; let lifetime: &'static str = "x";
            real::path();
        "###;
        let named = named(source);
        assert!(named.contains(&"real::path".to_owned()));
        assert!(!named.iter().any(|path| path.starts_with("std")), "{named:?}");
        let literals: Vec<_> = parse(source).literals.into_iter().map(|literal| literal.text).collect();
        assert_eq!(literals, [r#"std::fs \" std::fs"#, "std::fs \" ", "std::fs", "x"]);
    }

    #[test]
    fn a_use_tree_is_spread() {
        let named = named("use std::{fs::{self, File}, io as stream, net::*};\nuse tokio;\npub use a::b;");
        for path in ["std::fs::self", "std::fs::File", "std::io", "std::net::*", "tokio", "a::b"] {
            assert!(named.contains(&path.to_owned()), "{path} in {named:?}");
        }
    }

    #[test]
    fn tests_are_cut_out_and_what_follows_them_is_not() {
        let source = "use a::b;\n#[cfg(test)]\nmod tests { fn f() { std::fs::read(); } }\n\
            #[cfg(test)]\nmod more;\n#[cfg(test)]\nuse std::net;\nfn g() { c::d() }";
        let parsed = parse(source);
        assert_eq!(parsed.test_modules, ["more"]);
        let paths: Vec<_> = paths(&parsed.tokens).into_iter().map(|path| (path.line, path.text)).collect();
        assert!(paths.contains(&(1, "a::b".to_owned())) && paths.contains(&(8, "c::d".to_owned())));
        assert!(!paths.iter().any(|(_, path)| path.starts_with("std")));
    }

    #[test]
    fn what_is_not_rust_does_no_harm() {
        for text in [
            "\"",
            "r#\"",
            "'",
            "'\\",
            "/*",
            "use {",
            "use {a",
            "use a::{b,{;",
            "use {,,}",
            "#[cfg(test)]",
            "{}}}",
        ] {
            let parsed = parse(text);
            let _ = paths(&parsed.tokens);
        }
    }
}
