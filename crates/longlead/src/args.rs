//! What can be asked on the command line.

use std::path::{Path, PathBuf};

use clap::builder::styling::{AnsiColor, Styles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use longlead_model::{ActivityId, Kind};
use longlead_records::people::Role;

use crate::exit::EXIT_CODES;
use crate::server::config::LogFormat;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const START: &str = "\
Start here:
  longlead demo            a sample company, planned and explained
  longlead new my-product  a small commented bundle to start from
  longlead plan my-product dates, decisions and what is foreseen";

/// Plans connected products on two horizons: which hardware decision must be made by when, for the
/// software that will need it.
///
/// A bundle is a folder of TOML files that holds the facts of a product. Longlead derives the plan
/// from them, tells every date as a distribution, and explains each answer.
#[derive(Debug, Parser)]
#[command(
    name = "longlead",
    version,
    styles = STYLES,
    max_term_width = 100,
    after_help = after_help(),
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
    #[command(subcommand)]
    pub(crate) command: CommandArguments,
}

fn after_help() -> String {
    format!("{START}\n\n{EXIT_CODES}")
}

/// Options that every command takes.
#[derive(Args, Debug)]
pub(crate) struct GlobalArguments {
    /// Print JSON instead of tables
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,

    /// When to colour: `auto` does on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        help_heading = "Output"
    )]
    pub(crate) color: Color,

    /// Show everything: all milestones, all diagnostics
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) all: bool,

    /// Tell reasons in the words of a discipline, as the glossary of the bundle has them
    #[arg(long, global = true, value_name = "NAME", help_heading = "Output")]
    pub(crate) discipline: Option<String>,

    /// End with exit code 1 if the plan has such findings; several are joined by commas
    #[arg(
        long,
        global = true,
        value_name = "FINDING",
        value_delimiter = ',',
        help_heading = "Output"
    )]
    pub(crate) fail_on: Vec<Finding>,

    /// The day on which the facts hold [default: the bundle's `as_of`, else today]
    #[arg(long, global = true, value_name = "DATE", help_heading = "Plan")]
    pub(crate) as_of: Option<Date>,

    /// Plan under a scenario of the bundle
    #[arg(long, global = true, value_name = "ID", help_heading = "Plan")]
    pub(crate) scenario: Option<String>,

    /// How sure dates must be: 0.8, 80 or "80 %" [default: the bundle's, else 0.8]
    #[arg(long, global = true, value_name = "SHARE", value_parser = share, help_heading = "Plan")]
    pub(crate) confidence: Option<f64>,

    /// Samples of the simulation [default: the bundle's, else 10000]
    #[arg(
        long,
        global = true,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u32).range(1..=10_000_000),
        help_heading = "Plan"
    )]
    pub(crate) samples: Option<u32>,

    /// Seed of the simulation: the same seed gives the same dates [default: the bundle's, else 1]
    #[arg(long, global = true, value_name = "NUMBER", help_heading = "Plan")]
    pub(crate) seed: Option<u64>,

    /// Threads; 0 for as many as the machine has. The answer is the same
    #[arg(long, global = true, value_name = "COUNT", default_value_t = 0, help_heading = "Plan")]
    pub(crate) threads: usize,

    /// Let teams work on everything at once, whatever their capacity
    #[arg(long, global = true, help_heading = "Plan")]
    pub(crate) no_levelling: bool,
}

/// When output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What a plan can be found to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Finding {
    /// A target or a decision is lost
    Lost,
    /// A target or a decision is at risk, or lost
    AtRisk,
    /// Software needs hardware that nobody has planned
    Orphan,
    /// There are warnings
    Warning,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CommandArguments {
    /// Tell everything that is wrong with a bundle
    Check(CheckArguments),
    /// Dates, decisions, and what is foreseen
    Plan(PlanArguments),
    /// Why a date is what it is, back to the facts
    Explain(ExplainArguments),
    /// Which decisions must be made by when, and what waiting costs
    Decide(DecideArguments),
    /// Which devices can run which feature, today and later
    Coverage(CoverageArguments),
    /// What differs under a scenario, or between two bundles
    Compare(CompareArguments),
    /// Write a plan or a bundle for other programs
    Export(ExportArguments),
    /// Make a bundle of a plan from another program, or load a bundle into a database
    Import(ImportArguments),
    /// Write a small commented bundle to start from
    New(NewArguments),
    /// Serve the sample company: open the address that it prints
    Demo(DemoArguments),
    /// Serve the system of record and its pages
    Serve(Box<ServeArguments>),
    /// Write all that a database holds into one file
    Backup(BackupArguments),
    /// Fill an empty database from a backup
    Restore(RestoreArguments),
    /// Check that nobody has altered a database's journal
    Verify(VerifyArguments),
    /// Add or list the users of a database, or let one in again
    #[command(subcommand)]
    User(UserArguments),
    /// Print completions for a shell
    Completions(CompletionsArguments),
    /// Print the JSON Schema of bundles, or of one kind of record
    Schema(SchemaArguments),
}

