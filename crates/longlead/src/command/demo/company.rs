//! The demo's people and records: accounts of every role, a partner, and a journal with a past.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use longlead_horizon::Ask;
use longlead_model::{Kind, RecordKey};
use longlead_records::people::{
    By, NewUser, Organisation, OrganisationKind, People, Role, Scope, ShareLevel, UserId,
};
use longlead_records::{Actor, CommitRequest, Expected, Journal, VersionedEdit};
use longlead_web::DemoAccount;

use crate::sample;

/// Who can sign in, and a token for programs.
#[derive(Debug)]
pub(super) struct Company {
    pub(super) accounts: Vec<DemoAccount>,
    pub(super) token: String,
    /// Users by the names of their accounts.
    users: BTreeMap<String, UserId>,
}

/// The accounts: name, role, discipline, and what they see.
const ACCOUNTS: &[(&str, Role, Option<&str>, &str)] = &[
    ("owner", Role::Owner, None, "Sees and may change everything, and says who else may"),
    ("product", Role::Product, None, "Answers for the plan: may change every record"),
    ("hardware", Role::Hardware, Some("hardware"), "Changes revisions, parts, BOM and builds"),
    ("firmware", Role::Firmware, Some("firmware"), "Changes features, releases and estimates"),
    ("supply", Role::Supply, Some("supply"), "Changes suppliers, offers and orders"),
    (
        "regulatory",
        Role::Regulatory,
        Some("compliance"),
        "Changes markets, regimes and certificates",
    ),
    ("partner", Role::Partner, None, "The contract manufacturer: sees what is shared with it"),
    ("viewer", Role::Viewer, None, "Reads everything, changes nothing"),
];

/// The contract manufacturer of the sample, as its records name it.
const MANUFACTURER: &str = "cm-sz";

/// Makes the company: its people, and in an empty journal its past. A journal that has records
/// keeps them.
pub(super) async fn found(journal: &Journal) -> anyhow::Result<Company> {
    let now = Timestamp::now();
    if !is_for_demos(journal).await? {
        bail!(
            "this database holds something else than the demo, and the demo would let everyone in \
             as its owner: name another, or leave --database out"
        );
    }
    let by = By { who: Actor::System, at: now, client: String::new() };
    let company = people(&journal.people(), &by).await?;
    if journal.current().head.get() == 0 {
        remember(journal, &company.users).await?;
    }
    Ok(company)
}

/// Whether a database is empty, or has been the demo's before.
async fn is_for_demos(journal: &Journal) -> anyhow::Result<bool> {
    let people = journal.people();
    let (users, organisations) = (people.users().await?, people.organisations().await?);
    let is_empty = users.is_empty() && journal.current().head.get() == 0;
    let has_owner = users.iter().any(|user| user.email == email_of("owner"));
    let has_organisation = organisations.iter().any(|it| it.name == ORGANISATION);
    Ok(is_empty || (has_owner && has_organisation))
}

fn email_of(account: &str) -> String {
    format!("{account}@coldtrack.example")
}

/// The name of the demo's own organisation.
const ORGANISATION: &str = "Coldtrack";

/// So long the token of a demo holds; each start makes a new one.
const TOKEN_HOLDS: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Keeps each step of the past as the change set that it was, with the forecast of its day.
async fn remember(journal: &Journal, users: &BTreeMap<String, UserId>) -> anyhow::Result<()> {
    for step in sample::history::steps()? {
        let who = users.get(&step.by).map_or(Actor::System, |user| Actor::User(*user));
        let at = noon(step.on)?;
        let edits = journal.current().bundle.edits_to(&step.after);
        let edits = edits.into_iter().map(|edit| VersionedEdit { edit, expected: Expected::Any });
        let why = Some(step.why);
        let request = CommitRequest { who, at, why, edits: edits.collect(), idempotency: None };
        let committed = journal.commit(request).await.context("the sample can't be kept")?;
        let bundle = Arc::clone(&committed.snapshot.bundle);
        let planned = tokio::task::spawn_blocking(move || {
            longlead_horizon::plan(&bundle, &Ask::of(&bundle, step.on), &|_, _| {})
        });
        if let Ok(plan) = planned.await? {
            let dates = longlead_web::logged_dates(&plan);
            journal.log_forecast(committed.sequence, at, step.on, &dates).await?;
        }
    }
    Ok(())
}

fn noon(day: Date) -> anyhow::Result<Timestamp> {
    let noon = day.at(12, 0, 0, 0).to_zoned(TimeZone::UTC);
    Ok(noon.context("the sample's past has an impossible day")?.timestamp())
}

/// The accounts, each with a password of this start. Those that are there are used again.
async fn people(people: &People, by: &By) -> anyhow::Result<Company> {
    let own = organisation(people, ORGANISATION, OrganisationKind::Own, by).await?;
    let kind = OrganisationKind::ContractManufacturer;
    let manufacturer = organisation(people, "Contract manufacturer", kind, by).await?;
    let shared = RecordKey::Record(Kind::Supplier, MANUFACTURER.to_owned());
    people.add_share(manufacturer.id, &shared, ShareLevel::Edit, by).await?;
    let there = people.users().await?;
    let mut company =
        Company { accounts: Vec::new(), token: String::new(), users: BTreeMap::new() };
    for (name, role, discipline, what) in ACCOUNTS {
        let email = email_of(name);
        let (user, link) = match there.iter().find(|user| user.email == email) {
            Some(user) => (user.clone(), people.issue_link(user.id, by).await?),
            None => {
                let organisation = if *role == Role::Partner { manufacturer.id } else { own.id };
                let (name, discipline) = (role_name(name), discipline.map(str::to_owned));
                let role = *role;
                let new = NewUser { email: email.clone(), name, role, organisation, discipline };
                people.create_user(&new, by).await?
            }
        };
        // As good as any secret: it is drawn anew each time and holds for this account only.
        let password = link.expose().to_owned();
        people.set_password_once(link.expose(), &password, by.at, "").await?;
        if *role == Role::Owner {
            let scopes = [
                Scope::ReadRecords,
                Scope::WriteRecords,
                Scope::ReadInsights,
                Scope::ReadFleet,
                Scope::EditFleet,
            ];
            let ends = by.at.checked_add(TOKEN_HOLDS).ok();
            // The one before ended with the password before.
            let (_, secret) = people.create_token(user.id, "Demo", &scopes, ends, by).await?;
            company.token = secret.expose().to_owned();
        }
        let (name, what) = ((*name).to_owned(), (*what).to_owned());
        company.users.insert(name.clone(), user.id);
        company.accounts.push(DemoAccount { name, what, email, password });
    }
    Ok(company)
}

async fn organisation(
    people: &People,
    name: &str,
    kind: OrganisationKind,
    by: &By,
) -> anyhow::Result<Organisation> {
    let there = people.organisations().await?;
    match there.into_iter().find(|it| it.name == name) {
        Some(organisation) => Ok(organisation),
        None => Ok(people.create_organisation(name, kind, by).await?),
    }
}

fn role_name(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
