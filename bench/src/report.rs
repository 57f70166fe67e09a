//! Figures, their aims, and the table that shows whether they were met.

use std::io::{self, Write};

use serde::Serialize;

/// One value for each round.
#[derive(Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    fn summary(&self) -> Option<Summary> {
        let sorted = self.sorted();
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        Some(Summary { median: percentile(&sorted, 50.0), min, max, rounds: sorted.len() })
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// The value at or below which `percent` of the sorted values lie; NaN of none.
pub(crate) fn percentile(sorted: &[f64], percent: f64) -> f64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// What the rounds gave together.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Summary {
    median: f64,
    min: f64,
    max: f64,
    rounds: usize,
}

/// What is asked of a figure: first what it must reach, then what it should.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aim {
    /// The ratio to the bare proxy is at most this.
    RatioAtMost(f64, f64),
    /// The ratio to the bare proxy is at least this.
    RatioAtLeast(f64, f64),
    /// Stonegate's own value is at most this.
    AtMost(f64, f64),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Aim,
    Least,
    Missed,
}

/// One line of the table.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) bare: Samples,
    pub(crate) stonegate: Samples,
    pub(crate) aim: Option<Aim>,
}

impl Figure {
    pub(crate) fn new(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, bare: Samples::default(), stonegate: Samples::default(), aim: None }
    }

    pub(crate) fn with_aim(mut self, aim: Aim) -> Self {
        self.aim = Some(aim);
        self
    }

    /// Stonegate's value over the bare proxy's, round by round.
    fn ratio(&self) -> Option<Summary> {
        let pairs = self.stonegate.0.iter().zip(&self.bare.0);
        pairs.map(|(stonegate, bare)| stonegate / bare).collect::<Samples>().summary()
    }

    /// What is asked and whether it was met, in words.
    fn aim_columns(&self) -> [String; 3] {
        let (least, aim) = match self.aim {
            Some(Aim::RatioAtMost(least, aim)) => (format!("≤ {least}×"), format!("{aim}×")),
            Some(Aim::RatioAtLeast(least, aim)) => (format!("≥ {least}×"), format!("{aim}×")),
            Some(Aim::AtMost(least, aim)) => (format!("≤ {least}"), aim.to_string()),
            None => (String::new(), String::new()),
        };
        let met = match self.verdict() {
            Some(Verdict::Aim) => "aim",
            Some(Verdict::Least) => "at least",
            Some(Verdict::Missed) => "MISSED",
            None => "",
        };
        [least, aim, met.to_owned()]
    }

    fn verdict(&self) -> Option<Verdict> {
        let met = |value: f64, at_most: bool, least: f64, aim: f64| {
            let within = |limit: f64| if at_most { value <= limit } else { value >= limit };
            match (within(least), within(aim)) {
                (_, true) => Verdict::Aim,
                (true, false) => Verdict::Least,
                (false, false) => Verdict::Missed,
            }
        };
        Some(match self.aim? {
            Aim::RatioAtMost(least, aim) => met(self.ratio()?.median, true, least, aim),
            Aim::RatioAtLeast(least, aim) => met(self.ratio()?.median, false, least, aim),
            Aim::AtMost(least, aim) => met(self.stonegate.summary()?.median, true, least, aim),
        })
    }
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) figures: Vec<Figure>,
    /// What the run was like, and what it checked, a sentence each.
    pub(crate) notes: Vec<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    unit: &'a str,
    bare: Option<Summary>,
    stonegate: Option<Summary>,
    ratio: Option<Summary>,
    aim: Option<Aim>,
    verdict: Option<Verdict>,
}

impl Report {
    /// How many figures miss what they must reach.
    pub(crate) fn missed(&self) -> usize {
        self.figures.iter().filter(|figure| figure.verdict() == Some(Verdict::Missed)).count()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        let lines: Vec<Line<'_>> = self
            .figures
            .iter()
            .map(|figure| Line {
                name: figure.name,
                unit: figure.unit,
                bare: figure.bare.summary(),
                stonegate: figure.stonegate.summary(),
                ratio: figure.ratio(),
                aim: figure.aim,
                verdict: figure.verdict(),
            })
            .collect();
        serde_json::json!({"figures": lines, "notes": self.notes})
    }

    pub(crate) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{:<44} {:>5}  {:<22} {:<22} {:<19} {:<9} {:<7} met",
            "median (min–max of the rounds)", "", "bare proxy", "Stonegate", "ratio", "at least", "aim"
        )?;
        for figure in &self.figures {
            let [least, aim, met] = figure.aim_columns();
            writeln!(
                out,
                "{:<44} {:>5}  {:<22} {:<22} {:<19} {least:<9} {aim:<7} {met}",
                figure.name,
                figure.unit,
                spread(figure.bare.summary()),
                spread(figure.stonegate.summary()),
                spread(figure.ratio()),
            )?;
        }
        for note in &self.notes {
            writeln!(out, "{note}")?;
        }
        Ok(())
    }

    /// The same as a table for `docs/performance.md`.
    pub(crate) fn markdown(&self) -> String {
        let mut table =
            "| | bare proxy | Stonegate | ratio | at least | aim | met |\n|---|---|---|---|---|---|---|\n"
                .to_owned();
        for figure in &self.figures {
            let [least, aim, met] = figure.aim_columns();
            let (bare, stonegate, ratio) =
                (figure.bare.summary(), figure.stonegate.summary(), figure.ratio());
            let columns = [
                format!("{}, {}", figure.name.trim_start(), figure.unit),
                spread(bare),
                spread(stonegate),
                spread(ratio),
                least,
                aim,
                met,
            ];
            table.push_str(&format!("| {} |\n", columns.join(" | ")));
        }
        table
    }
}

fn spread(summary: Option<Summary>) -> String {
    summary.map_or_else(
        || "–".to_owned(),
        |Summary { median, min, max, .. }| format!("{} ({}–{})", number(median), number(min), number(max)),
    )
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(bare: &[f64], stonegate: &[f64], aim: Aim) -> Figure {
        let mut figure = Figure::new("x", "µs").with_aim(aim);
        figure.bare = bare.iter().copied().collect();
        figure.stonegate = stonegate.iter().copied().collect();
        figure
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert!((percentile(&values, 50.0) - 50.0).abs() < f64::EPSILON);
        assert!((percentile(&values, 99.0) - 99.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 50.0).is_nan());
    }

    #[test]
    fn a_verdict_goes_by_the_median_of_the_ratios_of_each_round() {
        let check = |stonegate: &[f64], aim, expected| {
            assert_eq!(figure(&[10.0, 20.0, 30.0], stonegate, aim).verdict(), Some(expected));
        };
        let at_most = Aim::RatioAtMost(2.5, 1.8);
        check(&[15.0, 30.0, 300.0], at_most, Verdict::Aim);
        check(&[20.0, 40.0, 30.0], at_most, Verdict::Least);
        check(&[30.0, 60.0, 30.0], at_most, Verdict::Missed);
        check(&[5.0, 12.0, 18.0], Aim::RatioAtLeast(0.4, 0.55), Verdict::Aim);
        check(&[50.0, 12.0, 18.0], Aim::AtMost(20.0, 15.0), Verdict::Least);
    }
}
