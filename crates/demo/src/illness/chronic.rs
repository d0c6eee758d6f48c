//! Illnesses that stay.

use super::{BANDS, concept};
use crate::chart::Concept;
use crate::drugs::{self, Regimen};
use crate::hospital::Department;

/// What a chronic illness does to the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The blood pressure is high until treatment works.
    HighPressure,
    /// The blood sugar is high.
    HighSugar,
    /// Less oxygen, more breaths.
    ShortBreath,
    /// The heart beats irregularly.
    IrregularPulse,
    /// The heart is weak.
    WeakHeart,
    /// Too much weight.
    Weight,
    /// The joints hurt.
    Pain,
    /// Nothing that is measured here.
    None,
}

/// An illness that stays.
#[derive(Clone, Copy, Debug)]
pub struct Chronic {
    /// What it is.
    pub concept: Concept,
    /// How many of a thousand have it, by band of age.
    pub per_mille: [u32; BANDS],
    /// How many percent of that a woman's figure is, and a man's.
    pub percent: (u32, u32),
    /// What it does.
    pub effect: Effect,
    /// Alternatives of treatment; each is everything that is taken.
    pub treatment: &'static [&'static [Regimen]],
    /// Days between two visits.
    pub every_days: i64,
    /// Who sees to it.
    pub department: Department,
    /// What patients say, when it goes well.
    pub story: &'static [&'static str],
    /// What is looked at and what is done.
    pub plan: &'static str,
}

