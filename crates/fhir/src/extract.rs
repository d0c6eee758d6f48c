//! What a search needs to know of a resource, read by compiled paths.
//!
//! The **main patient** of a resource is the first `Patient/{id}` at the path of its type's parameter
//! `patient`, else `subject`, else of what puts the type into the Patient compartment: `subject` for most
//! types, `patient` for AllergyIntolerance, Claim, Consent, Device, Immunization, RelatedPerson and others,
//! `beneficiary` for Coverage, `candidate` for EnrollmentRequest, `individual` for ResearchSubject,
//! `deliverTo` for SupplyRequest, `for` for Task, and the first that is a patient of `participant.actor` for
//! Appointment, `actor` for AppointmentResponse and Schedule, `agent.who` then `entity.what` for AuditEvent,
//! `link.target` for Person, `target` for Provenance, `subject` for Account and Contract. A Patient, and a
//! Group, is about no other patient. The table is `MAIN_PATIENT` in `definitions/parameters.rs`.
//!
//! The **main code** is the first coding of the parameter `code`; the **main date** spans all values of the
//! parameter `date` or `birthdate`. Everything else that is searched for by equality is a [`Term`]. What a
//! search looks for is made into terms by the same code ([`terms`]), so that the two sides cannot differ.

mod read;
mod term;

use std::fmt;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::ResourceType;

pub use term::{Form, Term, further_code, lacked, system_code, terms};

/// What a search needs to know of a resource.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Extracted<'a> {
    /// The logical id of the patient whom the resource is about.
    pub patient: Option<&'a str>,
    /// The main code: system, where there is one, and code.
    pub code: Option<(Option<&'a str>, &'a str)>,
    /// The main date: first and last microsecond ([`crate::date`]).
    pub date: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Everything else, in order, each once.
    pub terms: Vec<Term<'a>>,
}

/// Reads a resource of this type. Whatever is not of the expected shape is passed over.
pub fn extract(resource_type: ResourceType, resource: &Value) -> Extracted<'_> {
    read::extract(resource_type, resource)
}

impl fmt::Debug for Extracted<'_> {
    /// Shows the shape only: what is in it is about a patient.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extracted")
            .field("patient", &self.patient.is_some())
            .field("code", &self.code.is_some())
            .field("date", &self.date.is_some())
            .field("terms", &self.terms)
            .finish()
    }
}

#[cfg(test)]
mod tests;
