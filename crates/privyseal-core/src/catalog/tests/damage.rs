//! A small catalog, damaged in every way we could think of and in many that we could not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::catalog::Catalogs;

/// A catalog of three controls and a profile of two of them.
fn small() -> BTreeMap<String, String> {
    let catalog = |id: &str, more: &str, controls: u8| {
        format!(
            "id = \"{id}\"\nurn = \"urn:x:{id}\"\nname = \"{id}\"\nversion = \"1\"\ndate = \"2026-11-23\"\nprovider = \"x\"\n{more}controls = {controls}\nnote = \"\"\n"
        )
    };
    let assertion = |id: &str| {
        format!(
            "[[assertion]]\nid = \"{id}\"\ngroup = \"decision\"\ntitle = \"t\"\npopulation = \"p\"\nviolation = \"v\"\nindeterminate = \"\"\n"
        )
    };
    let parameters = "[assertion.parameters]\nmin_chars = { default = 20, meaning = \"m\" }\n";
    [
        ("controls/README.md", "# Controls\n".to_owned()),
        ("controls/assertions.toml", format!("{}{parameters}{}", assertion("D01"), assertion("D02"))),
        ("controls/base/catalog.toml", catalog("base", "mapped = 2\n", 3)),
        ("controls/base/controls.csv", "id,title,group\nC1,One,G\nC2,\"Two, and\",G\nC3,Three,H\n".to_owned()),
        ("controls/base/map.csv", "control_id,strength,assertions\nC1,direct,D01 D02\nC3,partial,D02\n".to_owned()),
        ("controls/part/catalog.toml", catalog("part", "profile_of = \"base\"\n", 2)),
        ("controls/part/members.csv", "id\nC3\nC1\n".to_owned()),
    ]
    .map(|(path, text)| (path.to_owned(), text))
    .into()
}

#[test]
fn a_profile_takes_its_controls_from_its_catalog() {
    let (catalogs, problems) = Catalogs::load(&small());
    assert!(problems.is_empty(), "{problems:?}");
    let (base, part) = (catalogs.framework("base").unwrap(), catalogs.framework("part").unwrap());
    assert_eq!(base.controls[1].title, "Two, and");
    assert_eq!(part.controls, [base.controls[2].clone(), base.controls[0].clone()], "in the profile's own order");
    assert_eq!(part.files.len(), 5);
}

