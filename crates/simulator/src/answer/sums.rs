//! Arithmetic, for the pleasure of asking.

/// Finds a sum such as `17 * 23` or `what is (2 + 3) x 4?` and solves it.
pub(crate) fn solve(question: &str) -> Option<String> {
    let words = question
        .replace(" plus ", "+")
        .replace(" minus ", "-")
        .replace(" times ", "*")
        .replace(" divided by ", "/");
    let spaced = words.replace(" x ", "*").replace('×', "*").replace('÷', "/").replace('−', "-");
    let is_part = |character: char| character.is_ascii_digit() || "+-*/(). ".contains(character);
    let sum = spaced
        .split(|character| !is_part(character))
        .map(|part| part.trim().trim_end_matches('.').trim())
        .filter(|part| part.chars().any(|character| character.is_ascii_digit()))
        .find(|part| part.chars().skip(1).any(|character| "+-*/".contains(character)))?;
    let mut rest = Rest { text: sum.as_bytes(), depth: 0 };
    let value = rest.sum()?;
    (rest.is_empty() && value.is_finite()).then(|| format!("{} = {}", sum.trim(), written(value)))
}

fn written(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        format!("{}", (value * 1e6).round() / 1e6)
    }
}

/// No sum is nested deeper than this.
const DEEPEST: u32 = 50;

/// What is still to be read: sums of products of numbers and brackets.
struct Rest<'a> {
    text: &'a [u8],
    depth: u32,
}

impl Rest<'_> {
    fn is_empty(&self) -> bool {
        self.text.iter().all(|byte| *byte == b' ')
    }

    fn take(&mut self, wanted: &[u8]) -> Option<u8> {
        self.text = self.text.trim_ascii_start();
        let (first, rest) = self.text.split_first().filter(|(first, _)| wanted.contains(first))?;
        self.text = rest;
        Some(*first)
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product()?;
        while let Some(sign) = self.take(b"+-") {
            let next = self.product()?;
            value = if sign == b'+' { value + next } else { value - next };
        }
        Some(value)
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.factor()?;
        while let Some(sign) = self.take(b"*/") {
            let next = self.factor()?;
            value = if sign == b'*' { value * next } else { value / next };
        }
        Some(value)
    }

    fn factor(&mut self) -> Option<f64> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let value = if self.take(b"-").is_some() {
            self.factor().map(|value| -value)
        } else if self.take(b"(").is_some() {
            let value = self.sum();
            self.take(b")").and(value)
        } else {
            self.number()
        };
        self.depth -= 1;
        value
    }

    fn number(&mut self) -> Option<f64> {
        self.text = self.text.trim_ascii_start();
        let length = self.text.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let (number, rest) = self.text.split_at(length);
        self.text = rest;
        std::str::from_utf8(number).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_solved() {
        let check = |question: &str, expected: Option<&str>| {
            assert_eq!(solve(question).as_deref(), expected, "{question}")
        };
        check("what is 2+2?", Some("2+2 = 4"));
        check("17 * 23", Some("17 * 23 = 391"));
        check("what is (2 + 3) x 4.", Some("(2 + 3)*4 = 20"));
        check("10 divided by 4", Some("10/4 = 2.5"));
        check("compute -3 - -4 please", Some("-3 - -4 = 1"));
        check("1/0", None);
        check("in 2026 we met", None);
        check("hello", None);
        check("((((((1+", None);
        check(&"(".repeat(10_000), None);
        check(&format!("1+{}", "-".repeat(10_000)), None);
    }
}
