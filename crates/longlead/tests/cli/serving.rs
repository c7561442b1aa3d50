//! The server as operators meet it: TLS, connections that ask nothing, stopping, and backups taken
//! while it goes on.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use longlead_records::people::{By, FirstOwner, Scope};
use longlead_records::{Actor, Journal};

use crate::{code, longlead, printed, run, stderr, stdout};

/// A server that is stopped when the test ends.
struct Server {
    child: Child,
    /// Where it is: `https://127.0.0.1:…`.
    base: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(url: &str, arguments: &[&str]) -> Server {
        let serve = ["serve", "--database", url, "--listen", "127.0.0.1:0"];
        let mut command = longlead(&[&serve, arguments].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut server = Server { child, base: String::new() };
        let first = lines.next().expect("the server says where it is").unwrap();
        server.base = first.rsplit(' ').next().unwrap().to_owned();
        server
    }

    fn connect(&self) -> TcpStream {
        let (_, address) = self.base.split_once("://").unwrap();
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }
}

fn url(folder: &Path, name: &str) -> String {
    format!("sqlite:{}", folder.join(name).display())
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A database with an owner, and a token of theirs.
pub(crate) fn with_token(url: &str, scopes: &[Scope]) -> String {
    runtime().block_on(async {
        let journal = Journal::open(url).await.unwrap();
        let people = journal.people();
        let link = people.first_owner(Timestamp::now()).await.unwrap().unwrap();
        let owner = FirstOwner {
            email: "me@doorbell.example".to_owned(),
            name: "Me".to_owned(),
            organisation: "Doorbell".to_owned(),
        };
        let (secret, password) = (link.expose(), "correct horse battery");
        let at = Timestamp::now();
        let owner = people.accept_first_owner(secret, &owner, password, at, "").await.unwrap();
        let by = By { who: Actor::System, at, client: String::new() };
        let (_, token) = people.create_token(owner.id, "Nightly", scopes, None, &by).await.unwrap();
        journal.close().await;
        token.expose().to_owned()
    })
}

#[test]
fn a_server_with_a_certificate_speaks_tls_and_is_backed_up_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = folder.path().join("chain.pem").to_string_lossy().into_owned();
    let key = folder.path().join("key.pem").to_string_lossy().into_owned();
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let url = url(folder.path(), "longlead.db");
    printed(&["import", "doorbell", "--database", &url]);
    let token = with_token(&url, &[Scope::Admin]);
    let server = Server::start(&url, &["--tls-certificate", &certificate, "--tls-key", &key]);
    assert!(server.base.starts_with("https://127.0.0.1:"), "{}", server.base);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([root]).build().unwrap();
    let answer = runtime()
        .block_on(async { client.get(format!("{}/healthz", server.base)).send().await.unwrap() });
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("strict-transport-security"));

    let file = folder.path().join("backup").to_string_lossy().into_owned();
    let backup = ["backup", &file, "--from", &server.base];
    // Programs trust what the machine trusts; this variable says what that is.
    let output = longlead(&backup)
        .env("SSL_CERT_FILE", &certificate)
        .env("LONGLEAD_TOKEN", &token)
        .output()
        .unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stdout(&output).contains("1 change set."), "{}", stdout(&output));
    let restored = self::url(folder.path(), "restored.db");
    printed(&["restore", &file, "--database", &restored]);
    let wrong = longlead(&backup)
        .env("SSL_CERT_FILE", &certificate)
        .env("LONGLEAD_TOKEN", "longlead_wrong")
        .output()
        .unwrap();
    assert_eq!(code(&wrong), 3, "{}", stderr(&wrong));
    assert!(stderr(&wrong).contains("gave no backup: Sign in first (401)"), "{}", stderr(&wrong));
}

#[test]
fn a_server_that_has_no_certificate_greets_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("no.pem").to_string_lossy().into_owned();
    fs::write(&file, "no certificate").unwrap();
    let url = url(folder.path(), "longlead.db");
    let at = ["serve", "--database", &url, "--listen", "127.0.0.1:0"];
    let output = run(&[&at[..], &["--tls-certificate", &file, "--tls-key", &file]].concat());
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("are no certificate and key"), "{}", stderr(&output));
    assert_eq!(stdout(&output), "", "no link was handed out");
}

#[test]
fn links_of_a_server_behind_a_proxy_lead_to_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(folder.path(), "longlead.db");
    let server = Server::start(&url, &["--public-url", "https://plan.example"]);
    assert_eq!(server.base, "https://plan.example");
}

#[test]
fn connections_too_many_are_closed_and_those_that_leave_make_room() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(folder.path(), "longlead.db");
    let server = Server::start(&url, &["--connections-max", "2"]);
    let ask = |stream: &mut TcpStream| {
        let request = "GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        let mut told = String::new();
        // A connection that was closed may refuse to be written to.
        let _ = stream.write_all(request.as_bytes());
        let _ = stream.read_to_string(&mut told);
        told
    };
    let (first, mut second) = (server.connect(), server.connect());
    assert!(ask(&mut second).starts_with("HTTP/1.1 200"), "the second is served");
    drop(second);
    // The place is free once the server has seen that the other end is gone.
    let again = || {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let told = ask(&mut server.connect());
            if !told.is_empty() || Instant::now() > until {
                return told;
            }
        }
    };
    assert!(again().starts_with("HTTP/1.1 200"));
    // Connections that say nothing take both places, the second once it is free again.
    let mut idle = vec![first];
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        idle.push(server.connect());
        let told = ask(&mut server.connect());
        if told.is_empty() {
            break;
        }
        assert!(Instant::now() < until, "a third is served: {told}");
    }
    drop(idle);
    assert!(again().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_stream_of_events_does_not_keep_the_server_from_stopping() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(folder.path(), "longlead.db");
    let token = with_token(&url, &[Scope::ReadInsights]);
    let mut server = Server::start(&url, &[]);
    let mut stream = server.connect();
    let request =
        format!("GET /events HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let told = Instant::now();
    let id = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let status = server.child.wait().unwrap();
    assert!(status.success(), "{status}");
    // It would wait for ten seconds for a request that is still being answered.
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
}

#[test]
fn the_demo_stays_out_of_a_database_that_is_not_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(folder.path(), "longlead.db");
    printed(&["import", "doorbell", "--database", &url]);
    let output = run(&["demo", "--database", &url, "--listen", "127.0.0.1:0"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
    assert!(stderr(&output).contains("something else than the demo"), "{}", stderr(&output));
    assert!(!printed(&["user", "list", "--database", &url]).contains("coldtrack"));
}
