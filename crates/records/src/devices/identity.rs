//! Who a device is: claim tokens that people make, certificates that it got, and revocations.
//!
//! These are no changes of the registry: a million devices that rotate their certificates don't make
//! anyone read the registry again.

use jiff::{SignedDuration, Timestamp};

use super::{ChangeError, ChangeRequest, Devices, Serial, unexpected};
use crate::journal::{Actor, name_of};
use crate::people::{Secret, hash_of, words};
use crate::store::{Row, StoreError, Transaction, Value, values};
use crate::time::{from_us, to_us};

words! {
    /// What a device was let in by when it got a certificate.
    CertificateProof, CertificateProofError, "proof of a device";
    /// A claim token.
    Claim = "claim",
    /// The certificate that it left the factory with.
    Factory = "factory",
    /// The certificate that it had.
    Rotation = "rotation",
}

/// For how many days a claim token may be good at most.
pub const CLAIM_DAYS_MAX: u16 = 365;

/// A claim token, by which a device gets its first certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceClaim {
    /// Its number.
    pub id: i64,
    /// When it was made.
    pub made: Timestamp,
    /// Who made it.
    pub who: Actor,
    /// Their name today.
    pub who_name: String,
    /// Until when it is good.
    pub expires: Timestamp,
    /// When a device used it first.
    pub used: Option<Timestamp>,
    /// When it became void, because its device was revoked.
    pub void: Option<Timestamp>,
}

/// A certificate of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCertificate {
    /// Its own number, in hexadecimal.
    pub number: String,
    /// What the device was let in by.
    pub proof: CertificateProof,
    /// Since when it holds.
    pub since: Timestamp,
    /// Until when it holds.
    pub until: Timestamp,
}

/// That a device was let in no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceRevocation {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub who: Actor,
    /// Their name today.
    pub who_name: String,
    /// Why, if they said.
    pub why: Option<String>,
}

/// What is kept of who a device is, each the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceIdentity {
    /// Claim tokens.
    pub claims: Vec<DeviceClaim>,
    /// Certificates.
    pub certificates: Vec<DeviceCertificate>,
    /// Revocations.
    pub revocations: Vec<DeviceRevocation>,
}

impl DeviceIdentity {
    /// Whether a certificate is good at an instant.
    pub fn holds(&self, certificate: &DeviceCertificate, at: Timestamp) -> bool {
        let revoked = self.revocations.first().map(|it| it.at);
        certificate.until > at && revoked.is_none_or(|revoked| revoked < certificate.since)
    }
}

/// For how many days a certificate is remembered after it has expired: as long as anyone may ask
/// what a device was let in by a year ago.
const CERTIFICATE_KEPT_DAYS: u16 = 365;

/// How many of each are told.
const TOLD_MAX: u32 = 20;

/// How many certificates are forgotten at once, so that nobody who writes waits long.
const FORGOTTEN_AT_ONCE: u32 = 5000;

