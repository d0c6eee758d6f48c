//! The recursive descent. Its depth is limited, and so is its use of the stack.

use std::borrow::Cow;
use std::collections::HashSet;

use kernel::limits;
use serde_json::map::Entry;
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

use super::JsonErrorKind::{
    BadEscape, ControlCharacter, DuplicateKey, Expected, ExponentTooLarge, LoneSurrogate, NotUtf8, Nul,
    NumberTooLong, TooDeep, TrailingContent, UnexpectedEnd,
};
use super::{JsonError, JsonErrorKind};

/// An error on the way: its kind; where it is, the parser knows.
pub(crate) type Parsed<T> = Result<T, JsonErrorKind>;

/// Properties of an object that are compared one by one; beyond, they are hashed.
const COMPARED_KEYS: usize = 16;

/// A reader of one document.
pub(crate) struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// Runs `read` over a whole document.
pub(crate) fn whole<'a, T>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Parser<'a>) -> Parsed<T>,
) -> Result<T, JsonError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok());
        place(valid.unwrap_or_default(), NotUtf8)
    })?;
    let mut parser = Parser { text, at: 0, depth: 0 };
    let result = read(&mut parser).and_then(|value| {
        parser.space();
        if parser.at == text.len() { Ok(value) } else { Err(TrailingContent) }
    });
    result.map_err(|kind| place(text.get(..parser.at).unwrap_or_default(), kind))
}

