//! Changing records: by forms, by files, by what-ifs, and back again.

use anyhow::{Context as _, ensure};
use serde_json::json;

use crate::stage::tell;

#[test]
fn a_longer_lead_time_moves_the_date_to_decide_by() {
    tell("lead-time", async |cast| {
        let supply = cast.enters("supply").await?;
        let decide_by = "[...document.querySelectorAll('.stat')] \
            .find(it => it.querySelector('.label').textContent === 'Decide by') \
            .querySelector('.value').innerText";
        let read = format!("return {decide_by}");
        supply.open("/decisions/tooling").await?;
        let before = supply.reads(&read).await?;

        supply.open("/records/offer/radio-maker.nrf9161-laca").await?;
        supply.presses("Edit").await?;
        supply.types("Lead time", "26..30 wk").await?;
        supply.types("Why", "The maker has put us on allocation").await?;
        supply.presses("Save").await?;
        supply.sees("Saved").await?;

        supply.open("/decisions/tooling").await?;
        let moved = format!("return {decide_by} !== arguments[0]");
        supply.until(&moved, json!(before)).await.with_context(|| {
            format!("still to be decided by {before}, though the modems take ten weeks longer")
        })
    });
}

#[test]
fn of_two_who_edit_one_record_the_second_is_shown_both_versions_and_loses_nothing() {
    tell("conflict", async |cast| {
        let first = cast.enters("owner").await?;
        let second = cast.enters("product").await?;
        let form = "/records/supplier/dist-us/edit";
        first.open(form).await?;
        second.open(form).await?;
        first.types("Title", "Distributor in Texas").await?;
        first.presses("Save").await?;
        first.sees("Saved").await?;

        second.expects_refusal(form);
        second.types("Title", "Distributor in Oregon").await?;
        second.types("Why", "They have moved").await?;
        second.presses("Save").await?;
        second.sees("Someone else has changed this meanwhile").await?;
        let told = second.says(".conflict").await?;
        for version in ["American distributor", "Distributor in Texas", "Distributor in Oregon"] {
            ensure!(told.contains(version), "“{version}” isn't in: {told}");
        }
        ensure!(told.contains("Owner"), "who it was isn't in: {told}");
        ensure!(second.typed("Title").await? == "Distributor in Oregon", "the title is lost");
        ensure!(second.typed("Why").await? == "They have moved", "the reason is lost");
        first.open("/records/supplier/dist-us").await?;
        first.sees_no("Distributor in Oregon").await?;

        second.presses("Save").await?;
        second.sees("Saved").await?;
        second.sees("Distributor in Oregon").await
    });
}

#[test]
fn a_what_if_shows_what_differs_and_changes_nothing_until_it_is_applied() {
    tell("what-if", async |cast| {
        let product = cast.enters("product").await?;
        let record = "/records/market/us";
        product.open("/what-if/new?kind=market&id=us").await?;
        product.types("What if", "Trackers go by sea").await?;
        product.presses("Start").await?;
        product.sees("Nothing is changed yet").await?;
        product.types("Shipping", "55..75 d").await?;
        product.presses("Add to what-if").await?;
        product.sees("P50 55, P90 75 d").await?;
        let differs = product.says("[aria-label=\"What differs\"]").await?;
        ensure!(differs.contains("later"), "nothing is later: {differs}");

        let other = cast.enters("viewer").await?;
        other.open(record).await?;
        other.sees_no("P50 55").await?;
        product.presses("Apply …").await?;
        product.sees("This changes the real product").await?;
        product.presses("Apply 1 change").await?;
        product.sees("Trackers go by sea").await?;
        other.open(record).await?;
        other.sees("P50 55").await
    });
}

#[test]
fn a_table_goes_into_a_spreadsheet_and_comes_back_with_one_cell_changed() {
    tell("csv", async |cast| {
        let product = cast.enters("product").await?;
        product.open("/records/team").await?;
        let link = "return document.querySelector('a[download]').getAttribute('href')";
        let link = product.reads(link).await?;
        let table = product.downloads(&link).await?;
        ensure!(table.contains("Firmware"), "no teams: {table}");
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("team.csv");
        std::fs::write(&file, table.replacen("EMC and radio lab", "EMC lab in Leipzig", 1))?;
        product.chooses("input[name=file]", &[&file]).await?;
        product.presses("Upload and compare").await?;
        product.sees("1 is changed").await?;
        product.presses("Save as one change").await?;
        product.sees("EMC lab in Leipzig").await?;

        let again = product.downloads(&link).await?;
        ensure!(again.contains("EMC lab in Leipzig"), "it isn't saved: {again}");
        std::fs::write(&file, again)?;
        product.open("/records/team").await?;
        product.chooses("input[name=file]", &[&file]).await?;
        product.presses("Upload and compare").await?;
        product.sees("Nothing changes").await
    });
}

#[test]
fn an_earlier_version_of_a_record_is_brought_back() {
    tell("restore", async |cast| {
        let product = cast.enters("product").await?;
        product.open("/records/supplier/cell-maker/edit").await?;
        product.types("Title", "Cells through an agent").await?;
        product.presses("Save").await?;
        product.sees("Saved").await?;
        let title = product.says("h1").await?;
        ensure!(title == "Cells through an agent", "it is called “{title}”");

        product.presses("All changes").await?;
        product.arrives("/records/supplier/cell-maker/history").await?;
        product.press("article.change:nth-of-type(2) form button").await?;
        product.press("dialog .danger").await?;
        product.arrives("/records/supplier/cell-maker").await?;
        let title = product.says("h1").await?;
        ensure!(title == "Cell maker, direct", "it is called “{title}”");
        Ok(())
    });
}
