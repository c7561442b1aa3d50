//! Signing in: sessions, and how often it may be tried.

use std::time::{Duration, Instant};

use longlead_records::people::{People, SignInError};

use crate::world::{Database, PASSWORD, by, later, owner, stories};

stories! {
    a_session_holds_thirty_days_and_seven_idle;
    sessions_are_listed_and_ended;
    who_is_signed_in_reads_while_nothing_can_be_written;
    guesses_wait_longer_and_longer;
    the_wait_outlives_the_process;
    guesses_at_once_do_not_slip_through;
    guesses_from_one_address_at_many_accounts_wait_too;
    success_lets_an_account_start_afresh;
    an_office_full_of_slips_is_not_locked_out;
    the_addresses_of_one_ipv6_host_count_as_one;
}

const CLIENT: &str = "192.0.2.7";
const DAY: i64 = 24 * 60 * 60;

async fn attempt(people: &People, password: &str, seconds: i64) -> Result<(), u64> {
    match people.sign_in("ada@example.com", password, later(seconds), CLIENT).await {
        Ok(_) => Ok(()),
        Err(SignInError::Wrong) => Err(0),
        Err(SignInError::Throttled { retry_after_seconds }) => Err(retry_after_seconds),
        Err(error) => panic!("{error:?}"),
    }
}

