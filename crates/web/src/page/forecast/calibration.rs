//! `/forecast/calibration`: did the dates land as often as was said?

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::response::Html;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use longlead_horizon::{Forecast, State, percent};
use longlead_records::{LoggedDate, LoggedForecast};
use maud::{Markup, html};
use serde::Deserialize;

use crate::layout::{self, Page};
use crate::naming::days_between;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

/// Dates that must have come before a share says much.
const ENOUGH: usize = 20;

/// How long before a date came the forecast is looked at, in days.
const AHEAD: &[i32] = &[7, 30, 90, 180];

const AHEAD_USUAL: i32 = 30;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    ahead: String,
}

pub(crate) async fn show(seen: Seen, Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    let ahead = asked.ahead.parse().ok().filter(|days| AHEAD.contains(days));
    let ahead = ahead.unwrap_or(AHEAD_USUAL);
    let past = seen.app.journal().forecasts(Timestamp::MIN).await?;
    let calibration = calibrate(seen.forecast()?, &past, ahead);
    let page = Page {
        title: "Calibration",
        section: "/forecast",
        lede: Some(lede(&calibration)),
        tools: html! { a.button href="/forecast" { "Forecast" } },
        main: main(&calibration, ahead),
        live: true,
    };
    Ok(layout::page(&seen, &page))
}

/// A date that has come, and what had been said of it.
#[derive(Clone, Debug, PartialEq)]
struct Came {
    id: String,
    title: String,
    on: Date,
    /// The day of the forecast.
    said_on: Date,
    said: LoggedDate,
}

/// How often what was said with a probability came true.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Reliability {
    said: f64,
    came: usize,
    of: usize,
}

impl Reliability {
    fn share(self) -> f64 {
        self.came as f64 / self.of.max(1) as f64
    }
}

/// What calibration finds.
#[derive(Debug, Default, PartialEq)]
struct Calibration {
    came: Vec<Came>,
    /// Dates that have come and of which nothing had been said so long before.
    unsaid: usize,
    reliability: Vec<Reliability>,
}

/// Each date that has come counts once, by the forecast that held `ahead` days before it came.
fn calibrate(forecast: &Forecast, past: &[LoggedForecast], ahead: i32) -> Calibration {
    let mut said_of: BTreeMap<&str, Vec<(Date, &LoggedDate)>> = BTreeMap::new();
    for logged in past {
        for item in &logged.items {
            said_of.entry(item.id.as_str()).or_default().push((logged.as_of, item));
        }
    }
    let mut calibration = Calibration::default();
    for milestone in forecast.milestones.iter().filter(|it| it.state == State::Done) {
        let on = milestone.p50;
        let latest = on.saturating_sub(ahead.days());
        let said = said_of.get(milestone.id.as_str()).into_iter().flatten();
        let said = said.filter(|(said_on, item)| *said_on <= latest && is_open(item, *said_on));
        let Some((said_on, said)) = said.max_by_key(|(said_on, _)| *said_on) else {
            calibration.unsaid += 1;
            continue;
        };
        let (id, title) = (milestone.id.to_string(), milestone.title.clone());
        calibration.came.push(Came { id, title, on, said_on: *said_on, said: (*said).clone() });
    }
    calibration.came.sort_by(|a, b| b.on.cmp(&a.on).then_with(|| a.id.cmp(&b.id)));
    calibration.reliability = reliability(&calibration.came);
    calibration
}

/// Whether it was still to come, as far as the forecast knew.
fn is_open(item: &LoggedDate, said_on: Date) -> bool {
    item.p90.is_some_and(|p90| p90 >= said_on)
}

/// A probability, and the date that was said to come with it.
type Said = (f64, fn(&LoggedDate) -> Option<Date>);

fn reliability(came: &[Came]) -> Vec<Reliability> {
    let said: [Said; 4] =
        [(0.1, |it| it.p10), (0.5, |it| it.p50), (0.8, |it| it.p80), (0.9, |it| it.p90)];
    let count = |(said, date): Said| {
        let dated = came.iter().filter_map(|it| Some((it.on, date(&it.said)?)));
        let dated: Vec<(Date, Date)> = dated.collect();
        let came = dated.iter().filter(|(on, date)| on <= date).count();
        Reliability { said, came, of: dated.len() }
    };
    said.into_iter().map(count).collect()
}

