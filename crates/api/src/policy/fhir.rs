//! `/fhir/R4`: the interactions of FHIR R4.

use domain::audit::Action;
use kernel::limits;

use super::{Answer, Content, Documentation, Permission, Policy, RequestHeader, Rule, Shape, Verb};
use crate::fhir::{AnyParameters, Resource};

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The CapabilityStatement.
    Metadata,
    /// A batch or transaction.
    Bundle,
    /// Create.
    Create,
    /// Search with the parameters in the URL.
    Search,
    /// Search with the parameters in the body.
    SearchForm,
    /// The current version.
    Read,
    /// Update, or create under the client's id.
    Update,
    /// Delete.
    Delete,
    /// All versions.
    History,
    /// One version.
    VersionRead,
}

const TAG: &str = "FHIR R4";
const READ: Policy = Policy::Permissions(&[Permission::RecordRead]);
const WRITE: Policy = Policy::Permissions(&[Permission::RecordWrite]);
const BOTH: Policy = Policy::Permissions(&[Permission::RecordRead, Permission::RecordWrite]);

/// FHIR JSON.
const RESOURCE: Content =
    Content { media_types: &["application/fhir+json", "application/json"], shape: Shape::of::<Resource>() };
const FORM: Content =
    Content { media_types: &["application/x-www-form-urlencoded"], shape: Shape::of::<AnyParameters>() };

const IF_MATCH: RequestHeader = RequestHeader {
    name: "If-Match",
    description: "Do it only where this is the current version, such as `W/\"3\"`.",
    required: false,
};
const IF_NONE_EXIST: RequestHeader = RequestHeader {
    name: "If-None-Exist",
    description: "Create only where no record meets these search parameters.",
    required: false,
};
const IF_NONE_MATCH: RequestHeader = RequestHeader {
    name: "If-None-Match",
    description: "A version that the client has already, such as `W/\"3\"`.",
    required: false,
};
const ONLY_CREATE: RequestHeader =
    RequestHeader { name: "If-None-Match", description: "`*`: only create.", required: false };
const PREFER: RequestHeader = RequestHeader {
    name: "Prefer",
    description: "`return=minimal`, `return=representation`, `return=OperationOutcome`; `handling=lenient`.",
    required: false,
};

