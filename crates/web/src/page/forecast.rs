//! `/forecast`: every milestone, release and launch as a distribution.

pub(crate) mod calibration;
pub(crate) mod figure;
pub(crate) mod one;

use axum::extract::Query;
use axum::response::Html;
use jiff::civil::Date;
use longlead_horizon::{MilestoneForecast, Role, State};
use maud::{Markup, html};
use serde::Deserialize;

use crate::layout::{self, Page};
use crate::naming::{self, days_between};
use crate::page::records::counted;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::ui;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    role: String,
}

pub(crate) async fn show(seen: Seen, Query(asked): Query<Asked>) -> Result<Html<String>, Problem> {
    let forecast = seen.forecast()?;
    let wanted = Wanted::named(&asked.role);
    let milestones: Vec<&MilestoneForecast> =
        forecast.milestones.iter().filter(|it| wanted.has(it.role)).collect();
    let (done, open): (Vec<_>, Vec<_>) =
        milestones.into_iter().partition(|it| it.state == State::Done);
    let page = Page {
        title: "Forecast",
        section: "/forecast",
        lede: Some(lede(&open)),
        tools: html! { a.button href="/forecast/calibration" { "Calibration" } },
        main: main(wanted, &open, &done, forecast.as_of),
        live: true,
    };
    Ok(layout::page(&seen, &page))
}

/// What a milestone is, in a word.
pub(crate) fn role_word(role: Role) -> &'static str {
    match role {
        Role::Launch => "launch",
        Role::Release => "release",
        _ => "milestone",
    }
}

/// Which dates are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Only(Role),
}

const CHOICES: &[(&str, &str, Wanted)] = &[
    ("", "All", Wanted::All),
    ("launch", "Launches", Wanted::Only(Role::Launch)),
    ("release", "Releases", Wanted::Only(Role::Release)),
    ("milestone", "Milestones", Wanted::Only(Role::Milestone)),
];

impl Wanted {
    fn named(word: &str) -> Wanted {
        let choice = CHOICES.iter().find(|(name, ..)| *name == word);
        choice.map_or(Wanted::All, |(_, _, wanted)| *wanted)
    }

    fn has(self, role: Role) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Only(wanted) => role_word(role) == role_word(wanted),
        }
    }
}

fn lede(open: &[&MilestoneForecast]) -> Markup {
    let count = |state: State| open.iter().filter(|it| it.state == state).count();
    let with_target = open.iter().filter(|it| it.target.is_some()).count();
    html! {
        @if open.is_empty() {
            "No date lies ahead."
        } @else {
            (counted(open.len(), "date lies ahead", "dates lie ahead")) ", " (with_target) " with a target: "
            (count(State::Safe)) " safe, " (count(State::AtRisk)) " at risk, "
            (count(State::Lost)) " lost."
        }
    }
}

fn main(
    wanted: Wanted,
    open: &[&MilestoneForecast],
    done: &[&MilestoneForecast],
    as_of: Date,
) -> Markup {
    html! {
        div.stack {
            div.toolbar {
                nav.chips aria-label="Kind of date" {
                    @for (word, name, choice) in CHOICES {
                        a.chip href=(if word.is_empty() { "/forecast".to_owned() } else { format!("/forecast?role={word}") })
                            aria-current=[(*choice == wanted).then_some("true")] { (name) }
                    }
                }
                span.spacer {}
                label.visually-hidden for="filter" { "Filter by name" }
                input #filter type="search" placeholder="Filter by name" data-filter-table="#dates";
            }
            @if open.is_empty() {
                (ui::empty(
                    "No dates to forecast",
                    "Milestones, releases and features with a launch appear here as soon as they are recorded.",
                    Some(("/records/milestone/new", "Add a milestone")),
                ))
            } @else {
                (table("dates", "Dates ahead, the earliest first", open, as_of))
            }
            @if !done.is_empty() {
                details {
                    summary { (done.len()) " reached" }
                    (reached(done))
                }
            }
        }
    }
}

fn table(id: &str, caption: &str, milestones: &[&MilestoneForecast], as_of: Date) -> Markup {
    let scale = Scale::over(milestones, as_of);
    html! {
        div.scroll {
            table.data #(id) data-sortable data-rows {
                caption.visually-hidden { (caption) }
                thead { tr {
                    th scope="col" { "Date" }
                    th scope="col" { "State" }
                    th.num scope="col" { "On time" }
                    th.num scope="col" { "Target" }
                    th.num scope="col" { "P10" }
                    th.num scope="col" { "P50" }
                    th.num scope="col" { "P80" }
                    th.num scope="col" { "P90" }
                    th scope="col" data-nosort title=(format!("From {} to {}; the bar is the target", longlead_horizon::day(scale.from), longlead_horizon::day(scale.to))) { "Spread" }
                } }
                tbody { @for milestone in milestones { (row(milestone, &scale)) } }
            }
        }
    }
}

fn row(milestone: &MilestoneForecast, scale: &Scale) -> Markup {
    let (class, _) = ui::state_words(milestone.state);
    html! {
        tr {
            th.wide scope="row" {
                a.row-link href={ "/forecast/" (milestone.id) } { (milestone.title) }
                small {
                    (role_word(milestone.role))
                    @if milestone.unreachable { ", can't be reached as planned" }
                    @else if !milestone.supposed.is_empty() { ", supposes hardware that nobody has planned" }
                }
            }
            td data-value=(milestone.state as u8) { (ui::badge(milestone.state)) }
            td.num data-value=[milestone.on_time.map(|it| format!("{it:.4}"))] { (naming::meter(milestone.on_time, class)) }
            td.num.nowrap data-value=[milestone.target.map(|it| it.to_string())] { (ui::maybe_date(milestone.target)) }
            @for date in [milestone.p10, milestone.p50, milestone.p80, milestone.p90] {
                td.num.nowrap data-value=(date) { (ui::date(date)) }
            }
            td { (scale.range(milestone, class)) }
        }
    }
}

