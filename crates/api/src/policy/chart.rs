//! `/api/v1/patients/{id}/...`: what is true of a patient.

use std::marker::PhantomData;

use domain::chart::Entry;
use domain::chart::allergy::Allergy;
use domain::chart::encounter::Encounter;
use domain::chart::medication::Medication;
use domain::chart::note::Note;
use domain::chart::problem::Problem;
use domain::chart::summary::Charted;
use domain::chart::vital_signs::VitalSigns;
use domain::chart::vital_signs::set::View;
use schemars::JsonSchema;
use services::chart::{Summary, TrendPoint};

use super::{Answer, Content, Documentation, Permission, Policy, RequestHeader, Rule, Shape, Verb};
use crate::hospital::Listing;
use crate::hospital::chart::{
    DatedParameters, HistoryParameters, LatestVitalSigns, Parameters, Prescribed, TrendParameters,
    VitalSignsParameters,
};

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A page of entries.
    List(Kind),
    /// A new entry.
    Create(Kind),
    /// One entry.
    Get(Kind),
    /// A change of an entry.
    Amend(Kind),
    /// A page of sets of vital signs.
    ListVitalSigns,
    /// A new set.
    CreateVitalSigns,
    /// One set.
    GetVitalSigns,
    /// A change of a set.
    AmendVitalSigns,
    /// The versions of a set.
    VitalSignsHistory,
    /// The latest value of each measurement.
    LatestVitalSigns,
    /// The course of one measurement.
    VitalSignsTrend,
    /// The patient at a glance.
    Summary,
}

/// The kinds of entries that are one record each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Problems.
    Problem,
    /// Allergies and intolerances.
    Allergy,
    /// Medication.
    Medication,
    /// Encounters.
    Encounter,
    /// Notes.
    Note,
}

const TAG: &str = "Chart";
const READ: Policy = Policy::Permissions(&[Permission::ChartRead]);
const WRITE: Policy = Policy::Permissions(&[Permission::ChartWrite]);
/// A patient and a record that may not be there, or not any more.
const ABSENT: &[u16] = &[404, 410, 422];
const CREATED: &[u16] = &[404, 409, 410, 412];
const AMENDED: &[u16] = &[404, 409, 410, 412, 428];

const IF_MATCH: &[RequestHeader] = &[RequestHeader::IF_MATCH];

/// The answers about one shape. Constants of a type, because a constant function cannot lend out what it makes.
struct Answers<T>(PhantomData<T>);

impl<T: JsonSchema> Answers<T> {
    const ONE: &'static [Answer] = &[Answer::ok("As it is.", Content::json::<T>()).with_headers(&["ETag"])];
    const BARE: &'static [Answer] = &[Answer::ok("As it is.", Content::json::<T>())];
    const MADE: &'static [Answer] = &[
        Answer::created("What was written.", Content::json::<T>()),
        Answer { status: 202, ..Answer::created("As it will be.", Content::json::<T>()) },
    ];
    const CHANGED: &'static [Answer] = &[
        Answer::ok("As it is now.", Content::json::<T>()).with_headers(&["ETag"]),
        Answer { status: 202, ..Answer::ok("As it will be.", Content::json::<T>()) },
    ];
    const PAGE: &'static [Answer] =
        &[Answer::ok("A page.", Content::json::<Listing<T>>()).with_headers(&["Link"])];
}

const fn rule(
    endpoint: Endpoint,
    verb: Verb,
    path: &'static str,
    operation: &'static str,
    documentation: Documentation,
) -> Rule {
    let policy = match verb {
        Verb::Get => READ,
        Verb::Post | Verb::Put | Verb::Patch | Verb::Delete => WRITE,
    };
    Rule::new(super::Endpoint::Chart(endpoint), verb, path, policy, operation, documentation).about_patients()
}

