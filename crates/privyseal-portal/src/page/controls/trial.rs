//! One look at the control tests over a period: the run, or that it is still going on, or why there is none.

use std::sync::Arc;
use std::time::Duration;

use privyseal_core::finding::{AssertionFinding, Findings, FrameworkFinding};
use privyseal_core::time::Timestamp;

use super::span::{Span, default_span, presets};
use crate::app::App;
use crate::beginning::beginning;
use crate::body::Fields;
use crate::findings::Run;
use crate::page::frame::Visitor;
use crate::problem::Problem;
use crate::view::controls::TestRun;
use crate::view::moment::Moment;
use crate::view::number::Count;

/// How long a page waits for tests before it shows that they are running.
const PATIENCE: Duration = Duration::from_secs(2);

/// What there is to show of the tests over a period.
pub(in crate::page) struct Trial {
    pub(in crate::page) span: Span,
    run: Option<Arc<Run>>,
    anew: bool,
    now: Timestamp,
}

/// The frameworks whose tests a visitor may see, in the order of the catalogs.
pub(in crate::page) fn visible(app: &App, visitor: &Visitor) -> Vec<String> {
    let ids = app.catalogs().frameworks().iter().map(|framework| framework.id.clone());
    ids.filter(|id| visitor.caller.sees_framework(app, id)).collect()
}

impl Trial {
    /// Runs the tests over the period that is asked for, or finds their last run. All pages of a period share one run over everything
    /// that their visitor may see.
    pub(in crate::page) async fn of(app: &App, visitor: &Visitor, asked: &Fields) -> Result<Self, Problem> {
        let now = app.engine().now();
        let span = Span::of(asked, default_span(beginning(app).await?.at, now));
        let visible = visible(app, visitor);
        let anew = asked.given("anew").is_some();
        let run = match span.period {
            Ok(period) if !visible.is_empty() => {
                let patience = if anew { Duration::ZERO } else { PATIENCE };
                app.0.runs.of(app, &visible, period, anew, patience).await?
            }
            _ => None,
        };
        Ok(Self { span, run, anew, now })
    }

    /// The period whose tests were begun anew: the browser is sent to the address that only looks, so that reloading runs nothing.
    pub(super) fn begun_anew(&self) -> Option<&Span> {
        Some(&self.span).filter(|span| self.anew && span.period.is_ok())
    }

    /// Whether the tests are still being run.
    pub(in crate::page) fn is_running(&self) -> bool {
        self.span.period.is_ok() && self.run.is_none()
    }

    pub(in crate::page) fn findings(&self) -> Option<&Findings> {
        self.run.as_ref()?.found.as_ref().ok()
    }

    pub(super) fn framework(&self, id: &str) -> Option<&FrameworkFinding> {
        self.findings()?.frameworks.iter().find(|framework| framework.framework == id)
    }

    pub(in crate::page) fn assertion(&self, id: &str) -> Option<&AssertionFinding> {
        self.findings()?.assertions.iter().find(|assertion| assertion.assertion == id)
    }

    /// As it stands on a page; `kept` are further parameters of its address.
    pub(super) fn shown(&self, kept: &str) -> TestRun {
        let problem = match (&self.span.period, self.run.as_deref()) {
            (Err(problem), _) => Some(problem.detail.clone()),
            (Ok(_), Some(Run { found: Err(reason), .. })) => Some(format!("The tests could not be run: {reason}")),
            _ => None,
        };
        let findings = self.findings();
        TestRun {
            from: self.span.from.as_str().into(),
            to: self.span.to.as_str().into(),
            running: self.is_running(),
            ran: findings.and(self.run.as_ref()).map(|run| Moment::minute(run.at)),
            snapshot: Count(findings.map_or(0, |findings| findings.snapshot.size)),
            presets: presets(&self.span, self.now, kept),
            problem,
        }
    }
}
