//! The Bundles that are loaded: Synthea's from the test data, or invented ones where there is none.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use fhir::reference::Reference;
use flate2::read::GzDecoder;
use serde_json::Value;

use super::error::BenchError;
use super::invented;

/// Bundles to post, in this order.
pub struct Data {
    /// What they are, for a person.
    pub origin: String,
    /// Hospitals and practitioners, to which the others refer; not measured.
    pub shared: Vec<Bytes>,
    /// One patient each, with conditional references to what is shared.
    pub patients: Vec<Bytes>,
    /// One patient each, with organizations and practitioners of their own. Some of Synthea's are the shared ones once
    /// more, posted without a condition: from then on a conditional reference to one of them has two matches and is
    /// refused. So these come last.
    pub standalone: Vec<Bytes>,
}

impl Data {
    /// Reads `synthea/shared` and `synthea/dev` of this folder; invents this many patients where it has none.
    ///
    /// # Errors
    /// [`BenchError::File`] where a file is there and cannot be read.
    pub fn load(folder: &Path, invented_patients: u16) -> Result<Data, BenchError> {
        let synthea = folder.join("synthea");
        let patients = bundles(&synthea.join("dev"))?;
        if patients.is_empty() {
            return Ok(Data {
                origin: format!(
                    "{invented_patients} invented patients, because there is no test data in {} \
                     (--data or SALUS_TEST_DATA names its folder)",
                    folder.display()
                ),
                shared: vec![invented::shared()],
                patients: (0..invented_patients).map(invented::patient).collect(),
                standalone: Vec::new(),
            });
        }
        let origin = format!("{} Synthea patients of {}", patients.len(), folder.display());
        let (patients, standalone) = patients.into_iter().partition(|bundle| refers_by_condition(bundle));
        Ok(Data { origin, shared: bundles(&synthea.join("shared"))?, patients, standalone })
    }

    /// Every patient's Bundle, in an order in which all can be posted.
    pub fn all_patients(&self) -> impl Iterator<Item = &Bytes> {
        self.patients.iter().chain(&self.standalone)
    }
}

/// Whether a resource of this Bundle refers to another by what it says; not where the Bundle cannot be read.
fn refers_by_condition(bundle: &[u8]) -> bool {
    let Ok(bundle) = fhir::bundle::parse(bundle) else { return false };
    bundle.entries.iter().filter_map(|entry| entry.resource).any(|raw| {
        serde_json::from_str::<Value>(raw.get()).is_ok_and(|resource| {
            let references = fhir::reference::references(&resource);
            references
                .into_iter()
                .any(|(_, text)| matches!(Reference::parse(text), Reference::Conditional { .. }))
        })
    })
}

/// The gzipped Bundles of a folder in the order of their names; none where there is no such folder.
fn bundles(folder: &Path) -> Result<Vec<Bytes>, BenchError> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".json.gz"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let mut text = Vec::new();
            let read = fs::File::open(&path).and_then(|file| GzDecoder::new(file).read_to_end(&mut text));
            match read {
                Ok(_) => Ok(Bytes::from(text)),
                Err(source) => Err(BenchError::File { path, source }),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn without_test_data_patients_are_invented_and_that_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::load(folder.path(), 3).unwrap();
        assert_eq!((data.shared.len(), data.patients.len()), (1, 3));
        assert!(data.origin.contains("invented") && data.origin.contains(folder.path().to_str().unwrap()));
    }

    #[test]
    fn bundles_with_conditional_references_come_before_those_that_stand_alone() {
        let folder = tempfile::tempdir().unwrap();
        let dev = folder.path().join("synthea/dev");
        fs::create_dir_all(&dev).unwrap();
        let [conditional, standalone] = ["Organization?identifier=1", "Organization/1"].map(|reference| {
            let resource = serde_json::json!({
                "resourceType": "Encounter", "serviceProvider": { "reference": reference },
            });
            let entry = serde_json::json!({
                "resource": resource, "request": { "method": "POST", "url": "Encounter" },
            });
            serde_json::json!({ "resourceType": "Bundle", "type": "transaction", "entry": [entry] })
                .to_string()
        });
        for (name, text) in [("c", &conditional), ("b", &standalone), ("a", &conditional)] {
            let file = fs::File::create(dev.join(format!("{name}.json.gz"))).unwrap();
            let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
            gzip.write_all(text.as_bytes()).unwrap();
            gzip.finish().unwrap();
        }
        fs::write(dev.join("LICENSE"), "text").unwrap();
        let data = Data::load(folder.path(), 3).unwrap();
        assert_eq!(data.patients, [&conditional, &conditional].map(|text| Bytes::from(text.clone())));
        assert_eq!(data.standalone, [Bytes::from(standalone)]);
        assert!(data.all_patients().eq(data.patients.iter().chain(&data.standalone)));
        assert!(data.shared.is_empty() && !data.origin.contains("invented"));
        fs::write(dev.join("d.json.gz"), "not gzip").unwrap();
        assert!(matches!(Data::load(folder.path(), 3), Err(BenchError::File { .. })));
    }
}
