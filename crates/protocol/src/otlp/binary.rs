//! Exports in protobuf: https://protobuf.dev/programming-guides/encoding, the parts of it that OTLP uses.

use bytes::Bytes;

use super::form::{Form, Holds};
use super::{Attribute, NotOtlp, Stamp, is_reserved};

/// The wire type of what has a length: text, messages.
const LENGTH: u64 = 2;
/// An attribute's fields.
const KEY: u64 = 1;
const VALUE: u64 = 2;
/// A value's field for text.
const TEXT: u64 = 1;

/// See [`super::stamp`].
pub(super) fn stamp(form: &Form, export: &[u8], attributes: &[Attribute]) -> Result<Bytes, NotOtlp> {
    let mut out = Vec::with_capacity(export.len() + 256);
    copy(form, export, &mut Stamp::new(attributes), &mut out)?;
    Ok(Bytes::from(out))
}

/// See [`super::Encoding::status`].
pub(super) fn status(code: u8, message: &str) -> Bytes {
    let mut out = Vec::with_capacity(message.len() + 8);
    put_varint(1 << 3, &mut out);
    put_varint(u64::from(code), &mut out);
    put(2, message.as_bytes(), &mut out);
    Bytes::from(out)
}

/// Copies a message field by field. Depth is bounded by the form, which no message can make deeper.
fn copy(
    form: &Form,
    message: &[u8],
    stamp: &mut Stamp<'_, Attribute>,
    out: &mut Vec<u8>,
) -> Result<(), NotOtlp> {
    let mut always = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let field = Field::take(&mut rest)?;
        let Some(known) = form.find(|known| known.number == field.number) else {
            out.extend_from_slice(field.whole);
            continue;
        };
        let inside = field.inside.ok_or(NotOtlp("a field has another wire type than it should"))?;
        match known.holds {
            Holds::Attributes | Holds::OurAttributes if is_claimed(inside)? => {}
            Holds::Attributes | Holds::OurAttributes => out.extend_from_slice(field.whole),
            Holds::One(form) | Holds::Many(form) => copy_into(known.number, form, inside, stamp, out)?,
            // One that comes in parts is one: its readers put the parts together, which is the same as one after the other.
            Holds::Always(_) => always.extend_from_slice(inside),
        }
    }
    for known in form.0 {
        match known.holds {
            Holds::OurAttributes => {
                stamp.press()?.iter().for_each(|ours| put_attribute(known.number, ours, out))
            }
            Holds::Always(form) => copy_into(known.number, form, &always, stamp, out)?,
            Holds::Attributes | Holds::One(_) | Holds::Many(_) => {}
        }
    }
    Ok(())
}

fn copy_into(
    number: u64,
    form: &Form,
    message: &[u8],
    stamp: &mut Stamp<'_, Attribute>,
    out: &mut Vec<u8>,
) -> Result<(), NotOtlp> {
    let mut copied = Vec::with_capacity(message.len() + 128);
    copy(form, message, stamp, &mut copied)?;
    put(number, &copied, out);
    Ok(())
}

/// Whether an attribute has a name that is reserved, in any of the keys that it is given.
fn is_claimed(attribute: &[u8]) -> Result<bool, NotOtlp> {
    let mut rest = attribute;
    let mut is_claimed = false;
    while !rest.is_empty() {
        let field = Field::take(&mut rest)?;
        is_claimed |= field.number == KEY && field.inside.is_some_and(is_reserved);
    }
    Ok(is_claimed)
}

/// A field as it stands in a message.
struct Field<'a> {
    number: u64,
    /// With its tag.
    whole: &'a [u8],
    /// What is in it, where it has a length.
    inside: Option<&'a [u8]>,
}

impl<'a> Field<'a> {
    fn take(rest: &mut &'a [u8]) -> Result<Self, NotOtlp> {
        let start = *rest;
        let tag = varint(rest)?;
        let (number, wire) = (tag >> 3, tag & 7);
        // 29 bits, by the specification; readers would cut a larger one, each in its own way.
        if number == 0 || number >= 1 << 29 {
            return Err(NotOtlp("a field has a number that none can have"));
        }
        let inside = match wire {
            0 => varint(rest).map(|_| None)?,
            1 => taken(rest, 8).map(|_| None)?,
            LENGTH => {
                let length = varint(rest)?;
                Some(taken(rest, length)?)
            }
            5 => taken(rest, 4).map(|_| None)?,
            // Groups (3, 4) were never in OTLP.
            _ => return Err(NotOtlp("a field has a wire type that OTLP does not use")),
        };
        let whole = start.get(..start.len() - rest.len()).unwrap_or_default();
        Ok(Field { number, whole, inside })
    }
}

