//! The drawn marks: one shape per state, and the seal on the title page.
//!
//! They are outlines, not characters, so that they look the same in SVG and PDF and cost no glyph.
//! States differ in shape, never in colour alone: disc with a tick, diamond with a stroke and a dot, square with a cross,
//! half disc, ring with a bar.

use std::fmt::Write as _;

use privyseal_core::finding::TestState;

/// One step of an outline; y grows downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// To a new contour's first point.
    Move(f32, f32),
    /// Straight to a point.
    Line(f32, f32),
    /// Along a curve with two control points.
    Curve(f32, f32, f32, f32, f32, f32),
}

/// A filled outline in a square with sides of `SIDE`; where contours overlap they cut holes (even-odd).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mark {
    /// Closed contours, one after another.
    pub(crate) contours: Vec<Vec<Step>>,
}

/// Width and height of the square that every mark is drawn in.
pub(crate) const SIDE: f32 = 16.0;

/// How far a control point stands off for a quarter circle of radius 1.
const QUARTER: f32 = 0.552_285;

/// The uneven edge of the seal, written out rather than computed: sines differ in their last digit between machines, and reports may not.
const EDGE: [(f32, f32); 40] = [
    (15.76, 8.0),
    (15.57, 9.2),
    (15.19, 10.33),
    (14.75, 11.44),
    (14.12, 12.45),
    (13.25, 13.25),
    (12.3, 13.92),
    (11.39, 14.66),
    (10.39, 15.36),
    (9.22, 15.71),
    (8.0, 15.61),
    (6.83, 15.36),
    (5.69, 15.11),
    (4.59, 14.69),
    (3.63, 14.02),
    (2.75, 13.25),
    (1.85, 12.47),
    (1.04, 11.55),
    (0.63, 10.4),
    (0.6, 9.17),
    (0.66, 8.0),
    (0.66, 6.84),
    (0.82, 5.67),
    (1.29, 4.58),
    (1.91, 3.57),
    (2.57, 2.57),
    (3.43, 1.7),
    (4.54, 1.2),
    (5.73, 1.0),
    (6.86, 0.79),
    (8.0, 0.51),
    (9.2, 0.45),
    (10.36, 0.75),
    (11.45, 1.24),
    (12.5, 1.8),
    (13.43, 2.57),
    (14.06, 3.59),
    (14.5, 4.69),
    (14.99, 5.73),
    (15.52, 6.81),
];

impl Mark {
    /// The shape of a state.
    pub(crate) fn of(state: TestState) -> Self {
        let contours = match state {
            TestState::Pass => {
                vec![circle(8.0, 8.0, 7.0), polygon(&[(4.3, 8.3), (5.5, 7.1), (7.1, 8.7), (10.6, 5.0), (11.8, 6.2), (7.1, 11.1)])]
            }
            TestState::Exception => vec![
                polygon(&[(8.0, 0.4), (15.6, 8.0), (8.0, 15.6), (0.4, 8.0)]),
                polygon(&[(7.1, 4.1), (8.9, 4.1), (8.6, 9.1), (7.4, 9.1)]),
                circle(8.0, 11.0, 1.0),
            ],
            TestState::Error => vec![
                polygon(&[(1.5, 1.5), (14.5, 1.5), (14.5, 14.5), (1.5, 14.5)]),
                polygon(&[
                    (5.4, 4.2),
                    (8.0, 6.8),
                    (10.6, 4.2),
                    (11.8, 5.4),
                    (9.2, 8.0),
                    (11.8, 10.6),
                    (10.6, 11.8),
                    (8.0, 9.2),
                    (5.4, 11.8),
                    (4.2, 10.6),
                    (6.8, 8.0),
                    (4.2, 5.4),
                ]),
            ],
            TestState::NoEvidence => vec![circle(8.0, 8.0, 7.0), circle(8.0, 8.0, 5.5), half_disc(8.0, 8.0, 5.5)],
            TestState::NoPopulation => {
                vec![circle(8.0, 8.0, 7.0), circle(8.0, 8.0, 5.5), polygon(&[(5.0, 7.25), (11.0, 7.25), (11.0, 8.75), (5.0, 8.75)])]
            }
        };
        Self { contours }
    }

    /// The seal: a disc of wax with an uneven edge, a thin ring and a letter pressed into it.
    pub(crate) fn seal() -> Self {
        let letter = vec![
            Step::Move(6.05, 11.6),
            Step::Line(6.05, 4.4),
            Step::Line(8.6, 4.4),
            Step::Curve(10.15, 4.4, 11.05, 5.3, 11.05, 6.65),
            Step::Curve(11.05, 8.0, 10.15, 8.9, 8.6, 8.9),
            Step::Line(7.3, 8.9),
            Step::Line(7.3, 11.6),
        ];
        let counter = vec![
            Step::Move(7.3, 5.5),
            Step::Line(8.45, 5.5),
            Step::Curve(9.3, 5.5, 9.75, 5.95, 9.75, 6.65),
            Step::Curve(9.75, 7.35, 9.3, 7.8, 8.45, 7.8),
            Step::Line(7.3, 7.8),
        ];
        Self { contours: vec![polygon(&EDGE), circle(8.0, 8.0, 6.1), circle(8.0, 8.0, 5.8), letter, counter] }
    }

    /// The outline as the `d` of an SVG path, to be filled even-odd.
    pub(crate) fn svg_path(&self) -> String {
        let mut path = String::new();
        for contour in &self.contours {
            for step in contour {
                let _ = match *step {
                    Step::Move(x, y) => write!(path, "M{} {}", short(x), short(y)),
                    Step::Line(x, y) => write!(path, "L{} {}", short(x), short(y)),
                    Step::Curve(a, b, c, d, x, y) => {
                        write!(path, "C{} {} {} {} {} {}", short(a), short(b), short(c), short(d), short(x), short(y))
                    }
                };
            }
            path.push('Z');
        }
        path
    }
}

fn short(value: f32) -> f32 {
    (value * 100.0).round() / 100.0
}

fn polygon(points: &[(f32, f32)]) -> Vec<Step> {
    points.iter().enumerate().map(|(index, (x, y))| if index == 0 { Step::Move(*x, *y) } else { Step::Line(*x, *y) }).collect()
}

fn circle(x: f32, y: f32, r: f32) -> Vec<Step> {
    let k = r * QUARTER;
    vec![
        Step::Move(x + r, y),
        Step::Curve(x + r, y + k, x + k, y + r, x, y + r),
        Step::Curve(x - k, y + r, x - r, y + k, x - r, y),
        Step::Curve(x - r, y - k, x - k, y - r, x, y - r),
        Step::Curve(x + k, y - r, x + r, y - k, x + r, y),
    ]
}

fn half_disc(x: f32, y: f32, r: f32) -> Vec<Step> {
    let k = r * QUARTER;
    vec![Step::Move(x, y - r), Step::Curve(x - k, y - r, x - r, y - k, x - r, y), Step::Curve(x - r, y + k, x - k, y + r, x, y + r)]
}
