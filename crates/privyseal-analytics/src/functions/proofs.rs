//! The tree in SQL: roots, inclusion proofs, and their verification.

use std::sync::Arc;

use arrow::array::{Array, BooleanBuilder, Int64Array, ListArray, ListBuilder, StringArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use privyseal_core::digest::Digest;
use privyseal_core::tree;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::published::Published;

use super::args::{TextColumn, array, bytes, column, downcast};

fn number(column: &Int64Array, row: usize) -> Option<u64> {
    (row < column.len() && column.is_valid(row)).then(|| u64::try_from(column.value(row)).ok()).flatten()
}

/// `root_at(size)`.
pub(super) fn root_at(layout: &Layout, args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [size] = args else { return exec_err!("`root_at` takes a number of entries") };
    let sizes: Int64Array = column(size, rows, &DataType::Int64)?;
    let published = Published::newest(layout);
    let mut roots = StringBuilder::with_capacity(rows, rows * 44);
    for row in 0..rows {
        // Beyond the head there is no root yet; below it, tiles that prove nothing are damaged.
        let wanted = published.as_ref().zip(number(&sizes, row)).filter(|(tree, size)| *size > 0 && *size <= tree.size());
        roots.append_option(wanted.map(|(tree, size)| tree.root(size).map(|root| root.to_string())).transpose().or_else(damaged)?);
    }
    Ok(array(roots.finish()))
}

fn damaged<T>(_: tree::ProofError) -> Result<T> {
    exec_err!("the hash tiles do not prove this: run `privyseal verify`")
}

/// `inclusion_proof(seq, size)`.
pub(super) fn inclusion_proof(layout: &Layout, args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [seq, size] = args else { return exec_err!("`inclusion_proof` takes a position and a number of entries") };
    let (seqs, sizes): (Int64Array, Int64Array) = (column(seq, rows, &DataType::Int64)?, column(size, rows, &DataType::Int64)?);
    let published = Published::newest(layout);
    let mut proofs = ListBuilder::new(StringBuilder::new());
    for row in 0..rows {
        let wanted = number(&seqs, row).zip(number(&sizes, row)).filter(|(seq, size)| seq < size);
        let wanted = published.as_ref().zip(wanted).filter(|(tree, (_, size))| *size <= tree.size());
        let proof = wanted.map(|(tree, (seq, size))| tree.inclusion_proof(seq, size)).transpose().or_else(damaged)?;
        for node in proof.iter().flatten() {
            proofs.values().append_value(node.to_string());
        }
        proofs.append(proof.is_some());
    }
    Ok(array(proofs.finish()))
}

/// `verify_inclusion(leaf, seq, size, root, proof)`.
pub(super) fn verify_inclusion(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [leaf, seq, size, root, proof] = args else {
        return exec_err!("`verify_inclusion` takes a leaf, its position, a number of entries, their root and a proof");
    };
    let leaves = bytes(leaf, rows)?;
    let (seqs, sizes): (Int64Array, Int64Array) = (column(seq, rows, &DataType::Int64)?, column(size, rows, &DataType::Int64)?);
    let roots = TextColumn::of(root, rows)?;
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    let proofs: ListArray = column(proof, rows, &list)?;
    let mut verdicts = BooleanBuilder::with_capacity(rows);
    for row in 0..rows {
        let given = leaves.is_valid(row) && proofs.is_valid(row) && seqs.is_valid(row) && sizes.is_valid(row);
        verdicts.append_option(
            roots
                .get(row)
                .filter(|_| given)
                .map(|root| {
                    let (seq, size) = number(&seqs, row).zip(number(&sizes, row))?;
                    let (leaf, root) = (Digest::from_slice(leaves.value(row))?, root.parse().ok()?);
                    let items: StringArray = downcast(&cast(&proofs.value(row), &DataType::Utf8).ok()?).ok()?;
                    let path: Vec<Digest> = items.iter().map(|item| item?.parse().ok()).collect::<Option<_>>()?;
                    Some(tree::verify_inclusion(&leaf, seq, size, &path, &root))
                })
                .map(|verdict| verdict == Some(true)),
        );
    }
    Ok(array(verdicts.finish()))
}
