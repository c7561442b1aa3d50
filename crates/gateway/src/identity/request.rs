//! A request for a certificate, as a device sends it.

use rcgen::{
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256, PublicKeyData,
    SignatureAlgorithm,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateSigningRequestDer, alg_id};

use super::{IdentityError, der};

/// A request (PKCS #10) that is signed with the key that it is for.
#[derive(Clone, Debug)]
pub struct Request {
    named: Option<String>,
    key: Vec<u8>,
    bits: Vec<u8>,
    algorithm: &'static SignatureAlgorithm,
}

impl Request {
    /// Reads a request in PEM or DER.
    ///
    /// # Errors
    /// It is none, its key is of a kind that isn't taken, or another key has signed it.
    pub fn read(body: &[u8]) -> Result<Request, IdentityError> {
        let der = match body.first() {
            Some(0x30) => CertificateSigningRequestDer::from(body.to_vec()),
            _ => CertificateSigningRequestDer::from_pem_slice(body)
                .map_err(|_| IdentityError::Request("a request for a certificate is expected"))?,
        };
        let read = der::Request::read(&der)
            .ok_or(IdentityError::Request("the request for a certificate can't be read"))?;
        let algorithm = algorithm(read.key.algorithm).ok_or(IdentityError::Request(
            "a key on the curve P-256, P-384 or Ed25519, or one of RSA, is expected",
        ))?;
        if !read.is_sound() {
            let reason = "the request isn't signed with the key that it is for";
            return Err(IdentityError::Request(reason));
        }
        Ok(Request {
            named: read.common_name().map(str::to_owned),
            key: read.key.info.to_vec(),
            bits: read.key.bits.to_vec(),
            algorithm,
        })
    }

    /// The common name that it asks for, if it asks for one.
    pub fn named(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// The public key with its algorithm, in DER.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

fn algorithm(id: &[u8]) -> Option<&'static SignatureAlgorithm> {
    let known = [
        (alg_id::ECDSA_P256, &PKCS_ECDSA_P256_SHA256),
        (alg_id::ECDSA_P384, &PKCS_ECDSA_P384_SHA384),
        (alg_id::ED25519, &PKCS_ED25519),
        (alg_id::RSA_ENCRYPTION, &PKCS_RSA_SHA256),
    ];
    known.into_iter().find(|it| it.0.as_ref() == id).map(|it| it.1)
}

impl PublicKeyData for Request {
    fn der_bytes(&self) -> &[u8] {
        &self.bits
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}
