//! From definitions to tables.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::fhirpath::{self, Branch};
use crate::source::{Source, Structure};

/// The search parameters that are compiled, with their stable numbers. Append only.
pub const CODES: [(&str, u16); 16] = [
    ("identifier", 1),
    ("patient", 2),
    ("subject", 3),
    ("encounter", 4),
    ("code", 5),
    ("category", 6),
    ("status", 7),
    ("date", 8),
    ("name", 9),
    ("family", 10),
    ("given", 11),
    ("birthdate", 12),
    ("gender", 13),
    ("active", 14),
    ("clinical-status", 15),
    ("verification-status", 16),
];

/// The code system of a boolean (R4 search, 3.1.1.4.10).
const BOOLEANS: &str = "http://terminology.hl7.org/CodeSystem/special-values";

/// Everything that is written.
pub struct Tables {
    /// One row per concrete resource type, in order of number.
    pub types: Vec<Type>,
}

/// A resource type.
pub struct Type {
    pub name: String,
    pub number: u16,
    /// Whether it has the elements of DomainResource.
    pub domain: bool,
    /// JSON names of its own elements that may have a `_` sibling.
    pub primitive: Vec<String>,
    /// JSON names of its other own elements.
    pub complex: Vec<String>,
    /// Whether it is in the Patient compartment.
    pub in_compartment: bool,
    pub parameters: Vec<Parameter>,
    pub patient: Option<MainPatient>,
}

/// Where the patient is whom a resource is about.
pub struct MainPatient {
    pub paths: Vec<Vec<String>>,
    /// Whether there can be only one.
    pub single: bool,
}

/// A search parameter on one type.
pub struct Parameter {
    pub code: &'static str,
    pub kind: &'static str,
    /// What it may refer to; empty where that is anything.
    pub targets: Vec<String>,
    /// The one code system of its values, where they are bare codes.
    pub code_system: Option<String>,
    pub paths: Vec<Path>,
}

/// A compiled path.
#[derive(PartialEq, Eq)]
pub struct Path {
    pub steps: Vec<String>,
    pub end: End,
}