impl Devices {
    /// Makes a claim token for a device, good for so many days, and tells it: the only time.
    pub async fn make_claim(
        &self,
        serial: &Serial,
        days: u16,
        request: &ChangeRequest,
    ) -> Result<(Timestamp, Secret), ChangeError> {
        let mut transaction = self.store.write().await?;
        let device = id_of(&mut transaction, serial).await?.ok_or(ChangeError::Unknown)?;
        let id = transaction.next_id("device_claim").await?;
        let secret = Secret::of_claim()?;
        let lasts = SignedDuration::from_hours(24 * i64::from(days.clamp(1, CLAIM_DAYS_MAX)));
        let expires = request.at.saturating_add(lasts).map_err(unexpected)?;
        let (user, token) = request.who.columns();
        let sql = "INSERT INTO device_claim (id, device, secret_hash, made_us, actor, app_user, \
                   token, expires_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values = values![
            id,
            device,
            secret.hash(),
            to_us(request.at),
            request.who.to_string(),
            user,
            token,
            to_us(expires),
        ];
        transaction.execute(sql, &values).await?;
        transaction.commit().await?;
        Ok((expires, secret))
    }

    /// The device for which a claim token is that is good for a public key. Nothing is changed.
    pub async fn device_of_claim(
        &self,
        secret: &str,
        key: &[u8],
        at: Timestamp,
    ) -> Result<Option<Serial>, StoreError> {
        if !Secret::is_claim(secret) {
            return Ok(None);
        }
        let sql = "SELECT d.serial FROM device_claim c JOIN device d ON d.id = c.device \
                   WHERE c.secret_hash = $1 AND c.void_us IS NULL AND c.expires_us > $2 \
                   AND (c.key_hash IS NULL OR c.key_hash = $3)";
        let values = values![hash_of(secret), to_us(at), key_hash(key)];
        let rows = self.store.rows(sql, &values).await?;
        rows.first().map(|row| row.text(0)?.parse().map_err(unexpected)).transpose()
    }

    /// Binds a claim token to a public key, and gives the device that it is for. It is good for
    /// that key again, until it expires: an answer can be lost.
    pub async fn use_claim(
        &self,
        secret: &str,
        key: &[u8],
        at: Timestamp,
    ) -> Result<Option<Serial>, StoreError> {
        // Whoever guesses keeps nobody from writing.
        if !Secret::is_claim(secret) {
            return Ok(None);
        }
        let mut transaction = self.store.write().await?;
        let sql = "UPDATE device_claim SET key_hash = $1, used_us = COALESCE(used_us, $2) \
                   WHERE secret_hash = $3 AND void_us IS NULL AND expires_us > $2 \
                   AND (key_hash IS NULL OR key_hash = $1) RETURNING device";
        let values = values![key_hash(key), to_us(at), hash_of(secret)];
        let Some(row) = transaction.row(sql, &values).await? else { return Ok(None) };
        let sql = "SELECT serial FROM device WHERE id = $1";
        let row = transaction.row(sql, &values![row.integer(0)?]).await?;
        transaction.commit().await?;
        row.map(|row| row.text(0)?.parse().map_err(unexpected)).transpose()
    }

    /// Notes a certificate before its device gets it. Gives `false` where the device isn't to get
    /// it: it isn't there, or it was revoked since `shown`, which is since when the certificate
    /// holds that it has shown.
    pub async fn note_certificate(
        &self,
        serial: &Serial,
        certificate: &DeviceCertificate,
        shown: Option<Timestamp>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.store.write().await?;
        let Some(device) = id_of(&mut transaction, serial).await? else { return Ok(false) };
        // Held until the end, so that no revocation comes between.
        let id = transaction.next_id("device_certificate").await?;
        let sql = "SELECT MAX(at_us) FROM device_revocation WHERE device = $1";
        let row = transaction.row(sql, &values![device]).await?;
        let revoked = row.map(|row| row.integer_or_null(0)).transpose()?.flatten();
        if let Some(revoked) = revoked {
            let is_later = |since: Timestamp| to_us(since) > revoked;
            let is_factory = certificate.proof == CertificateProof::Factory;
            if is_factory || !is_later(certificate.since) || !shown.is_none_or(is_later) {
                return Ok(false);
            }
        }
        let sql = "INSERT INTO device_certificate (id, device, number, proof, since_us, until_us) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let values = values![
            id,
            device,
            certificate.number.as_str(),
            certificate.proof.as_str(),
            to_us(certificate.since),
            to_us(certificate.until),
        ];
        transaction.execute(sql, &values).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Forgets certificates that expired more than a year ago, and tells how many. The newest of each
    /// device stays, however old: it tells until when the device could speak.
    pub async fn forget_certificates(&self, at: Timestamp) -> Result<u64, StoreError> {
        let kept = SignedDuration::from_hours(24 * i64::from(CERTIFICATE_KEPT_DAYS));
        let before = to_us(at.saturating_sub(kept).map_err(unexpected)?);
        let is_old = "c.until_us < $1 AND EXISTS (SELECT 1 FROM device_certificate n \
                      WHERE n.device = c.device AND n.id > c.id)";
        let found = format!(
            "SELECT c.id FROM device_certificate c WHERE {is_old} AND c.id > $2 \
             ORDER BY c.id LIMIT {FORGOTTEN_AT_ONCE}"
        );
        let forget = format!(
            "DELETE FROM device_certificate AS c WHERE {is_old} AND c.id > $2 AND c.id <= $3"
        );
        let (mut forgotten, mut last) = (0, 0);
        loop {
            // They are looked for by a connection that keeps nobody from writing.
            let rows = self.store.rows(found.as_str(), &values![before, last]).await?;
            let Some(newest) = rows.last() else { return Ok(forgotten) };
            let newest = newest.integer(0)?;
            let mut transaction = self.store.write().await?;
            forgotten += transaction.execute(&forget, &values![before, last, newest]).await?;
            transaction.commit().await?;
            last = newest;
        }
    }

    /// Lets a device in no more: neither by a certificate that it has, nor by that of the factory,
    /// nor by a claim token that was made before. It counts from when its newest certificate holds,
    /// if that was issued after the request came.
    pub async fn revoke(
        &self,
        serial: &Serial,
        request: &ChangeRequest,
    ) -> Result<(), ChangeError> {
        let mut transaction = self.store.write().await?;
        let device = id_of(&mut transaction, serial).await?.ok_or(ChangeError::Unknown)?;
        // No certificate is noted meanwhile.
        transaction.next_id("device_certificate").await?;
        let id = transaction.next_id("device_revocation").await?;
        let (user, token) = request.who.columns();
        let sql = "INSERT INTO device_revocation (id, device, at_us, actor, app_user, token, why) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let newest = "SELECT MAX(since_us) FROM device_certificate WHERE device = $1";
        let row = transaction.row(newest, &values![device]).await?;
        let newest = row.map(|row| row.integer_or_null(0)).transpose()?.flatten();
        let at = to_us(request.at).max(newest.unwrap_or(i64::MIN));
        let who = request.who.to_string();
        let values = values![id, device, at, who, user, token, request.why.clone()];
        transaction.execute(sql, &values).await?;
        let sql = "UPDATE device_claim SET void_us = $1 WHERE device = $2 AND void_us IS NULL";
        transaction.execute(sql, &values![at, device]).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What is kept of who a device is; of each kind the last few.
    pub async fn identity(&self, serial: &Serial) -> Result<DeviceIdentity, StoreError> {
        let (claims, certificates, revocations) = (
            "SELECT x.id, x.made_us, x.expires_us, x.used_us, x.void_us, x.actor, u.name, t.name \
             FROM device_claim x",
            "SELECT x.number, x.proof, x.since_us, x.until_us FROM device_certificate x",
            "SELECT x.at_us, x.why, x.actor, u.name, t.name FROM device_revocation x",
        );
        let people =
            "LEFT JOIN app_user u ON u.id = x.app_user LEFT JOIN token t ON t.id = x.token";
        let of = "JOIN device d ON d.id = x.device";
        let last = format!("WHERE d.serial = $1 ORDER BY x.id DESC LIMIT {TOLD_MAX}");
        let serial = values![serial.as_str()];
        let claims = format!("{claims} {of} {people} {last}");
        let certificates = format!("{certificates} {of} {last}");
        let revocations = format!("{revocations} {of} {people} {last}");
        Ok(DeviceIdentity {
            claims: self.all(claims, &serial, claim_of).await?,
            certificates: self.all(certificates, &serial, certificate_of).await?,
            revocations: self.all(revocations, &serial, revocation_of).await?,
        })
    }

    /// The rows of a query, each read by `of`.
    async fn all<T>(
        &self,
        sql: String,
        values: &[Value],
        of: fn(&Row) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.store.rows(sql, values).await?.iter().map(of).collect()
    }

    /// Revocations after the one of a number, in the order of their numbers: the number, the device
    /// and when.
    pub async fn revoked_after(
        &self,
        number: i64,
    ) -> Result<Vec<(i64, Serial, Timestamp)>, StoreError> {
        let sql = "SELECT r.id, d.serial, r.at_us FROM device_revocation r \
                   JOIN device d ON d.id = r.device WHERE r.id > $1 ORDER BY r.id";
        let rows = self.store.rows(sql, &values![number]).await?;
        let of = |row: &Row| {
            let serial = row.text(1)?.parse().map_err(unexpected)?;
            Ok((row.integer(0)?, serial, from_us(row.integer(2)?)))
        };
        rows.iter().map(of).collect()
    }
}

