//! Where the houses are and who works there: the provider directory, as FHIR has it.

use demo::hospital::{Department, House, Profession};
use demo::person::Sex;
use serde_json::{Map, Value, json};
use store::Store;

use super::bundle::Bundle;
use super::error::SeedError;
use super::load;
use super::people::Site;
use super::report::Report;

const SNOMED: &str = "http://snomed.info/sct";
const LOCATION_TYPES: &str = "http://terminology.hl7.org/CodeSystem/v3-RoleCode";
/// The systems of the directory's identifiers.
const PLACES: &str = "urn:salus:demo:place";
const LICENCES: &str = "urn:salus:demo:licence";
const POSTS: &str = "urn:salus:demo:post";

/// A house with the ids of its directory.
pub struct Open {
    /// The organization.
    pub site: Site,
    /// The Organization.
    pub organization: String,
    /// The Location of each department's outpatients, and of its ward.
    pub locations: Vec<(String, Option<String>)>,
    /// The Practitioner of each of the staff.
    pub practitioners: Vec<String>,
}

/// Writes the directory of a house, as far as it is not there, and gives the ids.
///
/// # Errors
/// [`SeedError`].
pub async fn open(store: &Store, house: &House, site: Site, report: &mut Report) -> Result<Open, SeedError> {
    let mut bundle = Bundle::default();
    let organization = bundle.name("Organization", "house");
    bundle.add_once(
        &organization,
        object(json!({ "resourceType": "Organization", "active": true, "name": site.name })),
        PLACES,
        "house",
    );
    let mut places = Vec::new();
    for (position, place) in house.departments.iter().enumerate() {
        let rooms = [Some((place.room, "room")), place.ward.map(|ward| (ward, "ward"))];
        for (name, what) in rooms.into_iter().flatten() {
            let key = format!("{what}{position}");
            let reference = bundle.name("Location", &key);
            bundle.add_once(&reference, location(place.department, name, what, &organization), PLACES, &key);
            places.push((position, what == "ward"));
        }
    }
    for (position, worker) in house.staff.iter().enumerate() {
        let practitioner = bundle.name("Practitioner", &format!("worker{position}"));
        let gender = if worker.sex == Sex::Female { "female" } else { "male" };
        let name = json!([{ "family": worker.name.family, "given": worker.name.given }]);
        let resource =
            json!({ "resourceType": "Practitioner", "active": true, "name": name, "gender": gender });
        bundle.add_once(&practitioner, object(resource), LICENCES, &worker.licence);
        let role = bundle.name("PractitionerRole", &format!("worker{position}"));
        let at = house.department_or_first(worker.department);
        let (specialty, display) = worker.department.specialty();
        let (code, profession) = worker.profession.concept();
        let mut resource = json!({
            "resourceType": "PractitionerRole",
            "active": true,
            "practitioner": { "reference": practitioner },
            "organization": { "reference": organization },
            "code": [coded(code, profession)],
            "location": [{ "reference": format!("Location/room{at}") }],
        });
        if worker.profession == Profession::Doctor {
            resource["specialty"] = json!([coded(specialty, display)]);
        }
        bundle.add_once(&role, object(resource), POSTS, &worker.licence);
    }
    let written = load::execute(store, bundle.write()?, &site.context()).await?;
    let ids = load::ids(&written, report);
    let mut ids = ids.into_iter();
    let organization = ids.next().unwrap_or_default();
    let mut locations: Vec<(String, Option<String>)> = Vec::new();
    for ((_, is_ward), id) in places.into_iter().zip(ids.by_ref()) {
        match locations.last_mut() {
            Some((_, ward)) if is_ward => *ward = Some(id),
            _ => locations.push((id, None)),
        }
    }
    // Practitioner and PractitionerRole take turns.
    let practitioners = ids.step_by(2).collect();
    Ok(Open { site, organization, locations, practitioners })
}

fn location(department: Department, name: &str, what: &str, organization: &str) -> Map<String, Value> {
    let code = match (what, department) {
        ("ward", _) => ("HU", "Hospital unit"),
        (_, Department::Emergency) => ("ER", "Emergency room"),
        _ => ("OF", "Outpatient facility"),
    };
    object(json!({
        "resourceType": "Location",
        "status": "active",
        "name": format!("{}, {name}", department.name()),
        "mode": "instance",
        "type": [{ "coding": [{ "system": LOCATION_TYPES, "code": code.0, "display": code.1 }] }],
        "managingOrganization": { "reference": organization },
    }))
}

fn coded(code: &str, display: &str) -> Value {
    json!({ "coding": [{ "system": SNOMED, "code": code, "display": display }], "text": display })
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
