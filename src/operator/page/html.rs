//! HTML. Every text comes onto the page by [`Html::text`], which leaves none of it syntax.

use crate::words::wording::visible;

/// A page in the making. Tags, classes and the style are our own constants.
pub(super) struct Html(String);

impl Html {
    /// Begins a page with that title.
    pub(super) fn begin(title: &str, style: &'static str) -> Self {
        let mut html = Self(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>"
                .to_owned(),
        );
        html.text(title);
        html.0 += "</title><style>";
        html.0 += style;
        html.0 += "</style></head><body>\n";
        html
    }

    /// Ends it.
    pub(super) fn end(mut self) -> String {
        self.0 += "</body></html>\n";
        self.0
    }

    /// Opens an element of that class.
    pub(super) fn open(&mut self, tag: &'static str, class: &'static str) {
        self.0 += "<";
        self.0 += tag;
        if !class.is_empty() {
            self.0 += " class=\"";
            self.0 += class;
            self.0 += "\"";
        }
        self.0 += ">";
    }

    /// Closes one.
    pub(super) fn close(&mut self, tag: &'static str) {
        self.0 += "</";
        self.0 += tag;
        self.0 += ">\n";
    }

    /// An element with a text in it.
    pub(super) fn element(&mut self, tag: &'static str, text: &str) {
        self.open(tag, "");
        self.text(text);
        self.close(tag);
    }

    /// A link to a page of this server.
    pub(super) fn link(&mut self, path: &str, text: &str) {
        self.0 += "<a href=\"";
        self.text(path);
        self.0 += "\">";
        self.text(text);
        self.0 += "</a>";
    }

    /// A text, whatever is in it.
    pub(super) fn text(&mut self, text: &str) {
        for letter in visible(text).chars() {
            match letter {
                '&' => self.0 += "&amp;",
                '<' => self.0 += "&lt;",
                '>' => self.0 += "&gt;",
                '"' => self.0 += "&quot;",
                '\'' => self.0 += "&#39;",
                _ => self.0.push(letter),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_never_a_tag_nor_the_end_of_one() {
        let mut html = Html(String::new());
        html.element("p", "</p><script>alert('x')</script>&amp;\u{202e}\n");
        assert_eq!(
            html.0,
            "<p>&lt;/p&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;\\u{202e}\\n</p>\n"
        );
        let mut html = Html(String::new());
        html.link("/x\" onclick=\"y", "z");
        assert_eq!(html.0, "<a href=\"/x&quot; onclick=&quot;y\">z</a>");
    }
}