/// All of them. The figures are round and in the order of what surveys of European populations find.
pub const CHRONIC: &[Chronic] = &[
    Chronic {
        concept: concept("38341003", "I10", "Hypertensive disorder"),
        per_mille: [0, 2, 60, 270, 520, 640],
        percent: (95, 105),
        effect: Effect::HighPressure,
        treatment: &[
            &[drugs::AMLODIPINE],
            &[drugs::LISINOPRIL],
            &[drugs::LOSARTAN],
            &[drugs::AMLODIPINE, drugs::LISINOPRIL],
        ],
        every_days: 120,
        department: Department::General,
        story: &[
            "Feels well. Takes the tablets every morning, no dizziness.",
            "No headache, no chest pain. Measures at home now and then.",
        ],
        plan: "Blood pressure at home twice a week, less salt, control in four months.",
    },
    Chronic {
        concept: concept("44054006", "E11.9", "Diabetes mellitus type 2"),
        per_mille: [0, 1, 15, 85, 190, 210],
        percent: (85, 115),
        effect: Effect::HighSugar,
        treatment: &[
            &[drugs::METFORMIN],
            &[drugs::METFORMIN, drugs::EMPAGLIFLOZIN],
            &[drugs::METFORMIN, drugs::GLARGINE],
        ],
        every_days: 95,
        department: Department::Internal,
        story: &[
            "No thirst, no hypoglycaemia. Walks half an hour on most days.",
            "Sugar in the morning mostly below 150 mg/dL. Feet without wounds.",
        ],
        plan: "HbA1c before the next visit, eyes and feet once a year, diet as discussed.",
    },
    Chronic {
        concept: concept("55822004", "E78.5", "Hyperlipidemia"),
        per_mille: [0, 2, 30, 180, 320, 330],
        percent: (92, 108),
        effect: Effect::None,
        treatment: &[&[drugs::ATORVASTATIN], &[drugs::ROSUVASTATIN]],
        every_days: 240,
        department: Department::General,
        story: &["No muscle pain under the statin.", "Eats less fat, weight unchanged."],
        plan: "Lipids and liver values once a year.",
    },
    Chronic {
        concept: concept("195967001", "J45.9", "Asthma"),
        per_mille: [90, 80, 70, 60, 60, 50],
        percent: (105, 95),
        effect: Effect::ShortBreath,
        treatment: &[&[drugs::SALBUTAMOL], &[drugs::BUDESONIDE, drugs::SALBUTAMOL]],
        every_days: 170,
        department: Department::General,
        story: &[
            "Needs the reliever less than twice a week, sleeps through.",
            "Cough after running in the cold, otherwise well.",
        ],
        plan: "Technique of inhaling was checked, reliever always at hand.",
    },
    Chronic {
        concept: concept("13645005", "J44.9", "Chronic obstructive lung disease"),
        per_mille: [0, 0, 3, 45, 115, 130],
        percent: (80, 120),
        effect: Effect::ShortBreath,
        treatment: &[
            &[drugs::TIOTROPIUM, drugs::SALBUTAMOL],
            &[drugs::BUDESONIDE_FORMOTEROL, drugs::TIOTROPIUM],
        ],
        every_days: 110,
        department: Department::Internal,
        story: &[
            "One flight of stairs without a pause. Cough in the morning with little sputum.",
            "Breath as before, no infection since the last visit.",
        ],
        plan: "Goes on with training of the lungs, vaccinations complete, no smoking.",
    },
    Chronic {
        concept: concept("84114007", "I50.9", "Heart failure"),
        per_mille: [0, 0, 1, 12, 55, 140],
        percent: (95, 105),
        effect: Effect::WeakHeart,
        treatment: &[
            &[drugs::FUROSEMIDE, drugs::BISOPROLOL, drugs::LISINOPRIL],
            &[drugs::FUROSEMIDE, drugs::LOSARTAN, drugs::SPIRONOLACTONE],
        ],
        every_days: 75,
        department: Department::Cardiology,
        story: &[
            "Sleeps with one pillow, ankles slim in the morning.",
            "Short of breath on stairs, weight stable.",
        ],
        plan: "Weight every morning, calls when it rises by 2 kg in three days; kidney values.",
    },
    Chronic {
        concept: concept("49436004", "I48.9", "Atrial fibrillation"),
        per_mille: [0, 0, 2, 15, 75, 150],
        percent: (90, 110),
        effect: Effect::IrregularPulse,
        treatment: &[&[drugs::APIXABAN, drugs::BISOPROLOL], &[drugs::RIVAROXABAN]],
        every_days: 130,
        department: Department::Cardiology,
        story: &["No bleeding, no palpitations at rest.", "Feels the heart now and then in the evening."],
        plan: "Goes on with anticoagulation, kidney values and blood count twice a year.",
    },
    Chronic {
        concept: concept("414545008", "I25.9", "Ischemic heart disease"),
        per_mille: [0, 0, 1, 35, 130, 200],
        percent: (70, 130),
        effect: Effect::None,
        treatment: &[
            &[drugs::ASPIRIN, drugs::ATORVASTATIN, drugs::BISOPROLOL],
            &[drugs::CLOPIDOGREL, drugs::ATORVASTATIN],
        ],
        every_days: 130,
        department: Department::Cardiology,
        story: &["No chest pain, walks two kilometres.", "A pressure when it is cold, gone at rest."],
        plan: "ECG today without change, risk factors discussed.",
    },
    Chronic {
        concept: concept("709044004", "N18.9", "Chronic kidney disease"),
        per_mille: [0, 0, 4, 30, 130, 260],
        percent: (105, 95),
        effect: Effect::None,
        treatment: &[&[drugs::LOSARTAN], &[]],
        every_days: 120,
        department: Department::Internal,
        story: &["Drinks enough, no swelling.", "No complaints, appetite good."],
        plan: "Creatinine, potassium and albumin in urine every four months; no anti-inflammatory drugs.",
    },
    Chronic {
        concept: concept("40930008", "E03.9", "Hypothyroidism"),
        per_mille: [2, 6, 25, 55, 85, 95],
        percent: (165, 35),
        effect: Effect::None,
        treatment: &[&[drugs::LEVOTHYROXINE]],
        every_days: 200,
        department: Department::General,
        story: &["Not tired, weight stable.", "Takes the tablet half an hour before breakfast."],
        plan: "TSH in six months, dose unchanged.",
    },
    Chronic {
        concept: concept("35489007", "F32.9", "Depressive disorder"),
        per_mille: [2, 40, 75, 80, 65, 60],
        percent: (130, 70),
        effect: Effect::None,
        treatment: &[&[drugs::SERTRALINE], &[drugs::ESCITALOPRAM], &[]],
        every_days: 65,
        department: Department::General,
        story: &[
            "Mood better than last time, sleeps six hours, goes to work.",
            "Low in the mornings, no thoughts of death, keeps the appointments of psychotherapy.",
        ],
        plan: "Psychotherapy goes on, medication unchanged, knows whom to call in a crisis.",
    },
    Chronic {
        concept: concept("21897009", "F41.1", "Generalized anxiety disorder"),
        per_mille: [3, 30, 45, 40, 30, 25],
        percent: (135, 65),
        effect: Effect::None,
        treatment: &[&[], &[drugs::ESCITALOPRAM]],
        every_days: 90,
        department: Department::General,
        story: &["Worries less, exercises daily.", "Palpitations before meetings, slept badly last week."],
        plan: "Goes on with behavioural therapy, breathing exercises shown.",
    },
    Chronic {
        concept: concept("396275006", "M19.9", "Osteoarthritis"),
        per_mille: [0, 0, 8, 110, 280, 400],
        percent: (125, 75),
        effect: Effect::Pain,
        treatment: &[&[drugs::PARACETAMOL], &[drugs::NAPROXEN, drugs::OMEPRAZOLE]],
        every_days: 180,
        department: Department::Orthopaedics,
        story: &[
            "The knee is stiff in the morning for ten minutes.",
            "Pain after a long walk, none at night.",
        ],
        plan: "Physiotherapy, strengthening of the thigh, weight.",
    },
    Chronic {
        concept: concept("64859006", "M81.9", "Osteoporosis"),
        per_mille: [0, 0, 1, 20, 110, 210],
        percent: (165, 35),
        effect: Effect::None,
        treatment: &[&[drugs::ALENDRONATE, drugs::COLECALCIFEROL], &[drugs::COLECALCIFEROL]],
        every_days: 300,
        department: Department::Orthopaedics,
        story: &["No fall since the last visit.", "Back pain rarely, height unchanged."],
        plan: "Bone density in two years, prevention of falls discussed.",
    },
    Chronic {
        concept: concept("235595009", "K21.9", "Gastroesophageal reflux disease"),
        per_mille: [5, 15, 70, 110, 130, 130],
        percent: (100, 100),
        effect: Effect::None,
        treatment: &[&[drugs::OMEPRAZOLE], &[drugs::PANTOPRAZOLE]],
        every_days: 280,
        department: Department::General,
        story: &["Heartburn only after late meals.", "No trouble in swallowing, weight stable."],
        plan: "Tries to take the tablet every other day, head of the bed raised.",
    },
    Chronic {
        concept: concept("414916001", "E66.9", "Obesity"),
        per_mille: [40, 60, 140, 210, 220, 130],
        percent: (100, 100),
        effect: Effect::Weight,
        treatment: &[&[]],
        every_days: 190,
        department: Department::General,
        story: &["Lost two kilograms, goes swimming.", "Weight unchanged, eats late in the evening."],
        plan: "Diary of meals, exercise three times a week.",
    },
    Chronic {
        concept: concept("37796009", "G43.9", "Migraine"),
        per_mille: [15, 60, 110, 95, 45, 20],
        percent: (145, 55),
        effect: Effect::None,
        treatment: &[&[drugs::SUMATRIPTAN], &[drugs::PARACETAMOL]],
        every_days: 240,
        department: Department::General,
        story: &[
            "Two attacks a month, the tablet helps within the hour.",
            "One attack since the last visit.",
        ],
        plan: "Diary of headaches, at most ten days of acute medication a month.",
    },
    Chronic {
        concept: concept("84757009", "G40.9", "Epilepsy"),
        per_mille: [6, 7, 7, 7, 9, 12],
        percent: (95, 105),
        effect: Effect::None,
        treatment: &[&[drugs::LEVETIRACETAM], &[drugs::LAMOTRIGINE]],
        every_days: 150,
        department: Department::Internal,
        story: &["No seizure since the last visit.", "No seizure, a little tired in the afternoon."],
        plan: "Medication unchanged, does not swim alone.",
    },
    Chronic {
        concept: concept("24079001", "L20.9", "Atopic dermatitis"),
        per_mille: [130, 80, 40, 20, 12, 10],
        percent: (105, 95),
        effect: Effect::None,
        treatment: &[&[drugs::HYDROCORTISONE]],
        every_days: 200,
        department: Department::General,
        story: &["Itches in the crooks of the arms, better with cream.", "Skin calm since the summer."],
        plan: "Emollient twice a day, the steroid only on red patches.",
    },
    Chronic {
        concept: concept("266569009", "N40", "Benign prostatic hyperplasia"),
        per_mille: [0, 0, 0, 80, 300, 430],
        percent: (0, 100),
        effect: Effect::None,
        treatment: &[&[drugs::TAMSULOSIN], &[]],
        every_days: 270,
        department: Department::General,
        story: &["Gets up once a night.", "The stream is better than last year."],
        plan: "Residual urine once a year.",
    },
    Chronic {
        concept: concept("90560007", "M10.9", "Gout"),
        per_mille: [0, 0, 4, 25, 60, 65],
        percent: (45, 155),
        effect: Effect::None,
        treatment: &[&[drugs::ALLOPURINOL]],
        every_days: 260,
        department: Department::General,
        story: &["No attack since the last visit.", "One swollen toe in the spring, gone in four days."],
        plan: "Uric acid in six months, less beer and meat.",
    },
    Chronic {
        concept: concept("87522002", "D50.9", "Iron deficiency anemia"),
        per_mille: [15, 30, 40, 30, 30, 50],
        percent: (165, 35),
        effect: Effect::None,
        treatment: &[&[drugs::IRON]],
        every_days: 110,
        department: Department::General,
        story: &["Less tired than before.", "The stool is dark since the tablets, otherwise well."],
        plan: "Blood count and ferritin in three months.",
    },
];
