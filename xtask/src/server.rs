//! A Longlead of one's own to ask: the built binary over the sample, on a port that the system
//! chooses, and PostgreSQL thrown away afterwards.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that stops when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) accounts: Accounts,
}

/// Where it is, and who may ask.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Accounts {
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) accounts: Vec<Account>,
}

/// Someone who can sign in.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) password: String,
}

/// The binary that was built last beside this one.
pub(crate) fn binary() -> Result<PathBuf> {
    let own = std::env::current_exe().context("this program doesn't know where it is")?;
    let binary = own.with_file_name("longlead");
    if !binary.exists() {
        bail!("{} isn't there: run `cargo build -p longlead` first", binary.display());
    }
    Ok(binary)
}

impl Server {
    /// Starts the demo over a database, with further flags, and waits until it answers.
    pub(crate) fn start(database: &str, folder: &Path, flags: &[&str]) -> Result<Server> {
        let accounts = folder.join("accounts.json");
        let _ = std::fs::remove_file(&accounts);
        let mut command = Command::new(binary()?);
        command.args(["demo", "--listen", "127.0.0.1:0", "--database", database]).args(flags);
        command.arg("--accounts");
        let log = std::fs::File::create(folder.join("server.log"))?;
        command.arg(&accounts).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().context("the server doesn't start")?;
        let unknown =
            Accounts { address: String::new(), token: String::new(), accounts: Vec::new() };
        let mut server = Server { child, accounts: unknown };
        let started = Instant::now();
        loop {
            let written = std::fs::read_to_string(&accounts).ok();
            if let Some(accounts) = written.and_then(|text| serde_json::from_str(&text).ok()) {
                server.accounts = accounts;
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait()? {
                let log = std::fs::read_to_string(folder.join("server.log")).unwrap_or_default();
                bail!("the server stopped with {status}: {log}");
            }
            if started.elapsed() > PATIENCE {
                bail!("the server didn't answer within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("the server can't be killed")?;
        self.child.wait().context("the server doesn't end")?;
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A PostgreSQL cluster that is gone when it is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    child: Child,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts a cluster of the machine's newest PostgreSQL.
    pub(crate) fn start() -> Result<Cluster> {
        let programs = programs()?;
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("data");
        let is_root = std::env::var("USER").is_ok_and(|user| user == "root") || is_root();
        if is_root {
            // PostgreSQL refuses to run as root.
            let status = Command::new("chown").arg("postgres").arg(folder.path()).status()?;
            if !status.success() {
                bail!("no user `postgres` to run PostgreSQL as: apt-get install postgresql");
            }
        }
        let mut initdb = as_user(is_root, &programs.join("initdb"));
        let arguments = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D"];
        let made = initdb.args(arguments).arg(&data).current_dir("/").output()?;
        if !made.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&made.stderr));
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        drop(listener);
        let mut server = as_user(is_root, &programs.join("postgres"));
        server.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"]);
        server.arg(folder.path()).current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        let child = server.spawn()?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let cluster = Cluster { child, url, _folder: folder };
        cluster.wait(port)?;
        Ok(cluster)
    }

    fn wait(&self, port: u16) -> Result<()> {
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if started.elapsed() > PATIENCE {
                bail!("PostgreSQL didn't answer within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        // It listens a moment before it takes connections.
        std::thread::sleep(Duration::from_millis(500));
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // SIGINT is PostgreSQL's fast shutdown; the data is thrown away in any case.
        let id = self.child.id().to_string();
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| String::from_utf8_lossy(&id.stdout).trim() == "0")
}

fn as_user(is_root: bool, program: &Path) -> Command {
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
    command
}

fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").map(|it| it.flatten().collect());
    let mut found: Vec<PathBuf> = versions
        .unwrap_or_else(|_| Vec::new())
        .into_iter()
        .map(|version| version.path().join("bin"))
        .filter(|folder| folder.join("initdb").exists())
        .collect();
    found.sort();
    found.pop().context("there is no PostgreSQL: apt-get install postgresql")
}
