use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

fn quantity(text: &str) -> Quantity {
    text.parse().unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// Reads `text` and shows what came of it, one line each.
fn check(texts: &[&str], expect: &Expect) {
    let lines: Vec<String> = texts
        .iter()
        .map(|text| match text.parse::<Quantity>() {
            Ok(quantity) => {
                format!("{quantity} = {} [{}]\n", quantity.value(), quantity.unit().code())
            }
            Err(error) => format!("{error}; {}\n", error.help()),
        })
        .collect();
    expect.assert_eq(&lines.concat());
}

/// Converts and compares, one line for each pair.
fn check_pairs(pairs: &[(&str, &str)], expect: &Expect) {
    let lines: Vec<String> = pairs
        .iter()
        .map(|(a, b)| {
            let (a, b) = (quantity(a), quantity(b));
            match (a.compare(&b), a.to(b.unit())) {
                (Ok(order), Ok(converted)) => {
                    let sign = match order {
                        Ordering::Less => '<',
                        Ordering::Equal => '=',
                        Ordering::Greater => '>',
                    };
                    format!("{a} {sign} {b}: {converted}\n")
                }
                (Err(error), Err(_)) => format!("{error}; {}\n", error.help()),
                (order, converted) => format!("{a}, {b}: {order:?} but {converted:?}\n"),
            }
        })
        .collect();
    expect.assert_eq(&lines.concat());
}

#[test]
fn quantities_are_read_as_written() {
    check(
        &[
            "256 KiB",
            "3.7 V",
            "-20 Cel",
            "2 a",
            "54",
            "80 %",
            "80%",
            "  3.70   V ",
            "+5 mA",
            "1e3 Hz",
            "2.5E-3 s",
            "2 eV",
            "2eV",
            "0.50 mAh",
            "-40 °C",
            "20 dBm",
            "12 pcs",
            "9.99 USD/mo",
            "100 mg/m³",
        ],
        &expect![[r#"
            256 KiB = 256 [KiBy]
            3.7 V = 3.7 [V]
            -20 Cel = -20 [Cel]
            2 a = 2 [a]
            54 = 54 [1]
            80 % = 80 [%]
            80 % = 80 [%]
            3.70 V = 3.70 [V]
            +5 mA = 5 [mA]
            1e3 Hz = 1000 [Hz]
            2.5E-3 s = 0.0025 [s]
            2 eV = 2 [eV]
            2 eV = 2 [eV]
            0.50 mAh = 0.50 [mA.h]
            -40 °C = -40 [Cel]
            20 dBm = 20 [dB[mW]]
            12 pcs = 12 [{unit}]
            9.99 USD/mo = 9.99 [{USD}/mo]
            100 mg/m³ = 100 [mg/m3]
        "#]],
    );
}

#[test]
fn what_is_no_quantity_is_refused_with_a_mend() {
    check(
        &[
            "",
            " ",
            "V",
            "-",
            ".5 V",
            "3. V",
            "1,000 V",
            "1 000 V",
            "1_000 V",
            "3.7 KHZ",
            "8 Mb",
            "3.7 volts",
            "5 m s",
            "12h",
            "5 12h",
            "1e99 V",
            "0.00000000000000000000000000001 V",
            "5 m/",
            "1 °C/min",
            "−5 V",
            "5 🜨",
            "5 (m",
        ],
        &expect![[r#"
            the quantity is empty; write a number and a unit, such as "256 KiB" or "3.7 V"
            the quantity is empty; write a number and a unit, such as "256 KiB" or "3.7 V"
            `V` does not start with a number; write a number and a unit, such as "256 KiB" or "3.7 V"
            `-` does not start with a number; write a number and a unit, such as "256 KiB" or "3.7 V"
            .5 V = 0.5 [V]
            3. V = 3 [V]
            the number in `1,000 V` is written with separators; write the digits without separators and a point before decimals, as in "12500.5 V"
            the number in `1 000 V` is written with separators; write the digits without separators and a point before decimals, as in "12500.5 V"
            the number in `1_000 V` is written with separators; write the digits without separators and a point before decimals, as in "12500.5 V"
            `KHZ` is not a known unit; did you mean `kHz`?
            `Mb` is not a known unit; did you mean `Mbit`?
            `volts` is not a known unit; did you mean `V`?
            ' ' has no place in a unit (`m s`, character 2); leave the space out; join units with `.` and `/`, as in mA.h or KiBy/s
            12 h = 12 [h]
            `12h` is not a known unit; join a number and a unit with a dot, as in 12.h
            `1e99` is not a number of at most 28 digits; write fewer digits or choose another unit
            `0.00000000000000000000000000001` is not a number of at most 28 digits; write fewer digits or choose another unit
            `m/` is not a unit: expected a unit (character 3); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
            `Cel` takes part in no product, quotient or power (`°C/min`); use the kelvin for temperature differences, as in K/min
            `−5 V` does not start with a number; write a number and a unit, such as "256 KiB" or "3.7 V"
            '🜨' has no place in a unit (`🜨`, character 1); use UCUM's ASCII codes, such as uA, Ohm or Cel
            `(m` is not a unit: expected ')' (character 3); join units with `.` and `/`, as in mA.h or KiBy/s, and close every bracket
        "#]],
    );
}

#[test]
fn quantities_convert_and_compare() {
    check_pairs(
        &[
            ("256 KiB", "128 KiB"),
            ("1 MiB", "1 MB"),
            ("1 MB", "1000 kB"),
            ("8 bit", "1 By"),
            ("2 a", "700 d"),
            ("2 a", "730.5 d"),
            ("1 mo", "30 d"),
            ("1000 mAh", "3.6 kC"),
            ("3 [tsp_us]", "1 [tbs_us]"),
            ("32 [degF]", "0 °C"),
            ("0 Cel", "273.15 K"),
            ("-40 Cel", "-40 [degF]"),
            ("36.6 Cel", "98 °F"),
            ("20 dBm", "100 mW"),
            ("100 mW", "20 dBm"),
            ("20 dBm", "0.1 W"),
            ("14 dBm", "-16 dB[W]"),
            ("10 dBm", "14 dBm"),
            ("1 B[W]", "40 dBm"),
            ("7 [pH]", "5 [pH]"),
            ("7 [pH]", "0.0000001 mol/L"),
            ("1 [in_i]", "25.4 mm"),
            ("180 °", "1 [pi].rad"),
            ("80 %", "0.8"),
            ("1500 µA", "1.5 mA"),
            ("4.7 kΩ", "4700 Ohm"),
            ("5 USD/a", "1 USD/mo"),
        ],
        &expect![[r#"
            256 KiB > 128 KiB: 256 KiB
            1 MiB > 1 MB: 1.048576 MB
            1 MB = 1000 kB: 1000 kB
            8 bit = 1 By: 1 By
            2 a > 700 d: 730.5 d
            2 a = 730.5 d: 730.5 d
            1 mo > 30 d: 30.4375 d
            1000 mAh = 3.6 kC: 3.6 kC
            3 [tsp_us] = 1 [tbs_us]: 1 [tbs_us]
            32 [degF] = 0 °C: 0 °C
            0 Cel = 273.15 K: 273.15 K
            -40 Cel = -40 [degF]: -40 [degF]
            36.6 Cel < 98 °F: 97.88 °F
            20 dBm = 100 mW: 100 mW
            100 mW = 20 dBm: 20 dBm
            20 dBm = 0.1 W: 0.1 W
            14 dBm = -16 dB[W]: -16 dB[W]
            10 dBm < 14 dBm: 10 dBm
            1 B[W] = 40 dBm: 40 dBm
            7 [pH] > 5 [pH]: 7 [pH]
            7 [pH] = 0.0000001 mol/L: 0.0000001 mol/L
            1 [in_i] = 25.4 mm: 25.4 mm
            180 ° = 1 [pi].rad: 1 [pi].rad
            80 % = 0.8: 0.8
            1500 µA = 1.5 mA: 1.5 mA
            4.7 kΩ = 4700 Ohm: 4700 Ohm
            5 USD/a < 1 USD/mo: 0.416666666666666666666667 USD/mo
        "#]],
    );
}

#[test]
fn what_does_not_convert_says_why() {
    check_pairs(
        &[
            ("256 KiB", "3 V"),
            ("51 B", "1 KiB"),
            ("1 KiB", "80 %"),
            ("8 Gb", "1 GiB"),
            ("20 C", "0 Cel"),
            ("5 m", "1 h"),
            ("500 mA", "1 mAh"),
            ("1 USD", "1 EUR"),
            ("1 USD", "1"),
            ("1 KiB/s", "1 Hz"),
            ("1 [iU]", "1 [arb'U]"),
            ("54", "1 s"),
            ("1 kg.m3", "1 By/m3"),
        ],
        &expect![[r#"
            `KiB` (information) does not convert to `V` (electric potential); write both in units of electric potential or of information
            `B` (number) does not convert to `KiB` (information); `B` is the bel in UCUM; write `By` for bytes
            `KiB` (information) does not convert to `%` (number); write both in units of number or of information
            `Gb` (electric current) does not convert to `GiB` (information); `b` is not the bit in UCUM; write `bit`, as in `Gbit`
            `C` (electric charge) does not convert to `Cel` (temperature); `C` is the coulomb; write `Cel` or `°C` for degrees Celsius
            `m` (length) does not convert to `h` (time); `m` is the metre; write `min` for minutes or `mo` for months
            `mA` (electric current) does not convert to `mAh` (electric charge); a charge is a current times a time, as in `mAh`
            `USD` (money in USD) does not convert to `EUR` (money in EUR); currencies meet only through a rate; write both in one currency
            `USD` (money in USD) does not convert to `1` (number); write both in units of number or of money in USD
            `KiB/s` (data rate) does not convert to `Hz` (frequency); write both in units of frequency or of data rate
            `[iU]` ([iU]) does not convert to `[arb'U]` ([arb'U]); write both in units of [arb'U] or of [iU]
            `1` (number) does not convert to `s` (time); write both in units of time or of number
            `kg.m3` (length^3 × mass) does not convert to `By/m3` (information × length^-3); write both in units of information × length^-3 or of length^3 × mass
        "#]],
    );
}

#[test]
fn results_that_no_decimal_holds_are_had_as_floats() {
    let metre: Unit = "Ym".parse().unwrap();
    let small = quantity("1 ym");
    assert!(matches!(small.to(&metre), Err(ConversionError::OutOfRange { .. })));
    // Fewer than 24 digits fit, but enough do.
    let foot: Unit = "[ft_i]".parse().unwrap();
    assert_eq!(
        quantity("0.00245 mm").to(&foot).unwrap().to_string(),
        "0.0000080380577427821522309711 [ft_i]"
    );
    let value = small.value_in(&metre).unwrap();
    assert!((value / 1e-48 - 1.0).abs() < 1e-15, "{value}");
}

#[test]
fn what_has_no_counterpart_can_still_be_compared() {
    let (zero, level) = (quantity("0 mW"), quantity("1 dBm"));
    assert_eq!(zero.compare(&level), Ok(Ordering::Less));
    assert_eq!(level.compare(&zero), Ok(Ordering::Greater));
    assert!(matches!(zero.to(level.unit()), Err(ConversionError::Domain { .. })));
}

#[test]
fn equality_is_of_spelling_and_comparison_of_amount() {
    assert_ne!(quantity("1.0 V"), quantity("1 V"));
    assert_ne!(quantity("1 KiB"), quantity("1 KiBy"));
    assert_eq!(quantity("1 KiB"), quantity("1  KiB"));
    assert_eq!(quantity("1 KiB").compare(&quantity("1.0 KiBy")), Ok(Ordering::Equal));
}

/// Numbers that devices are specified with, in a few units that convert to each other.
fn lengths() -> impl Strategy<Value = Quantity> {
    const UNITS: &[&str] = &["m", "mm", "[in_i]", "[ft_i]", "km", "[mil_i]"];
    (-1_000_000_i64..1_000_000, 0_u32..3, proptest::sample::select(UNITS)).prop_map(
        |(digits, scale, unit)| Quantity::new(Decimal::new(digits, scale), unit.parse().unwrap()),
    )
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in any::<String>()) {
        let _ = text.parse::<Quantity>();
    }

    #[test]
    fn what_was_read_is_given_back(
        digits in any::<i64>(),
        scale in 0_u32..20,
        unit in proptest::sample::select(&["", "V", "KiB", "mA.h", "°C", "{unit}", "USD", "dBm"][..]),
    ) {
        let number = Decimal::from_i128_with_scale(digits.into(), scale);
        let text = format!("{number} {unit}");
        let quantity = text.parse::<Quantity>().unwrap();
        prop_assert_eq!(quantity.to_string(), text.trim());
        prop_assert_eq!(quantity.value(), number);
    }

    #[test]
    fn comparison_is_antisymmetric_and_agrees_with_conversion(a in lengths(), b in lengths()) {
        let order = a.compare(&b).unwrap();
        prop_assert_eq!(b.compare(&a).unwrap(), order.reverse());
        let converted = a.to(b.unit()).unwrap();
        prop_assert_eq!(converted.compare(&b).unwrap(), order);
        prop_assert_eq!(converted.compare(&a).unwrap(), Ordering::Equal);
    }

    #[test]
    fn no_pair_of_quantities_makes_conversion_panic(
        a in r"-?[0-9]{1,28}(e-?[0-9]{1,2})? [YykMGmuK]?(i?By|bit|m|g|K|Cel|B|B\[W\]|Np|\[pH\]|10\*-?[0-9]{1,10}|%\[slope\])[2-9]?",
        b in r"-?[0-9]{1,28}(e-?[0-9]{1,2})? [YykMGmuK]?(i?By|bit|m|g|K|Cel|dBm|B\[W\]|W|\[pH\]|10\*-?[0-9]{1,10}|%\[slope\])[2-9]?",
    ) {
        if let (Ok(a), Ok(b)) = (a.parse::<Quantity>(), b.parse::<Quantity>()) {
            let convertible = a.unit().converts_to(b.unit());
            prop_assert_eq!(b.unit().converts_to(a.unit()), convertible);
            let converted = a.to(b.unit());
            let dimension = matches!(converted, Err(ConversionError::Dimension { .. }));
            prop_assert_eq!(convertible, !dimension);
            let _ = a.value_in(b.unit());
            if let (Ok(order), Ok(back)) = (a.compare(&b), b.compare(&a)) {
                prop_assert_eq!(order, back.reverse());
            }
        }
    }
}
