//! Measures how the columns of a segment could be written, on a segment that there is:
//! `cargo run --release -p privyseal-ledger --example layout -- <segment.parquet>`. Writes nothing.

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use arrow::datatypes::Schema;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowFilter, RowSelection,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::PageIndexPolicy;
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use privyseal_ledger::segment::{self, SegmentWriter};

type Failed = Box<dyn Error>;

/// Reads of the same thing, of which the quickest counts: the others tell what else the machine did.
const TIMES: usize = 7;

/// One way to write a column.
struct Choice {
    column: &'static str,
    name: &'static str,
    set: fn(WriterPropertiesBuilder, ColumnPath) -> WriterPropertiesBuilder,
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).unwrap_or_default())
}

fn encoded(builder: WriterPropertiesBuilder, column: ColumnPath, encoding: Encoding) -> WriterPropertiesBuilder {
    builder.set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, encoding)
}

fn choices() -> Vec<Choice> {
    let mut choices = Vec::new();
    let mut add = |column, name, set| choices.push(Choice { column, name, set });
    for column in ["seq", "time", "id", "kind", "actor_id", "actor_kind", "actor_channel", "request_id", "key_id"] {
        add(column, "dictionary", |builder, _| builder);
        add(column, "plain", |builder, column| encoded(builder, column, Encoding::PLAIN));
    }
    for column in ["seq", "time"] {
        add(column, "delta", |builder, column| encoded(builder, column, Encoding::DELTA_BINARY_PACKED));
    }
    for column in ["id", "request_id"] {
        add(column, "delta of prefixes", |builder, column| encoded(builder, column, Encoding::DELTA_BYTE_ARRAY));
        add(column, "delta of lengths", |builder, column| encoded(builder, column, Encoding::DELTA_LENGTH_BYTE_ARRAY));
    }
    add("id", "plain, page statistics", |builder, column| {
        encoded(builder, column.clone(), Encoding::PLAIN).set_column_statistics_enabled(column, EnabledStatistics::Page)
    });
    add("request_id", "dictionary, bloom filter of 1 %", |builder, column| builder.set_column_bloom_filter_fpp(column, 0.01));
    for column in ["leaf", "signature"] {
        add(column, "zstd 1", |builder, column| encoded(builder, column, Encoding::PLAIN));
        add(column, "uncompressed", |builder, column| {
            encoded(builder, column.clone(), Encoding::PLAIN).set_column_compression(column, Compression::UNCOMPRESSED)
        });
    }
    add("entry", "zstd 1", |builder, column| encoded(builder, column, Encoding::PLAIN));
    add("entry", "zstd 3", |builder, column| encoded(builder, column.clone(), Encoding::PLAIN).set_column_compression(column, zstd(3)));
    add("entry", "zstd 1, pages of 256 KiB", |builder, column| {
        encoded(builder, column.clone(), Encoding::PLAIN).set_column_data_page_size_limit(column, 262_144).set_write_batch_size(256)
    });
    add("entry", "delta of lengths, zstd 1", |builder, column| encoded(builder, column, Encoding::DELTA_LENGTH_BYTE_ARRAY));
    choices
}

fn main() -> Result<(), Failed> {
    let path = std::env::args().nth(1).ok_or("usage: layout <segment.parquet>")?;
    let batches: Vec<RecordBatch> = segment::batches(File::open(&path)?, 0)?.collect::<Result<_, _>>()?;
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    say(&format!("{rows} entries, {} bytes", std::fs::metadata(&path)?.len()))?;
    for pages in [20_000, 4_096] {
        say(&format!("\npages of at most {pages} rows"))?;
        for choice in choices() {
            let column = column_of(&batches, choice.column)?;
            let builder = WriterProperties::builder().set_compression(zstd(1)).set_max_row_group_row_count(Some(65_536));
            let builder = builder.set_data_page_row_count_limit(pages);
            // As segments were written at first: no statistics over what is unique.
            let builder = builder.set_column_statistics_enabled(
                ColumnPath::from(choice.column),
                if ["id", "leaf", "signature", "entry"].contains(&choice.column) {
                    EnabledStatistics::None
                } else {
                    EnabledStatistics::Page
                },
            );
            let file = written(&column, (choice.set)(builder, ColumnPath::from(choice.column)).build())?;
            let time = quickest(|| read(&file, None))?;
            say(&format!("{:<14} {:<34} {:>10} bytes   read in {:>7.2} ms", choice.column, choice.name, file.len(), ms(time)))?;
        }
    }
    whole(Path::new(&path))
}

