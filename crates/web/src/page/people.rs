//! `/people`: who works with it, what they may do, and what is shared with whom. For owners.

use std::fmt::Write as _;

use axum::Form;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use longlead_model::{Kind, RecordKey};
use longlead_records::StoreError;
use longlead_records::people::{
    NewUser, Organisation, OrganisationId, OrganisationKind, Role, Share, ShareId, ShareLevel,
    Token, TokenId, User, UserChange, UserError, UserId,
};
use maud::{Markup, html};
use serde::Deserialize;

use crate::layout::{self, Page, csrf};
use crate::page::records::counted;
use crate::problem::Problem;
use crate::reader::Seen;
use crate::rights;
use crate::sight::Sight;
use crate::ui;

impl From<UserError> for Problem {
    fn from(error: UserError) -> Problem {
        match error {
            UserError::Store(error) => error.into(),
            UserError::NoUser | UserError::NoOrganisation => Problem::not_found(error.to_string()),
            error => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                Problem::new(status, "refused", "This can't be done").detail(error.to_string())
            }
        }
    }
}

fn framed(seen: &Seen, title: &str, lede: Option<Markup>, main: Markup) -> Html<String> {
    let tools = html! {};
    layout::page(seen, &Page { title, section: "/people", lede, tools, main, live: false })
}

pub(crate) async fn list(seen: Seen) -> Result<Html<String>, Problem> {
    people_page(&seen, None).await
}

/// What a form was sent with, and why it was refused: it is shown again with both.
#[derive(Debug)]
struct Refused<T> {
    typed: T,
    /// The input that is wrong.
    field: &'static str,
    told: String,
}

impl<T> Refused<T> {
    /// The form again, if what is wrong is wrong with one of its fields.
    fn of(error: UserError, typed: T) -> Result<Refused<T>, Problem> {
        let field = match &error {
            UserError::EmailTaken(_) | UserError::NoEmail(_) => "email",
            UserError::NoName => "name",
            UserError::LastOwner => "role",
            UserError::NoOrganisation => "organisation",
            UserError::NoUser | UserError::Store(_) => return Err(error.into()),
        };
        Ok(Refused { typed, field, told: sentence(&error.to_string()) })
    }

    fn at(&self, field: &str) -> Option<&str> {
        (self.field == field).then_some(self.told.as_str())
    }
}

/// Errors begin small, as they also follow a colon.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(['.']).collect()
}

fn unprocessable(page: Html<String>) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, page).into_response()
}

async fn people_page(
    seen: &Seen,
    invited: Option<&Refused<Invited>>,
) -> Result<Html<String>, Problem> {
    let people = seen.app.people();
    let (users, organisations) = (people.users().await?, people.organisations().await?);
    let shares = people.shares(None).await?;
    let main = html! {
        section {
            h2 { "Users" }
            (user_table(&users, &organisations))
            (invite_form(seen, &organisations, invited))
        }
        section {
            h2 { "Organisations" }
            (organisation_table(&organisations, &users, &shares))
            (organisation_form(seen))
        }
        section { h2 { "What each role may change" } (role_table()) }
    };
    let lede = html! { "Who works with this Longlead, and what they may do." };
    Ok(framed(seen, "People", Some(lede), main))
}

fn name_of(organisations: &[Organisation], id: OrganisationId) -> &str {
    organisations.iter().find(|it| it.id == id).map_or("", |it| it.name.as_str())
}

fn user_table(users: &[User], organisations: &[Organisation]) -> Markup {
    html! {
        div.scroll { table.data data-sortable {
            thead { tr {
                th scope="col" { "Name" } th scope="col" { "Email" } th scope="col" { "Role" }
                th scope="col" { "Organisation" } th scope="col" { "Last seen" } th scope="col" { "State" }
            } }
            tbody { @for user in users {
                tr {
                    th scope="row" { a href={ "/people/users/" (user.id) } { (user.name) } }
                    td { (user.email) }
                    td { (user.role) }
                    td { (name_of(organisations, user.organisation)) }
                    td.nowrap data-value=[user.last_seen] { @match user.last_seen { Some(at) => (ui::instant(at)), None => (ui::dash()) } }
                    td { @if user.disabled { "disabled" } @else if user.invited { "invited" } @else { "active" } }
                }
            } }
        } }
    }
}

