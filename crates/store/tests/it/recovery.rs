//! What is found prepared when nobody is left who prepared it.

use std::time::{Duration, Instant};

use coordinator::{Gid, Identity, PairId};
use kernel::Database::{self, Auth, Clinical, Phi};
use kernel::TransactionId;
use store::Settlement;
use test_support::Role;
use uuid::Uuid;

use crate::house::{ALL, House, PREPARED, Put, context, until};

/// How long sessions are killed.
const LOAD: Duration = Duration::from_secs(5);

/// A gid of this house.
async fn gid(house: &House, decider: Database, participant: Database) -> Gid {
    let mut above = house.above(decider).await;
    let pair: Uuid =
        sqlx::query_scalar("select pair_id from txn.identity").fetch_one(&mut above).await.unwrap();
    let identity = Identity { pair: PairId::of(pair), epoch: 1 };
    Gid { identity, decider, participant, transaction: TransactionId::generate() }
}

/// Prepares a participant's half by hand, as the server's login would.
async fn prepare(house: &House, here: Database, gid: &str, gtx: Uuid, role: Role) {
    let sql = format!(
        "begin; insert into txn.applied (gtx, decider) values ('{gtx}', 'm'); prepare transaction '{gid}'"
    );
    house.run(here, role, &sql).await;
}