async fn a_session_holds_thirty_days_and_seven_idle(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    owner(&people).await;
    let (session, secret) =
        people.sign_in("ada@example.com", PASSWORD, later(0), CLIENT).await.unwrap();
    assert_eq!(session.expires_at, later(30 * DAY));
    let holds = async |seconds| {
        let found = people.session(secret.expose(), later(seconds)).await.unwrap();
        let last_seen = found.map(|(session, _)| session.last_seen)?;
        // The use is noted in the background.
        for _ in 0..1000 {
            let listed = people.sessions_of(session.user, later(seconds)).await.unwrap();
            if listed.iter().any(|listed| listed.last_seen == last_seen) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(last_seen)
    };
    assert_eq!(holds(59).await, Some(later(0)), "noted once a minute");
    assert_eq!(holds(60).await, Some(later(60)));
    for day in [6, 12, 18, 24, 29] {
        assert!(holds(day * DAY).await.is_some(), "day {day}");
    }
    assert!(holds(30 * DAY - 1).await.is_some());
    assert!(holds(30 * DAY).await.is_none(), "used or not");

    let (_, secret) = people.sign_in("ada@example.com", PASSWORD, later(0), CLIENT).await.unwrap();
    assert!(people.session(secret.expose(), later(7 * DAY)).await.unwrap().is_none(), "idle");
    assert!(people.session("", later(1)).await.unwrap().is_none());
    journal.close().await;
}

async fn who_is_signed_in_reads_while_nothing_can_be_written(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let (_, session) = people.sign_in("ada@example.com", PASSWORD, later(0), CLIENT).await.unwrap();
    let (_, token) = people.create_token(ada.id, "ERP", &[], None, &by(&ada, 1)).await.unwrap();
    // As on a full disk: whatever is written about sessions and tokens fails.
    let sql = if database.url.starts_with("sqlite") {
        "CREATE TRIGGER full_s BEFORE UPDATE ON session BEGIN SELECT RAISE(ABORT, 'full'); END;
         CREATE TRIGGER full_t BEFORE UPDATE ON token BEGIN SELECT RAISE(ABORT, 'full'); END;"
    } else {
        "ALTER TABLE session ADD CONSTRAINT full_s CHECK (seen_us < 0) NOT VALID;
         ALTER TABLE token ADD CONSTRAINT full_t CHECK (seen_us < 0) NOT VALID;"
    };
    database.tamper(sql).await;
    assert!(people.session(session.expose(), later(120)).await.unwrap().is_some());
    assert!(people.token(token.expose(), later(120)).await.unwrap().is_some());
    journal.close().await;
}

async fn sessions_are_listed_and_ended(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let mut begun = Vec::new();
    for seconds in 0..4 {
        let client = format!("192.0.2.{seconds}");
        begun.push(
            people.sign_in("ada@example.com", PASSWORD, later(seconds), &client).await.unwrap(),
        );
    }
    let listed = people.sessions_of(ada.id, later(10)).await.unwrap();
    let clients: Vec<&str> = listed.iter().map(|session| session.client.as_str()).collect();
    assert_eq!(clients, ["192.0.2.3", "192.0.2.2", "192.0.2.1", "192.0.2.0"]);
    assert!(people.revoke_session(begun[0].0.id, &by(&ada, 11)).await.unwrap());
    assert!(!people.revoke_session(begun[0].0.id, &by(&ada, 11)).await.unwrap());
    assert!(people.session(begun[0].1.expose(), later(12)).await.unwrap().is_none());
    assert!(people.sign_out(begun[1].1.expose(), later(12), CLIENT).await.unwrap());
    assert!(!people.sign_out(begun[1].1.expose(), later(12), CLIENT).await.unwrap());
    let ended = people.revoke_all_of(ada.id, Some(begun[3].0.id), &by(&ada, 13)).await.unwrap();
    assert_eq!(ended, 1);
    assert!(people.session(begun[3].1.expose(), later(14)).await.unwrap().is_some());
    assert_eq!(people.sessions_of(ada.id, later(14)).await.unwrap().len(), 1);
    journal.close().await;
}

async fn guesses_wait_longer_and_longer(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    owner(&people).await;
    for _ in 0..5 {
        assert_eq!(attempt(&people, "a wrong password", 100).await, Err(0));
    }
    assert_eq!(attempt(&people, PASSWORD, 100).await, Err(1), "the right one waits too");
    let mut now = 101;
    for wait in [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
        assert_eq!(attempt(&people, "a wrong password", now).await, Err(0));
        assert_eq!(attempt(&people, "a wrong password", now).await, Err(wait));
        now += i64::try_from(wait).unwrap();
        assert_eq!(attempt(&people, "a wrong password", now - 1).await, Err(1));
    }
    assert_eq!(attempt(&people, PASSWORD, now).await, Ok(()));
    journal.close().await;
}

async fn the_wait_outlives_the_process(database: &Database) {
    let journal = database.open().await;
    owner(&journal.people()).await;
    for _ in 0..5 {
        assert_eq!(attempt(&journal.people(), "a wrong password", 100).await, Err(0));
    }
    journal.close().await;
    let journal = database.open().await;
    assert_eq!(attempt(&journal.people(), PASSWORD, 100).await, Err(1));
    assert_eq!(attempt(&journal.people(), PASSWORD, 101).await, Ok(()));
    journal.close().await;
}

async fn guesses_at_once_do_not_slip_through(database: &Database) {
    let journal = database.open().await;
    owner(&journal.people()).await;
    let guesses: Vec<_> = (0..15)
        .map(|_| {
            let people = journal.people();
            tokio::spawn(async move { attempt(&people, "a wrong password", 100).await })
        })
        .collect();
    let mut looked_at = 0;
    for guess in guesses {
        looked_at += usize::from(guess.await.unwrap() == Err(0));
    }
    assert_eq!(looked_at, 5);
    journal.close().await;
}

async fn guesses_from_one_address_at_many_accounts_wait_too(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    owner(&people).await;
    let guess = async |number: u64, client: &str| {
        let email = format!("user{number}@example.com");
        people.sign_in(&email, "a wrong password", later(100), client).await.unwrap_err()
    };
    for number in 0..20 {
        assert!(matches!(guess(number, CLIENT).await, SignInError::Wrong), "{number}");
    }
    assert!(matches!(guess(20, CLIENT).await, SignInError::Throttled { retry_after_seconds: 1 }));
    assert!(matches!(guess(20, "192.0.2.8").await, SignInError::Wrong), "others don't wait");
    journal.close().await;
}

async fn an_office_full_of_slips_is_not_locked_out(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    owner(&people).await;
    // A slip every twenty minutes by someone else, for ten hours; people sign in all the while.
    for slip in 0..30 {
        let email = format!("user{slip}@example.com");
        let refused = people
            .sign_in(&email, "a wrong password", later(slip * 1200), CLIENT)
            .await
            .unwrap_err();
        assert!(matches!(refused, SignInError::Wrong), "slip {slip}: {refused:?}");
        if slip % 10 == 0 {
            assert_eq!(attempt(&people, PASSWORD, slip * 1200 + 600).await, Ok(()), "slip {slip}");
        }
    }
    journal.close().await;
}

async fn the_addresses_of_one_ipv6_host_count_as_one(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    owner(&people).await;
    let guess = async |number: u64, client: &str| {
        let email = format!("user{number}@example.com");
        people.sign_in(&email, "a wrong password", later(100), client).await.unwrap_err()
    };
    for number in 0..20 {
        let client = format!("2001:db8::{number:x}");
        assert!(matches!(guess(number, &client).await, SignInError::Wrong), "{number}");
    }
    assert!(matches!(guess(20, "2001:db8::ffff").await, SignInError::Throttled { .. }));
    assert!(matches!(guess(20, "2001:db8:0:1::1").await, SignInError::Wrong), "another network");
    journal.close().await;
}

async fn success_lets_an_account_start_afresh(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    owner(&people).await;
    for round in 0..3 {
        for _ in 0..4 {
            assert_eq!(attempt(&people, "a wrong password", 100 + round).await, Err(0));
        }
        assert_eq!(attempt(&people, PASSWORD, 100 + round).await, Ok(()));
    }
    // A day later nothing is held against anyone.
    for _ in 0..5 {
        assert_eq!(attempt(&people, "a wrong password", 200).await, Err(0));
    }
    assert_eq!(attempt(&people, PASSWORD, 200).await, Err(1));
    for _ in 0..5 {
        assert_eq!(attempt(&people, "a wrong password", 200 + DAY).await, Err(0));
    }
    journal.close().await;
}

/// Not a benchmark: an address that nobody has must not be told by an answer that comes at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_address_takes_as_long_as_a_wrong_password() {
    let database = Database::sqlite();
    let journal = database.open().await;
    let people = journal.people();
    owner(&people).await;
    let mut fastest = [f64::INFINITY; 2];
    for round in 0..5 {
        for (index, email) in ["ada@example.com", "nobody@example.com"].into_iter().enumerate() {
            let started = Instant::now();
            let client = format!("192.0.2.{round}");
            people.sign_in(email, "a wrong password", later(100), &client).await.unwrap_err();
            fastest[index] = fastest[index].min(started.elapsed().as_secs_f64());
        }
    }
    // Without the comparison it would be a hundredth.
    assert!(fastest[1] > fastest[0] / 5.0, "{fastest:?}");
    journal.close().await;
}
