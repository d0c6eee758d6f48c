//! The plans of the search shapes, as the server's role under forced row-level security on 100,000 rows: what should be
//! an index probe is one, and no token predicate has become a filter over everything.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test says what it expects by failing.

use chrono::{DateTime, Duration, Utc};
use fhir::ResourceType;
use fhir::definitions::parameters::{ACTIVE, CATEGORY, CODE, ENCOUNTER, FAMILY, GENDER, IDENTIFIER, STATUS};
use fhir::extract::Form;
use fhir::search::{Handling, parse};
use kernel::{Database, Tenant};
use seal::{Keyring, MasterKey, TenantKeys};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use test_support::{Role, TestDatabases};

const PATIENTS: i64 = 5_000;
const EACH: i64 = 20;
const CODES: i64 = 200;
const LOINC: &str = "http://loinc.org";

struct Rows {
    rid: Vec<i64>,
    patient: Vec<i64>,
    code: Vec<i64>,
    date: Vec<DateTime<Utc>>,
    fhir_id: Vec<String>,
    tokens: Vec<String>,
}

/// A hash as the record store makes it.
fn hash(keys: &TenantKeys, kind: ResourceType, parameter: u16, form: Form, text: &str) -> i64 {
    keys.token(kind.number(), parameter, form.number(), text)
}

/// Observations of `PATIENTS` patients, one code in ten common, dates over ten years.
fn observations(keys: &TenantKeys, first: i64, last: i64) -> Rows {
    let kind = ResourceType::Observation;
    let start = DateTime::from_timestamp(1_400_000_000, 0).unwrap();
    let mut rows =
        Rows { rid: vec![], patient: vec![], code: vec![], date: vec![], fhir_id: vec![], tokens: vec![] };
    let status =
        [hash(keys, kind, STATUS, Form::Code, "final"), hash(keys, kind, STATUS, Form::Code, "amended")];
    let category = hash(keys, kind, CATEGORY, Form::Code, "vital-signs");
    let codes: Vec<i64> =
        (0..CODES).map(|code| hash(keys, kind, CODE, Form::SystemCode, &format!("{LOINC}|{code}"))).collect();
    for n in first..last {
        let scattered = (n * 7_919) % (PATIENTS * EACH);
        let code = if n % 10 == 0 { 0 } else { usize::try_from(scattered % CODES).unwrap() };
        rows.rid.push(1_000_000 + n);
        rows.patient.push(1 + n % PATIENTS);
        rows.code.push(codes[code]);
        rows.date.push(start + Duration::minutes(scattered * 50));
        rows.fhir_id.push(format!("o{n}"));
        let tokens = [
            status[usize::from(n % 500 == 0)],
            category,
            hash(keys, kind, IDENTIFIER, Form::SystemCode, &format!("urn:x|{n}")),
            hash(keys, kind, ENCOUNTER, Form::Reference, &format!("Encounter/e{}", n / 4)),
        ];
        rows.tokens.push(format!("{tokens:?}").replace('[', "{").replace(']', "}"));
    }
    rows
}

async fn load(connection: &mut PgConnection, tenant: i32, kind: ResourceType, rows: &Rows) {
    sqlx::query(
        "insert into record.resource
            (rid, tenant, type, version, patient, code, date_low, date_high, last_updated, fhir_id, tokens, body)
         select u.rid, $1, $2, 1, u.patient, u.code, u.date, u.date, u.date, u.fhir_id, u.tokens::bigint[],
             decode(repeat('ab', 600), 'hex')
         from unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::text[], $8::text[])
             as u (rid, patient, code, date, fhir_id, tokens)",
    )
    .bind(tenant)
    .bind(kind.number())
    .bind(&rows.rid)
    .bind(&rows.patient)
    .bind(&rows.code)
    .bind(&rows.date)
    .bind(&rows.fhir_id)
    .bind(&rows.tokens)
    .execute(connection)
    .await
    .unwrap();
}

