use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Authority, DeviceTls, IdentityError, Presented, Proof, Request};
use crate::front::tests::{Keeper, Three, front};
use crate::front::{Front, Registry};
use crate::mqtt::{Broker, Settings};

/// The first day of 2026.
fn then() -> Timestamp {
    Timestamp::from_second(1_767_225_600).expect("it is in range")
}

/// A key, and a request for a certificate signed with it.
fn request(name: Option<&str>) -> (KeyPair, String) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    let request = params.serialize_request(&key).expect("a request").pem().expect("PEM");
    (key, request)
}

#[test]
fn the_authority_is_founded_once_and_its_key_is_its_owners_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().join("identity");
    let first = Authority::open(&folder, then()).expect("it is founded");
    let again = Authority::open(&folder, Timestamp::now()).expect("it is opened");
    assert_eq!(first.pem(), again.pem());
    let mode = |file: &str| {
        std::fs::metadata(folder.join(file)).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!((mode("device-ca.key"), mode("")), (0o600, 0o700));
    // What it issues after that is of the same authority.
    let (_, sound) = request(None);
    let request = Request::read(sound.as_bytes()).expect("it is sound");
    let issued = again.issue(&request, "CT-1", Proof::Claim, then()).expect("it is issued");
    let leaf = CertificateDer::from_pem_slice(issued.chain.as_bytes()).expect("PEM");
    assert!(matches!(first.presented(&[leaf]), Some(Presented::Device { .. })));
    // Without one of its files no other authority is founded: no device would know it.
    for file in ["device-ca.key", "device-ca.pem"] {
        let away = folder.join("away");
        std::fs::rename(folder.join(file), &away).expect("it is moved");
        let missing = Authority::open(&folder, then());
        assert!(
            matches!(&missing, Err(IdentityError::Missing { file: told }) if told.ends_with(file)),
            "{missing:?}"
        );
        assert!(!folder.join(file).exists(), "{file}");
        std::fs::rename(&away, folder.join(file)).expect("it is moved back");
    }
    assert_eq!(Authority::open(&folder, then()).expect("it is opened").pem(), first.pem());
    // A key of another's is told, rather than used.
    let other = KeyPair::generate().expect("a key").serialize_pem();
    std::fs::write(folder.join("device-ca.key"), other).expect("it is written");
    let damaged = Authority::open(&folder, then());
    assert!(matches!(damaged, Err(IdentityError::Authority { .. })), "{damaged:?}");
}

#[test]
fn a_certificate_names_its_device_and_nothing_that_the_request_adds() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::open(folder.path(), then()).expect("it is founded");
    let (_, pem) = request(Some("CT-1"));
    let sound = Request::read(pem.as_bytes()).expect("it is sound");
    let issued = authority.issue(&sound, "CT-1", Proof::Claim, then()).expect("it is issued");
    assert_eq!(issued.until.to_string(), "2026-04-01T00:00:00Z");
    let leaf = CertificateDer::from_pem_slice(issued.chain.as_bytes()).expect("PEM");
    let (serial, since, until) = ("CT-1".to_owned(), then(), issued.until);
    let device = Presented::Device { serial, since, until };
    assert_eq!(authority.presented(&[leaf]), Some(device));
    let other = authority.issue(&sound, "CT-2", Proof::Claim, then());
    assert!(matches!(other, Err(IdentityError::Name { .. })), "{other:?}");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let another = Authority::open(elsewhere.path(), then()).expect("it is founded");
    let issued = another.issue(&sound, "CT-1", Proof::Claim, then()).expect("it is issued");
    let leaf = CertificateDer::from_pem_slice(issued.chain.as_bytes()).expect("PEM");
    let foreign = Presented::Factory { serial: "CT-1".to_owned(), until: issued.until };
    assert_eq!(authority.presented(&[leaf]), Some(foreign));
    // By the last second of the year 9999 a factory says that a certificate never expires.
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "CT-1");
    let last = time::OffsetDateTime::from_unix_timestamp(253_402_300_799);
    params.not_after = last.expect("it is in range");
    let key = KeyPair::generate().expect("a key");
    let made = params.self_signed(&key).expect("a certificate");
    let shown = authority.presented(&[made.der().clone()]);
    let serial = "CT-1".to_owned();
    assert_eq!(shown, Some(Presented::Factory { serial, until: Timestamp::MAX }));
}

