//! What cells say: estimates, dates and shares.

use longlead_model::{Date, Distribution, Estimate, Share, TimeUnit};

const ESTIMATE_HELP: &str =
    "write 10 d, 5/8/14 d, p50 12 p90 20 wk, uniform 5/9 d or observed 11/9/14 d";

/// Reads an estimate; otherwise what is wrong with it.
pub(super) fn estimate(text: &str) -> Result<Estimate, String> {
    let words = words(text)?;
    let mut words = words.iter().map(String::as_str).peekable();
    let mut numbers = Vec::new();
    let mut shape = None;
    let mut percentiles = (None, None);
    let mut unit = None;
    while let Some(word) = words.next() {
        match word {
            "pert" | "triangular" | "uniform" | "observed" | "fixed" if shape.is_none() => {
                shape = Some(word);
            }
            "p50" | "p90" => {
                let value = words.next().and_then(|it| it.parse::<f64>().ok());
                let value = value.ok_or_else(|| format!("{word} needs a number"))?;
                let slot = if word == "p50" { &mut percentiles.0 } else { &mut percentiles.1 };
                *slot = Some(value);
            }
            "d" | "day" | "days" if unit.is_none() => unit = Some(TimeUnit::Day),
            "w" | "wk" | "week" | "weeks" if unit.is_none() => unit = Some(TimeUnit::Week),
            word => match word.parse::<f64>() {
                Ok(number) => numbers.push(number),
                Err(_) => return Err(format!("`{word}` is not understood; {ESTIMATE_HELP}")),
            },
        }
    }
    let distribution = distribution(shape, &numbers, percentiles)?;
    Ok(Estimate { distribution, unit: unit.unwrap_or(TimeUnit::Day) })
}

fn distribution(
    shape: Option<&str>,
    numbers: &[f64],
    percentiles: (Option<f64>, Option<f64>),
) -> Result<Distribution, String> {
    if !numbers.iter().all(|it| it.is_finite() && *it >= 0.0) {
        return Err("a duration is zero or more".to_owned());
    }
    let distribution = match (shape, numbers, percentiles) {
        (None, [], (Some(p50), Some(p90))) => {
            if !(p50 > 0.0 && p50 <= p90 && p90.is_finite()) {
                return Err(format!("p50 {p50} and p90 {p90} don't fit a lognormal"));
            }
            return Ok(Distribution::Lognormal { p50, p90 });
        }
        (None | Some("fixed"), &[value], (None, None)) => Distribution::Fixed(value),
        (None | Some("pert"), &[low, likely, high], (None, None)) => {
            Distribution::Pert { low, likely, high }
        }
        (Some("triangular"), &[low, likely, high], (None, None)) => {
            Distribution::Triangular { low, likely, high }
        }
        (Some("uniform"), &[low, high], (None, None)) => Distribution::Uniform { low, high },
        (Some("observed"), [_, ..], (None, None)) => {
            return Ok(Distribution::Observed(numbers.to_vec()));
        }
        _ => return Err(format!("{} numbers make no estimate; {ESTIMATE_HELP}", numbers.len())),
    };
    if !numbers.is_sorted() {
        return Err("the values must rise: low, likely, high".to_owned());
    }
    Ok(distribution)
}

/// Splits `5/8/14d` into numbers and words.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = Vec::new();
    for part in text.to_lowercase().split(|it: char| it.is_whitespace() || it == '/') {
        let is_percentile = matches!(part, "p50" | "p90");
        let split = part.find(|it: char| it.is_alphabetic()).filter(|at| *at > 0 && !is_percentile);
        let (number, word) = part.split_at(split.unwrap_or(part.len()));
        for piece in [number, word].into_iter().filter(|it| !it.is_empty()) {
            words.push(decimal_point(piece)?);
        }
    }
    Ok(words)
}

/// `2,5` is two and a half; `1,000` could be one or a thousand.
fn decimal_point(word: &str) -> Result<String, String> {
    let Some((whole, fraction)) = word.split_once(',') else { return Ok(word.to_owned()) };
    if fraction.len() == 3 || fraction.contains([',', '.']) || whole.contains('.') {
        return Err(format!("`{word}` can be read in two ways; write it without a comma"));
    }
    Ok(format!("{whole}.{fraction}"))
}

/// How an estimate is written so that [`estimate`] reads it back.
pub(super) fn estimate_text(estimate: &Estimate) -> String {
    let list = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join("/");
    let values = match &estimate.distribution {
        Distribution::Fixed(value) => value.to_string(),
        Distribution::Pert { low, likely, high } => list(&[*low, *likely, *high]),
        Distribution::Triangular { low, likely, high } => {
            format!("triangular {}", list(&[*low, *likely, *high]))
        }
        Distribution::Lognormal { p50, p90 } => format!("p50 {p50} p90 {p90}"),
        Distribution::Uniform { low, high } => format!("uniform {}", list(&[*low, *high])),
        Distribution::Observed(values) => format!("observed {}", list(values)),
    };
    format!("{values} {}", estimate.unit.as_str())
}

/// Reads `2027-01-31` or `31.1.2027`.
pub(super) fn date(text: &str) -> Result<Date, String> {
    let help = || format!("`{text}` is not a date; write 2027-01-31");
    if let Ok(date) = text.parse::<Date>() {
        return Ok(date);
    }
    let parts: Vec<&str> = text.split('.').collect();
    let [day, month, year] = parts.as_slice() else { return Err(help()) };
    let (day, month) = (day.trim().parse().ok(), month.trim().parse().ok());
    let year = year.trim().parse::<i16>().ok().filter(|year| *year >= 1000);
    match (year, month, day) {
        (Some(year), Some(month), Some(day)) => Date::new(year, month, day).map_err(|_| help()),
        _ => Err(help()),
    }
}

/// Reads `0.8` or `80 %`.
pub(super) fn share(text: &str) -> Result<Share, String> {
    let help = || format!("`{text}` is not a share; write 0.8 or 80 %");
    let (number, factor) = match text.strip_suffix('%') {
        Some(number) => (number, 0.01),
        None => (text, 1.0),
    };
    let number = decimal_point(number.trim())?.parse::<f64>().map_err(|_| help())?;
    Share::try_from(number * factor).map_err(|_| help())
}