/// Wilson's score interval of a share, with 95 % confidence (E. B. Wilson, JASA 22, 1927).
fn wilson(came: usize, of: usize) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    if of == 0 {
        return (0.0, 1.0);
    }
    let n = of as f64;
    let share = came as f64 / n;
    let centre = share + Z * Z / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    (((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0))
}

fn lede(calibration: &Calibration) -> Markup {
    let count = calibration.came.len();
    let dates = if count == 1 { "date has" } else { "dates have" };
    let p80 = calibration.reliability.iter().find(|it| it.said == 0.8);
    html! {
        @match p80 {
            Some(p80) if count >= ENOUGH => {
                "Of " (p80.of) " dates that came, " (percent(p80.share()))
                " came by the P80 that was forecast; 80 % is what was said."
            }
            _ => { (count) " " (dates) " come; " (ENOUGH) " are needed to say much." }
        }
    }
}

fn main(calibration: &Calibration, ahead: i32) -> Markup {
    html! {
        div.stack {
            nav.chips aria-label="How long before" {
                @for days in AHEAD {
                    a.chip href={ "/forecast/calibration?ahead=" (days) } aria-current=[(*days == ahead).then_some("true")] {
                        (days) " days before"
                    }
                }
            }
            @if calibration.came.is_empty() {
                (nothing_yet(calibration, ahead))
            } @else {
                (reliability_table(calibration, ahead))
                (came_table(calibration))
            }
        }
    }
}

fn nothing_yet(calibration: &Calibration, ahead: i32) -> Markup {
    let told = format!(
        "Calibration asks whether P80 dates land 80 % of the time. It takes dates that have come, \
         and what was forecast {ahead} days before. {}",
        match calibration.unsaid {
            0 => "No date has come yet: record actuals as things happen.".to_owned(),
            1 => "One date has come, but no forecast that old had been kept of it.".to_owned(),
            many =>
                format!("{many} dates have come, but no forecast that old had been kept of them."),
        }
    );
    ui::empty(
        "Nothing to compare yet",
        &told,
        Some(("/records/actual/new", "Record what happened")),
    )
}

fn reliability_table(calibration: &Calibration, ahead: i32) -> Markup {
    html! {
        section.card.flush {
            div.section-head {
                h2 { "Said and come true" }
                p.muted { "By the forecast that held " (ahead) " days before each date came." }
            }
            div.scroll {
                table.data {
                    caption.visually-hidden { "How often dates came by the percentile that was forecast" }
                    thead { tr {
                        th scope="col" { "Forecast" }
                        th.num scope="col" { "Said" }
                        th.num scope="col" { "Came by then" }
                        th.num scope="col" { "Share" }
                        th.num scope="col" { "95 % interval" }
                        th scope="col" { "So" }
                    } }
                    tbody { @for row in &calibration.reliability { (reliability_row(*row)) } }
                }
            }
        }
        p.muted {
            "The interval is Wilson's: where the true share may lie, given so few dates. Only if what was said lies outside it are the forecasts off. Dates that come together, such as a release and its launches, tell less than as many that don't."
            @if calibration.unsaid > 0 {
                " " (calibration.unsaid) " more have come of which no forecast that old had been kept."
            }
        }
    }
}

fn reliability_row(row: Reliability) -> Markup {
    let (low, high) = wilson(row.came, row.of);
    let verdict = if row.of == 0 {
        ""
    } else if row.said < low {
        "came earlier than said: estimates are too careful"
    } else if row.said > high {
        "came later than said: estimates are too hopeful"
    } else if row.of < ENOUGH {
        "no contradiction, but few dates"
    } else {
        "as said"
    };
    html! {
        tr {
            th scope="row" { "P" (format!("{:.0}", row.said * 100.0)) }
            td.num { (percent(row.said)) }
            td.num { (row.came) " of " (row.of) }
            td.num { @if row.of > 0 { (percent(row.share())) } @else { (ui::dash()) } }
            td.num { (percent(low)) " – " (percent(high)) }
            td { (verdict) }
        }
    }
}

