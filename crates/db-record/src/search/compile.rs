//! From a search to SQL: one typed plan, every value bound.
//!
//! A search is answered by one or two disjoint *branches* (a main code and, where a resource carries the code as a
//! further coding, its token), each an index probe in sort order that stops at the page's end; their union is sorted
//! again and cut. Predicates that the driving index does not hold are filters on the few rows it gives.

use chrono::{DateTime, Utc};
use fhir::date::{DateComparison, Prefix};
use fhir::search::{Filter, Search, SortKey, TokenValue};
use kernel::{Database, Tenant};
use seal::TenantKeys;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments, Encode, Postgres, Type};

use super::cursor::{Cursor, CursorKey};
use crate::prepare::{main_code, token};
use fhir::definitions::parameters::{CODE, IDENTIFIER};

/// A statement and its values.
pub(crate) struct Statement {
    pub sql: String,
    pub arguments: PgArguments,
}

/// A column that a search can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time(&'static str),
    Id,
}

/// The order of a search's rows. Ties are broken by the rid, in the direction of the last key; by none after `_id`,
/// which is unique.
struct Order {
    keys: Vec<(Column, bool)>,
    /// Without keys, newest first: whether to hide from the planner that the primary key has this order. It must not
    /// walk through other organizations' records in the hope of meeting a match.
    computed: bool,
}

impl Order {
    fn of(search: &Search) -> Order {
        let mut keys = Vec::with_capacity(search.sort.len());
        for (key, descending) in &search.sort {
            let column = match key {
                SortKey::Date(_) => Column::Time("date_low"),
                SortKey::LastUpdated => Column::Time("last_updated"),
                SortKey::Id => Column::Id,
            };
            keys.push((column, *descending));
            if column == Column::Id {
                break;
            }
        }
        Order { keys, computed: salted(search) }
    }

    fn clause(&self) -> String {
        let mut terms: Vec<String> = self
            .keys
            .iter()
            .map(|(column, descending)| match column {
                Column::Time(name) => format!("{name} {}", direction(*descending)),
                // The pattern operators' order, which the index has, is that of the bytes.
                Column::Id => format!("fhir_id using {}", if *descending { "~>~" } else { "~<~" }),
            })
            .collect();
        match self.keys.last() {
            Some((Column::Id, _)) => {}
            Some((Column::Time(_), descending)) => terms.push(format!("rid {}", direction(*descending))),
            None if self.computed => terms.push("rid + 0 desc".to_owned()),
            None => terms.push("rid desc".to_owned()),
        }
        terms.join(", ")
    }
}

fn direction(descending: bool) -> &'static str {
    if descending { "desc" } else { "asc" }
}

/// How deep the newest records of a type are looked through before the token index is asked: where matches are dense
/// the page is full long before, and where they are not, this costs a few milliseconds.
const WALK_ROWS: usize = 5_000;

/// Writes one statement.
struct Writer<'s> {
    search: &'s Search,
    database: Database,
    tenant: Tenant,
    keys: &'s TenantKeys,
    arguments: PgArguments,
    failed: bool,
}