/// The file as it was, and as [`SegmentWriter`] writes it now.
fn whole(path: &Path) -> Result<(), Failed> {
    let old = Bytes::from(std::fs::read(path)?);
    let started = Instant::now();
    let mut writer = SegmentWriter::new()?;
    for rows in segment::read(old.clone())? {
        let entries: Vec<_> = rows?.into_iter().map(|row| row.stored).collect();
        writer.write(&entries)?;
    }
    let new = Bytes::from(writer.finish()?);
    say(&format!("\nread as rows and written again in {:.0} ms", ms(started.elapsed())))?;
    let middle = |column: &str| -> Result<String, Failed> {
        let values: Vec<String> = segment::read(old.clone())?
            .flat_map(|rows| rows.into_iter().flatten())
            .filter_map(|row| if column == "id" { Some(row.typed.id) } else { row.typed.request_id })
            .collect();
        Ok(values.get(values.len() / 2).cloned().unwrap_or_default())
    };
    let (id, request) = (middle("id")?, middle("request_id")?);
    for (name, file) in [("the file as it is", &old), ("written now", &new)] {
        say(&format!("{name}: {} bytes", file.len()))?;
        let columns: [(&str, Option<&[&str]>); 4] = [
            ("kind", Some(&["kind"])),
            ("time, kind, actor_id", Some(&["time", "kind", "actor_id"])),
            ("all typed columns", Some(&["seq", "time", "id", "kind", "actor_id", "actor_kind", "actor_channel", "request_id"])),
            ("everything", None),
        ];
        for (what, columns) in columns {
            say(&format!("  read {what:<24} {:>8.2} ms", ms(quickest(|| read(file, columns))?)))?;
        }
        for (what, column, value) in [
            ("an event by its id", "id", id.as_str()),
            ("a request by its id", "request_id", request.as_str()),
            ("a request that is not there", "request_id", "01f00000-0000-7000-8000-000000000000"),
        ] {
            let mut told = String::new();
            let time = quickest(|| {
                told = find(file, column, value)?;
                Ok(())
            })?;
            say(&format!("  find {what:<28} {:>8.2} ms   {told}", ms(time)))?;
        }
    }
    Ok(())
}

fn column_of(batches: &[RecordBatch], name: &str) -> Result<Vec<RecordBatch>, Failed> {
    let index = segment::schema().index_of(name)?;
    Ok(batches.iter().map(|batch| batch.project(&[index])).collect::<Result<_, _>>()?)
}

fn written(batches: &[RecordBatch], properties: WriterProperties) -> Result<Bytes, Failed> {
    let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
    for batch in batches {
        writer.write(batch)?;
    }
    Ok(writer.into_inner()?.into())
}

fn read(file: &Bytes, columns: Option<&[&str]>) -> Result<(), Failed> {
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(file.clone())?.with_batch_size(segment::BATCH_ROWS);
    if let Some(columns) = columns {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    for batch in builder.build()? {
        std::hint::black_box(batch?);
    }
    Ok(())
}

/// Reads the entries whose column has a value, passing over what statistics and filters rule out. Says what was read.
fn find(file: &Bytes, column: &str, value: &str) -> Result<String, Failed> {
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional))?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata);
    let index = segment::schema().index_of(column)?;
    let (mut groups, mut ranges, mut pages, mut row, mut all) = (Vec::new(), Vec::new(), 0, 0, 0);
    for (number, group) in builder.metadata().row_groups().iter().enumerate() {
        let rows = usize::try_from(group.num_rows())?;
        let locations = builder.metadata().offset_index().and_then(|found| Some(found.get(number)?.get(index)?.page_locations().clone()));
        let locations = locations.unwrap_or_default();
        all += locations.len();
        let inside = group.column(index).statistics().is_none_or(|statistics| {
            statistics.min_bytes_opt().is_none_or(|least| least <= value.as_bytes())
                && statistics.max_bytes_opt().is_none_or(|most| value.as_bytes() <= most)
        });
        let filter = builder.get_row_group_column_bloom_filter(number, index)?;
        if !inside || filter.is_some_and(|filter| !filter.check(&value)) {
            continue;
        }
        groups.push(number);
        let stored = builder.metadata().column_index().and_then(|found| found.get(number)?.get(index));
        for (page, location) in locations.iter().enumerate() {
            let start = usize::try_from(location.first_row_index)?;
            let end = locations.get(page + 1).map_or(Ok(rows), |next| usize::try_from(next.first_row_index))?;
            let holds = match stored {
                Some(ColumnIndexMetaData::BYTE_ARRAY(stored)) => {
                    stored.min_value(page).is_none_or(|least| least <= value.as_bytes())
                        && stored.max_value(page).is_none_or(|most| value.as_bytes() <= most)
                }
                _ => true,
            };
            if holds {
                pages += 1;
                ranges.push(row + start..row + end);
            }
        }
        row += rows;
    }
    let of = builder.metadata().num_row_groups();
    let text = value.to_owned();
    let mask = ProjectionMask::columns(builder.parquet_schema(), [column]);
    let equal = ArrowPredicateFn::new(mask, move |batch| {
        let column = batch.column(0).as_string::<i32>();
        Ok(column.iter().map(|found| Some(found == Some(text.as_str()))).collect::<BooleanArray>())
    });
    let projection = ProjectionMask::columns(builder.parquet_schema(), ["entry"]);
    let (kept, selection) = (groups.len(), RowSelection::from_consecutive_ranges(ranges.into_iter(), row));
    let reader = builder.with_row_groups(groups).with_row_selection(selection).with_projection(projection);
    let mut found = 0;
    for batch in reader.with_row_filter(RowFilter::new(vec![Box::new(equal)])).build()? {
        found += std::hint::black_box(batch?).num_rows();
    }
    Ok(format!("{found} found in {kept} of {of} row groups, {pages} of {all} pages"))
}

fn quickest(mut work: impl FnMut() -> Result<(), Failed>) -> Result<Duration, Failed> {
    let mut best = Duration::MAX;
    for _ in 0..TIMES {
        let started = Instant::now();
        work()?;
        best = best.min(started.elapsed());
    }
    Ok(best)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn say(line: &str) -> Result<(), Failed> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
