//! Between plain text and FHIR's narrative, which is XHTML.

/// The text as a narrative's `div`.
pub(super) fn xhtml(text: &str) -> String {
    let mut div = String::with_capacity(text.len() + 64);
    div.push_str("<div xmlns=\"http://www.w3.org/1999/xhtml\">");
    for letter in text.chars() {
        match letter {
            '&' => div.push_str("&amp;"),
            '<' => div.push_str("&lt;"),
            '>' => div.push_str("&gt;"),
            '\n' => div.push_str("<br/>"),
            // A carriage return is not text in XML.
            '\r' => {}
            other => div.push(other),
        }
    }
    div.push_str("</div>");
    div
}

/// The text of a `div`, for people: markup is left out, the ends of blocks and rows become line feeds.
pub(super) fn plain(div: &str) -> String {
    let mut text = String::with_capacity(div.len());
    let mut rest = div;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = if rest.starts_with('<') { rest.find('>') } else { rest.find(';').filter(|end| *end <= 8) };
        let Some(end) = end else {
            text.push_str(&rest[..1]);
            rest = &rest[1..];
            continue;
        };
        let inside = &rest[1..end];
        if rest.starts_with('<') {
            let name = inside.trim_matches('/').split_whitespace().next().unwrap_or_default();
            let name = name.to_ascii_lowercase();
            let closes = inside.starts_with('/');
            let block = matches!(name.as_str(), "p" | "li" | "tr" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6");
            if name == "br" || (block && closes) {
                text.push('\n');
            }
        } else {
            match entity(inside) {
                Some(letter) => text.push(letter),
                None => text.push_str(&rest[..=end]),
            }
        }
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    text.trim_end_matches('\n').to_owned()
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn markup_of_other_writers_is_read_as_text() {
        let div = "<div xmlns=\"x\"><p>One &amp; two</p><ul><li>a&#233;</li><li>b</li></ul>c<br />d &unknown; e</div>";
        assert_eq!(plain(div), "One & two\naé\nb\nc\nd &unknown; e");
        assert_eq!(plain("no end <b"), "no end <b");
        assert_eq!(plain("a & b<br/>c & d"), "a & b\nc & d");
    }

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_was_written(text in "[^\r\n]([^\r]{0,60}[^\r\n])?") {
            prop_assert_eq!(plain(&xhtml(&text)), text);
        }

        #[test]
        fn no_text_gets_markup_into_a_narrative(text in "\\PC{0,60}") {
            let div = xhtml(&text);
            let inside = &div["<div xmlns=\"http://www.w3.org/1999/xhtml\">".len()..div.len() - 6];
            prop_assert!(!inside.replace("<br/>", "").contains(['<', '>']));
        }
    }
}
