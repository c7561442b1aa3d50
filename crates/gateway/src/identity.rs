//! Who a device is: a certificate of the devices' own authority, whose common name is the serial
//! number.
//!
//! A device makes its key and sends a request for a certificate (PKCS #10) to `POST /enrol`, with
//! one of: a claim token, which is good for one key; the certificate that it left the factory with;
//! or its present certificate, to rotate it before it expires. The key never leaves the device.
//!
//! A certificate holds for [`DEVICE_DAYS`] and should be rotated in the last third of that time. A
//! connection ends with the certificate that it was opened with. A device that is revoked in the
//! registry is let in no more, whatever it shows; its open connections are ended by
//! [`crate::mqtt::Broker::revoke`].

mod authority;
mod der;
mod enrol;
mod request;
mod tls;

pub use authority::{Authority, DEVICE_DAYS, IdentityError, Issued, Presented, Proof};
pub(crate) use enrol::{Enrolments, authority, enrol};
pub use request::Request;
pub use tls::DeviceTls;
pub(crate) use tls::Shown;

#[cfg(test)]
mod tests;
