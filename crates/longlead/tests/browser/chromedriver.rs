//! ChromeDriver, and headless Chromium by it. Shared by the stories and by `cargo xtask`.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value as Json, json};

/// What to do where there is no browser.
pub(crate) const HOW_TO_GET_IT: &str = "apt-get install chromium chromium-driver";

/// No profile of anyone's, no updates, and no request that a page doesn't make.
const FLAGS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

/// A ChromeDriver of one's own, which stops when it is dropped.
#[derive(Debug)]
pub(crate) struct ChromeDriver {
    child: Child,
    address: String,
    requests: reqwest::Client,
}

/// Whether the machine has both programs.
pub(crate) fn is_there() -> bool {
    let runs = |program: &str| {
        let mut command = Command::new(program);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    runs("chromedriver") && runs(&chromium())
}

fn chromium() -> String {
    std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".to_owned())
}

impl ChromeDriver {
    /// Starts it on a port that the system chooses.
    pub(crate) fn start() -> Result<ChromeDriver> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Ctrl-C is for the tests; the browser is stopped by them.
        command.process_group(0);
        let mut child =
            command.spawn().with_context(|| format!("no chromedriver: {HOW_TO_GET_IT}"))?;
        let stdout = child.stdout.take().context("chromedriver says nothing")?;
        let mut lines = BufReader::new(stdout).lines();
        let port = loop {
            let Some(line) = lines.next() else {
                let _ = child.kill();
                bail!("chromedriver stopped before it told its port");
            };
            let line = line?;
            if let Some((_, port)) = line.split_once("successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // It goes on talking; unread, it would wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        // Only the first call in a process installs it; a second finds it there.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = format!("http://127.0.0.1:{port}");
        Ok(ChromeDriver {
            child,
            address,
            // ChromeDriver closes connections that idle.
            requests: reqwest::Client::builder().pool_max_idle_per_host(0).build()?,
        })
    }

    /// Opens a browser with a profile of its own, which keeps what its console and network say.
    pub(crate) async fn open(&self, profile: &Path, width: u32, height: u32) -> Result<Client> {
        let mut arguments: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        arguments.push(format!("--window-size={width},{height}"));
        let mut options = json!({ "args": arguments });
        if let Ok(binary) = std::env::var("CHROMIUM") {
            options["binary"] = Json::String(binary);
        }
        let mut wanted = serde_json::Map::new();
        wanted.insert("goog:chromeOptions".to_owned(), options);
        wanted.insert(
            "goog:loggingPrefs".to_owned(),
            json!({ "browser": "ALL", "performance": "ALL" }),
        );
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(wanted).connect(&self.address).await.context("Chromium doesn't start")
    }

    /// What was logged since it was last asked: of the `browser`'s console, or of `performance`,
    /// which holds the events of the network.
    pub(crate) async fn log(&self, client: &Client, kind: &str) -> Result<Vec<Json>> {
        let told = self.ask(client, "se/log", &json!({ "type": kind })).await?;
        Ok(told.as_array().cloned().unwrap_or_default())
    }

    /// Asks ChromeDriver for what isn't part of WebDriver.
    pub(crate) async fn ask(&self, client: &Client, path: &str, body: &Json) -> Result<Json> {
        let session = client.session_id().await?.context("the browser is closed")?;
        let url = format!("{}/session/{session}/{path}", self.address);
        let answer = self.requests.post(url).json(body).send().await?;
        let mut told: Json = answer.error_for_status()?.json().await?;
        Ok(told["value"].take())
    }
}

impl Drop for ChromeDriver {
    fn drop(&mut self) {
        // Told to stop, it closes browsers that are still open.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
