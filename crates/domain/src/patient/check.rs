//! What may be said of a patient. Only what a change touches is checked: what stands in the record already, whichever
//! door it came through, stops nobody from amending something else.

use chrono::{DateTime, TimeDelta, Utc};
use fhir::ResourceType;
use fhir::date::Range;
use fhir::reference::{Reference, is_id};

use super::{Address, Demographics, Identifier, MRN_SYSTEM, NUMBER_SYSTEM, Telecom};
use crate::chart::TOLERANCE;
use crate::fault::Faults;

const NAME: usize = 100;
const TEXT: usize = 200;
const IDENTIFIER: usize = 200;
const GIVEN_NAMES: usize = 10;
const IDENTIFIERS: usize = 50;
const TELECOMS: usize = 20;
const ADDRESSES: usize = 10;
const LINES: usize = 5;
const PRACTITIONERS: usize = 10;
const MRN: usize = 64;
/// Somewhere it is already tomorrow: UTC+14 is the earliest zone there is.
pub(crate) const EARLIEST_ZONE: TimeDelta = TimeDelta::hours(14);

/// Finds what is wrong with the members of `wanted` that differ from `before` (all that are given, where there is
/// none). Whoever is registered must have a family name, a date of birth and a gender, if only an unknown one; who
/// has them keeps them.
pub fn check(before: Option<&Demographics>, wanted: &Demographics, now: DateTime<Utc>) -> Result<(), Faults> {
    let mut faults = Faults::none();
    let nothing = Demographics::default();
    let old = before.unwrap_or(&nothing);
    let needed = |old: bool, new: bool| new || (before.is_some() && !old);
    const NEEDED: &str = "this member is needed";
    faults.check(needed(old.family_name.is_some(), wanted.family_name.is_some()), "/family_name", NEEDED);
    faults.check(needed(old.birth_date.is_some(), wanted.birth_date.is_some()), "/birth_date", NEEDED);
    faults.check(needed(old.gender.is_some(), wanted.gender.is_some()), "/gender", NEEDED);
    faults.check(
        needed(old.mrn.is_some(), wanted.mrn.is_some()) || before.is_none(),
        "/mrn",
        "a medical record number can be changed, not taken away",
    );

    if wanted.family_name != old.family_name {
        text(&mut faults, "/family_name", wanted.family_name.as_deref(), NAME);
    }
    if wanted.given_names != old.given_names {
        count(&mut faults, "/given_names", wanted.given_names.len(), GIVEN_NAMES);
        for (i, name) in wanted.given_names.iter().enumerate() {
            text(&mut faults, &format!("/given_names/{i}"), Some(name), NAME);
        }
    }
    if let Some(date) = wanted.birth_date.as_deref().filter(|_| wanted.birth_date != old.birth_date) {
        birth_date(&mut faults, date, now);
    }
    if let Some(mrn) = wanted.mrn.as_deref().filter(|_| wanted.mrn != old.mrn) {
        text(&mut faults, "/mrn", Some(mrn), MRN);
    }
    if wanted.identifiers != old.identifiers {
        count(&mut faults, "/identifiers", wanted.identifiers.len(), IDENTIFIERS);
        for (i, it) in wanted.identifiers.iter().enumerate().filter(|(_, it)| !old.identifiers.contains(it)) {
            identifier(&mut faults, &format!("/identifiers/{i}"), it);
        }
    }
    if wanted.telecom != old.telecom {
        count(&mut faults, "/telecom", wanted.telecom.len(), TELECOMS);
        for (i, it) in wanted.telecom.iter().enumerate().filter(|(_, it)| !old.telecom.contains(it)) {
            telecom(&mut faults, &format!("/telecom/{i}"), it);
        }
    }
    if wanted.address != old.address {
        count(&mut faults, "/address", wanted.address.len(), ADDRESSES);
        for (i, it) in wanted.address.iter().enumerate().filter(|(_, it)| !old.address.contains(it)) {
            address(&mut faults, &format!("/address/{i}"), it);
        }
    }
    if (wanted.deceased, &wanted.deceased_at) != (old.deceased, &old.deceased_at) {
        deceased(&mut faults, wanted, now);
    }
    if let Some(id) = wanted.managing_organization.as_deref()
        && wanted.managing_organization != old.managing_organization
    {
        faults.check(is_id(id), "/managing_organization", "this must be the id of an Organization");
    }
    if wanted.general_practitioners != old.general_practitioners {
        let list = &wanted.general_practitioners;
        count(&mut faults, "/general_practitioners", list.len(), PRACTITIONERS);
        for (i, reference) in list.iter().enumerate() {
            practitioner(&mut faults, &format!("/general_practitioners/{i}"), reference);
        }
    }
    faults.unless(())
}

fn count(faults: &mut Faults, pointer: &str, count: usize, most: usize) {
    if count > most {
        faults.add(pointer, format!("there may be at most {most}"));
    }
}

/// A text for people: not blank, not too long, no control characters, no spaces around it.
fn text(faults: &mut Faults, pointer: &str, text: Option<&str>, most: usize) {
    let Some(text) = text else { return };
    let letters = text.chars().count();
    if letters == 0 || letters > most {
        faults.add(pointer, format!("this must have 1 to {most} characters"));
    } else if text.trim() != text {
        faults.add(pointer, "this must not begin or end with a space");
    } else if text.chars().any(char::is_control) {
        faults.add(pointer, "this must not hold control characters");
    }
}

