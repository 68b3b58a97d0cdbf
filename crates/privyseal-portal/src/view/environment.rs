//! The environment of a resource, as the server derived it.

use askama::Template;
use askama::filters::HtmlSafe;

use super::text::Untrusted;

/// An environment, or the fact that nobody knows it. Production and the unknown stand out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Template)]
#[template(
    source = r#"{% match self.0 %}{% when Some with (name) %}<span class="tag{% if name.verbatim() == "production" %} tag-strong{% endif %}">{{ name }}</span>{% when None %}<span class="tag tag-warn">environment unknown</span>{% endmatch %}"#,
    ext = "html"
)]
pub struct Environment(Option<Untrusted>);

impl HtmlSafe for Environment {}

impl Environment {
    /// What the server derived; `None` when nothing says.
    #[must_use]
    pub fn new(name: Option<&str>) -> Self {
        Self(name.map(Untrusted::from))
    }
}
