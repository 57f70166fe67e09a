//! Codes that change every half minute (RFC 6238), from a secret that a person's authenticator app has, too.
//!
//! Pure: time and chance are arguments. HMAC-SHA-1, six digits and 30 seconds are what every app knows.

use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

/// How long a code holds, in seconds (RFC 6238, 4.1).
const STEP_SECONDS: i64 = 30;
/// So many steps may clocks be apart, either way (RFC 6238, 5.2).
const LEEWAY_STEPS: i64 = 1;
/// The bytes of a secret: as many as the hash has (RFC 4226, 4).
pub(super) const SECRET_BYTES: usize = 20;
/// The digits of a code.
const DIGITS: usize = 6;

/// What an app and the gateway share.
#[derive(Clone)]
pub(super) struct Secret(Vec<u8>);

impl Secret {
    pub(super) fn of(random: [u8; SECRET_BYTES]) -> Self {
        Self(random.to_vec())
    }

    /// Reads what [`Secret::to_text`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        BASE32_NOPAD.decode(text.as_bytes()).ok().map(Self)
    }

    /// The text that a person may type into an app.
    pub(super) fn to_text(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// The address that apps take, often as a picture.
    pub(super) fn uri(&self, issuer: &str, login: &str) -> String {
        let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let (issuer, login, secret) = (encoded(issuer), encoded(login), self.to_text());
        format!(
            "otpauth://totp/{issuer}:{login}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP_SECONDS}"
        )
    }

    /// The step that a code is of, where it is one of now, and of a step after `last`: a code is taken once. All codes that
    /// could be meant are looked at, so that time does not tell which it was.
    pub(super) fn step_of(&self, code: &str, last: i64, now: Timestamp) -> Option<i64> {
        let newest = now.as_second().div_euclid(STEP_SECONDS);
        let mut found = i64::MIN;
        for step in newest - LEEWAY_STEPS..=newest + LEEWAY_STEPS {
            let is_it =
                self.code(step).as_bytes().ct_eq(code.as_bytes()) & Choice::from(u8::from(step > last));
            found.conditional_assign(&step, is_it);
        }
        (found != i64::MIN).then_some(found)
    }

    /// The code of a step (RFC 4226, 5.3).
    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let offset = usize::from(tag.as_ref().last().copied().unwrap_or_default() & 0xf);
        let four = tag.as_ref().get(offset..offset + 4).and_then(|four| <[u8; 4]>::try_from(four).ok());
        let number = u32::from_be_bytes(four.unwrap_or_default()) & 0x7fff_ffff;
        format!("{:0DIGITS$}", number % 10_u32.pow(6))
    }
}

#[cfg(test)]
impl Secret {
    /// What an app with this secret shows.
    pub(super) fn code_at(&self, now: Timestamp) -> String {
        self.code(now.as_second().div_euclid(STEP_SECONDS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, the last six of its eight digits.
        let secret = Secret::of(*b"12345678901234567890");
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(secret.code(second / 30), code, "{second}");
            assert_eq!(secret.step_of(code, 0, at(second)), Some(second / 30));
        }
    }

    #[test]
    fn a_code_holds_for_its_half_minute_and_one_on_either_side_once() {
        let secret = Secret::of([7; 20]);
        let step = 59_666_666;
        let code = secret.code(step);
        for (second, last, expected) in [
            (step * 30 - 31, 0, None),
            (step * 30 - 30, 0, Some(step)),
            (step * 30, 0, Some(step)),
            (step * 30 + 59, 0, Some(step)),
            (step * 30 + 60, 0, None),
            (step * 30, step - 1, Some(step)),
            (step * 30, step, None),
            (step * 30, step + 1, None),
        ] {
            assert_eq!(secret.step_of(&code, last, at(second)), expected, "{second} {last}");
        }
        for wrong in ["", "12345", "1234567", "abcdef", &format!("{code} "), &code.replace(|_| true, "٣")] {
            assert_eq!(secret.step_of(wrong, 0, at(step * 30)), None, "{wrong}");
        }
    }

    #[test]
    fn an_app_reads_the_secret_from_text_and_address() {
        let secret = Secret::of(*b"12345678901234567890");
        assert_eq!(secret.to_text(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(Secret::parse(&secret.to_text()).map(|again| again.0), Some(secret.0.clone()));
        assert!(Secret::parse("1").is_none());
        assert_eq!(
            secret.uri("Stonegate", "ann+x@example.org"),
            "otpauth://totp/Stonegate:ann%2Bx%40example%2Eorg?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Stonegate\
             &algorithm=SHA1&digits=6&period=30"
        );
    }
}
