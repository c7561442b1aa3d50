//! Databases on the command line: loaded, read, backed up, verified, and never made by a slip.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use expect_test::expect;
use tempfile::TempDir;

use crate::{bundles, code, longlead, printed, printed_json, run, stderr, stdout};

/// A folder for databases.
fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The address of a database in a folder.
fn url(folder: &TempDir, name: &str) -> String {
    format!("sqlite:{}", folder.path().join(name).display())
}

/// A database that holds the doorbell.
fn doorbell(folder: &TempDir) -> String {
    let url = url(folder, "doorbell.db");
    printed(&["import", "doorbell", "--database", &url]);
    url
}

/// The doorbell with a text of one of its files changed.
fn changed(folder: &TempDir, from: &str, to: &str) -> String {
    let copy = folder.path().join("changed");
    fs::create_dir_all(&copy).unwrap();
    let mut is_changed = false;
    for entry in fs::read_dir(bundles().join("doorbell")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        is_changed |= text.contains(from);
        fs::write(copy.join(path.file_name().unwrap()), text.replace(from, to)).unwrap();
    }
    assert!(is_changed, "the doorbell has no {from:?}");
    copy.to_string_lossy().into_owned()
}

fn refused(arguments: &[&str], expected: i32, told: &str) {
    let output = run(arguments);
    assert_eq!(code(&output), expected, "{arguments:?}: {}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains(told), "{arguments:?}: {}", stderr(&output));
}

#[test]
fn a_bundle_in_a_database_gives_the_same_answers() {
    let folder = folder();
    let url = doorbell(&folder);
    for command in [&["plan", "--json"][..], &["coverage", "--why"], &["decide"]] {
        let from_database = printed(&[command, &["--database", &url]].concat());
        let mut of_bundle = command.to_vec();
        of_bundle.insert(1, "doorbell");
        assert_eq!(from_database, printed(&of_bundle), "{command:?}");
    }
    for command in ["decide", "explain"] {
        let from_database = printed(&[command, "camera", "--database", &url]);
        assert_eq!(from_database, printed(&[command, "camera", "doorbell"]));
    }
    for format in ["toml", "csv", "mspdi", "ics"] {
        let from_database = printed(&["export", "--format", format, "--database", &url]);
        assert_eq!(from_database, printed(&["export", "doorbell", "--format", format]));
    }
    let scenario = ["compare", "--scenario", "no-camera"];
    let from_database = printed(&[&scenario[..], &["--database", &url]].concat());
    assert_eq!(from_database, printed(&[&scenario[..], &["doorbell"]].concat()));
}

#[test]
fn what_to_ask_next_names_the_database() {
    let folder = folder();
    let url = doorbell(&folder);
    let text = printed(&["plan", "--database", &url]);
    assert!(text.contains(&format!("longlead decide camera --database {url}\n")), "{text}");
}

#[test]
fn a_dry_run_tells_what_would_change_and_makes_nothing() {
    let folder = folder();
    let url = url(&folder, "new.db");
    let text = printed(&["import", "doorbell", "--database", &url, "--dry-run"]);
    assert!(text.contains("+ decision/camera  Camera on rev B?"), "{text}");
    assert!(text.contains("would change in"), "{text}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "no database was made");
}

#[test]
fn an_import_shows_what_it_changes_and_is_one_change_set() {
    let folder = folder();
    let url = doorbell(&folder);
    let bundle = changed(&folder, "target = 2027-08-31", "target = 2027-09-30");
    let text = printed(&["import", &bundle, "--database", &url, "--dry-run"]);
    expect![[r#"
        Changed (1)
          ~ feature/snapshot  Snapshot on ring
              − target = 2027-08-31
              + target = 2027-09-30

        1 record would change in DATABASE; nothing was.
    "#]]
    .assert_eq(&text.replace(&url, "DATABASE"));
    let text = printed(&["import", &bundle, "--database", &url, "--why", "The fair moved"]);
    assert!(text.contains("as change set 2."), "{text}");
    assert_eq!(printed(&["import", &bundle, "--database", &url]), "Nothing differs.\n");
    let told = printed_json(&["import", "doorbell", "--database", &url, "--json"]);
    assert_eq!(told["sequence"], 3);
    assert_eq!(told["changed"][0]["key"], "feature/snapshot");
}

#[test]
fn what_an_import_does_not_have_is_removed_only_if_asked_for() {
    let folder = folder();
    let url = doorbell(&folder);
    let bundle = changed(&folder, "title = \"Doorbell\"", "title = \"Doorbell\"");
    let plan = Path::new(&bundle).join("plan.toml");
    let text = fs::read_to_string(&plan).unwrap();
    let (before, rest) = text.split_once("[[decision]]\nid = \"fair\"").unwrap();
    let after = rest.find("\n[[").map_or("", |end| &rest[end..]);
    fs::write(&plan, format!("{before}{after}")).unwrap();
    expect![[r#"
        Nothing differs.
        1 record of the database is not in the import and stays as it is; --remove removes it.
    "#]]
    .assert_eq(&printed(&["import", &bundle, "--database", &url]));
    assert!(printed(&["decide", "--database", &url]).contains("Show rev B at the fair?"));
    let removed = printed(&["import", &bundle, "--database", &url, "--remove"]);
    assert!(removed.contains("− decision/fair"), "{removed}");
    assert!(!printed(&["decide", "--database", &url]).contains("Show rev B at the fair?"));
}

#[test]
fn an_import_that_contradicts_what_is_there_changes_nothing() {
    let folder = folder();
    let url = doorbell(&folder);
    let file = folder.path().join("fair.toml");
    let text =
        "[[activity]]\nid = \"spring-fair\"\ntitle = \"Fair\"\nwork = { estimate = \"3 d\" }\n";
    fs::write(&file, text).unwrap();
    let file = file.to_string_lossy();
    for dry_run in [&["--dry-run"][..], &[]] {
        let output = run(&[&["import", &file, "--database", &url], dry_run].concat());
        assert_eq!(code(&output), 2, "{}", stderr(&output));
        let told = stdout(&output);
        assert!(told.contains("`spring-fair` is both an activity and a milestone"), "{told}");
        assert!(told.ends_with("the product would have errors.\n"), "{told}");
    }
    assert_eq!(printed_json(&["verify", "--database", &url, "--json"])["change_sets"], 1);
}

#[test]
fn a_bundle_with_errors_changes_nothing() {
    let folder = folder();
    let url = doorbell(&folder);
    refused(&["import", "broken", "--database", &url], 2, "broken/product.toml:7:11");
    assert_eq!(printed_json(&["verify", "--database", &url, "--json"])["change_sets"], 1);
}

#[test]
fn a_table_of_activities_can_be_loaded_as_well() {
    let folder = folder();
    let url = doorbell(&folder);
    let file = folder.path().join("plan.csv");
    fs::write(&file, "id,title,estimate,after\nflyer,Print the flyer,5 d,\n").unwrap();
    let text = printed(&["import", &file.to_string_lossy(), "--database", &url]);
    assert!(text.contains("+ activity/flyer  Print the flyer"), "{text}");
}

#[test]
fn the_past_can_be_planned_exported_and_compared() {
    let folder = folder();
    let url = doorbell(&folder);
    let between = jiff::Timestamp::now().to_string();
    let bundle = changed(&folder, "target = 2027-08-31", "target = 2027-09-30");
    printed(&["import", &bundle, "--database", &url]);
    let at = ["--database", &url, "--at", &between];
    let exported = printed(&[&["export", "--format", "toml"], &at[..]].concat());
    assert_eq!(exported, printed(&["export", "doorbell", "--format", "toml"]));
    let compared = printed(&[&["compare"], &at[..]].concat());
    assert!(compared.starts_with("Today  against the plan of "), "{compared}");
    assert!(compared.contains("launch:snapshot"), "{compared}");
    let tomorrow = printed(&["plan", "--database", &url, "--at", "2999-01-01", "--json"]);
    assert_eq!(tomorrow, printed(&["plan", "--database", &url, "--json"]));
    let before = ["plan", "--database", &url, "--at", "2020-01-01"];
    refused(&before, 3, "had no records yet at 2020-01-01");
}

#[test]
fn a_past_without_a_day_of_its_own_is_planned_as_of_then() {
    let folder = folder();
    let url = url(&folder, "dayless.db");
    let bundle = changed(&folder, "as_of = 2027-01-04\n", "");
    printed(&["import", &bundle, "--database", &url]);
    let forecast =
        printed_json(&["plan", "--database", &url, "--at", "2999-01-01", "--json", "--all"]);
    assert_eq!(forecast["as_of"], "2999-01-01");
}

#[test]
fn a_backup_is_private_whole_and_never_overwritten_by_accident() {
    let folder = folder();
    let url = doorbell(&folder);
    let file = folder.path().join("backup").to_string_lossy().into_owned();
    let text = printed(&["backup", &file, "--database", &url]);
    assert!(text.contains("1 change set."), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    refused(&["backup", &file, "--database", &url], 3, "--force overwrites it");
    printed(&["backup", &file, "--database", &url, "--force"]);
}

#[test]
fn a_restored_database_is_the_one_that_was_backed_up() {
    let folder = folder();
    let (first, second) = (doorbell(&folder), url(&folder, "second.db"));
    let file = folder.path().join("backup").to_string_lossy().into_owned();
    printed(&["backup", &file, "--database", &first]);
    let text = printed(&["restore", &file, "--database", &second]);
    assert!(text.starts_with("Restored 1 change set into "), "{text}");
    let plan = |url: &str| printed(&["plan", "--database", url, "--json"]);
    assert_eq!(plan(&first), plan(&second));
    printed(&["verify", "--database", &second]);
    refused(&["restore", &file, "--database", &first], 3, "isn't empty");
}

#[test]
fn a_file_that_is_no_whole_backup_is_refused_with_its_line() {
    let folder = folder();
    let url = doorbell(&folder);
    let file = folder.path().join("backup");
    let shown = file.to_string_lossy().into_owned();
    printed(&["backup", &shown, "--database", &url]);
    let whole = fs::read_to_string(&file).unwrap();
    let new = format!("{url}.new");
    for (text, told) in [
        (&whole[..whole.len() / 2], "backup:"),
        (&whole.replace("Snapshot on ring", "Snapshot on rinG"), "of the backup"),
        ("id = \"x\"\n", "this is no backup of Longlead"),
    ] {
        fs::write(&file, text).unwrap();
        refused(&["restore", &shown, "--database", &new], 2, told);
    }
    fs::write(&file, &whole).unwrap();
    printed(&["restore", &shown, "--database", &new]);
    refused(&["restore", "no-such-file", "--database", &new], 3, "`no-such-file` can't be read");
}

#[test]
fn an_altered_journal_is_found() {
    let folder = folder();
    let url = doorbell(&folder);
    let text = printed(&["verify", "--database", &url]);
    assert!(text.starts_with("✓ 1 change set, none altered or missing"), "{text}");
    let file = folder.path().join("doorbell.db");
    let mut bytes = fs::read(&file).unwrap();
    let was = b"Snapshot on ring";
    let places: Vec<usize> =
        (0..bytes.len() - was.len()).filter(|at| bytes[*at..].starts_with(was)).collect();
    assert!(!places.is_empty(), "the journal keeps texts as they are");
    for at in places {
        bytes[at + was.len() - 1] = b'G';
    }
    fs::write(&file, bytes).unwrap();
    let output = run(&["verify", "--database", &url]);
    assert_eq!(code(&output), 2, "{}", stderr(&output));
    assert!(stdout(&output).starts_with("✗ change set 1 is damaged: "), "{}", stdout(&output));
    let output = run(&["verify", "--database", &url, "--json"]);
    let told: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((&told["intact"], &told["sequence"]), (&false.into(), &1.into()));
    refused(&["plan", "--database", &url], 3, "change set 1 of the journal is damaged");
}

#[test]
fn a_misspelt_database_is_told_and_not_made() {
    let folder = folder();
    let url = url(&folder, "misspelt.db");
    for command in [
        &["plan"][..],
        &["export", "--format", "toml"],
        &["backup", "file"],
        &["verify"],
        &["user", "list"],
    ] {
        refused(&[command, &["--database", &url]].concat(), 3, "there is no database");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    refused(&["plan", "--database", "longlead.db"], 3, "write `sqlite:PATH`");
}

/// A server that is stopped when the test ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(url: &str) -> Server {
    let mut command = longlead(&["serve", "--database", url, "--listen", "127.0.0.1:0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let server = Server(child);
    let first = lines.next().expect("the server says where it is").unwrap();
    assert!(first.contains(" at http://127.0.0.1:"), "{first}");
    server
}

#[test]
fn a_database_that_a_server_has_open_is_told() {
    let folder = folder();
    let url = doorbell(&folder);
    let server = serve(&url);
    for command in [&["plan"][..], &["verify"], &["user", "list"], &["import", "doorbell"]] {
        let arguments = [command, &["--database", &url]].concat();
        refused(&arguments, 3, "is open in another process: stop that server first");
    }
    drop(server);
    printed(&["verify", "--database", &url]);
}

#[test]
fn whoever_is_locked_out_gets_a_link() {
    let folder = folder();
    let url = doorbell(&folder);
    let at = ["--database", &url];
    let add = ["user", "add", "me@doorbell.example"];
    refused(&[&add[..], &at].concat(), 3, "name yours with --organisation");
    let owner = ["--role", "owner", "--organisation", "Doorbell"];
    let text = printed(&[&add[..], &owner, &at].concat());
    assert!(text.starts_with("me@doorbell.example can sign in as owner"), "{text}");
    assert!(text.contains("\n  http://127.0.0.1:7420/welcome/"), "{text}");
    refused(&[&add[..], &at].concat(), 3, "another user has the address");
    printed(&[&["user", "add", "you@doorbell.example", "--name", "You"], &at[..]].concat());
    let listed = printed(&[&["user", "list"], &at[..]].concat());
    let lines: Vec<&str> = listed.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "e-mail                name                 role    organisation  state    last seen",
            "you@doorbell.example  You                  viewer  Doorbell      invited  –",
            "me@doorbell.example   me@doorbell.example  owner   Doorbell      invited  –",
        ]
    );
    let address = ["--address", "https://plan.doorbell.example/", "--json"];
    let reset = [&["user", "reset", "ME@doorbell.example"], &address[..], &at].concat();
    let link = |told: serde_json::Value| told["link"].as_str().unwrap().to_owned();
    let (first, second) = (link(printed_json(&reset)), link(printed_json(&reset)));
    assert!(first.starts_with("https://plan.doorbell.example/welcome/"), "{first}");
    assert_ne!(first, second, "a new link replaces the one before");
    let near = ["user", "reset", "mi@doorbell.example"];
    refused(&[&near, &at[..]].concat(), 3, "did you mean `me@doorbell.example`?");
    refused(&[&add[..], &["--role", "king"], &at].concat(), 64, "the roles are owner, product");
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    for arguments in [
        &["plan", "--at", "2026-08-01"][..],
        &["plan", "doorbell", "--database", "sqlite:x.db"],
        &["plan", "--database", "sqlite:x.db", "--at", "soon"],
        &["compare", "doorbell", "doorbell", "--database", "sqlite:x.db"],
        &["import", "doorbell"],
        &["import", "doorbell", "--output", "x", "--database", "sqlite:x.db"],
        &["import", "doorbell", "--output", "x", "--dry-run"],
        &["backup", "x"],
    ] {
        let output = run(arguments);
        assert_eq!(code(&output), 64, "{arguments:?}: {}", stderr(&output));
    }
}
