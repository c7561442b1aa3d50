//! Organisations, users, links, tokens, shares, and the audit log.

use longlead_records::people::{
    AuditEvent, AuditFilter, FirstOwner, NewUser, OneTime, OneTimeError, OrganisationKind,
    PasswordError, People, Role, Scope, ShareLevel, User, UserChange, UserError,
};
use longlead_records::{Actor, ChangeFilter, Expected};

use crate::world::{Database, PASSWORD, by, key, later, owner, stories, titled};

stories! {
    the_first_owner_is_made_once;
    a_link_is_used_exactly_once;
    a_link_expires;
    a_newer_link_replaces_the_one_before;
    an_invited_user_sets_a_password_and_signs_in;
    a_password_has_a_length;
    a_password_is_changed_with_the_old_one;
    an_address_is_one_whatever_its_case;
    the_last_owner_stays;
    two_owners_cannot_both_step_down_at_once;
    a_disabled_user_is_out_at_once;
    a_stolen_token_ends_with_the_password_and_does_not_come_back;
    a_token_is_told_once_and_holds_until_it_ends;
    a_record_is_shared_and_taken_back;
    the_audit_log_tells_it_all;
    the_journal_names_people_as_they_are_called_today;
}

const CLIENT: &str = "192.0.2.7";

async fn invite(people: &People, owner: &User, email: &str, role: Role) -> (User, String) {
    let new = NewUser {
        email: email.to_owned(),
        name: "Grace".to_owned(),
        role,
        organisation: owner.organisation,
        discipline: Some("firmware".to_owned()),
    };
    let (user, secret) = people.create_user(&new, &by(owner, 10)).await.unwrap();
    (user, secret.expose().to_owned())
}

async fn with_password(people: &People, owner: &User, email: &str, role: Role) -> User {
    let (_, secret) = invite(people, owner, email, role).await;
    people.set_password_once(&secret, PASSWORD, later(20), CLIENT).await.unwrap()
}

async fn the_first_owner_is_made_once(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let old = people.first_owner(later(0)).await.unwrap().unwrap();
    let secret = people.first_owner(later(1)).await.unwrap().unwrap();
    assert_eq!(people.one_time(old.expose(), later(2)).await.unwrap(), None);
    let kind = people.one_time(secret.expose(), later(2)).await.unwrap();
    assert_eq!(kind, Some(OneTime::FirstOwner));
    let ada = FirstOwner {
        email: "ada@example.com".to_owned(),
        name: "Ada".to_owned(),
        organisation: "Cold Track".to_owned(),
    };
    let accept = async |secret: &str, password: &str| {
        people.accept_first_owner(secret, &ada, password, later(3), CLIENT).await
    };
    let short = accept(secret.expose(), "short").await;
    assert!(matches!(short, Err(OneTimeError::Password(PasswordError::TooShort))), "{short:?}");
    let (one, other) =
        tokio::join!(accept(secret.expose(), PASSWORD), accept(secret.expose(), PASSWORD));
    assert_eq!(one.is_ok(), other.is_err(), "{one:?} {other:?}");
    let users = people.users().await.unwrap();
    assert_eq!(users.len(), 1);
    assert_eq!((users[0].role, users[0].invited), (Role::Owner, false));
    let organisations = people.organisations().await.unwrap();
    assert_eq!(organisations[0].kind, OrganisationKind::Own);
    assert_eq!(people.first_owner(later(4)).await.unwrap(), None);
    people.sign_in("ada@example.com", PASSWORD, later(5), CLIENT).await.unwrap();
    journal.close().await;
}

async fn a_link_is_used_exactly_once(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let (grace, secret) = invite(&people, &ada, "grace@example.com", Role::Firmware).await;
    assert!(grace.invited);
    let found = people.one_time(&secret, later(20)).await.unwrap();
    assert!(matches!(found, Some(OneTime::User(user)) if user.id == grace.id));
    let set = async || people.set_password_once(&secret, PASSWORD, later(20), CLIENT).await;
    let (one, other) = tokio::join!(set(), set());
    assert_eq!(one.is_ok(), other.is_err(), "{one:?} {other:?}");
    let third = set().await;
    assert!(matches!(third, Err(OneTimeError::Gone)), "{third:?}");
    let unknown = people.set_password_once("no-such-link", PASSWORD, later(20), CLIENT).await;
    assert!(matches!(unknown, Err(OneTimeError::Gone)), "{unknown:?}");
    journal.close().await;
}