/// What stands at the end of a path.
#[derive(Clone, PartialEq, Eq)]
pub enum End {
    /// A variant of the crate's `End` without data.
    Plain(&'static str),
    /// A reference to this type only.
    ReferenceTo(String),
}

/// An element as a path reaches it.
struct Reached {
    steps: Vec<String>,
    kind: String,
    targets: Vec<String>,
    system: Option<String>,
    single: bool,
}

impl Tables {
    /// How many rows the parameter tables have.
    pub fn parameter_count(&self) -> usize {
        self.types.iter().map(|t| t.parameters.len()).sum()
    }
}

/// Compiles everything. `numbers` are the numbers given to resource types before.
pub fn tables(source: &Source, numbers: &BTreeMap<String, u16>) -> Result<Tables, String> {
    let mut next = numbers.values().max().map_or(1, |n| n + 1);
    let mut types = Vec::new();
    for (name, structure) in source.structures.iter().filter(|(_, s)| s.resource && !s.is_abstract) {
        let number = numbers.get(name).copied().unwrap_or_else(|| {
            next += 1;
            next - 1
        });
        types.push(compile_type(source, name, number, structure)?);
    }
    types.sort_by_key(|t| t.number);
    Ok(Tables { types })
}

fn compile_type(source: &Source, name: &str, number: u16, structure: &Structure) -> Result<Type, String> {
    let (mut primitive, mut complex) = (Vec::new(), Vec::new());
    for (path, element) in &structure.elements {
        let Some(own) = path.strip_prefix(name).and_then(|p| p.strip_prefix('.')) else { continue };
        let base = element["base"]["path"].as_str().unwrap_or_default();
        if own.contains('.') || base.starts_with("Resource.") || base.starts_with("DomainResource.") {
            continue;
        }
        if element["contentReference"].is_string() {
            complex.push(own.to_owned());
        }
        for kind in type_codes(element) {
            let json = own.strip_suffix("[x]").map_or(own.to_owned(), |stem| choice(stem, kind));
            match kind.starts_with(|c: char| c.is_ascii_lowercase()) {
                true => primitive.push(json),
                false => complex.push(json),
            }
        }
    }
    primitive.sort();
    complex.sort();
    let mut parameters = Vec::new();
    for (code, _) in CODES {
        parameters.extend(compile_parameter(source, name, code)?.map(|(parameter, _)| parameter));
    }
    Ok(Type {
        name: name.to_owned(),
        number,
        domain: structure.domain,
        primitive,
        complex,
        in_compartment: source.compartment.contains_key(name),
        parameters,
        patient: main_patient(source, name)?,
    })
}

/// The parameter `patient`, else `subject`, else what puts the type into the Patient compartment, as far as
/// it can refer to a Patient. A Patient is not about another patient, and a Group is about no one patient.
fn main_patient(source: &Source, name: &str) -> Result<Option<MainPatient>, String> {
    if matches!(name, "Patient" | "Group") {
        return Ok(None);
    }
    let mut candidates = vec!["patient".to_owned(), "subject".to_owned()];
    candidates.extend(source.compartment.get(name).into_iter().flatten().cloned());
    for code in candidates {
        let Some((_, reached)) = compile_parameter(source, name, &code)? else { continue };
        let reached: Vec<_> = reached
            .into_iter()
            .filter(|r| r.targets.is_empty() || r.targets.iter().any(|t| t == "Patient"))
            .collect();
        if !reached.is_empty() {
            let single = reached.len() == 1 && reached[0].single;
            return Ok(Some(MainPatient { paths: reached.into_iter().map(|r| r.steps).collect(), single }));
        }
    }
    Ok(None)
}

fn compile_parameter(
    source: &Source,
    name: &str,
    code: &str,
) -> Result<Option<(Parameter, Vec<Reached>)>, String> {
    let on_type =
        |p: &&Value| p["code"] == code && p["base"].as_array().is_some_and(|b| b.iter().any(|t| t == name));
    let mut found = source.parameters.values().filter(on_type);
    let Some(definition) = found.next() else { return Ok(None) };
    if let Some(other) = found.next() {
        return Err(format!("{name} has two parameters `{code}`: {} and {}", definition["id"], other["id"]));
    }
    let fail = |what: String| format!("{}: on {name}: {what}", definition["id"]);
    let kind = match definition["type"].as_str().unwrap_or_default() {
        "token" => "Token",
        "date" => "Date",
        "string" => "String",
        "reference" => "Reference",
        other => return Err(fail(format!("parameters of type {other} are not compiled"))),
    };
    let allowed: BTreeSet<&str> =
        definition["target"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let (mut paths, mut ends, mut targets, mut any, mut systems) =
        (Vec::new(), Vec::new(), BTreeSet::new(), false, BTreeSet::new());
    for branch in fhirpath::parse(definition["expression"].as_str().unwrap_or_default()).map_err(fail)? {
        let Branch { steps, cast, resolves_to } = branch;
        let steps = match steps[0].starts_with(|c: char| c.is_ascii_uppercase()) {
            true if steps[0] == name => &steps[1..],
            true => continue,
            false => &steps[..],
        };
        let mut reached = reach(source, name, steps).map_err(fail)?;
        if let Some(cast) = &cast {
            reached.retain(|r| r.kind == *cast);
        }
        if reached.is_empty() {
            return Err(fail("a branch reaches nothing".to_owned()));
        }
        for mut one in reached {
            let Some(end) = end(kind, &one, resolves_to.as_deref()).map_err(fail)? else { continue };
            if kind == "Reference" {
                match &resolves_to {
                    Some(only) => one.targets = vec![only.clone()],
                    None if one.targets.is_empty() && allowed.len() > 100 => any = true,
                    None if one.targets.is_empty() => {
                        one.targets = allowed.iter().map(|t| t.to_string()).collect()
                    }
                    None => one.targets.retain(|t| allowed.contains(t.as_str())),
                }
                targets.extend(one.targets.iter().cloned());
            }
            systems.insert(one.system.clone());
            paths.push(Path { steps: one.steps.clone(), end });
            ends.push(one);
        }
    }
    if paths.is_empty() {
        return Err(fail("no branch is about this type".to_owned()));
    }
    // Whatever a parameter named `patient` may also reach, an id without a type means a Patient.
    let targets = match (code, any) {
        ("patient", _) => vec!["Patient".to_owned()],
        (_, true) => Vec::new(),
        _ => targets.into_iter().collect(),
    };
    let code_system = match systems.len() {
        1 => systems.into_iter().next().flatten(),
        _ => None,
    };
    // Only one of CODES is ever written; the name of another, for the main patient, is not needed.
    let code = CODES.iter().find(|(c, _)| *c == code).map_or("", |(c, _)| c);
    Ok(Some((Parameter { code, kind, targets, code_system, paths }, ends)))
}

/// What a path's end is to a parameter; none where the type of a choice cannot be searched by such a
/// parameter (a `date` parameter does not see the string of `Immunization.occurrence[x]`).
fn end(kind: &str, reached: &Reached, resolves_to: Option<&str>) -> Result<Option<End>, String> {
    let plain = |name| Ok(Some(End::Plain(name)));
    match (kind, reached.kind.as_str()) {
        ("Token", "Identifier") => plain("Identifier"),
        ("Token", "CodeableConcept") => plain("CodeableConcept"),
        ("Token", "Coding") => plain("Coding"),
        ("Token", "code") => plain("Code"),
        ("Token", "boolean") => plain("Boolean"),
        ("Date", "date" | "dateTime" | "instant") => plain("Date"),
        ("Date", "Period") => plain("Period"),
        ("Date", "Timing") => plain("Timing"),
        ("Date", "string" | "Age" | "Range") => Ok(None),
        ("String", "HumanName") => plain("HumanName"),
        ("String", "string") => plain("Text"),
        ("Reference", "Reference") => match resolves_to {
            Some(only) => Ok(Some(End::ReferenceTo(only.to_owned()))),
            None => plain("Reference"),
        },
        (kind, other) => Err(format!("a {kind} parameter ends in {other}, which is not compiled")),
    }
}

/// Follows a path through the definitions; a choice at the end gives one result per type.
fn reach(source: &Source, name: &str, steps: &[String]) -> Result<Vec<Reached>, String> {
    let mut structure = source.structures.get(name).ok_or(format!("no definition of {name}"))?;
    let mut prefix = name.to_owned();
    let mut json: Vec<String> = Vec::new();
    let mut single = true;
    for (index, step) in steps.iter().enumerate() {
        let last = index + 1 == steps.len();
        let plain = structure.elements.get(&format!("{prefix}.{step}"));
        let choice_of = structure.elements.get(&format!("{prefix}.{step}[x]"));
        let (element, is_choice) = plain
            .map(|e| (e, false))
            .or(choice_of.map(|e| (e, true)))
            .ok_or(format!("no element {prefix}.{step}"))?;
        single &= element["max"] == "1";
        if last {
            let mut reached = Vec::new();
            for kind in type_codes(element) {
                let mut steps = json.clone();
                steps.push(if is_choice { choice(step, kind) } else { step.clone() });
                let (kind, targets) = (kind.to_owned(), targets(element, kind));
                let system = match kind.as_str() {
                    "code" => bound_system(source, element),
                    "boolean" => Some(BOOLEANS.to_owned()),
                    _ => None,
                };
                reached.push(Reached { steps, kind, targets, system, single });
            }
            return Ok(reached);
        }
        if is_choice {
            return Err(format!("{prefix}.{step} is a choice in the middle of a path"));
        }
        json.push(step.clone());
        let path = format!("{prefix}.{step}");
        match (element["contentReference"].as_str(), type_codes(element).first()) {
            (Some(other), _) => prefix = other.trim_start_matches('#').to_owned(),
            (None, Some(&("BackboneElement" | "Element"))) => prefix = path,
            (None, Some(datatype)) => {
                structure = source.structures.get(*datatype).ok_or(format!("no definition of {datatype}"))?;
                prefix = (*datatype).to_owned();
            }
            (None, None) => return Err(format!("{path} has no type")),
        }
    }
    Err("an empty path".to_owned())
}

/// The code system of a code with a required binding, where the value set draws on one system only.
fn bound_system(source: &Source, element: &Value) -> Option<String> {
    if element["binding"]["strength"] != "required" {
        return None;
    }
    let url = element["binding"]["valueSet"].as_str()?.split('|').next()?;
    let compose = &source.value_sets.get(url)?["compose"];
    let includes = compose["include"].as_array()?;
    let systems: BTreeSet<_> = includes.iter().map(|i| i["system"].as_str()).collect();
    let plain = includes.iter().all(|i| i["valueSet"].is_null());
    match (systems.len(), plain) {
        (1, true) => systems.into_iter().next()?.map(str::to_owned),
        _ => None,
    }
}

fn type_codes(element: &Value) -> Vec<&str> {
    element["type"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|t| t["code"].as_str())
        .map(|c| if c.starts_with("http://hl7.org/fhirpath/System.") { "string" } else { c })
        .collect()
}

/// What a Reference may refer to; empty where that is anything.
fn targets(element: &Value, kind: &str) -> Vec<String> {
    let kinds = element["type"].as_array().into_iter().flatten();
    let profiles =
        kinds.filter(|t| t["code"] == kind).flat_map(|t| t["targetProfile"].as_array().into_iter().flatten());
    let names: BTreeSet<_> =
        profiles.filter_map(|p| p.as_str()?.rsplit('/').next()).map(str::to_owned).collect();
    if names.contains("Resource") { Vec::new() } else { names.into_iter().collect() }
}

fn choice(stem: &str, kind: &str) -> String {
    let mut name = stem.to_owned();
    let mut letters = kind.chars();
    name.extend(letters.next().map(|c| c.to_ascii_uppercase()));
    name.push_str(letters.as_str());
    name
}