const fn list<E: Entry, P: JsonSchema>(
    kind: Kind,
    path: &'static str,
    operation: &'static str,
    summary: &'static str,
) -> Rule {
    let documentation = Documentation::new(TAG, summary, Answers::<Charted<E>>::PAGE);
    rule(
        Endpoint::List(kind),
        Verb::Get,
        path,
        operation,
        documentation.query(Shape::of::<P>()).refuses(ABSENT),
    )
}

const fn create<E: Entry, A: JsonSchema>(
    kind: Kind,
    path: &'static str,
    operation: &'static str,
    summary: &'static str,
) -> Rule {
    let documentation = Documentation::new(TAG, summary, Answers::<A>::MADE);
    let documentation = documentation.body(Content::json::<E>()).refuses(CREATED);
    rule(Endpoint::Create(kind), Verb::Post, path, operation, documentation)
}

const fn get<E: Entry>(
    kind: Kind,
    path: &'static str,
    operation: &'static str,
    summary: &'static str,
) -> Rule {
    let documentation = Documentation::new(TAG, summary, Answers::<Charted<E>>::ONE);
    rule(Endpoint::Get(kind), Verb::Get, path, operation, documentation.refuses(ABSENT))
}

const fn amend<E: Entry>(
    kind: Kind,
    path: &'static str,
    operation: &'static str,
    summary: &'static str,
) -> Rule {
    let documentation = Documentation::new(TAG, summary, Answers::<Charted<E>>::CHANGED)
        .body(Content::merge_patch::<E>())
        .headers(IF_MATCH)
        .refuses(AMENDED);
    rule(Endpoint::Amend(kind), Verb::Patch, path, operation, documentation)
}

const PROBLEMS: &str = "/api/v1/patients/{id}/problems";
const PROBLEM: &str = "/api/v1/patients/{id}/problems/{record}";
const ALLERGIES: &str = "/api/v1/patients/{id}/allergies";
const ALLERGY: &str = "/api/v1/patients/{id}/allergies/{record}";
const MEDICATIONS: &str = "/api/v1/patients/{id}/medications";
const MEDICATION: &str = "/api/v1/patients/{id}/medications/{record}";
const ENCOUNTERS: &str = "/api/v1/patients/{id}/encounters";
const ENCOUNTER: &str = "/api/v1/patients/{id}/encounters/{record}";
const NOTES: &str = "/api/v1/patients/{id}/notes";
const NOTE: &str = "/api/v1/patients/{id}/notes/{record}";
const VITAL_SIGNS: &str = "/api/v1/patients/{id}/vital-signs";
const VITAL_SIGNS_SET: &str = "/api/v1/patients/{id}/vital-signs/{record}";