/// Patients with the tokens of a family name; every hundredth is a Smith.
fn patients(keys: &TenantKeys) -> Rows {
    let kind = ResourceType::Patient;
    let born = DateTime::from_timestamp(-1_000_000_000, 0).unwrap();
    let mut rows =
        Rows { rid: vec![], patient: vec![], code: vec![], date: vec![], fhir_id: vec![], tokens: vec![] };
    for n in 1..=PATIENTS {
        rows.rid.push(n);
        rows.patient.push(n);
        rows.code.push(n);
        rows.date.push(born + Duration::days(n * 5));
        rows.fhir_id.push(format!("p{n}"));
        let name = if n % 100 == 0 { "smith".to_owned() } else { format!("name{n}") };
        let tokens = [
            hash(keys, kind, FAMILY, Form::StringPrefix, &name),
            hash(keys, kind, GENDER, Form::Code, if n % 2 == 0 { "female" } else { "male" }),
            hash(keys, kind, ACTIVE, Form::Code, if n % 250 == 0 { "false" } else { "true" }),
        ];
        rows.tokens.push(format!("{tokens:?}").replace('[', "{").replace(']', "}"));
    }
    rows
}

/// The plans of the statements of this search, one after the other.
async fn plans(
    connection: &mut PgConnection,
    database: Database,
    keyring: &Keyring,
    kind: ResourceType,
    query: &str,
) -> Vec<String> {
    let pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap())
        .collect();
    let search = parse(kind, &pairs, Handling::Strict).unwrap();
    let mut plans = Vec::new();
    for (sql, arguments) in db_record::search::statements(&search, database, Tenant::from_number(1), keyring)
    {
        let rows = sqlx::query_with(AssertSqlSafe(format!("explain {sql}")), arguments)
            .fetch_all(&mut *connection)
            .await
            .unwrap();
        let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        plans.push(lines.join("\n"));
    }
    plans
}

/// What is wrong with the plan of a summary's slices: each must be read from an index in its order, and no further
/// than is wanted.
async fn slice_faults(app: &mut PgConnection, keys: &TenantKeys) -> Vec<String> {
    let kind = ResourceType::Observation;
    let code = |code: i64| hash(keys, kind, CODE, Form::SystemCode, &format!("{LOINC}|{code}"));
    let amended = hash(keys, kind, STATUS, Form::Code, "amended");
    let row = sqlx::query(AssertSqlSafe(format!(
        "explain (analyze, format json) {}",
        db_record::slices::STATEMENT
    )))
    .bind(1)
    .bind("p7")
    .bind(vec![kind.number(); 3])
    .bind(vec![None, Some(code(0)), Some(code(3))])
    .bind(vec![None, Some(amended), Some(amended)])
    .bind(vec![6_i64, 4, 4])
    .fetch_one(app)
    .await
    .unwrap();
    let plan: serde_json::Value = row.get(0);
    let mut faults = Vec::new();
    let mut scanned = Vec::new();
    let mut nodes = vec![&plan[0]["Plan"]];
    while let Some(node) = nodes.pop() {
        nodes.extend(node["Plans"].as_array().into_iter().flatten());
        if node["Relation Name"] != "resource" {
            continue;
        }
        let (index, condition) = (node["Index Name"].as_str(), node["Index Cond"].as_str());
        scanned.extend(index);
        if !condition.is_some_and(|it| it.contains("patient = a.rid")) {
            faults.push(format!("slices: records are read without an index on their patient: {node}"));
        }
        // The patient has 20 records; one more than is wanted says whether there are more.
        if node["Actual Rows"].as_f64().is_none_or(|rows| rows > 6.0) {
            faults.push(format!("slices: more is read than is wanted: {node}"));
        }
    }
    scanned.sort_unstable();
    if scanned != ["resource_patient_code", "resource_patient_type"] {
        faults.push(format!("slices: read through {scanned:?}:\n{plan:#}"));
    }
    faults
}

