//! An upper estimate of the parser's work, made from the tokens before it starts.
//!
//! sqlparser tries several readings of function calls, casts and CASE expressions, each of them down to the end. When the innermost
//! part is wrong, the work multiplies with every level: a hundred bytes can keep it busy for hours. Whoever may ask could stop the
//! engine with that, so text whose estimate is beyond [`BUDGET`] is not parsed and counts as unknown.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::Token;

/// Token readings that one text, or all texts of one action, may cost. Measured at about 0.1 µs each without optimisation.
const BUDGET: u64 = 1 << 23;

/// What is left of [`BUDGET`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget(u64);

impl Default for Budget {
    fn default() -> Self {
        Self(BUDGET)
    }
}

impl Budget {
    /// Takes an estimate off, if it is there.
    pub(super) fn spend(&mut self, estimate: u64) -> bool {
        let Some(left) = self.0.checked_sub(estimate) else { return false };
        self.0 = left;
        true
    }
}

/// Levels are weighed in half doublings.
const HALVES_BARE: u32 = 1;
const HALVES_DOUBLED: u32 = 2;
const HALVES_FOURFOLD: u32 = 4;
const HALVES_EIGHTFOLD: u32 = 6;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Bracket,
    Case,
}

/// The estimate for one parse of these tokens.
pub(super) fn estimate(tokens: &[Token]) -> u64 {
    let mut levels: Vec<(Level, u32)> = Vec::new();
    let mut open = 0_u32;
    let mut deepest = 0_u32;
    let mut count = 0_u64;
    let mut before: Option<&Token> = None;
    for token in tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))) {
        count += 1;
        let pushed = match token {
            Token::LParen => Some((Level::Bracket, call(before))),
            Token::LBracket | Token::LBrace => Some((Level::Bracket, HALVES_DOUBLED)),
            Token::Word(word) if word.keyword == Keyword::CASE => Some((Level::Case, HALVES_DOUBLED)),
            // Not nested, but each one may hold the next.
            Token::Word(word) if word.keyword == Keyword::INTERVAL => {
                open = open.saturating_add(HALVES_BARE);
                None
            }
            Token::RParen | Token::RBracket | Token::RBrace => {
                close(&mut levels, &mut open, Level::Bracket);
                None
            }
            Token::Word(word) if word.keyword == Keyword::END => {
                close(&mut levels, &mut open, Level::Case);
                None
            }
            _ => None,
        };
        if let Some((level, weight)) = pushed {
            levels.push((level, weight));
            open = open.saturating_add(weight);
        }
        deepest = deepest.max(open);
        before = Some(token);
    }
    1_u64.checked_shl(deepest / 2).map_or(u64::MAX, |factor| count.saturating_mul(factor))
}

/// Closes the innermost level when it is of this kind; text that closes what it never opened stays expensive.
fn close(levels: &mut Vec<(Level, u32)>, open: &mut u32, level: Level) {
    if let Some((_, weight)) = levels.pop_if(|(top, _)| *top == level) {
        *open = open.saturating_sub(weight);
    }
}

/// The weight of a parenthesis by the word before it, as measured with the dialect that fares worst.
fn call(before: Option<&Token>) -> u32 {
    let Some(Token::Word(word)) = before else { return HALVES_BARE };
    match word.keyword {
        Keyword::POSITION => HALVES_EIGHTFOLD,
        Keyword::CAST
        | Keyword::TRY_CAST
        | Keyword::SAFE_CAST
        | Keyword::CONVERT
        | Keyword::TRY_CONVERT
        | Keyword::SUBSTRING
        | Keyword::SUBSTR
        | Keyword::CEIL
        | Keyword::FLOOR
        | Keyword::OVERLAY
        | Keyword::TRIM
        | Keyword::EXTRACT
        | Keyword::INTERVAL => HALVES_FOURFOLD,
        _ => HALVES_DOUBLED,
    }
}
