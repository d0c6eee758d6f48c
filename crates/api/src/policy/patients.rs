//! `/api/v1/patients`: who the patients are.

use domain::audit::Action;
use domain::patient::{Demographics, Patient};
use kernel::limits;

use super::{Answer, Content, Documentation, Permission, Policy, RequestHeader, Rule, Shape, Verb};
use crate::hospital::Listing;
use crate::hospital::patients::{
    Duplicates, History, ListQuery, MergeRequest, MergeTrail, MergedBody, PageQuery, RegisterQuery,
    Registered, SearchBody,
};

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Register.
    Register,
    /// List, with filters in the URL.
    List,
    /// List, with filters in the body.
    Search,
    /// By medical record number.
    ByMrn,
    /// By patient number.
    ByNumber,
    /// Read.
    Read,
    /// Amend.
    Amend,
    /// Delete.
    Delete,
    /// Give a patient number.
    AssignNumber,
    /// Who may be the same person.
    Duplicates,
    /// The versions and what they changed.
    History,
    /// The trail of merges.
    Merges,
    /// Merge another patient into this one.
    Merge,
}

const TAG: &str = "Patients";
const READ: Policy = Policy::Permissions(&[Permission::PatientRead]);
const WRITE: Policy = Policy::Permissions(&[Permission::PatientWrite]);
const DELETE: Policy = Policy::Permissions(&[Permission::PatientDelete]);
const MERGE: Policy = Policy::Permissions(&[Permission::PatientMerge]);

const MAY_MATCH: RequestHeader = RequestHeader { required: false, ..RequestHeader::IF_MATCH };

const fn rule(
    endpoint: Endpoint,
    verb: Verb,
    path: &'static str,
    policy: Policy,
    operation: &'static str,
    documentation: Documentation,
) -> Rule {
    let endpoint = super::Endpoint::Patients(endpoint);
    Rule::new(endpoint, verb, path, policy, operation, documentation).about_patients()
}

const fn shown(description: &'static str) -> Answer {
    Answer::ok(description, Content::json::<Patient>()).with_headers(&["ETag"])
}

const SETTLING: Answer = shown("").settling();
const REGISTERED: Answer = Answer::created("Registered, with a number.", Content::json::<Registered>());
const MERGED: Answer = Answer::ok("Merged.", Content::json::<MergedBody>()).with_headers(&["ETag"]);
const DELETED: Answer = Answer::empty("Deleted; the versions before stay in the history.");

