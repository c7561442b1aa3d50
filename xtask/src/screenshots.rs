//! Pictures of the pages over the sample: those of the guide, or every page to look at.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use fantoccini::{Client, Locator};
use serde_json::json;

use crate::server::{Account, Server};
use chromedriver::ChromeDriver;

#[path = "../../crates/longlead/tests/browser/chromedriver.rs"]
mod chromedriver;

#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// Every page instead, in light, in dark and on a narrow screen, into this folder.
    #[arg(long, value_name = "DIR")]
    all: Option<PathBuf>,

    /// Only pages whose name has this in it.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// Who looks.
    #[arg(long, value_name = "ACCOUNT", default_value = "owner")]
    by: String,
}

/// Pictures for people who read must not make the repository heavy.
const BYTES_MAX: usize = 200_000;

/// How long a page may take until it is drawn.
const PATIENCE: Duration = Duration::from_secs(30);

/// A page and the name of its picture.
struct View {
    name: &'static str,
    path: &'static str,
}

const fn view(name: &'static str, path: &'static str) -> View {
    View { name, path }
}

/// Those of the guide.
const GUIDE: &[View] = &[
    view("horizons", "/"),
    view("decision", "/decisions/light-sensor"),
    view("features", "/features"),
    view("hardware-revision", "/hardware/tracker-c"),
    view("data", "/data/climate"),
    view("forecast", "/forecast/launch:door-open-alerts"),
    view("what-if", "/scenarios/no-light"),
    view("record", "/records/supplier/radio-maker/edit"),
    view("history", "/records/decision/light-sensor/history"),
];

/// Every other one.
const OTHERS: &[View] = &[
    view("decisions", "/decisions"),
    view("fleet", "/fleet"),
    view("streams", "/data"),
    view(
        "sql",
        "/sql?q=SELECT+time_bucket(INTERVAL+%271+hour%27%2C+captured)+AS+hour%2C+count(*)+AS+readings+FROM+climate+GROUP+BY+hour+ORDER+BY+hour",
    ),
    view("decision-derived", "/decisions/carry:tracker-c:nfc"),
    view("decision-memo", "/decisions/light-sensor/memo"),
    view("feature", "/features/door-open-alerts"),
    view("hardware", "/hardware"),
    view("forecasts", "/forecast"),
    view("calibration", "/forecast/calibration"),
    view("plan", "/plan"),
    view("what-ifs", "/what-if"),
    view("what-if-new", "/what-if/new"),
    view("records", "/records"),
    view("records-of-a-kind", "/records/supplier"),
    view("record-read", "/records/supplier/radio-maker"),
    view("record-feature", "/records/feature/door-open-alerts/edit"),
    view("record-toml", "/records/decision/light-sensor/edit?as=toml"),
    view("record-new", "/records/part/new"),
    view("record-delete", "/records/supplier/radio-maker/delete"),
    view("export", "/export"),
    view("import", "/import"),
    view("changes", "/history"),
    view("history-as-of", "/history/as-of?at=2026-09-01"),
    view("change", "/history/2"),
    view("explain", "/explain/launch:door-open-alerts"),
    view("search", "/search?q=sensor"),
    view("people", "/people"),
    view("account", "/account"),
    view("audit", "/audit"),
    view("not-found", "/records/supplier/radio-makr"),
];

/// How a page is looked at.
struct Look {
    name: &'static str,
    width: u32,
    dark: bool,
}

const LOOKS: &[Look] = &[
    Look { name: "light", width: 1280, dark: false },
    Look { name: "dark", width: 1680, dark: true },
    Look { name: "narrow", width: 390, dark: false },
];

const HEIGHT: u32 = 900;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if !chromedriver::is_there() {
        bail!("there is no Chromium: {}", chromedriver::HOW_TO_GET_IT);
    }
    let folder = tempfile::tempdir()?;
    let database = format!("sqlite:{}", folder.path().join("longlead.db").display());
    let server = Server::start(&database, folder.path(), &[])?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(take(arguments, &server, folder.path()))
}

