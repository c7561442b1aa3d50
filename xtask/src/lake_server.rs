//! `longlead serve` with a lake and both doors of devices: started, asked, killed and started again.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use longlead_records::people::{By, NewUser, OrganisationKind, Role, Scope};
use longlead_records::{Actor, Journal};

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);

/// The token of the system that sends.
pub(crate) const DEVICES_TOKEN: &str = "devices-of-the-test";

/// What a server works on, and how it is started. It outlives the servers.
#[derive(Debug)]
pub(crate) struct House {
    binary: PathBuf,
    database: PathBuf,
    pub(crate) lake: PathBuf,
    /// Where the server's log goes.
    pub(crate) log: PathBuf,
    /// The token with which SQL is asked.
    pub(crate) token: String,
    pub(crate) flags: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
}

/// Where a server listens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doors {
    /// The web application: `http://127.0.0.1:1`.
    pub(crate) web: String,
    /// The door for HTTP: `http://127.0.0.1:2`.
    pub(crate) http: String,
    /// The door for MQTT: `127.0.0.1:3`.
    pub(crate) mqtt: String,
}

/// A server that is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct LakeServer {
    child: Child,
    pub(crate) doors: Doors,
    /// How long it took until it answered.
    pub(crate) opened_in: Duration,
    lines: Receiver<String>,
    begun: Instant,
}

impl House {
    /// Makes a database with contracts and one who may ask. The lake is to be in `lake`.
    pub(crate) fn build(
        binary: &Path,
        folder: &Path,
        lake: PathBuf,
        contracts: &str,
    ) -> Result<House> {
        let bundle = folder.join("bundle");
        std::fs::create_dir_all(&bundle)?;
        std::fs::write(bundle.join("streams.toml"), contracts)?;
        let database = folder.join("longlead.db");
        let url = format!("sqlite:{}", database.display());
        let output =
            Command::new(binary).arg("import").arg(&bundle).args(["--database", &url]).output()?;
        ensure!(
            output.status.success(),
            "the contracts can't be imported: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let runtime = tokio::runtime::Runtime::new()?;
        let token = runtime.block_on(token(&url))?;
        Ok(House {
            binary: binary.to_owned(),
            database,
            lake,
            log: folder.join("server.log"),
            token,
            flags: Vec::new(),
            environment: Vec::new(),
        })
    }

    /// Starts a server and doesn't wait.
    pub(crate) fn begin(&self) -> Result<LakeServer> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--devices-http", "127.0.0.1:0"]);
        command.args(["--devices-mqtt", "127.0.0.1:0", "--requests-per-second", "100000"]);
        command.args(["--devices-token", DEVICES_TOKEN, "--database"]);
        command.arg(format!("sqlite:{}", self.database.display()));
        command.arg("--lake").arg(&self.lake).args(&self.flags);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().context("the server doesn't start")?;
        let out = child.stdout.take().context("the server has no output")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let (doors, begun) = (Doors::default(), Instant::now());
        Ok(LakeServer { child, doors, opened_in: Duration::ZERO, lines, begun })
    }

    /// Starts a server and waits until it answers.
    pub(crate) fn start(&self) -> Result<LakeServer> {
        let mut server = self.begin()?;
        server.wait().with_context(|| {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(12).collect();
            lines.into_iter().rev().collect::<Vec<_>>().join("\n")
        })?;
        Ok(server)
    }

    /// Asks in SQL, as a program does, and gives the rows of the CSV without its heading.
    pub(crate) async fn ask(&self, doors: &Doors, sql: &str) -> Result<Vec<String>> {
        self.ask_by(&reqwest::Client::builder().timeout(PATIENCE).build()?, doors, sql).await
    }

    /// The same by a client that is there already, as a program has that asks often.
    pub(crate) async fn ask_by(
        &self,
        client: &reqwest::Client,
        doors: &Doors,
        sql: &str,
    ) -> Result<Vec<String>> {
        let mut url = reqwest::Url::parse(&format!("{}/sql/csv", doors.web))?;
        url.query_pairs_mut().append_pair("q", sql);
        let answer = client.get(url).bearer_auth(&self.token).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "`{sql}`: {status} {text}");
        Ok(text.lines().skip(1).map(str::to_owned).collect())
    }
}

