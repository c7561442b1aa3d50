//! Who devices are: claim tokens, certificates and revocations.

use jiff::Timestamp;
use longlead_model::Bundle;
use longlead_records::devices::{
    COMMANDS_QUEUED_MAX, CertificateProof, ChangeError, ChangeRequest, CommandError, CommandState,
    DeviceCertificate, DeviceChange, Devices, Facts, NewCommand, Serial,
};
use longlead_records::{Actor, Journal, restore};

use crate::world::{Database, later, stories};

stories! {
    a_claim_token_is_good_for_one_key_and_not_for_ever;
    what_was_revoked_is_let_in_again_by_a_person_only;
    who_devices_are_is_backed_up;
    certificates_that_expired_long_ago_are_forgotten;
    a_command_waits_until_it_is_told_what_became_of_it;
}

fn serial(text: &str) -> Serial {
    text.parse().unwrap()
}

fn request(seconds: i64) -> ChangeRequest {
    let (who, why) = (Actor::System, Some("It was stolen".to_owned()));
    ChangeRequest { who, at: later(seconds), why, origin: "api".to_owned() }
}

async fn with_devices(journal: &Journal) -> Devices {
    let devices = journal.devices();
    let change = |text: &str| DeviceChange {
        serial: serial(text),
        since: None,
        facts: Facts::default(),
        given: Vec::new(),
        expected: None,
    };
    let changes = [change("CT-1"), change("CT-2")];
    devices.change(&Bundle::default(), &request(0), &changes).await.unwrap();
    devices
}

fn certificate(number: &str, proof: CertificateProof, since: Timestamp) -> DeviceCertificate {
    let until = since.checked_add(jiff::SignedDuration::from_hours(24 * 90)).unwrap();
    DeviceCertificate { number: number.to_owned(), proof, since, until }
}

async fn a_claim_token_is_good_for_one_key_and_not_for_ever(database: &Database) {
    let devices = with_devices(&database.open().await).await;
    let unknown = devices.make_claim(&serial("CT-9"), 7, &request(1)).await;
    assert!(matches!(unknown, Err(ChangeError::Unknown)), "{unknown:?}");
    let (expires, secret) = devices.make_claim(&serial("CT-1"), 7, &request(1)).await.unwrap();
    assert_eq!(expires, later(1 + 7 * 24 * 3600));
    let ct1 = Some(serial("CT-1"));
    let claim = async |secret: &str, key: &[u8], seconds| {
        devices.use_claim(secret, key, later(seconds)).await.unwrap()
    };
    assert_eq!(claim("claim_guess", b"a", 2).await, None);
    let guess = format!("claim_{}", "0".repeat(64));
    assert_eq!(claim(&guess, b"a", 2).await, None);
    let is_for = async |key: &[u8], seconds| {
        devices.device_of_claim(secret.expose(), key, later(seconds)).await.unwrap()
    };
    assert_eq!((is_for(b"b", 2).await, is_for(b"c", 2).await), (ct1.clone(), ct1.clone()));
    assert_eq!(claim(secret.expose(), b"a", 3).await, ct1);
    assert_eq!(claim(secret.expose(), b"b", 4).await, None, "another's key");
    assert_eq!((is_for(b"b", 4).await, is_for(b"a", 4).await), (None, ct1.clone()));
    assert_eq!(is_for(b"a", 1 + 7 * 24 * 3600).await, None, "too late");
    assert_eq!(claim(secret.expose(), b"a", 5).await, ct1, "whose answer was lost");
    assert_eq!(claim(secret.expose(), b"a", 1 + 7 * 24 * 3600).await, None, "too late");
    let identity = devices.identity(&serial("CT-1")).await.unwrap();
    assert_eq!((identity.claims.len(), identity.claims[0].used), (1, Some(later(3))));
    assert_eq!(devices.identity(&serial("CT-2")).await.unwrap(), Default::default());
    // An empty token binds nothing, and no token of days beyond the highest is made.
    let (expires, _) = devices.make_claim(&serial("CT-1"), 9999, &request(6)).await.unwrap();
    assert_eq!(expires, later(6 + 365 * 24 * 3600));
}

