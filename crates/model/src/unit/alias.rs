//! Everyday spellings and the UCUM codes they stand for.

/// The code of `dBm`, formed as UCUM forms `B[mV]`; UCUM itself has no level over 1 mW.
pub(super) const MILLIWATT_LEVEL: &str = "dB[mW]";

/// True for the spellings of [`MILLIWATT_LEVEL`].
pub(super) fn is_milliwatt_level(text: &str) -> bool {
    text == "dBm" || text == MILLIWATT_LEVEL
}

/// Spellings that UCUM reads as prefixed bels and as the deci-Biot, which nobody writes. They
/// alone win over UCUM.
pub(super) const OVERRIDES: &[(&str, &str)] = &[
    ("kB", "kBy"),
    ("MB", "MBy"),
    ("GB", "GBy"),
    ("TB", "TBy"),
    ("KiB", "KiBy"),
    ("MiB", "MiBy"),
    ("GiB", "GiBy"),
    ("TiB", "TiBy"),
    ("dBi", "dB{i}"),
];

/// Spellings that mean nothing in UCUM; a test holds the table to that.
pub(super) const ALIASES: &[(&str, &str)] = &[
    // Information
    ("byte", "By"),
    ("bytes", "By"),
    ("bits", "bit"),
    ("bps", "bit/s"),
    ("kbps", "kbit/s"),
    ("Mbps", "Mbit/s"),
    ("Gbps", "Gbit/s"),
    // Charge and energy of a battery
    ("Ah", "A.h"),
    ("mAh", "mA.h"),
    ("uAh", "uA.h"),
    ("Wh", "W.h"),
    ("mWh", "mW.h"),
    ("kWh", "kW.h"),
    ("VA", "V.A"),
    ("ohm", "Ohm"),
    // Temperature and angle
    ("°C", "Cel"),
    ("℃", "Cel"),
    ("degC", "Cel"),
    ("°F", "[degF]"),
    ("℉", "[degF]"),
    ("degF", "[degF]"),
    ("°", "deg"),
    // Time
    ("sec", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("mins", "min"),
    ("minute", "min"),
    ("minutes", "min"),
    ("hr", "h"),
    ("hrs", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
    ("week", "wk"),
    ("weeks", "wk"),
    ("month", "mo"),
    ("months", "mo"),
    ("yr", "a"),
    ("yrs", "a"),
    ("year", "a"),
    ("years", "a"),
    ("rpm", "{revolution}/min"),
    // Proportions and levels
    ("percent", "%"),
    ("‰", "[ppth]"),
    ("ppm", "[ppm]"),
    ("ppb", "[ppb]"),
    // Size, weight, pressure, light
    ("inch", "[in_i]"),
    ("inches", "[in_i]"),
    ("lb", "[lb_av]"),
    ("lbs", "[lb_av]"),
    ("oz", "[oz_av]"),
    ("psi", "[psi]"),
    ("lux", "lx"),
    // Counted things
    ("pcs", "{unit}"),
    ("piece", "{unit}"),
    ("pieces", "{unit}"),
    ("unit", "{unit}"),
    ("units", "{unit}"),
    ("ea", "{unit}"),
    ("device", "{device}"),
    ("devices", "{device}"),
    ("message", "{message}"),
    ("messages", "{message}"),
    ("cycle", "{cycle}"),
    ("cycles", "{cycle}"),
];

/// The code that a spelling stands for.
pub(super) fn code_of(spelling: &str) -> Option<&'static str> {
    OVERRIDES.iter().chain(ALIASES).find(|(written, _)| *written == spelling).map(|(_, code)| *code)
}

/// The code of the currency that is written, out of those that ISO 4217 lists as in use.
pub(super) fn currency(text: &str) -> Option<&'static str> {
    CURRENCIES.binary_search(&text).ok().and_then(|index| CURRENCIES.get(index)).copied()
}

pub(super) const CURRENCIES: &[&str] = &[
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD",
    "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF",
    "CLP", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN",
    "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD",
    "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES",
    "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL",
    "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN",
    "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP",
    "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK",
    "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT",
    "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VES", "VND",
    "VUV", "WST", "XAF", "XCD", "XOF", "XPF", "YER", "ZAR", "ZMW", "ZWG",
];
