//! Who is let in at the SQL door and who isn't, in the words of the protocol: a client of our own, so
//! that every code is seen as it is sent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use longlead_records::people::{By, NewUser, OrganisationKind, Role, Scope};
use longlead_records::{Actor, Journal};

use super::Asked;
use super::postgres::{RECORDS, USER, port_of, send_readings};
use crate::serving::runtime;

const PASSWORD: &str = "correct horse battery";

/// What the server said: the kinds of its messages in order, cells, and errors.
#[derive(Debug, Default)]
struct Heard {
    kinds: String,
    cells: Vec<String>,
    /// Severity, code and message of each error.
    errors: Vec<[String; 3]>,
    is_over: bool,
}

impl Heard {
    fn error(&self) -> [&str; 3] {
        let error = self.errors.last().unwrap_or_else(|| panic!("no error: {self:?}"));
        [0, 1, 2].map(|it| error[it].as_str())
    }
}

/// A connection that speaks what it is told to.
struct Client(TcpStream);

fn text(of: &str) -> Vec<u8> {
    [of.as_bytes(), b"\0"].concat()
}

impl Client {
    fn connect(port: &str) -> Client {
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Client(stream)
    }

    fn send(&mut self, kind: u8, body: &[u8]) {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        self.0.write_all(&[&[kind], &length[..], body].concat()).unwrap();
    }

    /// Says who it is, up to the first word of the server that isn't a question for the password.
    fn sign_in(port: &str, user: &str, password: &str) -> (Client, Heard) {
        let mut client = Client::connect(port);
        let heard = client.introduce(user, password);
        (client, heard)
    }

    fn introduce(&mut self, user: &str, password: &str) -> Heard {
        let body = [&196_608_u32.to_be_bytes()[..], &text("user"), &text(user), b"\0"].concat();
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        self.0.write_all(&[&length[..], &body].concat()).unwrap();
        self.send(b'p', &text(password));
        self.hear()
    }

    fn message(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 5];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let mut body = vec![0; length - 4];
        self.0.read_exact(&mut body).ok()?;
        Some((head[0], body))
    }

    /// Hears what is said until the server waits, or the end.
    fn hear(&mut self) -> Heard {
        let mut heard = Heard::default();
        while let Some((kind, body)) = self.message() {
            heard.kinds.push(char::from(kind));
            match kind {
                b'E' => {
                    let fields: Vec<&[u8]> = body.split(|it| *it == 0).collect();
                    let field = |of: u8| {
                        let found = fields.iter().find(|it| it.first() == Some(&of));
                        String::from_utf8(found.unwrap()[1..].to_vec()).unwrap()
                    };
                    heard.errors.push([field(b'S'), field(b'C'), field(b'M')]);
                }
                // One cell is enough here: two bytes of a count, four of a length.
                b'D' => heard.cells.push(String::from_utf8(body[6..].to_vec()).unwrap()),
                b'Z' => return heard,
                _ => {}
            }
        }
        heard.is_over = true;
        heard
    }

    fn query(&mut self, sql: &str) -> Heard {
        self.send(b'Q', &text(sql));
        self.hear()
    }

    /// Prepares, binds and runs a statement under a name, and hears all of it.
    fn run(&mut self, name: &str, sql: Option<&str>) -> Heard {
        if let Some(sql) = sql {
            self.send(b'P', &[text(name), text(sql), vec![0, 0]].concat());
        }
        self.send(b'B', &[text(""), text(name), vec![0; 6]].concat());
        self.send(b'E', &[text(""), vec![0; 4]].concat());
        self.send(b'S', &[]);
        self.hear()
    }
}

/// The secrets of people and tokens that a database has before its server starts.
#[derive(Debug, Default)]
struct Secrets {
    revoked: String,
    expired: String,
    without_fleet: String,
    of_partner: String,
}

