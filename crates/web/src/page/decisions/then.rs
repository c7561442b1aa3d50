//! What the forecast said when a decision was made.

use jiff::Timestamp;
use jiff::civil::Date;
use longlead_model::{Bundle, Decided, DecisionId, RecordKey};
use longlead_records::{Change, ChangeFilter, LoggedDate, LoggedForecast, Sequence};

use crate::problem::Problem;
use crate::reader::Seen;

/// The change that made a decision, and the forecast that it was made by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Then {
    pub(crate) sequence: Sequence,
    pub(crate) at: Timestamp,
    pub(crate) who_name: String,
    /// What was said of the decision, and of its target.
    pub(crate) said: Said,
}

/// What the last forecast before a change set said; empty if none had been kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    /// The day of that forecast.
    pub(crate) as_of: Option<Date>,
    pub(crate) decision: Option<LoggedDate>,
    pub(crate) target: Option<LoggedDate>,
}

/// What the forecast said when the decision got the answer that it has now.
pub(crate) async fn then(
    seen: &Seen,
    id: &DecisionId,
    target: Option<&str>,
    decided: &Decided,
) -> Result<Option<Then>, Problem> {
    let key = RecordKey::Record(longlead_model::Kind::Decision, id.to_string());
    let filter = ChangeFilter { key: Some(key.clone()), ..ChangeFilter::default() };
    let changes = seen.app.journal().changes(&filter).await?;
    let Some(change) = made_by(&changes, &key, id, decided) else {
        return Ok(None);
    };
    let said = said_before(seen, id.as_str(), target, change.sequence).await?;
    let (sequence, at, who_name) = (change.sequence, change.at, change.who_name.clone());
    Ok(Some(Then { sequence, at, who_name, said }))
}

/// What the last forecast before a change set said of a decision and its target.
pub(crate) async fn said_before(
    seen: &Seen,
    decision: &str,
    target: Option<&str>,
    sequence: Sequence,
) -> Result<Said, Problem> {
    let journal = seen.app.journal();
    let of_decision = journal.forecast_of_before(decision, sequence).await?;
    let of_target = match target {
        Some(target) => journal.forecast_of_before(target, sequence).await?,
        None => None,
    };
    let item = |forecast: Option<LoggedForecast>| forecast?.items.into_iter().next();
    Ok(Said {
        as_of: of_target.as_ref().or(of_decision.as_ref()).map(|it| it.as_of),
        decision: item(of_decision),
        target: item(of_target),
    })
}

/// The newest change that gave the answer; changes that only kept it don't count.
fn made_by<'a>(
    changes: &'a [Change],
    key: &RecordKey,
    id: &DecisionId,
    decided: &Decided,
) -> Option<&'a Change> {
    let answer = |text: &Option<String>| -> Option<Decided> {
        let (bundle, _) = Bundle::assemble(&[(key.clone(), text.clone()?)]);
        bundle.records.decisions.get(id)?.decided.clone()
    };
    let mut newest_first: Vec<&Change> = changes.iter().collect();
    newest_first.sort_by_key(|change| std::cmp::Reverse(change.sequence));
    newest_first.into_iter().find(|change| {
        answer(&change.after).as_ref() == Some(decided)
            && answer(&change.before).as_ref() != Some(decided)
    })
}