fn role_options(chosen: Role) -> Markup {
    html! { @for role in Role::ALL { option value=(role) selected[*role == chosen] { (role) " – " (role.doc().trim()) } } }
}

fn organisation_options(organisations: &[Organisation], chosen: Option<OrganisationId>) -> Markup {
    html! { @for it in organisations { option value=(it.id) selected[Some(it.id) == chosen] { (it.name) } } }
}

fn invite_form(
    seen: &Seen,
    organisations: &[Organisation],
    refused: Option<&Refused<Invited>>,
) -> Markup {
    let nobody = Invited::default();
    let typed = refused.map_or(&nobody, |it| &it.typed);
    html! {
        details open[refused.is_some()] {
            summary { "Invite someone" }
            form.edit method="post" action="/people/users" data-dirty-guard {
                (csrf(&seen.reader))
                (user_fields(seen, organisations, typed, refused))
                button.button.primary { "Invite" }
            }
        }
    }
}

/// What is known of a user, to be typed.
fn user_fields(
    seen: &Seen,
    organisations: &[Organisation],
    typed: &Invited,
    refused: Option<&Refused<Invited>>,
) -> Markup {
    let told = |field: &str| refused.and_then(|it| it.at(field));
    let input = |name: &str, label: &str, kind: &str, value: &str| {
        html! {
            div.field {
                label for=(name) { (label) }
                input id=(name) name=(name) type=(kind) required maxlength="200" value=(value)
                    aria-invalid=[ui::invalid(told(name))] aria-describedby=[ui::described(name, false, told(name))];
                (ui::wrong(name, told(name)))
            }
        }
    };
    html! {
        (input("name", "Name", "text", &typed.name))
        (input("email", "Email", "email", &typed.email))
        div.field {
            label for="role" { "Role" }
            select #role name="role" aria-invalid=[ui::invalid(told("role"))]
                aria-describedby=[ui::described("role", false, told("role"))] { (role_options(typed.role)) }
            (ui::wrong("role", told("role")))
        }
        div.field {
            label for="organisation" { "Organisation" }
            select #organisation name="organisation" aria-invalid=[ui::invalid(told("organisation"))]
                aria-describedby=[ui::described("organisation", true, told("organisation"))] {
                (organisation_options(organisations, Some(typed.organisation.into())))
            }
            p.hint #organisation-hint { "A partner sees what is shared with their organisation." }
            (ui::wrong("organisation", told("organisation")))
        }
        (discipline_field(seen, filled(&typed.discipline).as_deref()))
    }
}

/// In whose words reasons are told.
pub(crate) fn discipline_field(seen: &Seen, chosen: Option<&str>) -> Markup {
    let terms = seen.bundle().records.terms.values();
    let mut disciplines: Vec<&str> =
        terms.flat_map(|term| term.names.keys()).map(String::as_str).collect();
    disciplines.sort_unstable();
    disciplines.dedup();
    html! {
        div.field {
            label for="discipline" { "Discipline" }
            input #discipline name="discipline" list="disciplines" value=[chosen] maxlength="60";
            datalist #disciplines { @for it in disciplines { option value=(it) {} } }
            p.hint { "Reasons are told in its words, as the glossary has them. May be left out." }
        }
    }
}

fn organisation_table(organisations: &[Organisation], users: &[User], shares: &[Share]) -> Markup {
    html! {
        div.scroll { table.data {
            thead { tr {
                th scope="col" { "Name" } th scope="col" { "What it is" }
                th.num scope="col" { "Users" } th.num scope="col" { "Shares" }
            } }
            tbody { @for it in organisations {
                tr {
                    th scope="row" { a href={ "/people/organisations/" (it.id) } { (it.name) } }
                    td { (it.kind.as_str().replace('_', " ")) }
                    td.num { (users.iter().filter(|user| user.organisation == it.id).count()) }
                    td.num { (shares.iter().filter(|share| share.organisation == it.id).count()) }
                }
            } }
        } }
    }
}

