select a.rid as patient, a.deleted as patient_deleted, s.slice as "slice?", s.rid as "rid?",
  s.fhir_id as "fhir_id?", s.version as "version?", s.last_updated as "last_updated?", s.body as "body?"
from record.patient_anchor a
left join lateral (
  select n.slice, r.rid, r.fhir_id, r.version, r.last_updated, r.date_low, r.body
  from unnest($3::smallint[], $4::bigint[], $5::bigint[], $6::bigint[])
    with ordinality as n (type, code, without, most, slice)
  cross join lateral (
    (select r.rid, r.fhir_id, r.version, r.last_updated, r.date_low, r.body
     from record.resource r
     where n.code is null and r.tenant = $1 and r.patient = a.rid and r.type = n.type and not r.deleted
       and (n.without is null or not r.tokens @> array[n.without])
     order by r.date_low desc, r.rid desc limit n.most)
    union all
    (select r.rid, r.fhir_id, r.version, r.last_updated, r.date_low, r.body
     from record.resource r
     where n.code is not null and r.tenant = $1 and r.patient = a.rid and r.code = n.code and r.type = n.type
       and not r.deleted and (n.without is null or not r.tokens @> array[n.without])
     order by r.date_low desc, r.rid desc limit n.most)
  ) r
) s on not a.deleted
where a.tenant = $1 and a.fhir_id = $2
order by s.slice, s.date_low desc, s.rid desc
