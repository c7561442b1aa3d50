//! A PostgreSQL cluster that is thrown away, one for all stories of a run.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use tokio::sync::OnceCell;

struct Cluster {
    port: u16,
    databases: AtomicUsize,
    /// Holds the end of a pipe. When this process ends, in whichever way, the pipe closes, and
    /// the shell that waits at its other end stops the server and removes its folder.
    _supervisor: Child,
}

static CLUSTER: OnceCell<Option<Cluster>> = OnceCell::const_new();

/// The URL of a new database; none where PostgreSQL isn't installed.
pub(super) async fn database() -> Option<String> {
    let cluster = CLUSTER.get_or_init(async || start()).await.as_ref()?;
    let name = format!("story_{}", cluster.databases.fetch_add(1, Ordering::Relaxed));
    let server = format!("postgres://postgres@127.0.0.1:{}", cluster.port);
    let started = Instant::now();
    let mut connection = loop {
        // The port may answer before the server is ready.
        match sqlx::PgConnection::connect(&format!("{server}/postgres")).await {
            Ok(connection) => break connection,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(30), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let sql = format!("CREATE DATABASE {name}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    Some(format!("{server}/{name}"))
}

fn start() -> Option<Cluster> {
    let Some(programs) = programs() else {
        let told = "the stories on PostgreSQL: install it with `apt-get install postgresql`";
        let requires_all = std::env::var("LONGLEAD_REQUIRE").is_ok_and(|what| what == "all");
        assert!(!requires_all, "can't tell {told}");
        eprintln!("left out {told}");
        return None;
    };
    let folder = tempfile::tempdir().unwrap().keep();
    let (data, user) = (folder.join("data"), unprivileged(&folder));
    let mut initdb = as_user(user.as_deref(), &programs.join("initdb"));
    let arguments =
        ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D"];
    let output = initdb.args(arguments).arg(&data).current_dir(&folder).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut server = as_user(user.as_deref(), &programs.join("postgres"));
    server.arg("-D").arg(&data).arg("-k").arg(&folder).args(["-h", "127.0.0.1"]);
    server.args(["-p", &port.to_string(), "-c", "max_connections=200"]);
    let supervisor = supervised(&server, &folder);
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed() < Duration::from_secs(60), "PostgreSQL doesn't answer");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(Cluster { port, databases: AtomicUsize::new(0), _supervisor: supervisor })
}

/// Runs the server until the pipe to its supervisor closes.
fn supervised(server: &Command, folder: &Path) -> Child {
    let script = r#"
        folder=$1; shift
        "$@" > "$folder/log" 2>&1 < /dev/null & server=$!
        read -r _
        kill -INT "$server"; wait "$server"
        rm -rf "$folder"
    "#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(folder);
    shell.arg(server.get_program()).args(server.get_args());
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).current_dir(folder);
    shell.spawn().unwrap()
}

/// PostgreSQL refuses to run as root: the user to run it as, who then owns the folder.
fn unprivileged(folder: &Path) -> Option<String> {
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let user = ["postgres", "nobody"].into_iter().find(|user| id(&["-u", user]).is_some()).unwrap();
    chown(folder, id(&["-u", user]), id(&["-g", user])).unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    Some(user.to_owned())
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().ok()
}

fn as_user(user: Option<&str>, program: &Path) -> Command {
    let Some(user) = user else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={user}"), format!("--regid={}", id(&["-g", user]).unwrap())]);
    command.args(["--clear-groups", "--"]).arg(program);
    command
}

/// The folder of PostgreSQL's programs: the newest of Debian's, or one on the path.
fn programs() -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten() {
        let version = entry.file_name().to_string_lossy().parse().unwrap_or(0);
        found.push((version, entry.path().join("bin")));
    }
    found.sort();
    let debian = found.into_iter().rev().map(|(_, folder)| folder);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let has_all = |folder: &PathBuf| ["initdb", "postgres"].iter().all(|p| folder.join(p).exists());
    debian.chain(path).find(has_all)
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
