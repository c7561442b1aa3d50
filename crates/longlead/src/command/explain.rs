//! `longlead explain`: why a date is what it is.

use longlead_horizon::{DriverForecast, Explanation, MilestoneForecast, Plan, State, Vocabulary};
use longlead_model::{Code, Diagnostic};

use crate::args::ExplainArguments;
use crate::command::{Answer, decide, judge};
use crate::exit::Failure;
use crate::gather::{self, Origin};
use crate::output::style::{BOLD, DIM, dim, heading, of_state, paint};
use crate::output::table::{Cell, Column, Table};
use crate::output::words::{day, percent, state};
use crate::output::{chain, json, wrap};
use crate::settings::Settings;

pub(crate) fn run(arguments: &ExplainArguments, settings: &Settings) -> Result<Answer, Failure> {
    let (path, id) = arguments.meant();
    let gathered = gather::bundle(&Origin::of(&arguments.from, &path), settings)?;
    let plan = gather::planned(&gathered, settings, None)?;
    let vocabulary = gather::vocabulary(&gathered.bundle, &plan, settings);
    let explanation = plan.explain(&gathered.bundle, &id).map_err(|near| unknown(&id, near))?;
    let exit = judge(&plan.forecast, &plan.warnings, &settings.fail_on);
    let text = if settings.output.json {
        json::text(&json::explanation(&explanation, &vocabulary))
    } else {
        told(&explanation, &plan, &vocabulary, settings)
    };
    Ok(Answer { exit, ..Answer::fine(text) })
}

fn unknown(id: &str, near: Option<String>) -> Diagnostic {
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`longlead plan --all --activities` lists everything that has a date".to_owned(),
    };
    Diagnostic::error(Code::UnknownReference, format!("nothing is called `{id}`")).help(help)
}

/// The explanation as text; `demo` tells one too.
pub(crate) fn told<'a>(
    explanation: &'a Explanation,
    plan: &'a Plan,
    vocabulary: &Vocabulary<'a>,
    settings: &Settings,
) -> String {
    let width = settings.output.width;
    let mut text = format!("{}  {}\n\n", paint(BOLD, &explanation.title), dim(&explanation.id));
    if let Some(decision) = &explanation.decision {
        text.push_str(&wrap::paragraph(
            &decide::verdict(decision, plan.forecast.as_of),
            "",
            "",
            width,
        ));
    }
    if let Some(milestone) = &explanation.milestone {
        text.push_str(&outlook(milestone, width));
    }
    if explanation.steps.is_empty() {
        text.push_str("It has no target, so there is no chain of dates to explain.\n");
        return text;
    }
    text.push_str(&heading("Why: each step waits for the one below it"));
    text.push_str(&undisturbed(explanation, width));
    text.push_str(&chain::chain(explanation, vocabulary, width));
    if let Some(milestone) = explanation.milestone.as_ref().filter(|it| it.state != State::Done) {
        text.push_str(&drivers(&milestone.drivers, width));
    }
    text
}

fn outlook(milestone: &MilestoneForecast, width: usize) -> String {
    if milestone.state == State::Done {
        return wrap::paragraph(&format!("Reached on {}.", day(milestone.p50)), "", "", width);
    }
    let dates = format!(
        "Half of the samples reach “{}” by {}, eight in ten by {}, nine in ten by {}.",
        milestone.title,
        day(milestone.p50),
        day(milestone.p80),
        day(milestone.p90)
    );
    let mut text = wrap::paragraph(&dates, "", "", width);
    if let (Some(target), Some(on_time)) = (milestone.target, milestone.on_time) {
        let sign = paint(of_state(milestone.state), state(milestone.state));
        text.push_str(&format!("Target {}: {} on time  {sign}\n", day(target), percent(on_time)));
    }
    text
}

/// The chain has dates of its own, which are earlier than the forecast's median: says why.
fn undisturbed(explanation: &Explanation, width: usize) -> String {
    let milestone = explanation.milestone.as_ref().filter(|it| it.state != State::Done);
    let (Some(milestone), Some(last)) = (milestone, explanation.steps.first()) else {
        return String::new();
    };
    let days = last.to.until(milestone.p50).map_or(0, |span| span.get_days());
    if days <= 0 {
        return String::new();
    }
    let told = format!(
        "If every step took its median and no risk struck, it would be {}. Paths that meet, rework \
         and risks add {days} days to the median.",
        day(last.to)
    );
    wrap::paragraph(&told, "  ", "  ", width)
}

fn drivers(drivers: &[DriverForecast], width: usize) -> String {
    if drivers.is_empty() {
        return String::new();
    }
    let mut table = Table::new(vec![
        Column::new("activity").wraps(20),
        Column::new("on the way").right(),
        Column::new("adds days").right(),
        Column::new("cruciality").right().rank(2),
        Column::new("id").wraps(16).rank(1),
    ]);
    for driver in drivers {
        table.row(vec![
            Cell::from(driver.title.as_str()),
            Cell::from(percent(driver.criticality)),
            Cell::from(format!("{:.1}", driver.contribution_days)),
            Cell::from(format!("{:.2}", driver.cruciality)),
            Cell::styled(driver.activity.as_str(), DIM),
        ]);
    }
    format!("{}{}", heading("What moves the date"), table.render(width))
}