fn taken<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], NotOtlp> {
    let length = usize::try_from(length).map_err(|_too_long| CUT)?;
    let (taken, left) = rest.split_at_checked(length).ok_or(CUT)?;
    *rest = left;
    Ok(taken)
}

const CUT: NotOtlp = NotOtlp("it ends within a field");

fn varint(rest: &mut &[u8]) -> Result<u64, NotOtlp> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte, ..] = *taken(rest, 1)? else { return Err(CUT) };
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            break;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(NotOtlp("a number is longer than 64 bits"))
}

fn put(number: u64, inside: &[u8], out: &mut Vec<u8>) {
    put_varint(number << 3 | LENGTH, out);
    put_varint(inside.len() as u64, out);
    out.extend_from_slice(inside);
}

fn put_attribute(number: u64, attribute: &Attribute, out: &mut Vec<u8>) {
    let (mut value, mut entry) = (Vec::new(), Vec::new());
    put(TEXT, attribute.value.as_bytes(), &mut value);
    put(KEY, attribute.name.as_bytes(), &mut entry);
    put(VALUE, &value, &mut entry);
    put(number, &entry, out);
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value > 0x7f {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

#[cfg(test)]
mod tests {
    use super::super::{Encoding, Signal};
    use super::*;

    fn field(number: u64, inside: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put(number, inside, &mut out);
        out
    }

    fn attribute(name: &str, value: &str) -> Vec<u8> {
        [field(1, name.as_bytes()), field(2, &field(1, value.as_bytes()))].concat()
    }

    fn stamped(export: &[u8]) -> Result<Bytes, NotOtlp> {
        let by = [Attribute { name: "user.id", value: "ann".to_owned() }];
        super::super::stamp(Signal::Logs, Encoding::Binary, export, &by)
    }

    #[test]
    fn only_attributes_change() {
        let ours = field(1, &attribute("user.id", "ann"));
        let theirs = field(1, &attribute("service.name", "x"));
        let claim = field(1, &attribute("user.id", "bob"));
        // A field of a version to come, in each wire type.
        let newer =
            [&[0xf8, 0x07, 0x96, 0x01][..], &field(200, b"later"), &[0xfd, 0x07, 1, 2, 3, 4]].concat();
        let record =
            |attributes: &[u8]| field(2, &field(2, &[&field(5, b"body"), attributes, &newer[..]].concat()));
        let claimed = field(6, &attribute("user_id", "bob"));
        let said = field(6, &attribute("session.id", "1"));
        for (what, given, expected) in [
            ("nothing", vec![], vec![]),
            ("no resource", vec![], vec![field(1, &ours)]),
            ("a resource", vec![field(1, &theirs)], vec![field(1, &[&theirs[..], &ours].concat())]),
            (
                "a claim",
                vec![field(1, &[&claim[..], &theirs].concat())],
                vec![field(1, &[&theirs[..], &ours].concat())],
            ),
            (
                "a resource in two parts",
                vec![field(1, &theirs), field(1, &claim)],
                vec![field(1, &[&theirs[..], &ours].concat())],
            ),
            (
                "a claim in a record",
                vec![record(&[&claimed[..], &said].concat())],
                vec![record(&said), field(1, &ours)],
            ),
        ] {
            let whole =
                |parts: Vec<Vec<u8>>| if what == "nothing" { vec![] } else { field(1, &parts.concat()) };
            let export = [whole(given), newer.clone()].concat();
            let expected = [whole(expected), newer.clone()].concat();
            assert_eq!(stamped(&export).map(|bytes| bytes.to_vec()), Ok(expected), "{what}");
        }
    }

    #[test]
    fn a_key_that_is_given_twice_is_looked_at_twice() {
        for twice in [["user.id", "harmless"], ["harmless", "user.id"]] {
            let entry = field(1, &twice.map(|name| field(1, name.as_bytes())).concat());
            let export = field(1, &field(1, &entry));
            assert_eq!(stamped(&export), stamped(&field(1, &[])), "{twice:?}");
        }
    }

    #[test]
    fn what_is_no_export_is_told_so() {
        for wrong in [
            &[0x0a][..],                                                         // no length
            &[0x0a, 5, 1],                                                       // cut
            &[0x08, 1],    // a number where a message should be
            &[0x0b, 0x0c], // a group
            &[0x02, 0],    // field 0
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], // too long a number
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], // too long a length
            &[0x82, 0x80, 0x80, 0x80, 0x10, 0], // field 2^29
        ] {
            assert!(stamped(wrong).is_err(), "{wrong:x?}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let whole =
            field(1, &[field(1, &field(1, &attribute("user.id", "bob"))), field(2, &field(2, b""))].concat());
        for at in 0..whole.len() {
            drop(stamped(&whole[..at]));
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                drop(stamped(&changed));
            }
        }
    }
}
