//! Proofs of the RFC 6962 tree against two other implementations: transparency-dev/merkle and golang.org/x/mod.

use privyseal_core::digest::{Digest, from_base64, from_hex};
use privyseal_core::tree::{Edge, Tile, consistency_proof, inclusion_proof, leaf_hash, root, verify_consistency, verify_inclusion};
use serde_json::Value;

use crate::reference::{path, text};

fn digest(bytes: Option<Vec<u8>>) -> Option<Digest> {
    Digest::from_slice(&bytes?)
}

/// The hashes of a case; none when one of them is no hash, which alone is a reason to refuse.
fn hashes(list: &Value) -> Option<Vec<Digest>> {
    list.as_array().map_or(Some(Vec::new()), |list| list.iter().map(|hash| digest(from_base64(hash.as_str().unwrap()))).collect())
}

fn cases(folder: &str, judge: impl Fn(&Value) -> Option<bool>) -> usize {
    let Some(folder) = path(folder) else { return 0 };
    let mut pending = vec![folder];
    let mut count = 0;
    while let Some(folder) = pending.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
                continue;
            }
            let case: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(judge(&case).unwrap_or(false), !case["wantErr"].as_bool().unwrap(), "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 50, "{count} cases");
    count
}

#[test]
fn inclusion_cases_of_transparency_dev() {
    cases("ledger/merkle/testdata/inclusion", |case| {
        let leaf = digest(from_base64(case["leafHash"].as_str()?))?;
        let root = digest(from_base64(case["root"].as_str()?))?;
        Some(verify_inclusion(&leaf, case["leafIdx"].as_u64()?, case["treeSize"].as_u64()?, &hashes(&case["proof"])?, &root))
    });
}

#[test]
fn consistency_cases_of_transparency_dev() {
    cases("ledger/merkle/testdata/consistency", |case| {
        let (old, new) = (case["size1"].as_u64()?, case["size2"].as_u64()?);
        // Some cases carry words for roots that do not matter; their digests keep them equal or different.
        let root = |member: &str| from_base64(case[member].as_str()?).map(|bytes| Digest::from_slice(&bytes).unwrap_or(Digest::of(&bytes)));
        let roots = (root("root1")?, root("root2")?);
        let proof = hashes(&case["proof"])?;
        Some(verify_consistency(old, &roots.0, new, &roots.1, &proof))
    });
}

#[test]
fn roots_and_proofs_of_the_go_library() {
    let Some(path) = path("ledger/tlog-generated/tree.json") else { return };
    let tree: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let roots: Vec<Digest> = tree["roots_by_size"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().parse().unwrap()).collect();
    let leaves: Vec<Digest> = (0..2048).map(|i| leaf_hash(format!("cs-vector/shared/{i}").as_bytes())).collect();
    let mut edge = Edge::new();
    for (size, wanted) in roots.iter().enumerate() {
        assert_eq!(edge.root(), *wanted, "root of {size}");
        if let Some(leaf) = leaves.get(size) {
            edge.push(*leaf);
        }
    }
    let list = |case: &Value| -> Vec<Digest> {
        let proof = case["proof"].as_array().unwrap();
        proof.iter().map(|hash| digest(from_hex(hash.as_str().unwrap())).unwrap()).collect()
    };
    let cases = tree["inclusion"].as_array().unwrap();
    assert_eq!(cases.len(), 120);
    for case in cases {
        let (index, size) = (case["index"].as_u64().unwrap(), case["size"].as_u64().unwrap());
        assert_eq!(inclusion_proof(leaves.as_slice(), index, size).unwrap(), list(case));
        let (leaf, root) = (text(case, "leaf_hash").parse().unwrap(), text(case, "root").parse().unwrap());
        assert!(verify_inclusion(&leaf, index, size, &list(case), &root));
    }
    let cases = tree["consistency"].as_array().unwrap();
    assert_eq!(cases.len(), 120);
    for case in cases {
        let (old, new) = (case["size1"].as_u64().unwrap(), case["size2"].as_u64().unwrap());
        assert_eq!(consistency_proof(leaves.as_slice(), old, new).unwrap(), list(case));
        let roots = (text(case, "root1").parse().unwrap(), text(case, "root2").parse().unwrap());
        assert!(verify_consistency(old, &roots.0, new, &roots.1, &list(case)));
    }
}

#[test]
fn the_tiled_log_of_tessera() {
    let Some(folder) = path("ledger/tlog-generated/tilelog") else { return };
    let note = std::fs::read_to_string(folder.join("checkpoint")).unwrap();
    let head = privyseal_core::cosignature::CosignedHead::parse(&note).unwrap().checkpoint;
    let mut entries = Vec::new();
    let mut leaves = Vec::new();
    for tile in Tile::all(head.size) {
        let hashes: Vec<Digest> = std::fs::read(folder.join("tile").join(tile.path()))
            .unwrap()
            .chunks(32)
            .map(|hash| Digest::from_slice(hash).unwrap())
            .collect();
        if tile.level == 0 {
            leaves.extend(hashes);
            let bundle = std::fs::read(folder.join("tile").join(tile.bundle_path())).unwrap();
            entries.extend(privyseal_core::tree::read_bundle(&bundle).unwrap().into_iter().map(<[u8]>::to_vec));
        }
    }
    assert_eq!(root(leaves.as_slice(), head.size).unwrap(), head.root);
    assert_eq!(entries.iter().map(|entry| leaf_hash(entry)).collect::<Vec<_>>(), leaves);
}
