//! Finding and reading: by keys, as a partner, and while others work.

use anyhow::ensure;
use serde_json::json;

use crate::stage::tell;

/// The key that WebDriver calls Control.
const CONTROL: char = '\u{e009}';
const ENTER: char = '\u{e007}';

/// Waits until the item of the palette that Enter opens has a title.
const CHOSEN: &str = "const item = document.querySelector('#palette [aria-selected=true] .title'); \
    return item !== null && item.textContent === arguments[0]";

#[test]
fn a_partner_finds_only_what_is_shared_with_it() {
    tell("partner", async |cast| {
        let (owner, partner) = (cast.enters("owner").await?, cast.enters("partner").await?);
        for person in [&owner, &partner] {
            person.strikes(Some(CONTROL), "k").await?;
            person.finds("#palette input").await?.send_keys("radio maker").await?;
        }
        owner.until(CHOSEN, json!("Radio maker, direct")).await?;
        partner.sees("Nothing is called “radio maker”").await?;

        owner.open("/records/supplier/radio-maker").await?;
        owner.sees("Radio maker, direct").await?;
        partner.expects_refusal("/records/supplier/");
        partner.open("/records/supplier/radio-maker").await?;
        partner.sees("There is no supplier").await?;
        partner.sees_no("Radio maker, direct").await?;
        partner.open("/records/supplier/cm-sz").await?;
        partner.sees("Contract manufacturer").await
    });
}

#[test]
fn everything_is_a_few_keys_away() {
    tell("keys", async |cast| {
        let viewer = cast.enters("viewer").await?;
        viewer.strikes(Some(CONTROL), "k").await?;
        viewer.finds("#palette input").await?.send_keys("door-open alerts").await?;
        viewer.until(CHOSEN, json!("Door-open alerts")).await?;
        viewer.strikes(None, &ENTER.to_string()).await?;
        viewer.arrives("/features/door-open-alerts").await?;
        viewer.finds("main").await?;
        viewer.strikes(None, "gd").await?;
        viewer.arrives("/decisions").await
    });
}

#[test]
fn a_page_that_is_open_shows_what_others_change() {
    tell("live", async |cast| {
        let (reader, writer) = (cast.enters("viewer").await?, cast.enters("product").await?);
        reader.open("/decisions").await?;
        reader.sees("Power over Ethernet on gateway rev C?").await?;
        reader.reads("window.isTheSamePage = true; return ''").await?;
        let sequence = "return document.documentElement.dataset.sequence";
        let before: u64 = reader.reads(sequence).await?.parse()?;

        writer.open("/records/decision/poe/edit").await?;
        writer.types("Title", "Power by cable on gateway rev C?").await?;
        writer.presses("Save").await?;
        writer.sees("Saved").await?;

        reader.sees("Power by cable on gateway rev C?").await?;
        let newer = "return Number(document.documentElement.dataset.sequence) > arguments[0]";
        reader.until(newer, json!(before)).await?;
        let is_same = reader.reads("return String(window.isTheSamePage === true)").await?;
        ensure!(is_same == "true", "the page was loaded anew");
        Ok(())
    });
}