#[test]
fn damage_is_named_with_file_and_line() {
    let base = "controls/base/catalog.toml";
    let controls = "controls/base/controls.csv";
    let map = "controls/base/map.csv";
    let part = "controls/part/catalog.toml";
    let members = "controls/part/members.csv";
    let tests = "controls/assertions.toml";
    let gone = "\u{0}";
    // In `file`, `from` becomes `to`; a `from` of `gone` removes the file, or makes one that was not there.
    for (file, from, to, expected) in [
        (
            controls,
            "C2,",
            "C1,",
            vec![
                "controls/base/catalog.toml: 2 controls were read, 3 are announced",
                "controls/base/controls.csv:3: control `C1` stands twice",
            ],
        ),
        (controls, "C2,\"Two, and\",G\n", "", vec!["controls/base/catalog.toml: 2 controls were read, 3 are announced"]),
        (
            controls,
            "Three,H",
            "Three",
            vec![
                "controls/base/catalog.toml: 2 controls were read, 3 are announced",
                "controls/base/catalog.toml: the map speaks to 1 controls, 2 are announced",
                "controls/base/controls.csv:4: 2 cells, wanted 3: `id,title,group`",
                "controls/base/map.csv:3: control `C3` is not in controls.csv",
                "controls/part/catalog.toml: 1 controls were read, 2 are announced",
                "controls/part/members.csv:2: control `C3` is not in the catalog `base`",
            ],
        ),
        (
            controls,
            "\"Two, and\"",
            " ",
            vec![
                "controls/base/catalog.toml: 2 controls were read, 3 are announced",
                "controls/base/controls.csv:3: the cell `title` is empty or has white space around it",
            ],
        ),
        (
            map,
            "C3,",
            "C4,",
            vec![
                "controls/base/catalog.toml: the map speaks to 1 controls, 2 are announced",
                "controls/base/map.csv:3: control `C4` is not in controls.csv",
            ],
        ),
        (
            map,
            "C3,",
            "C1,",
            vec![
                "controls/base/catalog.toml: the map speaks to 1 controls, 2 are announced",
                "controls/base/map.csv:3: control `C1` stands twice",
            ],
        ),
        (
            map,
            "partial",
            "strong",
            vec![
                "controls/base/catalog.toml: the map speaks to 1 controls, 2 are announced",
                "controls/base/map.csv:3: strength `strong` is none of direct, partial, supporting",
            ],
        ),
        (map, "D01 D02", "D01 D03", vec!["controls/base/map.csv:2: assertion `D03` is not in assertions.toml"]),
        (map, "D01 D02", "D01  D02", vec!["controls/base/map.csv:2: assertion `` is not in assertions.toml"]),
        (map, "D01 D02", "D01 D01", vec!["controls/base/map.csv:2: assertion `D01` stands twice"]),
        (
            map,
            "control_id",
            "control",
            vec![
                "controls/base/catalog.toml: the map speaks to 0 controls, 2 are announced",
                "controls/base/map.csv:1: the first line must be `control_id,strength,assertions`",
            ],
        ),
        (map, gone, "", vec!["controls/base/catalog.toml: the map speaks to 0 controls, 2 are announced"]),
        (
            controls,
            gone,
            "",
            vec![
                "controls/base/catalog.toml: 0 controls were read, 3 are announced",
                "controls/base/catalog.toml: the map speaks to 0 controls, 2 are announced",
                "controls/base/controls.csv: the file is missing or cannot be read",
                "controls/base/map.csv:2: control `C1` is not in controls.csv",
                "controls/base/map.csv:3: control `C3` is not in controls.csv",
                "controls/part/catalog.toml: 0 controls were read, 2 are announced",
                "controls/part/members.csv:2: control `C3` is not in the catalog `base`",
                "controls/part/members.csv:3: control `C1` is not in the catalog `base`",
            ],
        ),
        (
            "controls/base/map.cvs",
            gone,
            "x",
            vec!["controls/base/map.cvs: nothing reads this file: a folder like this has catalog.toml, controls.csv, map.csv"],
        ),
        (
            "controls/part/map.csv",
            gone,
            "x",
            vec!["controls/part/map.csv: nothing reads this file: a folder like this has catalog.toml, members.csv"],
        ),
        (
            base,
            "id = \"base\"",
            "id = \"bass\"",
            vec![
                "controls/base/catalog.toml: the id is `bass`, the folder `base`: they must be the same",
                "controls/part/catalog.toml: it is a profile of `base`, which is not a catalog here",
            ],
        ),
        (base, "controls = 3", "controls = 2", vec!["controls/base/catalog.toml: 3 controls were read, 2 are announced"]),
        (base, "2026-11-23", "23.11.2026", vec!["controls/base/catalog.toml: the date `23.11.2026` is not written YYYY-MM-DD"]),
        (part, "urn:x:part", "urn:x:base", vec!["controls/part/catalog.toml: the urn `urn:x:base` is that of `base` already"]),
        (
            part,
            "profile_of = \"base\"",
            "profile_of = \"part\"",
            vec!["controls/part/catalog.toml: it is a profile of `part`, which is not a catalog here"],
        ),
        (
            part,
            gone,
            "",
            vec!["controls/part/catalog.toml: the file is missing or cannot be read: every folder here is a framework and needs one"],
        ),
        (
            part,
            "note",
            "notes",
            vec![
                "controls/part/catalog.toml:9: unknown field `notes`, expected one of `id`, `urn`, `name`, `version`, `date`, `provider`, `profile_of`, `controls`, `mapped`, `note`",
            ],
        ),
        (
            members,
            "C3",
            "C9",
            vec![
                "controls/part/catalog.toml: 1 controls were read, 2 are announced",
                "controls/part/members.csv:2: control `C9` is not in the catalog `base`",
            ],
        ),
        (
            members,
            "C3",
            "C1",
            vec![
                "controls/part/catalog.toml: 1 controls were read, 2 are announced",
                "controls/part/members.csv:3: control `C1` stands twice",
            ],
        ),
        (
            members,
            gone,
            "",
            vec![
                "controls/part/catalog.toml: 0 controls were read, 2 are announced",
                "controls/part/members.csv: the file is missing or cannot be read",
            ],
        ),
        (
            members,
            "id\nC3\nC1\n",
            "",
            vec![
                "controls/part/catalog.toml: 0 controls were read, 2 are announced",
                "controls/part/members.csv: the file is empty: its first line must be `id`",
            ],
        ),
        (
            tests,
            "id = \"D02\"",
            "id = \"D01\"",
            vec![
                "controls/assertions.toml:10: assertion `D01` stands twice",
                "controls/base/catalog.toml: the map speaks to 1 controls, 2 are announced",
                "controls/base/map.csv:2: assertion `D02` is not in assertions.toml",
                "controls/base/map.csv:3: assertion `D02` is not in assertions.toml",
            ],
        ),
        (
            tests,
            "id = \"D01\"",
            "id = \"I01\"",
            vec![
                "controls/assertions.toml:1: id `I01` of group decision is not D and two digits",
                "controls/base/map.csv:2: assertion `D01` is not in assertions.toml",
            ],
        ),
        (
            tests,
            "default = 20",
            "default = 2.5",
            vec![
                "controls/assertions.toml:1: parameter `min_chars` of `D01`: a default is an integer from 0, a text, or a list of texts",
                "controls/base/map.csv:2: assertion `D01` is not in assertions.toml",
            ],
        ),
        (
            tests,
            "title = \"t\"\npopulation = \"p\"\nviolation = \"v\"\nindeterminate = \"\"\n[",
            "title = \"t\"\npopulation = \"p\"\nviolation = \" \"\nindeterminate = \"\"\n[",
            vec![
                "controls/assertions.toml:1: assertion `D01` has no violation",
                "controls/base/map.csv:2: assertion `D01` is not in assertions.toml",
            ],
        ),
        (
            tests,
            gone,
            "",
            vec![
                "controls/assertions.toml: the file is missing or cannot be read: without it no control can be evidenced",
                "controls/base/catalog.toml: the map speaks to 0 controls, 2 are announced",
                "controls/base/map.csv:2: assertion `D01` is not in assertions.toml",
                "controls/base/map.csv:2: assertion `D02` is not in assertions.toml",
                "controls/base/map.csv:3: assertion `D02` is not in assertions.toml",
            ],
        ),
    ] {
        let mut content = small();
        if from != gone {
            let text = content.get_mut(file).unwrap();
            assert!(text.contains(from), "{file} has no `{from}`: this case tests nothing");
            *text = text.replacen(from, to, 1);
        } else if content.remove(file).is_none() {
            content.insert(file.to_owned(), to.to_owned());
        }
        let problems: Vec<String> = Catalogs::load(&content).1.iter().map(ToString::to_string).collect();
        assert_eq!(problems, expected, "{file}: `{from}` -> `{to}`");
    }
}

