//! `longlead demo --tour`: a walk through the sample's plan on the terminal.

use longlead_horizon::{Plan, compare};

use crate::command::{Answer, compare as comparing, decide, explain, plan};
use crate::exit::Failure;
use crate::output::style::{bold, command, dim, heading};
use crate::output::{json as json_text, wrap};
use crate::settings::Settings;
use crate::{gather, sample};

/// The decision that the tour is about.
const DECISION: &str = "light-sensor";

/// The launch that waits for it.
const LAUNCH: &str = "launch:door-open-alerts";

/// What if it is decided the other way.
const SCENARIO: &str = "no-light";

/// The tour as text, or its forecast as JSON.
pub(super) fn run(settings: &Settings) -> Result<Answer, Failure> {
    let gathered = gather::embedded(&sample::sources())?;
    let plan = gather::planned(&gathered, settings, None)?;
    if settings.output.json {
        let vocabulary = gather::vocabulary(&gathered.bundle, &plan, settings);
        return Ok(Answer::fine(json_text::text(&json_text::forecast(&plan, &vocabulary))));
    }
    tour(&gathered, &plan, settings).map(Answer::fine)
}

fn tour(
    gathered: &gather::Gathered,
    planned: &Plan,
    settings: &Settings,
) -> Result<String, Failure> {
    let width = settings.output.width;
    let (bundle, forecast) = (&gathered.bundle, &planned.forecast);
    let vocabulary = gather::vocabulary(bundle, planned, settings);
    let mut text = introduction(width);

    text.push_str(&step(1, "Where do we stand?", "longlead plan coldtrack", width));
    text.push_str(&plan::summary(bundle, forecast, settings));
    text.push_str(&plan::outlook(bundle, forecast, settings));

    let question = "Door-open alerts are promised for summer. No board has the sensor that they \
                    need. By when must it be on the next one?";
    let asked = format!("longlead decide {DECISION} coldtrack");
    text.push_str(&step(2, question, &asked, width));
    if let Some(decision) = forecast.decisions.iter().find(|it| it.id.as_str() == DECISION) {
        let told = decide::one(bundle, planned, decision, &vocabulary, settings);
        text.push_str(&until(&told, "Because"));
    }

    let question = "Why does a feature that takes weeks need a decision half a year ahead?";
    text.push_str(&step(3, question, &format!("longlead explain {LAUNCH} coldtrack"), width));
    if let Ok(explanation) = planned.explain(bundle, LAUNCH) {
        let told = explain::told(&explanation, planned, &vocabulary, settings);
        text.push_str(&until(&told, "What moves the date"));
    }

    let asked = format!("longlead compare coldtrack --scenario {SCENARIO}");
    text.push_str(&step(4, "And if the sensor is left out?", &asked, width));
    text.push_str(&alternative(gathered, planned, settings)?);
    text.push_str(&ending(width));
    Ok(text)
}

fn introduction(width: usize) -> String {
    let what = "Coldtrack makes trackers for chilled goods, and gateways that hear them. Its \
                firmware ships every few weeks; its boards take most of a year. What a board lacks \
                can't be patched in later, so hardware must be decided long before the software \
                that will need it.";
    let how = "Longlead knows the facts: boards and their parts, offers with lead times, builds, \
               labs and certificates, features and what they need of hardware. Everything below \
               follows from them. `longlead demo --write coldtrack` writes them down, and then \
               each command below can be typed as it stands.";
    format!(
        "{}\n\n{}\n{}",
        bold("Longlead: what hardware must be decided by when"),
        wrap::paragraph(what, "", "", width),
        wrap::paragraph(how, "", "", width),
    )
}

fn step(number: usize, question: &str, asked: &str, width: usize) -> String {
    let rule = dim(&"─".repeat(width.min(100)));
    let question = wrap::paragraph(question, &format!("{number}. "), "   ", width);
    let question: String = question.lines().map(|line| format!("{}\n", bold(line))).collect();
    format!("\n{rule}\n{question}   {}\n\n", command(&format!("$ {asked}")))
}

/// An answer up to one of its sections; the rest is there for whoever asks.
fn until(answer: &str, section: &str) -> String {
    match answer.find(&heading(section)) {
        Some(end) => {
            let rest = answer.get(end..).unwrap_or_default().lines().count() - 1;
            let shown = answer.get(..end).unwrap_or_default();
            format!("{shown}{}\n", dim(&format!("  … and {rest} lines more")))
        }
        None => answer.to_owned(),
    }
}

fn alternative(
    gathered: &gather::Gathered,
    planned: &Plan,
    settings: &Settings,
) -> Result<String, Failure> {
    let after = gather::under(gather::embedded(&sample::sources())?, SCENARIO)?;
    let plan_after = gather::planned(&after, settings, None)?;
    let comparison = compare(&planned.forecast, &plan_after.forecast);
    let title = comparing::scenario_title(&gathered.bundle, SCENARIO);
    let forecasts = (&planned.forecast, &plan_after.forecast);
    let shown = comparing::Shown {
        against: comparing::AS_IT_IS,
        listed: false,
        width: settings.output.width,
    };
    Ok(comparing::told(&comparison, &title, &after.bundle, forecasts, shown))
}

fn ending(width: usize) -> String {
    let rule = dim(&"─".repeat(width.min(100)));
    let commands = [
        ("longlead demo --write coldtrack", "the sample's files, to read and to change"),
        ("longlead plan coldtrack --activities", "every activity that follows from the facts"),
        ("longlead coverage coldtrack --why", "which device can run what, and why not"),
        (
            "longlead explain geofence coldtrack --discipline supply",
            "reasons in the words of a discipline, as the glossary has them",
        ),
        ("longlead new my-product", "a small bundle of your own to start from"),
    ];
    let mut text = format!("\n{rule}\n{}\n\n", bold("Type next"));
    for (asked, what) in commands {
        text.push_str(&format!("  {}\n      {}\n", command(asked), dim(what)));
    }
    text
}