/// Records of a database, in place of a bundle.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct FromArguments {
    /// Read the records of a database instead of a bundle: `sqlite:FILE` or `postgres://…`
    #[arg(long, value_name = "URL", help_heading = "Database")]
    pub(crate) database: Option<String>,

    /// The records as they were then: an instant, or a day up to its end in UTC
    #[arg(
        long,
        value_name = "WHEN",
        value_parser = instant,
        requires = "database",
        help_heading = "Database"
    )]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    /// A folder of TOML files, or one such file
    #[arg(default_value = ".")]
    pub(crate) bundle: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArguments {
    /// A folder of TOML files, or one such file
    #[arg(default_value = ".", conflicts_with = "database")]
    pub(crate) bundle: PathBuf,

    /// List the activities too
    #[arg(long)]
    pub(crate) activities: bool,

    /// The activity that criticality and contribution are about [default: the whole plan]
    #[arg(long, value_name = "ID", value_parser = activity_id)]
    pub(crate) focus: Option<ActivityId>,

    #[command(flatten)]
    pub(crate) from: FromArguments,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// An activity, milestone, launch, release, decision, feature or revision
    pub(crate) id: String,

    /// A folder of TOML files, or one such file
    #[arg(default_value = ".", conflicts_with = "database")]
    pub(crate) bundle: PathBuf,

    #[command(flatten)]
    pub(crate) from: FromArguments,
}

impl ExplainArguments {
    /// The bundle, and the id in it.
    pub(crate) fn meant(&self) -> (PathBuf, String) {
        in_order(&self.id, &self.bundle)
    }
}

#[derive(Args, Debug)]
pub(crate) struct DecideArguments {
    /// A decision, told in full [default: a list of all]
    pub(crate) id: Option<String>,

    /// A folder of TOML files, or one such file [default: .]
    #[arg(conflicts_with = "database")]
    pub(crate) bundle: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) from: FromArguments,
}

impl DecideArguments {
    /// The bundle, and the decision in it. A single argument that is a file or folder, or can only
    /// be meant as one, is the bundle.
    pub(crate) fn meant(&self) -> (PathBuf, Option<String>) {
        match (&self.id, &self.bundle) {
            // There is no bundle beside a database.
            (id, _) if self.from.database.is_some() => (PathBuf::from("."), id.clone()),
            (Some(id), Some(bundle)) => {
                let (bundle, id) = in_order(id, bundle);
                (bundle, Some(id))
            }
            (Some(only), None) if Path::new(only).exists() || looks_like_path(only) => {
                (PathBuf::from(only), None)
            }
            (id, _) => (PathBuf::from("."), id.clone()),
        }
    }
}

/// The bundle and the id. Other commands take the bundle first, so that order is understood too.
fn in_order(id: &str, bundle: &Path) -> (PathBuf, String) {
    if !bundle.exists() && Path::new(id).exists() {
        return (PathBuf::from(id), bundle.to_string_lossy().into_owned());
    }
    (bundle.to_owned(), id.to_owned())
}

/// Ids have no slashes, and nobody calls a decision something that ends in `.toml`.
fn looks_like_path(text: &str) -> bool {
    text.contains('/') || text.ends_with(".toml")
}

#[derive(Args, Debug)]
pub(crate) struct CoverageArguments {
    /// A folder of TOML files, or one such file
    #[arg(default_value = ".", conflicts_with = "database")]
    pub(crate) bundle: PathBuf,

    /// Say what is missing under each feature that some revision can't run
    #[arg(long)]
    pub(crate) why: bool,