const fn answer(status: u16, description: &'static str, headers: &'static [&'static str]) -> Answer {
    Answer { status, description, content: Some(RESOURCE), headers }
}

const VERSIONED: &[&str] = &["ETag", "Last-Modified"];
const LOCATED: &[&str] = &["Location", "ETag", "Last-Modified"];
const SETTLING: Answer =
    answer(202, "Decided and not to be lost, but not visible in every database yet.", &[]);

const fn record(
    endpoint: Endpoint,
    verb: Verb,
    path: &'static str,
    policy: Policy,
    operation: &'static str,
    documentation: Documentation,
) -> Rule {
    let endpoint = super::Endpoint::Fhir(endpoint);
    Rule::new(endpoint, verb, path, policy, operation, documentation).about_patients()
}

const BUNDLE_ANSWERS: &[Answer] = &[answer(200, "A Bundle with an answer for each entry.", &[]), SETTLING];
const BUNDLE: Documentation = Documentation::new(TAG, "A batch or transaction Bundle", BUNDLE_ANSWERS)
    .headers(&[PREFER])
    .body(RESOURCE)
    .refuses(&[404, 409, 412, 422]);

const fn bundle(path: &'static str) -> Rule {
    Rule {
        body_bytes: limits::BUNDLE_BYTES,
        time: limits::BUNDLE_REQUEST,
        ..record(Endpoint::Bundle, Verb::Post, path, BOTH, "record.bundle", BUNDLE).acting(Action::Execute)
    }
}

pub(super) const RULES: &[Rule] = &[
    Rule {
        patient_data: false,
        ..record(
            Endpoint::Metadata,
            Verb::Get,
            "/fhir/R4/metadata",
            Policy::Public,
            "record.metadata",
            Documentation::new(TAG, "The CapabilityStatement", &[answer(200, "What this server does.", &[])]),
        )
    },
    bundle("/fhir/R4"),
    bundle("/fhir/R4/"),
    record(
        Endpoint::Create,
        Verb::Post,
        "/fhir/R4/{type}",
        WRITE,
        "record.create",
        Documentation::new(
            TAG,
            "Create a record",
            &[
                answer(201, "Created.", LOCATED),
                answer(200, "A record meets `If-None-Exist`: nothing was created.", LOCATED),
                SETTLING,
            ],
        )
        .headers(&[IF_NONE_EXIST, PREFER])
        .body(RESOURCE)
        .refuses(&[404, 409, 412, 422]),
    ),
    record(
        Endpoint::Search,
        Verb::Get,
        "/fhir/R4/{type}",
        READ,
        "record.search",
        Documentation::new(TAG, "Search records of a type", &[answer(200, "A page of what matches.", &[])])
            .query(Shape::of::<AnyParameters>())
            .headers(&[PREFER])
            .refuses(&[404, 422]),
    )
    .acting(Action::Execute),
    record(
        Endpoint::SearchForm,
        Verb::Post,
        "/fhir/R4/{type}/_search",
        READ,
        "record.search_form",
        Documentation::new(
            TAG,
            "Search records of a type, the parameters out of sight",
            &[answer(200, "A page of what matches.", &[])],
        )
        .query(Shape::of::<AnyParameters>())
        .headers(&[PREFER])
        .body(FORM)
        .refuses(&[404, 422]),
    )
    .acting(Action::Execute),
    record(
        Endpoint::Read,
        Verb::Get,
        "/fhir/R4/{type}/{id}",
        READ,
        "record.read",
        Documentation::new(
            TAG,
            "Read a record",
            &[
                answer(200, "The current version.", VERSIONED),
                Answer { status: 304, description: "The client has it.", content: None, headers: VERSIONED },
            ],
        )
        .headers(&[IF_NONE_MATCH])
        .refuses(&[404, 410]),
    ),
    record(
        Endpoint::Update,
        Verb::Put,
        "/fhir/R4/{type}/{id}",
        WRITE,
        "record.update",
        Documentation::new(
            TAG,
            "Replace a record, or create it under this id",
            &[answer(200, "Replaced.", LOCATED), answer(201, "Created.", LOCATED), SETTLING],
        )
        .headers(&[IF_MATCH, ONLY_CREATE, PREFER])
        .body(RESOURCE)
        .refuses(&[404, 409, 412, 422]),
    ),
    record(
        Endpoint::Delete,
        Verb::Delete,
        "/fhir/R4/{type}/{id}",
        WRITE,
        "record.delete",
        Documentation::new(
            TAG,
            "Delete a record",
            &[
                Answer { status: 204, description: "Deleted.", content: None, headers: &["ETag"] },
                answer(200, "Deleted; the outcome was asked for.", &["ETag"]),
                SETTLING,
            ],
        )
        .headers(&[IF_MATCH, PREFER])
        .refuses(&[404, 409, 412, 422]),
    ),
    record(
        Endpoint::History,
        Verb::Get,
        "/fhir/R4/{type}/{id}/_history",
        READ,
        "record.history",
        Documentation::new(TAG, "All versions of a record", &[answer(200, "A page of versions.", &[])])
            .query(Shape::of::<AnyParameters>())
            .refuses(&[404]),
    ),
    record(
        Endpoint::VersionRead,
        Verb::Get,
        "/fhir/R4/{type}/{id}/_history/{version}",
        READ,
        "record.version_read",
        Documentation::new(
            TAG,
            "One version of a record",
            &[
                answer(200, "That version.", VERSIONED),
                Answer { status: 304, description: "The client has it.", content: None, headers: VERSIONED },
            ],
        )
        .headers(&[IF_NONE_MATCH])
        .refuses(&[404, 410]),
    ),
];
