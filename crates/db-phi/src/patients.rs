//! Numbers, claims and merges inside a transaction of `phi`.

use std::sync::Arc;

use async_trait::async_trait;
use domain::patient::{Named, NamedKind};
use domain::store::{Claim, Merge, Patients};
use domain::{StoreError, Stored};
use fhir::ResourceType;
use kernel::{AccountId, Database, Phi, Rid, Tenant, TransactionId};
use seal::TenantKeys;
use sqlx::PgConnection;

use crate::classify;

/// What the sealing of a merge's reason is bound to.
const REASON_PURPOSE: &str = "patient.merge.reason";
/// Stand in the hashes where records have the number of a search parameter, which are small.
const CLAIM_PARAMETER: u16 = u16::MAX;

/// [`Patients`] on one connection. The connection is inside a transaction of `phi` whose `app.tenant` is `tenant`.
pub struct PgPatients<'c> {
    connection: &'c mut PgConnection,
    tenant: Tenant,
    keys: Arc<TenantKeys>,
}

impl<'c> PgPatients<'c> {
    /// The patients of `tenant` on `connection`. `keys` are those of the tenant in `phi`.
    pub fn new(connection: &'c mut PgConnection, tenant: Tenant, keys: Arc<TenantKeys>) -> Self {
        PgPatients { connection, tenant, keys }
    }

    fn hash(&self, named: &Named) -> i64 {
        let form = match named.kind {
            NamedKind::Number => 1,
            NamedKind::Mrn => 2,
        };
        self.keys.token(ResourceType::Patient.number(), CLAIM_PARAMETER, form, &named.value)
    }

    fn hashes(&self, claims: &[Claim]) -> (Vec<i64>, Vec<i64>) {
        claims.iter().map(|claim| (self.hash(&claim.named), claim.patient.number())).unzip()
    }
}

/// A count that PostgreSQL gives as `int`, which it never makes negative.
fn count(number: i32) -> Stored<u32> {
    u32::try_from(number).map_err(|_| StoreError::Corrupt { table: "patient.merge" })
}

#[async_trait]
impl Patients for PgPatients<'_> {
    async fn reserve_numbers(&mut self, year: i32, count: u32) -> Stored<u64> {
        let last = sqlx::query_scalar!(
            "insert into patient.number_counter as c (tenant, year, last) values ($1, $2, $3)
             on conflict (tenant, year) do update set last = c.last + excluded.last
             returning last",
            self.tenant.number(),
            year,
            i64::from(count),
        )
        .fetch_one(&mut *self.connection)
        .await
        .map_err(classify)?;
        let first = last - i64::from(count) + 1;
        u64::try_from(first).map_err(|_| StoreError::Corrupt { table: "patient.number_counter" })
    }

    async fn holders(&mut self, asked: &[Claim]) -> Stored<Vec<Option<Rid>>> {
        let (hashes, _) = self.hashes(asked);
        let rows = sqlx::query_scalar!(
            "select (select c.patient from patient.identifier_claim c where c.tenant = $1 and c.hash = u.hash)
             from unnest($2::bigint[]) with ordinality as u (hash, ord)
             order by u.ord",
            self.tenant.number(),
            &hashes,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(rows.into_iter().map(|holder| holder.map(Rid::from_number)).collect())
    }

    async fn numbers_of(&mut self, patients: &[Rid]) -> Stored<Vec<u32>> {
        let patients: Vec<i64> = patients.iter().map(|rid| rid.number()).collect();
        let rows = sqlx::query_scalar!(
            r#"select (select count(*) from patient.identifier_claim c
                   where c.patient = u.patient and c.tenant = $1 and c.kind = 'patient_number')::int as "count!"
               from unnest($2::bigint[]) with ordinality as u (patient, ord)
               order by u.ord"#,
            self.tenant.number(),
            &patients,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)?;
        rows.into_iter().map(count).collect()
    }

    async fn claim(&mut self, claims: &[Claim]) -> Stored<()> {
        let (hashes, patients) = self.hashes(claims);
        let kinds: Vec<String> = claims.iter().map(|claim| claim.named.kind.name().to_owned()).collect();
        // In the order of the hashes, so that two transactions never wait for each other. One that claims what another
        // is about to claim waits for its end.
        let made = sqlx::query!(
            "insert into patient.identifier_claim (tenant, hash, kind, patient)
             select $1, u.hash, u.kind, u.patient
             from (select v.hash, v.kind, v.patient
                 from unnest($2::bigint[], $3::text[], $4::bigint[]) as v (hash, kind, patient) order by v.hash) as u
             on conflict (tenant, hash) do nothing",
            self.tenant.number(),
            &hashes,
            &kinds,
            &patients,
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        if made.rows_affected() == hashes.len() as u64 {
            Ok(())
        } else {
            Err(StoreError::Contended { database: Database::Phi })
        }
    }

    async fn hand_over(&mut self, from: Rid, to: Rid) -> Stored<()> {
        sqlx::query!(
            "update patient.identifier_claim set patient = $3 where patient = $2 and tenant = $1",
            self.tenant.number(),
            from.number(),
            to.number(),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn record_merge(&mut self, merge: &Merge) -> Stored<()> {
        let reason = self
            .keys
            .seal_text(REASON_PURPOSE, merge.reason.expose().as_bytes())
            .map_err(|_| StoreError::Unavailable { database: Database::Phi })?;
        let moved = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        sqlx::query!(
            "insert into patient.merge
                 (gtx, tenant, loser, loser_id, winner, winner_id, account, at, reason, moved_phi, moved_clinical)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            merge.transaction.uuid(),
            self.tenant.number(),
            merge.loser.0.number(),
            merge.loser.1,
            merge.winner.0.number(),
            merge.winner.1,
            merge.account.uuid(),
            merge.at,
            reason,
            moved(merge.moved_phi),
            moved(merge.moved_clinical),
        )
        .execute(&mut *self.connection)
        .await
        .map_err(classify)?;
        Ok(())
    }

    async fn merges_of(&mut self, patient: Rid, most: usize) -> Stored<Vec<Merge>> {
        let rows = sqlx::query!(
            "select m.gtx, m.loser, m.loser_id, m.winner, m.winner_id, m.account, m.at, m.reason, m.moved_phi,
                 m.moved_clinical
             from patient.merge m
             where m.tenant = $1 and (m.loser = $2 or m.winner = $2)
             order by m.at desc, m.gtx desc
             limit $3",
            self.tenant.number(),
            patient.number(),
            i64::try_from(most).unwrap_or(i64::MAX),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(classify)?;
        let corrupt = || StoreError::Corrupt { table: "patient.merge" };
        rows.into_iter()
            .map(|row| {
                let reason = self.keys.unseal_text(REASON_PURPOSE, &row.reason).map_err(|_| corrupt())?;
                Ok(Merge {
                    transaction: TransactionId::from_uuid(row.gtx),
                    loser: (Rid::from_number(row.loser), row.loser_id),
                    winner: (Rid::from_number(row.winner), row.winner_id),
                    account: AccountId::from_uuid(row.account),
                    at: row.at,
                    reason: Phi::new(String::from_utf8(reason).map_err(|_| corrupt())?),
                    moved_phi: count(row.moved_phi)?,
                    moved_clinical: count(row.moved_clinical)?,
                })
            })
            .collect()
    }
}
