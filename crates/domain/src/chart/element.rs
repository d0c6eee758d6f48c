//! Reading elements of a resource, and changing one while the others stay.

use chrono::{DateTime, SecondsFormat, Utc};
use fhir::date::Range;
use fhir::definitions::parameters::{CLINICAL_STATUS, VERIFICATION_STATUS};
use fhir::search::{Filter, TokenValue};
use serde_json::Value;

use super::Object;
use crate::fault::Faults;
use crate::patient::EARLIEST_ZONE;
use crate::sample;

/// The text at a JSON pointer.
pub(super) fn text(value: &Value, pointer: &str) -> Option<String> {
    value.pointer(pointer)?.as_str().map(str::to_owned)
}

/// The code of the first coding of a CodeableConcept that `known` knows.
pub(super) fn coded<T>(value: &Value, pointer: &str, known: impl Fn(&str) -> Option<T>) -> Option<T> {
    let codings = value.pointer(pointer)?.get("coding")?.as_array()?;
    codings.iter().find_map(|coding| known(coding.get("code")?.as_str()?))
}

/// That a record has this code under a parameter of the search index.
pub(super) fn having(parameter: u16, code: &str) -> Filter {
    Filter::Token { parameter, any: vec![TokenValue::Code(code.to_owned())] }
}

/// That a record does not have it.
pub(super) fn lacking(parameter: u16, code: &str) -> Filter {
    Filter::Without { parameter, any: vec![TokenValue::Code(code.to_owned())] }
}

/// The verification status, of problems and of allergies alike, of what should never have been recorded (R4
/// condition-ver-status, allergyintolerance-verification).
const ENTERED_IN_ERROR: &str = "entered-in-error";

/// That a problem's or an allergy's clinical status is this one; what was entered in error has none.
pub(super) fn of_clinical_status(status: &str) -> Vec<Filter> {
    vec![having(CLINICAL_STATUS, status), lacking(VERIFICATION_STATUS, ENTERED_IN_ERROR)]
}

/// That a problem or an allergy was entered in error.
pub(super) fn entered_in_error() -> Vec<Filter> {
    vec![having(VERIFICATION_STATUS, ENTERED_IN_ERROR)]
}

/// The logical id of a reference to a record of this type.
pub(super) fn referred(value: &Value, pointer: &str, resource_type: fhir::ResourceType) -> Option<String> {
    let reference = value.pointer(pointer)?.get("reference")?.as_str()?;
    match fhir::reference::Reference::parse(reference) {
        fhir::reference::Reference::Local { resource_type: found, id, .. } if found == resource_type => {
            Some(id.to_owned())
        }
        _ => None,
    }
}

/// The first moment of a date or time of FHIR.
pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    Range::parse(text).map(|range| range.low)
}

/// A FHIR instant in UTC with milliseconds.
pub(super) fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Sets an element, or takes it away.
pub(super) fn put(object: &mut Object, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            object.insert(name.to_owned(), value);
        }
        None => {
            object.shift_remove(name);
            object.shift_remove(&format!("_{name}"));
        }
    }
}

/// Changes an element that is an object. FHIR knows no empty objects: one that has become empty is taken away.
pub(super) fn edit(object: &mut Object, name: &str, change: impl FnOnce(&mut Object)) {
    let mut child = match object.get_mut(name).map(Value::take) {
        Some(Value::Object(child)) => child,
        _ => Object::new(),
    };
    change(&mut child);
    put(object, name, (!child.is_empty()).then_some(Value::Object(child)));
}

