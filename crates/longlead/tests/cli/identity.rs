//! A device as its maker would build it, of openssl, curl and mosquitto: it enrols, speaks, is told
//! what to do, and is revoked.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use longlead_records::people::{By, FirstOwner, Scope};
use longlead_records::{Actor, Journal};

use crate::longlead;

/// How long what happens within seconds may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server with the doors of devices, which is stopped when the test ends.
struct Server {
    child: Child,
    base: String,
    https: String,
    mqtts: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    fn start(folder: &Path, url: &str) -> Server {
        let lake = folder.join("lake").display().to_string();
        let mut arguments = vec!["serve", "--database", url, "--lake", &lake];
        for door in ["--listen", "--devices-http", "--devices-mqtt"] {
            arguments.extend([door, "127.0.0.1:0"]);
        }
        for door in ["--devices-https", "--devices-mqtts"] {
            arguments.extend([door, "127.0.0.1:0"]);
        }
        let mut child =
            longlead(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let [mut base, mut https, mut mqtts] = [const { String::new() }; 3];
        for line in lines.map_while(Result::ok) {
            let word = |start: &str| line.split(' ').find(|it| it.starts_with(start));
            if line.starts_with("Longlead serves") {
                base = word("http://").unwrap().to_owned();
            } else if let Some(door) = word("https://") {
                https = door.trim_end_matches("/ingest/v1/STREAM").to_owned();
            } else if let Some(door) = word("mqtts://") {
                mqtts = door.rsplit(':').next().unwrap().to_owned();
            } else if line.starts_with("They trust") {
                break;
            }
        }
        Server { child, base, https, mqtts }
    }
}

/// A token of an owner, who may change devices.
fn token(url: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let journal = Journal::open(url).await.unwrap();
        let (people, at) = (journal.people(), Timestamp::now());
        let link = people.first_owner(at).await.unwrap().unwrap();
        let owner = FirstOwner {
            email: "me@doorbell.example".to_owned(),
            name: "Me".to_owned(),
            organisation: "Doorbell".to_owned(),
        };
        let password = "correct horse battery";
        let owner = people.accept_first_owner(link.expose(), &owner, password, at, "").await;
        let by = By { who: Actor::System, at, client: String::new() };
        let scopes = [Scope::ReadFleet, Scope::EditFleet];
        let owner = owner.unwrap().id;
        let (_, token) = people.create_token(owner, "Line", &scopes, None, &by).await.unwrap();
        journal.close().await;
        token.expose().to_owned()
    })
}

/// Whether the programs run, or a note that the test is left out.
#[expect(clippy::print_stderr, reason = "what was left out must be said")]
fn are_there(programs: &[(&str, &str)]) -> bool {
    let missing = programs.iter().find(|(program, argument)| {
        let mut command = Command::new(program);
        command.arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_err()
    });
    let Some((program, _)) = missing else { return true };
    let is_required = std::env::var("LONGLEAD_REQUIRE").as_deref() == Ok("all");
    assert!(!is_required, "{program} is required");
    eprintln!("left out: {program} isn't installed");
    false
}

