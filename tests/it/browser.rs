//! A real browser with a passkey of its own: Chromium, driven as a person would use it, and asked whether everybody could.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::error::WebDriverErrorInner;
use thirtyfour::prelude::*;

use crate::support::PATIENCE;

/// Where accessibility rules come from: `tests/run` installs them and says where.
const AXE: &str = "PRIVYSEAL_TEST_AXE";
/// When set: a folder that gets a picture of every page that a journey checks.
const PICTURES: &str = "PRIVYSEAL_TEST_PICTURES";

/// Between two looks at a page that one waits for.
const PAUSE: Duration = Duration::from_millis(50);

/// Widths at which a page must fit: a desk and a phone.
const WIDTHS: [u32; 2] = [1_280, 390];

#[expect(clippy::disallowed_methods, reason = "tests are told by `tests/run` where things are")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// One person's browser.
pub(crate) struct Browser {
    driver: WebDriver,
    server: Child,
    /// Files that the person downloaded.
    pub(crate) downloads: TempDir,
    url: String,
    who: &'static str,
}

impl Browser {
    /// Opens a browser for a portal, with an authenticator that says yes.
    pub(crate) async fn open(url: &str, who: &'static str) -> Self {
        let mut server = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is needed: tests/run installs it");
        let lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let started = lines.map_while(Result::ok).find(|line| line.contains("started successfully on port")).expect("chromedriver starts");
        let port = started.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned();
        let downloads = tempfile::tempdir().unwrap();
        let mut wanted = DesiredCapabilities::chrome();
        for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,900"] {
            wanted.add_arg(argument).unwrap();
        }
        wanted.add_experimental_option("prefs", json!({"download.default_directory": downloads.path()})).unwrap();
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await.unwrap();
        let browser = Self { driver, server, downloads, url: url.to_owned(), who };
        browser.send("WebAuthn.enable", json!({"enableUI": false})).await;
        let options = json!({
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": true, "hasUserVerification": true, "isUserVerified": true,
            "automaticPresenceSimulation": true,
        });
        browser.send("WebAuthn.addVirtualAuthenticator", json!({"options": options})).await;
        browser
    }

    async fn send(&self, method: &str, parameters: Value) {
        self.driver.cdp().send_raw(method, parameters).await.unwrap();
    }

    /// Opens a page by path.
    pub(crate) async fn go(&self, path: &str) {
        self.driver.goto(format!("{}{path}", self.url)).await.unwrap();
    }

    /// Signs in by a one-time link, as the person who got it.
    pub(crate) async fn sign_in(&self, link: &str) {
        self.driver.goto(link).await.unwrap();
        self.press("form[action='/sign-in/link'] button").await;
        self.see("main h1").await;
    }

    /// Enrols this browser's authenticator.
    pub(crate) async fn enrol(&self) {
        self.go("/settings/passkey").await;
        self.press("form[data-passkey=enrol] button[type=submit]").await;
        self.read("Your passkey is enrolled").await;
    }

    /// Waits for an element.
    pub(crate) async fn see(&self, selector: &str) -> WebElement {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.driver.find(By::Css(selector.to_owned())).await {
                Ok(element) => return element,
                Err(error) if Instant::now() > deadline => {
                    panic!("{}: no {selector} ({error}) on {}:\n{}", self.who, self.address().await, self.text().await)
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Waits for words on the page.
    pub(crate) async fn read(&self, words: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text().await;
            if text.contains(words) {
                return;
            }
            assert!(Instant::now() < deadline, "{}: `{words}` is not on {}:\n{text}", self.who, self.address().await);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Presses what there is to press. A page may be replaced by its newer self between the look and the press; then it is looked again.
    pub(crate) async fn press(&self, selector: &str) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.see(selector).await.click().await {
            let replaced = matches!(error.as_inner(), WebDriverErrorInner::StaleElementReference(_));
            assert!(replaced && Instant::now() < deadline, "{}: cannot press {selector}: {error}", self.who);
        }
    }

    /// Writes into a field.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let field = self.see(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Types into what has the focus or into a field, after what stands there. Keys that are no letters are those of WebDriver.
    pub(crate) async fn keys(&self, selector: &str, keys: &str) {
        self.see(selector).await.send_keys(keys).await.unwrap();
    }

    /// What a script of the page finds.
    pub(crate) async fn find(&self, script: &str) -> Value {
        self.driver.execute(script, Vec::new()).await.unwrap_or_else(|error| panic!("{}: {script}: {error}", self.who)).json().clone()
    }

    /// What a script of the page says when it is done.
    pub(crate) async fn wait_for_script(&self, script: &str) -> Value {
        let said = self.driver.execute_async(script, Vec::new()).await;
        said.unwrap_or_else(|error| panic!("{}: {script}: {error}", self.who)).json().clone()
    }

    /// Waits until a script of the page finds this.
    pub(crate) async fn until(&self, script: &str, expected: Value) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.find(script).await;
            if found == expected {
                return;
            }
            assert!(Instant::now() < deadline, "{}: {script}: {found}, not {expected}, on {}", self.who, self.address().await);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// All words of the page, as they are shown.
    pub(crate) async fn text(&self) -> String {
        let text = self.driver.execute("return document.body ? document.body.innerText : ''", Vec::new()).await;
        text.ok().and_then(|text| text.json().as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Where the browser stands.
    pub(crate) async fn address(&self) -> String {
        self.driver.current_url().await.map(String::from).unwrap_or_default()
    }

    /// The page can be used by everybody: no rule of WCAG 2.2 A or AA that a program can test is broken, in light and dark, on a desk and
    /// on a phone; and nothing sticks out to the side.
    pub(crate) async fn check(&self, name: &str) {
        let axe = setting(AXE).unwrap_or_else(|| panic!("{AXE} names axe.min.js: run tests/run, which installs it"));
        let axe = std::fs::read_to_string(axe).unwrap();
        for scheme in ["light", "dark"] {
            let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
            self.send("Emulation.setEmulatedMedia", features).await;
            for width in WIDTHS {
                let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
                self.send("Emulation.setDeviceMetricsOverride", metrics).await;
                let place = format!("{} {name} {scheme} {width}", self.who);
                self.picture(&place).await;
                let wider =
                    self.driver.execute("return document.documentElement.scrollWidth - window.innerWidth", Vec::new()).await.unwrap();
                assert!(wider.json().as_i64().unwrap() <= 0, "{place}: {} pixels stick out", wider.json());
                assert_eq!(self.broken_rules(&axe).await, json!([]), "{place}");
            }
        }
        self.send("Emulation.clearDeviceMetricsOverride", json!({})).await;
        self.send("Emulation.setEmulatedMedia", json!({"features": []})).await;
    }

    /// What axe finds broken. In one script with axe itself, because a page may be replaced between two; replaced within it, it is looked at
    /// again.
    async fn broken_rules(&self, axe: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1];
            {axe}
            axe.run(document, {{ runOnly: {{ type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] }} }})
              .then(found => done(found.violations.map(rule => rule.id + ': ' + rule.nodes.map(node => node.html).join(' | '))));"
        );
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.driver.execute_async(&script, Vec::new()).await {
                Ok(found) => return found.json().clone(),
                Err(error) => assert!(Instant::now() < deadline, "{}: axe cannot look at {}: {error}", self.who, self.address().await),
            }
        }
    }

    async fn picture(&self, name: &str) {
        let Some(folder) = setting(PICTURES) else { return };
        let file = PathBuf::from(folder).join(format!("{}.png", name.replace([' ', '/'], "-")));
        // The whole page, not only what fits.
        let height =
            self.driver.execute("return document.documentElement.scrollHeight", Vec::new()).await.unwrap().json().as_u64().unwrap();
        let width = self.driver.execute("return window.innerWidth", Vec::new()).await.unwrap().json().as_u64().unwrap();
        let metrics = json!({"width": width, "height": height.clamp(900, 4_000), "deviceScaleFactor": 1, "mobile": false});
        self.send("Emulation.setDeviceMetricsOverride", metrics).await;
        std::fs::write(file, self.driver.screenshot_as_png().await.unwrap()).unwrap();
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.send("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Closes it.
    pub(crate) async fn close(mut self) {
        let _ = self.driver.clone().quit().await;
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // After a failed journey; what the driver started ends with it.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
