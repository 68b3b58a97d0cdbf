//! The files of a pack outside `seal/`: pages, tests with their populations, events, and what is needed to do it again.

use privyseal_core::canonical;
use privyseal_core::finding::{AssertionFinding, Item, ItemStatus};
use privyseal_core::report::Document;
use privyseal_ledger::segment::SegmentWriter;
use serde_json::json;

use super::summary::{control_document, summary_document};
use super::{PackError, PackInput};
use crate::pdf::{Attachment, PdfOptions};
use crate::{html, pdf};

type File = (String, Vec<u8>);

pub(super) fn files(input: &PackInput<'_>) -> Result<Vec<File>, PackError> {
    let mut files: Vec<File> = vec![("README.txt".to_owned(), readme(input).into_bytes()), ("00-scope.json".to_owned(), scope(input)?)];
    pages(input, &mut files)?;
    for finding in &input.findings.assertions {
        tests(finding, &mut files)?;
    }
    events(input, &mut files)?;
    for (digest, bytes) in &input.blobs {
        files.push((format!("ledger/blobs/{}", digest.hex()), bytes.clone()));
    }
    files.extend(input.material.iter().cloned());
    Ok(files)
}

fn pages(input: &PackInput<'_>, files: &mut Vec<File>) -> Result<(), PackError> {
    let summary = summary_document(input);
    files.push(("index.html".to_owned(), html::render(&summary)?.into_bytes()));
    let results = canonical::serialize(&json!({
        "period": input.findings.period, "snapshot": input.findings.snapshot, "frameworks": input.findings.frameworks,
    }))?;
    let attachment = Attachment {
        name: "results.json",
        media_type: "application/json",
        description: "The results of this report as data",
        bytes: &results,
    };
    let options = PdfOptions { created: input.findings.period.end, attachments: std::slice::from_ref(&attachment) };
    files.push(("summary.pdf".to_owned(), pdf::render(&summary, &options)?));
    files.push(("results.json".to_owned(), results));
    for framework in &input.findings.frameworks {
        for control in framework.controls.iter().filter(|control| control.strength.is_some()) {
            let document: Document = control_document(input, framework, control);
            let path = format!("controls/{}/{}.html", framework.framework, control.control);
            files.push((path, html::render(&document)?.into_bytes()));
        }
    }
    Ok(())
}

fn tests(finding: &AssertionFinding, files: &mut Vec<File>) -> Result<(), PackError> {
    let folder = format!("tests/{}", finding.assertion);
    let mut run = canonical::to_value(finding)?;
    if let Some(members) = run.as_object_mut() {
        // The query and the population have files of their own.
        members.remove("query");
        members.remove("items");
    }
    files.push((format!("{folder}/query.sql"), finding.query.clone().into_bytes()));
    files.push((format!("{folder}/run.json"), canonical::to_bytes(&run)?));
    files.push((format!("{folder}/population.csv"), table(&finding.items)?));
    for (status, name) in [(ItemStatus::Violation, "exceptions.csv"), (ItemStatus::Indeterminate, "indeterminate.csv")] {
        let rows: Vec<Item> = finding.items.iter().filter(|item| item.status == status).cloned().collect();
        if !rows.is_empty() {
            files.push((format!("{folder}/{name}"), table(&rows)?));
        }
    }
    Ok(())
}

fn table(items: &[Item]) -> Result<Vec<u8>, PackError> {
    let failed = |error: csv::Error| PackError::Table(error.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["item_id", "event_id", "as_of", "status", "reason"]).map_err(failed)?;
    for item in items {
        let status = match item.status {
            ItemStatus::Ok => "ok",
            ItemStatus::Violation => "violation",
            ItemStatus::Indeterminate => "indeterminate",
        };
        let as_of = item.as_of.to_string();
        writer.write_record([&inert(&item.item_id), &inert(&item.event_id), &as_of, status, &inert(&item.reason)]).map_err(failed)?;
    }
    writer.into_inner().map_err(|error| PackError::Table(error.to_string()))
}

