//! Drugs and how they are taken.

use crate::chart::Frequency::{
    AsNeeded, EveryEightHours, FourTimesDaily, OnceDaily, ThreeTimesDaily, TwiceDaily, Weekly,
};
use crate::chart::{Frequency, Route};

/// What an allergy or an illness can forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Penicillins.
    Penicillin,
    /// Non-steroidal anti-inflammatory drugs, acetylsalicylic acid among them.
    Nsaid,
    /// Sulfonamides.
    Sulfonamide,
    /// Beta blockers, which asthma forbids.
    BetaBlocker,
    /// Nothing that matters here.
    Other,
}

/// A drug: its code in ATC, its name, its family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drug {
    /// The code of the Anatomical Therapeutic Chemical classification.
    pub atc: &'static str,
    /// The international name.
    pub name: &'static str,
    /// What can forbid it.
    pub family: Family,
}

/// A drug as it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regimen {
    /// What.
    pub drug: Drug,
    /// How much, as a decimal.
    pub dose: &'static str,
    /// Of which unit (UCUM).
    pub unit: &'static str,
    /// How.
    pub route: Route,
    /// How often.
    pub frequency: Frequency,
}

const fn drug(atc: &'static str, name: &'static str) -> Drug {
    Drug { atc, name, family: Family::Other }
}

const fn of(family: Family, atc: &'static str, name: &'static str) -> Drug {
    Drug { atc, name, family }
}

const fn by(
    route: Route,
    drug: Drug,
    dose: &'static str,
    unit: &'static str,
    frequency: Frequency,
) -> Regimen {
    Regimen { drug, dose, unit, route, frequency }
}

const fn oral(drug: Drug, milligrams: &'static str, frequency: Frequency) -> Regimen {
    by(Route::Oral, drug, milligrams, "mg", frequency)
}

const fn puff(drug: Drug, micrograms: &'static str, frequency: Frequency) -> Regimen {
    by(Route::Inhaled, drug, micrograms, "ug", frequency)
}

const fn vein(drug: Drug, milligrams: &'static str, frequency: Frequency) -> Regimen {
    by(Route::Intravenous, drug, milligrams, "mg", frequency)
}

// Heart and vessels.
pub(crate) const AMLODIPINE: Regimen = oral(drug("C08CA01", "amlodipine"), "5", OnceDaily);
pub(crate) const LISINOPRIL: Regimen = oral(drug("C09AA03", "lisinopril"), "10", OnceDaily);
pub(crate) const LOSARTAN: Regimen = oral(drug("C09CA01", "losartan"), "50", OnceDaily);
pub(crate) const BISOPROLOL: Regimen = oral(of(Family::BetaBlocker, "C07AB07", "bisoprolol"), "5", OnceDaily);
pub(crate) const FUROSEMIDE: Regimen = oral(drug("C03CA01", "furosemide"), "40", OnceDaily);
pub(crate) const SPIRONOLACTONE: Regimen = oral(drug("C03DA01", "spironolactone"), "25", OnceDaily);
pub(crate) const ATORVASTATIN: Regimen = oral(drug("C10AA05", "atorvastatin"), "40", OnceDaily);
pub(crate) const ROSUVASTATIN: Regimen = oral(drug("C10AA07", "rosuvastatin"), "10", OnceDaily);
pub(crate) const ASPIRIN: Regimen =
    oral(of(Family::Nsaid, "B01AC06", "acetylsalicylic acid"), "75", OnceDaily);
pub(crate) const CLOPIDOGREL: Regimen = oral(drug("B01AC04", "clopidogrel"), "75", OnceDaily);
pub(crate) const APIXABAN: Regimen = oral(drug("B01AF02", "apixaban"), "5", TwiceDaily);
pub(crate) const RIVAROXABAN: Regimen = oral(drug("B01AF01", "rivaroxaban"), "20", OnceDaily);
pub(crate) const ENOXAPARIN: Regimen =
    by(Route::Subcutaneous, drug("B01AB05", "enoxaparin"), "40", "mg", OnceDaily);
// Metabolism.
pub(crate) const METFORMIN: Regimen = oral(drug("A10BA02", "metformin"), "850", TwiceDaily);
pub(crate) const EMPAGLIFLOZIN: Regimen = oral(drug("A10BK03", "empagliflozin"), "10", OnceDaily);
pub(crate) const GLARGINE: Regimen =
    by(Route::Subcutaneous, drug("A10AE04", "insulin glargine"), "14", "[iU]", OnceDaily);
pub(crate) const LEVOTHYROXINE: Regimen =
    by(Route::Oral, drug("H03AA01", "levothyroxine"), "75", "ug", OnceDaily);
pub(crate) const ALLOPURINOL: Regimen = oral(drug("M04AA01", "allopurinol"), "100", OnceDaily);
pub(crate) const COLECALCIFEROL: Regimen =
    by(Route::Oral, drug("A11CC05", "colecalciferol"), "800", "[iU]", OnceDaily);
