//! Units of RFC 8428 and RFC 8798 that UCUM writes otherwise.

/// The UCUM code for a name in the SenML Units Registry, where the two differ.
pub(super) fn ucum_of(name: &str) -> Option<&'static str> {
    let code = match name {
        "lat" | "lon" => "deg",
        "%RH" | "%EL" | "/100" => "%",
        "/" => "1",
        "/1000" => "[ppth]",
        "EL" => "s",
        "pH" => "[pH]",
        "dBW" => "dB[W]",
        "Bspl" => "B[SPL]",
        "count" => "{count}",
        "1/s" => "/s",
        "1/min" => "/min",
        "beat/min" => "{beat}/min",
        "beats" => "{beat}",
        "NTU" => "{NTU}",
        "B" => "By",
        "B/s" => "By/s",
        "VA" | "var" => "V.A",
        "kVA" | "kvar" => "kV.A",
        "VAs" | "vars" => "V.A.s",
        "varh" => "V.A.h",
        "kVAh" | "kvarh" => "kV.A.h",
        "Wh/km" => "W.h/km",
        _ => return None,
    };
    Some(code)
}