#[test]
fn requests_that_openssl_makes_are_read_whatever_the_kind_of_their_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::open(folder.path(), then()).expect("it is founded");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let run = |arguments: &[&str]| {
        let run = std::process::Command::new("openssl").args(arguments).output();
        run.ok().map(|output| (output.status.success(), output))
    };
    std::fs::write(file("ca.pem"), authority.pem()).expect("it is written");
    if run(&["version"]).is_none() {
        let is_required = std::env::var("LONGLEAD_REQUIRE").as_deref() == Ok("all");
        assert!(!is_required, "openssl is required");
        println!("left out: openssl isn't installed");
        return;
    }
    for kind in [
        &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"][..],
        &["ec", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["ed25519"],
        &["rsa:2048"],
    ] {
        let request = ["req", "-new", "-nodes", "-subj", "/O=A company/CN=CT-1", "-newkey"];
        let (key, csr) = (file("device.key"), file("device.csr"));
        let made = [&request, kind, &["-keyout", &key, "-out", &csr]].concat();
        let (is_made, output) = run(&made).expect("openssl runs");
        assert!(is_made, "{output:?}");
        let pem = std::fs::read(&csr).expect("it is there");
        let request = Request::read(&pem).expect("it is sound");
        assert_eq!(request.named(), Some("CT-1"), "{kind:?}");
        let issued = authority.issue(&request, "CT-1", Proof::Claim, Timestamp::now());
        let issued = issued.expect("it is issued");
        std::fs::write(file("device.pem"), &issued.chain).expect("it is written");
        let leaf = file("device.pem");
        let (is_good, output) = run(&[
            "verify",
            "-purpose",
            "sslclient",
            "-x509_strict",
            "-CAfile",
            &file("ca.pem"),
            &leaf,
        ])
        .expect("openssl runs");
        assert!(is_good, "{kind:?}: {output:?}");
        let keys = [
            run(&["x509", "-pubkey", "-noout", "-in", &leaf]),
            run(&["pkey", "-pubout", "-in", &key]),
        ];
        let [of_certificate, of_key] = keys.map(|it| it.expect("openssl runs").1.stdout);
        assert_eq!(of_certificate, of_key, "{kind:?}");
    }
    let refused = |arguments: &[&str]| {
        let (is_made, output) = run(arguments).expect("openssl runs");
        assert!(is_made, "{output:?}");
        Request::read(&output.stdout).expect_err("it is refused").to_string()
    };
    let key = file("other.key");
    let other = ["req", "-new", "-nodes", "-subj", "/CN=CT-1", "-keyout", &key, "-newkey", "ed448"];
    let reason = "a key on the curve P-256, P-384 or Ed25519, or one of RSA, is expected";
    assert_eq!(refused(&other), reason);
    // A key is no request.
    let alone = refused(&["genpkey", "-algorithm", "ed448"]);
    assert_eq!(alone, "a request for a certificate is expected");
}

/// A server with both doors behind TLS.
struct House {
    _folder: tempfile::TempDir,
    authority: Arc<Authority>,
    registry: Arc<Three>,
    keeper: Arc<Keeper>,
    broker: Arc<Broker>,
    http: std::net::SocketAddr,
    mqtt: std::net::SocketAddr,
    factory: rcgen::CertifiedIssuer<'static, KeyPair>,
}

async fn house() -> House {
    let folder = tempfile::tempdir().expect("a folder");
    let authority =
        Arc::new(Authority::open(folder.path(), Timestamp::now()).expect("it is founded"));
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let factory = rcgen::CertifiedIssuer::self_signed(params, key).expect("a factory");
    let (keeper, _) = front();
    let registry = Arc::new(Three::default());
    let known: Arc<dyn Registry> = Arc::<Three>::clone(&registry);
    let front =
        Front::new(Arc::<Keeper>::clone(&keeper) as _, known, crate::Limits::default(), false);
    let broker = Broker::open(Arc::clone(&front), Settings::default(), None).expect("no file");
    let (chain, key) =
        authority.server(&["localhost".to_owned()], Timestamp::now()).expect("a certificate");
    let factories = [factory.der().clone()];
    let tls = DeviceTls::new(Arc::clone(&front), Arc::clone(&authority), &factories, chain, key);
    let tls = tls.expect("the certificates are sound");
    let listener = || async { TcpListener::bind("127.0.0.1:0").await.expect("a port") };
    let (http_listener, mqtt_listener) = (listener().await, listener().await);
    let http = http_listener.local_addr().expect("an address");
    let mqtt = mqtt_listener.local_addr().expect("an address");
    let router = crate::http::router(Arc::clone(&front), Some(Arc::clone(&broker)));
    tokio::spawn(tls.clone().serve_http(router, http_listener));
    tokio::spawn(tls.serve_mqtt(Arc::clone(&broker), mqtt_listener));
    House { _folder: folder, authority, registry, keeper, broker, http, mqtt, factory }
}