    #[command(flatten)]
    pub(crate) from: FromArguments,
}

#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    /// A folder of TOML files, or one such file
    #[arg(default_value = ".", conflicts_with = "database")]
    pub(crate) bundle: PathBuf,

    /// Another bundle; left out, the same under --scenario, or a database of --at and of today
    #[arg(conflicts_with = "database")]
    pub(crate) other: Option<PathBuf>,

    /// List the activities that move too
    #[arg(long)]
    pub(crate) activities: bool,

    #[command(flatten)]
    pub(crate) from: FromArguments,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArguments {
    /// A folder of TOML files, or one such file
    #[arg(default_value = ".", conflicts_with = "database")]
    pub(crate) bundle: PathBuf,

    /// What to write
    #[arg(long, short)]
    pub(crate) format: ExportFormat,

    /// Where to; left out, the standard output. `toml` takes a folder too, for a file per kind
    #[arg(long, short, value_name = "FILE|DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Overwrite what is there
    #[arg(long)]
    pub(crate) force: bool,

    #[command(flatten)]
    pub(crate) from: FromArguments,
}

/// What a plan can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// The whole forecast, as `plan --json` prints it
    Json,
    /// The activities of the bundle as a table
    Csv,
    /// Milestones and decide-by dates as a calendar
    Ics,
    /// The plan with its dates for MS Project
    Mspdi,
    /// The records of the bundle in canonical form
    Toml,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArguments {
    /// The file to read; for a database, a bundle's folder too
    pub(crate) file: PathBuf,

    /// What it is [default: by its extension, .xml or .csv]
    #[arg(long, short)]
    pub(crate) format: Option<ImportFormat>,

    /// The folder to write the bundle into
    #[arg(long, short, value_name = "DIR", required_unless_present = "database")]
    pub(crate) output: Option<PathBuf>,

    /// Write although the folder is not empty, over files of the same name
    #[arg(long, requires = "output")]
    pub(crate) force: bool,

    /// Load the records into this database, all or none: `sqlite:FILE` or `postgres://…`
    #[arg(long, value_name = "URL", conflicts_with = "output", help_heading = "Database")]
    pub(crate) database: Option<String>,

    /// Only tell what would change
    #[arg(long, requires = "database", help_heading = "Database")]
    pub(crate) dry_run: bool,

    /// Remove the records that the import doesn't have
    #[arg(long, requires = "database", help_heading = "Database")]
    pub(crate) remove: bool,

    /// Why, for those who read the history [default: what was imported]
    #[arg(long, value_name = "TEXT", requires = "database", help_heading = "Database")]
    pub(crate) why: Option<String>,
}

/// What can be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// MS Project XML
    Mspdi,
    /// A table of activities
    Csv,
}

#[derive(Args, Debug)]
pub(crate) struct NewArguments {
    /// The folder to make; it must be empty if it is there
    pub(crate) folder: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArguments {
    /// Where to listen; port 0 lets the system choose [default: 127.0.0.1:7420, or any free port]
    #[arg(long, value_name = "ADDRESS", help_heading = "Server")]
    pub(crate) listen: Option<String>,

    /// Keep the demo in this database instead of throwing it away at the end
    #[arg(long, value_name = "URL", help_heading = "Server")]
    pub(crate) database: Option<String>,

    /// Write the addresses, accounts and a token into this file, as JSON
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    pub(crate) accounts: Option<PathBuf>,

    /// Leave out the fleet: no lake, no doors, no simulated devices
    #[arg(long, help_heading = "Server")]
    pub(crate) no_fleet: bool,

    /// Walk through the sample's plan on the terminal, without a server
    #[arg(long, conflicts_with_all = ["listen", "database", "accounts", "no_fleet"])]
    pub(crate) tour: bool,

    /// Write the sample bundle into this folder, without a server
    #[arg(long, value_name = "DIR", conflicts_with_all = ["listen", "database", "accounts", "no_fleet", "tour"])]
    pub(crate) write: Option<PathBuf>,
}

/// Each setting may also stand in the configuration file, under the name of its flag with
/// underscores.
#[derive(Args, Debug)]
pub(crate) struct ServeArguments {
    /// A TOML file with settings; flags and the environment win over it
    #[arg(long, value_name = "FILE", env = "LONGLEAD_CONFIG", help_heading = "Server")]
    pub(crate) config: Option<PathBuf>,

