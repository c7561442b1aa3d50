//! `/forecast/calibration`: did the dates land as often as was said?

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::response::Html;
use jiff::ToSpan as _;
use jiff::civil::Date;
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

/// How far away a date was said to be when its forecast is looked at, in days.
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
    let forecast = seen.forecast()?;
    let ids: Vec<&str> = forecast.milestones.iter().map(|it| it.id.as_str()).collect();
    let past = seen.app.journal().forecast_changes(&ids).await?;
    let calibration = calibrate(forecast, &past, ahead);
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

/// A date whose time has come, and what had been said of it.
#[derive(Clone, Debug, PartialEq)]
struct Judged {
    id: String,
    title: String,
    /// The day on which it came; none if it hasn't, though its P90 has passed.
    on: Option<Date>,
    /// The day on which the forecast was chosen.
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
    judged: Vec<Judged>,
    /// Dates that were so near, and whose P90 hasn't passed yet.
    pending: usize,
    /// Dates that have come, and that no forecast that was kept had said to be so near.
    unsaid: usize,
    reliability: Vec<Reliability>,
}

/// Each date counts once: by the first forecast that said it to be `ahead` days away or fewer, and
/// from the day after the P90 of that forecast, whether it has come or not. Both are known without
/// knowing when it came. To choose by the day on which it came, or to leave out what hasn't come
/// yet, would find fault with the best forecasts there can be, and hide what is late.
fn calibrate(forecast: &Forecast, past: &[LoggedForecast], ahead: i32) -> Calibration {
    let mut said_of: BTreeMap<&str, Vec<(Date, &LoggedDate)>> = BTreeMap::new();
    for logged in past {
        for item in &logged.items {
            said_of.entry(item.id.as_str()).or_default().push((logged.as_of, item));
        }
    }
    let mut calibration = Calibration::default();
    for milestone in &forecast.milestones {
        let on = (milestone.state == State::Done).then_some(milestone.p50);
        let said = said_of.get(milestone.id.as_str()).map_or(&[][..], Vec::as_slice);
        let until = on.unwrap_or(forecast.as_of.saturating_add(1.day()));
        match chosen(said, ahead, until) {
            None => calibration.unsaid += usize::from(on.is_some()),
            Some((said_on, said)) if said.p90.is_some_and(|p90| p90 < forecast.as_of) => {
                let (id, title) = (milestone.id.to_string(), milestone.title.clone());
                calibration.judged.push(Judged { id, title, on, said_on, said: said.clone() });
            }
            Some(_) => calibration.pending += 1,
        }
    }
    let day = |it: &Judged| it.on.unwrap_or(Date::MAX);
    calibration.judged.sort_by(|a, b| day(b).cmp(&day(a)).then_with(|| a.id.cmp(&b.id)));
    calibration.reliability = reliability(&calibration.judged);
    calibration
}

