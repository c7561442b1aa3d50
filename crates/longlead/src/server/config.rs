//! What a server is told: by flags, then the environment, then a file, then defaults.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;

use crate::args::ServeArguments;
use crate::exit::Failure;
use crate::fleet::{Doors, DoorsTls};

/// What a server needs to know, settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) database: String,
    pub(crate) listen: String,
    pub(crate) tls: Option<Tls>,
    /// The address under which people reach the server: `https://plan.example`.
    pub(crate) public_url: Option<String>,
    pub(crate) behind_proxy: bool,
    /// Where what devices send is kept.
    pub(crate) lake: Option<PathBuf>,
    pub(crate) lake_settings: longlead_lake::Settings,
    pub(crate) doors: Doors,
    /// Where clients of PostgreSQL ask.
    pub(crate) sql: Option<String>,
    pub(crate) connections_max: usize,
    pub(crate) requests_per_second: u32,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

/// Where certificate and key are, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

pub(crate) const DATABASE: &str = "sqlite:longlead.db";
pub(crate) const LISTEN: &str = "127.0.0.1:7420";
/// Below the 1,024 files that a process may usually have open.
const CONNECTIONS_MAX: usize = 800;
pub(crate) const DEVICES_HTTP: &str = "127.0.0.1:7421";
pub(crate) const DEVICES_MQTT: &str = "127.0.0.1:1883";
pub(crate) const DEMO_SQL: &str = "127.0.0.1:7423";
const REQUESTS_PER_SECOND: u32 = 50;
const LOG: &str = "info";

/// The configuration file. Every setting may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    database: Option<String>,
    listen: Option<String>,
    tls_certificate: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    public_url: Option<String>,
    behind_proxy: Option<bool>,
    lake: Option<PathBuf>,
    lake_flush_seconds: Option<u32>,
    lake_tidy_seconds: Option<u32>,
    lake_disk_free: Option<u32>,
    devices_http: Option<String>,
    devices_mqtt: Option<String>,
    devices_token: Option<String>,
    devices_may_be_reached: Option<bool>,
    devices_https: Option<String>,
    devices_mqtts: Option<String>,
    devices_certificate: Option<PathBuf>,
    devices_key: Option<PathBuf>,
    devices_names: Option<Vec<String>>,
    devices_factories: Option<PathBuf>,
    devices_authority: Option<PathBuf>,
    sql: Option<String>,
    connections_max: Option<usize>,
    requests_per_second: Option<u32>,
    log: Option<String>,
    log_format: Option<LogFormat>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            database: DATABASE.to_owned(),
            listen: LISTEN.to_owned(),
            tls: None,
            public_url: None,
            behind_proxy: false,
            lake: None,
            lake_settings: longlead_lake::Settings::default(),
            doors: Doors::default(),
            sql: None,
            connections_max: CONNECTIONS_MAX,
            requests_per_second: REQUESTS_PER_SECOND,
            log: LOG.to_owned(),
            log_format: LogFormat::default(),
        }
    }
}

impl Config {
    /// Settles what flags and environment leave open.
    pub(crate) fn of(arguments: &ServeArguments) -> Result<Config, Failure> {
        let file = match &arguments.config {
            Some(path) => read(path)?,
            None => File::default(),
        };
        let told = |flag: &Option<String>, file: Option<String>, default: &str| {
            flag.clone().or(file).unwrap_or_else(|| default.to_owned())
        };
        let certificate = arguments.tls_certificate.clone().or(file.tls_certificate);
        let key = arguments.tls_key.clone().or(file.tls_key);
        let tls = both(certificate, key, "TLS needs both --tls-certificate and --tls-key")?;
        let certificate = arguments.devices_certificate.clone().or(file.devices_certificate);
        let key = arguments.devices_key.clone().or(file.devices_key);
        let message =
            "a certificate for devices needs both --devices-certificate and --devices-key";
        let names = Some(arguments.devices_name.clone()).filter(|it| !it.is_empty());
        let devices_tls = DoorsTls {
            http: arguments.devices_https.clone().or(file.devices_https),
            mqtt: arguments.devices_mqtts.clone().or(file.devices_mqtts),
            server: both(certificate, key, message)?,
            names: names.or(file.devices_names).unwrap_or_else(own_names),
            factories: arguments.devices_factories.clone().or(file.devices_factories),
            authority: arguments.devices_authority.clone().or(file.devices_authority),
        };
        let lake_settings = lake_settings(
            arguments.lake_flush_seconds.or(file.lake_flush_seconds),
            arguments.lake_tidy_seconds.or(file.lake_tidy_seconds),
            arguments.lake_disk_free.or(file.lake_disk_free),
        );
        if arguments.sql.is_some() && arguments.lake.is_none() && file.lake.is_none() {
            let message = "--sql asks what devices sent, and needs --lake, where that is kept";
            return Err(Failure::Usage(message.to_owned()));
        }
        Ok(Config {
            database: told(&arguments.database, file.database, DATABASE),
            listen: told(&arguments.listen, file.listen, LISTEN),
            tls,
            public_url: public_url(arguments.public_url.clone().or(file.public_url))?,
            lake: arguments.lake.clone().or(file.lake),
            lake_settings,
            doors: Doors {
                http: Some(told(&arguments.devices_http, file.devices_http, DEVICES_HTTP)),
                mqtt: Some(told(&arguments.devices_mqtt, file.devices_mqtt, DEVICES_MQTT)),
                token: arguments.devices_token.clone().or(file.devices_token),
                is_open: false,
                may_be_reached: arguments.devices_may_be_reached
                    || file.devices_may_be_reached.unwrap_or(false),
                tls: devices_tls,
            },
            sql: arguments.sql.clone().or(file.sql),
            behind_proxy: arguments.behind_proxy || file.behind_proxy.unwrap_or(false),
            connections_max: arguments
                .connections_max
                .or(file.connections_max)
                .unwrap_or(CONNECTIONS_MAX),
            requests_per_second: arguments
                .requests_per_second
                .or(file.requests_per_second)
                .unwrap_or(REQUESTS_PER_SECOND),
            log: told(&arguments.log, file.log, LOG),
            log_format: arguments.log_format.or(file.log_format).unwrap_or_default(),
        })
    }