    /// Where records are kept: `sqlite:FILE` or `postgres://…` [default: sqlite:longlead.db]
    #[arg(
        long,
        value_name = "URL",
        env = "LONGLEAD_DATABASE",
        hide_env_values = true,
        help_heading = "Server"
    )]
    pub(crate) database: Option<String>,

    /// Where to listen [default: 127.0.0.1:7420]
    #[arg(long, value_name = "ADDRESS", env = "LONGLEAD_LISTEN", help_heading = "Server")]
    pub(crate) listen: Option<String>,

    /// The folder in which is kept what devices send; without one nothing of them is taken
    #[arg(long, value_name = "FOLDER", env = "LONGLEAD_LAKE", help_heading = "Devices")]
    pub(crate) lake: Option<PathBuf>,

    /// Seconds after which rows are written from the log to Parquet, at the latest [default: 300]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LONGLEAD_LAKE_FLUSH_SECONDS",
        help_heading = "Devices"
    )]
    pub(crate) lake_flush_seconds: Option<u32>,

    /// How often, in seconds, small Parquet files are merged [default: 300]
    #[arg(
        long,
        value_name = "SECONDS",
        env = "LONGLEAD_LAKE_TIDY_SECONDS",
        help_heading = "Devices"
    )]
    pub(crate) lake_tidy_seconds: Option<u32>,

    /// MiB that stay free on the disk of the lake: with less, devices are told to come back later
    /// [default: 512]
    #[arg(long, value_name = "MIB", env = "LONGLEAD_LAKE_DISK_FREE", help_heading = "Devices")]
    pub(crate) lake_disk_free: Option<u32>,

    /// Where devices send by HTTP [default: 127.0.0.1:7421]
    #[arg(long, value_name = "ADDRESS", env = "LONGLEAD_DEVICES_HTTP", help_heading = "Devices")]
    pub(crate) devices_http: Option<String>,

    /// Where devices send by MQTT [default: 127.0.0.1:1883]
    #[arg(long, value_name = "ADDRESS", env = "LONGLEAD_DEVICES_MQTT", help_heading = "Devices")]
    pub(crate) devices_mqtt: Option<String>,

    /// The token of a system that speaks for any device, such as Telegraf or a network server
    #[arg(
        long,
        value_name = "TOKEN",
        env = "LONGLEAD_DEVICES_TOKEN",
        hide_env_values = true,
        help_heading = "Devices"
    )]
    pub(crate) devices_token: Option<String>,

    /// Where clients of PostgreSQL ask in SQL, such as psql and Grafana: a loopback address, or any
    /// with a certificate
    #[arg(long, value_name = "ADDRESS", env = "LONGLEAD_SQL", help_heading = "Server")]
    pub(crate) sql: Option<String>,

    /// Let other machines reach the doors of devices, though nothing on them is encrypted: for a
    /// proxy that ends TLS
    #[arg(long, env = "LONGLEAD_DEVICES_MAY_BE_REACHED", help_heading = "Devices")]
    pub(crate) devices_may_be_reached: bool,

    /// Where devices send by HTTPS, get certificates, and show them
    #[arg(long, value_name = "ADDRESS", env = "LONGLEAD_DEVICES_HTTPS", help_heading = "Devices")]
    pub(crate) devices_https: Option<String>,

    /// Where devices send by MQTT with TLS, and show their certificates
    #[arg(long, value_name = "ADDRESS", env = "LONGLEAD_DEVICES_MQTTS", help_heading = "Devices")]
    pub(crate) devices_mqtts: Option<String>,

    /// The certificate chain that devices are shown, as PEM; without one the devices' own authority
    /// makes it
    #[arg(
        long,
        value_name = "FILE",
        env = "LONGLEAD_DEVICES_CERTIFICATE",
        help_heading = "Devices"
    )]
    pub(crate) devices_certificate: Option<PathBuf>,

    /// That certificate's key, as PEM
    #[arg(long, value_name = "FILE", env = "LONGLEAD_DEVICES_KEY", help_heading = "Devices")]
    pub(crate) devices_key: Option<PathBuf>,

    /// A name or address by which devices reach the server, for a certificate that the authority
    /// makes; may be repeated [default: those of this machine alone]
    #[arg(long, value_name = "NAME", help_heading = "Devices")]
    pub(crate) devices_name: Vec<String>,

    /// Certificates of authorities, as PEM, whose certificates devices leave the factory with: they
    /// enrol by them
    #[arg(long, value_name = "FILE", env = "LONGLEAD_DEVICES_FACTORIES", help_heading = "Devices")]
    pub(crate) devices_factories: Option<PathBuf>,

    /// The folder of the devices' authority [default: `identity` in the lake's folder]
    #[arg(
        long,
        value_name = "FOLDER",
        env = "LONGLEAD_DEVICES_AUTHORITY",
        help_heading = "Devices"
    )]
    pub(crate) devices_authority: Option<PathBuf>,

    /// The certificate chain, as PEM: TLS is on with it
    #[arg(long, value_name = "FILE", env = "LONGLEAD_TLS_CERTIFICATE", help_heading = "Server")]
    pub(crate) tls_certificate: Option<PathBuf>,

    /// The certificate's key, as PEM
    #[arg(long, value_name = "FILE", env = "LONGLEAD_TLS_KEY", help_heading = "Server")]
    pub(crate) tls_key: Option<PathBuf>,

    /// The address under which people reach the server, if a proxy stands in front of it: links
    /// that it hands out begin with it, and with https:// its cookies are secure
    #[arg(long, value_name = "URL", env = "LONGLEAD_PUBLIC_URL", help_heading = "Server")]
    pub(crate) public_url: Option<String>,

    /// Read clients' addresses from X-Forwarded-For, as the proxy in front sets it
    #[arg(long, env = "LONGLEAD_BEHIND_PROXY", help_heading = "Server")]
    pub(crate) behind_proxy: bool,

    /// Connections that may be open at once; one more is closed [default: 800]
    #[arg(long, value_name = "COUNT", env = "LONGLEAD_CONNECTIONS_MAX", help_heading = "Server")]
    pub(crate) connections_max: Option<usize>,

    /// Requests per second that one reader may make on average [default: 50]
    #[arg(
        long,
        value_name = "COUNT",
        env = "LONGLEAD_REQUESTS_PER_SECOND",
        help_heading = "Server"
    )]
    pub(crate) requests_per_second: Option<u32>,

    /// What is logged: a level, or a list such as `warn,longlead_web=debug` [default: info]
    #[arg(long, value_name = "FILTER", env = "LONGLEAD_LOG", help_heading = "Server")]
    pub(crate) log: Option<String>,

    /// How log lines look [default: text]
    #[arg(long, value_name = "FORMAT", env = "LONGLEAD_LOG_FORMAT", help_heading = "Server")]
    pub(crate) log_format: Option<LogFormat>,
}

