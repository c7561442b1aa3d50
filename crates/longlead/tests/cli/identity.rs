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

/// Whoever makes devices and looks after them.
struct Maker<'m> {
    folder: &'m Path,
    server: &'m Server,
    authorisation: String,
    /// The certificate that devices trust.
    ca: String,
}

impl<'m> Maker<'m> {
    fn new(folder: &'m Path, server: &'m Server, token: &str) -> Maker<'m> {
        let ca = folder.join("lake/identity/device-ca.pem").display().to_string();
        Maker { folder, server, authorisation: format!("Authorization: Bearer {token}"), ca }
    }

    /// Posts to the API of devices.
    fn ask(&self, path: &str, body: &str) -> serde_json::Value {
        let address = format!("{}/api/v1/devices{path}", self.server.base);
        let arguments = ["-s", "-H", &self.authorisation, "--json", body, &address];
        let (_, answer) = run(self.folder, "curl", &arguments);
        serde_json::from_str(&answer).expect(&answer)
    }

    /// Lets a device that is in the registry get its certificate.
    fn enrol(&self, serial: &str) {
        let claim = self.ask(&format!("/{serial}/claims"), "{}");
        let bearer = format!("Authorization: Bearer {}", claim["token"].as_str().unwrap());
        let [name, key, csr, pem] = [
            format!("/CN={serial}"),
            file(serial, "key"),
            file(serial, "csr"),
            file(serial, "pem"),
        ];
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
        let files = ["req", "-new", "-subj", &name, "-keyout", &key, "-out", &csr];
        assert!(run(self.folder, "openssl", &[&files[..], &curve].concat()).0);
        let (enrol, csr) = (format!("{}/enrol", self.server.https), format!("@{csr}"));
        let asked = ["-sf", "--cacert", &self.ca, "--data-binary", &csr, &enrol, "-o", &pem];
        // The doors know a new device within seconds.
        let is_in = || run(self.folder, "curl", &[&asked[..], &["-H", &bearer]].concat()).0;
        until(is_in, "it enrols");
    }

    /// The arguments by which a program of Mosquitto speaks for a device.
    fn by(&self, serial: &str, more: &[&str]) -> Vec<String> {
        let (pem, key) = (file(serial, "pem"), file(serial, "key"));
        let who = ["--cafile", &self.ca, "--cert", &pem, "--key", &key, "-i", serial];
        let to = ["-h", "localhost", "-p", &self.server.mqtts, "-V", "mqttv5", "-q", "1"];
        [&who[..], &to, more].concat().into_iter().map(str::to_owned).collect()
    }

    fn mosquitto(&self, program: &str, serial: &str, more: &[&str]) -> (bool, String) {
        let arguments = self.by(serial, more);
        run(self.folder, program, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Waits until as many commands of a device are delivered.
    fn delivered(&self, serial: &str, count: usize) {
        let commands = format!("{}/api/v1/devices/{serial}/commands", self.server.base);
        let told = || run(self.folder, "curl", &["-s", "-H", &self.authorisation, &commands]).1;
        let is_so = || told().matches("\"state\":\"delivered\"").count() == count;
        until(is_so, "they are delivered");
    }
}

fn file(serial: &str, kind: &str) -> String {
    format!("{serial}.{kind}")
}

/// Waits until something is so.
fn until(is_so: impl Fn() -> bool, what: &str) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(200));
    }
}

