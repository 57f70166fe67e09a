//! The few pages that sign-in needs: plain HTML that asks for nothing from anywhere and runs nothing.

use std::fmt::Write as _;
use std::sync::OnceLock;

use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, LOCATION, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, StatusCode};
use qrcode::{Color, QrCode};
use sha2::{Digest as _, Sha256};

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{margin:0;display:grid;min-height:100vh;place-items:center}\
main{width:min(26rem,90vw)}\
h1{font-size:1.4rem}h2{font-size:1.1rem;margin:1.4rem 0 .4rem}\
label{display:block;margin:.8rem 0 .2rem}\
input{box-sizing:border-box;width:100%;padding:.6rem;font:inherit}\
button,.button{display:inline-block;margin:1rem .6rem 0 0;padding:.6rem 1.2rem;font:inherit;cursor:pointer}\
.code{font:700 1.6rem ui-monospace,monospace;letter-spacing:.15em}\
.wrong{border-left:.25rem solid #c33;padding-left:.8rem}\
dt{font-weight:600}dd{margin:0 0 .6rem}";

/// Text as HTML has it.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A page being written.
pub(super) struct Page {
    title: &'static str,
    status: StatusCode,
    body: String,
    cookie: Option<HeaderValue>,
}

impl Page {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, status: StatusCode::OK, body: String::new(), cookie: None }
    }

    /// A page that says no.
    pub(super) fn refusal(status: StatusCode, title: &'static str, message: &str) -> Self {
        Self { status, ..Self::new(title) }.wrong(message)
    }

    pub(super) fn status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(super) fn cookie(self, cookie: Option<HeaderValue>) -> Self {
        Self { cookie, ..self }
    }

    pub(super) fn paragraph(mut self, text: &str) -> Self {
        // Writing to a String cannot fail, here and below.
        write!(self.body, "<p>{}</p>", escape(text)).ok();
        self
    }

    pub(super) fn wrong(mut self, text: &str) -> Self {
        write!(self.body, "<p class=\"wrong\" role=\"alert\">{}</p>", escape(text)).ok();
        self
    }

    pub(super) fn code(mut self, text: &str) -> Self {
        write!(self.body, "<p class=\"code\">{}</p>", escape(text)).ok();
        self
    }

    /// A picture that a phone's camera reads this text from; none of a text that is too long for it.
    pub(super) fn picture(mut self, text: &str, label: &str) -> Self {
        let Ok(code) = QrCode::new(text) else { return self };
        // As many light modules around it as readers want.
        let (width, margin) = (code.width(), 4);
        let size = width + 2 * margin;
        let mut dark = String::new();
        for (at, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                write!(dark, "M{} {}h1v1h-1z", at % width + margin, at / width + margin).ok();
            }
        }
        write!(
            self.body,
            "<p><svg role=\"img\" aria-label=\"{}\" width=\"224\" height=\"224\" viewBox=\"0 0 {size} {size}\">\
             <path fill=\"#fff\" d=\"M0 0h{size}v{size}h-{size}z\"/><path fill=\"#000\" d=\"{dark}\"/></svg></p>",
            escape(label)
        )
        .ok();
        self
    }

    pub(super) fn heading(mut self, text: &str) -> Self {
        write!(self.body, "<h2>{}</h2>", escape(text)).ok();
        self
    }

    /// Terms and what they are.
    pub(super) fn facts(mut self, facts: &[(&str, &str)]) -> Self {
        self.body.push_str("<dl>");
        for (term, fact) in facts {
            write!(self.body, "<dt>{}</dt><dd>{}</dd>", escape(term), escape(fact)).ok();
        }
        self.body.push_str("</dl>");
        self
    }

    pub(super) fn link(mut self, to: &str, text: &str) -> Self {
        write!(self.body, "<p><a class=\"button\" href=\"{}\">{}</a></p>", escape(to), escape(text)).ok();
        self
    }

    pub(super) fn form(mut self, form: &Form<'_>) -> Self {
        form.write(&mut self.body);
        self
    }
}

/// A form of a page.
pub(super) struct Form<'a> {
    /// `get` or `post`.
    pub(super) method: &'static str,
    pub(super) action: &'static str,
    /// Names and values that are not seen.
    pub(super) hidden: &'a [(&'static str, &'a str)],
    /// What the person types: name, label, and the rest of the element's attributes; `required` is one.
    pub(super) fields: &'a [(&'static str, &'static str, &'static str)],
    /// Name, value and text of each button.
    pub(super) buttons: &'a [(&'static str, &'static str, &'static str)],
}

impl Form<'_> {
    fn write(&self, body: &mut String) {
        write!(body, "<form method=\"{}\" action=\"{}\">", self.method, self.action).ok();
        for (name, value) in self.hidden {
            write!(body, "<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value)).ok();
        }
        for (name, label, attributes) in self.fields {
            write!(body, "<label for=\"{name}\">{}</label>", escape(label)).ok();
            write!(body, "<input id=\"{name}\" name=\"{name}\" {attributes}>").ok();
        }
        for (name, value, text) in self.buttons {
            write!(body, "<button name=\"{name}\" value=\"{value}\">{}</button>", escape(text)).ok();
        }
        body.push_str("</form>");
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} · Stonegate</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head>\
             <body><main><h1>{title}</h1>{body}</main></body></html>\n",
            title = escape(self.title),
            body = self.body,
        );
        let mut response = (self.status, Html(html)).into_response();
        guard(&mut response);
        if let Some(cookie) = self.cookie {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

/// Sends the browser to one of our own pages.
pub(super) fn redirect(to: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    guard(&mut response);
    if let Ok(to) = HeaderValue::from_str(to) {
        response.headers_mut().insert(LOCATION, to);
    }
    if let Some(cookie) = cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// Nothing may be kept, framed, guessed at or fetched.
fn guard(response: &mut Response) {
    static POLICY: OnceLock<HeaderValue> = OnceLock::new();
    let policy = POLICY.get_or_init(|| {
        let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
        let text = format!(
            "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        HeaderValue::from_str(&text).unwrap_or_else(|_not_text| HeaderValue::from_static("default-src 'none'"))
    });
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
    let fixed: [(HeaderName, &'static str); 4] = [
        (CACHE_CONTROL, "no-store"),
        (X_FRAME_OPTIONS, "DENY"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Forms need an origin, which browsers keep back under `no-referrer`.
        (REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_drawn_of_what_fits_one() {
        let page = Page::new("Test").picture("otpauth://totp/Stonegate:ann?secret=GEZDGNBV", "\"><script>");
        assert!(
            page.body.starts_with("<p><svg role=\"img\" aria-label=\"&quot;&gt;&lt;script"),
            "{}",
            page.body
        );
        // Three corners by which a reader finds it, of which each has a ring of 24 and a core of 9 modules.
        assert!(page.body.matches("h1v1h-1z").count() > 3 * 33, "{}", page.body);
        assert_eq!(Page::new("Test").picture(&"a".repeat(10_000), "x").body, "");
    }

    #[test]
    fn what_strangers_wrote_stays_text() {
        let page =
            Page::new("Test").paragraph("<script>alert(1)</script>").facts(&[("a", "\"><img src=x>")]).form(
                &Form { method: "post", action: "/x", hidden: &[("h", "'\"<>")], fields: &[], buttons: &[] },
            );
        assert!(!page.body.contains("<script") && !page.body.contains("<img"), "{}", page.body);
        assert!(page.body.contains("value=\"&#39;&quot;&lt;&gt;\""), "{}", page.body);
    }
}
