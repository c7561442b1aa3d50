//! Where a story is told: a server, a browser for each person, and what must hold in every story.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::chromedriver::{self, ChromeDriver};
use crate::person::Person;

/// How long anything may take: the machine may be busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Stories told at once.
const AT_ONCE: usize = 2;

/// What every story may use.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) driver: ChromeDriver,
    demo: Server,
}

/// One story's part of it: who is in it.
#[derive(Debug)]
pub(crate) struct Cast {
    pub(crate) stage: Arc<Stage>,
    people: Mutex<Vec<Person>>,
}

/// A server that stops when it is dropped, and its database with it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    /// What it said until it was ready.
    pub(crate) told: String,
    pub(crate) folder: TempDir,
}

/// Tells a story, if there is a browser to tell it with. It begins with the demo at hand.
pub(crate) fn tell<S>(name: &str, story: S)
where
    S: AsyncFnOnce(&Cast) -> Result<()>,
{
    if !chromedriver::is_there() {
        let required = std::env::var("LONGLEAD_REQUIRE").is_ok_and(|it| it == "all");
        assert!(!required, "there is no Chromium: {}", chromedriver::HOW_TO_GET_IT);
        println!("skipped, for want of Chromium: {}", chromedriver::HOW_TO_GET_IT);
        return;
    }
    let stage = stage().expect("the stage can be set");
    let _turn = Turn::take();
    let cast = Cast { stage, people: Mutex::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let told = runtime.expect("a runtime").block_on(async {
        let told = story(&cast).await;
        cast.leave(name, told).await
    });
    if let Err(error) = told {
        panic!("{error:#}");
    }
}

/// The stage that stories share: it is struck when the last of them ends, since what is static is
/// never dropped.
fn stage() -> Result<Arc<Stage>> {
    static SHARED: Mutex<Weak<Stage>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(stage) = shared.upgrade() {
        return Ok(stage);
    }
    let stage = Arc::new(Stage { driver: ChromeDriver::start()?, demo: Server::demo()? });
    *shared = Arc::downgrade(&stage);
    Ok(stage)
}

/// One of the places for stories that are told at once.
struct Turn;

static TAKEN: Mutex<usize> = Mutex::new(0);
static FREED: Condvar = Condvar::new();

impl Turn {
    fn take() -> Turn {
        let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let free = FREED.wait_while(taken, |taken| *taken >= AT_ONCE);
        *free.unwrap_or_else(PoisonError::into_inner) += 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        FREED.notify_one();
    }
}

impl Cast {
    /// Someone of the demo, signed in, in a browser of their own.
    pub(crate) async fn enters(&self, account: &str) -> Result<Person> {
        let person = self.stranger(&self.stage.demo.address).await?;
        person.open("/sign-in").await?;
        person.press(&format!("[data-account=\"{account}\"]")).await?;
        person.arrives("/").await?;
        Ok(person)
    }

    /// Someone whom the server doesn't know.
    pub(crate) async fn stranger(&self, address: &str) -> Result<Person> {
        let person = Person::born(Arc::clone(&self.stage), address).await?;
        self.people.lock().unwrap_or_else(PoisonError::into_inner).push(person.clone());
        Ok(person)
    }

    /// Closes every browser, whatever came of the story, and asks what they have seen.
    async fn leave(&self, name: &str, told: Result<()>) -> Result<()> {
        let people =
            std::mem::take(&mut *self.people.lock().unwrap_or_else(PoisonError::into_inner));
        let mut told = told;
        for (at, person) in people.into_iter().enumerate() {
            if let Err(error) = told {
                let picture = format!("{}/{name}-{at}.png", env!("CARGO_TARGET_TMPDIR"));
                let seen = person.picture(Path::new(&picture)).await.unwrap_or_default();
                told = Err(error.context(format!("browser {at} shows {seen}, see {picture}")));
            } else {
                told = person.saw_nothing_wrong().await;
            }
            person.leaves().await;
        }
        told
    }
}

impl Server {
    /// The sample, with its people.
    fn demo() -> Result<Server> {
        Server::start(&["demo", "--no-fleet"], "\n\n  http://", |_| true)
    }

    /// An empty one, as on the day it is installed.
    pub(crate) fn empty() -> Result<Server> {
        Server::start(&["serve", "--log", "warn"], "/welcome/", |told| told.ends_with('\n'))
    }

    /// Starts it, and waits until it has said `sign`.
    fn start(command: &[&str], sign: &str, is_whole: fn(&str) -> bool) -> Result<Server> {
        let folder = tempfile::tempdir()?;
        let output = folder.path().join("output");
        let database = format!("sqlite:{}", folder.path().join("longlead.db").display());
        let mut longlead = longlead(command);
        longlead.args(["--listen", "127.0.0.1:0", "--database", &database]);
        longlead.stdout(std::fs::File::create(&output)?);
        longlead.stderr(std::fs::File::create(folder.path().join("log"))?);
        let child = longlead.spawn().context("the server doesn't start")?;
        let mut server = Server { child, address: String::new(), told: String::new(), folder };
        let started = Instant::now();
        loop {
            server.told = std::fs::read_to_string(&output)?;
            if server.told.contains(sign) && is_whole(&server.told) {
                break;
            }
            if let Some(status) = server.child.try_wait()? {
                let log = std::fs::read_to_string(server.folder.path().join("log"))?;
                bail!("the server stopped with {status}: {log}");
            }
            ensure!(started.elapsed() < PATIENCE, "the server isn't ready: {}", server.told);
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut addresses =
            server.told.split_whitespace().filter(|word| word.starts_with("http://"));
        let address = addresses.next_back().context("no address")?;
        let address = address.split("/welcome/").next().unwrap_or(address);
        server.address = address.to_owned();
        Ok(server)
    }

    /// The one-time link that it told.
    pub(crate) fn link(&self) -> Result<&str> {
        self.told.split_whitespace().find(|word| word.contains("/welcome/")).context("no link")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn longlead(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longlead"));
    command.args(arguments).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// The files of the sample, written by the binary.
pub(crate) fn sample(folder: &Path) -> Result<Vec<PathBuf>> {
    let target = folder.join("sample");
    let mut longlead = longlead(&["demo", "--write"]);
    ensure!(longlead.arg(&target).stdout(Stdio::null()).status()?.success(), "no sample");
    let (mut folders, mut files) = (vec![target], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "toml") {
                files.push(path);
            }
        }
    }
    Ok(files)
}

/// What in the log of the network went to another host than the server.
pub(crate) fn strayed(events: &[Json], address: &str) -> Vec<String> {
    let sent = events.iter().filter_map(|event| {
        let message: Json = serde_json::from_str(event["message"].as_str()?).ok()?;
        let message = &message["message"];
        let url = match message["method"].as_str()? {
            "Network.requestWillBeSent" => message["params"]["request"]["url"].as_str()?,
            "Network.webSocketCreated" => message["params"]["url"].as_str()?,
            _ => return None,
        };
        Some(url.to_owned())
    });
    let is_own = |url: &str| {
        let rest = url.strip_prefix(address);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            || ["data:", "blob:", "about:", "chrome:", "chrome-untrusted:"]
                .iter()
                .any(|it| url.starts_with(it))
    };
    sent.filter(|url| !is_own(url)).collect()
}
