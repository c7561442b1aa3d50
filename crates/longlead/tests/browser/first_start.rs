//! From the first start to the first decision.

use anyhow::ensure;

use crate::stage::{Server, sample, tell};

#[test]
fn a_newcomer_gets_from_an_empty_server_to_a_decision() {
    tell("newcomer", async |cast| {
        let server = Server::empty()?;
        let owner = cast.stranger(&server.address).await?;
        let link = server.link()?.strip_prefix(&server.address).unwrap_or_default();
        owner.open(link).await?;
        owner.types("Organisation", "Coldtrack").await?;
        owner.types("Name", "The owner").await?;
        owner.types("Email", "owner@coldtrack.example").await?;
        owner.types("Password", "a cold night in november").await?;
        owner.presses("Start").await?;
        owner.arrives("/").await?;

        owner.sees("Nothing is planned yet").await?;
        owner.presses("Import files").await?;
        owner.chooses("#files", &sample(server.folder.path())?).await?;
        owner.presses("Compare").await?;
        owner.sees("records are added").await?;
        owner.types("Why", "The product as we know it").await?;
        owner.presses("Save as one change").await?;
        owner.arrives("/history/1").await?;
        owner.sees("The product as we know it").await?;

        owner.open("/decisions").await?;
        owner.presses("Light sensor on tracker rev C?").await?;
        owner.sees("Decide by").await?;
        owner.presses("OPT3004 behind a window in the enclosure").await?;
        owner.types("Reason", "Two customers will not renew without it").await?;
        owner.presses("Record the decision").await?;
        owner.sees("Decided on").await?;
        owner.sees("Two customers will not renew without it").await?;
        let lede = owner.says(".lede").await?;
        ensure!(lede == "Decided.", "it is told as “{lede}”");

        // A link that has been used is no way in.
        let other = cast.stranger(&server.address).await?;
        other.expects_refusal("/welcome/");
        other.open(link).await?;
        other.sees("This link has been used").await
    });
}
