//! What is known of each resource type: its name, its number, and the database that it lives in.
//!
//! The 146 types are all concrete types of R4 4.0.1: every type but the abstract Resource and DomainResource.
//! Parameters and OperationOutcome are among them, though the specification gives them no endpoint of their
//! own: a server may store them, and nothing is gained by a hole in the table.

use std::fmt;

use kernel::Database;

use crate::definitions::{ALL, BY_NAME, NAMES, PATIENT_COMPARTMENT, ResourceType};

impl ResourceType {
    /// Every type, in order of number.
    pub fn all() -> impl ExactSizeIterator<Item = ResourceType> {
        ALL.iter().copied()
    }

    /// The number that stands in database keys, from 1. It never changes.
    pub const fn number(self) -> i16 {
        self as i16
    }

    /// The type with this number.
    pub fn from_number(number: i16) -> Option<ResourceType> {
        ALL.get(usize::try_from(number).ok()?.checked_sub(1)?).copied()
    }

    /// The name, as in `resourceType`.
    pub fn name(self) -> &'static str {
        NAMES[self.index()]
    }

    /// The type with this name; upper and lower case matter.
    pub fn from_name(name: &str) -> Option<ResourceType> {
        BY_NAME.binary_search_by(|candidate| candidate.name().cmp(name)).ok().map(|at| BY_NAME[at])
    }

    /// The position in tables by type.
    pub(crate) const fn index(self) -> usize {
        self as usize - 1
    }

    /// Whether the type is in the Patient compartment of R4.
    pub fn in_patient_compartment(self) -> bool {
        PATIENT_COMPARTMENT.contains(&self)
    }

    /// Whether resources of this type are data about patients: whether they live in `phi` or `clinical`.
    pub const fn is_patient_data(self) -> bool {
        !matches!(self.database(), Database::Auth)
    }

    /// The database in which resources of this type live.
    ///
    /// `auth` has the provider directory, definitions, terminology and configuration: what can refer to no
    /// patient. `phi` has who the patient is, what was agreed, paid and sent, and every container that may
    /// hold all of these (Binary, Bundle, Parameters, OperationOutcome, and Subscription, whose criteria may
    /// quote a name). `clinical` has the rest.
    pub const fn database(self) -> Database {
        use ResourceType::*;
        match self {
            // The provider directory.
            Endpoint
            | HealthcareService
            | Location
            | Organization
            | OrganizationAffiliation
            | Practitioner
            | PractitionerRole => Database::Auth,
            // Conformance, terminology and configuration.
            CapabilityStatement
            | CodeSystem
            | CompartmentDefinition
            | ConceptMap
            | ExampleScenario
            | GraphDefinition
            | ImplementationGuide
            | MessageDefinition
            | NamingSystem
            | OperationDefinition
            | SearchParameter
            | StructureDefinition
            | StructureMap
            | TerminologyCapabilities
            | TestReport
            | TestScript
            | ValueSet => Database::Auth,
            // Definitions of what can be done, measured, asked, sold or prescribed.
            ActivityDefinition
            | CatalogEntry
            | ChargeItemDefinition
            | DeviceDefinition
            | EffectEvidenceSynthesis
            | EventDefinition
            | Evidence
            | EvidenceVariable
            | InsurancePlan
            | Library
            | Measure
            | MedicationKnowledge
            | MedicinalProduct
            | MedicinalProductAuthorization
            | MedicinalProductContraindication
            | MedicinalProductIndication
            | MedicinalProductIngredient
            | MedicinalProductInteraction
            | MedicinalProductManufactured
            | MedicinalProductPackaged
            | MedicinalProductPharmaceutical
            | MedicinalProductUndesirableEffect
            | ObservationDefinition
            | PlanDefinition
            | Questionnaire
            | ResearchDefinition
            | ResearchElementDefinition
            | RiskEvidenceSynthesis
            | SpecimenDefinition
            | SubstanceNucleicAcid
            | SubstancePolymer
            | SubstanceProtein
            | SubstanceReferenceInformation
            | SubstanceSourceMaterial
            | SubstanceSpecification => Database::Auth,

            // Who the patient is, and who stands by the patient.
            Patient | Person | RelatedPerson | VerificationResult => Database::Phi,
            // What was agreed, and who pays.
            Account
            | ChargeItem
            | Claim
            | ClaimResponse
            | Consent
            | Contract
            | Coverage
            | CoverageEligibilityRequest
            | CoverageEligibilityResponse
            | EnrollmentRequest
            | EnrollmentResponse
            | ExplanationOfBenefit
            | Invoice
            | PaymentNotice
            | PaymentReconciliation => Database::Phi,
            // Messages, documents, and containers of anything.
            Binary | Bundle | Communication | CommunicationRequest | DocumentManifest | DocumentReference
            | MessageHeader | OperationOutcome | Parameters | Subscription => Database::Phi,

            // Stays, visits and appointments.
            Appointment | AppointmentResponse | Encounter | EpisodeOfCare | Flag | Schedule | Slot => {
                Database::Clinical
            }
            // What was found, thought and done.
            AdverseEvent
            | AllergyIntolerance
            | BodyStructure
            | ClinicalImpression
            | Composition
            | Condition
            | DetectedIssue
            | DiagnosticReport
            | FamilyMemberHistory
            | GuidanceResponse
            | ImagingStudy
            | Immunization
            | ImmunizationEvaluation
            | ImmunizationRecommendation
            | Media
            | MolecularSequence
            | Observation
            | Procedure
            | QuestionnaireResponse
            | RiskAssessment
            | Specimen => Database::Clinical,
            // What is planned, ordered, given and supplied.
            CarePlan
            | CareTeam
            | DeviceRequest
            | DeviceUseStatement
            | Goal
            | Medication
            | MedicationAdministration
            | MedicationDispense
            | MedicationRequest
            | MedicationStatement
            | NutritionOrder
            | RequestGroup
            | ServiceRequest
            | SupplyDelivery
            | SupplyRequest
            | Task
            | VisionPrescription => Database::Clinical,
            // Things used on or taken from patients.
            BiologicallyDerivedProduct | Device | DeviceMetric | Substance => Database::Clinical,
            // What ties records together, and what anyone may extend.
            AuditEvent | Basic | Group | Linkage | List | MeasureReport | Provenance | ResearchStudy
            | ResearchSubject => Database::Clinical,
        }
    }
}