proptest! {
    /// Whatever happens to a file, what comes out is sound: no control twice, no map to nothing, no profile beyond its catalog.
    #[test]
    fn damage_never_gets_through(file in 1_usize..7, at in any::<prop::sample::Index>(), length in 0_usize..8, junk in "[ -~\n]{0,4}") {
        let mut content = small();
        let path = content.keys().nth(file).unwrap().clone();
        let original = content[&path].clone();
        let start = at.index(original.len() + 1);
        let end = (start + length).min(original.len());
        let damaged: String = original.chars().take(start).chain(junk.chars()).chain(original.chars().skip(end)).collect();
        content.insert(path.clone(), damaged.clone());

        let whole = Catalogs::load(&small()).0;
        let (catalogs, _) = Catalogs::load(&content);
        let known: BTreeSet<&str> = catalogs.assertions().iter().map(|assertion| assertion.id.as_str()).collect();
        prop_assert_eq!(known.len(), catalogs.assertions().len());
        for framework in catalogs.frameworks() {
            let ids: BTreeSet<&str> = framework.controls.iter().map(|control| control.id.as_str()).collect();
            prop_assert_eq!(ids.len(), framework.controls.len());
            for mapping in framework.controls.iter().filter_map(|control| control.mapping.as_ref()) {
                prop_assert!(!mapping.assertions.is_empty() && mapping.assertions.iter().all(|id| known.contains(id.as_str())));
            }
            if let Some(base) = &framework.profile_of {
                let base = catalogs.framework(base).unwrap();
                prop_assert!(framework.controls.iter().all(|control| base.control(&control.id) == Some(control)));
            }
            let touched = framework.files.iter().any(|file| file.name == path) && damaged != original;
            let unchanged = whole.framework(&framework.id).is_some_and(|before| before.digest == framework.digest);
            prop_assert_eq!(unchanged, !touched, "the digest of {} follows its files", framework.id);
        }
    }
}
