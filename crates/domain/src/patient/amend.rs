//! From the typed view to the FHIR Patient: a change is made to the resource as it stands.
//!
//! An element that the view does not know stays. An item of a list that the change leaves as it was keeps its whole
//! element, periods and extensions included; an item that is new or differs is made anew, because what was said about
//! the old one is not true of it. For the same reason a changed name loses its `text`, a changed date of birth its
//! extensions, and a changed Patient a narrative that was generated from what it said before.

use serde_json::{Map, Value, json};

use super::identifiers::{MRN_SYSTEM, NUMBER_SYSTEM, TYPE_SYSTEM, mrn_element, system_value};
use super::view::{self, demographics, list, main_name, mrn_index};
use super::{Address, Demographics, Identifier, Telecom};

/// The Patient with what differs in `wanted` changed. `wanted` has passed [`super::check`].
pub fn amend(patient: &Value, wanted: &Demographics) -> Value {
    let before = demographics(patient);
    let mut changed = patient.clone();
    let Value::Object(object) = &mut changed else { return changed };
    if before == *wanted {
        return changed;
    }
    if (&before.family_name, &before.given_names) != (&wanted.family_name, &wanted.given_names) {
        set_name(object, main_name(patient), &before, wanted);
    }
    if before.birth_date != wanted.birth_date {
        set(object, "birthDate", wanted.birth_date.clone().map(Value::from));
        object.shift_remove("_birthDate");
    }
    if before.gender != wanted.gender {
        set(object, "gender", wanted.gender.map(|gender| gender.code().into()));
        object.shift_remove("_gender");
    }
    if (&before.mrn, &before.identifiers) != (&wanted.mrn, &wanted.identifiers) {
        set_identifiers(object, patient, &before, wanted);
    }
    if before.telecom != wanted.telecom {
        let items = items(list(patient, "telecom"), &wanted.telecom, view::telecom, telecom_element);
        set_list(object, "telecom", items);
    }
    if before.address != wanted.address {
        let items = items(list(patient, "address"), &wanted.address, view::address, address_element);
        set_list(object, "address", items);
    }
    if before.active != wanted.active {
        set(object, "active", wanted.active.map(Value::from));
    }
    if (before.deceased, &before.deceased_at) != (wanted.deceased, &wanted.deceased_at) {
        set_deceased(object, wanted);
    }
    if before.managing_organization != wanted.managing_organization {
        let reference = wanted
            .managing_organization
            .as_ref()
            .map(|id| json!({"reference": format!("Organization/{id}")}));
        set(object, "managingOrganization", reference);
    }
    if before.general_practitioners != wanted.general_practitioners {
        let elements = list(patient, "generalPractitioner");
        let items = items(
            elements,
            &wanted.general_practitioners,
            view::practitioner,
            |reference| json!({"reference": reference}),
        );
        set_list(object, "generalPractitioner", items);
    }
    let narrative = object.get("text").and_then(|text| text.get("status")).and_then(Value::as_str);
    if matches!(narrative, Some("generated" | "extensions")) {
        object.shift_remove("text");
    }
    changed
}

fn set(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            object.insert(name.to_owned(), value);
        }
        // Not `remove`, which would move the last member into the gap.
        None => {
            object.shift_remove(name);
        }
    }
}

/// FHIR knows no empty lists.
fn set_list(object: &mut Map<String, Value>, name: &str, items: Vec<Value>) {
    set(object, name, (!items.is_empty()).then_some(Value::Array(items)));
}

/// The elements of a list whose items are to be `wanted`: those that say the same as before whole, those that no
/// item can be made of at the end.
fn items<T: PartialEq>(
    elements: &[Value],
    wanted: &[T],
    shown: impl Fn(&Value) -> Option<T>,
    made: impl Fn(&T) -> Value,
) -> Vec<Value> {
    let mut left: Vec<(Option<T>, &Value)> =
        elements.iter().map(|element| (shown(element), element)).collect();
    let mut items = Vec::with_capacity(wanted.len());
    for item in wanted {
        match left.iter().position(|(shown, _)| shown.as_ref() == Some(item)) {
            Some(index) => items.push(left.remove(index).1.clone()),
            None => items.push(made(item)),
        }
    }
    items.extend(left.into_iter().filter(|(shown, _)| shown.is_none()).map(|(_, element)| element.clone()));
    items
}

fn set_name(
    object: &mut Map<String, Value>,
    main: Option<usize>,
    before: &Demographics,
    wanted: &Demographics,
) {
    let names = object.entry("name").or_insert_with(|| json!([]));
    let Value::Array(names) = names else { return };
    let index = match main {
        Some(index) => index,
        None => {
            names.push(json!({"use": "official"}));
            names.len() - 1
        }
    };
    let Some(Value::Object(name)) = names.get_mut(index) else { return };
    if before.family_name != wanted.family_name {
        set(name, "family", wanted.family_name.clone().map(Value::from));
        name.shift_remove("_family");
    }
    if before.given_names != wanted.given_names {
        set_list(name, "given", wanted.given_names.iter().cloned().map(Value::from).collect());
        // Its items stand beside those of `given`, place by place.
        name.shift_remove("_given");
    }
    name.shift_remove("text");
    name.shift_remove("_text");
    if name.keys().all(|member| member == "use") {
        names.remove(index);
    }
    if names.is_empty() {
        object.shift_remove("name");
    }
}