async fn a_link_expires(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let (_, secret) = invite(&people, &ada, "grace@example.com", Role::Firmware).await;
    let three_days = 10 + 72 * 60 * 60;
    assert!(people.one_time(&secret, later(three_days - 1)).await.unwrap().is_some());
    assert!(people.one_time(&secret, later(three_days)).await.unwrap().is_none());
    let late = people.set_password_once(&secret, PASSWORD, later(three_days), CLIENT).await;
    assert!(matches!(late, Err(OneTimeError::Gone)), "{late:?}");
    journal.close().await;
}

async fn a_newer_link_replaces_the_one_before(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let (grace, old) = invite(&people, &ada, "grace@example.com", Role::Firmware).await;
    let new = people.issue_link(grace.id, &by(&ada, 11)).await.unwrap();
    assert_eq!(people.one_time(&old, later(12)).await.unwrap(), None);
    people.set_password_once(new.expose(), PASSWORD, later(12), CLIENT).await.unwrap();
    // A later link, for a forgotten password, ends the sessions that someone may have begun.
    let session = people.sign_in("grace@example.com", PASSWORD, later(13), CLIENT).await.unwrap();
    let reset = people.issue_link(grace.id, &by(&ada, 14)).await.unwrap();
    let other = "another long password";
    people.set_password_once(reset.expose(), other, later(15), CLIENT).await.unwrap();
    assert_eq!(people.session(session.1.expose(), later(16)).await.unwrap(), None);
    people.sign_in("grace@example.com", other, later(16), CLIENT).await.unwrap();
    journal.close().await;
}

async fn an_invited_user_sets_a_password_and_signs_in(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let (_, secret) = invite(&people, &ada, "grace@example.com", Role::Firmware).await;
    let early = people.sign_in("grace@example.com", "", later(11), CLIENT).await;
    assert!(early.is_err(), "no password is none");
    people.set_password_once(&secret, PASSWORD, later(12), CLIENT).await.unwrap();
    let (session, secret) =
        people.sign_in(" GRACE@example.com", PASSWORD, later(13), CLIENT).await.unwrap();
    let (found, user) = people.session(secret.expose(), later(14)).await.unwrap().unwrap();
    assert_eq!(found, session);
    assert_eq!((user.name.as_str(), user.role), ("Grace", Role::Firmware));
    assert_eq!(user.discipline.as_deref(), Some("firmware"));
    assert_eq!(user.last_seen, Some(later(13)));
    journal.close().await;
}

async fn a_password_has_a_length(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let change =
        async |new: &str| people.change_password(ada.id, PASSWORD, new, None, &by(&ada, 10)).await;
    assert!(matches!(change("eleven char").await, Err(PasswordError::TooShort)));
    assert!(matches!(change(&"x".repeat(1025)).await, Err(PasswordError::TooLong)));
    // Characters count, not bytes.
    change("zwölf Wörter").await.unwrap();
    let long = "x".repeat(1024);
    people.change_password(ada.id, "zwölf Wörter", &long, None, &by(&ada, 11)).await.unwrap();
    people.sign_in("ada@example.com", &long, later(12), CLIENT).await.unwrap();
    let longer = "x".repeat(100_000);
    people.sign_in("ada@example.com", &longer, later(13), CLIENT).await.unwrap_err();
    journal.close().await;
}

async fn a_password_is_changed_with_the_old_one(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let here = people.sign_in("ada@example.com", PASSWORD, later(10), CLIENT).await.unwrap();
    let there = people.sign_in("ada@example.com", PASSWORD, later(11), CLIENT).await.unwrap();
    let new = "a new long password";
    let wrong = people.change_password(ada.id, "not the old one", new, None, &by(&ada, 12)).await;
    assert!(matches!(wrong, Err(PasswordError::Wrong)), "{wrong:?}");
    let but = Some(here.0.id);
    people.change_password(ada.id, PASSWORD, new, but, &by(&ada, 13)).await.unwrap();
    assert!(people.session(here.1.expose(), later(14)).await.unwrap().is_some());
    assert!(people.session(there.1.expose(), later(14)).await.unwrap().is_none());
    people.sign_in("ada@example.com", PASSWORD, later(15), CLIENT).await.unwrap_err();
    people.sign_in("ada@example.com", new, later(15), CLIENT).await.unwrap();
    // Guesses of someone who found an open session are throttled as those at the door.
    for _ in 0..5 {
        let _ = people.change_password(ada.id, "guess", new, None, &by(&ada, 20)).await;
    }
    let throttled = people.change_password(ada.id, new, new, None, &by(&ada, 20)).await;
    assert!(matches!(throttled, Err(PasswordError::Throttled { .. })), "{throttled:?}");
    journal.close().await;
}

