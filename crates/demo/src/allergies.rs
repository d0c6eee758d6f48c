//! Allergies, and what they and other illnesses forbid.

use crate::chart::{Allergy, AllergyCategory, Concept, Severity};
use crate::drugs::Family;
use crate::random::Random;

/// An allergy that somebody can have.
struct Known {
    concept: Concept,
    category: AllergyCategory,
    /// How many of a thousand have it.
    per_mille: u32,
    dangerous: bool,
    forbids: Option<Family>,
    reactions: &'static [Concept],
}

const fn snomed(code: &'static str, text: &'static str) -> Concept {
    Concept { snomed: code, icd10: "", text }
}

const HIVES: Concept = snomed("126485001", "Urticaria");
const RASH: Concept = snomed("271807003", "Eruption of skin");
const ANAPHYLAXIS: Concept = snomed("39579001", "Anaphylaxis");
const RHINITIS: Concept = snomed("61582004", "Allergic rhinitis");
const SWELLING: Concept = snomed("41291007", "Angioedema");
const WHEEZING: Concept = snomed("56018004", "Wheezing");

const KNOWN: &[Known] = &[
    Known {
        concept: snomed("91936005", "Allergy to penicillin"),
        category: AllergyCategory::Medication,
        per_mille: 70,
        dangerous: true,
        forbids: Some(Family::Penicillin),
        reactions: &[HIVES, RASH, ANAPHYLAXIS],
    },
    Known {
        concept: snomed("91939003", "Allergy to sulfonamide"),
        category: AllergyCategory::Medication,
        per_mille: 22,
        dangerous: false,
        forbids: Some(Family::Sulfonamide),
        reactions: &[RASH, HIVES],
    },
    Known {
        concept: snomed("293586001", "Allergy to aspirin"),
        category: AllergyCategory::Medication,
        per_mille: 14,
        dangerous: true,
        forbids: Some(Family::Nsaid),
        reactions: &[WHEEZING, SWELLING],
    },
    Known {
        concept: snomed("418689008", "Allergy to grass pollen"),
        category: AllergyCategory::Environment,
        per_mille: 110,
        dangerous: false,
        forbids: None,
        reactions: &[RHINITIS],
    },
    Known {
        concept: snomed("232350006", "House dust mite allergy"),
        category: AllergyCategory::Environment,
        per_mille: 50,
        dangerous: false,
        forbids: None,
        reactions: &[RHINITIS, WHEEZING],
    },
    Known {
        concept: snomed("424213003", "Allergy to bee venom"),
        category: AllergyCategory::Environment,
        per_mille: 14,
        dangerous: true,
        forbids: None,
        reactions: &[SWELLING, ANAPHYLAXIS],
    },
    Known {
        concept: snomed("300916003", "Latex allergy"),
        category: AllergyCategory::Environment,
        per_mille: 9,
        dangerous: false,
        forbids: None,
        reactions: &[HIVES],
    },
    Known {
        concept: snomed("91935009", "Allergy to peanut"),
        category: AllergyCategory::Food,
        per_mille: 14,
        dangerous: true,
        forbids: None,
        reactions: &[ANAPHYLAXIS, HIVES],
    },
    Known {
        concept: snomed("91930004", "Allergy to eggs"),
        category: AllergyCategory::Food,
        per_mille: 9,
        dangerous: false,
        forbids: None,
        reactions: &[HIVES],
    },
];

/// That there is none.
pub const NONE_KNOWN: Concept = snomed("716186003", "No known allergy");

/// The allergies of somebody, recorded in this encounter, and what they forbid. One entry that says so, where there
/// are none.
pub(crate) fn of(random: &mut Random, encounter: usize) -> (Vec<Allergy>, Vec<Family>) {
    let (mut allergies, mut forbidden) = (Vec::new(), Vec::new());
    for known in KNOWN {
        if !random.chance(known.per_mille) {
            continue;
        }
        let reaction = *random.one_of(known.reactions);
        let severity = if reaction == ANAPHYLAXIS {
            Severity::Severe
        } else {
            *random.one_of(&[Severity::Mild, Severity::Moderate])
        };
        allergies.push(Allergy {
            concept: known.concept,
            category: Some(known.category),
            dangerous: known.dangerous,
            reaction: Some((reaction, severity)),
            encounter,
        });
        forbidden.extend(known.forbids);
    }
    if allergies.is_empty() {
        allergies.push(Allergy {
            concept: NONE_KNOWN,
            category: None,
            dangerous: false,
            reaction: None,
            encounter,
        });
    }
    (allergies, forbidden)
}

/// What an allergy with this SNOMED CT code, or an illness, forbids.
pub fn forbidden_by(code: &str) -> Option<Family> {
    match code {
        // Chronic kidney disease, heart failure, atrial fibrillation under anticoagulation.
        "709044004" | "84114007" | "49436004" => Some(Family::Nsaid),
        // Asthma.
        "195967001" => Some(Family::BetaBlocker),
        _ => KNOWN.iter().find(|known| known.concept.snomed == code).and_then(|known| known.forbids),
    }
}
