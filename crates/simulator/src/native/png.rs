//! A PNG of one colour, written by hand: one bit a pixel, not compressed.

/// The image. A side is cut to what the format can say.
pub(super) fn plain(width: u64, height: u64, colour: [u8; 3]) -> Vec<u8> {
    let side = |side: u64| u32::try_from(side).unwrap_or(1).max(1);
    let (width, height) = (side(width), side(height));
    // Depth 1, colour by palette.
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend([1, 3, 0, 0, 0]);
    let row = 1 + width.div_ceil(8) as usize;
    let pixels = vec![0; row * height as usize];
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &head);
    chunk(&mut png, b"PLTE", &colour);
    chunk(&mut png, b"IDAT", &stored(&pixels));
    chunk(&mut png, b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    png.extend(length.to_be_bytes());
    png.extend(kind);
    png.extend(data);
    let checked: Vec<u8> = kind.iter().chain(data).copied().collect();
    png.extend(crc(&checked).to_be_bytes());
}

/// A zlib stream of blocks that are stored as they are (RFC 1950, RFC 1951 3.2.4).
fn stored(data: &[u8]) -> Vec<u8> {
    const LONGEST: usize = 0xffff;
    let mut stream = vec![0x78, 0x01];
    let last = data.len().div_ceil(LONGEST).saturating_sub(1);
    for (index, block) in data.chunks(LONGEST).enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.push(u8::from(index == last));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler(data).to_be_bytes());
    stream
}

fn crc(data: &[u8]) -> u32 {
    let rest = data.iter().fold(u32::MAX, |rest, byte| {
        (0..8).fold(rest ^ u32::from(*byte), |rest, _bit| {
            if rest & 1 == 1 { (rest >> 1) ^ 0xedb8_8320 } else { rest >> 1 }
        })
    });
    !rest
}

fn adler(data: &[u8]) -> u32 {
    let (one, two) = data.iter().fold((1_u32, 0_u32), |(one, two), byte| {
        let one = (one + u32::from(*byte)) % 65_521;
        (one, (two + one) % 65_521)
    });
    (two << 16) | one
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standards() {
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler(b"Wikipedia"), 0x11e6_0398);
    }
}
