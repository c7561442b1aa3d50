//! Someone at a browser: what they do, and what they see.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, Locator};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::stage::{PATIENCE, Stage, strayed};

/// A browser of one's own. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    stage: Arc<Stage>,
    client: Client,
    address: String,
    /// Parts of addresses whose refusal is a part of the story.
    refused: Arc<Mutex<Vec<String>>>,
    _profile: Arc<TempDir>,
}

impl Person {
    pub(crate) async fn born(stage: Arc<Stage>, address: &str) -> Result<Person> {
        let profile = tempfile::tempdir()?;
        let client = stage.driver.open(profile.path(), 1280, 900).await?;
        let address = address.to_owned();
        let refused = Arc::default();
        Ok(Person { stage, client, address, refused, _profile: Arc::new(profile) })
    }

    /// Goes to a page.
    pub(crate) async fn open(&self, path: &str) -> Result<()> {
        let url = format!("{}{path}", self.address);
        self.client.goto(&url).await.with_context(|| format!("{path} can't be opened"))
    }

    /// Goes to a page, or does something, that the server refuses, which the console tells.
    pub(crate) fn expects_refusal(&self, path: &str) {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned());
    }

    /// Waits until they are on a page.
    pub(crate) async fn arrives(&self, path: &str) -> Result<()> {
        let here = self.until("return location.pathname === arguments[0]", json!(path)).await;
        let now = self.place().await?;
        here.with_context(|| format!("expected {path}, but is at {now}"))
    }

    /// Where they are: path and query.
    pub(crate) async fn place(&self) -> Result<String> {
        self.reads("return location.pathname + location.search").await
    }

    /// The element that a selector names, as soon as it is there.
    pub(crate) async fn finds(&self, selector: &str) -> Result<Element> {
        let found = self.client.wait().at_most(PATIENCE).for_element(Locator::Css(selector)).await;
        found.with_context(|| format!("there is no `{selector}`"))
    }

    /// Presses what a selector names.
    pub(crate) async fn press(&self, selector: &str) -> Result<()> {
        let pressed = self.on(Locator::Css(selector), async |it| self.click(it).await).await;
        pressed.with_context(|| format!("`{selector}` can't be pressed"))
    }

    /// Presses the button or follows the link of a text.
    pub(crate) async fn presses(&self, text: &str) -> Result<()> {
        let path = format!(
            "//*[self::button or self::a or self::summary or self::label][normalize-space()='{text}' and not(contains(@class, 'visually-hidden'))]"
        );
        let pressed = self.on(Locator::XPath(&path), async |it| self.click(it).await).await;
        pressed.with_context(|| format!("“{text}” can't be pressed"))
    }

    async fn click(&self, element: Element) -> Result<(), CmdError> {
        // What is told at the top or foot of the window may lie over an element at its edge.
        let centre = "arguments[0].scrollIntoView({ block: 'center' })";
        let argument = serde_json::to_value(&element).map_err(CmdError::Json)?;
        self.client.execute(centre, vec![argument]).await?;
        element.click().await
    }

    /// Types into the field with a label that begins so, in place of what is there.
    pub(crate) async fn types(&self, label: &str, text: &str) -> Result<()> {
        let path = field(label);
        let replace = async |field: Element| {
            field.clear().await?;
            field.send_keys(text).await
        };
        let typed = self.on(Locator::XPath(&path), replace).await;
        typed.with_context(|| format!("can't type into “{label}”"))
    }

    /// What the field with a label holds.
    pub(crate) async fn typed(&self, label: &str) -> Result<String> {
        let value = self.on(Locator::XPath(&field(label)), async |it| it.prop("value").await).await;
        Ok(value.with_context(|| format!("can't read “{label}”"))?.unwrap_or_default())
    }

    /// Does something with an element as soon as it is there. The page may be replaced by the next
    /// one after an element was found; then it is looked for anew.
    async fn on<T>(
        &self,
        locator: Locator<'_>,
        act: impl AsyncFn(Element) -> Result<T, CmdError>,
    ) -> Result<T> {
        let started = Instant::now();
        loop {
            let element = self.client.wait().at_most(PATIENCE).for_element(locator).await?;
            match act(element).await {
                Err(error) if error.is_stale_element_reference() => {
                    ensure!(started.elapsed() < PATIENCE, "the page doesn't stand still: {error}");
                }
                done => return Ok(done?),
            }
        }
    }

    /// Chooses files for a field.
    pub(crate) async fn chooses(
        &self,
        selector: &str,
        files: &[impl AsRef<Path> + Sync],
    ) -> Result<()> {
        let names: Vec<_> = files.iter().map(|it| it.as_ref().display().to_string()).collect();
        let field = self.finds(selector).await?;
        field.send_keys(&names.join("\n")).await.context("the files can't be chosen")
    }

    /// Presses keys one after another, wherever the focus is; `hold` is held down meanwhile.
    pub(crate) async fn strikes(&self, hold: Option<char>, keys: &str) -> Result<()> {
        let mut actions = KeyActions::new("keyboard".to_owned());
        if let Some(value) = hold {
            actions = actions.then(KeyAction::Down { value });
        }
        for value in keys.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        if let Some(value) = hold {
            actions = actions.then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.context("the keys can't be pressed")
    }

    /// Waits until the page says something.
    pub(crate) async fn sees(&self, text: &str) -> Result<()> {
        let seen = self.until("return document.body.innerText.includes(arguments[0])", json!(text));
        seen.await.with_context(|| format!("the page doesn't say “{text}”"))
    }

    /// Holds that the page, which is there, doesn't say something.
    pub(crate) async fn sees_no(&self, text: &str) -> Result<()> {
        let page = self.reads("return document.body.innerText").await?;
        ensure!(!page.contains(text), "the page says “{text}”");
        Ok(())
    }

    /// What the first element that a selector names says.
    pub(crate) async fn says(&self, selector: &str) -> Result<String> {
        let said = self.on(Locator::Css(selector), async |it| it.text().await).await;
        said.with_context(|| format!("`{selector}` says nothing"))
    }

    /// The text that a script returns.
    pub(crate) async fn reads(&self, script: &str) -> Result<String> {
        let told = self.client.execute(script, Vec::new()).await?;
        Ok(told.as_str().map_or_else(|| told.to_string(), str::to_owned))
    }

    /// What an address holds, as a download with this person's session.
    pub(crate) async fn downloads(&self, path: &str) -> Result<String> {
        let script = "const done = arguments[1]; \
            fetch(arguments[0]).then(it => it.text()).then(done, error => done(null))";
        let told = self.client.execute_async(script, vec![json!(path)]).await?;
        told.as_str().map(str::to_owned).with_context(|| format!("{path} can't be downloaded"))
    }

    /// Waits until a script answers yes.
    pub(crate) async fn until(&self, script: &str, argument: Json) -> Result<()> {
        let started = Instant::now();
        loop {
            // A page that is being left answers no question.
            let told = self.client.execute(script, vec![argument.clone()]).await;
            if told.is_ok_and(|told| told == true) {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("waited for it for {} s", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Takes a picture, and tells the place and the text of the page.
    pub(crate) async fn picture(&self, path: &Path) -> Result<String> {
        std::fs::write(path, self.client.screenshot().await?)?;
        let place = self.place().await?;
        let text = self.reads("return document.querySelector('main').innerText").await?;
        let text: String = text.chars().take(600).collect();
        Ok(format!("{place}: {text}"))
    }

    /// Holds that the console told of no error, and that no request left for another host.
    pub(crate) async fn saw_nothing_wrong(&self) -> Result<()> {
        let console = self.stage.driver.log(&self.client, "browser").await?;
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let severe = console.iter().filter(|it| it["level"] == "SEVERE");
        let told: Vec<&str> = severe.filter_map(|it| it["message"].as_str()).collect();
        let is_expected = |message: &&str| {
            let is_status = message.contains("the server responded with a status of 4");
            // A server that has stopped ends its streams of events.
            let is_end = message.contains("/events") && message.contains("ERR_INCOMPLETE_CHUNKED");
            is_end || is_status && refused.iter().any(|path| message.contains(path))
        };
        let wrong: Vec<_> = told.into_iter().filter(|message| !is_expected(message)).collect();
        ensure!(wrong.is_empty(), "the console tells of errors: {wrong:#?}");
        let events = self.stage.driver.log(&self.client, "performance").await?;
        ensure!(!events.is_empty(), "the network told nothing");
        let strayed = strayed(&events, &self.address);
        ensure!(strayed.is_empty(), "requests left for other hosts: {strayed:#?}");
        Ok(())
    }

    /// Closes the browser.
    pub(crate) async fn leaves(self) {
        // One that has crashed is gone anyway; that is told by what it was asked before.
        let _ = self.client.close().await;
    }
}

/// Where the field with a label that begins so is.
fn field(label: &str) -> String {
    format!("//*[@id=//label[starts-with(normalize-space(), '{label}')]/@for]")
}