impl Writer<'_> {
    /// Binds a value; gives its placeholder.
    fn bind<'q, T>(&mut self, value: T) -> String
    where
        T: Encode<'q, Postgres> + Type<Postgres>,
    {
        if self.arguments.add(value).is_err() {
            self.failed = true;
        }
        format!("${}", self.arguments.len())
    }

    /// The rid, or rids, of the patients with these ids, as this database knows them.
    fn patients(&mut self, ids: &[String]) -> String {
        let tenant = self.bind(self.tenant.number());
        let ids_bound = self.bind(ids.to_vec());
        let rids = if self.database == Database::Clinical {
            format!(
                "select a.rid from record.patient_anchor a where a.tenant = {tenant} and a.fhir_id = any({ids_bound})"
            )
        } else {
            let patient = self.bind(fhir::ResourceType::Patient.number());
            format!(
                "select p.rid from record.resource p where p.tenant = {tenant} and p.type = {patient} and p.fhir_id = any({ids_bound})"
            )
        };
        // One patient is a scalar, so that the index also gives the order.
        if ids.len() == 1 {
            format!("r.patient = ({rids})")
        } else {
            format!("r.patient = any(array({rids}))")
        }
    }

    /// A comparison of `[low, high]` columns with the searched range (FHIR R4 search, section 3.1.1.4.7: "Prefixes").
    fn date(&mut self, comparison: &DateComparison, low: &str, high: &str) -> String {
        let from = self.bind(comparison.low);
        let to = self.bind(comparison.high);
        let inside = format!("{low} >= {from} and {low} <= {to} and {high} <= {to}");
        // A resource without the date has the range -infinity, which must not be "before" anything.
        let present = format!("{low} > '-infinity'");
        match comparison.prefix {
            Prefix::Equal => format!("({inside})"),
            Prefix::NotEqual => format!("({present} and not ({inside}))"),
            Prefix::Greater => format!("({high} > {to})"),
            Prefix::Less => format!("({present} and {low} < {from})"),
            Prefix::GreaterOrEqual => format!("({high} >= {from} and ({high} > {to} or {low} >= {from}))"),
            Prefix::LessOrEqual => {
                format!("({present} and {low} <= {to} and ({low} < {from} or {high} <= {to}))")
            }
            Prefix::StartsAfter => format!("({low} > {to})"),
            Prefix::EndsBefore => format!("({present} and {high} < {from})"),
            Prefix::Approximate => {
                let wide = comparison.widened(Utc::now());
                let (early, late) = (self.bind(wide.low), self.bind(wide.high));
                format!("({high} >= {early} and {low} <= {late})")
            }
        }
    }

    fn any_date(&mut self, comparisons: &[DateComparison], low: &str, high: &str) -> String {
        let any: Vec<String> = comparisons.iter().map(|it| self.date(it, low, high)).collect();
        if any.len() == 1 { any.join("") } else { format!("({})", any.join(" or ")) }
    }

    /// Alternatives over the token array.
    fn tokens(&mut self, filter: &Filter) -> String {
        let alternatives: Vec<Vec<i64>> = fhir::extract::terms(filter)
            .unwrap_or_default()
            .iter()
            .map(|terms| terms.iter().map(|term| token(self.keys, self.search.resource_type, term)).collect())
            .collect();
        if alternatives.len() > 1 && alternatives.iter().all(|tokens| tokens.len() == 1) {
            let any = self.bind(alternatives.concat());
            return format!("r.tokens && {any}");
        }
        let any: Vec<String> = alternatives
            .into_iter()
            .map(|tokens| {
                let all = self.bind(tokens);
                format!("r.tokens @> {all}")
            })
            .collect();
        if any.len() == 1 { any.join("") } else { format!("({})", any.join(" or ")) }
    }

    /// All predicates but the one that branches.
    fn predicates(&mut self, branching: Option<usize>) -> Vec<String> {
        let search = self.search;
        let mut predicates = Vec::new();
        for (i, filter) in search.filters.iter().enumerate() {
            if Some(i) == branching {
                continue;
            }
            predicates.push(match filter {
                Filter::Id(ids) => {
                    let ids = self.bind(ids.clone());
                    format!("r.fhir_id = any({ids})")
                }
                Filter::LastUpdated(any) => self.any_date(any, "r.last_updated", "r.last_updated"),
                Filter::Date(any) => self.any_date(any, "r.date_low", "r.date_high"),
                Filter::Patient(ids) => self.patients(ids),
                Filter::Token { .. } | Filter::Reference { .. } | Filter::String { .. } => {
                    self.tokens(filter)
                }
                Filter::Without { .. } => {
                    let none: Vec<i64> = fhir::extract::lacked(filter)
                        .iter()
                        .map(|term| token(self.keys, search.resource_type, term))
                        .collect();
                    let none = self.bind(none);
                    format!("not (r.tokens && {none})")
                }
            });
        }
        predicates
    }

    /// The predicate that the cursor adds: what comes after its row. None where the cursor is of another sort.
    fn after(&mut self, order: &Order, cursor: &Cursor) -> Option<String> {
        if order.keys.len() != cursor.keys.len() {
            return None;
        }
        let mut terms = Vec::with_capacity(order.keys.len() + 1);
        for ((column, descending), value) in order.keys.iter().zip(&cursor.keys) {
            terms.push(match (column, value) {
                (Column::Time(name), CursorKey::Time(micros)) => {
                    let value = match micros {
                        // A row without the date.
                        None => "'-infinity'::timestamptz".to_owned(),
                        Some(micros) => self.bind(DateTime::from_timestamp_micros(*micros)?),
                    };
                    (format!("r.{name}"), if *descending { "<" } else { ">" }, value)
                }
                (Column::Id, CursorKey::Id(id)) => {
                    let value = self.bind(id.clone());
                    ("r.fhir_id".to_owned(), if *descending { "~<~" } else { "~>~" }, value)
                }
                (Column::Time(_), CursorKey::Id(_)) | (Column::Id, CursorKey::Time(_)) => return None,
            });
        }
        if !matches!(order.keys.last(), Some((Column::Id, _))) {
            let descending = order.keys.last().is_none_or(|(_, descending)| *descending);
            let rid = self.bind(cursor.rid);
            terms.push(("r.rid".to_owned(), if descending { "<" } else { ">" }, rid));
        }
        Some(match terms.as_slice() {
            [(column, after, value)] => format!("{column} {after} {value}"),
            // One comparison of rows can be an index condition.
            [(first, after, value), (second, same, rid)] if after == same => {
                format!("({first}, {second}) {after} ({value}, {rid})")
            }
            terms => {
                let later = terms.iter().enumerate().map(|(i, (column, after, value))| {
                    let mut all: Vec<String> =
                        terms[..i].iter().map(|(column, _, value)| format!("{column} = {value}")).collect();
                    all.push(format!("{column} {after} {value}"));
                    all.join(" and ")
                });
                format!("(({}))", later.collect::<Vec<_>>().join(") or ("))
            }
        })
    }

    /// Tenant and type, where the driving index starts with them or nothing else says them.
    fn tenant_and_type(&mut self) -> String {
        let tenant = self.bind(self.tenant.number());
        let kind = self.bind(self.search.resource_type.number());
        format!("r.tenant = {tenant} and r.type = {kind}")
    }
}