fn reached(done: &[&MilestoneForecast]) -> Markup {
    html! {
        div.scroll {
            table.data {
                caption.visually-hidden { "Dates that have come" }
                thead { tr {
                    th scope="col" { "Date" }
                    th.num scope="col" { "Reached" }
                    th.num scope="col" { "Target" }
                    th.num scope="col" { "Late by" }
                } }
                tbody { @for milestone in done {
                    tr {
                        th.wide scope="row" {
                            a.row-link href={ "/forecast/" (milestone.id) } { (milestone.title) }
                            small { (role_word(milestone.role)) }
                        }
                        td.num { (ui::date(milestone.p50)) }
                        td.num { (ui::maybe_date(milestone.target)) }
                        td.num { (lateness(milestone)) }
                    }
                } }
            }
        }
    }
}

fn lateness(milestone: &MilestoneForecast) -> Markup {
    let late = milestone.target.map(|target| days_between(target, milestone.p50));
    match late {
        None => ui::dash(),
        Some(days) if days > 0 => html! { (days) " d" },
        Some(_) => html! { "on time" },
    }
}

/// The days that all whiskers of a table share.
#[derive(Debug)]
struct Scale {
    from: Date,
    to: Date,
}

impl Scale {
    fn over(milestones: &[&MilestoneForecast], as_of: Date) -> Scale {
        let days = milestones.iter().map(|it| it.p90);
        let days = days.chain(milestones.iter().filter_map(|it| it.target)).chain([as_of]);
        let (from, to) = (days.clone().min(), days.max());
        Scale { from: from.unwrap_or(as_of), to: to.unwrap_or(as_of) }
    }

    /// Where a day lies, in per cent of the width.
    fn place(&self, day: Date) -> f64 {
        let whole = f64::from(days_between(self.from, self.to)).max(1.0);
        (f64::from(days_between(self.from, day)) / whole * 100.0).clamp(0.0, 100.0)
    }

    fn range(&self, milestone: &MilestoneForecast, class: &str) -> Markup {
        let at = |day: Date| format!("{:.1}%", self.place(day));
        let mut style = format!(
            "--p10:{};--p50:{};--p90:{}",
            at(milestone.p10),
            at(milestone.p50),
            at(milestone.p90)
        );
        if let Some(target) = milestone.target {
            style.push_str(&format!(";--target:{}", at(target)));
        }
        html! {
            span class={ "range " (class) } style=(style) aria-hidden="true" {
                @if milestone.target.is_some() { i {} }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use jiff::ToSpan as _;
    use longlead_records::people::Role;

    use super::Scale;
    use crate::testing;

    #[tokio::test]
    async fn every_date_is_listed_and_told_in_full() {
        let app = testing::app().await;
        let viewer = testing::person(&app, Role::Viewer).await;
        let list = viewer.get("/forecast").await;
        assert_eq!(list.status, StatusCode::OK);
        let outlook = app.engine().latest().unwrap();
        let forecast = &outlook.plan.as_ref().unwrap().forecast;
        for milestone in &forecast.milestones {
            let href = format!("href=\"/forecast/{}\"", milestone.id);
            assert!(list.text.contains(&href), "{href}");
            let page = viewer.get(&format!("/forecast/{}", milestone.id)).await;
            assert_eq!(page.status, StatusCode::OK, "{}", milestone.id);
        }
        let launches = viewer.get("/forecast?role=launch").await;
        assert!(!launches.text.contains("/forecast/japan-launch"));
        let page = viewer.get("/forecast/door-open-alerts").await;
        for told in ["When it comes", "How it drifted", "What moves it", "Cruciality"] {
            assert!(page.text.contains(told), "{told}");
        }
    }

    #[tokio::test]
    async fn a_target_stands_where_its_day_is_though_no_date_lies_so_far_away() {
        let app = testing::app().await;
        let outlook = app.engine().latest().unwrap();
        let forecast = &outlook.plan.as_ref().unwrap().forecast;
        let as_of = forecast.as_of;
        let mut milestone = forecast.milestones[0].clone();
        let (soon, late) = (as_of.saturating_add(10.days()), as_of.saturating_add(100.days()));
        (milestone.p10, milestone.p50, milestone.p90) = (soon, soon, soon);
        milestone.target = Some(late);
        let scale = Scale::over(&[&milestone], as_of);
        assert_eq!((scale.place(soon).round(), scale.place(late).round()), (10.0, 100.0));
        milestone.target = Some(as_of.saturating_sub(10.days()));
        let scale = Scale::over(&[&milestone], as_of);
        assert_eq!(scale.place(as_of).round(), 50.0, "a target of the past has its place, too");
    }

    #[tokio::test]
    async fn a_partner_sees_no_date_that_is_not_shared() {
        let app = testing::app().await;
        let partner = testing::person(&app, Role::Partner).await;
        let list = partner.get("/forecast").await;
        assert!(list.text.contains("No dates to forecast"));
        let page = partner.get("/forecast/launch:door-open-alerts").await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        assert!(!page.text.contains("Door-open"));
    }
}