fn one_of(faults: &mut Faults, pointer: String, code: Option<&str>, codes: &[&str]) {
    if code.is_some_and(|code| !codes.contains(&code)) {
        faults.add(pointer, format!("this must be one of {}", codes.join(", ")));
    }
}

fn birth_date(faults: &mut Faults, date: &str, now: DateTime<Utc>) {
    match Range::parse(date).filter(|_| date.len() <= 10) {
        None => faults.add("/birth_date", "this must be a date such as 1980-05-17, 1980-05 or 1980"),
        Some(range) if range.low > now + EARLIEST_ZONE => {
            faults.add("/birth_date", "a date of birth is not in the future");
        }
        Some(_) => {}
    }
}

fn deceased(faults: &mut Faults, wanted: &Demographics, now: DateTime<Utc>) {
    let Some(at) = wanted.deceased_at.as_deref() else { return };
    if wanted.deceased == Some(false) {
        faults.add("/deceased", "who is not deceased has no time of death");
    }
    let zoned = at.len() <= 10 || at.ends_with('Z') || at.get(10..).is_some_and(|it| it.contains(['+', '-']));
    match Range::parse(at).filter(|_| zoned && (at.len() <= 10 || at.len() >= 20)) {
        None => faults.add("/deceased_at", "this must be a date, or a time to the second with its zone"),
        Some(range) if range.low > now + if at.len() > 10 { TOLERANCE } else { EARLIEST_ZONE } => {
            faults.add("/deceased_at", "a time of death is not in the future");
        }
        Some(range) => {
            let born = wanted.birth_date.as_deref().and_then(Range::parse);
            // A day of grace on either side: the two dates may be of different zones.
            let before = born.is_some_and(|born| range.high + TimeDelta::days(1) < born.low);
            faults.check(!before, "/deceased_at", "nobody dies before they are born");
        }
    }
}

fn identifier(faults: &mut Faults, at: &str, identifier: &Identifier) {
    text(faults, &format!("{at}/value"), Some(&identifier.value), IDENTIFIER);
    match identifier.system.as_deref() {
        None => {}
        Some(NUMBER_SYSTEM) => {
            faults.add(format!("{at}/system"), "the patient number is given by the server")
        }
        Some(MRN_SYSTEM) => faults.add(format!("{at}/system"), "the medical record number is the member mrn"),
        Some(system) => {
            let uri = system.len() <= IDENTIFIER
                && system
                    .split_once(':')
                    .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty())
                && !system.chars().any(|letter| letter.is_whitespace() || letter.is_control());
            faults.check(uri, format!("{at}/system"), "this must be a URI, such as urn:oid:1.2.3");
        }
    }
    if let Some(kind) = identifier.kind.as_deref() {
        let code = (1..=10).contains(&kind.len()) && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
        faults.check(code, format!("{at}/type"), "this must be a code of HL7 table 0203, such as SS or PPN");
    }
    let uses = ["usual", "official", "temp", "secondary", "old"];
    one_of(faults, format!("{at}/use"), identifier.usage.as_deref(), &uses);
}

fn telecom(faults: &mut Faults, at: &str, telecom: &Telecom) {
    let systems = ["phone", "fax", "email", "pager", "url", "sms", "other"];
    one_of(faults, format!("{at}/system"), Some(&telecom.system), &systems);
    one_of(faults, format!("{at}/use"), telecom.usage.as_deref(), &["home", "work", "temp", "old", "mobile"]);
    let pointer = format!("{at}/value");
    text(faults, &pointer, Some(&telecom.value), TEXT);
    match telecom.system.as_str() {
        "phone" | "fax" | "sms" | "pager" => {
            let digits = telecom.value.bytes().filter(u8::is_ascii_digit).count();
            let plain =
                telecom.value.chars().all(|it| it.is_ascii_alphanumeric() || "+-()./ #*".contains(it));
            faults.check(plain && (3..=20).contains(&digits), pointer, "this is no telephone number");
        }
        "email" => {
            let shaped = telecom.value.rsplit_once('@').is_some_and(|(who, domain)| {
                !who.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
            });
            let spaces = telecom.value.chars().any(char::is_whitespace);
            faults.check(shaped && !spaces, pointer, "this is no e-mail address");
        }
        _ => {}
    }
}

fn address(faults: &mut Faults, at: &str, address: &Address) {
    one_of(
        faults,
        format!("{at}/use"),
        address.usage.as_deref(),
        &["home", "work", "temp", "old", "billing"],
    );
    count(faults, &format!("{at}/lines"), address.lines.len(), LINES);
    for (i, line) in address.lines.iter().enumerate() {
        text(faults, &format!("{at}/lines/{i}"), Some(line), TEXT);
    }
    let parts = [
        ("city", &address.city),
        ("district", &address.district),
        ("state", &address.state),
        ("postal_code", &address.postal_code),
        ("country", &address.country),
    ];
    for (name, part) in parts {
        text(faults, &format!("{at}/{name}"), part.as_deref(), NAME);
    }
    let empty = address.lines.is_empty() && parts.iter().all(|(_, part)| part.is_none());
    faults.check(!empty, at, "an address says something");
}

fn practitioner(faults: &mut Faults, pointer: &str, reference: &str) {
    let known = matches!(
        Reference::parse_local(reference),
        Some(Reference::Local {
            resource_type: ResourceType::Practitioner
                | ResourceType::PractitionerRole
                | ResourceType::Organization,
            version: None,
            ..
        })
    );
    faults.check(
        known,
        pointer,
        "this must be Practitioner/{id}, PractitionerRole/{id} or Organization/{id}",
    );
}