fn came_table(calibration: &Calibration) -> Markup {
    html! {
        section.card.flush {
            div.section-head { h2 { "The dates" } }
            div.scroll {
                table.data data-sortable {
                    caption.visually-hidden { "Dates that have come, the latest first" }
                    thead { tr {
                        th scope="col" { "Date" }
                        th.num scope="col" { "Came on" }
                        th.num scope="col" { "Forecast of" }
                        th.num scope="col" { "P50" }
                        th.num scope="col" { "P80" }
                        th.num scope="col" { "Off P50 by" }
                        th scope="col" { "By P80" }
                    } }
                    tbody { @for came in &calibration.came { (came_row(came)) } }
                }
            }
        }
    }
}

fn came_row(came: &Came) -> Markup {
    let off = came.said.p50.map(|p50| days_between(p50, came.on));
    let is_within = came.said.p80.map(|p80| came.on <= p80);
    html! {
        tr {
            th.wide scope="row" { a.row-link href={ "/forecast/" (came.id) } { (came.title) } }
            td.num.nowrap data-value=(came.on) { (ui::date(came.on)) }
            td.num.nowrap data-value=(came.said_on) { (ui::date(came.said_on)) }
            td.num.nowrap { (ui::maybe_date(came.said.p50)) }
            td.num.nowrap { (ui::maybe_date(came.said.p80)) }
            td.num.nowrap data-value=[off] {
                @match off {
                    Some(0) => { "0 d" }
                    Some(days) if days > 0 => { (days) " d later" }
                    Some(days) => { (-days) " d earlier" }
                    None => { (ui::dash()) }
                }
            }
            td {
                @match is_within {
                    Some(true) => { span.mark.yes { "yes" } }
                    Some(false) => { span.mark.risk { "no" } }
                    None => { (ui::dash()) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use longlead_records::people::Role;
    use longlead_records::{LoggedKind, Sequence};

    use super::*;
    use crate::testing;

    /// Published: Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    #[test]
    fn wilson_s_interval_is_that_of_newcombe() {
        for (came, of, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (l, h) = wilson(came, of);
            assert!((l - low).abs() < 5e-5 && (h - high).abs() < 5e-5, "{came}/{of}: {l} {h}");
        }
    }

    #[tokio::test]
    async fn a_date_counts_by_the_forecast_that_held_so_long_before_it_came() {
        let app = testing::app().await;
        let outlook = app.engine().latest().unwrap();
        let forecast = &outlook.plan.as_ref().unwrap().forecast;
        let done = forecast.milestones.iter().find(|it| it.state == State::Done).unwrap();
        let item = |p80: Date| LoggedDate {
            id: done.id.to_string(),
            kind: LoggedKind::Milestone,
            target: None,
            p10: Some(p80.saturating_sub(30.days())),
            p50: Some(p80.saturating_sub(20.days())),
            p80: Some(p80),
            p90: Some(p80.saturating_add(10.days())),
            on_time: None,
            decide_by: None,
        };
        let logged = |days_before: i32, p80: Date| LoggedForecast {
            sequence: Sequence::default(),
            at: Timestamp::MIN,
            as_of: done.p50.saturating_sub(days_before.days()),
            items: vec![item(p80)],
        };
        // The oldest said too early a date, the next the right one; the last came too late to count.
        let past = [
            logged(100, done.p50.saturating_sub(1.day())),
            logged(40, done.p50),
            logged(3, done.p50.saturating_sub(1.day())),
        ];
        let within = |ahead: i32| {
            let calibration = calibrate(forecast, &past, ahead);
            calibration.reliability.iter().map(|it| (it.came, it.of)).collect::<Vec<_>>()
        };
        assert_eq!(within(30), [(0, 1), (0, 1), (1, 1), (1, 1)]);
        assert_eq!(within(90), [(0, 1), (0, 1), (0, 1), (1, 1)]);
        assert_eq!(within(180), [(0, 0); 4]);
    }

    #[tokio::test]
    async fn too_few_dates_are_said_to_be_too_few() {
        let app = testing::app().await;
        let viewer = testing::person(&app, Role::Viewer).await;
        let page = viewer.get("/forecast/calibration").await;
        assert!(page.text.contains("0 dates have come; 20 are needed to say much."));
    }
}
