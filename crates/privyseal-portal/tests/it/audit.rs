//! The auditor's pages: controls, evidence, SQL, ledger, policies, people.

mod answers;
mod console;
mod double;
mod packs;
mod record;
mod tests_run;

use crate::browser::Browser;
use crate::portal::{Answer, Portal};
use double::Double;

/// Text that somebody else wrote, with what would be markup.
const HOSTILE: &str = "<script>alert(1)</script>\"'\u{202e}";

/// A portal over a double, with an auditor at it.
async fn portal(double: &std::sync::Arc<Double>) -> Portal {
    Portal::over(double.clone(), double.clone(), double.catalogs()).await
}

/// Demands a status and that all of these stand on the page, and the hostile text never as it came.
fn check(answer: &Answer, status: u16, expected: &[&str]) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    for text in expected {
        assert!(answer.text.contains(text), "`{text}` is not in {}", answer.text);
    }
    assert!(!answer.text.contains("<script>alert"), "{}", answer.text);
}

/// What stands on a page where it was escaped and its deceptive characters were marked.
const DISARMED: &str = "&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;<mark class=\"cp\"";

/// Opens an address until a page shows this.
async fn until(browser: &mut Browser<'_>, path: &str, expected: &str) -> Answer {
    for _ in 0..200 {
        let answer = browser.get(path).await;
        if answer.text.contains(expected) {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("{path} never showed `{expected}`")
}
