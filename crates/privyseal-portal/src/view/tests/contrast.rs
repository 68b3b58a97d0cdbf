//! Contrast, computed from the style sheet itself: WCAG 2.2, 4.5 to 1 for text, 3 to 1 for shapes and outlines that carry meaning.

use std::collections::BTreeMap;

/// Text: what stands on what. 4.5 to 1.
const TEXT: [(&str, &[&str]); 22] = [
    ("ink", &["paper", "surface", "sunken", "high-soft", "medium-soft", "good-soft", "wax-soft"]),
    ("ink-2", &["paper", "surface", "sunken", "wax-soft", "medium-soft"]),
    ("ink-3", &["paper", "surface", "sunken"]),
    ("wax", &["paper", "surface", "sunken", "wax-soft"]),
    ("high", &["paper", "surface", "sunken", "high-soft"]),
    ("medium", &["paper", "surface", "sunken", "medium-soft"]),
    ("low", &["paper", "surface", "sunken", "low-soft"]),
    ("good", &["paper", "surface", "sunken", "good-soft"]),
    ("on-main", &["main", "main-hover"]),
    ("on-wax", &["wax-fill"]),
    ("on-high", &["high-fill"]),
    ("keyword", &["paper", "surface", "sunken"]),
    ("literal", &["paper", "surface", "sunken"]),
    ("comment", &["paper", "surface", "sunken"]),
    ("annotation", &["paper", "surface", "sunken"]),
    ("focus", &["paper", "surface", "sunken"]),
    ("main", &["paper", "surface", "sunken"]),
    ("high", &["wax-soft"]),
    ("medium", &["high-soft"]),
    ("good", &["wax-soft"]),
    ("wax", &["high-soft"]),
    ("ink", &["low-soft"]),
];

/// Shapes and edges that carry meaning: seals, bars, borders of fields. 3 to 1.
const SHAPES: [(&str, &[&str]); 4] = [
    ("wax-fill", &["paper", "surface", "sunken"]),
    ("high-fill", &["paper", "surface", "sunken"]),
    ("line-strong", &["paper", "surface", "sunken"]),
    ("focus", &["paper", "surface", "sunken", "high-soft", "wax-soft", "good-soft"]),
];

fn themes() -> [(&'static str, BTreeMap<String, [u8; 3]>); 2] {
    let css = include_str!("../../../assets/portal.css");
    let (light, rest) = css.split_once("@media (prefers-color-scheme: dark)").unwrap();
    let (dark, _) = rest.split_once("/* Ground").unwrap();
    let light = colours(light);
    let mut both = light.clone();
    let dark = colours(dark);
    let names = |theme: &BTreeMap<String, [u8; 3]>| theme.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&light), names(&dark), "a colour is named in one theme only");
    both.extend(dark);
    [("light", light), ("dark", both)]
}

/// `--name: #rrggbb;` lines of a block.
fn colours(block: &str) -> BTreeMap<String, [u8; 3]> {
    block
        .lines()
        .filter_map(|line| line.trim().strip_prefix("--")?.strip_suffix(';')?.split_once(": #"))
        .map(|(name, hex)| (name.to_owned(), [0, 2, 4].map(|at| u8::from_str_radix(hex.get(at..at + 2).unwrap(), 16).unwrap())))
        .collect()
}

fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|channel| {
        let channel = f64::from(channel) / 255.0;
        if channel <= 0.040_45 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn contrast_is_computed_as_wcag_does() {
    for (one, other, expected) in
        [([0; 3], [255; 3], 21.0), ([255; 3], [255; 3], 1.0), ([0x76; 3], [255; 3], 4.54), ([255, 0, 0], [255; 3], 4.0)]
    {
        assert!((contrast(one, other) - expected).abs() < 0.01, "{one:?} {other:?}");
    }
}

#[test]
fn every_pair_that_meets_on_a_page_can_be_read() {
    let mut wrong = Vec::new();
    for (theme, colours) in themes() {
        for (least, pairs) in [(4.5, &TEXT[..]), (3.0, &SHAPES[..])] {
            for (front, backs) in pairs {
                for back in *backs {
                    let found = contrast(colours[*front], colours[*back]);
                    if found < least {
                        wrong.push(format!("{theme}: {front} on {back} is {found:.2}, needs {least}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_colour_of_the_sheet_is_judged() {
    let judged: Vec<&str> =
        TEXT.iter().chain(&SHAPES).flat_map(|(front, backs)| std::iter::once(*front).chain(backs.iter().copied())).collect();
    let [(_, light), _] = themes();
    // `line` is decoration: it parts what spacing parts already.
    let left: Vec<&String> = light.keys().filter(|name| !judged.contains(&name.as_str()) && *name != "line").collect();
    assert!(left.is_empty(), "{left:?}");
}
