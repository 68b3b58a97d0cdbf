//! Members that were taken out of sealed entries once, kept as columns for the statements that come after.
//!
//! Most of the time of a statement about JSON goes into unpacking entries and finding members in them. A segment never changes and its
//! SHA-256 was compared before it was read, so what was taken out stays true for as long as the process lives. It is kept in memory only:
//! a copy on disk would be one more thing that an auditor had to trust.
//!
//! Members are kept per column, and when room is short the column goes that was asked for longest ago. What a statement itself has
//! brought makes no room for more of it: a column that does not fit is kept as far as it does, instead of being thrown out while it is
//! read from the front.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::cast::AsArray as _;
use arrow::array::{Array, ArrayRef, new_empty_array};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use privyseal_core::digest::Digest;

/// The columns.
pub(crate) struct Kept {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: usize,
    /// Counts statements.
    newest: u64,
    columns: HashMap<Column, Values>,
}

/// Which rows of a part, and what of each.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Column {
    rows: Arc<str>,
    member: Arc<str>,
}

#[derive(Default)]
struct Values {
    /// The statement that used it last.
    used: u64,
    bytes: usize,
    parts: HashMap<PartKey, ArrayRef>,
}

/// A stretch of a segment, by the segment's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PartKey {
    pub(super) segment: Digest,
    pub(super) start: u64,
}

/// What one pass over the log wants of each entry.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    columns: Vec<(Column, DataType)>,
    statement: u64,
}

impl Kept {
    /// Room for so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and a part more or less does no harm.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pass begins that wants these members of the rows that satisfy a predicate.
    pub(super) fn wanted(&self, rows: &Arc<str>, members: impl Iterator<Item = (String, DataType)>) -> Wanted {
        let mut state = self.state();
        state.newest += 1;
        let columns = members.map(|(member, kind)| (Column { rows: Arc::clone(rows), member: member.into() }, kind)).collect();
        Wanted { columns, statement: state.newest }
    }

    /// The members of a part; none when one of them is not here.
    pub(super) fn get(&self, wanted: &Wanted, part: PartKey) -> Option<Vec<ArrayRef>> {
        let mut state = self.state();
        let kept = wanted.columns.iter().map(|(column, _)| {
            let values = state.columns.get_mut(column)?;
            values.used = values.used.max(wanted.statement);
            values.parts.get(&part).map(Arc::clone)
        });
        kept.collect()
    }

    /// Keeps the members of a part, as far as there is room. `batches` hold those of the part's rows in order.
    pub(super) fn put(&self, wanted: &Wanted, part: PartKey, batches: &[Vec<ArrayRef>]) -> Result<()> {
        for (place, (column, kind)) in wanted.columns.iter().enumerate() {
            let pieces: Vec<&dyn Array> = batches.iter().filter_map(|batch| batch.get(place)).map(AsRef::as_ref).collect();
            // A part without such rows is remembered as that.
            let values = if pieces.is_empty() { new_empty_array(kind) } else { compact(concat(&pieces)?) };
            self.state().put(self.most, column, wanted.statement, part, values);
        }
        Ok(())
    }
}

impl State {
    fn put(&mut self, most: usize, column: &Column, statement: u64, part: PartKey, array: ArrayRef) {
        let bytes = array.get_array_memory_size();
        while self.bytes.saturating_add(bytes) > most {
            let oldest = self.columns.iter().filter(|(_, values)| values.used < statement).min_by_key(|(_, values)| values.used);
            let Some(oldest) = oldest.map(|(column, _)| column.clone()) else { return };
            let gone = self.columns.remove(&oldest).map_or(0, |values| values.bytes);
            self.bytes = self.bytes.saturating_sub(gone);
        }
        let values = self.columns.entry(column.clone()).or_default();
        values.used = values.used.max(statement);
        let before = values.parts.insert(part, array).map_or(0, |before| before.get_array_memory_size());
        values.bytes = (values.bytes + bytes).saturating_sub(before);
        self.bytes = (self.bytes + bytes).saturating_sub(before);
    }
}

/// The values without room to spare.
fn compact(values: ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Utf8View => Arc::new(values.as_string_view().gc()),
        _ => values,
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Kept").field("columns", &state.columns.len()).field("bytes", &state.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewArray;

    use super::*;

    fn part(start: u64) -> PartKey {
        PartKey { segment: Digest::of(b"segment"), start }
    }

    fn wanted(kept: &Kept, rows: &str, members: &[&str]) -> Wanted {
        kept.wanted(&rows.into(), members.iter().map(|member| ((*member).to_owned(), DataType::Utf8View)))
    }

    /// So many texts of twenty bytes.
    fn texts(count: usize) -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values((0..count).map(|number| format!("{number:020}"))))
    }

    #[test]
    fn all_members_are_here_or_none() {
        let kept = Kept::new(1 << 20);
        let one = wanted(&kept, "a", &["x"]);
        kept.put(&one, part(0), &[vec![texts(3)], vec![texts(2)]]).unwrap();
        assert_eq!(kept.get(&one, part(0)).unwrap()[0].len(), 5);
        assert!(kept.get(&one, part(16)).is_none(), "another part");
        assert!(kept.get(&wanted(&kept, "b", &["x"]), part(0)).is_none(), "other rows");
        assert!(kept.get(&wanted(&kept, "a", &["x", "y"]), part(0)).is_none(), "another member");
        let nothing = wanted(&kept, "c", &["x"]);
        kept.put(&nothing, part(0), &[]).unwrap();
        assert!(kept.get(&nothing, part(0)).unwrap()[0].is_empty(), "that there are no rows is known too");
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_never_what_is_used_now() {
        let size = compact(texts(100)).get_array_memory_size();
        let kept = Kept::new(3 * size);
        let (old, newer) = (wanted(&kept, "a", &["old"]), wanted(&kept, "a", &["newer"]));
        kept.put(&old, part(0), &[vec![texts(100)]]).unwrap();
        kept.put(&newer, part(0), &[vec![texts(100)]]).unwrap();
        let again = wanted(&kept, "a", &["old"]);
        assert!(kept.get(&again, part(0)).is_some());
        let large = wanted(&kept, "a", &["large"]);
        for start in 0..10 {
            kept.put(&large, part(start), &[vec![texts(100)]]).unwrap();
            assert!(kept.state().bytes <= 3 * size);
        }
        assert!(kept.get(&newer, part(0)).is_none() && kept.get(&again, part(0)).is_none());
        let here = (0..10).filter(|start| kept.get(&large, part(*start)).is_some()).collect::<Vec<_>>();
        assert_eq!(here, [0, 1, 2], "a column that is larger than the room is kept from its front");
    }
}