fn people(url: &str) -> Secrets {
    runtime().block_on(async {
        let journal = Journal::open(url).await.unwrap();
        let (people, at) = (journal.people(), Timestamp::now());
        let by = By { who: Actor::System, at, client: String::new() };
        let owner = people.users().await.unwrap().remove(0);
        let all = [Scope::ReadFleet, Scope::ReadRecords, Scope::ReadInsights];
        let make = async |user, name, scopes: &[Scope], expires| {
            let made = people.create_token(user, name, scopes, expires, &by).await.unwrap();
            (made.0.id, made.1.expose().to_owned())
        };
        let (id, revoked) = make(owner.id, "Revoked", &all, None).await;
        assert!(people.revoke_token(id, &by).await.unwrap());
        let past = at - SignedDuration::from_hours(1);
        let (_, expired) = make(owner.id, "Expired", &all, Some(past)).await;
        let (_, without_fleet) = make(owner.id, "Plans", &all[1..], None).await;
        let kind = OrganisationKind::ContractManufacturer;
        let theirs = people.create_organisation("Manufacturer", kind, &by).await.unwrap();
        let new = NewUser {
            email: "partner@manufacturer.example".to_owned(),
            name: "Partner".to_owned(),
            role: Role::Partner,
            organisation: theirs.id,
            discipline: None,
        };
        let (partner, link) = people.create_user(&new, &by).await.unwrap();
        people.set_password_once(link.expose(), PASSWORD, at, "").await.unwrap();
        let (_, of_partner) = make(partner.id, "Partner", &all, None).await;
        journal.close().await;
        Secrets { revoked, expired, without_fleet, of_partner }
    })
}

/// A server with people, its port for SQL, and their secrets.
fn started() -> (Asked, String, Secrets) {
    let mut secrets = Secrets::default();
    let all = [Scope::ReadFleet, Scope::ReadRecords, Scope::ReadInsights];
    let prepare = |url: &str| secrets = people(url);
    let asked = Asked::start_prepared(RECORDS, &["--sql", "127.0.0.1:0"], &all, prepare);
    let port = port_of(&asked);
    send_readings(&asked);
    (asked, port, secrets)
}

/// Sessions of a user that hold, once the server has ended.
fn sessions_of(mut asked: Asked, email: &str) -> usize {
    // It keeps its database to itself.
    asked.child.kill().unwrap();
    asked.child.wait().unwrap();
    let url = format!("sqlite:{}", asked.folder.path().join("longlead.db").display());
    asked.runtime.block_on(async {
        let journal = Journal::open(&url).await.unwrap();
        let people = journal.people();
        let users = people.users().await.unwrap();
        let user = users.iter().find(|it| it.email == email).expect("a user").id;
        let sessions = people.sessions_of(user, Timestamp::now()).await.unwrap();
        journal.close().await;
        sessions.len()
    })
}

#[test]
fn who_may_not_ask_is_told_why_with_the_code_that_clients_know() {
    let (asked, port, secrets) = started();
    let unknown = "the user's address and the token or password don't belong together";
    let partner = "partner@manufacturer.example";
    for (what, user, secret, code, told) in [
        ("no token", USER, "", "28P01", unknown),
        ("another's password", USER, "wrong", "28P01", unknown),
        ("a token that never was", USER, "longlead_wrong", "28P01", unknown),
        ("a revoked token", USER, secrets.revoked.as_str(), "28P01", unknown),
        ("an expired token", USER, secrets.expired.as_str(), "28P01", unknown),
        ("nobody", "", asked.token.as_str(), "28P01", unknown),
        (
            "a token without the fleet",
            USER,
            secrets.without_fleet.as_str(),
            "42501",
            "the token lacks the scope `fleet:read`",
        ),
        (
            "a partner's token",
            partner,
            secrets.of_partner.as_str(),
            "42501",
            "the role `partner` may not ask in SQL",
        ),
        ("a partner", partner, PASSWORD, "42501", "the role `partner` may not ask in SQL"),
    ] {
        let (_client, heard) = Client::sign_in(&port, user, secret);
        assert_eq!(heard.error(), ["FATAL", code, told], "{what}");
        assert!(heard.is_over && !heard.kinds.contains('Z'), "{what}: {heard:?}");
    }
    let (mut client, heard) = Client::sign_in(&port, USER, &asked.token);
    assert!(heard.kinds.ends_with('Z'), "{heard:?}");
    assert_eq!(client.query("SELECT 6 * 7").cells, ["42"]);
    assert_eq!(sessions_of(asked, partner), 0, "who isn't let in leaves again");
}

