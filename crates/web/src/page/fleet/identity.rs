//! `/fleet/devices/SERIAL/identity`: how one device proves who it is.

use axum::Form;
use axum::extract::Path;
use axum::response::{Html, Redirect};
use jiff::Timestamp;
use longlead_records::devices::{CLAIM_DAYS_MAX, CertificateProof, Device, DeviceIdentity};
use maud::{Markup, html};
use serde::Deserialize;

use super::device::device_of;
use super::{problem, request};
use crate::layout::{self, Page, csrf};
use crate::problem::Problem;
use crate::reader::Seen;
use crate::rights::Needs;
use crate::ui;

/// For how many days a claim token is good, unless something else is said.
pub(crate) const CLAIM_DAYS: u16 = 7;

pub(crate) async fn show(seen: Seen, Path(serial): Path<String>) -> Result<Html<String>, Problem> {
    let device = device_of(&seen.app, &seen.reader, &serial).await?;
    page(&seen, &device, None).await
}

/// The page; with a claim token that was just made.
async fn page(
    seen: &Seen,
    device: &Device,
    claim: Option<(&str, Timestamp)>,
) -> Result<Html<String>, Problem> {
    let identity = seen.app.journal().devices().identity(&device.serial).await?;
    let may_edit = Needs::EditFleet.met_by(seen.reader.user.role);
    let now = seen.app.now();
    let main = html! {
        @if let Some((secret, expires)) = claim { (told_once(secret, expires)) }
        section { h2 { "Certificates" } (certificates(&identity, now)) }
        section {
            h2 { "Claim tokens" }
            (claims(&identity, now))
            @if may_edit { (claim_form(seen, device)) }
        }
        section {
            h2 { "Revocations" }
            (revocations(&identity))
            @if may_edit { (revoke_form(seen, device)) }
        }
    };
    let path = format!("/fleet/devices/{}", device.serial);
    let title = format!("Identity of {}", device.serial);
    let page = Page {
        title: &title,
        section: "/fleet",
        lede: Some(html! { (standing(&identity, now)) }),
        tools: html! { a.button.quiet href=(path) { "The device" } },
        main,
        live: false,
    };
    Ok(layout::page(seen, &page))
}

/// How a device stands, in a sentence.
pub(crate) fn standing(identity: &DeviceIdentity, now: Timestamp) -> Markup {
    let good = identity.certificates.iter().find(|it| identity.holds(it, now));
    let open = identity.claims.iter().any(|it| is_open(it, now));
    html! {
        @if let Some(certificate) = good {
            "Its certificate holds until " (ui::instant(certificate.until)) "."
        } @else if let Some(revocation) = identity.revocations.first() {
            "It was revoked on " (ui::instant(revocation.at)) ", and has no certificate since."
        } @else if identity.certificates.is_empty() {
            "It has no certificate."
        } @else {
            "Its last certificate has expired."
        }
        @if open { " A claim token waits for it." }
    }
}

fn is_open(claim: &longlead_records::devices::DeviceClaim, now: Timestamp) -> bool {
    claim.used.is_none() && claim.void.is_none() && claim.expires > now
}

fn told_once(secret: &str, expires: Timestamp) -> Markup {
    html! {
        section.card role="status" {
            h2 { "The claim token" }
            p.mono { (secret) }
            p {
                "It is told this once. The device sends it with its request for a certificate; it is "
                "good for one key, until " (ui::instant(expires)) "."
            }
        }
    }
}

fn certificates(identity: &DeviceIdentity, now: Timestamp) -> Markup {
    html! {
        @if identity.certificates.is_empty() {
            p.muted { "None yet. A device gets its first by a claim token, or by the certificate that it left the factory with." }
        } @else {
            div.scroll { table.data {
                caption.visually-hidden { "Certificates of the device, the newest first" }
                thead { tr {
                    th scope="col" { "Number" } th scope="col" { "By" } th scope="col" { "From (UTC)" }
                    th scope="col" { "Until (UTC)" } th scope="col" { "State" }
                } }
                tbody { @for certificate in &identity.certificates {
                    tr {
                        th.mono scope="row" { (certificate.number) }
                        td { (proof(certificate.proof)) }
                        td.nowrap { (ui::instant(certificate.since)) }
                        td.nowrap { (ui::instant(certificate.until)) }
                        td {
                            @if identity.holds(certificate, now) { "good" }
                            @else if certificate.until <= now { "expired" }
                            @else { "revoked" }
                        }
                    }
                } }
            } }
        }
    }
}

