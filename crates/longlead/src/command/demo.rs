//! `longlead demo`: the sample company, served with its past and its people.

mod company;
mod tour;

use std::path::Path;

use anyhow::Context as _;
use longlead_records::Journal;
use serde_json::json;

use crate::args::DemoArguments;
use crate::command::Answer;
use crate::exit::Failure;
use crate::fleet::{Doors, Fleet};
use crate::output;
use crate::output::json as json_text;
use crate::output::style::{bold, command, dim};
use crate::server::config::{Config, DEMO_SQL, DEVICES_HTTP, DEVICES_MQTT, LISTEN, LogFormat};
use crate::server::{self, log};
use crate::settings::Settings;
use crate::{file, sample};
use company::Company;

/// What stands above every page of a demo.
const BANNER: &str = "This is a demo: a sample company, thrown away when the server stops.";
const BANNER_KEPT: &str = "This is a demo: a sample company.";

pub(crate) fn run(arguments: &DemoArguments, settings: &Settings) -> Result<Answer, Failure> {
    if let Some(folder) = &arguments.write {
        return write(folder, settings);
    }
    if arguments.tour {
        return tour::run(settings);
    }
    log::start("warn", LogFormat::Text)?;
    server::runtime()?.block_on(demonstrate(arguments, settings))?;
    Ok(Answer::fine(String::new()))
}

fn write(folder: &Path, settings: &Settings) -> Result<Answer, Failure> {
    file::make_folder(folder, false)?;
    let written = file::write_all(folder, &sample::files(), false)?;
    if settings.output.json {
        return Ok(Answer::fine(json_text::text(&json!({ "written": written }))));
    }
    let shown = folder.display();
    let next = command(&format!("longlead plan {shown}"));
    Ok(Answer::fine(format!("Wrote {} files into {shown}.\n\nNext: {next}\n", written.len())))
}

async fn demonstrate(arguments: &DemoArguments, settings: &Settings) -> Result<(), Failure> {
    let folder = tempfile::tempdir().context("no folder for the demo's database")?;
    let thrown_away = format!("sqlite:{}", folder.path().join("demo.db").display());
    let database = arguments.database.clone().unwrap_or(thrown_away);
    let journal = server::open(&database).await?;
    let company = company::found(&journal).await?;
    let config = config(arguments, database).await;
    let banner = if arguments.database.is_some() { BANNER_KEPT } else { BANNER };
    let web = longlead_web::Settings {
        banner: Some(banner.to_owned()),
        demo_accounts: company.accounts.clone(),
        requests_per_second: 10_000,
        requests_burst: 10_000,
        ..config.web()
    };
    let fleet = match arguments.no_fleet {
        true => None,
        false => {
            let (lake, settings) = (folder.path().join("lake"), config.lake_settings.clone());
            let mut fleet = Fleet::open(&journal, &lake, settings, &config.doors).await?;
            fleet.simulate(&journal).await?;
            Some(fleet)
        }
    };
    let telemetry = fleet.as_ref().map(Fleet::telemetry);
    let web = longlead_web::Settings { telemetry, ..web };
    server::serve(journal, &config, web, fleet, async |_: &Journal, base, doors| {
        if let Some(path) = &arguments.accounts {
            file::write(path, &accounts_json(&company, base), true)?;
        }
        Ok(output::now(&greeting(base, doors), &settings.output)?)
    })
    .await?;
    Ok(())
}

/// The usual port, or any that is free if someone has taken it.
async fn config(arguments: &DemoArguments, database: String) -> Config {
    let listen = match &arguments.listen {
        Some(listen) => listen.clone(),
        None if tokio::net::TcpListener::bind(LISTEN).await.is_ok() => LISTEN.to_owned(),
        None => "127.0.0.1:0".to_owned(),
    };
    let sql = free(DEMO_SQL).await;
    Config { database, listen, doors: doors().await, sql, ..Config::default() }
}

/// The usual address of a door, or any that is free if someone has taken it.
async fn free(usual: &str) -> Option<String> {
    match tokio::net::TcpListener::bind(usual).await {
        Ok(_) => Some(usual.to_owned()),
        Err(_) => Some("127.0.0.1:0".to_owned()),
    }
}

/// Doors that ask nobody who they are, on this machine only.
async fn doors() -> Doors {
    Doors {
        http: free(DEVICES_HTTP).await,
        mqtt: free(DEVICES_MQTT).await,
        is_open: true,
        ..Doors::default()
    }
}

fn greeting(base: &str, doors: &[String]) -> String {
    let doors: String =
        doors.iter().map(|door| format!("{}\n", dim(&format!("  {door}")))).collect();
    format!(
        "{}\n\n  {}\n\n{}\n{doors}{}\n",
        bold("Coldtrack makes trackers for chilled goods. Open its plan:"),
        command(base),
        dim("  Look around as anyone: the sign-in page has a button for each."),
        dim("  Ctrl-C stops. `longlead demo --tour` walks through the plan on the terminal."),
    )
}

fn accounts_json(company: &Company, base: &str) -> String {
    let accounts = company.accounts.iter().map(|account| {
        json!({ "name": account.name, "email": account.email, "password": account.password })
    });
    let accounts: Vec<_> = accounts.collect();
    json_text::text(&json!({ "address": base, "accounts": accounts, "token": company.token }))
}
