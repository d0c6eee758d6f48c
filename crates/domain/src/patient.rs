//! Who a patient is: the typed view of the FHIR Patient, and the way from one to the other.
//!
//! A patient is stored once, as the FHIR resource. The view is made when it is read, and a change through the view is
//! made to the resource, so that whatever else the resource says stays ([`amend`]).

mod amend;
mod changes;
mod check;
mod identifiers;
mod likeness;
mod pointer;
mod view;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sample;

pub use amend::{amend, note_merge_into, take_over};
pub use changes::{Change, changes};
pub(crate) use check::EARLIEST_ZONE;
pub use check::check;
pub use identifiers::{MRN_SYSTEM, NUMBER_SYSTEM, Named, NamedKind, named, with_number};
pub use likeness::{Resemblance, likeness, resemblance};
pub use pointer::pointer;
pub use view::view;

/// FHIR's administrative genders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Gender {
    /// Male.
    Male,
    /// Female.
    Female,
    /// Neither.
    Other,
    /// Not known.
    Unknown,
}

impl Gender {
    const ALL: [(Gender, &'static str); 4] = [
        (Gender::Male, "male"),
        (Gender::Female, "female"),
        (Gender::Other, "other"),
        (Gender::Unknown, "unknown"),
    ];

    fn from_code(code: &str) -> Option<Gender> {
        Gender::ALL.into_iter().find(|(_, it)| *it == code).map(|(gender, _)| gender)
    }

    /// FHIR's code.
    pub fn code(self) -> &'static str {
        Gender::ALL.iter().find(|(gender, _)| *gender == self).map_or("unknown", |(_, code)| code)
    }
}

/// A number by which some system knows the patient; patient number and medical record number apart.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identifier {
    /// Whose number it is: a URI.
    pub system: Option<String>,
    /// The number.
    pub value: String,
    /// What kind of number: a code of HL7 table 0203, such as `SS`, `PPN` or `NI`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `usual`, `official`, `temp`, `secondary` or `old`.
    #[serde(rename = "use")]
    pub usage: Option<String>,
}

/// A way to reach the patient.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Telecom {
    /// `phone`, `fax`, `email`, `pager`, `url`, `sms` or `other`.
    pub system: String,
    /// The number or address.
    pub value: String,
    /// `home`, `work`, `temp`, `old` or `mobile`.
    #[serde(rename = "use")]
    pub usage: Option<String>,
}

/// Where the patient lives or gets letters.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Address {
    /// `home`, `work`, `temp`, `old` or `billing`.
    #[serde(rename = "use")]
    pub usage: Option<String>,
    /// Street, house, apartment.
    pub lines: Vec<String>,
    /// City.
    pub city: Option<String>,
    /// District or county.
    pub district: Option<String>,
    /// State or province.
    pub state: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Country, best as the two letters of ISO 3166.
    pub country: Option<String>,
}

/// What a client may say of a patient. All of it may be missing where a patient came through the FHIR door.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(example = example())]
pub struct Demographics {
    /// Family name, 1 to 100 characters.
    pub family_name: Option<String>,
    /// Given names, at most 10 of 1 to 100 characters.
    pub given_names: Vec<String>,
    /// Date of birth: `1980-05-17`, or `1980-05` or `1980` where no more is known. Not in the future.
    pub birth_date: Option<String>,
    /// Administrative gender.
    pub gender: Option<Gender>,
    /// The organization's own number for the patient's file. Unique in the organization; made where none is given.
    pub mrn: Option<String>,
    /// Other numbers, at most 50.
    pub identifiers: Vec<Identifier>,
    /// Ways to reach the patient, at most 20.
    pub telecom: Vec<Telecom>,
    /// Addresses, at most 10.
    pub address: Vec<Address>,
    /// Whether the record is in use.
    pub active: Option<bool>,
    /// Whether the patient has died.
    pub deceased: Option<bool>,
    /// When the patient died: a date, or a time with its zone.
    pub deceased_at: Option<String>,
    /// The id of the Organization that keeps the record.
    pub managing_organization: Option<String>,
    /// Who cares for the patient, at most 10: `Practitioner/{id}`, `PractitionerRole/{id}` or `Organization/{id}`.
    pub general_practitioners: Vec<String>,
}

/// A patient for the documents, who does not exist. Without the members that are left out: in a merge patch a null
/// would take them away.
fn example() -> serde_json::Value {
    serde_json::json!({
        "family_name": "Vester",
        "given_names": ["Ada"],
        "birth_date": "1980-05-17",
        "gender": "female",
        "identifiers": [{"system": "urn:oid:2.16.756.5.32", "value": "756.9217.0769.85", "type": "SS"}],
        "telecom": [{"system": "phone", "value": "+41 44 555 01 23", "use": "mobile"}],
        "address": [{"lines": ["1 Example Way"], "city": "Zurich", "country": "CH"}]
    })
}

/// The example of what a client says, with what the server adds to it.
fn as_shown(schema: &mut schemars::Schema) {
    let added = serde_json::json!({
        "id": sample::PATIENT,
        "patient_number": "P2026000001",
        "mrn": "P2026000001",
        "active": true,
        "merged_into": null,
        "version": 1,
        "last_updated": sample::AT,
    });
    sample::extend(schema, &added);
}

/// A patient as the typed door shows one.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(transform = as_shown)]
pub struct Patient {
    /// The id, the same as that of the FHIR Patient.
    pub id: String,
    /// The number that the organization gave: `P`, the year, six digits or more. None until one is assigned.
    pub patient_number: Option<String>,
    /// What the patient, or somebody for them, said.
    #[serde(flatten)]
    pub demographics: Demographics,
    /// The id of the patient that this one was merged into.
    pub merged_into: Option<String>,
    /// The version, which `If-Match` names.
    pub version: i32,
    /// When this version was written.
    pub last_updated: Option<String>,
}

// All of these say who somebody is.

macro_rules! hidden {
    ($($name:ident),+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "([phi])"))
            }
        }
    )+};
}

hidden!(Identifier, Telecom, Address, Demographics, Patient);

#[cfg(test)]
mod tests;
