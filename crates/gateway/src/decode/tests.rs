use std::fmt::Write;

use longlead_stream::{Batch, Captured, Value};

use super::{Context, Limits, Precision, decode};
use crate::Format;

mod hostile;
mod shared_data;

/// A batch as text: a reading to a line, then what is refused.
fn told(batch: &Batch) -> String {
    let mut told = String::new();
    for reading in batch.readings() {
        let head = reading.head;
        write!(told, "{}", batch.text(head.stream)).expect("a text takes text");
        let device = head.device.map_or("?", |device| batch.text(device));
        write!(told, " {device}").expect("a text takes text");
        match head.captured {
            Captured::At(time) => write!(told, " @{time}"),
            Captured::Before(span) => write!(told, " -{span}"),
            Captured::Heard(time) => write!(told, " heard@{time}"),
            Captured::Untold => Ok(()),
        }
        .expect("a text takes text");
        if let Some(boot) = head.boot {
            write!(told, " boot={boot}").expect("a text takes text");
        }
        if let Some(sequence) = head.sequence {
            write!(told, " #{sequence}").expect("a text takes text");
        }
        for (name, value, unit) in reading.values {
            let value = match value {
                Value::Float(number) => format!("{number:?}"),
                Value::Integer(number) => format!("{number}i"),
                Value::Unsigned(number) => format!("{number}u"),
                Value::Bool(bool) => format!("{bool}"),
                Value::Text(span) => format!("{:?}", batch.kept(*span)),
            };
            let unit = unit.map_or(String::new(), |unit| format!("[{}]", batch.text(unit)));
            write!(told, " {}={value}{unit}", batch.text(*name)).expect("a text takes text");
        }
        told.push('\n');
    }
    for refused in batch.refused() {
        let part = String::from_utf8_lossy(&refused.part);
        writeln!(told, "! {} <- {part}", refused.detail).expect("a text takes text");
    }
    told
}

fn check_in(format: Format, payload: &[u8], context: &Context<'_>, expected: &str) {
    let batch = decode(format, payload, context);
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let expected: Vec<String> = lines(expected).into_iter().filter(|it| !it.is_empty()).collect();
    assert_eq!(lines(&told(&batch)), expected, "{}", String::from_utf8_lossy(payload));
}

fn check(format: Format, payload: &str, expected: &str) {
    check_in(format, payload.as_bytes(), &Context::default(), expected);
}

#[test]
fn a_line_is_a_reading_with_its_tags_as_texts() {
    let cases = [
        ("climate,device=CT-1 t=4.5 1767225600000000000", "climate CT-1 @1767225600000000 t=4.5"),
        (
            "readings,name=truck_0,fleet=South velocity=0,ok=t,n=3i,m=18446744073709551615u",
            r#"readings ? name="truck_0" fleet="South" velocity=0.0 ok=true n=3i m=18446744073709551615u"#,
        ),
        ("# a comment\n\n  a b=1\r\n", "a ? b=1.0"),
        ("a b=1 5\na b=2 -1\n", "a ? @0 b=1.0\na ? @-1 b=2.0"),
        ("a b=-1.5e3,c=1.,d=.5,e=-0,f=0.1", "a ? b=-1500.0 c=1.0 d=0.5 e=-0.0 f=0.1"),
        ("a b=-9223372036854775808i", "a ? b=-9223372036854775808i"),
        ("a b=T,c=TRUE,d=f,e=False", "a ? b=true c=true d=false e=false"),
        ("a device=3i", "a ? device_value=3i"),
    ];
    for (payload, expected) in cases {
        check(Format::LineProtocol, payload, expected);
    }
}