#[expect(clippy::print_stderr, reason = "this is what the command is for")]
async fn take(arguments: &Arguments, server: &Server, profile: &Path) -> Result<ExitCode> {
    let driver = ChromeDriver::start()?;
    let client = driver.open(&profile.join("profile"), 1440, HEIGHT).await?;
    let taken = pictures(arguments, server, &driver, &client).await;
    client.close().await?;
    let problems = taken?;
    for problem in &problems {
        eprintln!("{problem}");
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Takes the pictures, and tells what isn't as it should be.
async fn pictures(
    arguments: &Arguments,
    server: &Server,
    driver: &ChromeDriver,
    client: &Client,
) -> Result<Vec<String>> {
    let accounts = &server.accounts;
    let account = accounts.accounts.iter().find(|it| it.name == arguments.by);
    let account = account.with_context(|| format!("nobody is called {}", arguments.by))?;
    sign_in(client, &accounts.address, account).await?;
    let camera = Camera { driver, client, address: &accounts.address };
    let wanted = |view: &&View| arguments.only.as_deref().is_none_or(|it| view.name.contains(it));
    let mut problems = Vec::new();
    let Some(folder) = &arguments.all else {
        let folder = Path::new("docs/screenshots");
        std::fs::create_dir_all(folder)?;
        for view in GUIDE.iter().filter(wanted) {
            let look = LOOKS.first().context("no look")?;
            let path = folder.join(view.name).with_extension("png");
            let bytes = camera.take(view, look, false, &path, &mut problems).await?;
            if bytes > BYTES_MAX {
                problems.push(format!("{} has {bytes} bytes", path.display()));
            }
        }
        return Ok(problems);
    };
    std::fs::create_dir_all(folder)?;
    for view in GUIDE.iter().chain(OTHERS).filter(wanted) {
        for look in LOOKS {
            let path = folder.join(format!("{}-{}.png", view.name, look.name));
            camera.take(view, look, true, &path, &mut problems).await?;
        }
    }
    Ok(problems)
}

async fn sign_in(client: &Client, address: &str, account: &Account) -> Result<()> {
    client.goto(&format!("{address}/sign-in")).await?;
    let button = format!("[data-account=\"{}\"]", account.name);
    client.find(Locator::Css(&button)).await?.click().await?;
    client.wait().at_most(PATIENCE).for_element(Locator::Css("nav.rail")).await?;
    Ok(())
}

struct Camera<'a> {
    driver: &'a ChromeDriver,
    client: &'a Client,
    address: &'a str,
}

impl Camera<'_> {
    /// Takes one picture, of the window or of the whole page, and tells its size in bytes.
    async fn take(
        &self,
        view: &View,
        look: &Look,
        is_whole: bool,
        path: &Path,
        problems: &mut Vec<String>,
    ) -> Result<usize> {
        let name = format!("{} ({})", view.path, look.name);
        self.size(look.width, HEIGHT).await?;
        let scheme = if look.dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.command("Emulation.setEmulatedMedia", media).await?;
        self.client.goto(&format!("{}{}", self.address, view.path)).await?;
        self.drawn().await.with_context(|| format!("{name} isn't drawn"))?;
        let width = self.number("return document.documentElement.scrollWidth").await?;
        if width > u64::from(look.width) {
            problems.push(format!("{name} scrolls sideways: {width} px"));
        }
        if is_whole {
            let height = self.number("return document.documentElement.scrollHeight").await?;
            let height = u32::try_from(height.min(3_000)).unwrap_or(HEIGHT);
            self.size(look.width, height.max(HEIGHT)).await?;
            self.drawn().await?;
        }
        let picture = self.client.screenshot().await?;
        std::fs::write(path, &picture).with_context(|| format!("{}", path.display()))?;
        for line in self.driver.log(self.client, "browser").await? {
            let message = line["message"].as_str().unwrap_or_default();
            if line["level"] == "SEVERE" && view.name != "not-found" {
                problems.push(format!("{name}: {message}"));
            }
        }
        Ok(picture.len())
    }

    async fn size(&self, width: u32, height: u32) -> Result<()> {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", size).await
    }

    /// Sends a command of Chromium's own protocol.
    async fn command(&self, name: &str, settings: serde_json::Value) -> Result<()> {
        let command = json!({ "cmd": name, "params": settings });
        self.driver.ask(self.client, "goog/cdp/execute", &command).await?;
        Ok(())
    }

    /// Waits until every chart that is asked for is drawn, and two frames have passed.
    async fn drawn(&self) -> Result<()> {
        let charts = "return document.readyState === 'complete' && \
            [...document.querySelectorAll('.chart[data-plotly]')].every(it => it.querySelector('svg, p'))";
        let started = Instant::now();
        while self.client.execute(charts, Vec::new()).await? != true {
            if started.elapsed() > PATIENCE {
                bail!("its charts aren't there after {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        let frames = "const done = arguments[0]; \
            requestAnimationFrame(() => requestAnimationFrame(() => done(true)))";
        self.client.execute_async(frames, Vec::new()).await?;
        Ok(())
    }

    async fn number(&self, script: &str) -> Result<u64> {
        let told = self.client.execute(script, Vec::new()).await?;
        told.as_u64().with_context(|| format!("`{script}` tells {told}"))
    }
}
