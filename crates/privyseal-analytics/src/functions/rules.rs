//! What policy required, in SQL: requirement expressions are matched by the same code that decided.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, BooleanBuilder, Int64Array, ListArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use privyseal_core::digest::Digest;
use privyseal_core::id::Role;
use privyseal_core::requirement::{Candidate, Requirement};
use privyseal_ledger::layout::Layout;

use super::args::{TextColumn, array, column, downcast};

/// A column of lists of texts.
struct TextLists(ListArray);

impl TextLists {
    fn of(value: &ColumnarValue, rows: usize) -> Result<Self> {
        let list = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
        Ok(Self(column(value, rows, &list)?))
    }

    fn get(&self, row: usize) -> Option<Vec<String>> {
        if self.0.is_null(row) {
            return None;
        }
        let items = self.0.value(row);
        let items: StringArray = cast(&items, &DataType::Utf8).ok().and_then(|items| downcast(&items).ok())?;
        Some(items.iter().flatten().map(str::to_owned).collect())
    }
}

/// `requirement_names(requirement, principal, roles)`: whether this principal, with these roles, can fill some slot.
pub(super) fn requirement_names(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [requirement, principal, roles] = args else {
        return exec_err!("`requirement_names` takes a requirement, a principal and the roles held");
    };
    let (requirements, principals, roles) =
        (TextColumn::of(requirement, rows)?, TextColumn::of(principal, rows)?, TextLists::of(roles, rows)?);
    let mut verdicts = BooleanBuilder::with_capacity(rows);
    for row in 0..rows {
        verdicts.append_option(requirements.get(row).zip(principals.get(row)).and_then(|(requirement, principal)| {
            let requirement: Requirement = requirement.parse().ok()?;
            Some(requirement.mentions(&candidate(principal, roles.get(row).unwrap_or_default())?))
        }));
    }
    Ok(array(verdicts.finish()))
}

/// `requirement_filled(requirement, slots)`: whether some alternative of the requirement is filled completely by these slots.
pub(super) fn requirement_filled(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [requirement, slots] = args else { return exec_err!("`requirement_filled` takes a requirement and a list of slots") };
    let (requirements, slots) = (TextColumn::of(requirement, rows)?, TextLists::of(slots, rows)?);
    let mut verdicts = BooleanBuilder::with_capacity(rows);
    for row in 0..rows {
        verdicts.append_option(requirements.get(row).zip(slots.get(row)).and_then(|(requirement, filled)| {
            let requirement: Requirement = requirement.parse().ok()?;
            Some(requirement.is_none() || requirement.alternatives().iter().any(|slots| covers(slots, &filled)))
        }));
    }
    Ok(array(verdicts.finish()))
}

fn covers(slots: &[privyseal_core::requirement::Slot], filled: &[String]) -> bool {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for slot in filled {
        *counts.entry(slot.as_str()).or_default() += 1;
    }
    slots.iter().all(|slot| {
        let names: Vec<String> = slot.of.iter().map(ToString::to_string).collect();
        counts.get(names.join("|").as_str()).is_some_and(|count| *count >= slot.count)
    })
}

/// `slot_fits(slot, principal, roles)`: whether this principal, with these roles, may fill the slot.
pub(super) fn slot_fits(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [slot, principal, roles] = args else { return exec_err!("`slot_fits` takes a slot, a principal and the roles held") };
    let (slots, principals, roles) = (TextColumn::of(slot, rows)?, TextColumn::of(principal, rows)?, TextLists::of(roles, rows)?);
    let mut verdicts = BooleanBuilder::with_capacity(rows);
    for row in 0..rows {
        verdicts.append_option(slots.get(row).zip(principals.get(row)).and_then(|(slot, principal)| {
            let requirement: Requirement = format!("1 of {slot}").parse().ok()?;
            Some(requirement.mentions(&candidate(principal, roles.get(row).unwrap_or_default())?))
        }));
    }
    Ok(array(verdicts.finish()))
}

fn candidate(principal: &str, roles: Vec<String>) -> Option<Candidate> {
    let roles: BTreeSet<Role> = roles.iter().filter_map(|role| role.parse().ok()).collect();
    // Only roles and the account decide about slots; the person behind it plays no part here.
    Some(Candidate { person: principal.parse().ok()?, principal: principal.parse().ok()?, roles })
}

/// `never_overlaps(view, key, from_seq, before_to_seq)`: true, or an error. The views over time say so about themselves where their SQL
/// alone does not make it certain: a forged log must not multiply rows.
pub(super) fn never_overlaps(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [view, key, from, before] = args else {
        return exec_err!("`never_overlaps` takes a view, a key, where the row begins and where the row before it ended");
    };
    let (views, keys) = (TextColumn::of(view, rows)?, TextColumn::of(key, rows)?);
    let (from, before): (Int64Array, Int64Array) = (column(from, rows, &DataType::Int64)?, column(before, rows, &DataType::Int64)?);
    let mut verdicts = BooleanBuilder::with_capacity(rows);
    for row in 0..rows {
        if from.is_valid(row) && before.is_valid(row) && before.value(row) > from.value(row) {
            let (view, key) = (views.get(row).unwrap_or("?"), keys.get(row).unwrap_or("?").escape_debug());
            return exec_err!(
                "the view `{view}` cannot be built: `{key}` begins again at entry {} before it ended; run `privyseal verify`",
                from.value(row)
            );
        }
        verdicts.append_value(true);
    }
    Ok(array(verdicts.finish()))
}

/// `blob_kept(digest)`: whether the ledger still has the file with this digest.
pub(super) fn blob_kept(layout: &Layout, args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [digest] = args else { return exec_err!("`blob_kept` takes a digest") };
    let digests = TextColumn::of(digest, rows)?;
    let mut verdicts = BooleanBuilder::with_capacity(digests.len());
    for row in 0..digests.len() {
        let digest: Option<Digest> = digests.get(row).and_then(|text| text.parse().ok());
        verdicts.append_option(digest.map(|digest| layout.blob(&digest).is_file()));
    }
    digests.result(Arc::new(verdicts.finish()))
}