async fn an_address_is_one_whatever_its_case(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let mut new = NewUser {
        email: "ADA@EXAMPLE.COM".to_owned(),
        name: "Another".to_owned(),
        role: Role::Viewer,
        organisation: ada.organisation,
        discipline: None,
    };
    let taken = people.create_user(&new, &by(&ada, 10)).await;
    assert!(matches!(taken, Err(UserError::EmailTaken(_))), "{taken:?}");
    for email in ["", "ada", "@example.com", "a b@example.com", "a@b@c", "ada@"] {
        new.email = email.to_owned();
        let refused = people.create_user(&new, &by(&ada, 10)).await;
        assert!(matches!(refused, Err(UserError::NoEmail(_))), "{email}: {refused:?}");
    }
    new.email = "grace@example.com".to_owned();
    new.organisation = 999.into();
    let refused = people.create_user(&new, &by(&ada, 10)).await;
    assert!(matches!(refused, Err(UserError::NoOrganisation)), "{refused:?}");
    new.name = " ".to_owned();
    let refused = people.create_user(&new, &by(&ada, 10)).await;
    assert!(matches!(refused, Err(UserError::NoName)), "{refused:?}");
    assert_eq!(people.users().await.unwrap().len(), 1, "what was refused left nothing");
    journal.close().await;
}

async fn the_last_owner_stays(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let step_down = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
    let disable = UserChange { disabled: Some(true), ..UserChange::default() };
    for change in [&step_down, &disable] {
        let refused = people.change_user(ada.id, change, &by(&ada, 10)).await;
        assert!(matches!(refused, Err(UserError::LastOwner)), "{refused:?}");
    }
    // One who has no password yet can't run anything.
    let (_, secret) = invite(&people, &ada, "grace@example.com", Role::Owner).await;
    let refused = people.change_user(ada.id, &step_down, &by(&ada, 11)).await;
    assert!(matches!(refused, Err(UserError::LastOwner)), "{refused:?}");
    people.set_password_once(&secret, PASSWORD, later(12), CLIENT).await.unwrap();
    let changed = people.change_user(ada.id, &step_down, &by(&ada, 13)).await.unwrap();
    assert_eq!(changed.role, Role::Viewer);
    journal.close().await;
}

async fn two_owners_cannot_both_step_down_at_once(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let grace = with_password(&people, &ada, "grace@example.com", Role::Owner).await;
    let step_down = UserChange { role: Some(Role::Viewer), ..UserChange::default() };
    let (by_ada, by_grace) = (by(&ada, 30), by(&grace, 30));
    let (one, other) = tokio::join!(
        people.change_user(ada.id, &step_down, &by_ada),
        people.change_user(grace.id, &step_down, &by_grace),
    );
    assert_eq!(one.is_ok(), other.is_err(), "{one:?} {other:?}");
    journal.close().await;
}

async fn a_disabled_user_is_out_at_once(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let grace = with_password(&people, &ada, "grace@example.com", Role::Supply).await;
    let session = people.sign_in("grace@example.com", PASSWORD, later(21), CLIENT).await.unwrap();
    let scopes = [Scope::ReadRecords];
    let (_, token) =
        people.create_token(grace.id, "ERP", &scopes, None, &by(&grace, 22)).await.unwrap();
    let link = people.issue_link(grace.id, &by(&ada, 23)).await.unwrap();
    let disable = UserChange { disabled: Some(true), ..UserChange::default() };
    people.change_user(grace.id, &disable, &by(&ada, 24)).await.unwrap();
    assert!(people.session(session.1.expose(), later(25)).await.unwrap().is_none());
    assert!(people.token(token.expose(), later(25)).await.unwrap().is_none());
    let used = people.set_password_once(link.expose(), PASSWORD, later(25), CLIENT).await;
    assert!(matches!(used, Err(OneTimeError::Gone)), "{used:?}");
    let wrong = people.sign_in("grace@example.com", "a wrong password", later(26), CLIENT).await;
    assert_eq!(wrong.unwrap_err().to_string(), "the address or the password is wrong");
    let right = people.sign_in("grace@example.com", PASSWORD, later(27), CLIENT).await;
    assert_eq!(right.unwrap_err().to_string(), "this account is disabled");
    let enable = UserChange { disabled: Some(false), ..UserChange::default() };
    people.change_user(grace.id, &enable, &by(&ada, 28)).await.unwrap();
    assert!(people.session(session.1.expose(), later(29)).await.unwrap().is_none());
    people.sign_in("grace@example.com", PASSWORD, later(30), CLIENT).await.unwrap();
    journal.close().await;
}