/// A certificate with its key.
type Shown = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn shown(chain: &str, key: &KeyPair) -> Shown {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).map(|it| it.expect("PEM"));
    (chain.collect(), PrivatePkcs8KeyDer::from(key.serialize_der()).into())
}

impl House {
    async fn connect(
        &self,
        to: std::net::SocketAddr,
        shown: Option<Shown>,
    ) -> TlsStream<TcpStream> {
        connect(&self.client(shown), to).await
    }

    /// A client, which remembers the keys that it has agreed on.
    fn client(&self, shown: Option<Shown>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).expect("PEM");
        roots.add(root).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        Arc::new(match shown {
            Some((chain, key)) => config.with_client_auth_cert(chain, key).expect("a certificate"),
            None => config.with_no_client_auth(),
        })
    }

    /// Sends a request and gives its status and body.
    async fn ask(
        &self,
        shown: Option<Shown>,
        path: &str,
        token: &str,
        body: &str,
    ) -> (u16, String) {
        ask(self.connect(self.http, shown).await, path, token, body).await
    }

    /// Connects by MQTT and gives the code of CONNACK.
    async fn greet(&self, shown: Option<Shown>) -> (TlsStream<TcpStream>, u8) {
        let mut stream = self.connect(self.mqtt, shown).await;
        let code = say(&mut stream, HELLO).await;
        (stream, code)
    }
}

async fn connect(client: &Arc<ClientConfig>, to: std::net::SocketAddr) -> TlsStream<TcpStream> {
    let stream = TcpStream::connect(to).await.expect("the server listens");
    let name = ServerName::try_from("localhost").expect("a name");
    let connector = TlsConnector::from(Arc::clone(client));
    connector.connect(name, stream).await.expect("keys are agreed on")
}

/// Sends a request, the last one on its connection, and gives its status and body.
async fn ask(
    mut stream: TlsStream<TcpStream>,
    path: &str,
    token: &str,
    body: &str,
) -> (u16, String) {
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    // The server may close without a word of TLS.
    let _read = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8(answer).expect("UTF-8");
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").map_or("", |it| it.1);
    (status, body.to_owned())
}

const HELLO: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x01a";

/// With the token of a system.
const HELLO_OF_A_SYSTEM: &[u8] = b"\x10\x22\x00\x04MQTT\x05\xc2\x00\x3c\x00\x00\x01a\
    \x00\x04user\x00\x0csystem-token";

/// With a reading of CT-1 as its will.
const HELLO_WITH_WILL: &[u8] = b"\x10\x27\x00\x04MQTT\x05\x06\x00\x3c\x00\x00\x01a\x00\
    \x00\x0dt/CT-1/spoken\x00\x07{\"t\":1}";

/// Says CONNECT and gives the code of CONNACK.
async fn say(stream: &mut TlsStream<TcpStream>, hello: &[u8]) -> u8 {
    stream.write_all(hello).await.expect("the server reads");
    let mut head = [0; 4];
    timeout(Duration::from_secs(10), stream.read_exact(&mut head))
        .await
        .expect("it answers")
        .expect("it answers");
    assert_eq!(head[0], 0x20);
    head[3]
}

/// Sends a reading on a connection that stays open, and gives the status.
async fn keep_asking(stream: &mut TlsStream<TcpStream>) -> u16 {
    let request = "POST /ingest/v1/spoken HTTP/1.1\r\nHost: localhost\r\n\
                   Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"t\":1}";
    stream.write_all(request.as_bytes()).await.expect("the server reads");
    let mut bytes = vec![0; 4096];
    let length = timeout(Duration::from_secs(10), stream.read(&mut bytes)).await;
    let length = length.expect("it answers").expect("it answers");
    let answer = String::from_utf8_lossy(&bytes[..length]).into_owned();
    answer.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status")
}