/// A token of someone who may read what devices sent.
async fn token(url: &str) -> Result<String> {
    let journal = Journal::open(url).await?;
    let people = journal.people();
    let by = By { who: Actor::System, at: Timestamp::now(), client: String::new() };
    let own = people.create_organisation("Own", OrganisationKind::Own, &by).await?;
    let new = NewUser {
        email: "test@longlead.example".to_owned(),
        name: "Test".to_owned(),
        role: Role::Owner,
        organisation: own.id,
        discipline: None,
    };
    let (user, link) = people.create_user(&new, &by).await?;
    // Nobody may do anything before they have set a password.
    people.set_password_once(link.expose(), link.expose(), by.at, "").await?;
    let scopes = [Scope::ReadRecords, Scope::ReadFleet];
    let (_, secret) = people.create_token(user.id, "Test", &scopes, None, &by).await?;
    let token = secret.expose().to_owned();
    journal.close().await;
    Ok(token)
}

impl LakeServer {
    /// Waits until it answers.
    pub(crate) fn wait(&mut self) -> Result<()> {
        while self.doors.web.is_empty() || self.doors.http.is_empty() || self.doors.mqtt.is_empty()
        {
            match self.lines.recv_timeout(Duration::from_millis(50)) {
                Ok(line) => self.doors.learn(&line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait()?;
                    bail!("the server stopped with {status}");
                }
            }
            if self.begun.elapsed() > PATIENCE {
                bail!("the server didn't answer within {} s", PATIENCE.as_secs());
            }
        }
        self.opened_in = self.begun.elapsed();
        Ok(())
    }

    /// Stops it at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("the server can't be killed")?;
        self.child.wait().context("the server doesn't end")?;
        Ok(())
    }

    /// Lets it end by itself.
    pub(crate) fn stop(&mut self) -> Result<()> {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &id]).status()?;
        ensure!(status.success(), "the server can't be told to stop");
        self.child.wait().context("the server doesn't end")?;
        Ok(())
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The most memory, in KiB, that it has had at once.
    pub(crate) fn peak_kib(&self) -> u64 {
        self.status("VmHWM:")
    }

    /// The memory, in KiB, that it has now.
    pub(crate) fn resident_kib(&self) -> u64 {
        self.status("VmRSS:")
    }

    fn status(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }
}

impl Doors {
    /// Takes the addresses from what a server prints at its start.
    fn learn(&mut self, line: &str) {
        let after = |mark: &str| {
            let (_, rest) = line.split_once(mark)?;
            let end = rest.find([' ', '/']).unwrap_or(rest.len());
            rest.get(..end).map(str::to_owned)
        };
        if line.starts_with("Longlead serves") {
            self.web = after(" at http://").map(|it| format!("http://{it}")).unwrap_or_default();
        } else if line.contains("/ingest/v1/") && self.http.is_empty() {
            self.http = after("http://").map(|it| format!("http://{it}")).unwrap_or_default();
        } else if line.contains("mqtt://") {
            self.mqtt = after("mqtt://").unwrap_or_default();
        }
    }
}

impl Drop for LakeServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::Doors;

    #[test]
    fn addresses_are_read_from_what_the_server_prints() {
        let mut doors = Doors::default();
        for line in [
            "Longlead serves sqlite:/tmp/x.db at http://127.0.0.1:41000",
            "Devices send by HTTP to http://127.0.0.1:41001/ingest/v1/STREAM (unencrypted).",
            "Devices send by MQTT to mqtt://127.0.0.1:41002 (unencrypted).",
        ] {
            doors.learn(line);
        }
        let expected = ["http://127.0.0.1:41000", "http://127.0.0.1:41001", "127.0.0.1:41002"];
        assert_eq!([doors.web, doors.http, doors.mqtt], expected);
    }
}
