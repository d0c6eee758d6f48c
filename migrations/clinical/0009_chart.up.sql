-- A patient's chart is read by type: problems, allergies, medication, encounters. The index on patient and date serves
-- no type, so that the few problems of somebody with ten thousand measurements were found behind all of these. The new
-- one answers everything that the old one did, since every search names its type, and takes its place: a further index
-- would cost every write of the largest table. In clinical only, where those tables are large.

create index resource_patient_type on record.resource (patient, type, date_low desc, rid desc) where not deleted;
drop index record.resource_patient_date;