pub(crate) const ALENDRONATE: Regimen = oral(drug("M05BA04", "alendronic acid"), "70", Weekly);
pub(crate) const IRON: Regimen = oral(drug("B03AA07", "ferrous sulfate"), "200", OnceDaily);
// Lungs and nose.
pub(crate) const SALBUTAMOL: Regimen = puff(drug("R03AC02", "salbutamol"), "100", AsNeeded);
pub(crate) const BUDESONIDE: Regimen = puff(drug("R03BA02", "budesonide"), "200", TwiceDaily);
pub(crate) const BUDESONIDE_FORMOTEROL: Regimen =
    puff(drug("R03AK07", "formoterol and budesonide"), "160", TwiceDaily);
pub(crate) const TIOTROPIUM: Regimen = puff(drug("R03BB04", "tiotropium bromide"), "18", OnceDaily);
pub(crate) const PREDNISOLONE: Regimen = oral(drug("H02AB06", "prednisolone"), "40", OnceDaily);
// Mind and nerves.
pub(crate) const SERTRALINE: Regimen = oral(drug("N06AB06", "sertraline"), "50", OnceDaily);
pub(crate) const ESCITALOPRAM: Regimen = oral(drug("N06AB10", "escitalopram"), "10", OnceDaily);
pub(crate) const LEVETIRACETAM: Regimen = oral(drug("N03AX14", "levetiracetam"), "500", TwiceDaily);
pub(crate) const LAMOTRIGINE: Regimen = oral(drug("N03AX09", "lamotrigine"), "100", TwiceDaily);
pub(crate) const SUMATRIPTAN: Regimen = oral(drug("N02CC01", "sumatriptan"), "50", AsNeeded);
// Stomach, bladder, skin.
pub(crate) const OMEPRAZOLE: Regimen = oral(drug("A02BC01", "omeprazole"), "20", OnceDaily);
pub(crate) const PANTOPRAZOLE: Regimen = oral(drug("A02BC02", "pantoprazole"), "40", OnceDaily);
pub(crate) const ONDANSETRON: Regimen = oral(drug("A04AA01", "ondansetron"), "4", AsNeeded);
pub(crate) const TAMSULOSIN: Regimen = oral(drug("G04CA02", "tamsulosin"), "0.4", OnceDaily);
pub(crate) const HYDROCORTISONE: Regimen =
    by(Route::Topical, drug("D07AA02", "hydrocortisone"), "1", "g", TwiceDaily);
pub(crate) const CHLORAMPHENICOL: Regimen =
    by(Route::Ophthalmic, drug("S01AA01", "chloramphenicol"), "1", "[drp]", FourTimesDaily);
// Pain and fever.
pub(crate) const PARACETAMOL: Regimen = oral(drug("N02BE01", "paracetamol"), "500", AsNeeded);
pub(crate) const PARACETAMOL_REGULAR: Regimen = oral(drug("N02BE01", "paracetamol"), "1000", ThreeTimesDaily);
pub(crate) const IBUPROFEN: Regimen = oral(of(Family::Nsaid, "M01AE01", "ibuprofen"), "400", ThreeTimesDaily);
pub(crate) const NAPROXEN: Regimen = oral(of(Family::Nsaid, "M01AE02", "naproxen"), "500", TwiceDaily);
pub(crate) const TRAMADOL: Regimen = oral(drug("N02AX02", "tramadol"), "50", ThreeTimesDaily);
// Infections.
pub(crate) const AMOXICILLIN: Regimen =
    oral(of(Family::Penicillin, "J01CA04", "amoxicillin"), "500", ThreeTimesDaily);
pub(crate) const PENICILLIN_V: Regimen =
    oral(of(Family::Penicillin, "J01CE02", "phenoxymethylpenicillin"), "500", ThreeTimesDaily);
pub(crate) const FLUCLOXACILLIN: Regimen =
    oral(of(Family::Penicillin, "J01CF05", "flucloxacillin"), "500", FourTimesDaily);
pub(crate) const PIPERACILLIN: Regimen = vein(
    of(Family::Penicillin, "J01CR05", "piperacillin and beta-lactamase inhibitor"),
    "4500",
    EveryEightHours,
);
pub(crate) const AZITHROMYCIN: Regimen = oral(drug("J01FA10", "azithromycin"), "500", OnceDaily);
pub(crate) const DOXYCYCLINE: Regimen = oral(drug("J01AA02", "doxycycline"), "100", TwiceDaily);
pub(crate) const NITROFURANTOIN: Regimen = oral(drug("J01XE01", "nitrofurantoin"), "100", TwiceDaily);
pub(crate) const COTRIMOXAZOLE: Regimen =
    oral(of(Family::Sulfonamide, "J01EE01", "sulfamethoxazole and trimethoprim"), "960", TwiceDaily);
pub(crate) const CLINDAMYCIN: Regimen = oral(drug("J01FF01", "clindamycin"), "300", ThreeTimesDaily);
pub(crate) const CEFTRIAXONE: Regimen = vein(drug("J01DD04", "ceftriaxone"), "2000", OnceDaily);
pub(crate) const MOXIFLOXACIN: Regimen = vein(drug("J01MA14", "moxifloxacin"), "400", OnceDaily);
pub(crate) const MEROPENEM: Regimen = vein(drug("J01DH02", "meropenem"), "1000", EveryEightHours);
pub(crate) const OSELTAMIVIR: Regimen = oral(drug("J05AH02", "oseltamivir"), "75", TwiceDaily);