pub(super) const RULES: &[Rule] = &[
    list::<Problem, Parameters>(Kind::Problem, PROBLEMS, "problem.list", "List a patient's problems"),
    create::<Problem, Charted<Problem>>(Kind::Problem, PROBLEMS, "problem.create", "Write a problem down"),
    get::<Problem>(Kind::Problem, PROBLEM, "problem.read", "Read a problem"),
    amend::<Problem>(Kind::Problem, PROBLEM, "problem.amend", "Change a problem"),
    list::<Allergy, Parameters>(Kind::Allergy, ALLERGIES, "allergy.list", "List a patient's allergies"),
    create::<Allergy, Charted<Allergy>>(Kind::Allergy, ALLERGIES, "allergy.create", "Write an allergy down"),
    get::<Allergy>(Kind::Allergy, ALLERGY, "allergy.read", "Read an allergy"),
    amend::<Allergy>(Kind::Allergy, ALLERGY, "allergy.amend", "Change an allergy"),
    list::<Medication, Parameters>(
        Kind::Medication,
        MEDICATIONS,
        "medication.list",
        "List a patient's medication",
    ),
    create::<Medication, Prescribed>(Kind::Medication, MEDICATIONS, "medication.create", "Prescribe"),
    get::<Medication>(Kind::Medication, MEDICATION, "medication.read", "Read a prescription"),
    amend::<Medication>(Kind::Medication, MEDICATION, "medication.amend", "Change a prescription"),
    list::<Encounter, DatedParameters>(
        Kind::Encounter,
        ENCOUNTERS,
        "encounter.list",
        "List a patient's encounters",
    ),
    create::<Encounter, Charted<Encounter>>(
        Kind::Encounter,
        ENCOUNTERS,
        "encounter.create",
        "Plan or begin an encounter",
    ),
    get::<Encounter>(Kind::Encounter, ENCOUNTER, "encounter.read", "Read an encounter"),
    amend::<Encounter>(Kind::Encounter, ENCOUNTER, "encounter.amend", "Change an encounter"),
    list::<Note, DatedParameters>(Kind::Note, NOTES, "note.list", "List a patient's notes"),
    create::<Note, Charted<Note>>(Kind::Note, NOTES, "note.create", "Write a note"),
    get::<Note>(Kind::Note, NOTE, "note.read", "Read a note"),
    amend::<Note>(Kind::Note, NOTE, "note.amend", "Change, sign or amend a note"),
    rule(
        Endpoint::ListVitalSigns,
        Verb::Get,
        VITAL_SIGNS,
        "vital_signs.list",
        Documentation::new(TAG, "List a patient's vital signs", Answers::<View>::PAGE)
            .query(Shape::of::<VitalSignsParameters>())
            .refuses(ABSENT),
    ),
    rule(
        Endpoint::CreateVitalSigns,
        Verb::Post,
        VITAL_SIGNS,
        "vital_signs.create",
        Documentation::new(TAG, "Write a set of vital signs down", Answers::<View>::MADE)
            .body(Content::json::<VitalSigns>())
            .refuses(CREATED),
    ),
    rule(
        Endpoint::GetVitalSigns,
        Verb::Get,
        VITAL_SIGNS_SET,
        "vital_signs.read",
        Documentation::new(TAG, "Read a set of vital signs", Answers::<View>::ONE).refuses(ABSENT),
    ),
    rule(
        Endpoint::AmendVitalSigns,
        Verb::Patch,
        VITAL_SIGNS_SET,
        "vital_signs.amend",
        Documentation::new(TAG, "Amend a set of vital signs", Answers::<View>::CHANGED)
            .body(Content::merge_patch::<VitalSigns>())
            .headers(IF_MATCH)
            .refuses(AMENDED),
    ),
    rule(
        Endpoint::VitalSignsHistory,
        Verb::Get,
        "/api/v1/patients/{id}/vital-signs/{record}/history",
        "vital_signs.history",
        Documentation::new(TAG, "Read the versions of a set of vital signs", Answers::<View>::PAGE)
            .query(Shape::of::<HistoryParameters>())
            .refuses(ABSENT),
    ),
    rule(
        Endpoint::LatestVitalSigns,
        Verb::Get,
        "/api/v1/patients/{id}/vital-signs/latest",
        "vital_signs.latest",
        Documentation::new(TAG, "Read the latest value of each measurement", Answers::<LatestVitalSigns>::BARE)
            .refuses(ABSENT),
    ),
    rule(
        Endpoint::VitalSignsTrend,
        Verb::Get,
        "/api/v1/patients/{id}/vital-signs/trend",
        "vital_signs.trend",
        Documentation::new(TAG, "Read the course of one measurement", Answers::<TrendPoint>::PAGE)
            .query(Shape::of::<TrendParameters>())
            .refuses(ABSENT),
    ),
    rule(
        Endpoint::Summary,
        Verb::Get,
        "/api/v1/patients/{id}/summary",
        "patient.summary",
        Documentation::new(TAG, "Read a patient at a glance", Answers::<Summary>::BARE)
            .describe(
                "Both databases must answer: where one does not, there is no summary (503), because one without the \
                 allergies could harm. `truncated` names the parts that are not complete.",
            )
            .refuses(ABSENT),
    ),
];