async fn decide(house: &House, gid: Gid, participants: &str) {
    let sql = format!(
        "insert into txn.decision (gtx, verdict, participants, op, instance, decided_by)
         values ('{}', 'commit', array[{participants}], 'test.put', gen_random_uuid(), 'coordinator')",
        gid.transaction.uuid()
    );
    house.run(gid.decider, Role::App, &sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_decided_is_committed() {
    let house = House::open().await;
    let phi = gid(&house, Auth, Phi).await;
    let clinical = Gid { participant: Clinical, ..phi };
    for half in [phi, clinical] {
        prepare(&house, half.participant, &half.to_string(), half.transaction.uuid(), Role::App).await;
    }
    decide(&house, phi, "'p', 'c'").await;
    let done = format!(
        "select count(*) from txn.decision where gtx = '{}' and done_at is not null",
        phi.transaction
    );
    until("the decision is done", async || house.number(Auth, &done).await == 1).await;
    for database in [Phi, Clinical] {
        let count = house.count(database).await;
        assert_eq!((count.prepared, count.applied), (0, 1), "{database}");
    }
    assert_eq!(house.store.counts().recovered_commit, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_decided_is_rolled_back_behind_a_tombstone() {
    let house = House::open().await;
    let half = gid(&house, Auth, Clinical).await;
    prepare(&house, Clinical, &half.to_string(), half.transaction.uuid(), Role::App).await;
    until("it is rolled back", async || house.number(Clinical, PREPARED).await == 0).await;
    assert_eq!(house.count(Clinical).await.applied, 0);
    let tombstone = format!(
        "select count(*) from txn.decision where gtx = '{}' and verdict = 'abort' and decided_by = 'recovery'
         and participants = array['p', 'c']",
        half.transaction
    );
    assert_eq!(house.number(Auth, &tombstone).await, 1);
    assert_eq!(house.store.counts().recovered_abort, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_holds_its_row_open_is_left_alone() {
    let house = House::open().await;
    // Longer than several passes of two processes.
    house.slow_decision(Auth, 3.0).await;
    let another = house.another().await;
    let store = house.store.clone();
    let working = tokio::spawn(async move { store.execute(Put::to(&ALL), context()).await });
    until("both have prepared", async || {
        house.number(Clinical, PREPARED).await == 1 && house.number(Phi, PREPARED).await == 1
    })
    .await;
    let seen = async || another.health().databases[Clinical.index()].seen.in_doubt == 1;
    until("the other process saw it in doubt", seen).await;
    let committed = working.await.unwrap().unwrap();
    assert_eq!(committed.settlement, Settlement::Applied);
    assert_eq!(house.counts().await.map(|count| (count.records, count.prepared)), [(1, 0); 3]);
    assert_eq!((house.store.counts().recovered_abort, another.counts().recovered_abort), (0, 0));
    another.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_stops_a_coordinator_that_comes_late() {
    let house = House::open().await;
    let half = gid(&house, Auth, Clinical).await;
    prepare(&house, Clinical, &half.to_string(), half.transaction.uuid(), Role::App).await;
    until("it is rolled back", async || house.number(Clinical, PREPARED).await == 0).await;
    let mut late = house.databases.connect(Auth, Role::App).await;
    let refused = sqlx::query(
        "insert into txn.decision (gtx, verdict, participants, op, instance, decided_by)
         values ($1, 'commit', array['c'], 'test.put', gen_random_uuid(), 'coordinator')",
    )
    .bind(half.transaction.uuid())
    .execute(&mut late)
    .await
    .unwrap_err();
    assert_eq!(refused.into_database_error().unwrap().constraint(), Some("decision_is_written_once"));
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_never_touched() {
    let house = House::open().await;
    let ours = gid(&house, Auth, Clinical).await.to_string();
    let other_pair = ours.replace(&ours[7..15], "0badcafe");
    let unreadable = format!("{ours}.x");
    let unique = format!("somebody-elses-{}", Uuid::new_v4());
    for foreign in [&other_pair, &unreadable, &unique] {
        prepare(&house, Clinical, foreign, Uuid::now_v7(), Role::App).await;
    }
    // One of ours beside them proves that passes were made.
    let half = gid(&house, Auth, Clinical).await;
    prepare(&house, Clinical, &half.to_string(), half.transaction.uuid(), Role::App).await;
    until("ours is settled", async || house.number(Clinical, PREPARED).await == 3).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(house.number(Clinical, PREPARED).await, 3);
    assert!(house.store.health().databases[Clinical.index()].seen.foreign >= 2);
    for foreign in [other_pair, unreadable, unique] {
        house.run(Clinical, Role::App, &format!("rollback prepared '{foreign}'")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_proven_waits_for_a_person() {
    let house = House::open().await;
    let half = gid(&house, Auth, Clinical).await;
    let old = Gid { identity: Identity { epoch: 9, ..half.identity }, ..half };
    let misplaced = Gid { participant: Phi, transaction: TransactionId::generate(), ..half };
    let others = Gid { transaction: TransactionId::generate(), ..half };
    for (gid, role) in [(old, Role::App), (misplaced, Role::App), (others, Role::Superuser)] {
        prepare(&house, Clinical, &gid.to_string(), gid.transaction.uuid(), role).await;
    }
    let quarantined = "select count(*) from txn.quarantine";
    until("all three are quarantined", async || house.number(Clinical, quarantined).await == 3).await;
    for (gid, reason) in [(old, "epoch"), (misplaced, "another database"), (others, "another role")] {
        let row =
            format!("select count(*) from txn.quarantine where gid = '{gid}' and reason like '%{reason}%'");
        assert_eq!(house.number(Clinical, &row).await, 1, "{reason}");
    }
    assert_eq!(house.number(Clinical, PREPARED).await, 3);
    assert_eq!(house.number(Auth, "select count(*) from txn.decision").await, 0);
    assert_eq!(house.store.counts().quarantined, 3);
    for gid in [old, misplaced, others] {
        house.run(Clinical, Role::Superuser, &format!("rollback prepared '{gid}'")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_kept_decisions_waits_for_a_person() {
    let house = House::open().await;
    let half = gid(&house, Auth, Clinical).await;
    let watermark = format!("insert into txn.gc_watermark values ('m', '{}')", TransactionId::generate());
    house.run(Auth, Role::Owner, &watermark).await;
    prepare(&house, Clinical, &half.to_string(), half.transaction.uuid(), Role::App).await;
    let quarantined = "select count(*) from txn.quarantine where reason like 'older%'";
    until("it is quarantined", async || house.number(Clinical, quarantined).await == 1).await;
    assert_eq!(house.number(Clinical, PREPARED).await, 1);
    house.run(Clinical, Role::Superuser, &format!("rollback prepared '{half}'")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_rolled_back_by_hand_is_found_and_reported() {
    let house = House::open().await;
    let half = gid(&house, Auth, Clinical).await;
    // A commit decision six seconds old whose participant has neither a prepared transaction nor a mark.
    let sql = format!(
        "insert into txn.decision (gtx, verdict, participants, op, instance, decided_by, decided_at)
         values ('{}', 'commit', array['c'], 'test.put', gen_random_uuid(), 'coordinator',
            now() - interval '6 s')",
        half.transaction
    );
    house.run(Auth, Role::Owner, &sql).await;
    let lost =
        format!("select count(*) from txn.quarantine where gid = '{half}' and reason like 'lost branch%'");
    until("it is reported on both sides", async || {
        house.number(Clinical, &lost).await == 1 && house.number(Auth, &lost).await == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_everybody_followed_is_marked_done_although_its_coordinator_died() {
    let house = House::open().await;
    let half = gid(&house, Auth, Clinical).await;
    let applied = format!("insert into txn.applied (gtx, decider) values ('{}', 'm')", half.transaction);
    house.run(Clinical, Role::App, &applied).await;
    let sql = format!(
        "insert into txn.decision (gtx, verdict, participants, op, instance, decided_by, decided_at)
         values ('{}', 'commit', array['c'], 'test.put', gen_random_uuid(), 'coordinator',
            now() - interval '6 s')",
        half.transaction
    );
    house.run(Auth, Role::Owner, &sql).await;
    let open = "select count(*) from txn.decision where done_at is null";
    until("it is done", async || house.number(Auth, open).await == 0).await;
    assert_eq!(house.number(Clinical, "select count(*) from txn.quarantine").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_a_verdict() {
    let house = House::open().await;
    let half = gid(&house, Auth, Clinical).await;
    decide(&house, half, "'c'").await;
    let change = "update txn.decision set verdict = 'abort', decided_by = 'recovery'";
    let mut owner = house.databases.connect(Auth, Role::Owner).await;
    let refused = sqlx::query(change).execute(&mut owner).await.unwrap_err();
    assert_eq!(refused.into_database_error().unwrap().constraint(), Some("decision_never_changes"));
    let mut app = house.databases.connect(Auth, Role::App).await;
    for denied in
        [change, "delete from txn.decision", "truncate txn.decision", "update txn.identity set epoch = 2"]
    {
        let refused = sqlx::query(denied).execute(&mut app).await.unwrap_err();
        assert_eq!(refused.into_database_error().unwrap().code().as_deref(), Some("42501"), "{denied}");
    }
    sqlx::query("update txn.decision set done_at = now()").execute(&mut app).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_killed_at_random_under_load_leave_no_half() {
    let house = House::open().await;
    let another = house.another().await;
    let (mut acknowledged, mut killed) = (0, 0);
    let began = Instant::now();
    let mut working = tokio::task::JoinSet::new();
    for store in [&house.store, &another].into_iter().cycle().take(8) {
        let store = store.clone();
        working.spawn(async move {
            let mut committed = 0;
            while began.elapsed() < LOAD {
                committed += i64::from(store.execute(Put::to(&ALL), context()).await.is_ok());
            }
            committed
        });
    }
    let mut superusers = Vec::new();
    for database in ALL {
        superusers.push(house.above(database).await);
    }
    let one = "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity
        where datname = current_database() and usename = 'salus_app' and application_name = 'salus request'
            and (state = 'active' or state like 'idle in%') order by random() limit 1) victim";
    for above in (0..superusers.len()).cycle() {
        if began.elapsed() >= LOAD {
            break;
        }
        killed += sqlx::query_scalar::<_, i64>(one).fetch_one(&mut superusers[above]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for committed in working.join_all().await {
        acknowledged += committed;
    }
    until("nothing is prepared", async || house.counts().await.iter().all(|count| count.prepared == 0)).await;
    let counts = house.counts().await.map(|count| count.records);
    assert!(killed > 20 && acknowledged > 20, "killed {killed}, acknowledged {acknowledged}");
    assert!(counts[0] == counts[1] && counts[1] == counts[2], "half a transaction: {counts:?}");
    assert!(counts[0] >= acknowledged, "{} of {acknowledged} acknowledged", counts[0]);
    another.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stopped_in_its_pass_holds_nobody_up() {
    let house = House::open().await;
    // The lock of a pass over clinical, as a process holds it that was stopped there.
    let mut stopped = house.databases.connect(Clinical, Role::App).await;
    let lock = "select pg_advisory_lock(x'73616c7573726563'::bigint)";
    sqlx::query(lock).execute(&mut stopped).await.unwrap();
    let half = gid(&house, Auth, Clinical).await;
    prepare(&house, Clinical, &half.to_string(), half.transaction.uuid(), Role::App).await;
    until("it is rolled back", async || house.number(Clinical, PREPARED).await == 0).await;
    assert_eq!(house.store.counts().recovered_abort, 1);
}
