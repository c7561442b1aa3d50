use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// Reads each text and shows its code, dimension and name, or what is wrong with it.
fn check(texts: &[&str], expect: &Expect) {
    let lines: Vec<String> = texts
        .iter()
        .map(|text| match text.parse::<Unit>() {
            Ok(unit) => format!("{unit}: {}, {}, {}\n", unit.code(), unit.dimension(), unit.name()),
            Err(error) => format!("{error}; {}\n", error.help()),
        })
        .collect();
    expect.assert_eq(&lines.concat());
}

#[test]
fn codes_and_everyday_spellings_are_read() {
    check(
        &[
            "KiBy",
            "KiB",
            "kB",
            "MB/s",
            "KiB{flash}",
            "B",
            "dB",
            "GHz",
            "mAh",
            "µAh",
            "mAh/d",
            "V/mAh",
            "°C",
            "%",
            "dBm",
            "dB[mW]",
            "dBi",
            "kΩ",
            "m²",
            "s⁻¹",
            "mA·h",
            "years",
            "pcs",
            "rpm",
            "USD",
            "EUR/mo",
            "{device}",
            "a",
            "d",
            "wk",
            "mo",
            "h",
            "10*3/ul",
            "[ft_i]",
            "[iU]",
            "%[slope]",
            "g{wet}.m-2",
        ],
        &expect![[r#"
            KiBy: KiBy, information, (kibibyte)
            KiB: KiBy, information, (kibibyte)
            kB: kBy, information, (kilobyte)
            MB/s: MBy/s, data rate, (megabyte) / (second)
            KiB{flash}: KiBy{flash}, information, (kibibyte){flash}
            B: B, number, (bel)
            dB: dB, number, (decibel)
            GHz: GHz, frequency, (gigahertz)
            mAh: mA.h, electric charge, (milliampère) * (hour)
            µAh: uA.h, electric charge, (microampère) * (hour)
            mAh/d: mA.h/d, electric current, (milliampère) * (hour) / (day)
            V/mAh: V/(mA.h), length^2 × time^-2 × mass × electric charge^-2, (volt) / ((milliampère) * (hour))
            °C: Cel, temperature, (degree Celsius)
            %: %, number, (percent)
            dBm: dB[mW], power, (decibel milliwatt)
            dB[mW]: dB[mW], power, (decibel milliwatt)
            dBi: dB{i}, number, (decibel){i}
            kΩ: kOhm, electric resistance, (kiloohm)
            m²: m2, area, (meter ^ 2)
            s⁻¹: s-1, frequency, (second ^ -1)
            mA·h: mA.h, electric charge, (milliampère) * (hour)
            years: a, time, (year)
            pcs: {unit}, number, {unit}
            rpm: {revolution}/min, frequency, {revolution} / (minute)
            USD: {USD}, money in USD, {USD}
            EUR/mo: {EUR}/mo, EUR × time^-1, {EUR} / (month)
            {device}: {device}, number, {device}
            a: a, time, (year)
            d: d, time, (day)
            wk: wk, time, (week)
            mo: mo, time, (month)
            h: h, time, (hour)
            10*3/ul: 10*3/ul, length^-3, (the number ten for arbitrary powers ^ 3) / (microliter)
            [ft_i]: [ft_i], length, (foot)
            [iU]: [iU], [iU], (international unit)
            %[slope]: %[slope], angle, (percent of slope)
            g{wet}.m-2: g{wet}.m-2, length^-2 × mass, (gram){wet} * (meter ^ -2)
        "#]],
    );
}

#[test]
fn dimensions_have_names() {
    check(
        &[
            "m", "m2", "L", "s", "Hz", "km/h", "[g]", "L/min", "kg", "g/mL", "deg", "sr", "rad/s",
            "K", "N", "bar", "J", "W", "C", "A", "V", "Ohm", "S", "F", "H", "Wb", "T", "cd", "lm",
            "lx", "kbit/s", "W/m2", "By/m3", "USD/kg",
        ],
        &expect![[r#"
            m: m, length, (meter)
            m2: m2, area, (meter ^ 2)
            L: L, volume, (liter)
            s: s, time, (second)
            Hz: Hz, frequency, (hertz)
            km/h: km/h, speed, (kilometer) / (hour)
            [g]: [g], acceleration, (standard acceleration of free fall)
            L/min: L/min, volume flow, (liter) / (minute)
            kg: kg, mass, (kilogram)
            g/mL: g/mL, density, (gram) / (milliliter)
            deg: deg, angle, (degree)
            sr: sr, solid angle, (steradian)
            rad/s: rad/s, angular speed, (radian) / (second)
            K: K, temperature, (kelvin)
            N: N, force, (newton)
            bar: bar, pressure, (bar)
            J: J, energy, (joule)
            W: W, power, (watt)
            C: C, electric charge, (coulomb)
            A: A, electric current, (ampère)
            V: V, electric potential, (volt)
            Ohm: Ohm, electric resistance, (ohm)
            S: S, electric conductance, (siemens)
            F: F, electric capacitance, (farad)
            H: H, inductance, (henry)
            Wb: Wb, magnetic flux, (weber)
            T: T, magnetic flux density, (tesla)
            cd: cd, luminous intensity, (candela)
            lm: lm, luminous flux, (lumen)
            lx: lx, illuminance, (lux)
            kbit/s: kbit/s, data rate, (kilobit) / (second)
            W/m2: W/m2, irradiance, (watt) / (meter ^ 2)
            By/m3: By/m3, information × length^-3, (byte) / (meter ^ 3)
            USD/kg: {USD}/kg, USD × mass^-1, {USD} / (kilogram)
        "#]],
    );
}

#[test]
fn what_is_no_unit_is_refused_with_a_mend() {
    check(
        &[
            "",
            " ",
            "m s",
            "m/",
            "/",
            "()",
            "m)",
            "{",
            "{}",
            "[",
            "KHZ",
            "Khz",
            "mah",
            "volts",
            "kilometers",
            "litre",
            "USd",
            "12h",
            "m//s",
            "m/s/qq",
            "µ°/xyzzy",
            "Cel/min",
            "dB2",
            "m99999999999",
            "psii",
            "м",
            "m2000",
            "0",
        ],
        &expect![[r#"
            the unit is empty; write a UCUM code, such as V, KiBy, mo or {unit}
            ' ' has no place in a unit (` `, character 1); leave the space out; join units with `.` and `/`, as in mA.h or KiBy/s
            ' ' has no place in a unit (`m s`, character 2); leave the space out; join units with `.` and `/`, as in mA.h or KiBy/s
            `m/` is not a unit: expected a unit (character 3); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
            `/` is not a unit: expected a unit (character 2); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
            `()` is not a unit: unexpected character ')' (character 2); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
            `m)` is not a unit: unexpected character ')' (character 2); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
            `{` is not a unit: expected '}' (character 2); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
            `{}` is not a unit: an annotation cannot be empty (character 2); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
            `[` is not a unit: expected ']' (character 2); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
            `KHZ` is not a known unit; did you mean `kHz`?
            `Khz` is not a known unit; did you mean `kHz`?
            `mah` is not a known unit; did you mean `mAh`?
            `volts` is not a known unit; did you mean `V`?
            `kilometers` is not a known unit; did you mean `km`?
            `litre` is not a known unit; did you mean `L`?
            `USd` is not a known unit; did you mean `USD`?
            `12h` is not a known unit; join a number and a unit with a dot, as in 12.h
            `m//s` is not a unit: unexpected character '/' (character 3); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
            `qq` is not a known unit (in `m/s/qq`); write a UCUM code, such as V, KiBy or mo; what has none goes in braces, as in {message}
            '°' has no place in a unit (`µ°/xyzzy`, character 1); use UCUM's ASCII codes, such as uA, Ohm or Cel
            `Cel` takes part in no product, quotient or power (`Cel/min`); use the kelvin for temperature differences, as in K/min
            `B` takes part in no product, quotient or power (`dB2`); write it alone
            `m99999999999` is not a unit: exponent out of range (character 13); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
            `psii` is not a known unit; did you mean `psi`?
            'м' has no place in a unit (`м`, character 1); use UCUM's ASCII codes, such as uA, Ohm or Cel
            `m2000` is out of range; use smaller exponents
            `0` is not a unit: a number must be a positive integer (character 1); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
        "#]],
    );
}

#[test]
fn the_place_of_an_error_is_counted_in_what_was_written() {
    for (text, at) in [("mAh/xyzzy", 4), ("kΩ.xyzzy", 4), ("mA·xyzzy", 4), ("{xyzzy}.xyzzy", 8)] {
        match text.parse::<Unit>() {
            Err(UnitError::Unknown { at: found, symbol, .. }) => {
                assert_eq!((found, symbol.as_str()), (at, "xyzzy"), "{text}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn long_and_deep_texts_are_refused_without_harm() {
    for text in ["m".repeat(1 << 20), "(".repeat(1 << 20), "m/".repeat(1 << 20)] {
        assert_eq!(text.parse::<Unit>(), Err(UnitError::TooLong { bytes: text.len() }));
    }
    for text in ["(".repeat(199), "m/".repeat(99), "((".repeat(50) + "m" + &"))".repeat(49)] {
        assert!(matches!(text.parse::<Unit>(), Err(UnitError::Syntax { .. })), "{text}");
    }
    let deep = "m/".repeat(99) + "m";
    assert_eq!(deep.parse::<Unit>().unwrap().dimension(), "length^-98");
}

#[test]
fn an_alias_hides_no_ucum_unit_but_the_few_that_are_meant_to() {
    for (spelling, code) in alias::ALIASES {
        assert!(Unit::from_ucum(spelling).is_err(), "{spelling} is a UCUM unit");
        assert_eq!(spelling.parse::<Unit>().unwrap().code(), *code);
        Unit::from_ucum(code).unwrap();
    }
    for (spelling, code) in alias::OVERRIDES {
        let name = Unit::from_ucum(spelling).unwrap().name();
        assert!(name.ends_with("bel)") || name.ends_with("Biot)"), "{spelling} is a {name}");
        assert_eq!(spelling.parse::<Unit>().unwrap().code(), *code);
    }
    for currency in alias::CURRENCIES {
        assert!(Unit::from_ucum(currency).is_err(), "{currency} is a UCUM unit");
        assert!(alias::code_of(currency).is_none());
        assert_eq!(alias::currency(currency), Some(*currency), "the list is sorted");
    }
}

#[test]
fn products_and_quotients_keep_their_grouping() {
    let unit = |text: &str| text.parse::<Unit>().unwrap();
    assert_eq!(unit("V").per(&unit("mAh")).unwrap().code(), "V/(mA.h)");
    assert_eq!(unit("KiB/s").times(&unit("s")).unwrap().dimension(), "information");
    assert!(unit("dBm").per(&unit("s")).is_err());
    assert!(unit("Cel").times(&unit("m")).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in any::<String>()) {
        let _ = text.parse::<Unit>();
    }

    #[test]
    fn no_text_of_unit_letters_makes_reading_panic(text in r"[mskgKCByib0-9*./(){}\[\]'+\-µ°Ω²%^]{0,40}") {
        if let Ok(unit) = text.parse::<Unit>() {
            prop_assert_eq!(unit.as_written(), text.as_str());
            let again: Unit = unit.code().parse().unwrap();
            prop_assert!(unit.converts_to(&again));
            prop_assert_eq!(again.dimension(), unit.dimension());
            prop_assert!(!unit.name().is_empty());
        }
    }
}