#[tokio::test]
async fn every_search_shape_is_an_index_probe() {
    let databases = TestDatabases::fresh().await;
    let keyring = Keyring::new(MasterKey::generate().unwrap());
    for database in [Database::Clinical, Database::Phi] {
        let mut superuser = databases.connect(database, Role::Superuser).await;
        for tenant in [1, 2] {
            let keys = keyring.tenant(database, Tenant::from_number(tenant));
            let mut people = patients(&keys);
            let shift = i64::from(tenant - 1) * 500_000;
            people.rid.iter_mut().chain(&mut people.patient).for_each(|rid| *rid += shift);
            if database == Database::Phi {
                load(&mut superuser, tenant, ResourceType::Patient, &people).await;
                continue;
            }
            sqlx::query(
                "insert into record.patient_anchor (tenant, fhir_id, rid)
                 select $1, u.fhir_id, u.rid from unnest($2::text[], $3::bigint[]) as u (fhir_id, rid)",
            )
            .bind(tenant)
            .bind(&people.fhir_id)
            .bind(&people.rid)
            .execute(&mut superuser)
            .await
            .unwrap();
            let last = if tenant == 1 { PATIENTS * EACH } else { PATIENTS * 8 };
            for first in (0..last).step_by(10_000) {
                let mut rows = observations(&keys, first, (first + 10_000).min(last));
                rows.rid.iter_mut().for_each(|rid| *rid += shift);
                load(&mut superuser, tenant, ResourceType::Observation, &rows).await;
            }
        }
        sqlx::query("vacuum analyze record.resource").execute(&mut superuser).await.unwrap();
        sqlx::query("analyze record.patient_anchor").execute(&mut superuser).await.unwrap();
        superuser.close().await.unwrap();
    }

    // The shape, the index that drives its page, and whether a token must be an index condition.
    let clinical = [
        ("patient=p7&code=http://loinc.org|3&_sort=-date", "resource_patient_code", false),
        ("patient=p7&_sort=-date", "resource_patient_type", false),
        ("patient=p7&date=ge2015-01-01&_sort=-date", "resource_patient_type", false),
        ("patient=p7&status=final&_sort=-date", "resource_patient_type", false),
        ("code=http://loinc.org|0&_sort=-date", "resource_code", true),
        ("code=http://loinc.org|3&date=ge2015-01-01&_sort=-date", "resource_code", true),
        ("status=amended&category=vital-signs&_sort=-date", "resource_tokens", true),
        ("status=amended&category=vital-signs", "resource_tokens", true),
        ("identifier=urn:x|4711", "resource_tokens", true),
        ("identifier=urn:x|4711,urn:x|4712", "resource_tokens", true),
        ("encounter=Encounter/e77", "resource_tokens", true),
        ("_lastUpdated=ge2021-01-01&_sort=-_lastUpdated", "resource_changed", false),
        ("_sort=-_lastUpdated", "resource_changed", false),
        ("date=ge2021-01-01&_sort=-date", "resource_dated", false),
        ("_id=o12,o13", "resource_id", false),
        ("_sort=_id", "resource_id", false),
        ("", "resource_newest", false),
    ];
    let phi = [
        ("family=smith", "resource_tokens", true),
        ("family=smith&gender=female", "resource_tokens", true),
        ("birthdate=1972-03-05", "resource_dated", false),
        ("active=false", "resource_tokens", true),
    ];
    let mut faults = Vec::new();
    for (database, kind, shapes) in [
        (Database::Clinical, ResourceType::Observation, clinical.as_slice()),
        (Database::Phi, ResourceType::Patient, phi.as_slice()),
    ] {
        let mut app = databases.connect(database, Role::App).await;
        for setting in ["app.tenant = '1'", "plan_cache_mode = force_custom_plan", "enable_seqscan = off"] {
            sqlx::query(AssertSqlSafe(format!("set {setting}"))).execute(&mut app).await.unwrap();
        }
        for (query, index, token_condition) in shapes {
            let plans = plans(&mut app, database, &keyring, kind, query).await;
            let page = &plans[plans.len() - 2];
            if !page.contains(index) {
                faults.push(format!("{query}: the page does not use {index}:\n{page}"));
            }
            if *token_condition
                && !page.contains("Index Cond: (tokens")
                && !page.contains("Index Cond: ((tokens")
            {
                faults.push(format!("{query}: the token is not an index condition:\n{page}"));
            }
            for plan in &plans {
                if plan.contains("Seq Scan on resource") {
                    faults.push(format!("{query}: reads everything:\n{plan}"));
                }
            }
            if plans.len() == 3 && !plans[0].contains("resource_newest") {
                faults.push(format!("{query}: the first look does not walk the newest:\n{}", plans[0]));
            }
        }
        if database == Database::Phi {
            continue;
        }
        faults.extend(slice_faults(&mut app, &keyring.tenant(database, Tenant::from_number(1))).await);
        let count = plans(&mut app, database, &keyring, kind, "code=http://loinc.org|0").await.pop().unwrap();
        if !count.contains("Index Only Scan using resource_code") {
            faults.push(format!("counting a code visits the heap:\n{count}"));
        }
        let rows = sqlx::query(
            "explain select rid from record.resource where tenant = 1 and type = $1 and fhir_id = 'o77'",
        )
        .bind(kind.number())
        .fetch_all(&mut app)
        .await
        .unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        if !plan.join("\n").contains("resource_id") {
            faults.push(format!("a read by id does not use resource_id:\n{}", plan.join("\n")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}