/// Which database a command is about.
#[derive(Args, Clone, Debug)]
pub(crate) struct DatabaseArguments {
    /// The database: `sqlite:FILE` or `postgres://…`
    #[arg(long, value_name = "URL", env = "LONGLEAD_DATABASE", hide_env_values = true)]
    pub(crate) database: String,
}

#[derive(Args, Debug)]
pub(crate) struct BackupArguments {
    /// The file to write
    pub(crate) file: PathBuf,

    /// The database: `sqlite:FILE` or `postgres://…`
    #[arg(
        long,
        value_name = "URL",
        env = "LONGLEAD_DATABASE",
        hide_env_values = true,
        required_unless_present = "from"
    )]
    pub(crate) database: Option<String>,

    /// A running server to take it from, such as `https://plan.example`; it goes on meanwhile
    #[arg(long, value_name = "URL", requires = "token")]
    pub(crate) from: Option<String>,

    /// An owner's API token with the scope `admin`, for --from
    #[arg(long, value_name = "TOKEN", env = "LONGLEAD_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,

    /// Overwrite what is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArguments {
    /// The backup to read
    pub(crate) file: PathBuf,

    #[command(flatten)]
    pub(crate) of: DatabaseArguments,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    pub(crate) of: DatabaseArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserArguments {
    /// Invite a user: prints the link with which they set a password
    Add(UserAddArguments),
    /// Who can sign in
    List(UserListArguments),
    /// Print a link with which a user sets a new password
    Reset(UserResetArguments),
}

