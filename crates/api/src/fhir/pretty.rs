//! Indenting JSON without parsing it, so that numbers and strings stay as they are, byte for byte.

/// The same document over several lines, two spaces per level. `json` is valid JSON.
pub(super) fn indent(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let mut depth = 0usize;
    let mut in_string = false;
    let mut escaped = false;
    let mut bytes = json.iter().copied().filter(|byte| *byte >= b' ').peekable();
    while let Some(byte) = bytes.next() {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => {
                in_string = true;
                out.push(byte);
            }
            b'{' | b'[' => {
                out.push(byte);
                while bytes.next_if_eq(&b' ').is_some() {}
                if let Some(end) = bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            b' ' => {}
            _ => out.push(byte),
        }
    }
    out
}

fn new_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_serde_would_have_written_it() {
        let json = r#"{"a":[1.50,{},[],"x\"},{ y\\"],"b" : {"c":null , "d":true},"e":[ ]}"#;
        let expected = "{\n  \"a\": [\n    1.50,\n    {},\n    [],\n    \"x\\\"},{ y\\\\\"\n  ],\n  \"b\": {\n    \
                        \"c\": null,\n    \"d\": true\n  },\n  \"e\": []\n}";
        assert_eq!(String::from_utf8(indent(json.as_bytes())).unwrap(), expected);
    }
}
