//! Passwords: argon2id, away from the threads that serve requests, and few at once.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;

use super::People;
use crate::store::StoreError;

/// The fewest characters that a password may have.
pub const CHARACTERS_MIN: usize = 12;

/// The most bytes that a password may have.
pub const BYTES_MAX: usize = 1024;

/// Why a password can't be set.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password has at least {CHARACTERS_MIN} characters")]
    TooShort,
    /// Too long.
    #[error("a password has at most {BYTES_MAX} bytes")]
    TooLong,
    /// The old password isn't right.
    #[error("the old password is wrong")]
    Wrong,
    /// Too many wrong tries.
    #[error("too many wrong passwords: try again in {retry_after_seconds} s")]
    Throttled {
        /// How long to wait.
        retry_after_seconds: u64,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many passwords are worked on at once: each takes 19 MiB and a core.
pub(crate) fn checks() -> Arc<Semaphore> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Arc::new(Semaphore::new(cores))
}

/// What a password is compared with when there is no user: as long, and never right.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bG9uZ2xlYWQgbm9ib2R5\
                      $AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn check(password: &str) -> Result<(), PasswordError> {
    if password.len() > BYTES_MAX {
        return Err(PasswordError::TooLong);
    }
    match password.chars().count() < CHARACTERS_MIN {
        true => Err(PasswordError::TooShort),
        false => Ok(()),
    }
}

impl People {
    /// The hash of a password, in PHC form.
    pub(super) async fn hash_password(&self, password: &str) -> Result<String, PasswordError> {
        check(password)?;
        let password = password.to_owned();
        let hashed = self.work(move || argon2()?.hash_password(password.as_bytes())).await?;
        let hash = hashed.map_err(|_| failed("a password that can't be hashed"))?;
        Ok(hash.to_string())
    }

    /// True if it's the password of the hash. Takes as long where there is none.
    pub(super) async fn is_password(
        &self,
        password: &str,
        hash: Option<String>,
    ) -> Result<bool, StoreError> {
        if password.len() > BYTES_MAX {
            return Ok(false);
        }
        let password = password.to_owned();
        self.work(move || {
            let hash = hash.as_deref().unwrap_or(NOBODY);
            argon2().is_ok_and(|argon2| argon2.verify_password(password.as_bytes(), hash).is_ok())
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.password_checks).acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Closed)?;
        let worked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        worked.await.map_err(|_| failed("a password that can't be worked on"))
    }
}

fn failed(what: &str) -> StoreError {
    StoreError::Unexpected(what.to_owned())
}

/// The parameters that OWASP's Password Storage Cheat Sheet recommends for argon2id.
fn argon2() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let params = Params::new(19_456, 2, 1, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nobody_is_compared_at_full_cost_and_never_right() {
        let refused = argon2().unwrap().verify_password(b"correct horse battery", NOBODY);
        // Any other error would mean that nothing was computed.
        assert_eq!(refused, Err(argon2::password_hash::Error::PasswordInvalid));
    }
}