/// A cell that a spreadsheet will not take for a formula.
fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// The entries verbatim, one a line; their signatures beside them; and both again as Parquet with typed columns.
fn events(input: &PackInput<'_>, files: &mut Vec<File>) -> Result<(), PackError> {
    let (mut lines, mut signatures) = (Vec::new(), Vec::new());
    let mut parquet = SegmentWriter::new()?;
    for chunk in input.entries.chunks(8_192) {
        for stored in chunk {
            lines.extend_from_slice(&stored.entry);
            lines.push(b'\n');
            if let Some((signature, key_id)) = &stored.signature {
                let line =
                    json!({"seq": stored.seq, "key_id": key_id.to_string(), "signature": privyseal_core::digest::base64url(signature)});
                signatures.extend(canonical::to_bytes(&line)?);
                signatures.push(b'\n');
            }
        }
        parquet.write(chunk)?;
    }
    files.push(("ledger/events.jsonl".to_owned(), lines));
    files.push(("ledger/signatures.jsonl".to_owned(), signatures));
    files.push(("ledger/events.parquet".to_owned(), parquet.finish()?));
    Ok(())
}

fn scope(input: &PackInput<'_>) -> Result<Vec<u8>, PackError> {
    let findings = input.findings;
    let frameworks: Vec<_> = findings
        .frameworks
        .iter()
        .map(|framework| {
            let evidenced = framework.controls.iter().filter(|control| control.strength.is_some()).count();
            json!({
                "framework": framework.framework, "name": framework.name, "catalog_version": framework.catalog_version,
                "catalog_digest": framework.catalog_digest, "controls": framework.controls.len(), "controls_evidenced": evidenced,
            })
        })
        .collect();
    let parameters: serde_json::Map<_, _> =
        findings.assertions.iter().map(|finding| (finding.assertion.clone(), finding.parameters.clone().into())).collect();
    Ok(canonical::to_bytes(&json!({
        "log": input.log, "period": findings.period, "snapshot": findings.snapshot, "engine": findings.engine,
        "frameworks": frameworks, "parameters": parameters,
    }))?)
}

fn readme(input: &PackInput<'_>) -> String {
    let findings = input.findings;
    let names: Vec<&str> = findings.frameworks.iter().map(|framework| framework.name.as_str()).collect();
    format!(
        "Privyseal evidence pack\n\
         =======================\n\n\
         Frameworks  {}\n\
         Period      from {} up to, not including, {}\n\
         Log         {}\n\
         Snapshot    {} entries, root {}\n\n\
         Verify it\n---------\n\
         privyseal verify THIS-FILE.zip\n\n\
         It needs no network and no account. It checks that every byte of the pack is under the seal, that the events are a prefix of\n\
         the signed log without gap or change, that every decision is signed, and that every passkey approval verifies with the key\n\
         that the person had enrolled. Add --trusted-key with the log's first key as you know it from elsewhere: without it the pack\n\
         can only prove that it is consistent, not who wrote it.\n\n\
         What is in it\n-------------\n\
         index.html, summary.pdf      the report; results.json holds the same as data\n\
         controls/                    one page for each control that these events can evidence\n\
         tests/ID/                    query.sql, run.json, population.csv with every item, exceptions.csv, indeterminate.csv\n\
         ledger/events.jsonl          every event of the log up to the end of the period, verbatim, one a line\n\
         ledger/signatures.jsonl      signatures of decision events, over SHA-256 leaf hashes\n\
         ledger/events.parquet        the same events with typed columns\n\
         ledger/blobs/                policy and catalog files that events name by digest\n\
         material/                    catalogs and SQL views, so that every number can be computed again\n\
         seal/                        manifest, its signature, the signed head of the log, and the proof that joins them\n\n\
         What the states mean\n--------------------\n{}\n\
         What it does not claim\n----------------------\n\
         It states what was tested and what was found. It is no opinion on whether a control or a framework is met; that is the\n\
         auditor's. A control that these events cannot evidence is listed as such. Outside witnesses are not part of this log: without\n\
         a witness, whoever holds database and key can rewrite unseen.\n",
        names.join(", "),
        findings.period.start,
        findings.period.end,
        input.log,
        findings.snapshot.size,
        findings.snapshot.root.hex(),
        privyseal_core::finding::TestState::ALL.map(|state| format!("{:<16} {}\n", state.label(), state.meaning())).concat(),
    )
}