async fn what_was_revoked_is_let_in_again_by_a_person_only(database: &Database) {
    use CertificateProof::{Claim, Factory, Rotation};
    let devices = with_devices(&database.open().await).await;
    let ct1 = serial("CT-1");
    let note = async |number: &str, proof, seconds, shown: Option<i64>| {
        let certificate = certificate(number, proof, later(seconds));
        devices.note_certificate(&ct1, &certificate, shown.map(later)).await.unwrap()
    };
    assert!(note("01", Factory, 10, None).await);
    assert!(note("02", Rotation, 20, Some(10)).await);
    let (_, open) = devices.make_claim(&ct1, 7, &request(21)).await.unwrap();
    devices.revoke(&ct1, &request(30)).await.unwrap();
    assert!(!note("03", Factory, 31, None).await, "the factory's key may be known, too");
    assert!(!note("04", Rotation, 31, Some(20)).await, "by what was revoked");
    assert!(!note("05", Claim, 30, None).await, "that was under way meanwhile");
    assert_eq!(devices.use_claim(open.expose(), b"a", later(32)).await.unwrap(), None);
    let (_, anew) = devices.make_claim(&ct1, 7, &request(33)).await.unwrap();
    let claimed = devices.use_claim(anew.expose(), b"a", later(34)).await.unwrap();
    assert_eq!(claimed, Some(ct1.clone()));
    assert!(note("06", Claim, 34, None).await);
    assert!(note("07", Rotation, 35, Some(34)).await);
    let told = devices.identity(&ct1).await.unwrap();
    let good = told.certificates.iter().filter(|it| told.holds(it, later(40)));
    assert_eq!(good.map(|it| it.number.as_str()).collect::<Vec<_>>(), ["07", "06"]);
    assert_eq!(told.revocations[0].why.as_deref(), Some("It was stolen"));
    devices.revoke(&serial("CT-2"), &request(41)).await.unwrap();
    let all = devices.revoked_after(0).await.unwrap();
    let told: Vec<_> = all.iter().map(|it| (it.1.as_str(), it.2)).collect();
    assert_eq!(told, [("CT-1", later(30)), ("CT-2", later(41))]);
    assert_eq!(devices.revoked_after(all[0].0).await.unwrap(), all[1..]);
    // One that was issued while a request to revoke it was on its way isn't good either.
    assert!(note("08", Claim, 52, None).await);
    devices.revoke(&ct1, &request(51)).await.unwrap();
    let told = devices.identity(&ct1).await.unwrap();
    assert!(!told.certificates.iter().any(|it| told.holds(it, later(53))), "{told:?}");
    assert!(!note("09", Rotation, 53, Some(52)).await);
    let unknown = devices.revoke(&serial("CT-9"), &request(42)).await;
    assert!(matches!(unknown, Err(ChangeError::Unknown)), "{unknown:?}");
}

async fn who_devices_are_is_backed_up(database: &Database) {
    let journal = database.open().await;
    let devices = with_devices(&journal).await;
    let ct1 = serial("CT-1");
    let (_, secret) = devices.make_claim(&ct1, 7, &request(1)).await.unwrap();
    let first = certificate("01", CertificateProof::Claim, later(2));
    assert!(devices.note_certificate(&ct1, &first, None).await.unwrap());
    devices.revoke(&serial("CT-2"), &request(3)).await.unwrap();
    let mut backup = Vec::new();
    journal.backup(later(4), &mut backup).await.unwrap();
    let other = Database::sqlite();
    restore(&other.url, backup.as_slice()).await.unwrap();
    let restored = other.open().await.devices();
    assert_eq!(restored.identity(&ct1).await.unwrap(), devices.identity(&ct1).await.unwrap());
    assert_eq!(restored.revoked_after(0).await.unwrap().len(), 1);
    let claimed = restored.use_claim(secret.expose(), b"a", later(5)).await.unwrap();
    assert_eq!(claimed, Some(ct1), "a token that was handed out is good there");
}