fn set_identifiers(
    object: &mut Map<String, Value>,
    patient: &Value,
    before: &Demographics,
    wanted: &Demographics,
) {
    let elements = list(patient, "identifier");
    let mrn = mrn_index(patient);
    let is_number = |element: &Value| system_value(element).0 == Some(NUMBER_SYSTEM);
    let mut kept: Vec<Value> = elements.iter().filter(|it| is_number(it)).cloned().collect();
    // A medical record number of somebody else's making is no longer the one, and becomes one of the identifiers.
    let mut others: Vec<Value> = Vec::new();
    let own = mrn.map(|index| &elements[index]);
    match (own, wanted.mrn.as_deref()) {
        (Some(element), Some(value)) if before.mrn.as_deref() == Some(value) => kept.push(element.clone()),
        (Some(element), value) => {
            if system_value(element).0 != Some(MRN_SYSTEM) {
                others.push(element.clone());
            }
            kept.extend(value.map(mrn_element));
        }
        (None, value) => kept.extend(value.map(mrn_element)),
    }
    let rest: Vec<Value> = elements
        .iter()
        .enumerate()
        .filter(|(index, it)| Some(*index) != mrn && !is_number(it))
        .map(|(_, element)| element.clone())
        .collect();
    kept.append(&mut others);
    kept.extend(items(&rest, &wanted.identifiers, view::identifier, identifier_element));
    set_list(object, "identifier", kept);
}

fn set_deceased(object: &mut Map<String, Value>, wanted: &Demographics) {
    for name in ["deceasedBoolean", "deceasedDateTime", "_deceasedBoolean", "_deceasedDateTime"] {
        object.shift_remove(name);
    }
    match (wanted.deceased, &wanted.deceased_at) {
        (_, Some(at)) => set(object, "deceasedDateTime", Some(at.as_str().into())),
        (Some(known), None) => set(object, "deceasedBoolean", Some(known.into())),
        (None, None) => {}
    }
}

fn with_texts(pairs: &[(&str, Option<&String>)]) -> Map<String, Value> {
    pairs
        .iter()
        .filter_map(|(name, text)| Some(((*name).to_owned(), text.as_ref()?.as_str().into())))
        .collect()
}

fn identifier_element(identifier: &Identifier) -> Value {
    let mut element = with_texts(&[("use", identifier.usage.as_ref())]);
    if let Some(code) = &identifier.kind {
        element.insert("type".to_owned(), json!({"coding": [{"system": TYPE_SYSTEM, "code": code}]}));
    }
    element.extend(with_texts(&[("system", identifier.system.as_ref()), ("value", Some(&identifier.value))]));
    Value::Object(element)
}

fn telecom_element(telecom: &Telecom) -> Value {
    let pairs =
        [("system", Some(&telecom.system)), ("value", Some(&telecom.value)), ("use", telecom.usage.as_ref())];
    Value::Object(with_texts(&pairs))
}

fn address_element(address: &Address) -> Value {
    let mut element = with_texts(&[("use", address.usage.as_ref())]);
    set_list(&mut element, "line", address.lines.iter().cloned().map(Value::from).collect());
    element.extend(with_texts(&[
        ("city", address.city.as_ref()),
        ("district", address.district.as_ref()),
        ("state", address.state.as_ref()),
        ("postalCode", address.postal_code.as_ref()),
        ("country", address.country.as_ref()),
    ]));
    Value::Object(element)
}

fn add_link(object: &mut Map<String, Value>, other: &str, kind: &str) {
    let link = json!({"other": {"reference": format!("Patient/{other}")}, "type": kind});
    match object.get_mut("link") {
        Some(Value::Array(links)) => links.push(link),
        _ => {
            object.insert("link".to_owned(), json!([link]));
        }
    }
}

/// The Patient as it stands once it was merged into another: out of use, with a link to the one that replaces it.
pub fn note_merge_into(loser: &Value, winner: &str) -> Value {
    let mut noted = loser.clone();
    if let Value::Object(object) = &mut noted {
        object.insert("active".to_owned(), false.into());
        add_link(object, winner, "replaced-by");
    }
    noted
}

/// The Patient that stays: with a link to the one that it replaces, and that one's identifiers as old ones.
pub fn take_over(winner: &Value, loser: &Value, loser_id: &str) -> Value {
    let mut winning = winner.clone();
    let Value::Object(object) = &mut winning else { return winning };
    let mut identifiers = list(winner, "identifier").to_vec();
    for theirs in list(loser, "identifier") {
        let known = identifiers.iter().any(|it| system_value(it) == system_value(theirs));
        if let (Value::Object(theirs), false) = (theirs, known) {
            let mut old = theirs.clone();
            old.insert("use".to_owned(), "old".into());
            identifiers.push(Value::Object(old));
        }
    }
    set_list(object, "identifier", identifiers);
    add_link(object, loser_id, "replaces");
    winning
}
