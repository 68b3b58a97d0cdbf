//! Bodies about the rules in force.

use serde::{Deserialize, Serialize};

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
    /// Which: `actions`, `events`, `sod`, or a framework id.
    pub catalog: String,
    /// Its version text.
    pub version: String,
    /// Digest of its file.
    pub digest: Digest,
    /// Its files.
    pub files: Vec<FileRef>,
    /// What it declares: action ids, event kinds; empty for control catalogs.
    #[serde(default)]
    pub items: Vec<String>,
}