#[test]
fn a_device_enrols_speaks_is_told_what_to_do_and_is_revoked() {
    let programs = [("openssl", "version"), ("curl", "--version"), ("mosquitto_pub", "--help")];
    if !are_there(&programs) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (folder, url) = (folder.path(), format!("sqlite:{}/l.db", folder.path().display()));
    let token = token(&url);
    let server = Server::start(folder, &url);
    let maker = Maker::new(folder, &server, &token);
    let devices = r#"{"changes":[{"serial":"CT-000001","facts":{}}]}"#;
    assert_eq!(maker.ask("", devices)["added"], 1);
    maker.enrol("CT-000001");

    let shown = ["--cacert", &maker.ca, "--cert", "CT-000001.pem", "--key", "CT-000001.key"];
    let ingest = format!("{}/ingest/v1/climate", server.https);
    let reading = ["-s", "--json", r#"{"boot":3,"sequence":1,"temperature":4.5}"#, &ingest];
    let speak = || run(folder, "curl", &[&reading[..], &shown].concat()).1;
    // There is no contract of that stream.
    assert!(speak().contains("\"quarantined\":1"), "{}", speak());
    let mosquitto =
        |program: &str, arguments: &[&str]| maker.mosquitto(program, "CT-000001", arguments);
    let (is_sent, said) =
        mosquitto("mosquitto_pub", &["-t", "t/CT-000001/climate", "-m", r#"{"sequence":2}"#]);
    assert!(is_sent && said.is_empty(), "{said}");
    let (_, said) = mosquitto("mosquitto_pub", &["-t", "t/CT-000002/climate", "-m", "{}"]);
    assert!(said.contains("Not authorized"), "it speaks for itself only: {said}");

    let command = r#"{"name":"reboot","payload":{"after":5}}"#;
    assert_eq!(maker.ask("/CT-000001/commands", command)["state"], "queued");
    let sleeper = ["-c", "-x", "600", "-t", "c/CT-000001/#", "-C", "1", "-W", "50", "-v"];
    let (_, said) = mosquitto("mosquitto_sub", &sleeper);
    assert_eq!(said, "c/CT-000001/reboot {\"after\":5}\n");
    maker.delivered("CT-000001", 1);

    let revoked = maker.ask("/CT-000001/revoke", r#"{"why":"It was stolen"}"#);
    assert_eq!(revoked["certificates"][0]["good"], false);
    until(|| speak().contains("\"status\":401"), "it is heard no more");
    let (is_sent, said) = mosquitto("mosquitto_pub", &["-t", "t/CT-000001/climate", "-m", "{}"]);
    assert!(!is_sent && said.contains("Not authorized"), "{said}");
    let enrol = format!("{}/enrol", server.https);
    let rotate = ["-sf", "--data-binary", "@CT-000001.csr", &enrol];
    let (_, said) = run(folder, "curl", &[&rotate[..], &shown].concat());
    assert!(said.is_empty(), "what was revoked isn't rotated: {said}");
}

#[test]
fn commands_go_to_the_gateway_that_speaks_for_the_device_now() {
    let programs = [("openssl", "version"), ("curl", "--version"), ("mosquitto_sub", "--help")];
    if !are_there(&programs) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (folder, url) = (folder.path(), format!("sqlite:{}/l.db", folder.path().display()));
    let token = token(&url);
    let server = Server::start(folder, &url);
    let maker = Maker::new(folder, &server, &token);
    let of = |gateway: &str| {
        format!(r#"{{"changes":[{{"serial":"CT-1","facts":{{"gateway":"{gateway}"}}}}]}}"#)
    };
    let gateways = r#"{"changes":[{"serial":"GW-1","facts":{}},{"serial":"GW-2","facts":{}}]}"#;
    assert_eq!(maker.ask("", gateways)["added"], 2);
    assert_eq!(maker.ask("", &of("GW-1"))["added"], 1);
    ["GW-1", "GW-2"].iter().for_each(|it| maker.enrol(it));
    let speaks = |gateway: &str| {
        let reading = ["-t", "t/CT-1/climate", "-m", "{}"];
        until(|| maker.mosquitto("mosquitto_pub", gateway, &reading).1.is_empty(), "it speaks");
    };
    let command = |name: &str| {
        let given = maker.ask("/CT-1/commands", &format!(r#"{{"name":"{name}","payload":{{}}}}"#));
        assert_eq!(given["state"], "queued");
    };
    speaks("GW-1");
    command("first");
    // Another name than that by which it sends readings, so that neither takes the other's session.
    let arguments = maker.by("GW-1", &["-i", "hears", "-t", "c/CT-1/#", "-C", "2", "-v"]);
    let mut former = Command::new("timeout");
    former.args(["120", "mosquitto_sub"]).args(arguments).current_dir(folder);
    let former = former.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    maker.delivered("CT-1", 1);

    maker.ask("", &of("GW-2"));
    speaks("GW-2");
    command("second");
    let hears = ["-i", "hears", "-t", "c/CT-1/#", "-C", "1", "-W", "50", "-v"];
    let (_, said) = maker.mosquitto("mosquitto_sub", "GW-2", &hears);
    assert_eq!(said, "c/CT-1/second {}\n");
    maker.delivered("CT-1", 2);

    // Nobody hears the third until the device is given back.
    command("third");
    maker.ask("", &of("GW-1"));
    let said = former.wait_with_output().unwrap().stdout;
    assert_eq!(String::from_utf8_lossy(&said), "c/CT-1/first {}\nc/CT-1/third {}\n");
    maker.delivered("CT-1", 3);
}