    /// What the web application needs to know of it.
    pub(crate) fn web(&self) -> longlead_web::Settings {
        longlead_web::Settings {
            secure: self.tls.is_some() || is_https(self.public_url.as_deref()),
            public_url: self.public_url.clone(),
            behind_proxy: self.behind_proxy,
            requests_per_second: self.requests_per_second,
            requests_burst: self.requests_per_second.saturating_mul(4),
            ..longlead_web::Settings::default()
        }
    }
}

/// What the lake may use, as far as it is told.
fn lake_settings(
    flush_seconds: Option<u32>,
    tidy_seconds: Option<u32>,
    disk_free_mib: Option<u32>,
) -> longlead_lake::Settings {
    let usual = longlead_lake::Settings::default();
    let span = |seconds: u32| Duration::from_secs(seconds.into());
    longlead_lake::Settings {
        flush_age: flush_seconds.map_or(usual.flush_age, span),
        tidy_every: tidy_seconds.map_or(usual.tidy_every, span),
        disk_free: disk_free_mib.map_or(usual.disk_free, |mib| u64::from(mib) << 20),
        ..usual
    }
}

/// A certificate with its key, or neither.
fn both(
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    message: &str,
) -> Result<Option<Tls>, Failure> {
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some(Tls { certificate, key })),
        (None, None) => Ok(None),
        _ => Err(Failure::Usage(message.to_owned())),
    }
}

/// What devices on this machine call it.
fn own_names() -> Vec<String> {
    ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec()
}

fn is_https(url: Option<&str>) -> bool {
    url.is_some_and(|url| url.starts_with("https://"))
}

/// A public address, without the slash at its end.
fn public_url(url: Option<String>) -> Result<Option<String>, Failure> {
    let Some(url) = url else {
        return Ok(None);
    };
    let told = url.trim_end_matches('/');
    let host = told.strip_prefix("https://").or_else(|| told.strip_prefix("http://"));
    let is_one = host.is_some_and(|host| {
        !host.is_empty()
            && host.bytes().all(|it| it.is_ascii_alphanumeric() || b"-._:[]".contains(&it))
    });
    match is_one {
        true => Ok(Some(told.to_owned())),
        false => {
            let message = format!(
                "`{url}` is no address for --public-url: write scheme and host, such as \
                 `https://plan.example`"
            );
            Err(Failure::Usage(message))
        }
    }
}

fn read(path: &PathBuf) -> anyhow::Result<File> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("`{shown}` can't be read"))?;
    toml::from_str(&text).with_context(|| format!("`{shown}` is no configuration"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Arguments, CommandArguments};

    fn config(arguments: &[&str]) -> Result<Config, Failure> {
        let words = ["longlead", "serve"].iter().chain(arguments);
        match Arguments::try_parse_from(words).unwrap().command {
            CommandArguments::Serve(arguments) => Config::of(&arguments),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("longlead.toml");
        std::fs::write(&file, "listen = \"0.0.0.0:80\"\nlog_format = \"json\"\n").unwrap();
        let path = file.to_str().unwrap();
        let config = config(&["--config", path, "--listen", "127.0.0.1:1"]).unwrap();
        assert_eq!(config.listen, "127.0.0.1:1");
        assert_eq!(config.log_format, LogFormat::Json);
        assert_eq!(config.database, DATABASE);
    }

    #[test]
    fn a_file_with_an_unknown_setting_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("longlead.toml");
        std::fs::write(&file, "listn = \"0.0.0.0:80\"\n").unwrap();
        let Err(Failure::InputOutput(error)) = config(&["--config", file.to_str().unwrap()]) else {
            panic!("it was taken");
        };
        assert!(format!("{error:#}").contains("listn"), "{error:#}");
    }

    #[test]
    fn a_public_address_by_tls_makes_cookies_secure() {
        let config = config(&["--public-url", "https://plan.example/"]).unwrap();
        let web = config.web();
        assert!(web.secure);
        assert_eq!(web.public_url.as_deref(), Some("https://plan.example"));
        for wrong in ["plan.example", "https://", "https://plan.example/longlead", "https://a b"] {
            assert!(matches!(self::config(&["--public-url", wrong]), Err(Failure::Usage(_))));
        }
    }

    #[test]
    fn a_certificate_without_a_key_is_refused() {
        assert!(matches!(config(&["--tls-certificate", "x.pem"]), Err(Failure::Usage(_))));
        assert!(matches!(config(&["--devices-certificate", "x.pem"]), Err(Failure::Usage(_))));
    }

    #[test]
    fn devices_know_the_server_by_the_names_that_are_told() {
        let names = |arguments: &[&str]| config(arguments).unwrap().doors.tls.names;
        assert_eq!(names(&[]), ["localhost", "127.0.0.1", "::1"]);
        let told = ["--devices-name", "fleet.example", "--devices-name", "192.0.2.1"];
        assert_eq!(names(&told), ["fleet.example", "192.0.2.1"]);
    }
}