/// The first forecast by which a date was `ahead` days away or fewer, and the day on which it was
/// so: that of the forecast, or a later one on which it still held. Days from `until` on are too
/// late: the date had come, or they are yet to come themselves.
fn chosen<'a>(
    said: &[(Date, &'a LoggedDate)],
    ahead: i32,
    until: Date,
) -> Option<(Date, &'a LoggedDate)> {
    let ends = said.iter().skip(1).map(|(next, _)| (*next).min(until)).chain([until]);
    said.iter().zip(ends).find_map(|((as_of, item), ends)| {
        let near = item.p50?.saturating_sub(ahead.days()).max(*as_of);
        let is_open = item.p90.is_some_and(|p90| p90 >= near);
        (near < ends && is_open).then_some((near, *item))
    })
}

/// A probability, and the date that was said to come with it.
type Said = (f64, fn(&LoggedDate) -> Option<Date>);

fn reliability(judged: &[Judged]) -> Vec<Reliability> {
    let said: [Said; 4] =
        [(0.1, |it| it.p10), (0.5, |it| it.p50), (0.8, |it| it.p80), (0.9, |it| it.p90)];
    let count = |(said, date): Said| {
        let dated = judged.iter().filter_map(|it| Some((it.on, date(&it.said)?)));
        let dated: Vec<(Option<Date>, Date)> = dated.collect();
        let came = dated.iter().filter(|(on, date)| on.is_some_and(|on| on <= *date)).count();
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
    let count = calibration.judged.len();
    let dates = if count == 1 { "date" } else { "dates" };
    let p80 = calibration.reliability.iter().find(|it| it.said == 0.8);
    html! {
        @match p80 {
            Some(p80) if count >= ENOUGH => {
                "Of " (p80.of) " dates, " (percent(p80.share()))
                " came by the P80 that was forecast; 80 % is what was said."
            }
            _ => { (count) " " (dates) " can be judged; " (ENOUGH) " are needed to say much." }
        }
    }
}

fn main(calibration: &Calibration, ahead: i32) -> Markup {
    html! {
        div.stack {
            nav.chips aria-label="How far ahead" {
                @for days in AHEAD {
                    a.chip href={ "/forecast/calibration?ahead=" (days) } aria-current=[(*days == ahead).then_some("true")] {
                        (days) " days ahead"
                    }
                }
            }
            @if calibration.judged.is_empty() {
                (nothing_yet(calibration, ahead))
            } @else {
                (reliability_table(calibration, ahead))
                (judged_table(calibration))
            }
        }
    }
}

fn nothing_yet(calibration: &Calibration, ahead: i32) -> Markup {
    let left_out = left_out(calibration);
    let told = format!(
        "Calibration asks whether P80 dates land 80 % of the time. It takes the forecast of each \
         date when that was first said to be {ahead} days away or fewer, and judges it once its \
         P90 has passed. {}",
        if left_out.is_empty() { "No date has been forecast yet." } else { &left_out }
    );
    ui::empty(
        "Nothing to compare yet",
        &told,
        Some(("/records/actual/new", "Record what happened")),
    )
}

/// Dates that aren't judged, and why, in sentences.
fn left_out(calibration: &Calibration) -> String {
    let pending = match calibration.pending {
        0 => None,
        1 => Some("One date waits for its P90 to pass.".to_owned()),
        many => Some(format!("{many} dates wait for their P90 to pass.")),
    };
    let unsaid = match calibration.unsaid {
        0 => None,
        1 => Some("One date has come before any forecast said it to be so near.".to_owned()),
        many => {
            Some(format!("{many} dates have come before any forecast said them to be so near."))
        }
    };
    pending.into_iter().chain(unsaid).collect::<Vec<_>>().join(" ")
}

fn reliability_table(calibration: &Calibration, ahead: i32) -> Markup {
    html! {
        section.card.flush {
            div.section-head {
                h2 { "Said and come true" }
                p.muted { "By the first forecast that said a date to be " (ahead) " days away or fewer." }
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
            "A date that hasn't come by its P90 counts as one that came too late. The interval is Wilson's: where the true share may lie, given so few dates. Only if what was said lies outside it are the forecasts off. Dates that come together, such as a release and its launches, tell less than as many that don't."
            @let left_out = left_out(calibration);
            @if !left_out.is_empty() { " " (left_out) }
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

fn judged_table(calibration: &Calibration) -> Markup {
    html! {
        section.card.flush {
            div.section-head { h2 { "The dates" } }
            div.scroll {
                table.data data-sortable {
                    caption.visually-hidden { "Dates that are judged, the latest first" }
                    thead { tr {
                        th scope="col" { "Date" }
                        th.num scope="col" { "Came on" }
                        th.num scope="col" { "Forecast of" }
                        th.num scope="col" { "P50" }
                        th.num scope="col" { "P80" }
                        th.num scope="col" { "Off P50 by" }
                        th scope="col" { "By P80" }
                    } }
                    tbody { @for judged in &calibration.judged { (judged_row(judged)) } }
                }
            }
        }
    }
}

fn judged_row(judged: &Judged) -> Markup {
    let said = &judged.said;
    let off = said.p50.zip(judged.on).map(|(p50, on)| days_between(p50, on));
    let is_within = said.p80.map(|p80| judged.on.is_some_and(|on| on <= p80));
    html! {
        tr {
            th.wide scope="row" { a.row-link href={ "/forecast/" (judged.id) } { (judged.title) } }
            td.num.nowrap data-value=(judged.on.unwrap_or(Date::MAX)) {
                @match judged.on { Some(on) => (ui::date(on)), None => "not yet" }
            }
            td.num.nowrap data-value=(judged.said_on) { (ui::date(judged.said_on)) }
            td.num.nowrap data-value=[said.p50] { (ui::maybe_date(said.p50)) }
            td.num.nowrap data-value=[said.p80] { (ui::maybe_date(said.p80)) }
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

    /// A forecast of these dates, each with the day on which it came.
    async fn forecast(today: Date, dates: &[(String, Option<Date>)]) -> Forecast {
        let app = testing::app().await;
        let outlook = app.engine().latest().unwrap();
        let sample = &outlook.plan.as_ref().unwrap().forecast;
        let milestones = dates.iter().map(|(id, on)| {
            let mut it = sample.milestones[0].clone();
            it.id = id.clone().try_into().unwrap();
            it.state = if on.is_some() { State::Done } else { State::Open };
            it.p50 = on.unwrap_or(Date::MAX);
            it
        });
        Forecast { as_of: today, milestones: milestones.collect(), ..sample.clone() }
    }

    fn logged(id: &str, as_of: Date, [p10, p50, p80, p90]: [Date; 4]) -> LoggedForecast {
        let item = LoggedDate {
            id: id.to_owned(),
            kind: LoggedKind::Milestone,
            target: None,
            p10: Some(p10),
            p50: Some(p50),
            p80: Some(p80),
            p90: Some(p90),
            on_time: None,
            decide_by: None,
        };
        let (sequence, at) = (Sequence::default(), jiff::Timestamp::MIN);
        LoggedForecast { sequence, at, as_of, items: vec![item] }
    }

    const START: Date = jiff::civil::date(2025, 1, 1);

    fn after(days: i32) -> Date {
        START.saturating_add(days.days())
    }

    #[tokio::test]
    async fn a_date_counts_by_the_first_forecast_that_said_it_to_be_so_near() {
        let on = Some(after(100));
        let done = forecast(after(200), &[("m".to_owned(), on)]).await;
        let past = [
            logged("m", after(0), [70, 90, 110, 120].map(after)),
            logged("m", after(65), [95, 100, 105, 110].map(after)),
            logged("m", after(97), [99, 99, 99, 99].map(after)),
        ];
        let of = |ahead: i32| {
            let judged = calibrate(&done, &past, ahead).judged;
            judged.first().map(|it| (it.said_on, it.said.p50))
        };
        assert_eq!(of(180), Some((after(0), Some(after(90)))));
        assert_eq!(of(30), Some((after(60), Some(after(90)))), "the first still held that day");
        assert_eq!(of(7), Some((after(93), Some(after(100)))));
        assert_eq!(of(1), Some((after(98), Some(after(99)))));
        assert_eq!(calibrate(&done, &[], 30).unsaid, 1);
        let late = calibrate(&forecast(after(105), &[("m".to_owned(), on)]).await, &past, 30);
        assert_eq!((late.judged.len(), late.pending), (0, 1), "its P90 hasn't passed");
        let open =
            calibrate(&forecast(after(121), &[("m".to_owned(), None)]).await, &past[..1], 30);
        let told: Vec<_> = open.reliability.iter().map(|it| (it.came, it.of)).collect();
        assert_eq!(told, [(0, 1); 4], "what hasn't come by its P90 is too late");
    }

    /// Dates that come on each day with the same probability, whatever has been: of these a
    /// forecast that moves along with the days is the best there can be.
    #[tokio::test]
    async fn a_perfect_forecaster_of_memoryless_dates_is_found_to_be_right() {
        const DATES: u32 = 500;
        for (mean, today, judges) in [
            (100.0, 5_000, [false, false, true, true]),
            // Some have come by then and some are late, but many have time left.
            (100.0, 420, [false, false, true, true]),
            (20.0, 300, [false, true, true, true]),
        ] {
            let day = |share: f64| (-mean * (1.0 - share).ln()).round() as i32;
            let (mut dates, mut past) = (Vec::new(), Vec::new());
            for number in 0..DATES {
                let share = (f64::from(number) + 0.5) / f64::from(DATES);
                // They begin on days that have nothing to do with how long they take.
                let begin = (number * 193 % 331) as i32;
                let on = begin + (-mean * (1.0 - share).ln()).ceil() as i32;
                let id = format!("m{number}");
                for now in begin..on.min(today + 1) {
                    let said = [0.1, 0.5, 0.8, 0.9].map(|share| after(now + day(share)));
                    past.push(logged(&id, after(now), said));
                }
                dates.push((id, (on <= today).then(|| after(on))));
            }
            let forecast = forecast(after(today), &dates).await;
            for (ahead, judges) in AHEAD.iter().zip(judges) {
                let found = calibrate(&forecast, &past, *ahead);
                assert_eq!(found.judged.len() > 100, judges, "{mean} {today} {ahead}");
                for row in found.reliability.iter().filter(|row| row.of > 0) {
                    let (low, high) = wilson(row.came, row.of);
                    assert!(low <= row.said && row.said <= high, "{mean} {today} {ahead}: {row:?}");
                }
            }
        }
    }

    #[tokio::test]
    async fn too_few_dates_are_said_to_be_too_few() {
        let app = testing::app().await;
        let viewer = testing::person(&app, Role::Viewer).await;
        let page = viewer.get("/forecast/calibration").await;
        assert!(page.text.contains("0 dates can be judged; 20 are needed to say much."));
    }
}
