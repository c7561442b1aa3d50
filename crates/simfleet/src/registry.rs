//! The fleet as the registry of devices imports it.

use std::fmt::Write;

use jiff::Timestamp;

use crate::device::Device;
use crate::fleet::Fleet;
use crate::journey::instant;

impl Fleet {
    /// Files of devices, to be imported in this order, as far as things are known at an instant:
    /// first each as it was made, then the firmware that it runs since. A file names a device once.
    pub fn device_files(&self, known_at: Timestamp) -> Vec<String> {
        let updates = self.devices.iter().map(|device| device.firmware.len()).max().unwrap_or(1);
        let files = (0..updates).map(|place| self.device_file(place, known_at));
        files.filter(|file| file.lines().count() > 1).collect()
    }

    fn device_file(&self, place: usize, known_at: Timestamp) -> String {
        let mut text =
            "serial,product,revision,build,lot,market,carrier,firmware,since\n".to_owned();
        for device in self.devices.iter() {
            if let Some((from, firmware)) = device.firmware.get(place)
                && instant(*from) <= known_at
                && *from < device.failed
            {
                write_device(&mut text, device, firmware, instant(*from));
            }
        }
        text
    }

    /// A file of what happened to the devices, as far as it is known at an instant.
    pub fn events_csv(&self, known_at: Timestamp) -> String {
        let mut text = "serial,event,at,cause\n".to_owned();
        for device in self.devices.iter() {
            for (event, at, cause) in [
                ("made", device.made, ""),
                ("shipped", device.shipped, ""),
                ("activated", device.activated, ""),
                ("failed", device.failed, device.cause.as_str()),
            ] {
                let at = instant(at);
                if at <= known_at {
                    // Writing to a text can't fail.
                    let _ = writeln!(text, "{},{event},{at:.0},{cause}", device.serial);
                }
            }
        }
        text
    }
}

fn write_device(text: &mut String, device: &Device, firmware: &str, since: Timestamp) {
    let _ = writeln!(
        text,
        "{},{},{},{},{},{},{},{firmware},{since:.0}",
        device.serial,
        device.revision.product(),
        device.revision.as_str(),
        device.lot.build.unwrap_or_default(),
        device.lot.id,
        device.truck.market.as_str(),
        device.carrier,
    );
}