async fn a_stolen_token_ends_with_the_password_and_does_not_come_back(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let grace = with_password(&people, &ada, "grace@example.com", Role::Supply).await;
    let make = async |seconds| {
        let by = by(&grace, seconds);
        people.create_token(grace.id, "ERP", &[Scope::ReadRecords], None, &by).await.unwrap().1
    };
    let holds = async |token: &longlead_records::people::Secret| {
        people.token(token.expose(), later(50)).await.unwrap().is_some()
    };
    let token = make(21).await;
    assert!(holds(&token).await);
    let link = people.issue_link(grace.id, &by(&ada, 22)).await.unwrap();
    people.set_password_once(link.expose(), PASSWORD, later(23), CLIENT).await.unwrap();
    assert!(!holds(&token).await, "a new password");

    let token = make(24).await;
    people.sign_out_everywhere(grace.id, &by(&ada, 25)).await.unwrap();
    assert!(!holds(&token).await, "signed out everywhere");

    let token = make(26).await;
    let change = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
    people.change_user(grace.id, &change(true), &by(&ada, 27)).await.unwrap();
    people.change_user(grace.id, &change(false), &by(&ada, 28)).await.unwrap();
    assert!(!holds(&token).await, "disabled and enabled again");
    let filter = AuditFilter { event: Some(AuditEvent::TokenRevoked), ..AuditFilter::default() };
    assert_eq!(people.audit(&filter).await.unwrap().len(), 3);
    journal.close().await;
}

async fn a_token_is_told_once_and_holds_until_it_ends(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let scopes = [Scope::ReadInsights, Scope::ReadRecords, Scope::ReadRecords];
    let (token, secret) = people
        .create_token(ada.id, "Dashboard", &scopes, Some(later(100)), &by(&ada, 10))
        .await
        .unwrap();
    assert_eq!(token.scopes, [Scope::ReadRecords, Scope::ReadInsights]);
    assert!(secret.expose().starts_with("longlead_"));
    assert!(!format!("{secret:?}").contains(secret.expose()), "logs don't tell it");
    let (found, user) = people.token(secret.expose(), later(99)).await.unwrap().unwrap();
    assert_eq!((found.id, user.id, found.last_seen), (token.id, ada.id, Some(later(99))));
    assert!(people.token(secret.expose(), later(100)).await.unwrap().is_none());

    let (other, secret) =
        people.create_token(ada.id, "ERP", &[], None, &by(&ada, 11)).await.unwrap();
    assert!(people.token(secret.expose(), later(9_999_999)).await.unwrap().is_some());
    assert!(people.revoke_token(other.id, &by(&ada, 12)).await.unwrap());
    assert!(!people.revoke_token(other.id, &by(&ada, 13)).await.unwrap());
    assert!(people.token(secret.expose(), later(14)).await.unwrap().is_none());
    let tokens = people.tokens_of(ada.id).await.unwrap();
    assert_eq!(tokens.len(), 2, "the journal tells of revoked ones too");
    assert_eq!(tokens[0].revoked_at, Some(later(12)));
    let nobody = people.create_token(99.into(), "ERP", &[], None, &by(&ada, 15)).await;
    assert!(matches!(nobody, Err(UserError::NoUser)), "{nobody:?}");
    journal.close().await;
}

async fn a_record_is_shared_and_taken_back(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let lab =
        people.create_organisation("Test lab", OrganisationKind::Lab, &by(&ada, 10)).await.unwrap();
    let record = key("certificate/ce-red");
    let add = async |level| people.add_share(lab.id, &record, level, &by(&ada, 11)).await.unwrap();
    let first = add(ShareLevel::View).await;
    let again = add(ShareLevel::Edit).await;
    assert_eq!(first.id, again.id);
    assert_eq!(people.shares(Some(lab.id)).await.unwrap(), std::slice::from_ref(&again));
    assert_eq!(people.shares(Some(ada.organisation)).await.unwrap(), []);
    assert_eq!(people.shares(None).await.unwrap().len(), 1);
    let nobody = people.add_share(99.into(), &record, ShareLevel::View, &by(&ada, 12)).await;
    assert!(matches!(nobody, Err(UserError::NoOrganisation)), "{nobody:?}");
    assert!(people.remove_share(again.id, &by(&ada, 13)).await.unwrap());
    assert!(!people.remove_share(again.id, &by(&ada, 14)).await.unwrap());
    let kind = OrganisationKind::Supplier;
    people.change_organisation(lab.id, "Lab AG", kind, &by(&ada, 15)).await.unwrap();
    let names: Vec<String> =
        people.organisations().await.unwrap().into_iter().map(|found| found.name).collect();
    assert_eq!(names, ["Cold Track", "Lab AG"]);
    journal.close().await;
}

