//! Reads the official definitions.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

/// The definitions that the tables are made from.
#[derive(Default)]
pub struct Source {
    /// StructureDefinitions of resources and datatypes that are no profiles, by type.
    pub structures: BTreeMap<String, Structure>,
    /// SearchParameters, by id.
    pub parameters: BTreeMap<String, Value>,
    /// ValueSets, by canonical URL.
    pub value_sets: BTreeMap<String, Value>,
    /// The search parameters that put a resource into the Patient compartment, by type.
    pub compartment: BTreeMap<String, Vec<String>>,
}

/// One StructureDefinition.
pub struct Structure {
    /// Whether it is a resource, not a datatype.
    pub resource: bool,
    /// Whether it is abstract (Resource, DomainResource, Element).
    pub is_abstract: bool,
    /// Whether it is derived from DomainResource.
    pub domain: bool,
    /// The elements of the snapshot, by path, in order of path.
    pub elements: BTreeMap<String, Value>,
}

impl Source {
    /// Reads every `.json` and `.json.gz` file of a folder.
    pub fn read(folder: &Path) -> Result<Source, Box<dyn Error>> {
        let mut source = Source::default();
        let mut paths: Vec<_> =
            std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
        paths.sort();
        for path in paths {
            let name = path.to_string_lossy();
            let mut bytes = Vec::new();
            if name.ends_with(".json.gz") {
                MultiGzDecoder::new(File::open(&path)?).read_to_end(&mut bytes)?;
            } else if name.ends_with(".json") {
                File::open(&path)?.read_to_end(&mut bytes)?;
            } else {
                continue;
            }
            let value: Value = serde_json::from_slice(&bytes).map_err(|error| format!("{name}: {error}"))?;
            match value["entry"].as_array() {
                Some(entries) if value["resourceType"] == "Bundle" => {
                    entries.iter().for_each(|entry| source.take(&entry["resource"]));
                }
                _ => source.take(&value),
            }
        }
        match source.structures.is_empty() || source.parameters.is_empty() {
            true => Err("no StructureDefinitions or no SearchParameters in that folder".into()),
            false => Ok(source),
        }
    }

    fn take(&mut self, resource: &Value) {
        let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
        match text("resourceType").as_str() {
            "StructureDefinition" if text("derivation") != "constraint" => {
                let elements = resource["snapshot"]["element"].as_array().into_iter().flatten();
                let structure = Structure {
                    resource: resource["kind"] == "resource",
                    is_abstract: resource["abstract"] == true,
                    domain: text("baseDefinition").ends_with("/DomainResource"),
                    elements: elements
                        .map(|e| (e["path"].as_str().unwrap_or_default().to_owned(), e.clone()))
                        .collect(),
                };
                self.structures.insert(text("type"), structure);
            }
            // The examples of SearchParameter are in the same packages, under the same addresses.
            "SearchParameter" if !text("id").starts_with("example") => {
                self.parameters.insert(text("id"), resource.clone());
            }
            "ValueSet" => {
                self.value_sets.insert(text("url"), resource.clone());
            }
            "CompartmentDefinition" if text("code") == "Patient" && text("id") == "patient" => {
                for row in resource["resource"].as_array().into_iter().flatten() {
                    let parameters: Vec<_> = row["param"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(|p| p.as_str().map(str::to_owned))
                        .collect();
                    if !parameters.is_empty() {
                        self.compartment
                            .insert(row["code"].as_str().unwrap_or_default().to_owned(), parameters);
                    }
                }
            }
            _ => {}
        }
    }
}