fn proof(proof: CertificateProof) -> &'static str {
    match proof {
        CertificateProof::Claim => "a claim token",
        CertificateProof::Factory => "the factory's certificate",
        CertificateProof::Rotation => "the certificate before",
    }
}

fn claims(identity: &DeviceIdentity, now: Timestamp) -> Markup {
    html! {
        @if identity.claims.is_empty() { p.muted { "None." } }
        @else {
            div.scroll { table.data {
                caption.visually-hidden { "Claim tokens of the device, the newest first" }
                thead { tr {
                    th scope="col" { "Made (UTC)" } th scope="col" { "By" } th scope="col" { "Good until (UTC)" }
                    th scope="col" { "State" }
                } }
                tbody { @for claim in &identity.claims {
                    tr {
                        th.nowrap scope="row" { (ui::instant(claim.made)) }
                        td { (claim.who_name) }
                        td.nowrap { (ui::instant(claim.expires)) }
                        td {
                            @if let Some(used) = claim.used { "used " (ui::instant(used)) }
                            @else if claim.void.is_some() { "void: the device was revoked" }
                            @else if claim.expires <= now { "expired" }
                            @else { "waits for the device" }
                        }
                    }
                } }
            } }
        }
    }
}

fn claim_form(seen: &Seen, device: &Device) -> Markup {
    html! {
        details {
            summary { "Make a claim token" }
            form.edit method="post" action={ "/fleet/devices/" (device.serial) "/claims" } {
                (csrf(&seen.reader))
                div.field {
                    label for="days" { "Good for" }
                    select #days name="days" {
                        option value="1" { "a day" }
                        option value=(CLAIM_DAYS) selected { "a week" }
                        option value="90" { "90 days" }
                        option value=(CLAIM_DAYS_MAX) { "a year" }
                    }
                    p.hint { "Whoever has the token can be this device. It is good for one key." }
                }
                div.form-actions { button.button.primary { "Make token" } }
            }
        }
    }
}

fn revocations(identity: &DeviceIdentity) -> Markup {
    html! {
        @if identity.revocations.is_empty() { p.muted { "It was never revoked." } }
        @else {
            div.scroll { table.data {
                caption.visually-hidden { "Revocations of the device, the latest first" }
                thead { tr { th scope="col" { "When (UTC)" } th scope="col" { "By" } th scope="col" { "Why" } } }
                tbody { @for revocation in &identity.revocations {
                    tr {
                        th.nowrap scope="row" { (ui::instant(revocation.at)) }
                        td { (revocation.who_name) }
                        td.wide { (revocation.why.as_deref().unwrap_or_default()) }
                    }
                } }
            } }
        }
    }
}

fn revoke_form(seen: &Seen, device: &Device) -> Markup {
    html! {
        details {
            summary { "Revoke the device" }
            form.edit method="post" action={ "/fleet/devices/" (device.serial) "/revoke" }
                data-confirm="Revoke this device? It is heard no more until it has a new claim token." {
                (csrf(&seen.reader))
                p {
                    "Its connections end within seconds. Its certificates, the one from the factory "
                    "and open claim tokens are good no more; only a new claim token lets it in again."
                }
                div.field { label for="why" { "Why" } input #why name="why" maxlength="500"; }
                div.form-actions { button.button.danger { "Revoke" } }
            }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct NewClaim {
    days: u16,
}

pub(crate) async fn make_claim(
    seen: Seen,
    Path(serial): Path<String>,
    Form(told): Form<NewClaim>,
) -> Result<Html<String>, Problem> {
    let device = device_of(&seen.app, &seen.reader, &serial).await?;
    let request = request(&seen.reader, &seen.app, None, "page")?;
    let devices = seen.app.journal().devices();
    let made = devices.make_claim(&device.serial, told.days, &request).await;
    let (expires, secret) = made.map_err(problem)?;
    page(&seen, &device, Some((secret.expose(), expires))).await
}

#[derive(Debug, Deserialize)]
pub(crate) struct Revocation {
    #[serde(default)]
    why: String,
}

pub(crate) async fn revoke(
    seen: Seen,
    Path(serial): Path<String>,
    Form(told): Form<Revocation>,
) -> Result<Redirect, Problem> {
    let device = device_of(&seen.app, &seen.reader, &serial).await?;
    let why = Some(told.why.trim()).filter(|why| !why.is_empty());
    let request = request(&seen.reader, &seen.app, why, "page")?;
    seen.app.journal().devices().revoke(&device.serial, &request).await.map_err(problem)?;
    Ok(Redirect::to(&format!("/fleet/devices/{}/identity", device.serial)))
}