fn key_hash(key: &[u8]) -> String {
    hex::encode(<sha2::Sha256 as sha2::Digest>::digest(key))
}

pub(super) async fn id_of(
    transaction: &mut Transaction<'_>,
    serial: &Serial,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT id FROM device WHERE serial = $1";
    let row = transaction.row(sql, &values![serial.as_str()]).await?;
    row.map(|row| row.integer(0)).transpose()
}

fn claim_of(row: &Row) -> Result<DeviceClaim, StoreError> {
    Ok(DeviceClaim {
        id: row.integer(0)?,
        made: from_us(row.integer(1)?),
        expires: from_us(row.integer(2)?),
        used: row.integer_or_null(3)?.map(from_us),
        void: row.integer_or_null(4)?.map(from_us),
        who: row.text(5)?.parse().map_err(unexpected)?,
        who_name: name_of(row.text_or_null(6)?, row.text_or_null(7)?),
    })
}

fn certificate_of(row: &Row) -> Result<DeviceCertificate, StoreError> {
    Ok(DeviceCertificate {
        number: row.text(0)?,
        proof: row.text(1)?.parse().map_err(unexpected)?,
        since: from_us(row.integer(2)?),
        until: from_us(row.integer(3)?),
    })
}

fn revocation_of(row: &Row) -> Result<DeviceRevocation, StoreError> {
    Ok(DeviceRevocation {
        at: from_us(row.integer(0)?),
        why: row.text_or_null(1)?,
        who: row.text(2)?.parse().map_err(unexpected)?,
        who_name: name_of(row.text_or_null(3)?, row.text_or_null(4)?),
    })
}