#[test]
fn a_token_that_is_revoked_meanwhile_asks_nothing_more() {
    let (asked, port, _) = started();
    let (mut client, _) = Client::sign_in(&port, USER, &asked.token);
    assert_eq!(client.run("held", Some("SELECT 6 * 7")).cells, ["42"]);
    let (mut other, _) = Client::sign_in(&port, USER, PASSWORD);
    assert_eq!(other.query("SELECT 1").cells, ["1"]);
    revoke(&asked);
    let told = "the token was revoked or the account closed";
    // What was prepared before is asked no more either.
    let heard = client.run("held", None);
    assert_eq!(heard.error(), ["FATAL", "28000", told], "{heard:?}");
    assert!(heard.is_over && heard.cells.is_empty(), "{heard:?}");
    let (_, heard) = Client::sign_in(&port, USER, &asked.token);
    assert_eq!(heard.error()[1], "28P01", "{heard:?}");
    assert_eq!(other.query("SELECT 1").cells, ["1"], "a password isn't a token");
}

/// A part of what a portal gives.
fn rows_of_portal(client: &mut Client, rows_max: u32) -> Heard {
    client.send(b'E', &[text("p"), rows_max.to_be_bytes().to_vec()].concat());
    client.send(b'S', &[]);
    client.hear()
}

/// Begins a transaction, and in it a portal of which two rows are told.
fn begin_portal(client: &mut Client) {
    assert_eq!(client.query("BEGIN").kinds, "CZ");
    client.send(b'P', &[text(""), text("SELECT device FROM climate"), vec![0, 0]].concat());
    client.send(b'B', &[text("p"), text(""), vec![0; 6]].concat());
    let heard = rows_of_portal(client, 2);
    assert_eq!(heard.kinds, "12DDsZ", "{heard:?}");
}

#[test]
fn a_portal_that_was_begun_tells_nothing_more_once_the_token_is_revoked() {
    let (asked, port, _) = started();
    let (mut client, _) = Client::sign_in(&port, USER, &asked.token);
    begin_portal(&mut client);
    assert_eq!(rows_of_portal(&mut client, 1).kinds, "DsZ");
    revoke(&asked);
    let heard = rows_of_portal(&mut client, 0);
    let told = "the token was revoked or the account closed";
    assert_eq!(heard.error(), ["FATAL", "28000", told], "{heard:?}");
    assert!(heard.is_over && heard.cells.is_empty(), "{heard:?}");
}

#[test]
fn a_portal_tells_nothing_in_a_transaction_that_failed() {
    let (asked, port, _) = started();
    let (mut client, _) = Client::sign_in(&port, USER, &asked.token);
    begin_portal(&mut client);
    assert_eq!(client.query("SELECT nothing FROM climate").error()[1], "42703");
    for _ in 0..2 {
        assert_eq!(rows_of_portal(&mut client, 0).error()[1], "25P02");
    }
    assert_eq!(client.query("ROLLBACK").kinds, "CZ");
    assert_eq!(rows_of_portal(&mut client, 0).error()[1], "34000");
}

#[test]
fn a_simple_query_takes_the_place_of_what_has_no_name() {
    let (asked, port, _) = started();
    let (mut client, _) = Client::sign_in(&port, USER, &asked.token);
    assert_eq!(client.run("", Some("SELECT 1")).cells, ["1"]);
    assert_eq!(client.run("", None).cells, ["1"]);
    assert_eq!(client.query("SELECT 2").cells, ["2"]);
    assert_eq!(client.run("", None).error()[1], "26000");
}