/// Runs a program in a folder: whether it ended well, and what it said.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new("timeout");
    let output =
        command.args(["60", program]).args(arguments).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn a_device_enrols_speaks_is_told_what_to_do_and_is_revoked() {
    let programs = [("openssl", "version"), ("curl", "--version"), ("mosquitto_pub", "--help")];
    if !are_there(&programs) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (folder, url) = (folder.path(), format!("sqlite:{}/l.db", folder.path().display()));
    let authorisation = format!("Authorization: Bearer {}", token(&url));
    let server = Server::start(folder, &url);
    let ask = |path: &str, body: &str| {
        let address = format!("{}/api/v1/devices{path}", server.base);
        let (_, answer) =
            run(folder, "curl", &["-s", "-H", &authorisation, "--json", body, &address]);
        let answer: serde_json::Value = serde_json::from_str(&answer).expect(&answer);
        answer
    };
    let ca = folder.join("lake/identity/device-ca.pem").display().to_string();
    let devices = r#"{"changes":[{"serial":"CT-000001","facts":{}}]}"#;
    assert_eq!(ask("", devices)["added"], 1);
    let claim = ask("/CT-000001/claims", "{}")["token"].as_str().unwrap().to_owned();

    let key = ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let files = ["-subj", "/CN=CT-000001", "-keyout", "device.key", "-out", "device.csr"];
    assert!(run(folder, "openssl", &[&key[..], &files].concat()).0);
    let bearer = format!("Authorization: Bearer {claim}");
    let enrol = format!("{}/enrol", server.https);
    let asked =
        ["-sf", "--cacert", &ca, "--data-binary", "@device.csr", &enrol, "-o", "device.pem"];
    // The doors know a new device within seconds.
    let since = Instant::now();
    while !run(folder, "curl", &[&asked[..], &["-H", &bearer]].concat()).0 {
        assert!(since.elapsed() < PATIENCE, "it enrols");
        sleep(Duration::from_millis(200));
    }

    let shown = ["--cacert", &ca, "--cert", "device.pem", "--key", "device.key"];
    let ingest = format!("{}/ingest/v1/climate", server.https);
    let reading = ["-s", "--json", r#"{"boot":3,"sequence":1,"temperature":4.5}"#, &ingest];
    let speak = || run(folder, "curl", &[&reading[..], &shown].concat()).1;
    // There is no contract of that stream.
    assert!(speak().contains("\"quarantined\":1"), "{}", speak());
    let name = ["--cafile", &ca, "--cert", "device.pem", "--key", "device.key", "-h", "localhost"];
    let mosquitto = |program: &str, arguments: &[&str]| {
        let version = ["-p", &server.mqtts, "-V", "mqttv5", "-q", "1", "-i", "CT-000001"];
        run(folder, program, &[&name[..], &version, arguments].concat())
    };
    let (is_sent, said) =
        mosquitto("mosquitto_pub", &["-t", "t/CT-000001/climate", "-m", r#"{"sequence":2}"#]);
    assert!(is_sent && said.is_empty(), "{said}");
    let (_, said) = mosquitto("mosquitto_pub", &["-t", "t/CT-000002/climate", "-m", "{}"]);
    assert!(said.contains("Not authorized"), "it speaks for itself only: {said}");

    let command = r#"{"name":"reboot","payload":{"after":5}}"#;
    assert_eq!(ask("/CT-000001/commands", command)["state"], "queued");
    let sleeper = ["-c", "-x", "600", "-t", "c/CT-000001/#", "-C", "1", "-W", "50", "-v"];
    let (_, said) = mosquitto("mosquitto_sub", &sleeper);
    assert_eq!(said, "c/CT-000001/reboot {\"after\":5}\n");
    let commands = format!("{}/api/v1/devices/CT-000001/commands", server.base);
    let since = Instant::now();
    loop {
        let (_, told) = run(folder, "curl", &["-s", "-H", &authorisation, &commands]);
        if told.contains("\"state\":\"delivered\"") {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "{told}");
        sleep(Duration::from_millis(200));
    }

    let revoked = ask("/CT-000001/revoke", r#"{"why":"It was stolen"}"#);
    assert_eq!(revoked["certificates"][0]["good"], false);
    let since = Instant::now();
    while !speak().contains("\"status\":401") {
        assert!(since.elapsed() < PATIENCE, "it is heard no more");
        sleep(Duration::from_millis(200));
    }
    let (is_sent, said) = mosquitto("mosquitto_pub", &["-t", "t/CT-000001/climate", "-m", "{}"]);
    assert!(!is_sent && said.contains("Not authorized"), "{said}");
    let (_, said) = run(folder, "curl", &[&asked[..], &shown[2..]].concat());
    assert!(said.is_empty(), "what was revoked isn't rotated: {said}");
}
