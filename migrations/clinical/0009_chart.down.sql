-- Puts the index by patient and date back.

create index resource_patient_date on record.resource (patient, date_low desc, rid desc) where not deleted;
drop index record.resource_patient_type;
