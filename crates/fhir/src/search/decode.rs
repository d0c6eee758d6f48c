//! From a query as it stands in a URL to names and values.

use percent_encoding::percent_decode_str;

/// Decodes a query string or a form (`application/x-www-form-urlencoded`): pairs in order, `+` as a space.
/// None where a part is not UTF-8 once decoded. A part without `=` is a name with an empty value.
pub fn decode(query: &str) -> Option<Vec<(String, String)>> {
    let text = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().ok().map(|text| text.into_owned())
    };
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Some((text(name)?, text(value)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded_in_order() {
        let pairs = decode("name=J%C3%BCrgen+K&&identifier=a%7Cb=c&flag").unwrap();
        let expected = [("name", "Jürgen K"), ("identifier", "a|b=c"), ("flag", "")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(decode("name=%FF"), None);
    }
}