pub(super) const RULES: &[Rule] = &[
    rule(
        Endpoint::Register,
        Verb::Post,
        "/api/v1/patients",
        WRITE,
        "patient.register",
        Documentation::new(
            TAG,
            "Register a patient",
            &[REGISTERED, REGISTERED.settling()],
        )
        .describe(
            "`family_name`, `birth_date` and `gender` are needed. The patient number is made by the server, and so is \
             the medical record number where none is given. The same patient is at once at `/fhir/R4/Patient/{id}`.",
        )
        .query(Shape::of::<RegisterQuery>())
        .body(Content::json::<Demographics>())
        .refuses(&[409, 422]),
    ),
    rule(
        Endpoint::List,
        Verb::Get,
        "/api/v1/patients",
        READ,
        "patient.list",
        Documentation::new(
            TAG,
            "List patients",
            &[Answer::ok("A page.", Content::json::<Listing<Patient>>()).with_headers(&["Link"])],
        )
        .query(Shape::of::<ListQuery>())
        .refuses(&[422]),
    )
    .acting(Action::Execute),
    rule(
        Endpoint::Search,
        Verb::Post,
        "/api/v1/patients/search",
        READ,
        "patient.search",
        Documentation::new(
            TAG,
            "Search patients, the parameters out of sight",
            &[Answer::ok("A page.", Content::json::<Listing<Patient>>()).with_headers(&["Link"])],
        )
        .describe("The way to the next page is a path to which the same body is posted again.")
        .query(Shape::of::<PageQuery>())
        .body(Content::json::<SearchBody>())
        .refuses(&[422]),
    )
    .acting(Action::Execute),
    rule(
        Endpoint::ByMrn,
        Verb::Get,
        "/api/v1/patients/by-mrn/{mrn}",
        READ,
        "patient.by_mrn",
        Documentation::new(
            TAG,
            "Read a patient by medical record number",
            &[shown("The patient.").with_headers(&["ETag", "Content-Location"])],
        )
        .refuses(&[404, 409, 422]),
    ),
    rule(
        Endpoint::ByNumber,
        Verb::Get,
        "/api/v1/patients/by-number/{number}",
        READ,
        "patient.by_number",
        Documentation::new(
            TAG,
            "Read a patient by patient number",
            &[shown("The patient; of merged ones the one that stayed.")
                .with_headers(&["ETag", "Content-Location"])],
        )
        .refuses(&[404, 409, 422]),
    ),
    rule(
        Endpoint::Read,
        Verb::Get,
        "/api/v1/patients/{id}",
        READ,
        "patient.read",
        Documentation::new(TAG, "Read a patient", &[shown("The patient.")]).refuses(&[404, 410]),
    ),
    rule(
        Endpoint::Amend,
        Verb::Patch,
        "/api/v1/patients/{id}",
        WRITE,
        "patient.amend",
        Documentation::new(TAG, "Amend a patient", &[shown("The patient as it is now."), SETTLING])
            .describe("What the FHIR resource says beyond these members stays as it is.")
            .headers(&[RequestHeader::IF_MATCH])
            .body(Content::merge_patch::<Demographics>())
            .refuses(&[404, 409, 410, 412, 422, 428]),
    ),
    rule(
        Endpoint::Delete,
        Verb::Delete,
        "/api/v1/patients/{id}",
        DELETE,
        "patient.delete",
        Documentation::new(
            TAG,
            "Delete a patient",
            &[DELETED, DELETED.settling()],
        )
        .headers(&[MAY_MATCH])
        .refuses(&[404, 409, 412]),
    ),
    rule(
        Endpoint::AssignNumber,
        Verb::Post,
        "/api/v1/patients/{id}/patient-number",
        WRITE,
        "patient.assign_number",
        Documentation::new(
            TAG,
            "Give a patient who has none a patient number",
            &[shown("The patient, with a number."), SETTLING],
        )
        .describe("For patients that came through the FHIR door. Who has a number keeps it.")
        .refuses(&[404, 409, 410, 412]),
    )
    .acting(Action::Update),
    rule(
        Endpoint::Duplicates,
        Verb::Get,
        "/api/v1/patients/{id}/duplicates",
        READ,
        "patient.duplicates",
        Documentation::new(
            TAG,
            "Who may be the same person",
            &[Answer::ok("The likeliest first.", Content::json::<Duplicates>())],
        )
        .refuses(&[404, 410, 422]),
    ),
    rule(
        Endpoint::History,
        Verb::Get,
        "/api/v1/patients/{id}/history",
        READ,
        "patient.history",
        Documentation::new(
            TAG,
            "The versions of a patient and what each changed",
            &[Answer::ok("A page, the newest first.", Content::json::<Listing<History>>())
                .with_headers(&["Link"])],
        )
        .query(Shape::of::<PageQuery>())
        .refuses(&[404]),
    ),
    rule(
        Endpoint::Merges,
        Verb::Get,
        "/api/v1/patients/{id}/merges",
        READ,
        "patient.merges",
        Documentation::new(
            TAG,
            "The merges that a patient had a part in",
            &[Answer::ok("The newest first.", Content::json::<MergeTrail>())],
        )
        .refuses(&[404, 410]),
    ),
    Rule {
        time: limits::BUNDLE_REQUEST,
        ..rule(
            Endpoint::Merge,
            Verb::Post,
            "/api/v1/patients/{id}/merge",
            MERGE,
            "patient.merge",
            Documentation::new(
                TAG,
                "Merge another registration of the same person into this one",
                &[MERGED, MERGED.settling()],
            )
            .describe(
                "Every record of `source` becomes one of this patient, in both databases or in neither; `source` is \
                 put out of use with a link to this patient, and nothing is written for it any more. There is no way \
                 back.",
            )
            .body(Content::json::<MergeRequest>())
            .refuses(&[404, 409, 410, 422]),
        )
        .acting(Action::Update)
    },
];
