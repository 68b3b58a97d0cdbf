//! The files of a pack outside `seal/`: pages, tests with their populations, events, and what is needed to do it again.

use privyseal_core::canonical;
use privyseal_core::finding::AssertionFinding;
use privyseal_core::report::Document;
use serde_json::json;

use super::summary::{control_document, summary_document};
use super::{Content, PackError, PackInput, Waiting};
use crate::pdf::{Attachment, PdfOptions};
use crate::{html, pdf};

/// Every file that depends on nothing but the findings and what was given.
pub(super) fn files(input: &PackInput<'_>) -> Result<Waiting, PackError> {
    let mut files = Waiting::new();
    let mut add = |path: String, bytes: Vec<u8>| drop(files.insert(path, Content::Bytes(bytes)));
    add("README.txt".to_owned(), readme(input).into_bytes());
    add("00-scope.json".to_owned(), scope(input)?);
    pages(input, &mut add)?;
    for finding in &input.findings.assertions {
        tests(finding, &mut add)?;
    }
    for (path, bytes) in &input.material {
        add(path.clone(), bytes.clone());
    }
    for finding in &input.findings.assertions {
        for (name, file) in input.populations.files(&finding.assertion)? {
            files.insert(format!("tests/{}/{name}", finding.assertion), Content::Disk(file));
        }
    }
    Ok(files)
}

fn pages(input: &PackInput<'_>, add: &mut dyn FnMut(String, Vec<u8>)) -> Result<(), PackError> {
    let summary = summary_document(input);
    add("index.html".to_owned(), html::render(&summary)?.into_bytes());
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
    add("summary.pdf".to_owned(), pdf::render(&summary, &options)?);
    add("results.json".to_owned(), results);
    for framework in &input.findings.frameworks {
        for control in framework.controls.iter().filter(|control| control.strength.is_some()) {
            let document: Document = control_document(input, framework, control);
            let path = format!("controls/{}/{}.html", framework.framework, control.control);
            add(path, html::render(&document)?.into_bytes());
        }
    }
    Ok(())
}

fn tests(finding: &AssertionFinding, add: &mut dyn FnMut(String, Vec<u8>)) -> Result<(), PackError> {
    let folder = format!("tests/{}", finding.assertion);
    let mut run = canonical::to_value(finding)?;
    if let Some(members) = run.as_object_mut() {
        // The query and the population have files of their own.
        members.remove("query");
        members.remove("items");
    }
    add(format!("{folder}/query.sql"), finding.query.clone().into_bytes());
    add(format!("{folder}/run.json"), canonical::to_bytes(&run)?);
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
         ledger/events/N.jsonl        every event of the log up to the end of the period, verbatim, one a line, from entry N on\n\
         ledger/events/N.parquet      the same events with typed columns\n\
         ledger/events/N.signatures.jsonl   signatures of decision events, over SHA-256 leaf hashes\n\
         ledger/files/                policy and catalog files that events name by digest\n\
         ledger/keys.json             the log's keys, and what became of them\n\
         ledger/period.json           both edges of the period as trees: the entries between them are all there\n\
         trace/                       the event behind each item that did not pass, its proof, and what belongs to its request\n\
         material/                    catalogs and SQL views, so that every number can be computed again\n\
         seal/                        manifest, its signature, signed heads of the log, and the proof that joins them\n\n\
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
