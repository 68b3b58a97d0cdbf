//! An sRGB profile in ICC version 4, built from the numbers of the sRGB definition.
//!
//! PDF/A wants to know what its colours mean. Building the profile keeps a binary of unclear origin out of the source.

/// The profile. The same bytes every time.
pub(crate) fn srgb() -> Vec<u8> {
    let description = text("sRGB IEC61966-2.1");
    let copyright = text("No rights reserved");
    let curve = parametric();
    // The primaries and the white point of sRGB, adapted to the white of the profile connection space.
    let tags: [(&[u8; 4], Vec<u8>); 10] = [
        (b"desc", description),
        (b"cprt", copyright),
        (b"wtpt", xyz([0.9642, 1.0, 0.8249])),
        (b"chad", adaptation()),
        (b"rXYZ", xyz([0.436_066, 0.222_488, 0.013_916])),
        (b"gXYZ", xyz([0.385_147, 0.716_873, 0.097_076])),
        (b"bXYZ", xyz([0.143_066, 0.060_608, 0.714_096])),
        (b"rTRC", curve.clone()),
        (b"gTRC", curve.clone()),
        (b"bTRC", curve),
    ];
    let mut table = u32_bytes(tags.len());
    let mut data: Vec<u8> = Vec::new();
    let start = 128 + 4 + 12 * tags.len();
    for (name, value) in &tags {
        table.extend_from_slice(*name);
        table.extend(u32_bytes(start + data.len()));
        table.extend(u32_bytes(value.len()));
        data.extend_from_slice(value);
        while !data.len().is_multiple_of(4) {
            data.push(0);
        }
    }
    let mut profile = header(start + data.len());
    profile.extend(table);
    profile.extend(data);
    profile
}

fn header(size: usize) -> Vec<u8> {
    let mut header = u32_bytes(size);
    header.extend([0; 4]);
    header.extend([4, 0x20, 0, 0]);
    header.extend(b"mntrRGB XYZ ");
    // A fixed date, year to second: the profile does not change with the report.
    for part in [2026_u16, 1, 1, 0, 0, 0] {
        header.extend(part.to_be_bytes());
    }
    header.extend(b"acsp");
    header.extend([0; 4 * 7]);
    header.extend([0.9642, 1.0, 0.8249].into_iter().flat_map(fixed));
    header.extend([0; 4 + 16 + 28]);
    header
}

fn text(english: &str) -> Vec<u8> {
    let units: Vec<u8> = english.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut tag = b"mluc\0\0\0\0".to_vec();
    tag.extend(u32_bytes(1));
    tag.extend(u32_bytes(12));
    tag.extend(b"enUS");
    tag.extend(u32_bytes(units.len()));
    tag.extend(u32_bytes(28));
    tag.extend(units);
    tag
}

fn xyz(values: [f64; 3]) -> Vec<u8> {
    let mut tag = b"XYZ \0\0\0\0".to_vec();
    tag.extend(values.into_iter().flat_map(fixed));
    tag
}

/// How the white of sRGB was adapted (Bradford).
fn adaptation() -> Vec<u8> {
    let mut tag = b"sf32\0\0\0\0".to_vec();
    let matrix = [1.047_882, 0.022_919, -0.050_201, 0.029_587, 0.990_479, -0.017_059, -0.009_232, 0.015_076, 0.751_678];
    tag.extend(matrix.into_iter().flat_map(fixed));
    tag
}

/// The transfer curve of sRGB: a straight piece near black, then a power.
fn parametric() -> Vec<u8> {
    let mut tag = b"para\0\0\0\0\0\x03\0\0".to_vec();
    tag.extend([2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.040_45].into_iter().flat_map(fixed));
    tag
}

#[expect(clippy::cast_possible_truncation, reason = "every number in a profile is far below 32768")]
fn fixed(value: f64) -> [u8; 4] {
    ((value * 65_536.0).round() as i32).to_be_bytes()
}

fn u32_bytes(value: usize) -> Vec<u8> {
    u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_is_as_long_as_it_says_and_its_primaries_add_up_to_white() {
        let profile = srgb();
        let word = |at: usize| i32::from_be_bytes(profile[at..at + 4].try_into().unwrap());
        assert_eq!(usize::try_from(word(0)).unwrap(), profile.len());
        assert_eq!(&profile[36..40], b"acsp");
        let tag = |name: &[u8; 4]| {
            (0..10).map(|n| 132 + 12 * n).find(|at| &profile[*at..*at + 4] == name).map(|at| usize::try_from(word(at + 4)).unwrap())
        };
        for (axis, white) in [0.9642, 1.0, 0.8249].into_iter().enumerate() {
            let sum: i32 = [b"rXYZ", b"gXYZ", b"bXYZ"].map(|name| word(tag(name).unwrap() + 8 + 4 * axis)).iter().sum();
            assert!((f64::from(sum) / 65_536.0 - white).abs() < 0.001, "axis {axis}");
        }
    }
}
