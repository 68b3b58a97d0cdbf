//! Patterns over resource names: `*` stands for any run of characters, slashes included; everything else for itself.

/// A pattern such as `postgres:*/prod`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Greedy from the left: the first piece must begin the name, the last must end it, the others follow in order.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            match rest.split_once(piece) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("postgres:*/prod", "postgres:orders/prod", true),
            ("postgres:*/prod", "postgres:eu/orders/prod", true),
            ("postgres:*/prod", "postgres:orders/prod2", false),
            ("postgres:*/prod", "postgres:/prod", true),
            ("postgres:*/prod", "postgres:prod", false),
            ("*", "anything:at/all", true),
            ("a:b", "a:b", true),
            ("a:b", "a:bc", false),
            ("a:*b*b", "a:b", false),
            ("a:*b*b", "a:bb", true),
            ("a:b*b", "a:b", false),
            ("*:*/prod", "k8s:shop/prod", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} on {name}");
        }
    }

    fn slow(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|skip| slow(rest, &name[skip..])),
            Some((c, rest)) => name.split_first().is_some_and(|(n, name)| n == c && slow(rest, name)),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_backtracking(pattern in "[ab*]{0,6}", name in "[ab]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(Pattern::new(&pattern).matches(&name), slow(&chars(&pattern), &chars(&name)));
        }
    }
}