async fn certificates_that_expired_long_ago_are_forgotten(database: &Database) {
    const DAY: i64 = 24 * 3600;
    let devices = with_devices(&database.open().await).await;
    // Each holds for 90 days. CT-2 was heard no more after its second.
    for (device, number, day) in [
        ("CT-1", "01", 0),
        ("CT-2", "02", 0),
        ("CT-2", "03", 60),
        ("CT-1", "04", 60),
        ("CT-1", "05", 120),
        ("CT-1", "06", 600),
    ] {
        let certificate = certificate(number, CertificateProof::Claim, later(day * DAY));
        assert!(devices.note_certificate(&serial(device), &certificate, None).await.unwrap());
    }
    let left = async || {
        let mut left = Vec::new();
        for device in ["CT-1", "CT-2"] {
            let told = devices.identity(&serial(device)).await.unwrap().certificates;
            left.push(told.into_iter().map(|it| it.number).collect::<Vec<_>>().join(" "));
        }
        left
    };
    // One that expired exactly a year ago is kept still.
    for (day, forgotten, expected) in [
        (90 + 365, 0, ["06 05 04 01", "03 02"]),
        (91 + 365, 2, ["06 05 04", "03"]),
        (91 + 365, 0, ["06 05 04", "03"]),
        (180 + 365, 1, ["06 05", "03"]),
        (9000, 1, ["06", "03"]),
    ] {
        assert_eq!(devices.forget_certificates(later(day * DAY)).await.unwrap(), forgotten);
        assert_eq!(left().await, expected, "on day {day}");
    }
}

async fn a_command_waits_until_it_is_told_what_became_of_it(database: &Database) {
    let devices = with_devices(&database.open().await).await;
    let (ct1, ct2) = (serial("CT-1"), serial("CT-2"));
    let command = |name: &str, payload: &str| NewCommand {
        name: name.to_owned(),
        payload: payload.to_owned(),
        expires: later(3600),
    };
    let reboot = command("reboot", r#"{"after":5}"#);
    let first = devices.give_command(&ct1, &reboot, &request(1)).await.unwrap();
    let second = devices.give_command(&ct2, &command("report", "null"), &request(2)).await.unwrap();
    let waiting = devices.queued_commands(0, 10).await.unwrap();
    assert_eq!(waiting[0], (first, ct1.clone(), reboot.clone()));
    assert_eq!(devices.queued_commands(first, 10).await.unwrap().len(), 1);
    devices.end_command(first, CommandState::Delivered, later(3)).await.unwrap();
    devices.end_command(first, CommandState::Expired, later(4)).await.unwrap();
    let told = devices.commands(&ct1).await.unwrap();
    assert_eq!(
        (told.len(), told[0].state, told[0].state_at),
        (1, CommandState::Delivered, later(3))
    );
    assert_eq!(told[0].why.as_deref(), Some("It was stolen"));
    assert_eq!(devices.queued_commands(0, 10).await.unwrap()[0].0, second);
    for wrong in ["", "a/b", "c/#", "+", &"x".repeat(65)] {
        let refused = devices.give_command(&ct1, &command(wrong, "{}"), &request(5)).await;
        assert!(matches!(refused, Err(CommandError::Name)), "{wrong:?}");
    }
    for wrong in ["", "{", "{} {}"] {
        let refused = devices.give_command(&ct1, &command("a", wrong), &request(5)).await;
        assert!(matches!(refused, Err(CommandError::Payload)), "{wrong:?}");
    }
    let late = devices.give_command(&ct1, &reboot, &request(3600)).await;
    assert!(matches!(late, Err(CommandError::Expired)));
    let unknown = devices.give_command(&serial("CT-9"), &reboot, &request(5)).await;
    assert!(matches!(unknown, Err(CommandError::Change(ChangeError::Unknown))));
    for _ in 0..COMMANDS_QUEUED_MAX {
        devices.give_command(&ct1, &reboot, &request(6)).await.unwrap();
    }
    let many = devices.give_command(&ct1, &reboot, &request(7)).await;
    assert!(matches!(many, Err(CommandError::TooMany)));
}
