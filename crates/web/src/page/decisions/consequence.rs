//! What follows from each option of a decision: the plan under its scenario.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use longlead_horizon::{DecisionForecast, Forecast, MilestoneChange, compare};
use longlead_model::{Decision, Diagnostic, ScenarioId};

use crate::engine::Outlook;
use crate::reader::Seen;

/// What follows from an option.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Consequence {
    /// It has no scenario: the plan stays as it is.
    AsPlanned(Figures),
    /// The plan under its scenario.
    Planned {
        figures: Figures,
        /// What else moves, the largest move first.
        moved: Vec<MilestoneChange>,
    },
    /// It is still being computed.
    Computing,
    /// The scenario contradicts the product.
    Broken(Vec<Diagnostic>),
    /// The reader doesn't see all that it would change.
    Hidden,
}

/// How the target stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Figures {
    pub(crate) p80: Option<Date>,
    pub(crate) on_time: Option<f64>,
    /// Whether this supposes hardware that nobody has planned: without it there is no such date.
    pub(crate) is_supposed: bool,
}

/// How long a page that looks again by itself waits for plans under scenarios.
pub(crate) const GLANCE: Duration = Duration::from_millis(30);

/// How long one waits that is printed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// What follows from each option, in their order. Plans that take longer than `patience` are there
/// the next time.
pub(crate) async fn consequences(
    seen: &Seen,
    decision: &DecisionForecast,
    record: &Decision,
    patience: Duration,
) -> Vec<Consequence> {
    let deadline = tokio::time::Instant::now() + patience;
    let planned: Vec<_> = record
        .options
        .iter()
        .map(|option| option.scenario.as_ref().map(|id| start(seen, id)))
        .collect();
    let mut consequences = Vec::new();
    for plan in planned {
        consequences.push(match plan {
            None => as_planned(seen, decision),
            Some(None) => Consequence::Hidden,
            Some(Some(task)) => match tokio::time::timeout_at(deadline, task).await {
                Ok(Ok(Ok(outlook))) => under(seen, decision, &outlook),
                Ok(Ok(Err(diagnostics))) => Consequence::Broken(diagnostics),
                Ok(Err(_)) | Err(_) => Consequence::Computing,
            },
        });
    }
    consequences
}

type Planning = tokio::task::JoinHandle<Result<Arc<Outlook>, Vec<Diagnostic>>>;

/// Begins to plan under a scenario; none if the reader may not see the whole of what follows. The
/// plan is finished and kept even if this page doesn't wait for it.
fn start(seen: &Seen, id: &ScenarioId) -> Option<Planning> {
    if !seen.sight.is_whole() {
        return None;
    }
    let scenario = seen.bundle().records.scenarios.get(id)?.clone();
    let (engine, snapshot) = (seen.app.engine().clone(), Arc::clone(&seen.outlook.snapshot));
    let name = format!("scenario/{id}");
    Some(tokio::spawn(async move { engine.under(&snapshot, &scenario, name).await }))
}

fn as_planned(seen: &Seen, decision: &DecisionForecast) -> Consequence {
    match seen.forecast() {
        Ok(forecast) => Consequence::AsPlanned(figures(decision, forecast)),
        Err(_) => Consequence::Hidden,
    }
}

fn under(seen: &Seen, decision: &DecisionForecast, outlook: &Outlook) -> Consequence {
    let plan = match &outlook.plan {
        Ok(plan) => plan,
        Err(diagnostics) => return Consequence::Broken(diagnostics.clone()),
    };
    let Ok(before) = seen.forecast() else {
        return Consequence::Hidden;
    };
    let moved = compare(before, &plan.forecast).milestones;
    let moved = moved.into_iter().filter(|it| {
        decision.target.as_ref() != Some(&it.id) && it.moved_days.is_some_and(|days| days != 0)
    });
    let figures = figures(decision, &plan.forecast);
    Consequence::Planned { figures, moved: moved.collect() }
}

/// The P80 of the decision's target, and the probability that it holds if it is decided today.
pub(crate) fn figures(decision: &DecisionForecast, forecast: &Forecast) -> Figures {
    let Some(target) = &decision.target else {
        return Figures::default();
    };
    let milestone = forecast.milestones.iter().find(|it| it.id == *target);
    let activity = || forecast.activities.iter().find(|it| it.id == *target);
    let p80 = milestone.map(|it| it.p80).or_else(|| activity().map(|it| it.finish_p80));
    let same = forecast.decisions.iter().find(|it| it.id == decision.id);
    let on_time = same.and_then(|it| it.best_confidence);
    let on_time = on_time.or_else(|| milestone.and_then(|it| it.on_time));
    let is_supposed = milestone.is_some_and(|it| !it.supposed.is_empty());
    Figures { p80, on_time, is_supposed }
}
