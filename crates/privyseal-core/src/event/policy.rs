//! Bodies about the rules in force.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::assessment::PolicyRef;
use crate::digest::Digest;
use crate::id::{PrincipalId, RequestId};

/// A file of a policy or catalog; its bytes are kept as a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRef {
    /// Name within the set.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: Digest,
    /// Length in bytes.
    pub bytes: u64,
}

/// `policy.published`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyPublished {
    /// Version and digest.
    #[serde(flatten)]
    pub policy: PolicyRef,
    /// Its files.
    pub files: Vec<FileRef>,
    /// Parameters of control tests that it sets, by `<assertion>.<name>`, for example `D13.min_chars`. Recorded here so that a test
    /// of a past period needs no policy engine; a parameter that is not named has the default of `controls/assertions.toml`.
    #[serde(default)]
    pub parameters: Map<String, Value>,
    /// Who wrote it.
    pub author: PrincipalId,
    /// Who approved it; empty only for the first policy of a log.
    #[serde(default)]
    pub approved_by: Vec<PrincipalId>,
    /// The approved change request; absent only for the first policy of a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_request: Option<RequestId>,
    /// What changed and why.
    pub note: String,
    /// Rules whose requirement nobody could satisfy when it took force, by `@id`: too few people held their groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsatisfiable: Vec<String>,
}

/// `policy.reviewed`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReviewed {
    /// The policy that was reviewed.
    #[serde(flatten)]
    pub policy: PolicyRef,
    /// Who reviewed it.
    pub reviewer: PrincipalId,
    /// `keep` or `change`.
    pub outcome: String,
    /// What was found.
    pub comment: String,
}

/// `catalog.published`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogPublished {
    /// Which: `actions`, `events`, `sod`, `assertions` (the SQL of the control tests), or a framework id.
    pub catalog: String,
    /// Its version text.
    pub version: String,
    /// Digest of its file.
    pub digest: Digest,
    /// Its files.
    pub files: Vec<FileRef>,
    /// What it declares: action ids, event kinds, pairs of conflicting duties written `a|b`; empty for the other catalogs.
    #[serde(default)]
    pub items: Vec<String>,
    /// The approved request behind it; absent for what came with the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_request: Option<RequestId>,
}
