//! `longlead serve`: the system of record and its pages, for real.

use anyhow::Context as _;
use longlead_records::Journal;

use crate::args::ServeArguments;
use crate::command::Answer;
use crate::exit::Failure;
use crate::fleet::Fleet;
use crate::output;
use crate::server::{self, config::Config, log};
use crate::settings::Settings;

pub(crate) fn run(arguments: &ServeArguments, settings: &Settings) -> Result<Answer, Failure> {
    let config = Config::of(arguments)?;
    log::start(&config.log, config.log_format)?;
    server::runtime()?.block_on(async {
        let journal = server::open(&config.database).await?;
        let mut web = config.web();
        let fleet = match &config.lake {
            Some(folder) => {
                let settings = config.lake_settings.clone();
                Some(Fleet::open(&journal, folder, settings, &config.doors).await?)
            }
            None => None,
        };
        web.telemetry = fleet.as_ref().map(Fleet::telemetry);
        server::serve(journal, &config, web, fleet, async |journal, base, doors| {
            let mut told = greeting(journal, &config, base).await?;
            doors.iter().for_each(|door| told.push_str(&format!("{door}\n")));
            Ok(output::now(&told, &settings.output)?)
        })
        .await
    })?;
    Ok(Answer::fine(String::new()))
}

async fn greeting(journal: &Journal, config: &Config, base: &str) -> anyhow::Result<String> {
    let database = longlead_records::without_password(&config.database);
    let mut told = format!("Longlead serves {database} at {base}\n");
    let owner = journal.people().first_owner(jiff::Timestamp::now()).await;
    if let Some(link) = owner.context("the first account can't be made")? {
        told.push_str(&format!(
            "\nNobody has an account yet. Open this once to make yours; it works for 72 hours:\n  \
             {base}/welcome/{}\n",
            link.expose()
        ));
    }
    Ok(told)
}
