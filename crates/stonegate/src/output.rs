//! Tables and JSON.

use serde::Serialize;

use crate::terminal::Style;

/// How a column stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// Text, to the left.
    Text(&'static str),
    /// Numbers, to the right.
    Number(&'static str),
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Self::Text(heading) | Self::Number(heading) => heading,
        }
    }

    fn padded(self, cell: &str, width: usize) -> String {
        match self {
            Self::Text(_) => format!("{cell:width$}"),
            Self::Number(_) => format!("{cell:>width$}"),
        }
    }
}

/// A table for people: as wide as it has to be, two spaces between columns.
#[derive(Debug)]
pub(crate) struct Table<const N: usize> {
    columns: [Column; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(columns: [Column; N], rows: impl IntoIterator<Item = [String; N]>) -> Self {
        let clean = |cell: String| cell.replace(char::is_control, "\u{fffd}");
        Self { columns, rows: rows.into_iter().map(|row| row.map(clean)).collect() }
    }

    /// The table as text; `nothing` where it has no rows.
    pub(crate) fn render(&self, nothing: &str, style: Style) -> String {
        let mut lines = self.lines().into_iter();
        let first = lines.next().filter(|_| !self.rows.is_empty());
        let Some(heading) = first else { return style.dim(nothing) + "\n" };
        let mut text = style.bold(&heading) + "\n";
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn lines(&self) -> Vec<String> {
        let headings = self.columns.map(|column| column.heading().to_owned());
        let rows: Vec<&[String; N]> = std::iter::once(&headings).chain(&self.rows).collect();
        let widths: [usize; N] = std::array::from_fn(|at| {
            rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default()
        });
        let line = |row: &[String; N]| {
            let cells: Vec<String> = (0..N).map(|at| self.columns[at].padded(&row[at], widths[at])).collect();
            cells.join("  ").trim_end().to_owned()
        };
        rows.into_iter().map(line).collect()
    }
}

/// What is known of one thing: a line each for what there is.
pub(crate) fn facts<const N: usize>(facts: [(&str, Option<String>); N], style: Style) -> String {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let line = |(name, value): (&str, Option<String>)| {
        value.map(|value| format!("{}  {value}\n", style.dim(&format!("{name:width$}"))))
    };
    facts.into_iter().filter_map(line).collect()
}

/// JSON for programs, indented for the people who look over their shoulder.
pub(crate) fn json<T: Serialize>(value: &T) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

const NANO: u64 = 1_000_000_000;

/// Money for people: cents from a dollar on, and below it at least two digits that say something. What is not nothing is
/// never shown as nothing.
pub(crate) fn dollars(nanodollars: u64) -> String {
    let places: u32 = match nanodollars {
        0 => 2,
        1..NANO => (9 - nanodollars.ilog10() + 1).clamp(4, 9),
        NANO.. => 2,
    };
    let unit = 10_u64.pow(9 - places);
    let rounded = nanodollars / unit + u64::from(nanodollars % unit * 2 >= unit);
    let per_dollar = 10_u64.pow(places);
    let width = usize::try_from(places).unwrap_or_default();
    format!("${}.{:0width$}", rounded / per_dollar, rounded % per_dollar)
}

/// A number with a space between thousands.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_short_and_never_nothing_by_rounding() {
        for (nanodollars, expected) in [
            (0, "$0.00"),
            (1, "$0.000000001"),
            (12, "$0.000000012"),
            (125, "$0.00000013"),
            (12_345, "$0.000012"),
            (1_234_567, "$0.0012"),
            (12_345_678, "$0.0123"),
            (123_456_789, "$0.1235"),
            (999_999_999, "$1.0000"),
            (1_000_000_000, "$1.00"),
            (12_345_678_901, "$12.35"),
            (u64::MAX, "$18446744073.71"),
        ] {
            assert_eq!(dollars(nanodollars), expected, "{nanodollars}");
        }
    }

    #[test]
    fn counts_are_grouped() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(count(number), expected);
        }
    }

    #[test]
    fn a_table_lines_up_and_hides_control_characters() {
        let rows = [["ann".to_owned(), "7".to_owned()], ["bob\u{1b}[2J".to_owned(), "1 000".to_owned()]];
        let table = Table::new([Column::Text("USER"), Column::Number("CALLS")], rows);
        assert_eq!(table.lines(), ["USER     CALLS", "ann          7", "bob\u{fffd}[2J  1 000"]);
    }
}