#[test]
fn each_escape_of_a_line_is_taken_out_where_it_stands_for_another() {
    let cases = [
        (r"my\ sensor,a\,b=c\=d\ e,f\=g=h t=1", r#"my_sensor ? a_b="c=d e" f_g="h" t=1.0"#),
        (
            r#"a b="say \"hi\"",c="back\\slash",d="not\n""#,
            r#"a ? b="say \"hi\"" c="back\\slash" d="not\\n""#,
        ),
        ("a b=\"two\nlines\"\na c=1", "a ? b=\"two\\nlines\"\na ? c=1.0"),
        (r#"a b="x,y = z" 1000"#, r#"a ? @1 b="x,y = z""#),
        (r"a,t=c:\x\ y b=1", r#"a ? t="c:\\x y" b=1.0"#),
        (r#"a,t=ü\ ö b="ä\"é""#, r#"a ? t="ü ö" b="ä\"é""#),
    ];
    for (payload, expected) in cases {
        check(Format::LineProtocol, payload, expected);
    }
}

#[test]
fn a_bad_line_is_refused_by_itself() {
    let payload = "a b=1\na\n,t=1 b=1\na b\na b=\na b=x\na b=1 x\na b=1 1 2\na b=1,\na,t b=1\n\
                   a,t= b=1\na b=NaN\na b=inf\na b=1e999\na b=+1\na b=9223372036854775808i\na b=-1u\n\
                   a b=\"x\"y\na b=1,b=2\na c=2\n";
    let expected = r#"
        a ? b=1.0
        a ? c=2.0
        ! line 2: the line has no field <- a
        ! line 3: the line has no measurement <- ,t=1 b=1
        ! line 4: the field "b" has no value <- a b
        ! line 5: "" is no value <- a b=
        ! line 6: "x" is no value <- a b=x
        ! line 7: "x" is no time <- a b=1 x
        ! line 8: more follows the time <- a b=1 1 2
        ! line 9: a key is empty <- a b=1,
        ! line 10: the tag "t" has no value <- a,t b=1
        ! line 11: a tag's value is empty or has an "=" without a "\" <- a,t= b=1
        ! line 12: "NaN" is no value <- a b=NaN
        ! line 13: "inf" is no value <- a b=inf
        ! line 14: "1e999" is no value <- a b=1e999
        ! line 15: "+1" is no value <- a b=+1
        ! line 16: "9223372036854775808i" is no value <- a b=9223372036854775808i
        ! line 17: "-1u" is no value <- a b=-1u
        ! line 18: after a value comes ",", a time or the end of the line <- a b="x"y
        ! line 19: two values are named "b" <- a b=1,b=2
    "#;
    check(Format::LineProtocol, payload, expected);
    check(Format::LineProtocol, "a b=\"open\n", "! line 1: a text has no end <- a b=\"open");
    check_in(
        Format::LineProtocol,
        b"a b=1\na,t=\xff b=1\na b=2\n",
        &Context::default(),
        "a ? b=1.0\na ? b=2.0\n! line 2: byte 4 is not UTF-8 <- a,t=\u{fffd} b=1",
    );
}

#[test]
fn a_precision_says_what_a_timestamp_counts() {
    let cases = [
        (Precision::Nanoseconds, "1999", "@1"),
        (Precision::Microseconds, "7", "@7"),
        (Precision::Milliseconds, "7", "@7000"),
        (Precision::Seconds, "7", "@7000000"),
        (Precision::Hours, "-1", "@-3600000000"),
    ];
    for (precision, timestamp, expected) in cases {
        let context = Context { precision, device: Some("CT-1"), ..Context::default() };
        let payload = format!("a b=1 {timestamp}");
        let expected = format!("a CT-1 {expected} b=1.0");
        check_in(Format::LineProtocol, payload.as_bytes(), &context, &expected);
    }
    let context = Context { precision: Precision::Seconds, ..Context::default() };
    let expected = "! line 1: the time is out of range <- a b=1 9223372036854775807";
    check_in(Format::LineProtocol, b"a b=1 9223372036854775807", &context, expected);
}

#[test]
fn numbers_are_what_the_standard_library_reads() {
    let mut state = 42_u64;
    for _ in 0..20_000 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let digits = (state >> 40) as usize % 18 + 1;
        let mut text = (state >> 3).to_string();
        text.truncate(digits);
        text.insert((state >> 20) as usize % (text.len() + 1), '.');
        let batch =
            decode(Format::LineProtocol, format!("a b={text}").as_bytes(), &Context::default());
        let reading = batch.readings().next().unwrap_or_else(|| panic!("{text} is read"));
        assert_eq!(reading.values[0].1, Value::Float(text.parse().expect("a number")), "{text}");
    }
}

#[test]
fn json_is_read_flat_and_in_envelopes() {
    let context = Context { stream: Some("climate"), device: Some("CT-1"), ..Context::default() };
    let cases = [
        (r#"{"temperature":4.5,"door":true,"n":3}"#, "climate CT-1 temperature=4.5 door=true n=3i"),
        (
            r#"[{"device":"B","time":1767225600,"seq":7,"boot":2,"t":1},{"t":null,"u":"x"}]"#,
            "climate B @1767225600000000 boot=2 #7 t=1i\nclimate CT-1 u=\"x\"",
        ),
        (
            r#"{"stream":"motion","captured":"2026-01-01T00:00:00.25Z","sequence":1,"values":{"gps":{"lat":1.5,"lon":2.5},"accel":[1,2]}}"#,
            "motion CT-1 @1767225600250000 #1 gps_lat=1.5 gps_lon=2.5 accel_0=1i accel_1=2i",
        ),
        (
            r#"{"values":{"temperature":{"value":39.2,"unit":"[degF]"}},"age":1.5}"#,
            "climate CT-1 -1500000 temperature=39.2[[degF]]",
        ),
        (
            r#"{"boot":3,"readings":[{"seq":1,"t":1},{"seq":2,"values":{"t":2}},{"seq":3}]}"#,
            r#"climate CT-1 boot=3 #1 t=1i
               climate CT-1 boot=3 #2 t=2i
               ! the reading has no value <- {"seq":3}"#,
        ),
        (
            r#"{"batteryLevel":1,"Link_Quality":{"RSSI":2},"cpu.load":3,"2m":4,"IPAddress":"::1","clock":5}"#,
            r#"climate CT-1 battery_level=1i link_quality_rssi=2i cpu_load=3i n_2m=4i ip_address="::1" clock_value=5i"#,
        ),
        (r#"{"t":18446744073709551615}"#, "climate CT-1 t=18446744073709551615u"),
        ("[]", ""),
    ];
    for (payload, expected) in cases {
        check_in(Format::Json, payload.as_bytes(), &context, expected);
    }
}

#[test]
fn a_time_is_told_by_its_size() {
    let at = "s ? @1767225600123000 t=1i";
    for time in ["1767225600.123", "1767225600123", "1767225600123000", "1767225600123000000"] {
        check(Format::Json, &format!(r#"{{"stream":"s","ts":{time},"t":1}}"#), at);
    }
    let bad = r#"{"stream":"s","ts":"yesterday","t":1}"#;
    let expected = format!("! \"yesterday\" is no time such as 2026-01-14T18:59:53Z <- {bad}");
    check(Format::Json, bad, &expected);
}

#[test]
fn what_json_cannot_tell_is_refused_with_the_reason() {
    let cases = [
        (r#"[{"stream":"s","t":1},5]"#, "s ? t=1i\n! a reading is an object <- 5"),
        (r#"{"t":1}"#, r#"! nothing tells the stream of the reading <- {"t":1}"#),
        (
            r#"{"stream":"s","a.b":1,"a_b":2}"#,
            r#"! two values are named "a_b" <- {"stream":"s","a.b":1,"a_b":2}"#,
        ),
        (
            r#"{"stream":"s","seq":-1,"t":1}"#,
            r#"! "seq" is a whole number from 0 on <- {"stream":"s","seq":-1,"t":1}"#,
        ),
        (
            r#"{"stream":"s","values":{"t":1},"x":2}"#,
            r#"! an object with "values" has no key "x" <- {"stream":"s","values":{"t":1},"x":2}"#,
        ),
        (
            r#"{"stream":"s","°":1}"#,
            r#"! the name "°" has no letter or digit <- {"stream":"s","°":1}"#,
        ),
    ];
    for (payload, expected) in cases {
        check(Format::Json, payload, expected);
    }
}

#[test]
fn a_document_that_breaks_off_is_refused_as_a_whole() {
    let payload = br#"[{"stream":"s","t":1},{"stream":"s","t""#;
    let batch = decode(Format::Json, payload, &Context::default());
    assert_eq!((batch.readings().len(), batch.refused().len()), (0, 1));
    assert_eq!(batch.refused()[0].part, payload);
    assert!(batch.refused()[0].detail.starts_with("it is no sound JSON"), "{:?}", batch.refused());
    let batch = decode(Format::Json, b"{\"t\":\"\xff\"}", &Context::default());
    assert_eq!(batch.refused()[0].detail, "byte 6 is not UTF-8");
}

#[test]
fn lines_of_json_stand_by_themselves() {
    let payload = "{\"stream\":\"s\",\"t\":1}\n\n{\"t\n{\"stream\":\"s\",\"t\":2}\n";
    let batch = decode(Format::JsonLines, payload.as_bytes(), &Context::default());
    assert_eq!((batch.readings().len(), batch.refused().len()), (2, 1));
    assert!(batch.refused()[0].detail.starts_with("line 3: "), "{:?}", batch.refused());
}

#[test]
fn cbor_has_the_shapes_of_json() {
    let context = Context { stream: Some("s"), ..Context::default() };
    let cases: [(&[u8], &str); 9] = [
        (&[0xa1, 0x61, b't', 0xf9, 0x3e, 0x00], "s ? t=1.5"),
        (&[0xa1, 0x61, b't', 0xfa, 0x47, 0xc3, 0x50, 0x00], "s ? t=100000.0"),
        (&[0xa1, 0x61, b't', 0x39, 0x01, 0xf3], "s ? t=-500i"),
        // Lengths that aren't told in advance.
        (&[0x9f, 0xbf, 0x61, b't', 0xf5, 0xff, 0xff], "s ? t=true"),
        (&[0xa1, 0x61, b't', 0x7f, 0x61, b'a', 0x61, b'b', 0xff], "s ? t=\"ab\""),
        // Self-described, and a time with its tag.
        (
            &[0xd9, 0xd9, 0xf7, 0xa2, 0x62, b't', b's', 0xc1, 0x18, 0x64, 0x61, b't', 0x01],
            "s ? @100000000 t=1i",
        ),
        (&[0xa1, 0x61, b't', 0xf6], "! the reading has no value <- {\"t\":null}"),
        (&[0xa1, 0x61, b't', 0xf9, 0x7e, 0x00], "s ? t=NaN"),
        (
            &[0xa1, 0x61, b't', 0x1b, 255, 255, 255, 255, 255, 255, 255, 255],
            "s ? t=18446744073709551615u",
        ),
    ];
    for (payload, expected) in cases {
        check_in(Format::Cbor, payload, &context, expected);
    }
    let unsound: [&[u8]; 7] = [
        &[],
        &[0xa1],
        &[0xa1, 0x61, b't'],
        &[0xff],
        &[0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
        &[0xa1, 0x61, b't', 0x01, 0x00],
        &[0x5f, 0x01, 0xff],
    ];
    for payload in unsound {
        let batch = decode(Format::Cbor, payload, &context);
        assert_eq!((batch.readings().len(), batch.refused().len()), (0, 1), "{payload:?}");
        assert!(batch.refused()[0].detail.starts_with("it is no sound CBOR"), "{payload:?}");
    }
}

/// The examples of RFC 8428, section 5.1.
#[test]
fn senml_resolves_the_examples_of_its_standard() {
    let cases = [
        (
            r#"[{"n":"urn:dev:ow:10e2073a01080063","u":"Cel","v":23.1}]"#,
            // The last part of the one name is the field.
            "senml urn:dev:ow -0 n_10e2073a01080063=23.1[Cel]",
        ),
        (
            r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"voltage","u":"V","v":120.1},
                {"n":"current","u":"A","v":1.2}]"#,
            "senml urn:dev:ow:10e2073a01080063 -0 voltage=120.1[V] current=1.2[A]",
        ),
        (
            r#"[{"bn":"urn:dev:ow:10e2073a0108006:","bt":1.276020076001e+09,"bu":"A","bver":5,
                 "n":"voltage","u":"V","v":120.1},
                {"n":"current","t":-5,"v":1.2},{"n":"current","t":-4,"v":1.3}]"#,
            "senml urn:dev:ow:10e2073a0108006 @1276020076001000 voltage=120.1[V]
             senml urn:dev:ow:10e2073a0108006 @1276020071001000 current=1.2[A]
             senml urn:dev:ow:10e2073a0108006 @1276020072001000 current=1.3[A]",
        ),
        (
            r#"[{"bn":"2001:db8::2/","bt":1.320078429e+09,"n":"temperature","u":"Cel","v":27.2},
                {"n":"humidity","u":"%RH","v":80}]"#,
            "senml 2001:db8::2 @1320078429000000 temperature=27.2[Cel] humidity=80i[%RH]",
        ),
        (
            r#"[{"bn":"urn:dev:ow:10e2073a01080063:","n":"temp","u":"Cel","v":23.1},
                {"n":"label","vs":"Machine Room"},{"n":"open","vb":false},
                {"n":"nfc-reader","vd":"aGkgCg"}]"#,
            r#"senml urn:dev:ow:10e2073a01080063 -0 temp=23.1[Cel] label="Machine Room" open=false nfc_reader="aGkgCg""#,
        ),
    ];
    for (payload, expected) in cases {
        check(Format::SenmlJson, payload, expected);
    }
}

#[test]
fn senml_adds_base_values_and_sums_and_splits_names() {
    let cases = [
        (
            r#"[{"bn":"CT-17/climate/","bv":20,"bs":100,"n":"temperature","v":1.5,"s":2},{"n":"humidity"}]"#,
            "climate CT-17 -0 temperature=21.5 temperature_sum=102.0 humidity=20.0",
        ),
        (
            r#"[{"n":"urn:dev:ow:264437f5000000ed_humidity","v":1,"t":-2.5}]"#,
            "senml urn:dev:ow:264437f5000000ed -2500000 humidity=1i",
        ),
        (r#"[{"n":"a","v":1},{"n":"a","v":2}]"#, "senml ? -0 a=1i\nsenml ? -0 a=2i"),
        (
            r#"[{"n":"a","v":1,"new_":2},{"bver":11,"n":"a","v":1},{"n":"ä","v":1},{"n":"a","v":1,"vs":"b"},{"n":"a","extra":1,"v":5}]"#,
            r#"senml ? -0 a=5i
               ! the label "new_" must be understood, and isn't <- {"n":"a","v":1,"new_":2}
               ! SenML is known up to version 10 <- {"bver":11,"n":"a","v":1}
               ! "ä" is no name of SenML <- {"n":"ä","v":1}
               ! a record has one value only <- {"n":"a","v":1,"vs":"b"}"#,
        ),
    ];
    for (payload, expected) in cases {
        check(Format::SenmlJson, payload, expected);
    }
}

/// RFC 8428, section 6, has this pack as an example of CBOR.
#[test]
fn senml_in_cbor_has_numbers_for_labels() {
    let pack = "87a721781b75726e3a6465763a6f773a3130653230373361303130383030363a22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e066666666666a3006763757272656e74062402fb3ff3333333333333a3006763757272656e74062302fb3ff4cccccccccccda3006763757272656e74062202fb3ff6666666666666a3006763757272656e74062102f93e00a3006763757272656e74062002fb3ff999999999999aa3006763757272656e74060002fb3ffb333333333333";
    let bytes: Vec<u8> = (0..pack.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&pack[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    let device = "senml urn:dev:ow:10e2073a0108006";
    let expected = format!(
        "{device} @1276020076001000 voltage=120.1[V]
         {device} @1276020071001000 current=1.2[A]
         {device} @1276020072001000 current=1.3[A]
         {device} @1276020073001000 current=1.4[A]
         {device} @1276020074001000 current=1.5[A]
         {device} @1276020075001000 current=1.6[A]
         {device} @1276020076001000 current=1.7[A]"
    );
    check_in(Format::SenmlCbor, &bytes, &Context::default(), &expected);
}

#[test]
fn an_uplink_is_a_frame_what_the_codec_made_of_it_and_a_reception() {
    let event = r#"{"deduplicationId":"8fa1","time":"2026-01-14T18:59:53.235+00:00","deviceInfo":{"deviceProfileName":"Dragino DDS75-LB","devEui":"a84041bbbf5946fc"},"devAddr":"00981150","adr":true,"dr":3,"fCnt":1093,"fPort":2,"confirmed":false,"data":"DPkK","object":{"distance":2590,"Bat":3.321},"rxInfo":[{"gatewayId":"aa","rssi":-89,"snr":9.5},{"gatewayId":"bb","rssi":-70,"snr":8}],"txInfo":{"frequency":904900000,"modulation":{"lora":{"bandwidth":125000,"spreadingFactor":7}}}}"#;
    let at = "a84041bbbf5946fc heard@1768417193235000";
    let expected = format!(
        "lorawan_uplink {at} boot=9965904 #1093 f_port=2i adr=true confirmed=false dev_addr=\"00981150\" data=\"DPkK\"
         dragino_dds75_lb {at} boot=9965904 #1093 distance=2590i bat=3.321
         lorawan_reception {at} frame=1093u dr=3i frequency=904900000u[Hz] bandwidth=125000u[Hz] spreading_factor=7u gateways=2u rssi=-70.0 snr=8.0[dB] gateway=\"bb\""
    );
    check(Format::ChirpStack, event, &expected);
}

#[test]
fn other_events_of_chirpstack_have_streams_of_their_own() {
    let info = r#""time":"2026-01-14T18:59:53Z","deviceInfo":{"devEui":"d"}"#;
    let at = "d heard@1768417193000000";
    let cases = [
        (
            format!(r#"{{{info},"devAddr":"013a6597"}}"#),
            format!("lorawan_join {at} boot=20604311 dev_addr=\"013a6597\""),
        ),
        (
            format!(r#"{{{info},"margin":9,"batteryLevel":100}}"#),
            format!("lorawan_status {at} margin=9i battery_level=100i"),
        ),
        (
            format!(r#"{{{info},"level":"ERROR","code":"X","description":"Y","context":{{}}}}"#),
            format!("lorawan_log {at} level=\"ERROR\" code=\"X\" description=\"Y\""),
        ),
        (
            format!(r#"{{{info},"what":1}}"#),
            format!("! it is no event of ChirpStack that is known <- {{{info},\"what\":1}}"),
        ),
    ];
    for (event, expected) in cases {
        check(Format::ChirpStack, &event, &expected);
    }
}

#[test]
fn what_is_beyond_a_bound_ends_in_a_reason() {
    let limits = Limits {
        depth: 3,
        readings: 2,
        fields: 2,
        name_bytes: 8,
        text_bytes: 8,
        refused: 2,
        ..Limits::default()
    };
    let context = Context { limits, stream: Some("s"), ..Context::default() };
    let json = [
        (r#"{"a":{"b":{"c":{"d":1}}}}"#, "nested too deeply"),
        (r#"{"a":1,"b":2,"c":3}"#, "it has more than 2 values"),
        (r#"{"abcdefghi":1}"#, "a name has more than 8 bytes"),
        (r#"{"a":"abcdefghi"}"#, "a text has more than 8 bytes"),
        (r#"[{"a":1},{"a":1},{"a":1}]"#, "the payload has more than 2 readings"),
        ("[1,2,3]", "more than 2 parts of the payload can't be read"),
    ];
    for (payload, reason) in json {
        let batch = decode(Format::Json, payload.as_bytes(), &context);
        assert_eq!((batch.readings().len(), batch.refused().len()), (0, 1), "{payload}");
        assert!(batch.refused()[0].detail.contains(reason), "{payload}: {:?}", batch.refused());
    }
    let batch = decode(Format::LineProtocol, b"a b=1\na b=2\na b=3\na b=4\n", &context);
    assert_eq!((batch.readings().len(), batch.refused().len()), (2, 1));
    assert_eq!(batch.refused()[0].part, b"a b=3\na b=4\n");
    let batch = decode(Format::LineProtocol, b"x\ny\nz\n", &context);
    assert_eq!(batch.refused().len(), 3);
    let deep = "[".repeat(100_000);
    assert_eq!(decode(Format::Json, deep.as_bytes(), &context).refused().len(), 1);
    assert_eq!(decode(Format::Cbor, &[0x81].repeat(100_000), &context).refused().len(), 1);
    assert_eq!(decode(Format::Cbor, &[0xc1].repeat(100_000), &context).refused().len(), 1);
}
