//! A browser without JavaScript: keeps cookies, reads forms, posts them as it read them.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::Request;

use crate::portal::{Answer, Portal, URL};

pub(crate) const HOST: &str = "localhost:8420";

pub(crate) struct Browser<'a> {
    portal: &'a Portal,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(portal: &'a Portal) -> Self {
        Self { portal, cookies: BTreeMap::new() }
    }

    fn request(&self, method: &str, path: &str) -> axum::http::request::Builder {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder().method(method).uri(path).header("host", HOST).header("accept", "text/html,*/*;q=0.8");
        if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) }
    }

    async fn send(&mut self, request: Request<Body>) -> Answer {
        let answer = self.portal.send(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        self.send(request).await
    }

    /// Posts these fields, from a page of our own.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_from(path, fields, URL).await
    }

    /// Posts these fields, from a page of this origin.
    pub(crate) async fn post_from(&mut self, path: &str, fields: &[(&str, &str)], origin: &str) -> Answer {
        let request = self.request("POST", path).header("origin", origin).header("content-type", "application/x-www-form-urlencoded");
        let request = request.body(Body::from(encode(fields))).unwrap();
        self.send(request).await
    }

    /// Posts JSON with the token in the header, as our scripts do.
    pub(crate) async fn post_json(&mut self, path: &str, json: &str, csrf: Option<&str>, origin: &str) -> Answer {
        let mut request = self.request("POST", path).header("origin", origin).header("content-type", "application/json");
        if let Some(csrf) = csrf {
            request = request.header("x-csrf-token", csrf);
        }
        let request = request.body(Body::from(json.to_owned())).unwrap();
        self.send(request).await
    }

    /// A call of the API from our own page; without a body it reads.
    pub(crate) async fn api(&mut self, path: &str, body: serde_json::Value) -> (u16, serde_json::Value) {
        if body.is_null() {
            let answer = self.get(path).await;
            return (answer.status.as_u16(), answer.json());
        }
        let csrf = self.csrf().await;
        let answer = self.post_json(path, &body.to_string(), Some(&csrf), URL).await;
        (answer.status.as_u16(), answer.json())
    }

    /// The token that the pages of this browser send back.
    pub(crate) async fn csrf(&mut self) -> String {
        let signed_in = self.cookies.contains_key("privyseal");
        let page = self.get(if signed_in { "/settings/passkey" } else { "/sign-in" }).await;
        csrf_of(&page.text)
    }

    /// Opens a link and presses its button.
    pub(crate) async fn use_link(&mut self, token: &str) -> Answer {
        let page = self.get(&format!("/sign-in/link?token={token}")).await;
        let csrf = csrf_of(&page.text);
        self.post("/sign-in/link", &[("csrf", &csrf), ("token", token)]).await
    }

    /// Opens a page, fills the form that goes to `action`, and presses the button of this name and value.
    pub(crate) async fn submit(&mut self, page: &str, action: &str, filled: &[(&str, &str)]) -> Answer {
        let page = self.get(page).await;
        let mut fields = form(&page.text, action).unwrap_or_else(|| panic!("no form to {action} in {}", page.text));
        for (name, value) in filled {
            fields.insert((*name).to_owned(), (*value).to_owned());
        }
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.post(action, &fields).await
    }
}

pub(crate) fn csrf_of(page: &str) -> String {
    let (_, rest) = page.split_once("<meta name=\"csrf\" content=\"").unwrap_or_else(|| panic!("no token in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// The hidden fields of the form that goes to `action`, as a page wrote them.
pub(crate) fn form(page: &str, action: &str) -> Option<BTreeMap<String, String>> {
    let form = page.split("<form").skip(1).find(|form| form.split('>').next().unwrap().contains(&format!("action=\"{action}\"")))?;
    let form = form.split("</form>").next().unwrap();
    let inputs = form.split("<input type=\"hidden\" ").skip(1).map(|input| input.split('>').next().unwrap());
    let attribute = |input: &str, name: &str| input.split_once(&format!("{name}=\"")).unwrap().1.split('"').next().unwrap().to_owned();
    Some(inputs.map(|input| (attribute(input, "name"), attribute(input, "value"))).collect())
}

fn encode(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes().map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
    };
    fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}