impl fmt::Display for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for ResourceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::main_patient;

    #[test]
    fn there_are_146_types_and_names_and_numbers_lead_back_to_them() {
        assert_eq!(ResourceType::all().len(), 146);
        for (index, resource_type) in ResourceType::all().enumerate() {
            assert_eq!(resource_type.index(), index);
            assert_eq!(ResourceType::from_name(resource_type.name()), Some(resource_type));
            assert_eq!(ResourceType::from_number(resource_type.number()), Some(resource_type));
        }
        for name in ["", "patient", "Resource", "DomainResource", "Zebra", "Patients"] {
            assert_eq!(ResourceType::from_name(name), None);
        }
        for number in [i16::MIN, -1, 0, 147, i16::MAX] {
            assert_eq!(ResourceType::from_number(number), None);
        }
    }

    #[test]
    fn numbers_that_stand_in_keys_have_not_moved() {
        let known = [
            ("Account", 1),
            ("Encounter", 44),
            ("Observation", 96),
            ("Patient", 103),
            ("VisionPrescription", 146),
        ];
        for (name, number) in known {
            assert_eq!(ResourceType::from_name(name).map(ResourceType::number), Some(number), "{name}");
        }
    }

    #[test]
    fn no_type_that_names_a_patient_lives_in_auth() {
        for resource_type in ResourceType::all().filter(|t| t.database() == Database::Auth) {
            assert!(!resource_type.in_patient_compartment(), "{resource_type} is in the compartment");
            assert!(main_patient(resource_type).paths.is_empty(), "{resource_type} has a patient");
            assert!(!resource_type.is_patient_data());
        }
    }

    #[test]
    fn the_compartment_has_the_66_types_that_the_specification_lists() {
        assert_eq!(ResourceType::all().filter(|t| t.in_patient_compartment()).count(), 66);
    }

    #[test]
    fn each_database_has_what_the_house_says() {
        use ResourceType::*;
        for (resource_type, database) in [
            (Organization, Database::Auth),
            (Practitioner, Database::Auth),
            (Questionnaire, Database::Auth),
            (ValueSet, Database::Auth),
            (Patient, Database::Phi),
            (Coverage, Database::Phi),
            (Invoice, Database::Phi),
            (DocumentReference, Database::Phi),
            (Encounter, Database::Clinical),
            (Observation, Database::Clinical),
            (Provenance, Database::Clinical),
            (Group, Database::Clinical),
        ] {
            assert_eq!(resource_type.database(), database, "{resource_type}");
        }
    }
}
