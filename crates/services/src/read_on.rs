//! Reading on: a page of what a search finds and a filter that the index does not know lets through.
//!
//! The page is full where there is enough, and has a next one where at least one more was seen. Only where a bound
//! ends the reading may it be short and have a next page all the same, which begins where the reading ended.

use domain::store::{Archive, Body};
use domain::{Context, StoreError};
use fhir::search::Search;

/// Rows that are looked through for one page at the most.
const MOST_ROWS: usize = 2_000;
/// Rows that are asked for at once at the most.
const MOST_AT_ONCE: usize = 250;

/// A page of something, with the way to the next.
#[derive(Clone, Debug)]
pub struct Chosen<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The way to the next.
    pub next: Option<String>,
}

/// A search on its way through what it finds.
pub(crate) struct ReadOn<T> {
    search: Search,
    wanted: usize,
    at_once: usize,
    left: usize,
    /// What was kept, each with the place after it.
    kept: Vec<(T, String)>,
    /// The places after the rows of the step that is under way.
    places: Vec<String>,
}

impl<T> ReadOn<T> {
    /// The search, whose count is what the page should hold.
    pub(crate) fn of(mut search: Search) -> ReadOn<T> {
        search.places = true;
        // One more than the page tells whether there is a next one.
        let at_once = search.count + 1;
        ReadOn {
            wanted: search.count,
            at_once,
            left: MOST_ROWS,
            kept: Vec::new(),
            places: Vec::new(),
            search,
        }
    }

    /// The next rows; none where there are no more, or no more are needed.
    pub(crate) async fn step(
        &mut self,
        archive: &dyn Archive,
        context: &Context,
    ) -> Result<Option<Vec<(String, Body)>>, StoreError> {
        if self.left == 0 || self.kept.len() > self.wanted {
            return Ok(None);
        }
        self.search.count = self.at_once.min(self.left);
        let found = archive.search(context, &self.search).await?;
        // What is rare is looked for in larger steps.
        self.at_once = (self.at_once * 4).min(MOST_AT_ONCE.max(self.wanted + 1));
        self.left = if found.page.next.is_some() { self.left - self.search.count } else { 0 };
        self.search.cursor = found.page.next;
        self.places = found.places;
        Ok(Some(found.page.entries))
    }

    /// Takes what the filter made of the rows of the last step, in their order: none for those that are not wanted.
    pub(crate) fn keep(&mut self, filtered: impl IntoIterator<Item = Option<T>>) {
        let rows = filtered.into_iter().zip(self.places.drain(..));
        self.kept.extend(rows.filter_map(|(item, place)| Some((item?, place))));
    }

    /// The page.
    pub(crate) fn page(mut self) -> Chosen<T> {
        let next = if self.kept.len() > self.wanted {
            self.kept.truncate(self.wanted);
            self.kept.last().map(|(_, place)| place.clone())
        } else {
            self.search.cursor
        };
        Chosen { items: self.kept.into_iter().map(|(item, _)| item).collect(), next }
    }
}