#[derive(Args, Debug)]
pub(crate) struct UserAddArguments {
    /// Their e-mail address
    pub(crate) email: String,

    /// Their name [default: the address]
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// What they are to the product, which says what they may do
    #[arg(long, value_parser = role, default_value = "viewer")]
    pub(crate) role: Role,

    /// Where they belong [default: the organisation whose product it is]; the first one is made
    #[arg(long, value_name = "NAME")]
    pub(crate) organisation: Option<String>,

    #[command(flatten)]
    pub(crate) of: DatabaseArguments,

    #[command(flatten)]
    pub(crate) link: LinkArguments,
}

#[derive(Args, Debug)]
pub(crate) struct UserListArguments {
    #[command(flatten)]
    pub(crate) of: DatabaseArguments,
}

#[derive(Args, Debug)]
pub(crate) struct UserResetArguments {
    /// Their e-mail address
    pub(crate) email: String,

    /// Let them sign in again if they were disabled
    #[arg(long)]
    pub(crate) enable: bool,

    #[command(flatten)]
    pub(crate) of: DatabaseArguments,

    #[command(flatten)]
    pub(crate) link: LinkArguments,
}

/// Where a printed link leads.
#[derive(Args, Debug)]
pub(crate) struct LinkArguments {
    /// The address at which people reach the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7420")]
    pub(crate) address: String,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArguments {
    /// The shell
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct SchemaArguments {
    /// A kind of record, such as `feature` or `bom_line` [default: a whole file of a bundle]
    #[arg(value_parser = kind)]
    pub(crate) kind: Option<Kind>,
}

/// Reads 0.8, 80, "80%" and "80 %". Up to one it is a share, above one it is per cent.
fn share(text: &str) -> Result<f64, String> {
    let (number, is_percent) = match text.trim().strip_suffix('%') {
        Some(number) => (number.trim_end(), true),
        None => (text.trim(), false),
    };
    let refused = || "write a share such as 0.8, 80 or \"80 %\"".to_owned();
    let number: f64 = number.parse().map_err(|_| refused())?;
    let share = if is_percent || number > 1.0 { number / 100.0 } else { number };
    if (0.0..=1.0).contains(&share) && share > 0.0 { Ok(share) } else { Err(refused()) }
}

/// Reads an instant, or a day as its last instant in UTC.
fn instant(text: &str) -> Result<Timestamp, String> {
    let refused =
        |_| "write a day such as 2026-08-01, or an instant such as 2026-08-01T12:00:00Z".to_owned();
    // A time without an offset reads as a day too, and would lose its hour.
    let is_day = !text.contains([':', 'T', 't', ' ']);
    let Some(day) = text.parse::<Date>().ok().filter(|_| is_day) else {
        return text.parse().map_err(refused);
    };
    let midnight = day.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC));
    let last = midnight.and_then(|midnight| midnight.checked_sub(Span::new().microseconds(1)));
    last.map(|last| last.timestamp()).map_err(refused)
}

fn role(text: &str) -> Result<Role, String> {
    text.parse().map_err(|_| {
        let roles: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("the roles are {}", roles.join(", "))
    })
}

fn activity_id(text: &str) -> Result<ActivityId, String> {
    ActivityId::try_from(text).map_err(|error| error.to_string())
}

fn kind(text: &str) -> Result<Kind, String> {
    Kind::named(text).ok_or_else(|| {
        let kinds: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("the kinds are {}", kinds.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_share_can_be_written_in_four_ways() {
        for text in ["0.8", "80", "80%", " 80 % "] {
            assert_eq!(share(text), Ok(0.8), "{text}");
        }
        for text in ["0", "101", "-1", "x", "", "%", "NaN", "inf"] {
            assert!(share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_lasts_until_its_end() {
        for (text, expected) in [
            ("2026-08-01", "2026-08-01T23:59:59.999999Z"),
            ("2026-08-01T12:00:00Z", "2026-08-01T12:00:00Z"),
            ("2026-08-01T12:00:00+02:00", "2026-08-01T10:00:00Z"),
        ] {
            assert_eq!(instant(text), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in ["", "soon", "2026-13-01", "2026-08-01T12:00:00", "2026-08-01 12:00"] {
            assert!(instant(text).is_err(), "{text}");
        }
    }
}