#[tokio::test]
async fn a_device_enrols_rotates_speaks_and_is_revoked() {
    let house = house().await;
    let (key, csr) = request(None);
    let (status, _) = house.ask(None, "/enrol", "wrong", &csr).await;
    assert_eq!(status, 401);
    let (status, chain) = house.ask(None, "/enrol", "claim-CT-1", &csr).await;
    assert_eq!(status, 201, "{chain}");
    let (status, _) = house.ask(None, "/enrol", "claim-CT-1", &csr).await;
    assert_eq!(status, 201, "whoever never got the answer asks again");
    let (_, other) = request(None);
    let (status, _) = house.ask(None, "/enrol", "claim-CT-1", &other).await;
    assert_eq!(status, 401, "but a claim token is good for one key");
    let (status, _) = house.ask(None, "/enrol", "claim-CT-2", "no request").await;
    assert_eq!(status, 400);
    let (status, _) = house.ask(None, "/enrol", "claim-CT-2", &other).await;
    assert_eq!(status, 201, "what is no request doesn't use a token up");

    let reading = r#"{"device":"CT-1","t":1}"#;
    let (status, _) = house.ask(None, "/ingest/v1/a", "", reading).await;
    assert_eq!(status, 401);
    let (status, _) = house.ask(Some(shown(&chain, &key)), "/ingest/v1/spoken", "", reading).await;
    assert_eq!(status, 200);
    let foreign = r#"{"device":"CT-2","t":1}"#;
    let (status, _) = house.ask(Some(shown(&chain, &key)), "/ingest/v1/spoken", "", foreign).await;
    assert_eq!(status, 200);
    assert_eq!(house.keeper.reasons(), ["not-its-device"], "it speaks for itself only");

    let (new_key, csr) = request(Some("CT-1"));
    let (status, rotated) = house.ask(Some(shown(&chain, &key)), "/enrol", "", &csr).await;
    assert_eq!(status, 201, "its present certificate is good for the next: {rotated}");
    let (_, csr) = request(Some("CT-2"));
    let (status, _) = house.ask(Some(shown(&chain, &key)), "/enrol", "", &csr).await;
    assert_eq!(status, 400, "but not for another's");

    let (mut stream, code) = house.greet(Some(shown(&rotated, &new_key))).await;
    assert_eq!(code, 0);
    let mut open = house.connect(house.http, Some(shown(&rotated, &new_key))).await;
    assert_eq!(keep_asking(&mut open).await, 200);
    house.registry.revoke("CT-1");
    assert_eq!(keep_asking(&mut open).await, 401, "an open connection is no way round");
    house.broker.revoke("CT-1");
    let mut rest = Vec::new();
    let _read = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(rest.ends_with(&[0xe0, 2, 0x98, 0]), "{rest:?}");
    assert_eq!(house.greet(Some(shown(&rotated, &new_key))).await.1, 0x87);
    let (status, _) = house.ask(Some(shown(&rotated, &new_key)), "/ingest/v1/a", "", reading).await;
    assert_eq!(status, 401);
    let (_, csr) = request(None);
    let (status, _) = house.ask(Some(shown(&rotated, &new_key)), "/enrol", "", &csr).await;
    assert_eq!(status, 401, "what was revoked isn't rotated");
    // A person may let it in again, in the same second too.
    let (key, csr) = request(None);
    let (status, chain) = house.ask(None, "/enrol", "anew-CT-1", &csr).await;
    assert_eq!(status, 201, "{chain}");
    assert_eq!(house.greet(Some(shown(&chain, &key))).await.1, 0);
}

#[tokio::test]
async fn no_connection_from_before_a_revocation_is_a_way_round_it() {
    let house = house().await;
    let (key, csr) = request(None);
    let (status, chain) = house.ask(None, "/enrol", "claim-CT-1", &csr).await;
    assert_eq!(status, 201, "{chain}");
    let own = || Some(shown(&chain, &key));
    // A will of who is lost is sent.
    let mut lost = house.connect(house.mqtt, own()).await;
    assert_eq!(say(&mut lost, HELLO_WITH_WILL).await, 0);
    drop(lost);
    while house.keeper.calls_and_rows().0 == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut with_will = house.connect(house.mqtt, own()).await;
    assert_eq!(say(&mut with_will, HELLO_WITH_WILL).await, 0);
    let mut silent = house.connect(house.mqtt, own()).await;
    let mut open = house.connect(house.http, own()).await;
    assert_eq!(keep_asking(&mut open).await, 200);
    // The server has seen the certificate of the silent one, too.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let before = house.keeper.calls_and_rows().0;
    house.registry.revoke("CT-1");
    house.broker.revoke("CT-1");
    assert_eq!(say(&mut silent, HELLO).await, 0x87, "keys were agreed on before");
    let upgrade = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
                   Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Protocol: mqtt\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    open.write_all(upgrade.as_bytes()).await.expect("the server reads");
    let mut bytes = vec![0; 4096];
    let length = timeout(Duration::from_secs(10), open.read(&mut bytes)).await;
    let length = length.expect("it answers").expect("it answers");
    let answer = String::from_utf8_lossy(&bytes[..length]);
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    let mut rest = Vec::new();
    let _read = timeout(Duration::from_secs(10), with_will.read_to_end(&mut rest)).await;
    assert!(rest.ends_with(&[0xe0, 2, 0x98, 0]), "{rest:?}");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(house.keeper.calls_and_rows().0, before, "its will isn't sent");
}

