//! `/fhir/R4`: the interactions of FHIR R4.

use domain::audit::Action;
use kernel::limits;

use super::{Answer, Content, Documentation, Permission, Policy, RequestHeader, Rule, Shape, Verb};
use crate::fhir::{
    BundleDone, BundleToDo, Capabilities, HistoryParameters, Matches, PresentationParameters, Resource,
    ResourceUnderId, SearchParameters, Versions,
};

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

/// What is taken: FHIR JSON, whatever it is called.
const fn taken(shape: Shape) -> Content {
    Content { media_types: &["application/fhir+json", "application/json"], shape }
}

/// What is given.
const fn given(shape: Shape) -> Content {
    Content { media_types: &["application/fhir+json"], shape }
}

const RESOURCE: Shape = Shape::of::<Resource>();
const FORM: Content =
    Content { media_types: &["application/x-www-form-urlencoded"], shape: Shape::of::<SearchParameters>() };
const PRESENTATION: Shape = Shape::of::<PresentationParameters>();

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
    description: "`return=representation` (the default), `return=OperationOutcome`, or `return=minimal`: no body.",
    required: false,
};
const HANDLING: RequestHeader = RequestHeader {
    name: "Prefer",
    description: "`handling=lenient` leaves parameters out that are not supported, and says so in the Bundle; else \
        they are refused.",
    required: false,
};
const HANDLING_AND_RETURN: RequestHeader = RequestHeader {
    name: "Prefer",
    description: "`return=representation` puts the written resources into the answer; `handling=lenient` is for the \
        searches among the entries.",
    required: false,
};

const fn answer(
    status: u16,
    description: &'static str,
    shape: Shape,
    headers: &'static [&'static str],
) -> Answer {
    Answer { status, description, content: Some(given(shape)), headers }
}

const VERSIONED: &[&str] = &["ETag", "Last-Modified"];
const LOCATED: &[&str] = &["Location", "ETag", "Last-Modified"];
const UNCHANGED: Answer =
    Answer { status: 304, description: "The client has it.", content: None, headers: VERSIONED };

/// A write whose halves are not visible everywhere yet.
const fn settling(shape: Shape, headers: &'static [&'static str]) -> Answer {
    answer(202, "Decided and not to be lost, but not visible in every database yet.", shape, headers)
}

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

const SEARCHING: &str = "\
All parameters must hold. Which types have which parameter stands with the parameter and in the CapabilityStatement; \
one that a type does not have is refused by name. Chains, `_has`, `_include`, `_revinclude`, `_summary`, `_elements` \
and modifiers other than the type of a reference are not supported.";

const DONE: Shape = Shape::of::<BundleDone>();
const BUNDLE_ANSWERS: &[Answer] = &[
    answer(200, "A Bundle with an answer for each entry.", DONE, &[]),
    settling(DONE, &["X-Transaction-Id"]),
];
const BUNDLE: Documentation = Documentation::new(TAG, "A batch or transaction Bundle", BUNDLE_ANSWERS)
    .describe(
        "A transaction is done wholly, in all three databases, or not at all; the entries of a batch stand each for \
         itself. Entries may refer to each other by `fullUrl` (`urn:uuid:`), and to records by a search that matches \
         one (`Patient?identifier=...`).",
    )
    .query(PRESENTATION)
    .headers(&[HANDLING_AND_RETURN])
    .body(taken(Shape::of::<BundleToDo>()))
    .refuses(&[404, 409, 410, 412, 422]);

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
            Documentation::new(
                TAG,
                "The CapabilityStatement",
                &[answer(200, "What this server does.", Shape::of::<Capabilities>(), &[])],
            )
            .query(PRESENTATION),
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
                answer(201, "Created.", RESOURCE, LOCATED),
                answer(200, "A record meets `If-None-Exist`: nothing was created.", RESOURCE, VERSIONED),
                settling(RESOURCE, &["Location", "ETag", "Last-Modified", "X-Transaction-Id"]),
            ],
        )
        .describe(
            "The server makes the id. What the record refers to must be there. The type decides the database that it \
             is stored in.",
        )
        .query(PRESENTATION)
        .headers(&[IF_NONE_EXIST, PREFER])
        .body(taken(RESOURCE))
        .refuses(&[404, 409, 410, 412, 422]),
    ),
    record(
        Endpoint::Search,
        Verb::Get,
        "/fhir/R4/{type}",
        READ,
        "record.search",
        Documentation::new(
            TAG,
            "Search records of a type",
            &[answer(200, "A page of what matches.", Shape::of::<Matches>(), &[])],
        )
        .describe(SEARCHING)
        .query(Shape::of::<SearchParameters>())
        .headers(&[HANDLING])
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
            &[answer(200, "A page of what matches.", Shape::of::<Matches>(), &[])],
        )
        .describe("As the search by GET; parameters in a body are in no log of addresses. Both may be given.")
        .query(PRESENTATION)
        .headers(&[HANDLING])
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
                answer(200, "The current version.", RESOURCE, VERSIONED),
                UNCHANGED,
            ],
        )
        .query(PRESENTATION)
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
            &[
                answer(200, "Replaced.", RESOURCE, VERSIONED),
                answer(201, "Created.", RESOURCE, LOCATED),
                settling(RESOURCE, &["ETag", "Last-Modified", "X-Transaction-Id"]),
            ],
        )
        .describe("The body's `id` must be that of the path.")
        .query(PRESENTATION)
        .headers(&[IF_MATCH, ONLY_CREATE, PREFER])
        .body(taken(Shape::of::<ResourceUnderId>()))
        .refuses(&[404, 409, 410, 412, 422]),
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
                Answer {
                    status: 204,
                    description: "There is no such record now, whether or not there was one.",
                    content: None,
                    headers: VERSIONED,
                },
                Answer {
                    status: 202,
                    description: "Decided and not to be lost, but not visible in every database yet.",
                    content: None,
                    headers: &["ETag", "Last-Modified", "X-Transaction-Id"],
                },
            ],
        )
        .describe("Its versions stay readable.")
        .query(PRESENTATION)
        .headers(&[IF_MATCH])
        .refuses(&[404, 409, 412]),
    ),
    record(
        Endpoint::History,
        Verb::Get,
        "/fhir/R4/{type}/{id}/_history",
        READ,
        "record.history",
        Documentation::new(
            TAG,
            "All versions of a record",
            &[answer(200, "A page of versions, newest first.", Shape::of::<Versions>(), &[])],
        )
        .query(Shape::of::<HistoryParameters>())
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
                answer(200, "That version.", RESOURCE, VERSIONED),
                UNCHANGED,
            ],
        )
        .query(PRESENTATION)
        .headers(&[IF_NONE_MATCH])
        .refuses(&[404, 410]),
    ),
];