/// Changes the first of a repeating element, which is made where there is none.
pub(super) fn edit_first(object: &mut Object, name: &str, change: impl FnOnce(&mut Object)) {
    let mut all = match object.get_mut(name).map(Value::take) {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    let mut first = match all.first_mut().map(Value::take) {
        Some(Value::Object(first)) => first,
        _ => Object::new(),
    };
    change(&mut first);
    if all.is_empty() {
        all.push(Value::Null);
    }
    if first.is_empty() {
        all.remove(0);
    } else {
        all[0] = Value::Object(first);
    }
    put(object, name, (!all.is_empty()).then_some(Value::Array(all)));
}

/// The text of the first note, and a way to change it.
pub(super) fn note(resource: &Value) -> Option<String> {
    text(resource, "/note/0/text")
}

/// Changes the text of the first note.
pub(super) fn put_note(resource: &mut Object, note: Option<&str>) {
    edit_first(resource, "note", |annotation| match note {
        Some(text) => put(annotation, "text", Some(text.into())),
        None => annotation.clear(),
    });
}

/// A reference to a record by type and id.
pub(super) fn reference(resource_type: fhir::ResourceType, id: &str) -> Value {
    serde_json::json!({ "reference": format!("{}/{id}", resource_type.name()) })
}

/// Sets or takes away the encounter.
pub(super) fn put_encounter(object: &mut Object, encounter: Option<&str>) {
    put(object, "encounter", encounter.map(|id| reference(fhir::ResourceType::Encounter, id)));
}

/// Notes a fault where a text is no date, year, month or time of FHIR, or lies in the future.
pub(super) fn check_date(pointer: &str, date: Option<&str>, now: DateTime<Utc>, faults: &mut Faults) {
    let Some(date) = date else { return };
    let with_time = date.contains('T');
    // Of a day it is not known where it was: somewhere it is already tomorrow.
    let ahead = if with_time { TOLERANCE } else { EARLIEST_ZONE };
    match Range::parse(date) {
        Some(_) if with_time && DateTime::parse_from_rfc3339(date).is_err() => {
            faults.add(pointer, "a time needs seconds and an offset, as in 2026-03-01T09:30:00Z");
        }
        Some(range) if range.low > now + ahead => faults.add(pointer, "lies in the future"),
        Some(_) => {}
        None => {
            faults.add(pointer, "is not a date such as 2026, 2026-03, 2026-03-01 or 2026-03-01T09:30:00Z");
        }
    }
}

/// Notes a fault where both are dates and the second ends before the first begins.
pub(super) fn check_order(start: Option<&str>, end: Option<&str>, pointer: &str, faults: &mut Faults) {
    let (Some(start), Some(end)) = (start.and_then(Range::parse), end.and_then(Range::parse)) else { return };
    faults.check(end.high >= start.low, pointer, "lies before the beginning");
}

/// Notes a fault where an id cannot be one.
pub(super) fn check_id(pointer: &str, id: Option<&str>, faults: &mut Faults) {
    if id.is_some_and(|id| !fhir::reference::is_id(id)) {
        faults.add(pointer, "is not an id");
    }
}

/// How far a client's clock may be ahead of ours.
pub const TOLERANCE: chrono::TimeDelta = chrono::TimeDelta::minutes(5);

/// Changes a repeating element so that it shows `after`: what stands in the same place is changed and keeps what the
/// view does not know, what is too many is taken away.
pub(super) fn edit_each<T: Default>(
    object: &mut Object,
    name: &str,
    after: &[T],
    before: &[T],
    write: impl Fn(&T, &T, &mut Object),
) {
    let mut all = match object.get_mut(name).map(Value::take) {
        Some(Value::Array(all)) => all,
        _ => Vec::new(),
    };
    all.resize(after.len(), Value::Null);
    let nothing = T::default();
    for (i, (element, one)) in all.iter_mut().zip(after).enumerate() {
        let mut object = match element.take() {
            Value::Object(object) => object,
            _ => Object::new(),
        };
        write(one, before.get(i).unwrap_or(&nothing), &mut object);
        *element = Value::Object(object);
    }
    put(object, name, (!all.is_empty()).then_some(Value::Array(all)));
}

/// Reads null as nothing: a merge patch takes a list away with it, and so may whoever writes one anew.
pub(super) fn or_default<'d, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'d>,
    T: serde::Deserialize<'d> + Default,
{
    Ok(<Option<T> as serde::Deserialize>::deserialize(deserializer)?.unwrap_or_default())
}

/// The example of an entry, with what the server knows of it.
pub(super) fn as_charted(schema: &mut schemars::Schema) {
    let known = serde_json::json!({
        "id": sample::RECORD,
        "version": 1,
        "patient": sample::PATIENT,
        "last_updated": sample::AT,
        "recorded_by": { "account": sample::ACCOUNT, "reference": null },
        "recorded_at": sample::AT,
    });
    sample::extend(schema, &known);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_may_have_begun_elsewhere_and_an_instant_may_not_lie_ahead() {
        let now = DateTime::parse_from_rfc3339("2026-03-01T20:00:00Z").unwrap().to_utc();
        let is_taken = |date: &str| {
            let mut faults = Faults::none();
            check_date("/onset", Some(date), now, &mut faults);
            faults.unless(()).is_ok()
        };
        // In Auckland it is nine in the morning of the second.
        for date in [
            "2026",
            "2026-03",
            "2026-03-01",
            "2026-03-02",
            "2026-03-02T09:00:00+13:00",
            "2026-03-01T20:04:00Z",
        ] {
            assert!(is_taken(date), "{date}");
        }
        for date in
            ["2027", "2026-04", "2026-03-03", "2026-03-02T09:06:00+13:00", "2026-03-01T20:06:00Z", "soon"]
        {
            assert!(!is_taken(date), "{date}");
        }
    }
}