/// Revokes the token of the tests on the page of the account.
fn revoke(asked: &Asked) {
    asked.runtime.block_on(async {
        let client = reqwest::Client::builder().cookie_store(true).build().unwrap();
        let at = |path: &str| format!("{}{path}", asked.base);
        let who = [("email", USER), ("password", PASSWORD)];
        let signed = client.post(at("/sign-in")).header("origin", &asked.base).form(&who);
        assert!(signed.send().await.unwrap().status().is_success());
        let page = client.get(at("/account")).send().await.unwrap().text().await.unwrap();
        let secret = page.split("name=\"_csrf\" value=\"").nth(1).expect("a form");
        let secret = secret.split('"').next().unwrap();
        let forms: Vec<&str> = page.split("action=\"/account/tokens/").skip(1).collect();
        // The oldest is the last, and was made first.
        let first = forms.last().expect("a token").split('"').next().unwrap();
        let path = at(&format!("/account/tokens/{first}"));
        let revoked = client.post(path).header("origin", &asked.base).form(&[("_csrf", secret)]);
        assert!(revoked.send().await.unwrap().status().is_success());
    });
}

#[test]
fn whoever_says_nothing_keeps_nobody_out() {
    let (asked, port, _) = started();
    let mut silent: Vec<Client> = (0..150).map(|_| Client::connect(&port)).collect();
    let (mut client, heard) = Client::sign_in(&port, USER, &asked.token);
    assert!(heard.kinds.ends_with('Z'), "{heard:?}");
    assert_eq!(client.query("SELECT 6 * 7").cells, ["42"]);
    // The first gave way; who came last still may tell who they are.
    assert!(matches!(silent[0].0.read(&mut [0]), Ok(0)));
    let heard = silent[149].introduce(USER, &asked.token);
    assert!(heard.kinds.ends_with('Z'), "{heard:?}");
}

#[test]
fn so_many_clients_are_let_in_and_the_next_is_told() {
    let (asked, port, _) = started();
    let mut clients: Vec<Client> = Vec::new();
    for number in 0..100 {
        let (client, heard) = Client::sign_in(&port, USER, &asked.token);
        assert!(heard.kinds.ends_with('Z'), "{number}: {heard:?}");
        clients.push(client);
    }
    let (_, heard) = Client::sign_in(&port, USER, &asked.token);
    assert_eq!(heard.error()[..2], ["FATAL", "53300"], "{heard:?}");
    clients.truncate(99);
    // That one has left is known once its connection has been read to its end.
    let again = (0..50).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        Client::sign_in(&port, USER, &asked.token).1.kinds.ends_with('Z')
    });
    assert!(again);
}

#[test]
fn errors_have_the_codes_of_postgresql() {
    let (asked, port, _) = started();
    let (mut client, _) = Client::sign_in(&port, USER, &asked.token);
    for (sql, code) in [
        ("SELEC 1", "42601"),
        ("SELECT * FROM nothing", "42P01"),
        ("SELECT * FROM product.nothing", "42P01"),
        ("WITH a AS (SELECT 1) SELECT * FROM a, b", "42P01"),
        ("SELECT nothing FROM climate", "42703"),
        ("SELECT device FROM climate a, climate b", "42702"),
        ("SELECT no_such_function(1)", "42883"),
        ("SELECT device, no_such_function(temperature) FROM climate", "42883"),
        ("SELECT 1 / 0", "22012"),
        ("SELECT uptime / 0 FROM climate", "22012"),
        ("SELECT CAST('ten' AS INT)", "22P02"),
        ("SELECT CAST(device AS INT) FROM climate", "22P02"),
        ("SELECT TIMESTAMP 'yesterday'", "22P02"),
        ("DELETE FROM climate", "25006"),
        ("CREATE TABLE x AS SELECT 1", "25006"),
        ("SELECT date_trunc('fortnight', now())", "22023"),
        (&format!("SELECT 1{}", "+1".repeat(5000)), "54001"),
    ] {
        let heard = client.query(sql);
        let sql: String = sql.chars().take(60).collect();
        assert_eq!(heard.error()[..2], ["ERROR", code], "{sql}: {heard:?}");
        assert!(!heard.is_over, "{sql}: the session goes on");
    }
    // A question that is left before its end, and another way to be wrong.
    let heard = client.query("SELECT $1");
    assert_eq!(heard.error()[1], "08P01", "{heard:?}");
    assert_eq!(client.query("SELECT count(*) FROM climate").cells, ["50"]);
}