fn place(before: &str, kind: JsonErrorKind) -> JsonError {
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    JsonError { line, column: before[line_start..].chars().count() + 1, kind }
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The first byte of the next token.
    pub(crate) fn next_token(&mut self) -> Parsed<u8> {
        self.space();
        self.peek().ok_or(UnexpectedEnd)
    }

    /// Reads a value into a tree.
    pub(crate) fn value(&mut self) -> Parsed<Value> {
        Ok(match self.next_token()? {
            b'{' => {
                let mut map = Map::new();
                self.entered(b'}', |parser| {
                    let start = parser.at;
                    let key = parser.key()?.into_owned();
                    match map.entry(key) {
                        Entry::Vacant(slot) => {
                            slot.insert(parser.value()?);
                            Ok(())
                        }
                        Entry::Occupied(_) => {
                            parser.at = start;
                            Err(DuplicateKey)
                        }
                    }
                })?;
                Value::Object(map)
            }
            b'[' => {
                let mut items = Vec::new();
                self.entered(b']', |parser| {
                    items.push(parser.value()?);
                    Ok(())
                })?;
                Value::Array(items)
            }
            b'"' => Value::String(self.string()?.into_owned()),
            // The parser of serde_json writes `1E5` as `1e+5`; a FHIR decimal must come back as it was
            // written. What it leaves unchecked is what we have just checked.
            b'-' | b'0'..=b'9' => Value::Number(Number::from_string_unchecked(self.number()?.to_owned())),
            b'n' => self.word("null", Value::Null)?,
            b't' => self.word("true", Value::Bool(true))?,
            b'f' => self.word("false", Value::Bool(false))?,
            _ => return Err(Expected("a value")),
        })
    }

    /// Checks a value and leaves it.
    pub(crate) fn skip(&mut self) -> Parsed<()> {
        match self.next_token()? {
            b'{' => self.object(&mut |parser, _| parser.skip()),
            b'[' => self.array(&mut |parser| parser.skip()),
            b'"' => self.string().map(drop),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b'n' => self.word("null", ()),
            b't' => self.word("true", ()),
            b'f' => self.word("false", ()),
            _ => Err(Expected("a value")),
        }
    }

    /// Reads a string; of any other value nothing is given, and it is left.
    pub(crate) fn text(&mut self) -> Parsed<Option<Cow<'a, str>>> {
        match self.next_token()? {
            b'"' => self.string().map(Some),
            _ => self.skip().map(|()| None),
        }
    }

    /// Reads an object: `each` is called after each key and must read the value.
    pub(crate) fn object(&mut self, each: &mut dyn FnMut(&mut Self, &str) -> Parsed<()>) -> Parsed<()> {
        if self.next_token()? != b'{' {
            return Err(Expected("an object"));
        }
        let mut keys = Keys::default();
        self.entered(b'}', |parser| {
            let start = parser.at;
            let key = parser.key()?;
            if !keys.insert(key.clone()) {
                parser.at = start;
                return Err(DuplicateKey);
            }
            each(parser, &key)
        })
    }

    /// Reads an array: `each` must read one element.
    pub(crate) fn array(&mut self, each: &mut dyn FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        if self.next_token()? != b'[' {
            return Err(Expected("an array"));
        }
        self.entered(b']', each)
    }

    /// Reads what stands between an opening bracket, which is next, and its closing one.
    fn entered(&mut self, close: u8, mut element: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        if self.depth == limits::JSON_DEPTH {
            return Err(TooDeep);
        }
        self.at += 1;
        self.depth += 1;
        if self.next_token()? != close {
            loop {
                self.next_token()?;
                element(self)?;
                match self.next_token()? {
                    b',' => self.at += 1,
                    byte if byte == close => break,
                    _ if close == b'}' => return Err(Expected("`,` or `}`")),
                    _ => return Err(Expected("`,` or `]`")),
                }
            }
        }
        self.at += 1;
        self.depth -= 1;
        Ok(())
    }

    fn key(&mut self) -> Parsed<Cow<'a, str>> {
        if self.next_token()? != b'"' {
            return Err(Expected("a property name"));
        }
        let key = self.string()?;
        if self.next_token()? != b':' {
            return Err(Expected("`:`"));
        }
        self.at += 1;
        Ok(key)
    }

    fn word<T>(&mut self, word: &'static str, value: T) -> Parsed<T> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        // A document cut off within the word ends too early; anything else is another word.
        if word.as_bytes().starts_with(rest) { Err(UnexpectedEnd) } else { Err(Expected("a value")) }
    }

    /// Reads a string, whose quote is next.
    fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.at += 1;
        let mut start = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let plain = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
            self.at += plain;
            let piece = &self.text[start..self.at];
            match self.peek() {
                None => return Err(UnexpectedEnd),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match unescaped {
                        None => Cow::Borrowed(piece),
                        Some(mut whole) => {
                            whole.push_str(piece);
                            Cow::Owned(whole)
                        }
                    });
                }
                Some(b'\\') => {
                    let whole = unescaped.get_or_insert_default();
                    whole.push_str(piece);
                    whole.push(self.escape()?);
                    start = self.at;
                }
                Some(0) => return Err(Nul),
                Some(_) => return Err(ControlCharacter),
            }
        }
    }

    /// Reads an escape, whose backslash is next.
    fn escape(&mut self) -> Parsed<char> {
        let start = self.at;
        let letter = match self.text.as_bytes().get(self.at + 1).ok_or(UnexpectedEnd)? {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let result = self.unicode_escape();
                if result.is_err() {
                    self.at = start;
                }
                return result;
            }
            _ => return Err(BadEscape),
        };
        self.at += 2;
        Ok(letter)
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let first = self.four_digits()?;
        let code = match first {
            0 => return Err(Nul),
            0xd800..=0xdbff => {
                let rest = &self.text.as_bytes()[self.at..];
                if !rest.starts_with(b"\\u") {
                    return Err(LoneSurrogate);
                }
                match self.four_digits()? {
                    second @ 0xdc00..=0xdfff => 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => return Err(LoneSurrogate),
                }
            }
            other => other,
        };
        // The second half of a pair, alone, is the only number of four digits left that is no character.
        char::from_u32(code).ok_or(LoneSurrogate)
    }

    /// Reads `\uXXXX`.
    fn four_digits(&mut self) -> Parsed<u32> {
        let digits = self.text.as_bytes().get(self.at + 2..self.at + 6).ok_or(UnexpectedEnd)?;
        let code =
            digits.iter().try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?));
        self.at += 6;
        code.ok_or(BadEscape)
    }

    /// Reads a number, whose first character is next.
    fn number(&mut self) -> Parsed<&'a str> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            Some(_) => return Err(Expected("a digit")),
            None => return Err(UnexpectedEnd),
        }
        if let Some(b'0'..=b'9') = self.peek() {
            return Err(Expected("no digit after a leading zero"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            let exponent = self.at;
            self.some_digits()?;
            if self.text[exponent..self.at].trim_start_matches('0').len() > 3 {
                self.at = start;
                return Err(ExponentTooLarge);
            }
        }
        if self.at - start > limits::JSON_NUMBER_CHARACTERS {
            self.at = start;
            return Err(NumberTooLong);
        }
        Ok(&self.text[start..self.at])
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Parsed<()> {
        let start = self.at;
        self.digits();
        match self.at > start {
            true => Ok(()),
            false if self.peek().is_none() => Err(UnexpectedEnd),
            false => Err(Expected("a digit")),
        }
    }
}

/// Reads a value and gives its text as well.
pub(crate) fn spanned<'a>(parser: &mut Parser<'a>) -> Parsed<&'a RawValue> {
    parser.next_token()?;
    let start = parser.at;
    parser.skip()?;
    // What passed our rules is JSON to serde_json too.
    serde_json::from_str(&parser.text[start..parser.at]).map_err(|_| Expected("a value"))
}

/// The properties of an object that were seen so far.
#[derive(Default)]
struct Keys<'a> {
    few: Vec<Cow<'a, str>>,
    many: HashSet<Cow<'a, str>>,
}

impl<'a> Keys<'a> {
    /// Whether the key is new.
    fn insert(&mut self, key: Cow<'a, str>) -> bool {
        if self.many.is_empty() {
            if self.few.contains(&key) {
                return false;
            }
            if self.few.len() < COMPARED_KEYS {
                self.few.push(key);
                return true;
            }
            self.many.extend(self.few.drain(..));
        }
        self.many.insert(key)
    }
}
