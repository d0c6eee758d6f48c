//! The answer to a Bundle.

use fhir::outcome::{IssueType, OperationOutcome};

use super::compose::instant;
use super::entry::Kind;
use super::refusal::Refusal;
use super::write::{Done, EntryOutcome, ReadEntry, Written};

/// The batch-response or transaction-response Bundle (FHIR R4, http.html#transaction-response). `base` is the URL of
/// the FHIR endpoint without a slash at the end.
pub fn bundle_response(written: &Written, base: &str) -> Vec<u8> {
    let kind = if written.kind == Kind::Batch { "batch-response" } else { "transaction-response" };
    let mut out = format!(r#"{{"resourceType":"Bundle","type":"{kind}""#).into_bytes();
    for (i, entry) in written.entries.iter().enumerate() {
        out.extend_from_slice(if i == 0 { br#","entry":["# } else { b"," });
        match entry {
            EntryOutcome::Done(done) => push_done(&mut out, done, base),
            EntryOutcome::Refused(refusal) => push_refusal(&mut out, refusal),
            EntryOutcome::Read(ReadEntry { answer: Some(Ok(body)), .. }) => {
                out.extend_from_slice(br#"{"resource":"#);
                out.extend_from_slice(body.expose());
                out.extend_from_slice(br#","response":{"status":"200 OK"}}"#);
            }
            EntryOutcome::Read(ReadEntry { answer: Some(Err(refusal)), .. }) => {
                push_refusal(&mut out, refusal)
            }
            EntryOutcome::Read(ReadEntry { answer: None, .. }) => {
                push_refusal(&mut out, &Refusal::new(500, IssueType::Exception, "the read was not answered"));
            }
        }
    }
    // JSON arrays in FHIR are never empty (R4 json, 2.6.2).
    out.extend_from_slice(if written.entries.is_empty() { b"}" } else { b"]}" });
    out
}

fn push_done(out: &mut Vec<u8>, done: &Done, base: &str) {
    let name = done.key.resource_type.name();
    let id = &done.key.id;
    out.push(b'{');
    if done.status != 204 {
        out.extend_from_slice(format!(r#""fullUrl":"{base}/{name}/{id}","#).as_bytes());
    }
    if let Some(body) = &done.json {
        out.extend_from_slice(br#""resource":"#);
        out.extend_from_slice(body.expose());
        out.push(b',');
    }
    out.extend_from_slice(format!(r#""response":{{"status":"{}""#, status_line(done.status)).as_bytes());
    if let Some(version) = done.version {
        out.extend_from_slice(
            format!(
                r#","location":"{base}/{name}/{id}/_history/{version}","etag":"W/\"{version}\"","lastModified":"{}""#,
                instant(done.last_updated)
            )
            .as_bytes(),
        );
    }
    out.extend_from_slice(b"}}");
}

fn push_refusal(out: &mut Vec<u8>, refusal: &Refusal) {
    out.extend_from_slice(
        format!(r#"{{"response":{{"status":"{}","outcome":"#, status_line(refusal.status)).as_bytes(),
    );
    out.extend_from_slice(&OperationOutcome::new(refusal.issues.clone()).to_bytes());
    out.extend_from_slice(b"}}");
}

fn status_line(status: u16) -> String {
    let reason = match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        404 => "Not Found",
        409 => "Conflict",
        410 => "Gone",
        412 => "Precondition Failed",
        422 => "Unprocessable Entity",
        503 => "Service Unavailable",
        _ => "Error",
    };
    format!("{status} {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_nothing_has_no_entry_array() {
        let answer = bundle_response(&Written { kind: Kind::Batch, entries: Vec::new() }, "http://h");
        assert_eq!(answer, br#"{"resourceType":"Bundle","type":"batch-response"}"#);
    }
}