fn organisation_form(seen: &Seen) -> Markup {
    html! {
        details {
            summary { "Add an organisation" }
            form.edit method="post" action="/people/organisations" {
                (csrf(&seen.reader))
                div.field { label for="organisation-name" { "Name" } input #organisation-name name="name" required maxlength="200"; }
                div.field { label for="kind" { "What it is" } select #kind name="kind" { (kind_options(OrganisationKind::ContractManufacturer)) } }
                button.button.primary { "Add" }
            }
        }
    }
}

fn kind_options(chosen: OrganisationKind) -> Markup {
    html! { @for kind in OrganisationKind::ALL {
        option value=(kind) selected[*kind == chosen] { (kind.as_str().replace('_', " ")) " – " (kind.doc().trim()) }
    } }
}

/// Roles by kinds of records: made from the rule itself.
fn role_table() -> Markup {
    html! {
        div.scroll { table.matrix {
            thead { tr {
                th scope="col" { "Records" }
                @for role in Role::ALL { th scope="col" title=(role.doc().trim()) { (role) } }
            } }
            tbody { @for kind in Kind::ALL {
                tr {
                    th scope="row" { (kind.word()) }
                    @for role in Role::ALL {
                        @if !rights::may_write(*role, Some(*kind)) { td.no { span.visually-hidden { "no" } } }
                        @else if *role == Role::Partner { td.part title="If it is shared for editing" { "if shared" } }
                        @else { td.yes { "yes" } }
                    }
                }
            } }
        } }
        p.muted { "Everyone may read; partners what is shared with their organisation. Only owners see this page and the audit log." }
    }
}

// ---- Users ---------------------------------------------------------------------------------

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Invited {
    name: String,
    email: String,
    role: Role,
    organisation: i64,
    #[serde(default)]
    discipline: String,
}

impl Default for Invited {
    fn default() -> Invited {
        let (name, email, discipline) = (String::new(), String::new(), String::new());
        Invited { name, email, role: Role::Viewer, organisation: 0, discipline }
    }
}

impl Invited {
    fn of(user: &User) -> Invited {
        Invited {
            name: user.name.clone(),
            email: user.email.clone(),
            role: user.role,
            organisation: user.organisation.get(),
            discipline: user.discipline.clone().unwrap_or_default(),
        }
    }
}

fn filled(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

pub(crate) async fn invite(seen: Seen, Form(told): Form<Invited>) -> Result<Response, Problem> {
    let new = NewUser {
        email: told.email.trim().to_owned(),
        name: told.name.trim().to_owned(),
        role: told.role,
        organisation: told.organisation.into(),
        discipline: filled(&told.discipline),
    };
    let by = seen.reader.by(seen.app.now());
    match seen.app.people().create_user(&new, &by).await {
        Ok((user, link)) => Ok(link_page(&seen, &user, link.expose()).into_response()),
        Err(error) => {
            let refused = Refused::of(error, told)?;
            Ok(unprocessable(people_page(&seen, Some(&refused)).await?))
        }
    }
}

/// Shows a one-time link, this once.
fn link_page(seen: &Seen, user: &User, secret: &str) -> Html<String> {
    let main = html! {
        p.notice.good { "Give this link to " strong { (user.name) } ". It sets their password, works once, and holds for 72 hours. It isn't shown again." }
        p.copied { code #secret { (layout::host_of(seen)) "/welcome/" (secret) } button.button.small type="button" data-copy="#secret" { "Copy" } }
        p { a.button href="/people" { "Done" } }
    };
    framed(seen, "One-time link", None, main)
}

async fn user_of(seen: &Seen, id: i64) -> Result<User, Problem> {
    let user = seen.app.people().user(id.into()).await?;
    user.ok_or_else(|| Problem::not_found("There is no such user"))
}

pub(crate) async fn user(seen: Seen, Path(id): Path<i64>) -> Result<Html<String>, Problem> {
    user_page(&seen, id, None).await
}

async fn user_page(
    seen: &Seen,
    id: i64,
    refused: Option<&Refused<Invited>>,
) -> Result<Html<String>, Problem> {
    let user = user_of(seen, id).await?;
    let known = Invited::of(&user);
    let typed = refused.map_or(&known, |it| &it.typed);
    let people = seen.app.people();
    let organisations = people.organisations().await?;
    let sessions = people.sessions_of(user.id, seen.app.now()).await?;
    let mut tokens = people.tokens_of(user.id).await?;
    tokens.retain(|token| token.revoked_at.is_none());
    let base = format!("/people/users/{id}");
    let button = |action: &str, class: &str, label: &str, confirm: Option<&str>| {
        html! {
            form method="post" action={ (base) "/" (action) } data-confirm=[confirm] {
                (csrf(&seen.reader)) button class={ "button " (class) } { (label) }
            }
        }
    };
    let main = html! {
        div.split {
            form.edit method="post" action=(base) data-dirty-guard {
                (csrf(&seen.reader))
                (user_fields(seen, &organisations, typed, refused))
                button.button.primary { "Save" }
            }
            aside {
                h2 { "Access" }
                p { @if user.disabled { "Disabled: can't sign in." } @else if user.invited { "Invited: has no password yet." } @else { "Active." } " " (counted(sessions.len(), "open session", "open sessions")) ", " (counted(tokens.len(), "token", "tokens")) "." }
                div.toolbar {
                    (button("link", "", "New one-time link", None))
                    (button("sign-out", "", "Sign out everywhere", None))
                    @if user.disabled { (button("enable", "", "Enable", None)) }
                    @else { (button("disable", "danger", "Disable", Some("Disable this account? Its sessions end at once."))) }
                }
                p.muted { "Signing out everywhere, a new password by a link, and disabling also revoke their tokens." }
                p { a href={ "/audit?who=" (user.id) } { "What they did" } }
            }
        }
        @if !tokens.is_empty() { (token_table(seen, &base, &tokens)) }
    };
    Ok(framed(seen, &user.name, None, main))
}

fn token_table(seen: &Seen, base: &str, tokens: &[Token]) -> Markup {
    html! {
        section {
            h2 { "API tokens" }
            div.scroll { table.data {
                thead { tr { th scope="col" { "Name" } th scope="col" { "Scopes" } th scope="col" { "Since" } th scope="col" { "Last seen" } th scope="col" { "Ends" } th {} } }
                tbody { @for token in tokens {
                    tr {
                        th scope="row" { (token.name) }
                        td.mono { @for scope in &token.scopes { (scope) " " } }
                        td.nowrap { (ui::instant(token.created_at)) }
                        td.nowrap { @match token.last_seen { Some(at) => (ui::instant(at)), None => (ui::dash()) } }
                        td.nowrap { @match token.expires_at { Some(at) => (ui::instant(at)), None => "when revoked" } }
                        td {
                            form method="post" action={ (base) "/tokens/" (token.id) "/revoke" } data-confirm="Revoke this token? Programs that use it stop at once." {
                                (csrf(&seen.reader)) button.button.quiet.small { "Revoke" }
                            }
                        }
                    }
                } }
            } }
        }
    }
}

pub(crate) async fn revoke_token(
    seen: Seen,
    Path((id, token)): Path<(i64, i64)>,
) -> Result<Redirect, Problem> {
    let user = user_of(&seen, id).await?;
    let people = seen.app.people();
    let theirs = people.tokens_of(user.id).await?;
    let token = theirs.iter().find(|it| it.id == TokenId::from(token));
    let token = token.ok_or_else(|| Problem::not_found("They have no such token"))?;
    people.revoke_token(token.id, &seen.reader.by(seen.app.now())).await?;
    Ok(Redirect::to(&format!("/people/users/{id}")))
}

pub(crate) async fn change(
    seen: Seen,
    Path(id): Path<i64>,
    Form(told): Form<Invited>,
) -> Result<Response, Problem> {
    let change = UserChange {
        email: Some(told.email.trim().to_owned()),
        name: Some(told.name.trim().to_owned()),
        role: Some(told.role),
        organisation: Some(told.organisation.into()),
        discipline: Some(filled(&told.discipline)),
        disabled: None,
    };
    let by = seen.reader.by(seen.app.now());
    match seen.app.people().change_user(UserId::from(id), &change, &by).await {
        Ok(_) => Ok(Redirect::to(&format!("/people/users/{id}")).into_response()),
        Err(error) => {
            let refused = Refused::of(error, told)?;
            Ok(unprocessable(user_page(&seen, id, Some(&refused)).await?))
        }
    }
}

async fn changed(seen: &Seen, id: i64, change: &UserChange) -> Result<Redirect, Problem> {
    let by = seen.reader.by(seen.app.now());
    seen.app.people().change_user(UserId::from(id), change, &by).await?;
    Ok(Redirect::to(&format!("/people/users/{id}")))
}

pub(crate) async fn disable(seen: Seen, Path(id): Path<i64>) -> Result<Redirect, Problem> {
    changed(&seen, id, &UserChange { disabled: Some(true), ..UserChange::default() }).await
}

pub(crate) async fn enable(seen: Seen, Path(id): Path<i64>) -> Result<Redirect, Problem> {
    changed(&seen, id, &UserChange { disabled: Some(false), ..UserChange::default() }).await
}

pub(crate) async fn sign_out(seen: Seen, Path(id): Path<i64>) -> Result<Redirect, Problem> {
    let by = seen.reader.by(seen.app.now());
    seen.app.people().sign_out_everywhere(id.into(), &by).await?;
    Ok(Redirect::to(&format!("/people/users/{id}")))
}

pub(crate) async fn link(seen: Seen, Path(id): Path<i64>) -> Result<Html<String>, Problem> {
    let user = user_of(&seen, id).await?;
    let link = seen.app.people().issue_link(user.id, &seen.reader.by(seen.app.now())).await?;
    Ok(link_page(&seen, &user, link.expose()))
}

// ---- Organisations and shares --------------------------------------------------------------

#[derive(Debug, Deserialize)]
pub(crate) struct NewOrganisation {
    name: String,
    kind: OrganisationKind,
}

pub(crate) async fn add_organisation(
    seen: Seen,
    Form(told): Form<NewOrganisation>,
) -> Result<Redirect, Problem> {
    let by = seen.reader.by(seen.app.now());
    let made = seen.app.people().create_organisation(&told.name, told.kind, &by).await?;
    Ok(Redirect::to(&format!("/people/organisations/{}", made.id)))
}

async fn organisation_of(seen: &Seen, id: i64) -> Result<Organisation, Problem> {
    let organisations = seen.app.people().organisations().await?;
    let found = organisations.into_iter().find(|it| it.id == OrganisationId::from(id));
    found.ok_or_else(|| Problem::not_found("There is no such organisation"))
}

pub(crate) async fn organisation(seen: Seen, Path(id): Path<i64>) -> Result<Html<String>, Problem> {
    let organisation = organisation_of(&seen, id).await?;
    organisation_page(&seen, &organisation, None).await
}

async fn organisation_page(
    seen: &Seen,
    organisation: &Organisation,
    refused: Option<&Refused<Shared>>,
) -> Result<Html<String>, Problem> {
    let id = organisation.id;
    let shares = seen.app.people().shares(Some(organisation.id)).await?;
    let sight = Sight::of_shares(&shares, &seen.outlook);
    let base = format!("/people/organisations/{id}");
    let main = html! {
        div.split {
            section {
                h2 { "Shared with it" }
                @if shares.is_empty() {
                    (ui::empty("Nothing is shared", "A share names a record: the partner sees it and all that belongs to it, such as the offers, orders and builds of a supplier. Everything else stays hidden.", None))
                } @else { (share_table(seen, &shares, &base)) }
                (share_form(seen, &base, refused))
                h2 { "So its people see" }
                (seen_by(seen, &sight))
            }
            form.edit method="post" action=(base) {
                (csrf(&seen.reader))
                div.field { label for="name" { "Name" } input #name name="name" required maxlength="200" value=(organisation.name); }
                div.field { label for="kind" { "What it is" } select #kind name="kind" { (kind_options(organisation.kind)) } }
                button.button { "Save" }
            }
        }
    };
    Ok(framed(seen, &organisation.name, None, main))
}

fn share_table(seen: &Seen, shares: &[Share], base: &str) -> Markup {
    html! {
        div.scroll { table.data {
            thead { tr { th scope="col" { "Record" } th scope="col" { "May" } th scope="col" { "Since" } th scope="col" { span.visually-hidden { "Take back" } } } }
            tbody { @for share in shares {
                tr {
                    th scope="row" { a href=(ui::key_href(&share.key)) { (title_of(seen, &share.key)) } " " span.id { (share.key) } }
                    td { @if share.level == ShareLevel::Edit { "see and change" } @else { "see" } }
                    td.nowrap { (ui::instant(share.at)) }
                    td {
                        form method="post" action={ (base) "/unshare" } {
                            (csrf(&seen.reader))
                            input type="hidden" name="share" value=(share.id);
                            button.button.quiet.small { "Take back" }
                        }
                    }
                }
            } }
        } }
    }
}

fn title_of(seen: &Seen, key: &RecordKey) -> String {
    let title = match key {
        RecordKey::Record(kind, id) => seen.bundle().records.title(*kind, id),
        RecordKey::Settings => None,
    };
    title.unwrap_or(key.id()).to_owned()
}

/// Kinds of records that are worth sharing: others belong to one of these.
const SHARED_KINDS: &[Kind] = &[
    Kind::Supplier,
    Kind::Product,
    Kind::Revision,
    Kind::Regime,
    Kind::Team,
    Kind::Market,
    Kind::Feature,
    Kind::Build,
    Kind::Milestone,
    Kind::Decision,
    Kind::Part,
    Kind::Capability,
];

fn share_form(seen: &Seen, base: &str, refused: Option<&Refused<Shared>>) -> Markup {
    let records = &seen.bundle().records;
    let told = refused.and_then(|it| it.at("record"));
    let typed = refused.map(|it| &it.typed);
    let edits = typed.is_some_and(|it| it.level == ShareLevel::Edit);
    html! {
        form.filters method="post" action={ (base) "/share" } data-dirty-guard {
            (csrf(&seen.reader))
            label for="record" { "Share" }
            input #record name="record" list="shareable" required size="32" placeholder="supplier/…"
                value=[typed.map(|it| &it.record)]
                aria-invalid=[ui::invalid(told)] aria-describedby=[ui::described("record", false, told)];
            datalist #shareable {
                @for kind in SHARED_KINDS { @for id in records.ids(*kind) {
                    option value={ (kind) "/" (id) } { (records.title(*kind, id).unwrap_or(id)) }
                } }
            }
            select name="level" aria-label="What they may" {
                option value="view" { "to see" }
                option value="edit" selected[edits] { "to see and change" }
            }
            button.button.primary { "Share" }
            div.field { (ui::wrong("record", told)) }
        }
    }
}

/// How much an organisation sees, by kind.
fn seen_by(seen: &Seen, sight: &Sight) -> Markup {
    let bundle = sight.bundle(&seen.outlook);
    let counts = Kind::ALL.iter().map(|kind| (kind, bundle.records.ids(*kind)));
    let counts: Vec<_> = counts.filter(|(_, ids)| !ids.is_empty()).collect();
    html! {
        @if counts.is_empty() { p.muted { "Nothing." } }
        dl.facts {
            @for (kind, ids) in &counts {
                dt { (kind.word()) " (" (ids.len()) ")" }
                dd { (some_of(ids)) }
            }
        }
    }
}

fn some_of(ids: &[&str]) -> String {
    const SHOWN: usize = 12;
    let mut text = ids.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if ids.len() > SHOWN {
        let _ = write!(text, " and {} more", ids.len() - SHOWN);
    }
    text
}

pub(crate) async fn change_organisation(
    seen: Seen,
    Path(id): Path<i64>,
    Form(told): Form<NewOrganisation>,
) -> Result<Redirect, Problem> {
    let by = seen.reader.by(seen.app.now());
    seen.app.people().change_organisation(id.into(), &told.name, told.kind, &by).await?;
    Ok(Redirect::to(&format!("/people/organisations/{id}")))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Shared {
    record: String,
    level: ShareLevel,
}

pub(crate) async fn share(
    seen: Seen,
    Path(id): Path<i64>,
    Form(told): Form<Shared>,
) -> Result<Response, Problem> {
    let organisation = organisation_of(&seen, id).await?;
    if organisation.kind == OrganisationKind::Own {
        let title = "Your own organisation sees everything already";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", title));
    }
    let key = told.record.trim().parse::<RecordKey>().ok();
    let is_there = |key: &RecordKey| match key {
        RecordKey::Record(kind, id) => seen.bundle().records.has(*kind, id),
        RecordKey::Settings => false,
    };
    let Some(key) = key.filter(is_there) else {
        let why = "There is no such record. Write kind and id, such as supplier/…; the list \
                   offers what there is.";
        let refused = Refused { typed: told, field: "record", told: why.to_owned() };
        let page = organisation_page(&seen, &organisation, Some(&refused)).await?;
        return Ok(unprocessable(page));
    };
    let by = seen.reader.by(seen.app.now());
    seen.app.people().add_share(organisation.id, &key, told.level, &by).await?;
    Ok(Redirect::to(&format!("/people/organisations/{id}")).into_response())
}

#[derive(Debug, Deserialize)]
pub(crate) struct Unshared {
    share: i64,
}

pub(crate) async fn unshare(
    seen: Seen,
    Path(id): Path<i64>,
    Form(told): Form<Unshared>,
) -> Result<Redirect, Problem> {
    let by = seen.reader.by(seen.app.now());
    let removed: Result<bool, StoreError> =
        seen.app.people().remove_share(ShareId::from(told.share), &by).await;
    removed?;
    Ok(Redirect::to(&format!("/people/organisations/{id}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{app, person};

    #[tokio::test(flavor = "multi_thread")]
    async fn an_owner_invites_someone_by_a_link_that_is_shown_once() {
        let app = app().await;
        let owner = person(&app, Role::Owner).await;
        let organisation = owner.organisation.id.to_string();
        let fields = [
            ("name", "Buyer"),
            ("email", "buyer@longlead.example"),
            ("role", "supply"),
            ("organisation", organisation.as_str()),
        ];
        let invited = owner.post("/people/users", &fields).await;
        assert_eq!(invited.status, StatusCode::OK, "{}", invited.text);
        assert!(invited.text.contains("/welcome/"));
        let again = owner.post("/people/users", &fields).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
        let told = "Another user has the address buyer@longlead.example.";
        for part in
            [told, "value=\"Buyer\"", "aria-describedby=\"email-error\"", "data-dirty-guard"]
        {
            assert!(again.text.contains(part), "{part}: {}", again.text);
        }
        assert!(owner.get("/people").await.text.contains("buyer@longlead.example"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_change_of_a_user_that_is_refused_is_shown_again_as_it_was_typed() {
        let app = app().await;
        let (owner, other) = (person(&app, Role::Owner).await, person(&app, Role::Supply).await);
        let users = app.people().users().await.unwrap();
        let of = |role: Role| users.iter().find(|it| it.role == role).unwrap();
        let organisation = other.organisation.id.to_string();
        let fields = [
            ("name", "Another name"),
            ("email", of(Role::Owner).email.as_str()),
            ("role", "product"),
            ("organisation", organisation.as_str()),
        ];
        let page = format!("/people/users/{}", of(Role::Supply).id);
        let refused = owner.post(&page, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
        for part in ["Another user has the address", "value=\"Another name\""] {
            assert!(refused.text.contains(part), "{part}: {}", refused.text);
        }
        let page = owner.get(&page).await.text;
        assert!(page.contains("1 open session, 0 tokens"), "{page}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_owner_revokes_the_token_of_someone_else() {
        let app = app().await;
        let owner = person(&app, Role::Owner).await;
        person(&app, Role::Viewer).await;
        let people = app.people();
        let users = people.users().await.unwrap();
        let id = |role| users.iter().find(|user| user.role == role).unwrap().id;
        let (viewer, by) = (id(Role::Viewer), crate::testing::by());
        let make = async || {
            let scopes = [longlead_records::people::Scope::ReadRecords];
            people.create_token(viewer, "Report", &scopes, None, &by).await.unwrap()
        };
        let (token, secret) = make().await;
        let page = format!("/people/users/{viewer}");
        assert!(owner.get(&page).await.text.contains("Report"));
        // Only under whose it is.
        let wrong = format!("/people/users/{}/tokens/{}/revoke", id(Role::Owner), token.id);
        assert_eq!(owner.post(&wrong, &[]).await.status, StatusCode::NOT_FOUND);
        owner.post(&format!("{page}/tokens/{}/revoke", token.id), &[]).await;
        assert!(people.token(secret.expose(), app.now()).await.unwrap().is_none());
        let (_, secret) = make().await;
        owner.post(&format!("{page}/sign-out"), &[]).await;
        assert!(people.token(secret.expose(), app.now()).await.unwrap().is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_share_says_what_a_partner_then_sees() {
        let app = app().await;
        let owner = person(&app, Role::Owner).await;
        let partner = person(&app, Role::Partner).await;
        let page = format!("/people/organisations/{}", partner.organisation.id);
        let wrong = [("record", "supplier/nobody"), ("level", "view")];
        let refused = owner.post(&format!("{page}/share"), &wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let kept = "value=\"supplier/nobody\" aria-invalid=\"true\"";
        assert!(refused.text.contains(kept), "{}", refused.text);
        let right = [("record", "supplier/cm-sz"), ("level", "edit")];
        owner.post(&format!("{page}/share"), &right).await;
        let text = owner.get(&page).await.text;
        assert!(text.contains("see and change") && text.contains("build ("), "{text}");
    }
}
