//! From decimal text to whole pico-dollars, without a floating-point number in between.

use anyhow::{Context as _, Result, bail};

/// Places between a dollar and a pico-dollar.
const PICO: i32 = 12;

/// The number of pico-dollars in a JSON number of dollars, which has to come out even.
pub(crate) fn picodollars(text: &str) -> Result<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().with_context(|| text.to_owned())?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        bail!("{text} is no amount of dollars");
    }
    let shift = PICO + exponent - i32::try_from(fraction.len())?;
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    let shifted = match usize::try_from(shift) {
        Ok(zeros) => format!("{digits}{}", "0".repeat(zeros)),
        Err(_negative) => {
            let cut = usize::try_from(-shift)?;
            let kept = digits
                .len()
                .checked_sub(cut)
                .filter(|kept| digits[*kept..].bytes().all(|digit| digit == b'0'));
            digits[..kept.with_context(|| format!("{text} is finer than a pico-dollar"))?].to_owned()
        }
    };
    shifted.parse().with_context(|| format!("{text} is too much"))
}

#[cfg(test)]
mod tests {
    use super::picodollars;

    #[test]
    fn decimal_text_becomes_whole_picodollars() {
        for (text, expected) in [
            ("5.5e-06", 5_500_000),
            ("2.2e-07", 220_000),
            ("0.0001375", 137_500_000),
            ("8.75e-09", 8_750),
            ("0.0", 0),
            ("0", 0),
            ("0.06", 60_000_000_000),
            ("3E-6", 3_000_000),
            ("1.50e-11", 15),
            ("7.21875e-06", 7_218_750),
        ] {
            assert_eq!(picodollars(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_does_not_come_out_even_is_refused() {
        for text in ["1e-13", "1.5e-12", "-1", "", ".", "x", "1e", "1e99"] {
            assert!(picodollars(text).is_err(), "{text}");
        }
    }
}