#[tokio::test]
async fn a_certificate_of_the_factory_is_good_for_enrolment_only() {
    let house = house().await;
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "CT-2");
    let made = params.signed_by(&key, &house.factory).expect("the factory signs");
    assert_eq!(house.greet(Some(shown(&made.pem(), &key))).await.1, 0x87);
    let (own_key, csr) = request(None);
    let (status, chain) = house.ask(Some(shown(&made.pem(), &key)), "/enrol", "", &csr).await;
    assert_eq!(status, 201, "{chain}");
    assert_eq!(house.greet(Some(shown(&chain, &own_key))).await.1, 0);
    house.registry.revoke("CT-2");
    let (status, _) = house.ask(Some(shown(&made.pem(), &key)), "/enrol", "", &csr).await;
    assert_eq!(status, 401, "a device that was revoked doesn't let itself in again");
}

#[tokio::test]
async fn a_certificate_of_the_factory_that_has_expired_is_good_for_nothing() {
    let house = house().await;
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "CT-2");
    let soon = Timestamp::now().as_second() + 3;
    params.not_after = time::OffsetDateTime::from_unix_timestamp(soon).expect("it is in range");
    let made = params.signed_by(&key, &house.factory).expect("the factory signs");
    let client = house.client(Some(shown(&made.pem(), &key)));
    let mut open = connect(&client, house.http).await;
    assert_eq!(keep_asking(&mut open).await, 401, "it is good for enrolment only");
    // A connection ends with it, whatever else was shown there.
    let mut system = connect(&client, house.mqtt).await;
    assert_eq!(say(&mut system, HELLO_OF_A_SYSTEM).await, 0);
    let mut rest = Vec::new();
    let _read = timeout(Duration::from_secs(10), system.read_to_end(&mut rest)).await;
    assert!(rest.ends_with(&[0xe0, 2, 0x87, 0]), "{rest:?}");
    let ended = timeout(Duration::from_secs(10), open.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "HTTP ends too");
    // Keys that were agreed on before are no way round it.
    let again = connect(&client, house.http).await;
    assert_eq!(again.get_ref().1.handshake_kind(), Some(HandshakeKind::Resumed));
    let (_, csr) = request(None);
    let (status, _) = ask(again, "/enrol", "", &csr).await;
    assert_eq!(status, 401);
    // And neither is a request that is under way when it expires.
    let until = Timestamp::from_second(soon).expect("it is in range");
    let factory = Presented::Factory { serial: "CT-2".to_owned(), until };
    let second = SignedDuration::from_secs(1);
    assert!(factory.holds(house.registry.as_ref(), until - second));
    assert!(!factory.holds(house.registry.as_ref(), until));
}

#[tokio::test]
async fn a_connection_ends_with_the_certificate_that_it_was_opened_with() {
    let house = house().await;
    let (key, pem) = request(None);
    let request = Request::read(pem.as_bytes()).expect("it is sound");
    // Ninety days less two seconds ago.
    let age = SignedDuration::from_secs(90 * 24 * 3600 - 2);
    let issued = Timestamp::now().checked_sub(age).expect("it is in range");
    let issued = house.authority.issue(&request, "CT-1", Proof::Claim, issued);
    let chain = issued.expect("it is issued").chain;
    let (mut stream, code) = house.greet(Some(shown(&chain, &key))).await;
    assert_eq!(code, 0);
    let mut open = house.connect(house.http, Some(shown(&chain, &key))).await;
    assert_eq!(keep_asking(&mut open).await, 200);
    let mut rest = Vec::new();
    let _read = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
    assert!(rest.ends_with(&[0xe0, 2, 0x87, 0]), "{rest:?}");
    let ended = timeout(Duration::from_secs(10), open.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "HTTP ends too");
}

#[tokio::test]
async fn certificates_are_given_at_the_address_with_tls_only() {
    let (_, front) = front();
    let router = crate::http::router(front, None);
    for (method, path) in [("POST", "/enrol"), ("GET", "/ca.pem")] {
        let request = axum::http::Request::builder().method(method).uri(path);
        let request = request.body(axum::body::Body::empty()).expect("a request");
        let answer = tower::ServiceExt::oneshot(router.clone(), request).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 403, "{path}");
    }
}