#[test]
fn what_is_prepared_is_let_go_of_by_name_or_all_of_it() {
    let (asked, port, _) = started();
    let (mut client, _) = Client::sign_in(&port, USER, &asked.token);
    let heard = client.run("one", Some("SELECT 1"));
    assert_eq!((heard.kinds.as_str(), heard.cells), ("12DCZ", vec!["1".to_owned()]));
    assert_eq!(client.run("one", None).cells, ["1"], "it is kept");
    assert_eq!(client.run("one", Some("SELECT 2")).error()[1], "42P05");
    assert_eq!(client.query("DEALLOCATE one").kinds, "CZ");
    assert_eq!(client.run("one", None).error()[1], "26000");
    assert_eq!(client.query("DEALLOCATE one").error()[1], "26000");
    assert_eq!(client.run("one", Some("SELECT 2")).cells, ["2"]);
    assert_eq!(client.query("DEALLOCATE ALL").kinds, "CZ");
    assert_eq!(client.run("one", None).error()[1], "26000");
    for number in 0..1000 {
        client.send(b'P', &[text(&format!("s{number}")), text("SELECT 1"), vec![0, 0]].concat());
    }
    client.send(b'S', &[]);
    assert_eq!(client.hear().errors.len(), 0);
    assert_eq!(client.run("more", Some("SELECT 1")).error()[1], "53400");
    assert_eq!(client.query("DISCARD ALL").kinds, "CZ");
    assert_eq!(client.run("more", Some("SELECT 1")).cells, ["1"]);
}

#[test]
fn what_can_not_be_understood_ends_the_session_with_a_reason() {
    let (asked, port, _) = started();
    let (mut client, _) = Client::sign_in(&port, USER, &asked.token);
    client.send(b'Q', b"SELECT 1");
    let heard = client.hear();
    assert_eq!(heard.error(), ["FATAL", "08P01", "a text has no end"]);
    assert!(heard.is_over, "{heard:?}");
    let (mut client, _) = Client::sign_in(&port, USER, &asked.token);
    client.0.write_all(&[b'Q', 0x7f, 0xff, 0xff, 0xff]).unwrap();
    assert_eq!(client.hear().error(), ["FATAL", "08P01", "a message is too long"]);
    let mut client = Client::connect(&port);
    client.0.write_all(&[0, 0, 0, 8, 0, 2, 0, 0]).unwrap();
    assert_eq!(client.hear().error()[..2], ["FATAL", "0A000"]);
}

#[test]
fn the_product_brings_no_table_that_a_stream_may_be_named_as() {
    let (asked, port, _) = started();
    let (mut client, _) = Client::sign_in(&port, USER, &asked.token);
    let sql = "SELECT DISTINCT table_name FROM information_schema.tables \
               WHERE table_schema <> 'information_schema' ORDER BY 1";
    // Those of the plan are there once there is one.
    let tables = (0..600).find_map(|_| {
        let tables = client.query(sql).cells;
        let is_planned = tables.iter().any(|it| it == "forecast");
        std::thread::sleep(Duration::from_millis(if is_planned { 0 } else { 100 }));
        is_planned.then_some(tables)
    });
    let tables = tables.expect("a plan");
    for name in ["devices", "device_versions", "device_events", "quarantine", "schedule", "teams"] {
        assert!(tables.iter().any(|it| it == name), "{name}: {tables:?}");
    }
    let streams: Vec<&String> =
        tables.iter().filter(|it| !longlead_model::is_own_table(it)).collect();
    assert_eq!(streams, ["climate"], "the rest is of the product, and its names are taken");
}