/// The index of the filter on the main code by a single `system|code`, and that value.
fn single_code(search: &Search) -> Option<(usize, &TokenValue)> {
    search.filters.iter().enumerate().find_map(|(i, filter)| match filter {
        Filter::Token { parameter, any } if *parameter == CODE => match any.as_slice() {
            [value @ TokenValue::SystemCode(..)] => Some((i, value)),
            _ => None,
        },
        _ => None,
    })
}

/// Whether hashes salted with tenant and type already name them, so that they need not be compared again.
fn salted(search: &Search) -> bool {
    search.filters.iter().any(|filter| {
        matches!(filter, Filter::Token { .. } | Filter::Reference { .. } | Filter::String { .. })
    })
}

/// What is wanted of the matching rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// A page of this many rows.
    Rows(usize),
    /// A page out of the newest [`WALK_ROWS`] rows of the type.
    NewestRows(usize),
    /// Their number.
    Count,
}

/// Whether looking through the newest records first pays: all filters are codes that many records may share, nothing
/// narrower drives, and the order is the default.
pub(crate) fn walk_pays(search: &Search) -> bool {
    let common =
        |filter: &Filter| matches!(filter, Filter::Token { parameter, .. } if *parameter != IDENTIFIER);
    search.sort.is_empty() && !search.filters.is_empty() && search.filters.iter().all(common)
}

/// Compiles the search. None where a value cannot be bound, or where the cursor is of another sort.
pub(crate) fn compile(
    search: &Search,
    database: Database,
    tenant: Tenant,
    keys: &TenantKeys,
    cursor: Option<&Cursor>,
    want: Want,
) -> Option<Statement> {
    let mut writer =
        Writer { search, database, tenant, keys, arguments: PgArguments::default(), failed: false };
    let order = Order::of(search);
    let code = single_code(search);
    let mut shared = writer.predicates(code.map(|(i, _)| i));
    if let Some(cursor) = cursor {
        shared.push(writer.after(&order, cursor)?);
    }
    let mut branches: Vec<Vec<String>> = match code {
        None => vec![Vec::new()],
        Some((_, value)) => {
            let TokenValue::SystemCode(system, code) = value else { return None };
            let main = writer.bind(main_code(keys, search.resource_type, system, code));
            let further = fhir::extract::further_code(CODE, value)?;
            let further = writer.bind(vec![token(keys, search.resource_type, &further)]);
            vec![vec![format!("r.code = {main}")], vec![format!("r.tokens @> {further}")]]
        }
    };
    // A patient's records are found by patient and type.
    let by_patient = search.filters.iter().any(|filter| matches!(filter, Filter::Patient(_)));
    if !salted(search) || by_patient {
        let own = writer.tenant_and_type();
        branches.iter_mut().for_each(|branch| branch.insert(0, own.clone()));
    }
    let sql = match want {
        Want::Count => {
            let counts = branches.iter().map(|branch| {
                format!("(select count(*) from record.resource r where {})", conjunction(branch, &shared))
            });
            format!("select {} as total", counts.collect::<Vec<_>>().join(" + "))
        }
        Want::Rows(rows) => {
            let columns = "r.rid, r.fhir_id, r.version, r.patient, r.last_updated, r.date_low, r.body";
            let limit = writer.bind(i64::try_from(rows).ok()?);
            let selects = branches.iter().map(|branch| {
                format!(
                    "(select {columns} from record.resource r where {} order by {} limit {limit})",
                    conjunction(branch, &shared),
                    order.clause()
                )
            });
            let union = selects.collect::<Vec<_>>().join(" union all ");
            format!(
                "select rid, fhir_id, version, patient, last_updated, nullif(date_low, '-infinity') as main_date, body \
                 from ({union}) as r order by {} limit {limit}",
                order.clause()
            )
        }
        Want::NewestRows(rows) => {
            let own = writer.tenant_and_type();
            let limit = writer.bind(i64::try_from(rows).ok()?);
            let walked = match cursor {
                Some(cursor) => format!("and {}", writer.after(&order, cursor)?),
                None => String::new(),
            };
            if !branches[0].is_empty() {
                shared.push(format!("({})", branches.concat().join(" or ")));
            }
            let filters = shared.join(" and ");
            format!(
                "select rid, fhir_id, version, patient, last_updated, nullif(date_low, '-infinity') as main_date, body from ( \
                 select * from record.resource r where not r.deleted and {own} {walked} order by rid desc limit {WALK_ROWS} \
                 ) as r where {filters} order by rid desc limit {limit}"
            )
        }
    };
    (!writer.failed).then_some(Statement { sql, arguments: writer.arguments })
}

fn conjunction(branch: &[String], shared: &[String]) -> String {
    let mut all = vec!["not r.deleted".to_owned()];
    all.extend(branch.iter().cloned());
    all.extend(shared.iter().cloned());
    all.join(" and ")
}