async fn the_audit_log_tells_it_all(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let grace = with_password(&people, &ada, "grace@example.com", Role::Viewer).await;
    let session = people.sign_in("grace@example.com", PASSWORD, later(21), CLIENT).await.unwrap();
    people.sign_in("grace@example.com", "a wrong password", later(22), CLIENT).await.unwrap_err();
    people.sign_in("nobody@example.com", "a wrong password", later(22), CLIENT).await.unwrap_err();
    people.sign_out(session.1.expose(), later(23), CLIENT).await.unwrap();
    let session = people.sign_in("grace@example.com", PASSWORD, later(24), CLIENT).await.unwrap();
    people.revoke_session(session.0.id, &by(&ada, 25)).await.unwrap();
    people.revoke_all_of(grace.id, None, &by(&ada, 26)).await.unwrap();
    let change = UserChange {
        role: Some(Role::Product),
        name: Some("Grace H.".to_owned()),
        ..UserChange::default()
    };
    people.change_user(grace.id, &change, &by(&ada, 27)).await.unwrap();
    people.append_audit(&by(&ada, 28), AuditEvent::BackupTaken, "12 rows").await.unwrap();
    let log = people.audit(&AuditFilter::default()).await.unwrap();
    let events: Vec<AuditEvent> = log.iter().rev().map(|entry| entry.event).collect();
    assert_eq!(
        events,
        [
            AuditEvent::FirstOwner,
            AuditEvent::UserInvited,
            AuditEvent::PasswordSet,
            AuditEvent::SignedIn,
            AuditEvent::SignInFailed,
            AuditEvent::SignInFailed,
            AuditEvent::SignedOut,
            AuditEvent::SignedIn,
            AuditEvent::SessionRevoked,
            AuditEvent::SessionsRevoked,
            AuditEvent::RoleChanged,
            AuditEvent::UserChanged,
            AuditEvent::BackupTaken,
        ]
    );
    assert_eq!((log[0].who_name.as_str(), log[0].detail.as_str()), ("Ada", "12 rows"));
    let failed = log.iter().find(|entry| entry.event == AuditEvent::SignInFailed).unwrap();
    assert_eq!((failed.who, failed.client.as_str()), (Actor::System, CLIENT));
    let role = log.iter().find(|entry| entry.event == AuditEvent::RoleChanged).unwrap();
    assert_eq!(role.detail, "grace@example.com: viewer to product");
    let filter = AuditFilter {
        who: Some(ada.id),
        event: Some(AuditEvent::SessionRevoked),
        since: Some(later(20)),
        until: Some(later(30)),
        before_id: Some(log[0].id),
        limit: Some(5),
    };
    assert_eq!(people.audit(&filter).await.unwrap().len(), 1);
    journal.close().await;
}

async fn the_journal_names_people_as_they_are_called_today(database: &Database) {
    let journal = database.open().await;
    let people = journal.people();
    let ada = owner(&people).await;
    let (token, _) = people.create_token(ada.id, "ERP", &[], None, &by(&ada, 10)).await.unwrap();
    let mut request = titled("BLE", Expected::Any);
    request.who = Actor::User(ada.id);
    journal.commit(request).await.unwrap();
    let mut request = titled("BLE 5", Expected::Any);
    request.who = Actor::Token(token.id, ada.id);
    journal.commit(request).await.unwrap();
    let change = UserChange { name: Some("Ada L.".to_owned()), ..UserChange::default() };
    people.change_user(ada.id, &change, &by(&ada, 12)).await.unwrap();
    let filter = ChangeFilter { who: Some(ada.id), ..ChangeFilter::default() };
    let names: Vec<String> =
        journal.changes(&filter).await.unwrap().into_iter().map(|change| change.who_name).collect();
    assert_eq!(names, ["Ada L. (ERP)", "Ada L."]);
    journal.verify().await.unwrap();
    journal.close().await;
}
